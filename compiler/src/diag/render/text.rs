//! Diagnostics as plain sentences, for a screen reader or a braille line: no drawing, no colour, nothing told by a position on the
//! screen.
//!
//! miette has a narrated form too; it reads every line around a mark aloud, and names columns before it says what is wrong.

use std::fmt::Write as _;

use align_grammar::ast::Span;

use super::short::clean;
use super::{SHOWN, more, summary};
use crate::diag::{Diagnostic, FileId, Sources};

/// A line that is read aloud ends here, in characters.
const LONGEST: usize = 160;

/// Every diagnostic, at most [`SHOWN`], then the summary.  Expects sorted diagnostics; empty when there is none.
pub fn text(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    // What went wrong first of all; how much there is to hear comes before the rest.
    if let Some(line) = summary(diagnostics) {
        let _ = writeln!(out, "{line}.\n");
    }
    let shown = diagnostics.len().min(SHOWN);
    for (n, d) in diagnostics.iter().take(SHOWN).enumerate() {
        let _ = writeln!(
            out,
            "{} of {shown}: {} {}: {}",
            n + 1,
            d.severity.word(),
            d.code,
            ended(&d.message)
        );
        let place = said(sources, d.file, true, d.span, &d.label);
        let _ = writeln!(out, "In {place}");
        let line = line(sources, d);
        if !line.is_empty() {
            let _ = writeln!(out, "The line is: {line}");
        }
        for label in &d.labels {
            let place = said(
                sources,
                label.file,
                label.file != d.file,
                label.span,
                &label.text,
            );
            let _ = writeln!(out, "See also {place}");
        }
        if let Some(help) = &d.help {
            let _ = writeln!(out, "Help: {}", ended(help));
        }
        if let Some(fix) = &d.fix {
            let kind = if fix.safe { "safe" } else { "a guess" };
            let _ = writeln!(out, "Fix, {kind}: {}", ended(&fix.title));
        }
        let _ = writeln!(out, "More: {}\n", more(d.code));
    }
    if out.ends_with("\n\n") {
        out.pop();
    }
    out
}

/// A place and what it shows; the file is named unless it is the one that was named before.
fn said(sources: &Sources, file: FileId, named: bool, span: Span, label: &str) -> String {
    let (start, end) = sources.places(file, span);
    let mut out = if named {
        format!("file {}, ", sources.path(file))
    } else {
        String::new()
    };
    if start.line == end.line {
        let _ = write!(out, "line {}, ", start.line);
        match end.column.saturating_sub(1) {
            last if last > start.column => {
                let _ = write!(out, "columns {} to {last}", start.column);
            }
            _ => {
                let _ = write!(out, "column {}", start.column);
            }
        }
    } else {
        let _ = write!(
            out,
            "line {} column {} to line {}",
            start.line, start.column, end.line
        );
    }
    if label.is_empty() {
        out.push('.');
    } else {
        let _ = write!(out, ": {}", ended(label));
    }
    out
}

/// A sentence with its end, which a voice makes a pause of.
fn ended(text: &str) -> String {
    let end = if text.ends_with(['.', '?', '!', ':']) {
        ""
    } else {
        "."
    };
    clean(text) + end
}

/// The first line of the primary place, cut where it is too long to listen to.
fn line(sources: &Sources, d: &Diagnostic) -> String {
    let (start, _) = sources.places(d.file, d.span);
    let line = sources
        .get(d.file)
        .map_or("", |s| s.line(start.line))
        .trim();
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{} and so on", clean(line.get(..at).unwrap_or(line))),
        None => clean(line),
    }
}
