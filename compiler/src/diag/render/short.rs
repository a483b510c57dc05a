//! One line a diagnostic, `file:line:column: error[A5003]: message`, for terminals that jump to places; and the last line.

use crate::diag::{Diagnostic, Severity, Sources};

use super::SHOWN;
use super::excerpt::shown;

/// One line each, at most [`SHOWN`], then the summary.  Expects sorted diagnostics; ends with a newline unless empty.
pub fn short(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for d in diagnostics.iter().take(SHOWN) {
        let (start, _) = sources.places(d.file, d.span);
        out.push_str(&format!(
            "{}:{}:{}: {}[{}]: {}\n",
            clean(sources.path(d.file)),
            start.line,
            start.column,
            d.severity.word(),
            d.code,
            clean(&d.message)
        ));
    }
    if let Some(line) = summary(diagnostics) {
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// A text in which a terminal finds nothing to obey.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(shown).collect()
}

/// `2 errors and 1 warning`, and how many of them are not shown; nothing when there is nothing to say.
pub fn summary(diagnostics: &[Diagnostic]) -> Option<String> {
    let count = |severity| {
        diagnostics
            .iter()
            .filter(|d| d.severity == severity)
            .count()
    };
    let parts: Vec<String> = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .map(|severity| (count(severity), severity.word()))
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}{}", if n == 1 { "" } else { "s" }))
        .collect();
    let counted = match parts.as_slice() {
        [] => return None,
        [all] => all.clone(),
        [front @ .., last] => format!("{} and {last}", front.join(", ")),
    };
    Some(match diagnostics.len().checked_sub(SHOWN) {
        Some(hidden) if hidden > 0 => format!("{counted}; the first {SHOWN} are shown"),
        _ => counted,
    })
}
