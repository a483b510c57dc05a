//! Failure policies: events, actions, and whether an action can be carried out.

use align_grammar::ast::{Arg, Expr, ExprKind, Name, Span, Stmt, StmtKind};
use align_plan::{
    Action, Arm, EventKind, FailScope, Field, KeepRule, MetricRef, Need, NodeId, Target,
};
use align_schema::{BlockKind, Bounds, Call, Dim, Effect, Group, Param, Quantity, Ty, Value};
use align_stdlib::rules::{Fail, Retry, Rollback};

use super::condition::argument;
use super::{Checker, Edges, Spot};
use crate::diag::Diagnostic;
use crate::hir::{At, Kind};
use std::collections::BTreeMap;

const EVENTS: &[&str] = &[
    "nan",
    "oom",
    "crash",
    "timeout",
    "data",
    "regression",
    "else",
];

const REGRESSION: &[Param] = &[
    Param {
        name: "metric",
        ty: Ty::Metric,
        bounds: None,
        default: None,
        required: true,
        effect: Effect::Inert,
        docs: "The metric that is compared.",
    },
    Param {
        name: "worse",
        ty: Ty::Amount(&[Dim::Share, Dim::Score, Dim::Return]),
        bounds: Some(Bounds::at_least(0.0)),
        default: None,
        required: true,
        effect: Effect::Inert,
        docs: "How much worse it may get; a share is relative.",
    },
    Param {
        name: "than",
        ty: Ty::Checkpoint,
        bounds: None,
        default: None,
        required: true,
        effect: Effect::Inert,
        docs: "The checkpoint whose metric is the reference.",
    },
];

/// What an action needs to know of its stage.
pub(super) struct Around<'a> {
    /// Checked fields, for `scale`.
    pub fields: &'a BTreeMap<String, Field>,
    /// What is kept, and where that is written (if it is).
    pub rules: &'a [KeepRule],
    /// Of the written `keep`.
    pub keep: Option<Span>,
    /// Of a checkpoint's cadence beyond the budget, so that none is ever written.
    pub never: Option<Span>,
    /// The stages that it comes from.
    pub ancestors: &'a [NodeId],
}

