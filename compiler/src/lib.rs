//! What an `.align` program means: names, types, units, diagnostics and the plan.  No input or output, no threads.

pub mod codes;
pub mod diag;
pub mod graph;
