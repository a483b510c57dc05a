//! Failure actions: can one be carried out in its stage?

use align_grammar::ast::{Expr, ExprKind, Name, Span};
use align_plan::{Action, FailScope, Field, KeepRule, Need, Target};
use align_schema::{BlockKind, Bounds, Call, Group, Ty, Value};
use align_stdlib::rules::{Fail, Retry, Rollback};

use super::condition::argument;
use super::{Checker, Edges, Spot};
use crate::diag::Diagnostic;
use crate::hir::{At, DefId};
use std::collections::BTreeMap;

/// What an action needs to know of its stage.
pub(super) struct Around<'a> {
    /// Checked fields, for `scale`; `None` where one of them is wrong.
    pub fields: Option<&'a BTreeMap<String, Field>>,
    /// What is kept, and where that is written (if it is).
    pub rules: &'a [KeepRule],
    /// Of the written `keep`.
    pub keep: Option<Span>,
    /// Of a checkpoint's cadence beyond the budget, so that none is ever written.
    pub never: Option<Span>,
    /// The stage that it starts from.
    pub from: Option<DefId>,
    /// Whether its start is wrong, so that they are not known.
    pub lost: bool,
}

impl Checker<'_> {
    pub(super) fn action(
        &mut self,
        at: At,
        expr: &Expr,
        event: &str,
        around: &Around,
        edges: &mut Edges,
    ) -> Option<Action> {
        let role = format!("on.{event}");
        let spot = Spot {
            path: &role,
            name: event,
        };
        let value = self.call_value(at, expr, Group::Action, spot, edges)?;
        let Value::Call(call) = value else {
            return None;
        };
        self.action_of(at, expr, &call, around, &edges.needs)
    }

    pub(super) fn action_of(
        &mut self,
        at: At,
        expr: &Expr,
        call: &Call,
        around: &Around,
        needs: &[Need],
    ) -> Option<Action> {
        match call.name.as_str() {
            "retry" => {
                let retry = Retry::read(call).ok()?;
                let times = self.times(at, expr, "retry", retry.times, false)?;
                let scale = self.scale(at, expr, retry.scale, times, around)?;
                Some(Action::Retry {
                    times,
                    wait: retry.wait.amount,
                    backoff: retry.backoff,
                    scale,
                })
            }
            "rollback" => {
                let back = Rollback::read(call).ok()?;
                let times = self.times(at, expr, "rollback", back.times, back.then.is_some())?;
                let scale = self.scale(at, expr, back.scale, times, around)?;
                let to = self.target(at, expr, &back.to, around, needs)?;
                let then = match &back.then {
                    Some(then) => Some(Box::new(self.action_of(at, expr, then, around, needs)?)),
                    None => None,
                };
                Some(Action::Rollback {
                    to,
                    scale,
                    times,
                    then,
                })
            }
            "skip" => Some(Action::Skip),
            "pause" => Some(Action::Pause),
            "fail" => Some(Action::Fail(match Fail::read(call).ok()?.scope.as_str() {
                "lane" => FailScope::Lane,
                "sweep" => FailScope::Sweep,
                _ => FailScope::Stage,
            })),
            _ => None,
        }
    }

    /// A5008; a rollback with `then` happens once.
    pub(super) fn times(
        &mut self,
        at: At,
        expr: &Expr,
        name: &str,
        times: Option<u64>,
        then: bool,
    ) -> Option<u64> {
        if times.is_none() && !then {
            let mut error = Diagnostic::error(
                "A5008",
                at.file,
                expr.span,
                format!("`{name}` does not say how often"),
            )
            .with_label("`times` is missing")
            .with_help(format!(
                "such as `{name}(times: 3)`: a loop is bounded by construction"
            ));
            if let ExprKind::Call {
                args, args_span, ..
            } = &expr.kind
            {
                let end = args_span.end.saturating_sub(1);
                let text = if args.is_empty() {
                    "times: 3"
                } else {
                    ", times: 3"
                };
                error = error.with_fix(
                    "add `times: 3`",
                    false,
                    vec![crate::diag::Edit {
                        file: at.file,
                        span: Span { start: end, end },
                        text: text.into(),
                    }],
                );
            }
            self.report(error);
            return None;
        }
        Some(times.unwrap_or(1))
    }

    pub(super) fn target(
        &mut self,
        at: At,
        expr: &Expr,
        to: &Value,
        around: &Around,
        needs: &[Need],
    ) -> Option<Target> {
        let (target, kept, word) = match to {
            Value::Ref(r) => {
                let node = needs.get(r.need).map(|n| &n.node);
                if node.is_some_and(|n| self.comes_from(around.from, n)) {
                    return Some(Target::Need(r.need));
                }
                if around.lost {
                    return None;
                }
                let span = argument(expr, "to", 0).map_or(expr.span, |e| e.span);
                self.report(
                    Diagnostic::error("A5011", at.file, span, "the rollback goes to a checkpoint that this stage does not come from")
                        .with_label("not an ancestor")
                        .with_help("a rollback goes to `best`, to `last`, or to a checkpoint on the way from which the stage started"),
                );
                return None;
            }
            Value::Name(n) if n == "last" => (
                Target::Last,
                around.rules.iter().any(|r| matches!(r, KeepRule::Last(_))),
                "last(1)",
            ),
            _ => (
                Target::Best,
                around
                    .rules
                    .iter()
                    .any(|r| matches!(r, KeepRule::Best { .. })),
                "best(score)",
            ),
        };
        if let Some(never) = around.never {
            self.report(
                Diagnostic::error(
                    "A5007",
                    at.file,
                    expr.span,
                    "the rollback has no checkpoint to go back to",
                )
                .with_label("goes back to a checkpoint of this stage")
                .with_place(
                    at.file,
                    never,
                    "the first one would be written after the stage has ended",
                )
                .with_help("write checkpoints more often than the budget is long"),
            );
            return None;
        }
        if let (false, Some(keep)) = (kept, around.keep) {
            let span = argument(expr, "to", 0).map_or(expr.span, |e| e.span);
            self.report(
                Diagnostic::error(
                    "A5007",
                    at.file,
                    span,
                    "the rollback has no checkpoint to go back to",
                )
                .with_label("goes back to this one")
                .with_place(at.file, keep, "but it is not kept")
                .with_help(format!("add `{word}` to `keep`")),
            );
            return None;
        }
        Some(target)
    }

    /// Factors on fields; A5012 when a field leaves its bounds within `times`.
    pub(super) fn scale(
        &mut self,
        at: At,
        expr: &Expr,
        scale: Option<Value>,
        times: u64,
        around: &Around,
    ) -> Option<Vec<(String, f64)>> {
        let Some(Value::Record(entries)) = scale else {
            return Some(Vec::new());
        };
        let fields = around.fields?;
        let mut out = Vec::new();
        let mut good = true;
        for (path, factor) in &entries {
            let factor = factor.number()?;
            let span = scale_key(expr, path).unwrap_or(expr.span);
            let mut parts = path.split('.');
            let first = parts.next().unwrap_or("");
            let rest: Vec<&str> = parts.collect();
            let number = fields.get(first).and_then(|f| {
                let mut value = &f.value;
                for part in &rest {
                    value = value.get(part)?;
                }
                value.number()
            });
            let Some(number) = number else {
                let words: Vec<String> = numbers(fields);
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let name = Name {
                    text: path.clone(),
                    span,
                };
                let message = format!("the stage has no number `{path}` to scale");
                let help = format!("it has {}", crate::suggest::all_of(&words));
                self.unknown("A1002", at, &name, message, &words, Some(help));
                good = false;
                continue;
            };
            if factor <= 0.0 {
                self.error(
                    "A2011",
                    at,
                    span,
                    format!("`{path}` would be scaled by {factor}, which is not above 0"),
                );
                good = false;
                continue;
            }
            let last = number * factor.powf(times as f64);
            let bounds = field_bounds(first, &rest, fields);
            if let Some(bounds) = bounds
                && !bounds.contain(last)
            {
                self.report(
                    Diagnostic::error(
                        "A5012",
                        at.file,
                        span,
                        format!("`{path}` leaves its bounds within {times} times: {number} x {factor}^{times} = {last}"),
                    )
                    .with_label(format!("must be {bounds}"))
                    .with_help("lower `times`, or scale less"),
                );
                good = false;
                continue;
            }
            out.push((path.clone(), factor));
        }
        good.then_some(out)
    }
}

