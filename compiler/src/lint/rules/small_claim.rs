//! Are there enough episodes behind a small margin?

use align_grammar::ast::{Expr, ExprKind, StmtKind};
use align_schema::Dim;

use super::super::program::{Program, calls};
use crate::diag::Diagnostic;

/// A larger margin is not small.
const MARGIN: f64 = 0.05;

/// Fewer episodes are few.
const FEWEST: u64 = 50;

/// Compares the margins of `gain` with the episodes behind them.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    let Some(plan) = program.plan else {
        return;
    };
    let claims = program
        .reports()
        .flat_map(|r| &r.body)
        .filter_map(|s| match &s.kind {
            StmtKind::Expect(expr) => Some(expr),
            _ => None,
        });
    for claim in claims {
        let ExprKind::Binary { left, right, .. } = &claim.kind else {
            continue;
        };
        let share = |q: &align_schema::Quantity| q.dim == Dim::Share && q.amount <= MARGIN;
        let small = program.quantity(right).filter(share);
        let gain = calls(left).into_iter().find(|c| c.name == "gain");
        let Some((margin, gain)) = small.zip(gain) else {
            continue;
        };
        let name = gain
            .arg("metric", 0)
            .and_then(Expr::dotted)
            .unwrap_or_default();
        let stage = name.strip_suffix(".score").unwrap_or("");
        let node = plan.nodes.iter().find(|n| n.name == stage);
        let episodes = node.and_then(|n| n.eval.as_ref()).map(|e| e.episodes);
        if let Some(episodes) = episodes.filter(|e| *e < FEWEST) {
            let message = format!("{margin} of `{name}` are claimed from {episodes} episodes");
            out.push(
                program
                    .found("small-claim", claim.span, message)
                    .with_label("within the luck of so few")
                    .with_help(format!(
                        "evaluate `{stage}` with at least {FEWEST} episodes"
                    )),
            );
        }
    }
}
