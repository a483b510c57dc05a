//! Are checkpoints evaluated that could be the best?

use align_grammar::ast::StmtKind;

use super::super::program::Program;
use crate::diag::Diagnostic;

/// More checkpoints for each evaluation than this are too many.
const MOST: f64 = 4.0;

/// Compares the cadences of `checkpoint` and `eval`.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    for stage in program.stages() {
        let written = stage.block.body.iter().find_map(|s| match &s.kind {
            StmtKind::Checkpoint { every, .. } => Some(every),
            _ => None,
        });
        let Some((written, node)) = written.zip(program.node(stage)) else {
            continue;
        };
        let (Some(eval), Some(keep)) = (&node.eval, &node.keep) else {
            continue;
        };
        let ratio = eval.every.amount / keep.every.amount;
        if eval.every.dim == keep.every.dim && ratio >= MOST {
            let message = format!(
                "{ratio} checkpoints for each evaluation, and `best` is one that was evaluated"
            );
            out.push(
                program
                    .found("rare-evaluation", written.span, message)
                    .with_label(format!("evaluated every {}", eval.every))
                    .with_help("evaluate as often as you keep, or keep less often"),
            );
        }
    }
}
