//! What does an editor need of the `.align` grammar?  The language for the `tree-sitter` crate, and the queries of an editor.

// The language is a function in C that tree-sitter generated; naming it is all that is unsafe here.
#![allow(unsafe_code)]

use tree_sitter_language::LanguageFn;

unsafe extern "C" {
    fn tree_sitter_align() -> *const ();
}

/// The language: `parser.set_language(&LANGUAGE.into())`.
pub const LANGUAGE: LanguageFn = unsafe { LanguageFn::from_raw(tree_sitter_align) };

/// The kinds of nodes with their fields, as JSON.
pub const NODE_TYPES: &str = include_str!("../../src/node-types.json");

/// What gets which colour.
pub const HIGHLIGHTS_QUERY: &str = include_str!("../../queries/highlights.scm");

/// Where names are defined, where they are used, and how far they are seen.
pub const LOCALS_QUERY: &str = include_str!("../../queries/locals.scm");

/// What can be folded.
pub const FOLDS_QUERY: &str = include_str!("../../queries/folds.scm");

/// What is indented, in the words of Neovim.
pub const INDENTS_QUERY: &str = include_str!("../../queries/indents.scm");

/// What is of another language.
pub const INJECTIONS_QUERY: &str = include_str!("../../queries/injections.scm");
