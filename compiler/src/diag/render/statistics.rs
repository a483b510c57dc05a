//! How often each code was found, for people and for machines.

use serde::Serialize;

use super::{document, rule};
use crate::diag::{Diagnostic, Severity};

/// One code.
#[derive(Serialize)]
struct Counted {
    code: &'static str,
    severity: &'static str,
    count: usize,
    /// How many of them a machine can put right.
    fixable: usize,
    title: String,
}

/// The most frequent first, then by code.
fn counts(diagnostics: &[Diagnostic]) -> Vec<Counted> {
    let mut out: Vec<Counted> = Vec::new();
    let mut worst: Vec<Severity> = Vec::new();
    for d in diagnostics {
        let fixable = usize::from(d.fix.as_ref().is_some_and(|f| f.safe));
        if let Some(at) = out.iter().position(|c| c.code == d.code) {
            out[at].count += 1;
            out[at].fixable += fixable;
            worst[at] = worst[at].min(d.severity);
            out[at].severity = worst[at].word();
        } else {
            worst.push(d.severity);
            out.push(Counted {
                code: d.code,
                severity: d.severity.word(),
                count: 1,
                fixable,
                title: rule(d).title,
            });
        }
    }
    out.sort_by(|a, b| b.count.cmp(&a.count).then(a.code.cmp(b.code)));
    out
}

/// A table with a line for each code; empty when nothing was found.
pub fn statistics(diagnostics: &[Diagnostic]) -> String {
    let counts = counts(diagnostics);
    let wide = |f: fn(&Counted) -> usize| counts.iter().map(f).max().unwrap_or(0);
    let (digits, code) = (wide(|c| c.count.to_string().len()), wide(|c| c.code.len()));
    let mut out = String::new();
    for c in &counts {
        let fixes = match c.fixable {
            0 => String::new(),
            n if n == c.count => "  (--fix repairs all)".to_owned(),
            n => format!("  (--fix repairs {n})"),
        };
        out.push_str(&format!(
            "{:>digits$}  {:<code$}  {:<7}  {}{fixes}\n",
            c.count, c.code, c.severity, c.title
        ));
    }
    out
}

/// The same as one array.
pub fn statistics_json(diagnostics: &[Diagnostic]) -> String {
    document(&counts(diagnostics))
}
