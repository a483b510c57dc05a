//! Does each stage of a sweep say what to do when it fails?

use align_grammar::ast::StmtKind;

use super::super::program::Program;
use crate::diag::Diagnostic;

/// Looks at the stages of pipelines that the file sweeps.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    let swept: Vec<String> = program
        .sweeps()
        .filter_map(|s| s.of.as_ref().map(align_grammar::ast::Path::text))
        .collect();
    for stage in program.stages() {
        let inside = stage.pipeline.is_some_and(|p| swept.contains(&p.name.text));
        let handled = stage
            .block
            .body
            .iter()
            .any(|s| matches!(&s.kind, StmtKind::On { event, .. } if event.text == "failure"));
        if inside && !handled {
            let message = format!("`{}` does not say what to do when it fails", stage.name());
            out.push(
                program
                    .found("no-failure-policy", stage.name_span(), message)
                    .with_label("the first failure ends its lane")
                    .with_help("add `on failure { nan => rollback(..), else => fail(lane) }`"),
            );
        }
    }
}
