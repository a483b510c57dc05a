//! Is the best checkpoint chosen by enough episodes?

use align_grammar::ast::{Expr, StmtKind};
use align_schema::Dim;

use super::super::program::{Program, calls, field, until};
use crate::diag::Diagnostic;

/// Fewer than this say little.
const FEWEST: f64 = 10.0;

/// Looks at stages that stop by their score and say how many episodes an evaluation has.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    for stage in program.stages() {
        let by_score = || {
            until(&stage.block.body).is_some_and(|rule| {
                let scores = |e: &Expr| e.dotted().is_some_and(|m| m == "score" || m == "return");
                calls(rule)
                    .iter()
                    .any(|c| c.arg("metric", 0).is_some_and(scores))
            })
        };
        for stmt in &stage.block.body {
            let StmtKind::Eval { body, .. } = &stmt.kind else {
                continue;
            };
            let Some(value) = field(body, "episodes").filter(|_| by_score()) else {
                continue;
            };
            let count = program.quantity(value);
            let few = |q: align_schema::Quantity| {
                matches!(q.dim, Dim::Plain | Dim::Episodes) && q.amount < FEWEST
            };
            if count.is_some_and(few) {
                let message = format!("`{}` stops by the score of so few episodes", stage.name());
                out.push(
                    program
                        .found("few-episodes", value.span, message)
                        .with_label("fewer than 10")
                        .with_help("evaluate with at least 10 episodes, or less often with more"),
                );
            }
        }
    }
}
