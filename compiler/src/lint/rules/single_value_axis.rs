//! Has each axis more than one value?

use align_grammar::ast::{ExprKind, StmtKind};

use super::super::program::Program;
use crate::diag::Diagnostic;

/// Looks at axes that are written as lists.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    for sweep in program.sweeps() {
        for stmt in &sweep.body {
            let StmtKind::Axis { name, values } = &stmt.kind else {
                continue;
            };
            let ExprKind::List(list) = &values.kind else {
                continue;
            };
            if let [one] = list.as_slice() {
                let value = program.text(one.span);
                let message = format!("the axis `{}` has one value", name.text);
                out.push(
                    program
                        .found("single-value-axis", values.span, message)
                        .with_label("makes no further lanes")
                        .with_help(format!(
                            "add values, or write `{}: .. = {value}` as the pipeline's default",
                            name.text
                        )),
                );
            }
        }
    }
}
