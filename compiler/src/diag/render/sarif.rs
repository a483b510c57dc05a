//! Diagnostics as SARIF 2.1.0 (OASIS), which code hosts and editors read: results, the pages of their rules, and fixes.
//!
//! Columns count characters (`unicodeCodePoints`), as everywhere in our output.

use align_grammar::ast::Span;
use serde::Serialize;

use super::{document, rule, url};
use crate::diag::fingerprint::{fingerprints, plain};
use crate::diag::{Diagnostic, FileId, Fix, Severity, Sources};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool<'a>,
    column_kind: &'static str,
    results: Vec<Outcome<'a>>,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'a> {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<RuleEntry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleEntry<'a> {
    id: &'a str,
    short_description: Text,
    help: Help,
    help_uri: String,
    default_configuration: Configuration,
    properties: Properties,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Properties {
    category: String,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct Help {
    text: String,
    markdown: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    rule_id: &'a str,
    rule_index: usize,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    partial_fingerprints: Fingerprints,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<FixEntry>,
}

#[derive(Serialize)]
struct Fingerprints {
    #[serde(rename = "alignLine/v1")]
    line: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    #[serde(rename = "physicalLocation")]
    physical: Physical,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FixEntry {
    description: Text,
    artifact_changes: Vec<Change>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    artifact_location: Artifact,
    replacements: Vec<Replacement>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement {
    deleted_region: Region,
    inserted_content: Text,
}

/// One log with one run; its rules are those of the codes that were found.
pub fn sarif(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let mut rules: Vec<&Diagnostic> = Vec::new();
    for d in diagnostics {
        if !rules.iter().any(|r| r.code == d.code) {
            rules.push(d);
        }
    }
    rules.sort_by_key(|d| d.code);
    let index = |code: &str| rules.iter().position(|r| r.code == code).unwrap_or(0);
    let results = diagnostics
        .iter()
        .zip(fingerprints(sources, diagnostics))
        .map(|(d, line)| outcome(sources, d, index(d.code), line))
        .collect();
    document(&Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "align",
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    rules: rules.iter().map(|d| rule_entry(d)).collect(),
                },
            },
            column_kind: "unicodeCodePoints",
            results,
        }],
    })
}

fn rule_entry(d: &Diagnostic) -> RuleEntry<'_> {
    let rule = rule(d);
    RuleEntry {
        id: d.code,
        short_description: Text { text: rule.title },
        help: Help {
            text: rule.page.clone(),
            markdown: rule.page,
        },
        help_uri: url(d.code),
        default_configuration: Configuration {
            level: level(rule.severity),
        },
        properties: Properties {
            category: rule.group,
        },
    }
}

fn outcome<'a>(sources: &Sources, d: &'a Diagnostic, index: usize, line: String) -> Outcome<'a> {
    let mut message = d.message.clone();
    if let Some(help) = &d.help {
        message.push_str("\nhelp: ");
        message.push_str(help);
    }
    let related = d
        .labels
        .iter()
        .enumerate()
        .map(|(n, label)| location(sources, label.file, label.span, &label.text, Some(n + 1)));
    Outcome {
        rule_id: d.code,
        rule_index: index,
        level: level(d.severity),
        message: Text { text: message },
        locations: [location(sources, d.file, d.span, &d.label, None)],
        related_locations: related.collect(),
        partial_fingerprints: Fingerprints { line },
        fixes: d.fix.iter().map(|fix| fix_entry(sources, fix)).collect(),
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn location(
    sources: &Sources,
    file: FileId,
    span: Span,
    text: &str,
    id: Option<usize>,
) -> Location {
    Location {
        id,
        physical: Physical {
            artifact_location: artifact(sources, file),
            region: region(sources, file, span),
        },
        message: (!text.is_empty()).then(|| Text {
            text: text.to_owned(),
        }),
    }
}

fn artifact(sources: &Sources, file: FileId) -> Artifact {
    Artifact {
        uri: uri(&plain(sources.path(file))),
    }
}

fn region(sources: &Sources, file: FileId, span: Span) -> Region {
    let (start, end) = sources.places(file, span);
    Region {
        start_line: start.line,
        start_column: start.column,
        end_line: end.line,
        end_column: end.column,
    }
}

fn fix_entry(sources: &Sources, fix: &Fix) -> FixEntry {
    let mut changes: Vec<(FileId, Change)> = Vec::new();
    for edit in &fix.edits {
        let replacement = Replacement {
            deleted_region: region(sources, edit.file, edit.span),
            inserted_content: Text {
                text: edit.text.clone(),
            },
        };
        match changes.iter_mut().find(|(file, _)| *file == edit.file) {
            Some((_, change)) => change.replacements.push(replacement),
            None => changes.push((
                edit.file,
                Change {
                    artifact_location: artifact(sources, edit.file),
                    replacements: vec![replacement],
                },
            )),
        }
    }
    let kind = if fix.safe { "safe" } else { "a guess" };
    FixEntry {
        description: Text {
            text: format!("{} ({kind})", fix.title),
        },
        artifact_changes: changes.into_iter().map(|(_, change)| change).collect(),
    }
}

/// A path as a URI: relative ones stay relative, and bytes that a path of a URI cannot hold are written as `%20` (RFC 3986).
fn uri(path: &str) -> String {
    let mut out = String::new();
    if path.starts_with('/') {
        out.push_str("file://");
    }
    for byte in path.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&byte);
        if plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_uri() {
        assert_eq!(uri("lab/my file.align"), "lab/my%20file.align");
        assert_eq!(uri("/tmp/é.align"), "file:///tmp/%C3%A9.align");
        assert_eq!(uri("a:b#c?.align"), "a%3Ab%23c%3F.align");
    }
}
