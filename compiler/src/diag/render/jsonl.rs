//! Diagnostics for machines that read line by line: each line is one entry of [`super::json`].

use super::json::entry;
use crate::diag::{Diagnostic, Sources};

/// One object a line, none left out; nothing at all when there is nothing to say.  Expects sorted diagnostics.
pub fn jsonl(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for d in diagnostics {
        // Plain structs with text keys always serialise.
        out.push_str(&serde_json::to_string(&entry(sources, d)).unwrap_or_default());
        out.push('\n');
    }
    out
}
