//! How does a formatted text differ from the one that is open, in as few and as small changes as lines allow?

use align_grammar::ast::Span;
use similar::{Algorithm, DiffTag, capture_diff_slices};

use crate::fmt;

/// A piece of text in the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What goes.
    pub span: Span,
    /// What comes.
    pub text: String,
}

/// What formatting changes; nothing where the text is too broken to be laid out.
pub fn formatting(text: &str) -> Vec<Change> {
    fmt::try_format(text).map_or(Vec::new(), |new| changes(text, &new))
}

/// What formatting changes in the lines of a range.
pub fn formatting_in(text: &str, range: Span) -> Vec<Change> {
    let mut all = formatting(text);
    all.retain(|c| c.span.start <= range.end && c.span.end >= range.start);
    all
}

/// The changes from one text to another, in whole lines, that do not overlap and are in order.
pub fn changes(old: &str, new: &str) -> Vec<Change> {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let mut starts = vec![0usize];
    for line in &old {
        starts.push(starts[starts.len() - 1] + line.len());
    }
    let all = capture_diff_slices(Algorithm::Patience, &old, &new);
    all.iter()
        .filter(|op| op.tag() != DiffTag::Equal)
        .map(|op| Change {
            span: Span::new(starts[op.old_range().start], starts[op.old_range().end]),
            text: new[op.new_range()].concat(),
        })
        .collect()
}
