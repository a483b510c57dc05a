//! The `.align` language as text: grammar, lossless tree, typed views, syntax errors.
//!
//! Parsing never fails: a broken fragment becomes an error and the rest of the file is still there.

pub mod ast;
