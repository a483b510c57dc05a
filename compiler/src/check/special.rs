//! Fields with a syntax of their own: budgets, splits, filters.

use align_grammar::ast::{BinaryOp, Expr, ExprKind};
use align_schema::{Bounds, Call, Dim, Group, Quantity, Ty, Value};

use super::number::Folded;
use super::{Checker, Edges, Spot};
use crate::diag::Diagnostic;
use crate::hir::At;
use crate::suggest::{near, suggested};

/// What a budget can be measured in.
const BUDGET: Ty = Ty::Quantity(&[Dim::Steps, Dim::EnvSteps, Dim::Epochs, Dim::Time]);
/// Measures of an episode that a filter can compare.
const MEASURES: &[(&str, Dim)] = &[
    ("score", Dim::Score),
    ("return", Dim::Return),
    ("length", Dim::EnvSteps),
];

impl Checker<'_> {
    /// `a or b`, as quantities in the order of their dimensions: the order in which a person writes them means nothing.
    pub(super) fn budget(&mut self, at: At, expr: &Expr) -> Option<Vec<Quantity>> {
        let mut out = Vec::new();
        let good = self.budget_parts(at, expr, &mut out);
        out.sort_by(|a, b| a.dim.cmp(&b.dim).then(a.amount.total_cmp(&b.amount)));
        // Two limits of one dimension: the nearer one decides.
        out.dedup_by(|b, a| a.dim == b.dim);
        good.then_some(out)
    }

    fn budget_parts(&mut self, at: At, expr: &Expr, out: &mut Vec<Quantity>) -> bool {
        let program = self.program;
        let (at, expr) = program.unalias(at, expr);
        match &expr.kind {
            ExprKind::Binary {
                op: BinaryOp::Or,
                left,
                right,
                ..
            } => {
                let l = self.budget_parts(at, left, out);
                self.budget_parts(at, right, out) && l
            }
            ExprKind::Binary {
                op: op @ BinaryOp::And,
                op_span,
                ..
            } => {
                let _ = op;
                self.report(
                    Diagnostic::error(
                        "A2001",
                        at.file,
                        *op_span,
                        "limits of a budget are joined by `or`",
                    )
                    .with_label("the first limit that is reached ends the stage")
                    .with_replacement(*op_span, "or"),
                );
                false
            }
            _ => {
                let spot = Spot {
                    path: "budget",
                    name: "budget",
                };
                match self.fold(at, expr) {
                    Folded::Num(num) => {
                        let bounds = Bounds::positive();
                        match self.fit(at, expr.span, num, BUDGET, Some(&bounds), spot) {
                            Some(Value::Quantity(q)) => {
                                out.push(q);
                                true
                            }
                            _ => false,
                        }
                    }
                    Folded::Poison => false,
                    Folded::Other => {
                        self.wrong_type(at, expr, Ty::Budget, spot);
                        false
                    }
                }
            }
        }
    }

    /// `{ train: 90%, valid: 10% } by episode`.
    pub(super) fn split(&mut self, at: At, expr: &Expr, spot: Spot) -> Option<Value> {
        let program = self.program;
        let (at, mut expr) = program.unalias(at, expr);
        if let ExprKind::Binary {
            op: BinaryOp::By,
            left,
            right,
            ..
        } = &expr.kind
        {
            if !matches!(&right.kind, ExprKind::Ref(n) if n.text == "episode") {
                self.report(
                    Diagnostic::error("A2013", at.file, right.span, "data is split by `episode`")
                        .with_label("wanted `episode`")
                        .with_help("windows of one episode never stand on both sides")
                        .with_replacement(right.span, "episode"),
                );
                return None;
            }
            expr = left;
        }
        let ExprKind::Record(entries) = &expr.kind else {
            self.wrong_type(at, expr, Ty::Split, spot);
            return None;
        };
        let mut shares: Vec<(String, f64)> = Vec::new();
        let mut good = true;
        for (key, value) in entries {
            let name = key.text();
            if !matches!(name.as_str(), "train" | "valid") {
                let error = Diagnostic::error(
                    "A1002",
                    at.file,
                    key.span,
                    format!("a split has no part `{name}`"),
                )
                .with_help("its parts are `train` and `valid`");
                let near = near(&name, ["train", "valid"]);
                self.report(suggested(error, key.span, &near));
                good = false;
                continue;
            }
            if shares.iter().any(|(n, _)| *n == name) {
                self.error(
                    "A1005",
                    at,
                    key.span,
                    format!("`{name}` stands twice in this split"),
                );
                good = false;
                continue;
            }
            let inner = Spot {
                path: spot.path,
                name: &name,
            };
            let bounds = Bounds::closed(0.0, 1.0);
            let ty = Ty::Quantity(&[Dim::Share]);
            match self.value(at, value, ty, Some(&bounds), inner, &mut Edges::default()) {
                Some(v) => {
                    let share = v.number().unwrap_or(0.0);
                    if share <= 0.0 {
                        self.report(
                            Diagnostic::error(
                                "A7002",
                                at.file,
                                value.span,
                                format!("the part `{name}` is empty"),
                            )
                            .with_label("no episode is in it"),
                        );
                        good = false;
                    }
                    shares.push((name, share));
                }
                None => good = false,
            }
        }
        if !good {
            return None;
        }
        if shares.len() < 2 {
            let missing = if shares.iter().any(|(n, _)| n == "train") {
                "valid"
            } else {
                "train"
            };
            self.report(
                Diagnostic::error(
                    "A7002",
                    at.file,
                    expr.span,
                    format!("the part `{missing}` is empty"),
                )
                .with_label(format!("`{missing}` is missing"))
                .with_help("such as `{ train: 90%, valid: 10% } by episode`"),
            );
            return None;
        }
        let total: f64 = shares.iter().map(|(_, s)| s).sum();
        if (total - 1.0).abs() > 1e-9 {
            let shown = Quantity::new(total, Dim::Share);
            self.report(
                Diagnostic::error(
                    "A2012",
                    at.file,
                    expr.span,
                    format!("the parts add up to {shown}, not to 100%"),
                )
                .with_label(format!("together {shown}")),
            );
            return None;
        }
        shares.sort_by(|a, b| a.0.cmp(&b.0));
        Some(Value::Record(
            shares
                .into_iter()
                .map(|(n, s)| (n, Value::Quantity(Quantity::new(s, Dim::Share))))
                .collect(),
        ))
    }

    /// `score >= percentile(90%)`, or a call such as `top(10%, by: return)`.
    pub(super) fn filter(
        &mut self,
        at: At,
        expr: &Expr,
        spot: Spot,
        edges: &mut Edges,
    ) -> Option<Value> {
        let program = self.program;
        let (at, expr) = program.unalias(at, expr);
        let ExprKind::Binary {
            op, left, right, ..
        } = &expr.kind
        else {
            return self.filter_call(at, expr, spot, edges);
        };
        let symbol = match op {
            BinaryOp::Ge => ">=",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Lt => "<",
            _ => {
                self.wrong_type(at, expr, Ty::Filter, spot);
                return None;
            }
        };
        let (measure, dim) = self.measure(at, left, spot, edges)?;
        let spot = Spot {
            path: spot.path,
            name: "right side",
        };
        let right = match self.fold(at, right) {
            Folded::Num(num) => {
                let ty = match dim {
                    Dim::Score => Ty::Quantity(&[Dim::Score]),
                    Dim::Return => Ty::Quantity(&[Dim::Return]),
                    Dim::EnvSteps => Ty::Quantity(&[Dim::EnvSteps]),
                    _ => Ty::Float,
                };
                self.fit(at, right.span, num, ty, None, spot)?
            }
            Folded::Poison => return None,
            Folded::Other => self.call_value(at, right, Group::Filter, spot, edges)?,
        };
        Some(Value::from(Call {
            name: symbol.to_owned(),
            args: vec![("left".into(), measure), ("right".into(), right)],
        }))
    }

    fn filter_call(&mut self, at: At, expr: &Expr, spot: Spot, edges: &mut Edges) -> Option<Value> {
        let value = self.call_value(at, expr, Group::Filter, spot, edges)?;
        if let Value::Call(call) = &value {
            let by = call.arg("by");
            if matches!(by, Some(Value::Name(n)) if n == "advantage")
                && call.arg("critic").is_none()
            {
                self.report(
                    Diagnostic::error(
                        "A2003",
                        at.file,
                        expr.span,
                        "ranking by `advantage` needs the argument `critic`",
                    )
                    .with_label("`critic` missing")
                    .with_help("such as `top(10%, by: advantage, critic: value.best)`"),
                );
                return None;
            }
            if matches!(call.name.as_str(), "percentile" | "advantage") {
                self.wrong_type(at, expr, Ty::Filter, spot);
                return None;
            }
        }
        Some(value)
    }

    /// The left side of a filter.
    fn measure(
        &mut self,
        at: At,
        expr: &Expr,
        spot: Spot,
        edges: &mut Edges,
    ) -> Option<(Value, Dim)> {
        if let ExprKind::Ref(name) = &expr.kind {
            if let Some((_, dim)) = MEASURES.iter().find(|(n, _)| *n == name.text) {
                return Some((Value::Name(name.text.clone()), *dim));
            }
            let words: Vec<&str> = MEASURES.iter().map(|(n, _)| *n).collect();
            let message = format!("episodes have no measure `{}`", name.text);
            let help = format!(
                "they have {}, and `advantage(critic)`",
                crate::suggest::all_of(&words)
            );
            self.unknown("A1001", at, name, message, &words, Some(help));
            return None;
        }
        let value = self.call_value(at, expr, Group::Filter, spot, edges)?;
        Some((value, Dim::Plain))
    }
}
