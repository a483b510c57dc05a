//! Which planted slips does one check report?
//!
//! The rule, strict: a slip counts as reported if a diagnostic stands on its line, with its primary place or a label, and no other slip
//! counts on that diagnostic.  The line of a slip is that of the changed bytes; besides, for a closer that is gone the line of its opener,
//! for a dropped field the line of its block's header and no other, for a field twice both lines, for a cut the last line that says
//! something and those of the openers that it left open.

use std::collections::BTreeSet;

use align_compiler::Checked;
use align_compiler::diag::{Diagnostic, FileId};

use crate::plant::{Edit, Slip};

/// A text with slips.
pub struct Broken {
    pub text: String,
    /// Lines, from 1, where each slip may be reported.
    pub lines: Vec<BTreeSet<usize>>,
}

/// The byte of the new text under a byte of the old one.
fn moved(at: usize, edits: &[&Edit]) -> usize {
    let mut new = at;
    for e in edits.iter().filter(|e| e.start < at) {
        let gone = e.end.min(at) - e.start;
        new -= gone;
        if e.end <= at {
            new += e.text.len();
        }
    }
    new
}

/// Puts slips into a text.
pub fn plant(text: &str, slips: &[Slip]) -> Broken {
    let mut edits: Vec<&Edit> = slips.iter().map(|s| &s.edit).collect();
    edits.sort_by_key(|e| e.start);
    let mut out = text.to_owned();
    for e in edits.iter().rev() {
        out.replace_range(e.start..e.end, &e.text);
    }
    let line = |at: usize| {
        let new = moved(at, &edits).min(out.len());
        out[..new].matches('\n').count() + 1
    };
    let lines = slips
        .iter()
        .map(|s| s.also.iter().chain([&s.at]).map(|&at| line(at)).collect())
        .collect();
    Broken { text: out, lines }
}

/// For each slip the diagnostic that reports it; each diagnostic reports one slip at most.
pub fn reported(broken: &Broken, checked: &Checked) -> Vec<Option<usize>> {
    let standing: Vec<BTreeSet<usize>> = checked
        .diagnostics
        .iter()
        .map(|d| places(checked, d))
        .collect();
    let mut taken: Vec<Option<usize>> = vec![None; standing.len()];
    for slip in 0..broken.lines.len() {
        let mut seen = vec![false; standing.len()];
        matched(slip, &broken.lines, &standing, &mut taken, &mut seen);
    }
    (0..broken.lines.len())
        .map(|slip| taken.iter().position(|t| *t == Some(slip)))
        .collect()
}

/// One step of a bipartite matching.
fn matched(
    slip: usize,
    lines: &[BTreeSet<usize>],
    standing: &[BTreeSet<usize>],
    taken: &mut [Option<usize>],
    seen: &mut [bool],
) -> bool {
    for d in 0..standing.len() {
        if seen[d] || lines[slip].is_disjoint(&standing[d]) {
            continue;
        }
        seen[d] = true;
        let free = match taken[d] {
            None => true,
            Some(other) => matched(other, lines, standing, taken, seen),
        };
        if free {
            taken[d] = Some(slip);
            return true;
        }
    }
    false
}

/// Lines of the main file on which a diagnostic stands.
fn places(checked: &Checked, d: &Diagnostic) -> BTreeSet<usize> {
    let labels = d.labels.iter().map(|l| (l.file, l.span));
    labels
        .chain([(d.file, d.span)])
        .filter(|(file, _)| *file == FileId::default())
        .map(|(file, span)| checked.sources.places(file, span).0.line as usize)
        .collect()
}
