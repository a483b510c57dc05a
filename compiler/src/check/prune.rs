//! A6007: does a sweep compare its lanes before there is anything to compare?

use align_grammar::ast::{Expr, ExprKind, StmtKind};
use align_plan::{Lane, NodeKind};
use align_schema::{Dim, Group, Quantity, Value};

use super::condition::argument;
use super::metric::Scope;
use super::stage::count;
use super::{Checker, Draft, Edges, Spot};
use crate::diag::Diagnostic;
use crate::hir::Kind;

const SPOT: Spot = Spot {
    path: "prune",
    name: "prune",
};

impl Checker<'_> {
    /// A6007, in every sweep that has lanes.
    pub(super) fn prunes(&mut self, lanes: &[(Lane, Vec<Draft>)]) {
        let program = self.program;
        for id in &program.items {
            let def = program.def(*id);
            let Kind::Sweep(block) = &def.kind else {
                continue;
            };
            let rule = block.body.iter().find_map(|s| match &s.kind {
                StmtKind::Field { path, value } if path.is("prune") => Some(value),
                _ => None,
            });
            let first = lanes
                .iter()
                .find(|(lane, _)| lane.sweep.as_deref() == Some(&def.name.text));
            if let (Some(rule), Some((_, drafts))) = (rule, first) {
                self.prune(def.at, rule, drafts);
            }
        }
    }

    fn prune(&mut self, at: crate::hir::At, rule: &Expr, drafts: &[Draft]) {
        let before = std::mem::replace(&mut self.metrics, Scope::Any);
        let value = self.call_value(at, rule, Group::Prune, SPOT, &mut Edges::default());
        self.metrics = before;
        let Some(Value::Call(call)) = value else {
            return;
        };
        let (Some(Value::Name(metric)), Some(Value::List(points))) =
            (call.arg("metric"), call.arg("at"))
        else {
            return;
        };
        let Some((draft, share)) = latest(drafts, metric) else {
            return;
        };
        let items: &[Expr] = match argument(rule, "at", 2).map(|e| &e.kind) {
            Some(ExprKind::List(items)) => items,
            _ => &[],
        };
        for (i, point) in points.iter().enumerate() {
            let Some(point) = point.number().filter(|p| *p < share - 1e-9) else {
                continue;
            };
            let span = items.get(i).map_or(rule.span, |e| e.span);
            let shown = |share: f64| Quantity::new((share * 1e4).round() / 1e4, Dim::Share);
            let node = &draft.node;
            let (label, help) = if node.kind == NodeKind::Cascade {
                (
                    format!("cascade `{}` is evaluated once, at its end", node.name),
                    "rank lanes by a stage, which is evaluated as it trains".to_owned(),
                )
            } else {
                (
                    format!(
                        "stage `{}` is first evaluated at {} of its budget",
                        node.name,
                        shown(share)
                    ),
                    format!(
                        "look at {} or later, or evaluate `{}` more often",
                        shown(share),
                        node.name
                    ),
                )
            };
            self.report(
                Diagnostic::error(
                    "A6007",
                    at.file,
                    span,
                    format!(
                        "at {} there is no `{metric}` to compare lanes by",
                        shown(point)
                    ),
                )
                .with_label(label)
                .with_help(help),
            );
            return;
        }
    }
}

/// The node behind a metric whose first evaluation comes last, with its share of the budget.
fn latest<'d>(drafts: &'d [Draft], metric: &str) -> Option<(&'d Draft, f64)> {
    let named = metric.split_once('.').and_then(|(name, _)| {
        drafts
            .iter()
            .find(|d| d.node.name == name && d.node.kind != NodeKind::Dataset)
    });
    let Some(draft) = named else {
        return drafts
            .iter()
            .filter(|d| d.node.kind == NodeKind::Stage)
            .filter_map(|d| Some((d, first_look(d)?)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
    };
    match (&draft.sequence, draft.node.kind) {
        (Some((members, _)), _) => {
            let last = drafts.iter().find(|d| Some(&d.node.id) == members.last())?;
            Some((last, first_look(last)?))
        }
        (None, NodeKind::Cascade) => Some((draft, 1.0)),
        _ => Some((draft, first_look(draft)?)),
    }
}

/// The share of a stage's budget at which it is first evaluated.
fn first_look(draft: &Draft) -> Option<f64> {
    let every = draft.node.eval.as_ref()?.every;
    let limit = count(&draft.node.budget.as_ref()?.any)?;
    (every.dim == limit.dim && limit.amount > 0.0).then(|| every.amount / limit.amount)
}
