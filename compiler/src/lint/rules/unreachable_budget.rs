//! Can the budget be spent?

use align_grammar::ast::{BinaryOp, Expr, ExprKind};

use super::super::program::{Program, field, until};
use crate::diag::Diagnostic;

/// Looks for clocks that are joined by `or` and hold before the budget ends.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    for stage in program.stages() {
        let (Some(rule), Some(budget)) =
            (until(&stage.block.body), field(&stage.block.body, "budget"))
        else {
            continue;
        };
        let Some(limit) = program.quantity(budget) else {
            continue;
        };
        for clock in alternatives(rule) {
            let ExprKind::Binary {
                op: BinaryOp::Ge | BinaryOp::Gt,
                left,
                right,
                ..
            } = &clock.kind
            else {
                continue;
            };
            let named = left.dotted().is_some_and(|n| n == limit.dim.unit_name());
            let Some(at) = program.quantity(right).filter(|q| q.dim == limit.dim) else {
                continue;
            };
            if named && at.amount < limit.amount {
                let message = format!("`{}` never trains beyond {at}", stage.name());
                let found = program
                    .found("unreachable-budget", clock.span, message)
                    .with_label("always holds from there on")
                    .with_help(format!("write `budget = {at}` and leave this out"));
                out.push(program.also(found, budget.span, "never reached"));
            }
        }
    }
}

/// The parts of a condition of which one is enough.
fn alternatives(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Binary {
            op: BinaryOp::Or,
            left,
            right,
            ..
        } => {
            let mut out = alternatives(left);
            out.extend(alternatives(right));
            out
        }
        _ => vec![expr],
    }
}
