//! Numbers, units and arithmetic: what is the number here, and does it fit?

use align_grammar::ast::{BinaryOp, Expr, ExprKind, Name, Span, UnaryOp};
use align_schema::{Bounds, Dim, Quantity, Ty, UNITS, Value, unit};

use super::{Bound, Checker, Let, Spot};
use crate::diag::Diagnostic;
use crate::hir::{At, Kind};
use crate::suggest::{near, suggested};

/// A folded number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Num {
    /// In base units.
    pub value: f64,
    /// Its dimension, if it has a unit.
    pub dim: Option<Dim>,
    /// Of its unit, where it is a literal.
    pub unit: Option<Span>,
}

/// What an expression is as a number.
pub(super) enum Folded {
    /// A number.
    Num(Num),
    /// Something else.
    Other,
    /// Wrong, and said so.
    Poison,
}

impl Num {
    /// From a value that holds a number.
    pub fn of(value: &Value) -> Option<Num> {
        let (value, dim) = match value {
            Value::Int(n) => (*n as f64, None),
            Value::Float(x) => (*x, None),
            Value::Quantity(q) => (q.amount, Some(q.dim)),
            _ => return None,
        };
        Some(Num {
            value,
            dim,
            unit: None,
        })
    }

    /// As a value of no particular type.
    pub fn value(self) -> Value {
        match self.dim {
            Some(dim) => Value::Quantity(Quantity::new(self.value, dim)),
            None if self.value.fract() == 0.0 && self.value.abs() < 9e15 => {
                Value::Int(self.value as i64)
            }
            None => Value::Float(self.value),
        }
    }

    fn show(self) -> String {
        self.value().to_string()
    }
}

/// `steps`, `steps or min`.
pub(super) fn units(dims: &[Dim]) -> String {
    let words: Vec<&str> = dims
        .iter()
        .filter(|d| **d != Dim::Plain)
        .map(|d| match d {
            Dim::Time => "min",
            d => d.unit_name(),
        })
        .collect();
    crate::suggest::one_of(&words)
}

/// Writes an interval in the unit of a dimension.
fn show_bounds(bounds: &Bounds, dim: Option<Dim>) -> String {
    let Some(dim) = dim.filter(|d| *d != Dim::Plain) else {
        return bounds.to_string();
    };
    let q = |x: f64| Quantity::new(x, dim).to_string();
    match (bounds.lo.is_finite(), bounds.hi.is_finite()) {
        (true, false) if bounds.lo_in => format!("at least {}", q(bounds.lo)),
        (true, false) => format!("above {}", q(bounds.lo)),
        (false, true) if bounds.hi_in => format!("at most {}", q(bounds.hi)),
        (false, true) => format!("below {}", q(bounds.hi)),
        _ => format!(
            "{} {} and {} {}",
            if bounds.lo_in { "at least" } else { "above" },
            q(bounds.lo),
            if bounds.hi_in { "at most" } else { "below" },
            q(bounds.hi)
        ),
    }
}

