//! A4005: is a stage's work lost, because nothing reads it and a later stage trains the same model from elsewhere?

use align_grammar::ast::{Block, ExprKind, StmtKind};

use super::Checker;
use crate::diag::Diagnostic;
use crate::hir::{DefId, Kind, Program};

impl Checker<'_> {
    /// A4005, in the main file and its pipelines.
    pub(super) fn nowhere(&mut self) {
        let program = self.program;
        if !tabled(program, None) {
            self.lost(&program.items);
        }
        for id in &program.items {
            if let Kind::Pipeline(p) = &program.def(*id).kind
                && !tabled(program, Some(*id))
            {
                self.lost(&p.items);
            }
        }
    }

    fn lost(&mut self, items: &[DefId]) {
        let program = self.program;
        // From the last one back: the latest stage of each model so far.
        let mut latest: rustc_hash::FxHashMap<&str, DefId> = rustc_hash::FxHashMap::default();
        for id in items.iter().rev() {
            let def = program.def(*id);
            let Kind::Stage(block) = &def.kind else {
                continue;
            };
            let Some(model) = trains(block) else { continue };
            let later = latest.insert(model, *id);
            let (Some(later), false) = (later, program.used.contains(id)) else {
                continue;
            };
            let next = program.def(later);
            let mut warning = Diagnostic::warning(
                "A4005",
                def.at.file,
                def.name.span,
                format!("stage `{}` leads nowhere", def.name.text),
            )
            .with_label("nothing reads its checkpoints or its metrics")
            .with_place(
                next.at.file,
                next.name.span,
                format!("trains `{model}` too, and does not come from it"),
            );
            let fresh = matches!(&next.kind, Kind::Stage(b) if b.from.is_none());
            warning = warning.with_help(if fresh {
                format!(
                    "start `{}` from it: `from {}.best`; or remove the stage",
                    next.name.text, def.name.text
                )
            } else {
                format!(
                    "was `{}` to start `from {}.best`? otherwise remove the stage, or name it in a `report`",
                    next.name.text, def.name.text
                )
            });
            self.report(warning);
        }
    }
}

/// The name of the model.
fn trains(block: &Block) -> Option<&str> {
    match &block.trains.as_ref()?.kind {
        ExprKind::Ref(name) => Some(&name.text),
        _ => None,
    }
}

/// Whether a report has a table of this pipeline (`None`: of the file's own items), which reads every stage.
fn tabled(program: &Program, pipeline: Option<DefId>) -> bool {
    program.reports.iter().any(|report| {
        let first = report.block.of.as_ref().and_then(|p| p.parts.first());
        let target = first.and_then(|name| program.lookup(report.at.scope, &name.text));
        let of = target.and_then(|id| match &program.def(id).kind {
            Kind::Pipeline(_) => Some(id),
            Kind::Sweep(block) => {
                let name = block.of.as_ref()?.parts.first()?;
                program.lookup(program.def(id).at.scope, &name.text)
            }
            _ => None,
        });
        of == pipeline
            && report
                .block
                .body
                .iter()
                .any(|s| matches!(&s.kind, StmtKind::Field { path, .. } if path.is("table")))
    })
}
