//! Failure policies: events, actions, and whether an action can be carried out.

use align_grammar::ast::{Arg, Expr, ExprKind, Name, Span, Stmt, StmtKind};
use align_plan::{Arm, EventKind, MetricRef};
use align_schema::{Call, Dim, Group, Quantity, Value};

use super::action::Around;
use super::{Checker, Edges, Spot};
use crate::diag::Diagnostic;
use crate::hir::{At, Kind};

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
                        if let Some(action) = action {
                            self.action(at, action, &event.text, around, edges);
                        }
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
            let done = self.action(at, action, &event.text, around, edges);
            match done.filter(|a| self.allowed(at, action, &event.text, a)) {
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
            let done = self.action(at, &arm.action, &arm.event.text, around, edges);
            match done.filter(|a| self.allowed(at, &arm.action, &arm.event.text, a)) {
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
        let words = crate::events::words();
        if words.contains(&event.text.as_str()) {
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
        let help = format!("events are {}", crate::suggest::all_of(&words));
        self.unknown("A1001", at, event, message, &words, Some(help));
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
            crate::events::REGRESSION,
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
}

fn event_kind(name: &str) -> EventKind {
    match name {
        "nan" => EventKind::Nan,
        "oom" => EventKind::Oom,
        "crash" => EventKind::Crash,
        "timeout" => EventKind::Timeout,
        "data" => EventKind::Data,
        "dead_signal" => EventKind::DeadSignal,
        "collapse" => EventKind::Collapse,
        "overoptimised" => EventKind::Overoptimised,
        _ => EventKind::Else,
    }
}