impl Checker<'_> {
    /// The dimension and factor of a unit word.
    fn unit_of(&mut self, at: At, name: &Name) -> Option<(Dim, f64)> {
        if let Some(u) = unit(&name.text) {
            return Some((u.dim, u.scale));
        }
        let error = Diagnostic::error(
            "A3001",
            at.file,
            name.span,
            format!("there is no unit `{}`", name.text),
        )
        .with_label("not a unit")
        .with_help("units are counts such as `steps`, times such as `min`, sizes such as `MiB`, `%` and `points`");
        let near = near(&name.text, UNITS.iter().map(|u| u.name));
        self.report(suggested(error, name.span, &near));
        None
    }

    /// Folds literals, arithmetic and names of numbers.
    pub(super) fn fold(&mut self, at: At, expr: &Expr) -> Folded {
        match &expr.kind {
            ExprKind::Number { number, unit } => {
                let Some(name) = unit else {
                    return Folded::Num(Num {
                        value: number.value,
                        dim: None,
                        unit: None,
                    });
                };
                match self.unit_of(at, name) {
                    Some((dim, scale)) => Folded::Num(Num {
                        value: tidy(number.value, scale),
                        dim: Some(dim),
                        unit: Some(name.span),
                    }),
                    None => Folded::Poison,
                }
            }
            ExprKind::Unary {
                op: UnaryOp::Neg,
                operand,
            } => match self.fold(at, operand) {
                Folded::Num(n) => Folded::Num(Num {
                    value: -n.value,
                    ..n
                }),
                other => other,
            },
            ExprKind::Binary {
                op: op @ (BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div),
                op_span,
                left,
                right,
            } => {
                let (l, r) = (self.fold(at, left), self.fold(at, right));
                match (l, r) {
                    (Folded::Num(l), Folded::Num(r)) => {
                        self.arithmetic(at, *op, (*op_span, expr.span), l, r)
                    }
                    (Folded::Other, _) => self.not_a_number(at, left),
                    (_, Folded::Other) => self.not_a_number(at, right),
                    _ => Folded::Poison,
                }
            }
            ExprKind::Ref(name) => {
                let Some(id) = self.program.lookup(at.scope, &name.text) else {
                    return Folded::Other;
                };
                let value = match &self.program.def(id).kind {
                    Kind::Let(_) => match self.lets.get(&id) {
                        Some(Let::Value(v)) => v.clone(),
                        Some(Let::Alias) => return Folded::Other,
                        Some(Let::Poison) | None => return Folded::Poison,
                    },
                    Kind::Param(_) | Kind::Formal(_) => match self.bound.get(&id) {
                        Some(Bound::Known(v)) => v.clone(),
                        _ => return Folded::Poison,
                    },
                    Kind::Poison => return Folded::Poison,
                    _ => return Folded::Other,
                };
                Num::of(&value).map_or(Folded::Other, Folded::Num)
            }
            ExprKind::Error => Folded::Poison,
            _ => Folded::Other,
        }
    }

    fn not_a_number(&mut self, at: At, expr: &Expr) -> Folded {
        let (origin, meant) = self.program.unalias(at, expr);
        if self.undefined(origin, meant, None) {
            return Folded::Poison;
        }
        let found = self.describe(at, expr);
        if let Some(found) = found {
            self.report(
                Diagnostic::error(
                    "A2001",
                    at.file,
                    expr.span,
                    format!("arithmetic wants numbers, found {found}"),
                )
                .with_label(found),
            );
        }
        Folded::Poison
    }

    fn arithmetic(
        &mut self,
        at: At,
        op: BinaryOp,
        (op_span, span): (Span, Span),
        l: Num,
        r: Num,
    ) -> Folded {
        let num = |value: f64, dim| {
            Folded::Num(Num {
                value,
                dim,
                unit: None,
            })
        };

        match (op, l.dim, r.dim) {
            (BinaryOp::Add, a, b) if a == b => num(l.value + r.value, a),
            (BinaryOp::Sub, a, b) if a == b => num(l.value - r.value, a),
            (BinaryOp::Mul, a, None) => num(l.value * r.value, a),
            (BinaryOp::Mul, None, b) => num(l.value * r.value, b),
            (BinaryOp::Div, _, _) if r.value == 0.0 => {
                self.report(
                    Diagnostic::error("A2011", at.file, span, "division by zero")
                        .with_label("the divisor is 0"),
                );
                Folded::Poison
            }
            (BinaryOp::Div, a, None) => num(l.value / r.value, a),
            (BinaryOp::Div, a, b) if a == b => num(l.value / r.value, None),
            _ => {
                let words = |n: Num| n.dim.map_or("a plain number", Dim::unit_name);
                self.report(
                    Diagnostic::error(
                        "A3002",
                        at.file,
                        op_span,
                        format!(
                            "`{}` and `{}` have different dimensions",
                            l.show(),
                            r.show()
                        ),
                    )
                    .with_label(format!("{} with {}", words(l), words(r))),
                );
                Folded::Poison
            }
        }
    }

    /// Fits a number into a type and its bounds.
    pub(super) fn fit(
        &mut self,
        at: At,
        span: Span,
        num: Num,
        ty: Ty,
        bounds: Option<&Bounds>,
        spot: Spot,
    ) -> Option<Value> {
        let value = match ty {
            Ty::Int | Ty::Float => {
                if num.dim.is_some() {
                    self.plain_with_unit(at, span, num, spot);
                    return None;
                }
                if ty == Ty::Int {
                    if num.value.fract() != 0.0 || num.value.abs() > 9e15 {
                        self.report(
                            Diagnostic::error(
                                "A2001",
                                at.file,
                                span,
                                format!(
                                    "`{}` wants a whole number, found `{}`",
                                    spot.name,
                                    num.show()
                                ),
                            )
                            .with_label("not a whole number"),
                        );
                        return None;
                    }
                    Value::Int(num.value as i64)
                } else {
                    Value::Float(num.value)
                }
            }
            Ty::Quantity(dims) | Ty::QuantityOrBudget(dims) | Ty::Amount(dims) => match num.dim {
                Some(dim) if dims.contains(&dim) => Value::Quantity(Quantity::new(num.value, dim)),
                None if matches!(ty, Ty::Amount(_)) => {
                    // An amount in its only unit is the same with and without it.
                    match dims {
                        [dim] => Value::Quantity(Quantity::new(num.value, *dim)),
                        _ => Value::Quantity(Quantity::new(num.value, Dim::Plain)),
                    }
                }
                None => {
                    self.unit_missing(at, span, num, dims, spot);
                    return None;
                }
                Some(dim) => {
                    self.wrong_unit(at, span, num, dim, dims, spot);
                    return None;
                }
            },
            _ => return None,
        };
        let inside = bounds.is_none_or(|b| b.contain(num.value));
        if !inside || !num.value.is_finite() {
            let dim = match &value {
                Value::Quantity(q) => Some(q.dim),
                _ => None,
            };
            let wanted = bounds.map_or_else(|| "finite".into(), |b| show_bounds(b, dim));
            self.report(
                Diagnostic::error(
                    "A2011",
                    at.file,
                    span,
                    format!(
                        "`{}` is `{}`, which is out of bounds",
                        spot.name,
                        num.show()
                    ),
                )
                .with_label(format!("must be {wanted}")),
            );
            return None;
        }
        if let Value::Quantity(q) = &value {
            self.plausible(at, span, *q, spot);
        }
        Some(value)
    }

    fn plain_with_unit(&mut self, at: At, span: Span, num: Num, spot: Spot) {
        let mut error = Diagnostic::error(
            "A3006",
            at.file,
            span,
            format!("`{}` is a plain number, found `{}`", spot.name, num.show()),
        )
        .with_label("has a unit");
        if num.dim == Some(Dim::Share) {
            let plain = Value::Float(num.value).to_string();
            error = error
                .with_help(format!("write `{plain}`"))
                .with_replacement(span, plain);
        } else if let Some(unit) = num.unit {
            // The blanks between the number and its unit go too.
            let text = self.sources.slice(at.file, span);
            let before = &text[..(unit.start.saturating_sub(span.start) as usize).min(text.len())];
            let start = span.start + before.trim_end().len() as u32;
            error = error.with_help("leave the unit out").with_replacement(
                Span {
                    start,
                    end: unit.end,
                },
                "",
            );
        }
        self.report(error);
    }

    fn unit_missing(&mut self, at: At, span: Span, num: Num, dims: &[Dim], spot: Spot) {
        let error = Diagnostic::error(
            "A3003",
            at.file,
            span,
            format!("`{}` needs a unit, found `{}`", spot.name, num.show()),
        )
        .with_label(format!("wanted a number of {}", units(dims)));
        let end = Span {
            start: span.end,
            end: span.end,
        };
        let error = match dims {
            // Only one unit is possible, and it does not change the number.
            [Dim::Time | Dim::Size | Dim::Share] => {
                error.with_help(format!("such as `{}`", example(dims[0])))
            }
            [dim] => error
                .with_help(format!(
                    "write `{} {}`",
                    self.sources.slice(at.file, span),
                    dim.unit_name()
                ))
                .with_replacement(end, format!(" {}", dim.unit_name())),
            _ => error.with_help(format!("add one of {}", units(dims))),
        };
        self.report(error);
    }

    fn wrong_unit(&mut self, at: At, span: Span, num: Num, dim: Dim, dims: &[Dim], spot: Spot) {
        let has = |d| dims.contains(&d);
        let show = num.show();
        let (code, message) = if dim == Dim::Steps && has(Dim::EnvSteps) {
            (
                "A3007",
                format!("`{}` counts environment steps, found `{show}`", spot.name),
            )
        } else if matches!(
            (dim, has(Dim::Score), has(Dim::Return)),
            (Dim::Return, true, _) | (Dim::Score, _, true)
        ) {
            (
                "A3008",
                format!(
                    "points and raw returns are never mixed: `{}` wants {}, found `{show}`",
                    spot.name,
                    units(dims)
                ),
            )
        } else if dim == Dim::Share || dims == [Dim::Share] {
            let what = if dim == Dim::Share {
                "an absolute value"
            } else {
                "a share"
            };
            (
                "A3005",
                format!("`{}` wants {what}, found `{show}`", spot.name),
            )
        } else {
            (
                "A3002",
                format!(
                    "`{}` is measured in {}, found `{show}`",
                    spot.name,
                    units(dims)
                ),
            )
        };
        let mut error = Diagnostic::error(code, at.file, span, message)
            .with_label(format!("this is in {}", units(&[dim])))
            .with_help(format!("wanted a number of {}", units(dims)));
        if code == "A3007"
            && let Some(unit) = num.unit
        {
            error = error
                .with_help("write `env_steps`")
                .with_replacement(unit, "env_steps");
        }
        self.report(error);
    }
}

/// A quantity that a message can show.
fn example(dim: Dim) -> &'static str {
    match dim {
        Dim::Time => "10 min",
        Dim::Size => "512 MiB",
        _ => "5%",
    }
}

/// A number times a unit's factor, without the noise of binary fractions: `5%` is exactly `0.05`.
fn tidy(value: f64, scale: f64) -> f64 {
    if scale < 1.0 {
        value / (1.0 / scale).round()
    } else {
        value * scale
    }
}
