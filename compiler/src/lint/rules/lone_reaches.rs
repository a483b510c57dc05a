//! Does a stage that misses its goal stop?

use align_grammar::ast::Span;

use super::super::program::{Program, call, until};
use crate::diag::{Diagnostic, Edit};

/// Looks for conditions that are one `reaches`.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    for stage in program.stages() {
        let Some(rule) = until(&stage.block.body) else {
            continue;
        };
        let Some(called) = call(rule).filter(|c| c.name == "reaches") else {
            continue;
        };
        let Some(metric) = called.arg("metric", 0) else {
            continue;
        };
        let metric = program.text(metric.span);
        let more = format!(" or plateau({metric}, improve: 1%, patience: 5 evals)");
        let end = Span {
            start: rule.span.end,
            end: rule.span.end,
        };
        let message = format!(
            "`{}` trains to its budget unless it gets there",
            stage.name()
        );
        let found = program
            .found("lone-reaches", rule.span, message)
            .with_label("nothing else stops it")
            .with_help(format!("go on with `{}`", more.trim()));
        let edit = Edit {
            file: found.file,
            span: end,
            text: more,
        };
        out.push(found.with_fix("add a `plateau`", false, vec![edit]));
    }
}
