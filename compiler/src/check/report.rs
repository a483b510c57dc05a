//! Reports: a table and claims over the metrics of a pipeline.

use align_grammar::ast::{BinaryOp, Block, Expr, ExprKind, Name, StmtKind};
use align_plan::{Expect, Lane, Report};
use align_schema::{BlockKind, Call, Dim, Group, Quantity, Value};
use rustc_hash::FxHashMap;

use super::claims::Subject;
use super::condition::compare;
use super::metric::{Metrics, Reported, Scope};
use super::number::Folded;
use super::{Checker, Draft, Edges, Entity, Spot, Wrong};
use crate::diag::Diagnostic;
use crate::hir::{At, DefId, Kind, PipelineDef};
use crate::suggest::{near, suggested};
use std::rc::Rc;

const SPOT: Spot = Spot {
    path: "expect",
    name: "expect",
};

impl Checker<'_> {
    pub(super) fn reports(&mut self, lanes: &[(Lane, Vec<Draft>)]) -> Vec<Report> {
        let program = self.program;
        let mut out = Vec::new();
        for report in &program.reports {
            if let Some(r) = self.one_report(report.at, &report.block, lanes) {
                out.push(r);
            }
        }
        out
    }

    fn one_report(
        &mut self,
        at: At,
        block: &Block,
        lanes: &[(Lane, Vec<Draft>)],
    ) -> Option<Report> {
        let program = self.program;
        // Without one its head did not parse.
        let name = block.of.as_ref().and_then(|of| of.parts.first());
        let target = name.and_then(|name| program.lookup(at.scope, &name.text));
        if let (Some(name), None) = (name, target) {
            let words = program.names(at.scope, |k| {
                matches!(k, Kind::Sweep(_) | Kind::Pipeline(_))
            });
            self.unknown_name(at, name, &words, "sweep or pipeline");
        }
        let pipeline = name
            .zip(target)
            .and_then(|(name, target)| self.reported(at, name, target).ok());
        let (scope, axes) = match pipeline {
            Some(pipeline) => self.report_scope(pipeline),
            // What it is on is wrong; what it says is still checked as far as that goes.
            None => (Scope::Any, Vec::new()),
        };
        let swept = match target.map(|target| &program.def(target).kind) {
            Some(Kind::Sweep(block)) => super::sweep::axis_names(block),
            _ => Vec::new(),
        };
        let axes = pipeline.is_some().then_some(axes.as_slice());
        let subject = Subject::new(lanes, program, target);
        self.metrics = scope;
        let mut table = None;
        let mut expects = Vec::new();
        let mut good = pipeline.is_some();
        let mut fields = Vec::new();
        for stmt in &block.body {
            match &stmt.kind {
                StmtKind::Field { path, value } => {
                    if path.text() != "table" {
                        // Only the name is wrong.
                        fields.push(stmt.clone());
                        continue;
                    }
                    match self.table(at, value, axes, &swept) {
                        Some(v) => {
                            self.interval(at, value, &v, &subject);
                            table = Some(v);
                        }
                        None => good = false,
                    }
                }
                StmtKind::Expect(expr) => match self.expect(at, expr, &subject) {
                    Some(e) => expects.push(e),
                    None => good = false,
                },
                _ => {}
            }
        }
        if let Some(schema) = align_stdlib::block(BlockKind::Report) {
            self.fields(at, schema, "a report", &fields, "", &mut Edges::default());
        }
        self.metrics = Scope::None;
        let of = name.filter(|_| good)?.text.clone();
        Some(Report { of, table, expects })
    }

    /// The pipeline behind what is reported; `Ok(None)` is the file's own.
    fn reported(&mut self, at: At, name: &Name, target: DefId) -> Result<Option<DefId>, Wrong> {
        let program = self.program;
        let def = program.def(target);
        match &def.kind {
            Kind::Pipeline(_) => Ok(Some(target)),
            Kind::Sweep(block) => {
                let of = block.of.as_ref().and_then(|p| p.parts.first());
                let id = of.and_then(|of| program.lookup(def.at.scope, &of.text));
                let id = id.ok_or(Wrong)?;
                match &program.def(id).kind {
                    Kind::Pipeline(_) => Ok(Some(id)),
                    _ => Err(Wrong),
                }
            }
            Kind::Poison => Err(Wrong),
            kind if kind.is_node() => Ok(None),
            kind => {
                self.report(
                    Diagnostic::error(
                        "A2001",
                        at.file,
                        name.span,
                        format!(
                            "a report is on a sweep or a pipeline, found {}",
                            kind.what()
                        ),
                    )
                    .with_label("wrong kind"),
                );
                Err(Wrong)
            }
        }
    }

    /// Metrics of a pipeline's nodes (as the last lane that was checked has them), and what a table can be grouped by.
    fn report_scope(&mut self, pipeline: Option<DefId>) -> (Scope, Vec<String>) {
        let program = self.program;
        let mut nodes: FxHashMap<String, Reported> = FxHashMap::default();
        let mut groups = vec!["stage".to_owned(), "lane".to_owned()];
        let items: &[DefId] = match pipeline.map(|id| &program.def(id).kind) {
            Some(Kind::Pipeline(PipelineDef { formals, items, .. })) => {
                groups.extend(formals.iter().map(|f| program.def(*f).name.text.clone()));
                items
            }
            _ => &program.items,
        };
        for id in items {
            let def = program.def(*id);
            if !(def.kind.is_trained() || matches!(def.kind, Kind::Cascade(_) | Kind::Poison)) {
                continue;
            }
            let metrics = match self.checked.get(id).or_else(|| self.shared.get(id)) {
                Some(Entity::Trained(t) | Entity::Cascade(t)) => t.metrics.clone(),
                _ => Metrics::any(),
            };
            let reported = Reported {
                metrics,
                file: def.at.file,
                span: def.name.span,
            };
            nodes.insert(def.name.text.clone(), reported);
        }
        self.other_sweeps(&mut nodes);
        (Scope::Report(Rc::new(nodes)), groups)
    }

    /// Nodes of the file's sweeps, as `sweep.node`: claims can compare with them.
    fn other_sweeps(&self, nodes: &mut FxHashMap<String, Reported>) {
        let program = self.program;
        for id in &program.items {
            let sweep = program.def(*id);
            let Kind::Sweep(block) = &sweep.kind else {
                continue;
            };
            let name = block.of.as_ref().and_then(|p| p.parts.first());
            let of = name.and_then(|n| program.lookup(sweep.at.scope, &n.text));
            let Some(Kind::Pipeline(p)) = of.map(|id| &program.def(id).kind) else {
                continue;
            };
            for item in &p.items {
                let def = program.def(*item);
                if let Some(Entity::Trained(t) | Entity::Cascade(t)) = self.checked.get(item) {
                    let reported = Reported {
                        metrics: t.metrics.clone(),
                        file: def.at.file,
                        span: def.name.span,
                    };
                    nodes.insert(format!("{}.{}", sweep.name.text, def.name.text), reported);
                }
            }
        }
    }

    /// `mean_ci(score) by [task, stage]`.
    /// `groups` are none where they are not known.
    fn table(
        &mut self,
        at: At,
        expr: &Expr,
        groups: Option<&[String]>,
        swept: &[&str],
    ) -> Option<Value> {
        let spot = Spot {
            path: "table",
            name: "table",
        };
        let ExprKind::Binary {
            op: BinaryOp::By,
            left,
            right,
            ..
        } = &expr.kind
        else {
            return self.call_value(at, expr, Group::Statistic, spot, &mut Edges::default());
        };
        let left = self.call_value(at, left, Group::Statistic, spot, &mut Edges::default());
        let items: Vec<&Expr> = match &right.kind {
            ExprKind::List(items) => items.iter().collect(),
            _ => vec![right],
        };
        let mut by = Vec::new();
        let mut good = true;
        let known = groups.is_some();
        let groups = groups.unwrap_or_default();
        for item in items.into_iter().filter(|_| known) {
            let name = item.dotted().unwrap_or_default();
            if groups.contains(&name) {
                by.push(Value::Name(name));
                continue;
            }
            if swept.contains(&name.as_str()) {
                // An axis that is no parameter of the pipeline: the sweep says so.
                good = false;
                continue;
            }
            let error = Diagnostic::error(
                "A1001",
                at.file,
                item.span,
                format!(
                    "a table cannot be grouped by `{}`",
                    self.sources.slice(at.file, item.span)
                ),
            )
            .with_help(format!(
                "it can be grouped by {}",
                crate::suggest::all_of(&groups.iter().map(String::as_str).collect::<Vec<_>>())
            ));
            let near = near(&name, groups.iter().map(String::as_str));
            self.report(suggested(error, item.span, &near));
            good = false;
        }
        let left = left?;
        good.then(|| {
            Value::from(Call {
                name: "by".into(),
                args: vec![("left".into(), left), ("right".into(), Value::from(by))],
            })
        })
    }

    fn expect(&mut self, at: At, expr: &Expr, subject: &Subject) -> Option<Expect> {
        let compared = match &expr.kind {
            ExprKind::Binary {
                op, left, right, ..
            } => compare(*op).map(|op| (op, left, right)),
            _ => None,
        };
        let Some((op, left, right)) = compared else {
            if self.describe(at, expr).is_some() {
                self.report(
                    Diagnostic::error("A2001", at.file, expr.span, "`expect` wants a comparison")
                        .with_label("nothing is compared")
                        .with_help("such as `iqm(controller.score) >= 70 points`"),
                );
            }
            return None;
        };
        let l = self.side(at, left);
        let r = self.side(at, right);
        let ((lv, ld, ln), (rv, rd, rn)) = (l?, r?);
        let text = self
            .sources
            .slice(at.file, expr.span)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        match (ln, rn) {
            (true, false) => {
                let name = self.sources.slice(at.file, right.span).to_owned();
                let q = Quantity::new(lv.number()?, ld);
                if !self.same_dim(at, left.span, q, rd, &name) {
                    return None;
                }
            }
            (false, true) => {
                let name = self.sources.slice(at.file, left.span).to_owned();
                let q = Quantity::new(rv.number()?, rd);
                if !self.same_dim(at, right.span, q, ld, &name) {
                    return None;
                }
            }
            _ if ld != rd => {
                self.report(
                    Diagnostic::error(
                        "A2015",
                        at.file,
                        expr.span,
                        "metrics of different kinds are compared",
                    )
                    .with_label(format!("{} with {}", unit(ld), unit(rd))),
                );
                return None;
            }
            _ => {}
        }
        for (side, value) in [(left, &lv), (right, &rv)] {
            self.interval(at, side, value, subject);
        }
        if !self.claim(at, expr, (&lv, op, &rv), subject) {
            return None;
        }
        Some(Expect {
            text,
            left: lv,
            op,
            right: rv,
            place: self.place(at, expr.span),
        })
    }

    /// One side: its value, its dimension, and whether it is a number.
    fn side(&mut self, at: At, expr: &Expr) -> Option<(Value, Dim, bool)> {
        match self.fold(at, expr) {
            Folded::Num(num) => return Some((num.value(), num.dim.unwrap_or(Dim::Plain), true)),
            Folded::Poison => return None,
            Folded::Other => {}
        }
        if expr.dotted().is_some() && !matches!(expr.kind, ExprKind::Call { .. }) {
            let value = self.metric_value(at, expr, SPOT)?;
            let Value::Name(name) = &value else {
                return None;
            };
            let (_, dim) = self.metric_info(name)?;
            return Some((value, dim, false));
        }
        if super::claims::is_count(expr) {
            let value = self.count_call(at, expr)?;
            return Some((value, Dim::Plain, false));
        }
        let value = self.call_value(at, expr, Group::Statistic, SPOT, &mut Edges::default())?;
        let Value::Call(call) = &value else {
            return None;
        };
        let metric = match call.arg("metric") {
            Some(Value::Name(m)) => self.metric_info(m).map(|(_, d)| d),
            _ => None,
        };
        let dim = match call.name.as_str() {
            "gain" | "probability_of_improvement" => Dim::Share,
            _ => metric.unwrap_or(Dim::Plain),
        };
        Some((value, dim, false))
    }
}

fn unit(dim: Dim) -> String {
    match dim {
        Dim::Plain => "a plain number".into(),
        d => format!("`{}`", d.unit_name()),
    }
}
