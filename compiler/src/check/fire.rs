//! A5003: can a rule ever hold before its stage or sequence ends?

use align_grammar::ast::Expr;
use align_schema::{Dim, Quantity};

use super::Checker;
use super::condition::{Horizon, argument};
use crate::diag::{Diagnostic, Edit};
use crate::hir::At;

impl Checker<'_> {
    /// A5003: whether a rule that needs so many looks can hold before the limit.
    pub(super) fn can_fire(
        &mut self,
        at: At,
        expr: &Expr,
        (name, index, given): (&str, usize, u64),
        needed: u64,
        warmup: Option<Quantity>,
        horizon: &Horizon,
    ) {
        let (Some((limit, limit_at, limit_span)), Some((every, every_span))) =
            (horizon.limit, horizon.every)
        else {
            return;
        };
        if limit.dim != every.dim || every.amount <= 0.0 {
            return;
        }
        let warm = warmup
            .filter(|w| w.dim == limit.dim)
            .map_or(0.0, |w| w.amount);
        // Looks before the warm-up ends do not count.
        let skipped = ((warm / every.amount).ceil() - 1.0).max(0.0);
        let total = (skipped + needed as f64) * every.amount;
        if total <= limit.amount * (1.0 + 1e-9) {
            return;
        }
        let word = horizon.looks.unit_name();
        let total = Quantity::new(total, limit.dim);
        let rounds = horizon.looks == Dim::Rounds;
        let count = |n: u64| Quantity::new(n as f64, horizon.looks).to_string();
        let label = if rounds {
            format!("needs {}", count(needed))
        } else if warm > 0.0 {
            format!(
                "counts from {} on and needs {} × {every}: {total}",
                Quantity::new(warm, limit.dim),
                count(needed)
            )
        } else {
            format!("needs {} × {every} = {total}", count(needed))
        };
        let field = if rounds { "rounds" } else { "budget" };
        let ends = if rounds {
            "the sequence ends here"
        } else {
            "the stage ends here"
        };
        let mut error = Diagnostic::error("A5003", at.file, expr.span, "this rule can never fire")
            .with_label(label)
            .with_place(limit_at.file, limit_span, ends);
        if let Some(span) = every_span {
            error = error.with_place(
                limit_at.file,
                span,
                format!("one {}", word.trim_end_matches('s')),
            );
        }
        // The first look only sets the mark of a plateau.
        let room = (limit.amount / every.amount + 1e-9).floor() - skipped - (needed - given) as f64;
        let raise = format!("raise `{field}` to at least {total}");
        error = if room >= 1.0 && !name.is_empty() && (name != "over" || room >= 2.0) {
            let fits = count(room as u64);
            let fix = argument(expr, name, index).map(|e| e.span);
            let error = error.with_help(format!("lower `{name}` to at most {fits}, or {raise}"));
            match fix {
                Some(span) => error.with_fix(
                    format!("{name}: {fits}"),
                    true,
                    vec![Edit {
                        file: at.file,
                        span,
                        text: fits,
                    }],
                ),
                None => error,
            }
        } else if rounds {
            error.with_help(raise)
        } else {
            error.with_help(format!("evaluate more often, or {raise}"))
        };
        self.report(error);
    }
}
