//! Diagnostics in the Reviewdog Diagnostic Format, which offers a fix as a suggested change of a review.
//!
//! <https://github.com/reviewdog/reviewdog/tree/master/proto/rdf>: columns count bytes of UTF-8, and ends are exclusive.

use align_grammar::ast::Span;
use serde::Serialize;

use super::{document, url, whole};
use crate::diag::fingerprint::plain;
use crate::diag::{Diagnostic, Edit, FileId, Severity, Sources};

#[derive(Serialize)]
struct Results<'a> {
    source: Tool,
    diagnostics: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
}

#[derive(Serialize)]
struct Entry<'a> {
    message: String,
    location: Location,
    severity: &'static str,
    code: Code<'a>,
    suggestions: Vec<Suggestion>,
    related_locations: Vec<Related<'a>>,
}

#[derive(Serialize)]
struct Code<'a> {
    value: &'a str,
    url: String,
}

#[derive(Serialize)]
struct Location {
    path: String,
    range: Range,
}

#[derive(Serialize)]
struct Range {
    start: At,
    end: At,
}

#[derive(Serialize)]
struct At {
    line: u32,
    column: u32,
}

#[derive(Serialize)]
struct Suggestion {
    range: Range,
    text: String,
}

#[derive(Serialize)]
struct Related<'a> {
    message: &'a str,
    location: Location,
}

/// One object with every diagnostic.
pub fn rdjson(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    document(&Results {
        source: Tool { name: "align" },
        diagnostics: diagnostics.iter().map(|d| entry(sources, d)).collect(),
    })
}

fn entry<'a>(sources: &Sources, d: &'a Diagnostic) -> Entry<'a> {
    let location = |file, span| Location {
        path: plain(sources.path(file)),
        range: range(sources, file, span),
    };
    Entry {
        message: whole(d),
        location: location(d.file, d.span),
        severity: match d.severity {
            Severity::Error => "ERROR",
            Severity::Warning => "WARNING",
            Severity::Note => "INFO",
        },
        code: Code {
            value: d.code,
            url: url(d.code),
        },
        suggestions: suggestion(sources, d).into_iter().collect(),
        related_locations: d
            .labels
            .iter()
            .map(|label| Related {
                message: &label.text,
                location: location(label.file, label.span),
            })
            .collect(),
    }
}

fn range(sources: &Sources, file: FileId, span: Span) -> Range {
    let at = |offset| {
        let place = sources.get(file).map(|s| s.place_in_bytes(offset));
        place.map_or(At { line: 1, column: 1 }, |p| At {
            line: p.line,
            column: p.column,
        })
    };
    Range {
        start: at(span.start),
        end: at(span.end.max(span.start)),
    }
}

/// The whole fix as one replacement: each suggestion of a diagnostic is an alternative, and has no file of its own.
fn suggestion(sources: &Sources, d: &Diagnostic) -> Option<Suggestion> {
    let fix = d.fix.as_ref()?;
    let source = sources.get(d.file)?;
    let mut edits: Vec<&Edit> = fix.edits.iter().collect();
    if edits.iter().any(|e| e.file != d.file) {
        return None;
    }
    edits.sort_by_key(|e| e.span);
    let whole = Span::new(
        edits.first()?.span.start as usize,
        edits.last()?.span.end as usize,
    );
    let mut text = String::new();
    let mut at = whole.start;
    for edit in edits {
        let kept = Span::new(at as usize, edit.span.start.max(at) as usize);
        text.push_str(source.slice(kept));
        text.push_str(&edit.text);
        at = edit.span.end;
    }
    Some(Suggestion {
        range: range(sources, d.file, whole),
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fix_of_two_edits_is_one_suggestion_in_bytes() {
        let mut sources = Sources::default();
        let file = sources.add("a.align", "x\nβ = one two three\n");
        let edit = |at: usize, to: usize, text: &str| Edit {
            file,
            span: Span::new(at, to),
            text: text.to_owned(),
        };
        let d = Diagnostic::error("A1001", file, Span::new(7, 10), "no").with_fix(
            "both",
            true,
            vec![edit(15, 20, "3"), edit(7, 10, "1")],
        );
        let text = rdjson(&sources, &[d]);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let given = &value["diagnostics"][0]["suggestions"][0];
        assert_eq!(given["text"], "1 two 3");
        // β has two bytes.
        assert_eq!(given["range"]["start"]["column"], 6);
        assert_eq!(given["range"]["end"]["column"], 19);
        assert_eq!(given["range"]["end"]["line"], 2);
    }
}
