//! A3009: is a number of a size that someone can have meant?

use align_grammar::ast::Span;
use align_schema::{Dim, Quantity};

use super::{Checker, Spot};
use crate::diag::Diagnostic;
use crate::hir::At;

/// One day, in seconds.
const DAY: f64 = 86_400.0;
/// One tebibyte, in bytes.
const TIB: f64 = 1_099_511_627_776.0;

/// The largest amount of each dimension that is taken without a question, in base units.
///
/// Each is far beyond what published runs need: 60 days of one stage, a billion steps, a chain of ten thousand.
const LARGEST: &[(Dim, f64)] = &[
    (Dim::Time, 60.0 * DAY),
    (Dim::Size, 16.0 * TIB),
    (Dim::Steps, 1e9),
    (Dim::EnvSteps, 1e10),
    (Dim::Epochs, 1e5),
    (Dim::Evals, 1e4),
    (Dim::Rounds, 1e3),
    (Dim::Episodes, 1e6),
    (Dim::DenoiseSteps, 1e4),
    (Dim::Pairs, 1e8),
    (Dim::Score, 1e4),
];

impl Checker<'_> {
    /// A3009.
    pub(super) fn plausible(&mut self, at: At, span: Span, q: Quantity, spot: Spot) {
        let Some((_, most)) = LARGEST.iter().find(|(dim, _)| *dim == q.dim) else {
            return;
        };
        if q.amount.abs() <= *most {
            return;
        }
        let most = shown(Quantity::new(*most, q.dim));
        let shown = shown(q);
        let written = self.sources.slice(at.file, span);
        let label = if written == shown {
            "more than anyone trains".to_owned()
        } else {
            format!("that is {shown}")
        };
        self.report(
            Diagnostic::warning(
                "A3009",
                at.file,
                span,
                format!("`{}` of `{written}` is implausible", spot.name),
            )
            .with_label(label)
            .with_help(format!(
                "is the unit the one that was meant? up to {most} is taken without a question"
            )),
        );
    }
}

/// As it is written, long times in days.
fn shown(q: Quantity) -> String {
    match q.dim {
        Dim::Time if q.amount >= 2.0 * DAY => format!("{} d", (q.amount / DAY).round()),
        Dim::Size if q.amount >= TIB => format!("{} TiB", (q.amount / TIB).round()),
        _ => q.to_string(),
    }
}
