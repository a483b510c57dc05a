//! How diagnostics look: for people ([`full`], [`short`], [`text`]) and for machines (the others).  Must not decide what is wrong.
//!
//! Each renderer takes every finding of one call, so that several programs are one document, and so is none.

mod excerpt;
mod full;
mod github;
mod gitlab;
mod json;
mod jsonl;
mod junit;
mod rdjson;
mod sarif;
mod short;
mod statistics;
mod text;

pub use full::{Look, full};
pub use github::github;
pub use gitlab::gitlab;
pub use json::json;
pub use jsonl::jsonl;
pub use junit::junit;
pub use rdjson::rdjson;
pub use sarif::sarif;
pub use short::{short, summary};
pub use statistics::{statistics, statistics_json};
pub use text::text;

use crate::diag::{Diagnostic, Severity};
use crate::{codes, lint};

/// How many diagnostics are shown to people before the rest is only counted.
pub const SHOWN: usize = 50;

/// Where the page of a code is, for machines.
fn url(code: &str) -> String {
    format!("align://explain/{code}")
}

/// The command that shows the page of a code; the rules of `align lint` have names instead of numbers.
fn more(code: &str) -> String {
    match codes::find(code) {
        Some(_) => format!("align explain {code}"),
        None => format!("align lint --explain {code}"),
    }
}

/// What is known of a code.
struct Rule {
    /// One line.
    title: String,
    /// The group that it belongs to.
    group: String,
    /// How bad it is unless an option says otherwise.
    severity: Severity,
    /// Its page in Markdown.
    page: String,
}

/// What is known of the code of a diagnostic.
fn rule(d: &Diagnostic) -> Rule {
    match codes::find(d.code) {
        Some(code) => Rule {
            title: code.title.to_owned(),
            group: code.group().to_owned(),
            severity: code.severity,
            page: codes::explain(code.code).unwrap_or_default(),
        },
        None => match lint::rule(d.code) {
            Some(rule) => Rule {
                title: rule.summary.to_owned(),
                group: "lint".to_owned(),
                severity: rule.level,
                page: rule.explain(),
            },
            None => Rule {
                title: d.code.to_owned(),
                group: "lint".to_owned(),
                severity: d.severity,
                page: format!("# {}\n", d.code),
            },
        },
    }
}

/// Message, what its place shows, and the way out, for documents that have one text for all of it.
fn whole(d: &Diagnostic) -> String {
    let mut out = d.message.clone();
    // A label that only repeats the message adds nothing.
    if !d.label.is_empty() && !d.message.ends_with(d.label.as_str()) {
        out.push_str(" (");
        out.push_str(&d.label);
        out.push(')');
    }
    if let Some(help) = &d.help {
        out.push_str("\nhelp: ");
        out.push_str(help);
    }
    out
}

/// Serialises a document; plain structs with text keys always do.
fn document<T: serde::Serialize>(value: &T) -> String {
    let mut out = serde_json::to_string_pretty(value).unwrap_or_default();
    out.push('\n');
    out
}
