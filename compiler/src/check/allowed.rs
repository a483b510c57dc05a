//! A5010: can an action do anything about its event?
//!
//! | event | what the runtime does | so these cannot help |
//! |---|---|---|
//! | `nan`, `crash`, `timeout`, `dead_signal`, `else` | an attempt goes on with other random numbers, or on a machine that may be well again | nothing is refused |
//! | `oom` | the same step takes the same memory | `retry` without `scale` or `wait`, `rollback` without `scale` or `then` |
//! | `data` | the inputs are read again as they are | `retry`, and `rollback` without `then` |
//! | `regression`, `collapse`, `overoptimised` | an attempt goes on from the newest checkpoint, which is on the way that got worse | `retry` |

use align_grammar::ast::{Expr, ExprKind};
use align_plan::Action;

use super::Checker;
use crate::diag::{Diagnostic, Edit};
use crate::hir::At;

impl Checker<'_> {
    /// A5010; false when it says so.
    pub(super) fn allowed(&mut self, at: At, expr: &Expr, event: &str, action: &Action) -> bool {
        let (label, help) = match (event, action) {
            ("oom", Action::Retry { wait, scale, .. }) if scale.is_empty() && *wait == 0.0 => (
                "the same step takes the same memory",
                "`retry` with a `scale` such as `{ batch: 0.5 }` or with a `wait`, `rollback` with a `scale`, `skip`, `fail` or `pause`",
            ),
            ("oom", Action::Rollback { scale, then, .. }) if scale.is_empty() && then.is_none() => {
                (
                    "an older checkpoint takes the same memory",
                    "`retry` or `rollback` with a `scale` such as `{ batch: 0.5 }`, `skip`, `fail` or `pause`",
                )
            }
            ("data", Action::Retry { .. } | Action::Rollback { then: None, .. }) => (
                "the same data is read again",
                "`skip`, `fail`, `pause`, or `rollback` with a `then`",
            ),
            ("regression" | "collapse" | "overoptimised", Action::Retry { .. }) => (
                "goes on from the newest checkpoint, on the way that got worse",
                "`rollback`, `skip`, `fail` or `pause`",
            ),
            _ => return true,
        };
        let name = match action {
            Action::Retry { .. } => "retry",
            _ => "rollback",
        };
        let mut error = Diagnostic::error(
            "A5010",
            at.file,
            expr.span,
            format!("`{name}` does nothing about `{event}`"),
        )
        .with_label(label)
        .with_help(format!("allowed are {help}"));
        if event == "oom"
            && let ExprKind::Call {
                args, args_span, ..
            } = &expr.kind
        {
            let end = args_span.end.saturating_sub(1);
            let comma = if args.is_empty() { "" } else { ", " };
            error = error.with_fix(
                "halve the batch each time",
                false,
                vec![Edit {
                    file: at.file,
                    span: align_grammar::ast::Span { start: end, end },
                    text: format!("{comma}scale: {{ batch: 0.5 }}"),
                }],
            );
        }
        self.report(error);
        false
    }
}
