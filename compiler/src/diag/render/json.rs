//! Diagnostics for machines: one array whose fields and their order are a contract (`language.md` section 8).

use align_grammar::ast::Span;
use serde::Serialize;

use crate::diag::{Diagnostic, FileId, Place, Sources};

/// One diagnostic; the order of the fields is the contract's.
#[derive(Serialize)]
pub(super) struct Entry<'a> {
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    file: &'a str,
    start: At,
    end: At,
    labels: Vec<LabelEntry<'a>>,
    help: Option<&'a str>,
    fix: Option<FixEntry<'a>>,
    url: String,
}

#[derive(Serialize)]
struct At {
    line: u32,
    column: u32,
}

#[derive(Serialize)]
struct LabelEntry<'a> {
    file: &'a str,
    start: At,
    end: At,
    text: &'a str,
    primary: bool,
}

#[derive(Serialize)]
struct FixEntry<'a> {
    title: &'a str,
    safe: bool,
    edits: Vec<EditEntry<'a>>,
}

#[derive(Serialize)]
struct EditEntry<'a> {
    file: &'a str,
    start: At,
    end: At,
    text: &'a str,
}

impl From<Place> for At {
    fn from(place: Place) -> Self {
        Self {
            line: place.line,
            column: place.column,
        }
    }
}

/// One array of every diagnostic, none left out; the primary place is the first of `labels`.  Expects sorted diagnostics.
pub fn json(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let entries: Vec<Entry<'_>> = diagnostics.iter().map(|d| entry(sources, d)).collect();
    // Plain structs with text keys always serialise.
    let mut out = serde_json::to_string_pretty(&entries).unwrap_or_default();
    out.push('\n');
    out
}

pub(super) fn entry<'a>(sources: &'a Sources, d: &'a Diagnostic) -> Entry<'a> {
    let (start, end) = range(sources, d.file, d.span);
    let label = |file, span, text, primary| {
        let (start, end) = range(sources, file, span);
        LabelEntry {
            file: sources.path(file),
            start,
            end,
            text,
            primary,
        }
    };
    let mut labels = vec![label(d.file, d.span, d.label.as_str(), true)];
    labels.extend(
        d.labels
            .iter()
            .map(|l| label(l.file, l.span, l.text.as_str(), false)),
    );
    Entry {
        code: d.code,
        severity: d.severity.word(),
        message: &d.message,
        file: sources.path(d.file),
        start,
        end,
        labels,
        help: d.help.as_deref(),
        fix: d.fix.as_ref().map(|fix| FixEntry {
            title: &fix.title,
            safe: fix.safe,
            edits: fix
                .edits
                .iter()
                .map(|e| {
                    let (start, end) = range(sources, e.file, e.span);
                    EditEntry {
                        file: sources.path(e.file),
                        start,
                        end,
                        text: &e.text,
                    }
                })
                .collect(),
        }),
        url: super::url(d.code),
    }
}

fn range(sources: &Sources, file: FileId, span: Span) -> (At, At) {
    let (start, end) = sources.places(file, span);
    (start.into(), end.into())
}
