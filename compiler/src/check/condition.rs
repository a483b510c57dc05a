//! Convergence: does a condition read metrics that are there, in their own units, and can it ever hold?

use align_grammar::ast::{BinaryOp, Expr, ExprKind, Span, UnaryOp};
use align_plan::{Cmp, Condition, Operand};
use align_schema::{Bounds, Call, Dim, Group, Quantity, Ty, Value};
use align_stdlib::rules::{Diverges, Flat, Plateau, Reaches};

use super::number::{Folded, Num};
use super::{Checker, Edges, Spot};
use crate::diag::Diagnostic;
use crate::hir::At;

/// What bounds a rule: evaluations of a stage within its budget, or rounds of a sequence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Horizon {
    /// Looks are counted in this.
    pub looks: Dim,
    /// Where the limit (`budget`, `rounds`) stands and how much it is.
    pub limit: Option<(Quantity, At, Span)>,
    /// Distance of two looks, and where it stands if it is written.
    pub every: Option<(Quantity, Option<Span>)>,
    /// Dimension that counts training: `steps` or `env_steps`.
    pub clock: Dim,
}

const SPOT: Spot = Spot {
    path: "until",
    name: "until",
};

impl Checker<'_> {
    /// A condition in the metric scope at hand.
    pub(super) fn condition(
        &mut self,
        at: At,
        expr: &Expr,
        horizon: &Horizon,
    ) -> Option<Condition> {
        match &expr.kind {
            ExprKind::Binary {
                op: op @ (BinaryOp::And | BinaryOp::Or),
                left,
                right,
                ..
            } => {
                let (l, r) = (
                    self.condition(at, left, horizon),
                    self.condition(at, right, horizon),
                );
                let and = *op == BinaryOp::And;
                // `a and b and c` is one list, not a nest.
                let mut parts = Vec::new();
                for c in [l?, r?] {
                    match c {
                        Condition::And(inner) if and => parts.extend(inner),
                        Condition::Or(inner) if !and => parts.extend(inner),
                        other => parts.push(other),
                    }
                }
                Some(if and {
                    Condition::And(parts)
                } else {
                    Condition::Or(parts)
                })
            }
            ExprKind::Unary {
                op: UnaryOp::Not,
                operand,
            } => Some(Condition::Not(Box::new(
                self.condition(at, operand, horizon)?,
            ))),
            ExprKind::Binary {
                op,
                op_span,
                left,
                right,
            } if compare(*op).is_some() => {
                let op = compare(*op)?;
                self.comparison(at, (left, op, *op_span, right), horizon)
            }
            ExprKind::Ref(name) if self.program.lookup(at.scope, &name.text).is_some() => {
                let program = self.program;
                let (there, inner) = program.unalias(at, expr);
                if std::ptr::eq(inner, expr) {
                    self.rule(at, expr, horizon)
                } else {
                    self.condition(there, inner, horizon)
                }
            }
            ExprKind::Call { .. } | ExprKind::Ref(_) => self.rule(at, expr, horizon),
            _ => {
                self.wrong_type(at, expr, Ty::Condition, SPOT);
                None
            }
        }
    }

    fn rule(&mut self, at: At, expr: &Expr, horizon: &Horizon) -> Option<Condition> {
        let value = self.call_value(at, expr, Group::StopRule, SPOT, &mut Edges::default())?;
        let Value::Call(call) = value else {
            return None;
        };
        match call.name.as_str() {
            "plateau" => self.plateau(at, expr, &call, horizon),
            "reaches" => self.reaches(at, expr, &call, horizon),
            "flat" => self.flat(at, expr, &call, horizon),
            "diverges" => {
                let rule = Diverges::read(&call).ok()?;
                let worse = self.change(at, expr, &call, "worse", &rule.metric)?;
                Some(Condition::Diverges {
                    metric: self.metric_ref(&rule.metric),
                    worse,
                })
            }
            _ => None,
        }
    }

    fn plateau(
        &mut self,
        at: At,
        expr: &Expr,
        call: &Call,
        horizon: &Horizon,
    ) -> Option<Condition> {
        let rule = Plateau::read(call).ok()?;
        let improve = self.change(at, expr, call, "improve", &rule.metric);
        let patience = self.looks(at, expr, "patience", 2, rule.patience, horizon);
        let warmup = match rule.warmup {
            Some(w) => Some(self.warmup(at, expr, w, horizon)?),
            None => None,
        };
        let (improve, patience) = (improve?, patience?);
        if improve.amount == 0.0 {
            let span = argument(expr, "improve", 1).map_or(expr.span, |e| e.span);
            self.report(
                Diagnostic::warning("A5017", at.file, span, "any improvement at all counts")
                    .with_label("noise will keep the stage going")
                    .with_help("name the smallest change that matters, such as `1%`"),
            );
        }
        self.can_fire(
            at,
            expr,
            ("patience", 2, patience),
            patience.saturating_add(1),
            warmup,
            horizon,
        );
        Some(Condition::Plateau {
            metric: self.metric_ref(&rule.metric),
            improve,
            patience,
            warmup,
        })
    }

    fn flat(&mut self, at: At, expr: &Expr, call: &Call, horizon: &Horizon) -> Option<Condition> {
        let rule = Flat::read(call).ok()?;
        let within = self.change(at, expr, call, "within", &rule.metric);
        let over = self.looks(at, expr, "over", 2, rule.over, horizon);
        let (within, over) = (within?, over?);
        self.can_fire(at, expr, ("over", 2, over), over, None, horizon);
        Some(Condition::Flat {
            metric: self.metric_ref(&rule.metric),
            within,
            over,
        })
    }

    fn reaches(
        &mut self,
        at: At,
        expr: &Expr,
        call: &Call,
        horizon: &Horizon,
    ) -> Option<Condition> {
        let rule = Reaches::read(call).ok()?;
        let (_, dim) = self.metric_info(&rule.metric)?;
        let span = argument(expr, "value", 1).map_or(expr.span, |e| e.span);
        let Value::Quantity(q) = rule.value else {
            return None;
        };
        if !self.same_dim(at, span, q, dim, &rule.metric) {
            return None;
        }
        if dim == Dim::Share && !(0.0..=1.0).contains(&q.amount) {
            self.report(
                Diagnostic::error(
                    "A5004",
                    at.file,
                    span,
                    format!("`{}` is a share and never reaches {q}", rule.metric),
                )
                .with_label("must be between 0% and 100%"),
            );
            return None;
        }
        self.can_fire(at, expr, ("", 0, 1), 1, None, horizon);
        Some(Condition::Reaches {
            metric: self.metric_ref(&rule.metric),
            value: q.amount,
        })
    }

    /// A change of a metric: a share, or in the metric's own unit.
    fn change(
        &mut self,
        at: At,
        expr: &Expr,
        call: &Call,
        name: &str,
        metric: &str,
    ) -> Option<Quantity> {
        let (_, dim) = self.metric_info(metric)?;
        let Some(Value::Quantity(q)) = call.arg(name) else {
            return None;
        };
        if q.dim == Dim::Share {
            return Some(*q);
        }
        let span = argument(expr, name, 1).map_or(expr.span, |e| e.span);
        self.same_dim(at, span, *q, dim, metric).then_some(*q)
    }

    /// Whether a number has the unit of a metric; says so when it has not.
    pub(super) fn same_dim(
        &mut self,
        at: At,
        span: Span,
        q: Quantity,
        dim: Dim,
        metric: &str,
    ) -> bool {
        // What the metric is measured in is unknown.
        if matches!(self.metrics, super::metric::Scope::Any) {
            return true;
        }
        // Lengths of episodes have no word of their own in a condition.
        if q.dim == dim || (q.dim == Dim::Plain && dim == Dim::EnvSteps) {
            return true;
        }
        let unit = dim.unit_name();
        let (code, message) = match (q.dim, dim) {
            (Dim::Plain, _) => (
                "A3003",
                format!("`{metric}` is measured in `{unit}`, found `{q}` without a unit"),
            ),
            (Dim::Return, Dim::Score) | (Dim::Score, Dim::Return) => (
                "A3008",
                format!(
                    "`{metric}` is measured in `{unit}`, found `{q}`: points and raw returns are never mixed"
                ),
            ),
            (_, Dim::Plain) if q.dim != Dim::Share => {
                ("A3006", format!("`{metric}` has no unit, found `{q}`"))
            }
            (Dim::Share, _) => (
                "A3005",
                format!("`{metric}` is absolute, found the share `{q}`"),
            ),
            _ => (
                "A3002",
                format!("`{metric}` is measured in `{unit}`, found `{q}`"),
            ),
        };
        let mut error = Diagnostic::error(code, at.file, span, message);
        error = match dim {
            Dim::Plain => error.with_label("wanted a plain number"),
            _ => error.with_label(format!("wanted a number of `{unit}`")),
        };
        if q.dim == Dim::Plain && !matches!(dim, Dim::Share | Dim::Plain) {
            let end = Span {
                start: span.end,
                end: span.end,
            };
            error = error.with_replacement(end, format!(" {unit}"));
        }
        self.report(error);
        false
    }

    /// A number of evaluations in a stage, of rounds in a sequence.
    fn looks(
        &mut self,
        at: At,
        expr: &Expr,
        name: &str,
        index: usize,
        q: Quantity,
        horizon: &Horizon,
    ) -> Option<u64> {
        let span = argument(expr, name, index).map_or(expr.span, |e| e.span);
        if q.dim != horizon.looks {
            let (word, place) = if horizon.looks == Dim::Evals {
                ("evals", "stage")
            } else {
                ("rounds", "sequence")
            };
            self.report(
                Diagnostic::error(
                    "A3002",
                    at.file,
                    span,
                    format!("`{name}` counts {word} in a {place}, found `{q}`"),
                )
                .with_label(format!("wanted a number of `{word}`")),
            );
            return None;
        }
        if q.amount.fract() != 0.0 {
            self.error(
                "A2001",
                at,
                span,
                format!("`{name}` wants a whole number, found `{q}`"),
            );
            return None;
        }
        Some(q.amount as u64)
    }

    fn warmup(&mut self, at: At, expr: &Expr, q: Quantity, horizon: &Horizon) -> Option<Quantity> {
        let span = argument(expr, "warmup", 3).map_or(expr.span, |e| e.span);
        if horizon.looks == Dim::Rounds {
            self.error("A3002", at, span, "a sequence has no warm-up in steps");
            return None;
        }
        if q.dim != horizon.clock {
            let wanted = horizon.clock.unit_name();
            let code = if horizon.clock == Dim::EnvSteps {
                "A3007"
            } else {
                "A3002"
            };
            self.report(
                Diagnostic::error(
                    code,
                    at.file,
                    span,
                    format!("this stage counts `{wanted}`, found `{q}`"),
                )
                .with_label(format!("wanted a number of `{wanted}`")),
            );
            return None;
        }
        Some(q)
    }

    fn comparison(
        &mut self,
        at: At,
        (left, op, op_span, right): (&Expr, Cmp, Span, &Expr),
        horizon: &Horizon,
    ) -> Option<Condition> {
        let l = self.operand(at, left, horizon);
        let r = self.operand(at, right, horizon);
        let ((l, ldim), (r, rdim)) = (l?, r?);
        let metric = |o: &Operand| match o {
            Operand::Metric(m) => m.name.clone(),
            Operand::Clock(d) => d.unit_name().to_owned(),
            Operand::Number(_) => String::new(),
        };
        match (&l, &r) {
            (Operand::Number(_), Operand::Number(_)) => {
                self.report(
                    Diagnostic::error(
                        "A5005",
                        at.file,
                        left.span.to(right.span),
                        "this condition never changes",
                    )
                    .with_label("two numbers")
                    .with_help("compare a metric or a clock such as `steps`"),
                );
                return None;
            }
            (Operand::Number(x), other) => {
                let q = Quantity::new(*x, ldim);
                if !self.same_dim(at, left.span, q, rdim, &metric(other)) {
                    return None;
                }
            }
            (other, Operand::Number(x)) => {
                let q = Quantity::new(*x, rdim);
                if !self.same_dim(at, right.span, q, ldim, &metric(other)) {
                    return None;
                }
            }
            _ if ldim != rdim => {
                self.report(
                    Diagnostic::error(
                        "A2015",
                        at.file,
                        op_span,
                        "metrics of different kinds are compared",
                    )
                    .with_label(format!(
                        "`{}` with `{}`",
                        metric(&l),
                        metric(&r)
                    )),
                );
                return None;
            }
            _ => {}
        }
        Some(Condition::Compare {
            left: l,
            op,
            right: r,
        })
    }

    fn operand(&mut self, at: At, expr: &Expr, horizon: &Horizon) -> Option<(Operand, Dim)> {
        if let ExprKind::Ref(name) = &expr.kind {
            let clock = match name.text.as_str() {
                "elapsed" => {
                    self.report(
                        Diagnostic::error(
                            "A5016",
                            at.file,
                            expr.span,
                            "the clock decides only in a `budget`",
                        )
                        .with_label("depends on the machine")
                        .with_help(
                            "write the time into the budget: `budget = 10k steps or 40 min`",
                        ),
                    );
                    return None;
                }
                "steps" => Some(Dim::Steps),
                "env_steps" => Some(Dim::EnvSteps),
                "evals" => Some(Dim::Evals),
                "rounds" if horizon.looks == Dim::Rounds => Some(Dim::Rounds),
                _ => None,
            };
            if let Some(dim) = clock {
                return Some((Operand::Clock(dim), dim));
            }
        }
        if let Some(name) = expr.dotted()
            && let Some((_, dim)) = self.metric_info(&name)
        {
            return Some((Operand::Metric(self.metric_ref(&name)), dim));
        }
        match self.fold(at, expr) {
            Folded::Num(Num { value, dim, .. }) => {
                Some((Operand::Number(value), dim.unwrap_or(Dim::Plain)))
            }
            Folded::Poison => None,
            Folded::Other => {
                let Value::Name(name) = self.metric_value(at, expr, SPOT)? else {
                    return None;
                };
                let (_, dim) = self.metric_info(&name)?;
                Some((Operand::Metric(self.metric_ref(&name)), dim))
            }
        }
    }

    /// A cadence such as `eval every 5k steps`.
    pub(super) fn cadence(
        &mut self,
        at: At,
        expr: &Expr,
        what: &str,
        clock: Dim,
    ) -> Option<Quantity> {
        let spot = Spot {
            path: "every",
            name: what,
        };
        let ty = match clock {
            Dim::EnvSteps => Ty::Quantity(&[Dim::EnvSteps]),
            _ => Ty::Quantity(&[Dim::Steps]),
        };
        let bounds = Bounds::at_least(1.0);
        match self.value(at, expr, ty, Some(&bounds), spot, &mut Edges::default())? {
            Value::Quantity(q) => Some(q),
            _ => None,
        }
    }
}

/// The expression of an argument, by name or by position.
pub(super) fn argument<'a>(call: &'a Expr, name: &str, index: usize) -> Option<&'a Expr> {
    let ExprKind::Call { args, .. } = &call.kind else {
        return None;
    };
    args.iter()
        .find(|a| a.name.as_ref().is_some_and(|n| n.text == name))
        .or_else(|| args.get(index).filter(|a| a.name.is_none()))
        .map(|a| &a.value)
}

/// A comparison operator.
pub(super) fn compare(op: BinaryOp) -> Option<Cmp> {
    Some(match op {
        BinaryOp::Lt => Cmp::Lt,
        BinaryOp::Le => Cmp::Le,
        BinaryOp::Gt => Cmp::Gt,
        BinaryOp::Ge => Cmp::Ge,
        BinaryOp::Eq => Cmp::Eq,
        BinaryOp::Ne => Cmp::Ne,
        _ => return None,
    })
}
