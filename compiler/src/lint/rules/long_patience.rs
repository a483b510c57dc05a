//! Can a plateau be seen within the budget?

use align_schema::Dim;

use super::super::program::{Program, calls, until};
use crate::diag::Diagnostic;

/// A larger share of the budget than this is too much.
const MOST: f64 = 0.75;

/// Compares patience with the budget, in steps.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    for stage in program.stages() {
        let rules = until(&stage.block.body).map(calls).unwrap_or_default();
        let Some(node) = program.node(stage).filter(|_| !rules.is_empty()) else {
            continue;
        };
        let Some(every) = node.eval.as_ref().map(|e| e.every) else {
            continue;
        };
        let limits = node.budget.iter().flat_map(|b| &b.any);
        let Some(limit) = limits.into_iter().find(|q| q.dim == every.dim) else {
            continue;
        };
        for rule in rules.iter().filter(|c| c.name == "plateau") {
            let Some(patience) = rule.arg("patience", 2) else {
                continue;
            };
            let Some(evals) = program.quantity(patience).filter(|q| q.dim == Dim::Evals) else {
                continue;
            };
            let share = evals.amount * every.amount / limit.amount;
            // One that cannot fire at all is an error of its own.
            if share > MOST && share < 1.0 {
                let message = format!(
                    "this plateau needs {:.0}% of the budget to be seen",
                    share * 100.0
                );
                let most = (MOST * limit.amount / every.amount).floor();
                out.push(
                    program
                        .found("long-patience", patience.span, message)
                        .with_label(format!(
                            "{evals} of {every} each, and the budget is {limit}"
                        ))
                        .with_help(format!(
                            "wait for at most {most} evals, evaluate more often, or raise `budget`"
                        )),
                );
            }
        }
    }
}