/// Where a key of `scale` stands.
fn scale_key(expr: &Expr, path: &str) -> Option<Span> {
    let scale = argument(expr, "scale", usize::MAX)?;
    match &scale.kind {
        ExprKind::Record(entries) => entries
            .iter()
            .find(|(k, _)| k.text() == path)
            .map(|(k, _)| k.span),
        _ => None,
    }
}

/// Paths of the numbers that can be scaled.
fn numbers(fields: &BTreeMap<String, Field>) -> Vec<String> {
    let mut out = Vec::new();
    for (name, field) in fields {
        match &field.value {
            Value::Call(call) if matches!(name.as_str(), "optim" | "loss") => {
                let args = call.args.iter().filter(|(_, v)| v.number().is_some());
                out.extend(args.map(|(arg, _)| format!("{name}.{arg}")));
            }
            v if v.number().is_some() => out.push(name.clone()),
            _ => {}
        }
    }
    out
}

fn field_bounds(first: &str, rest: &[&str], fields: &BTreeMap<String, Field>) -> Option<Bounds> {
    let field = align_stdlib::block(BlockKind::Stage)?.field(first)?;
    let [arg] = rest else {
        return field.bounds;
    };
    let (Ty::Call(group), Value::Call(call)) = (field.ty, &fields.get(first)?.value) else {
        return None;
    };
    align_stdlib::builtin(group, &call.name)?.param(arg)?.bounds
}
