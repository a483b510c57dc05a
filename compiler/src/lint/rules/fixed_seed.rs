//! Do the lanes of a sweep differ in their seeds?

use align_grammar::ast::StmtKind;

use super::super::program::Program;
use crate::diag::Diagnostic;

/// Looks for sweeps over a pipeline with a seed that no axis moves.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    for sweep in program.sweeps() {
        let Some(of) = &sweep.of else {
            continue;
        };
        let seed = program.pipeline(&of.text()).and_then(|p| {
            let seed = |f: &&align_grammar::ast::Formal| {
                f.ty.as_ref().is_some_and(|t| t.name.text == "Seed")
            };
            p.formals.iter().find(seed)
        });
        let Some(seed) = seed else {
            continue;
        };
        let axes = sweep.body.iter().filter_map(|s| match &s.kind {
            StmtKind::Axis { name, .. } => Some(name.text.as_str()),
            _ => None,
        });
        let axes: Vec<&str> = axes.collect();
        let name = sweep.name.as_ref().map_or(of.span, |n| n.span);
        if !axes.is_empty() && !axes.contains(&seed.name.text.as_str()) {
            let found = program
                .found(
                    "fixed-seed",
                    name,
                    "every lane of this sweep has the same seed",
                )
                .with_label("no axis over seeds")
                .with_help(format!("add `{} in 0..<3`", seed.name.text));
            out.push(program.also(found, seed.name.span, "the same in every lane"));
        }
    }
}
