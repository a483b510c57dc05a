//! Does a stage stop by data that it has not seen?

use super::super::program::{Program, calls, until};
use crate::diag::{Diagnostic, Edit};

/// Looks for rules about `loss`.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    for stage in program.stages() {
        let rules = until(&stage.block.body).map(calls).unwrap_or_default();
        for rule in rules {
            let Some(metric) = rule.arg("metric", 0) else {
                continue;
            };
            if metric.dotted().as_deref() != Some("loss") || rule.name == "diverges" {
                continue;
            }
            let found = program
                .found(
                    "training-metric",
                    metric.span,
                    format!("`{}` stops by its training loss", stage.name()),
                )
                .with_label("falls even when nothing is learnt that helps")
                .with_help("write `valid.loss`, or `score` where there is an evaluation");
            let edit = Edit {
                file: found.file,
                span: metric.span,
                text: "valid.loss".to_owned(),
            };
            out.push(found.with_fix("write `valid.loss`", false, vec![edit]));
        }
    }
}
