//! A5006: can the parts of an `and` hold together?
//!
//! Each comparison of a metric or a clock with a number is an interval; two whose intervals have no number in common exclude each
//! other, and so do a condition and its own `not`.

use align_grammar::ast::{BinaryOp, Expr, ExprKind, Span, UnaryOp};
use align_plan::{Better, Cmp, Condition, Operand};

use super::Checker;
use crate::diag::Diagnostic;
use crate::hir::At;

/// The numbers that a condition allows its metric (or clock), or a filter its measure.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Range {
    pub of: String,
    pub lo: f64,
    pub hi: f64,
    pub lo_in: bool,
    pub hi_in: bool,
}

impl Checker<'_> {
    /// A5006, in every `and` of a condition.
    pub(super) fn excluded_rules(&mut self, at: At, expr: &Expr, condition: &Condition) {
        let (parts, op) = match condition {
            Condition::And(parts) => (parts, BinaryOp::And),
            Condition::Or(parts) => (parts, BinaryOp::Or),
            Condition::Not(inner) => {
                if let ExprKind::Unary {
                    op: UnaryOp::Not,
                    operand,
                } = &expr.kind
                {
                    self.excluded_rules(at, operand, inner);
                }
                return;
            }
            _ => return,
        };
        let mut written = Vec::new();
        joined(expr, op, &mut written);
        // A part may stand behind a name; then the places are not known one by one.
        if written.len() != parts.len() {
            return;
        }
        for (expr, part) in written.iter().zip(parts) {
            self.excluded_rules(at, expr, part);
        }
        if op == BinaryOp::And {
            self.contradiction(at, &written, parts);
        }
    }

    /// The first pair of parts that cannot hold together.
    fn contradiction(&mut self, at: At, written: &[&Expr], parts: &[Condition]) {
        let ranges: Vec<Option<Range>> = parts.iter().map(|c| range(c, false)).collect();
        for (i, part) in parts.iter().enumerate() {
            for (j, other) in parts.iter().enumerate().take(i) {
                let opposite = |a: &Condition, b: &Condition| matches!(a, Condition::Not(inner) if **inner == *b);
                let (Some(here), Some(there)) = (written.get(i), written.get(j)) else {
                    continue;
                };
                if opposite(part, other) || opposite(other, part) {
                    self.exclude(at, here.span, there.span, "one is the `not` of the other");
                    return;
                }
                if let (Some(Some(a)), Some(Some(b))) = (ranges.get(i), ranges.get(j))
                    && apart(a, b)
                {
                    let why = format!("`{}` cannot be both", a.of);
                    self.exclude(at, here.span, there.span, &why);
                    return;
                }
            }
        }
    }

    fn exclude(&mut self, at: At, here: Span, there: Span, why: &str) {
        self.report(
            Diagnostic::error(
                "A5006",
                at.file,
                here,
                format!("these two never hold together: {why}"),
            )
            .with_label("and this")
            .with_place(at.file, there, "this")
            .with_help("write `or` between them, or change one of the numbers"),
        );
    }
}

/// The expressions that an operator joins, in the order written.
fn joined<'e>(expr: &'e Expr, op: BinaryOp, out: &mut Vec<&'e Expr>) {
    match &expr.kind {
        ExprKind::Binary {
            op: this,
            left,
            right,
            ..
        } if *this == op => {
            joined(left, op, out);
            joined(right, op, out);
        }
        _ => out.push(expr),
    }
}

/// Whether no number lies in both.
#[allow(
    clippy::float_cmp,
    reason = "ends of intervals meet exactly or not at all"
)]
pub(super) fn apart(a: &Range, b: &Range) -> bool {
    if a.of != b.of {
        return false;
    }
    let (lo, lo_in) = if a.lo > b.lo || (a.lo == b.lo && !a.lo_in) {
        (a.lo, a.lo_in)
    } else {
        (b.lo, b.lo_in)
    };
    let (hi, hi_in) = if a.hi < b.hi || (a.hi == b.hi && !a.hi_in) {
        (a.hi, a.hi_in)
    } else {
        (b.hi, b.hi_in)
    };
    lo > hi || (lo == hi && !(lo_in && hi_in))
}

/// The interval of a condition (of its opposite, when `negated`); none for what is no comparison with a number.
fn range(condition: &Condition, negated: bool) -> Option<Range> {
    match condition {
        Condition::Not(inner) => range(inner, !negated),
        Condition::Compare { left, op, right } => {
            let (of, op, number) = match (left, right) {
                (Operand::Number(x), other) => (name(other)?, op.mirrored(), *x),
                (other, Operand::Number(x)) => (name(other)?, *op, *x),
                _ => return None,
            };
            interval(of, if negated { opposite(op) } else { op }, number)
        }
        Condition::Reaches { metric, value } => {
            let op = match metric.better {
                Better::Up => Cmp::Ge,
                Better::Down => Cmp::Le,
            };
            interval(
                metric.name.clone(),
                if negated { opposite(op) } else { op },
                *value,
            )
        }
        _ => None,
    }
}

fn name(operand: &Operand) -> Option<String> {
    match operand {
        Operand::Metric(m) => Some(m.name.clone()),
        Operand::Clock(dim) => Some(dim.unit_name().to_owned()),
        Operand::Number(_) => None,
    }
}

/// The comparison that holds where this one does not.
fn opposite(op: Cmp) -> Cmp {
    match op {
        Cmp::Lt => Cmp::Ge,
        Cmp::Le => Cmp::Gt,
        Cmp::Gt => Cmp::Le,
        Cmp::Ge => Cmp::Lt,
        Cmp::Eq => Cmp::Ne,
        Cmp::Ne => Cmp::Eq,
    }
}

pub(super) fn interval(of: String, op: Cmp, x: f64) -> Option<Range> {
    let (lo, hi, lo_in, hi_in) = match op {
        Cmp::Lt => (f64::NEG_INFINITY, x, true, false),
        Cmp::Le => (f64::NEG_INFINITY, x, true, true),
        Cmp::Gt => (x, f64::INFINITY, false, true),
        Cmp::Ge => (x, f64::INFINITY, true, true),
        Cmp::Eq => (x, x, true, true),
        Cmp::Ne => return None,
    };
    Some(Range {
        of,
        lo,
        hi,
        lo_in,
        hi_in,
    })
}
