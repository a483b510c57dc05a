//! A5015: can the checkpoint that `best` means be one of those that are written?
//!
//! An evaluation that is the best so far by the first `best(..)` writes a checkpoint of its own, so that this one is never lost.
//! Two things are: a choice, where no evaluation falls into the budget; and the best by a second metric, where no checkpoint is
//! written at an evaluation.

use align_grammar::ast::{Span, Stmt, StmtKind};
use align_plan::KeepRule;
use align_schema::Quantity;

use super::Checker;
use super::clause::{Eval, Keep};
use super::condition::Horizon;
use crate::diag::Diagnostic;
use crate::hir::At;

impl Checker<'_> {
    /// A5015.
    pub(super) fn meets(
        &mut self,
        at: At,
        body: &[Stmt],
        eval: &Eval,
        keep: &Keep,
        horizon: &Horizon,
    ) {
        let (Some((every, span)), Some((limit, limit_at, limit_span))) =
            (eval.every, horizon.limit)
        else {
            return;
        };
        if every.dim != limit.dim {
            return;
        }
        // With a rule, A5003 says the same and more.
        let ruled = body.iter().any(|s| matches!(s.kind, StmtKind::Until(_)));
        if every.amount > limit.amount {
            if !ruled {
                self.report(
                    Diagnostic::warning(
                        "A5015",
                        at.file,
                        span,
                        "no evaluation falls into the budget, so that `best` is always the last checkpoint",
                    )
                    .with_label(format!("the first evaluation would be at {every}"))
                    .with_place(limit_at.file, limit_span, format!("the stage ends at {limit}"))
                    .with_help("evaluate more often, or leave `every` out: a stage then evaluates every tenth of its budget"),
                );
            }
            return;
        }
        self.second_best(at, body, keep, (every, span), (limit, limit_span));
    }

    /// Of several `best(..)`, only the first makes an evaluation write a checkpoint.
    fn second_best(
        &mut self,
        at: At,
        body: &[Stmt],
        keep: &Keep,
        (every, span): (Quantity, Span),
        (limit, limit_span): (Quantity, Span),
    ) {
        let (Some(spec), Some(written)) = (&keep.spec, keep.written) else {
            return;
        };
        let mut metrics: Vec<&str> = Vec::new();
        for rule in &keep.rules {
            if let KeepRule::Best { metric, .. } = rule
                && !metrics.contains(&metric.as_str())
            {
                metrics.push(metric);
            }
        }
        let Some(second) = metrics.get(1) else { return };
        let clause = body.iter().find_map(|s| match &s.kind {
            StmtKind::Checkpoint { every, .. } => Some(every.span),
            _ => None,
        });
        let Some(clause) = clause else { return };
        let (a, b) = (every.amount as u64, spec.every.amount as u64);
        let meeting = a / gcd(a, b).max(1) * b;
        if spec.every.dim != every.dim || meeting as f64 <= limit.amount {
            return;
        }
        self.report(
            Diagnostic::warning(
                "A5015",
                at.file,
                written,
                format!("the best by `{second}` cannot be kept"),
            )
            .with_label("no checkpoint is written where it is measured")
            .with_place(at.file, span, "it is measured here")
            .with_place(at.file, clause, "checkpoints are written here")
            .with_place(
                at.file,
                limit_span,
                format!(
                    "both would meet at {}",
                    Quantity::new(meeting as f64, every.dim)
                ),
            )
            .with_help(format!(
                "write `checkpoint every {every}`, so that each evaluation has its checkpoint"
            )),
        );
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