impl Checker<'_> {
    /// All arms of a stage in the order in which they are tried: `else` comes last.
    pub(super) fn arms(
        &mut self,
        at: At,
        body: &[Stmt],
        around: &Around,
        edges: &mut Edges,
    ) -> Option<Vec<Arm>> {
        let mut out: Vec<Arm> = Vec::new();
        let mut seen: Vec<(String, At, Span)> = Vec::new();
        let mut good = true;
        for stmt in body {
            let StmtKind::On {
                event,
                args,
                action,
                arms,
            } = &stmt.kind
            else {
                continue;
            };
            if event.text == "failure" {
                if let Some(action) = action {
                    good &= self.on_failure(at, event, action, around, edges, &mut seen, &mut out);
                }
                good &= self.arm_list(at, arms, around, edges, &mut seen, &mut out);
                continue;
            }
            if !self.known_event(at, event, true) {
                good = false;
                continue;
            }
            let kind = if event.text == "regression" {
                match self.regression(at, event, args.as_deref().unwrap_or_default(), edges) {
                    Some(kind) => kind,
                    None => {
                        good = false;
                        continue;
                    }
                }
            } else {
                event_kind(&event.text)
            };
            let Some(action) = action else {
                self.report(
                    Diagnostic::error(
                        "A2002",
                        at.file,
                        event.span,
                        format!("`on {}` has no action", event.text),
                    )
                    .with_help(format!("such as `on {} => retry(times: 2)`", event.text)),
                );
                good = false;
                continue;
            };
            good &= self.once(at, event, &mut seen);
            match self.action(at, action, &event.text, around, edges) {
                Some(action) => out.push(Arm {
                    event: kind,
                    action,
                }),
                None => good = false,
            }
        }
        // `else` is what is left, wherever it stands.
        out.sort_by_key(|arm| arm.event == EventKind::Else);
        good.then_some(out)
    }

    #[allow(clippy::too_many_arguments)]
    fn on_failure(
        &mut self,
        at: At,
        event: &Name,
        action: &Expr,
        around: &Around,
        edges: &mut Edges,
        seen: &mut Vec<(String, At, Span)>,
        out: &mut Vec<Arm>,
    ) -> bool {
        let program = self.program;
        if let ExprKind::Ref(name) = &action.kind
            && align_stdlib::builtin(Group::Action, &name.text).is_none()
        {
            let Some(id) = program.lookup(at.scope, &name.text) else {
                let words: Vec<&str> = program
                    .names(at.scope, |k| matches!(k, Kind::Policy(_)))
                    .into_iter()
                    .chain(
                        align_stdlib::builtins()
                            .filter(|b| b.group == Group::Action)
                            .map(|b| b.name),
                    )
                    .collect();
                self.unknown_name(at, name, &words, "policy");
                return false;
            };
            let def = program.def(id);
            return match &def.kind {
                Kind::Policy(policy) => {
                    self.arm_list(def.at, &policy.arms, around, edges, seen, out)
                }
                Kind::Poison => false,
                _ => {
                    let (what, name) = (def.kind.what(), &def.name);
                    self.report(
                        Diagnostic::error(
                            "A2001",
                            at.file,
                            action.span,
                            format!("`on failure` wants a policy or an action, found {what}"),
                        )
                        .with_place(
                            def.at.file,
                            name.span,
                            format!("`{}` is defined here", name.text),
                        ),
                    );
                    false
                }
            };
        }
        let good = self.once(
            at,
            &Name {
                text: "else".into(),
                span: event.span,
            },
            seen,
        );
        match self.action(at, action, "else", around, edges) {
            Some(action) => {
                out.push(Arm {
                    event: EventKind::Else,
                    action,
                });
                good
            }
            None => false,
        }
    }

    fn arm_list(
        &mut self,
        at: At,
        arms: &[align_grammar::ast::Arm],
        around: &Around,
        edges: &mut Edges,
        seen: &mut Vec<(String, At, Span)>,
        out: &mut Vec<Arm>,
    ) -> bool {
        let mut good = true;
        let mut other: Option<Span> = None;
        for arm in arms {
            if !self.known_event(at, &arm.event, false) {
                good = false;
                continue;
            }
            if let Some(first) = other {
                self.report(
                    Diagnostic::error(
                        "A5009",
                        at.file,
                        arm.event.span,
                        format!(
                            "`{}` stands after `else` and is never tried",
                            arm.event.text
                        ),
                    )
                    .with_label("never tried")
                    .with_place(at.file, first, "`else` matches everything that is left")
                    .with_help("move `else` to the end"),
                );
                good = false;
                continue;
            }
            if arm.event.text == "else" {
                other = Some(arm.event.span);
            }
            good &= self.once(at, &arm.event, seen);
            match self.action(at, &arm.action, &arm.event.text, around, edges) {
                Some(action) => out.push(Arm {
                    event: event_kind(&arm.event.text),
                    action,
                }),
                None => good = false,
            }
        }
        good
    }

    fn known_event(&mut self, at: At, event: &Name, statement: bool) -> bool {
        if EVENTS.contains(&event.text.as_str()) {
            if event.text == "regression" && !statement {
                self.report(
                    Diagnostic::error("A2003", at.file, event.span, "`regression` needs the arguments `metric`, `worse` and `than`")
                        .with_help("write it as a statement of the stage: `on regression(score, worse: 10%, than: pretrain.best) => ..`"),
                );
                return false;
            }
            return true;
        }
        let message = format!("there is no event `{}`", event.text);
        let help = format!("events are {}", crate::suggest::all_of(EVENTS));
        self.unknown("A1001", at, event, message, EVENTS, Some(help));
        false
    }

    fn once(&mut self, at: At, event: &Name, seen: &mut Vec<(String, At, Span)>) -> bool {
        // Several regressions are told apart by their metrics.
        if event.text != "regression"
            && let Some((_, first_at, first)) = seen.iter().find(|(n, ..)| *n == event.text)
        {
            let (file, first) = (first_at.file, *first);
            self.report(
                Diagnostic::error(
                    "A5009",
                    at.file,
                    event.span,
                    format!("`{}` is handled twice", event.text),
                )
                .with_label("handled again here")
                .with_place(file, first, "first handled here")
                .with_help("the first arm that matches decides; keep one"),
            );
            return false;
        }
        seen.push((event.text.clone(), at, event.span));
        true
    }

    fn regression(
        &mut self,
        at: At,
        event: &Name,
        args: &[Arg],
        edges: &mut Edges,
    ) -> Option<EventKind> {
        let spot = Spot {
            path: "on.regression",
            name: "regression",
        };
        let before = edges.needs.len();
        let values = self.arguments(
            at,
            ("regression", event.span),
            REGRESSION,
            args,
            event.span,
            spot,
            edges,
        )?;
        // The role is the event's, not the argument's.
        for need in edges.needs.iter_mut().skip(before) {
            need.role = "on.regression".into();
        }
        for (role, _) in &mut edges.models {
            if role == "on.regression.than" {
                *role = "on.regression".into();
            }
        }
        let call = Call {
            name: "regression".into(),
            args: values,
        };
        let (Some(Value::Name(metric)), Some(Value::Quantity(worse)), Some(Value::Ref(than))) =
            (call.arg("metric"), call.arg("worse"), call.arg("than"))
        else {
            return None;
        };
        if !self.worse_fits(at, args, *worse, metric) {
            return None;
        }
        let metric: MetricRef = self.metric_ref(metric);
        Some(EventKind::Regression {
            metric,
            worse: *worse,
            than: than.need,
        })
    }

    fn worse_fits(&mut self, at: At, args: &[Arg], worse: Quantity, metric: &str) -> bool {
        if worse.dim == Dim::Share {
            return true;
        }
        let Some((_, dim)) = self.metric_info(metric) else {
            return false;
        };
        let arg = args
            .iter()
            .find(|a| a.name.as_ref().is_some_and(|n| n.text == "worse"))
            .or_else(|| args.get(1));
        let span = arg.map_or(Span::default(), |a| a.value.span);
        self.same_dim(at, span, worse, dim, metric)
    }

    fn action(
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

    fn action_of(
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
    fn times(
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

    fn target(
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
                if node.is_some_and(|n| around.ancestors.contains(n)) {
                    return Some(Target::Need(r.need));
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
    fn scale(
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
        let mut out = Vec::new();
        let mut good = true;
        for (path, factor) in entries {
            let factor = factor.number()?;
            let span = scale_key(expr, &path).unwrap_or(expr.span);
            let mut parts = path.split('.');
            let first = parts.next().unwrap_or("");
            let rest: Vec<&str> = parts.collect();
            let number = around.fields.get(first).and_then(|f| {
                let mut value = &f.value;
                for part in &rest {
                    value = value.get(part)?;
                }
                value.number()
            });
            let Some(number) = number else {
                let words: Vec<String> = numbers(around.fields);
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
            let bounds = field_bounds(first, &rest, around.fields);
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
            out.push((path, factor));
        }
        good.then_some(out)
    }
}

fn event_kind(name: &str) -> EventKind {
    match name {
        "nan" => EventKind::Nan,
        "oom" => EventKind::Oom,
        "crash" => EventKind::Crash,
        "timeout" => EventKind::Timeout,
        "data" => EventKind::Data,
        _ => EventKind::Else,
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
