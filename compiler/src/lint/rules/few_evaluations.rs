//! Is a stage evaluated often enough to have a best checkpoint?

use align_grammar::ast::StmtKind;

use super::super::program::Program;
use crate::diag::Diagnostic;

/// Fewer than this are no choice.
const FEWEST: f64 = 4.0;

/// Compares the cadence of `eval` with the budget.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    for stage in program.stages() {
        let every = stage.block.body.iter().find_map(|s| match &s.kind {
            StmtKind::Eval { every, .. } => every.as_ref(),
            _ => None,
        });
        let Some((every, node)) = every.zip(program.node(stage)) else {
            continue;
        };
        let Some(cadence) = node.eval.as_ref().map(|e| e.every) else {
            continue;
        };
        let limits = node.budget.iter().flat_map(|b| &b.any);
        let Some(limit) = limits.into_iter().find(|q| q.dim == cadence.dim) else {
            continue;
        };
        let count = (limit.amount / cadence.amount).floor();
        if count < FEWEST {
            let message = format!(
                "`{}` is evaluated {count} time{} within its budget of {limit}",
                stage.name(),
                if count > 1.0 { "s" } else { "" }
            );
            out.push(
                program
                    .found("few-evaluations", every.span, message)
                    .with_label("too far apart")
                    .with_help("evaluate at least four times, better ten"),
            );
        }
    }
}
