//! Claims of a report: are there the seeds, the lanes and the stages that they speak of?
//!
//! A6008: an interval over fewer than 3 seeds.  A6009: lanes that share no seed.  A6010: a stage that may be skipped.  A6011: more
//! lanes than there are.

use std::collections::{BTreeMap, BTreeSet};

use align_grammar::ast::{Expr, ExprKind, Span, Stmt, StmtKind};
use align_plan::{Action, Cmp, Lane};
use align_schema::{Call, Value};

use super::condition::{argument, compare};
use super::number::Folded;
use super::{Checker, Draft};
use crate::diag::{Diagnostic, Edit};
use crate::hir::{At, DefId, Kind, Program};

/// What a report is on.
pub(super) struct Subject<'a> {
    /// Its lanes with their nodes; empty where the program is wrong.
    pub lanes: Vec<&'a (Lane, Vec<Draft>)>,
    /// Every lane of the program.
    pub all: &'a [(Lane, Vec<Draft>)],
    /// The sweep or pipeline.
    pub target: Option<DefId>,
}

/// Fewer seeds than this say little about an interval (Agarwal et al. 2021, arXiv:2108.13264).
const SEEDS: usize = 3;

impl<'a> Subject<'a> {
    pub fn new(all: &'a [(Lane, Vec<Draft>)], program: &Program, target: Option<DefId>) -> Self {
        let def = target.map(|id| program.def(id));
        let of = |lane: &Lane| match def.map(|d| (&d.kind, &d.name.text)) {
            Some((Kind::Sweep(_), name)) => lane.sweep.as_ref() == Some(name),
            Some((Kind::Pipeline(_), name)) => lane.sweep.is_none() && lane.pipeline == *name,
            Some(_) => lane.sweep.is_none() && lane.pipeline.is_empty(),
            None => false,
        };
        Self {
            lanes: all.iter().filter(|(lane, _)| of(lane)).collect(),
            all,
            target,
        }
    }
}

impl Checker<'_> {
    /// A6008 for each `mean_ci` that is asked for.
    pub(super) fn interval(&mut self, at: At, expr: &Expr, value: &Value, subject: &Subject) {
        let Some(call) = find(value, "mean_ci") else {
            return;
        };
        let score = matches!(call.arg("metric"), Some(Value::Name(n)) if n.rsplit('.').next() == Some("score"));
        // The interval of a single lane is over its episodes.
        if subject.lanes.is_empty() || (subject.lanes.len() == 1 && score) {
            return;
        }
        let Some(id) = subject.target else { return };
        let target = self.program.def(id);
        let seed = self.seed_name(id);
        let mut groups: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for (lane, _) in &subject.lanes {
            let others = lane
                .axes
                .iter()
                .filter(|(name, _)| Some(name) != seed.as_ref());
            let key: Vec<String> = others
                .map(|(n, v)| format!("{n}={}", super::lane::show(v)))
                .collect();
            groups.entry(key.join(",")).or_default().insert(lane.seed);
        }
        let Some((group, seeds)) = groups.iter().min_by_key(|(_, s)| s.len()) else {
            return;
        };
        if seeds.len() >= SEEDS {
            return;
        }
        let n = seeds.len();
        let plural = if n == 1 { "seed" } else { "seeds" };
        let of = if groups.len() > 1 {
            format!(" of `{group}`")
        } else {
            String::new()
        };
        self.report(
            Diagnostic::warning(
                "A6008",
                at.file,
                expr.span,
                format!("a confidence interval over {n} {plural}"),
            )
            .with_label("says next to nothing about other seeds")
            .with_place(
                target.at.file,
                target.name.span,
                format!("{n} {plural}{of} here"),
            )
            .with_help(match &seed {
                Some(name) => format!("take at least 3, such as `{name} in 0..<5`"),
                None => "give the pipeline a parameter `seed: Seed`, and sweep over it".to_owned(),
            }),
        );
    }

    /// The parameter of type `Seed`.
    fn seed_name(&self, target: DefId) -> Option<String> {
        let program = self.program;
        let def = program.def(target);
        let pipeline = match &def.kind {
            Kind::Sweep(block) => {
                let name = block.of.as_ref()?.parts.first()?;
                program.lookup(def.at.scope, &name.text)?
            }
            _ => target,
        };
        let Kind::Pipeline(p) = &program.def(pipeline).kind else {
            return None;
        };
        p.formals
            .iter()
            .find_map(|id| match &program.def(*id).kind {
                Kind::Formal(f) if f.ty.as_ref().is_some_and(|t| t.name.text == "Seed") => {
                    Some(f.name.text.clone())
                }
                _ => None,
            })
    }

    /// A6009, A6010 and A6011 of one claim.
    pub(super) fn claim(
        &mut self,
        at: At,
        expr: &Expr,
        (left, op, right): (&Value, Cmp, &Value),
        subject: &Subject,
    ) -> bool {
        if subject.lanes.is_empty() {
            return true;
        }
        let ExprKind::Binary {
            left: le,
            right: re,
            ..
        } = &expr.kind
        else {
            return true;
        };
        let mut good = self.reachable_count(at, (le, left), op, (re, right), subject);
        good &= self.common_seeds(at, expr, &[left, right], subject);
        for (side, value) in [(le, left), (re, right)] {
            good &= self.may_be_skipped(at, side, value, subject);
        }
        good
    }

    /// A6011: a count or a probability that is out of reach.
    fn reachable_count(
        &mut self,
        at: At,
        (le, left): (&Expr, &Value),
        op: Cmp,
        (re, right): (&Expr, &Value),
        subject: &Subject,
    ) -> bool {
        let (call, call_expr, op, number, span) = match (left, right) {
            (Value::Call(call), other) => (call, le, op, other.number(), re.span),
            (other, Value::Call(call)) => (call, re, op.mirrored(), other.number(), le.span),
            _ => return true,
        };
        let most = match call.name.as_str() {
            "count" => subject.lanes.len() as f64,
            "probability_of_improvement" => 1.0,
            _ => return true,
        };
        let Some(n) = number else { return true };
        let never = match op {
            Cmp::Ge => n > most,
            Cmp::Gt => n >= most,
            Cmp::Le => n < 0.0,
            Cmp::Lt => n <= 0.0,
            Cmp::Eq => n > most || n < 0.0,
            Cmp::Ne => false,
        };
        if !never {
            return true;
        }
        let Some(target) = subject.target.map(|id| self.program.def(id)) else {
            return true;
        };
        let (message, there, help) = if call.name == "count" {
            (
                format!("no count of {most} lanes can be this"),
                format!("{most} lanes here"),
                format!("a count lies between 0 and {most}"),
            )
        } else {
            (
                "no probability can be this".to_owned(),
                "the lanes compared".to_owned(),
                "a probability lies between 0% and 100%".to_owned(),
            )
        };
        self.report(
            Diagnostic::error("A6011", at.file, span, message)
                .with_label("cannot be met")
                .with_place(at.file, call_expr.span, "this is what is counted")
                .with_place(target.at.file, target.name.span, there)
                .with_help(help),
        );
        false
    }

    /// A6009: metrics of two sweeps are compared seed by seed.
    fn common_seeds(&mut self, at: At, expr: &Expr, sides: &[&Value], subject: &Subject) -> bool {
        let mut names = Vec::new();
        for side in sides {
            metrics(side, &mut names);
        }
        let Some(own) = subject
            .target
            .map(|id| self.program.def(id).name.text.clone())
        else {
            return true;
        };
        let mut groups: Vec<(String, BTreeSet<u64>)> = Vec::new();
        for name in names {
            let first = name.split('.').next().unwrap_or("");
            let other = |(lane, _): &&(Lane, Vec<Draft>)| lane.sweep.as_deref() == Some(first);
            let foreign: BTreeSet<u64> = subject
                .all
                .iter()
                .filter(other)
                .map(|(l, _)| l.seed)
                .collect();
            let is_foreign = name.matches('.').count() >= 2 && !foreign.is_empty();
            let (of, seeds) = if is_foreign {
                (first.to_owned(), foreign)
            } else {
                (
                    own.clone(),
                    subject.lanes.iter().map(|(l, _)| l.seed).collect(),
                )
            };
            if !groups.iter().any(|(n, _)| *n == of) {
                groups.push((of, seeds));
            }
        }
        let [(a, first), (b, second), ..] = groups.as_slice() else {
            return true;
        };
        if first.intersection(second).next().is_some() {
            return true;
        }
        let mut error = Diagnostic::error(
            "A6009",
            at.file,
            expr.span,
            format!("`{a}` and `{b}` have no seed in common"),
        )
        .with_label("runs are compared seed by seed");
        for (name, seeds) in [(a, first), (b, second)] {
            if let Some(id) = self.program.lookup(at.scope, name) {
                let def = self.program.def(id);
                error = error.with_place(def.at.file, def.name.span, shown(seeds));
            }
        }
        self.report(error.with_help("sweep both over the same seeds"));
        false
    }

    /// A6010: a stage with an arm that skips it, and a statistic that does not say what then.
    fn may_be_skipped(&mut self, at: At, expr: &Expr, value: &Value, subject: &Subject) -> bool {
        if let Value::Call(call) = value
            && call.arg("skipped").is_some()
        {
            return true;
        }
        let mut names = Vec::new();
        metrics(value, &mut names);
        let Some((_, drafts)) = subject.lanes.first() else {
            return true;
        };
        for name in names {
            let stage = name.split('.').next().unwrap_or("");
            let skips = drafts.iter().any(|d| {
                d.node.name == stage && d.node.arms.iter().any(|a| a.action == Action::Skip)
            });
            if skips {
                self.skippable(at, expr, value, stage);
                return false;
            }
        }
        true
    }

    fn skippable(&mut self, at: At, expr: &Expr, value: &Value, stage: &str) {
        let mut error = Diagnostic::error(
            "A6010",
            at.file,
            expr.span,
            format!("stage `{stage}` may be skipped, and the claim does not say what then"),
        )
        .with_label("has no value where it was skipped");
        if let Some((file, span, text)) = self.skip_place(stage) {
            error = error.with_place(file, span, text);
        }
        let call = match value {
            Value::Call(call) => Some(call),
            _ => None,
        };
        error = match (call, &expr.kind) {
            (Some(_), ExprKind::Call { args_span, .. }) => {
                let end = args_span.end.saturating_sub(1);
                error
                    .with_help(
                        "say it: `skipped: leave_out` takes the other lanes, `skipped: fail` does not meet the claim",
                    )
                    .with_fix(
                        "add `skipped: leave_out`",
                        false,
                        vec![Edit {
                            file: at.file,
                            span: Span { start: end, end },
                            text: ", skipped: leave_out".into(),
                        }],
                    )
            }
            _ => error.with_help(format!(
                "use a statistic that says it: `iqm({}, skipped: leave_out)`",
                self.sources.slice(at.file, expr.span)
            )),
        };
        self.report(error);
    }

    /// Where a stage says that it may be skipped; its name, where a policy says so.
    fn skip_place(&self, stage: &str) -> Option<(crate::diag::FileId, Span, String)> {
        let program = self.program;
        let (_, def) = program
            .iter()
            .find(|(_, d)| d.name.text == stage && matches!(d.kind, Kind::Stage(_)))?;
        let Kind::Stage(block) = &def.kind else {
            return None;
        };
        let skip = |e: &Expr| {
            let name = match &e.kind {
                ExprKind::Call { callee, .. } => &callee.kind,
                kind => kind,
            };
            matches!(name, ExprKind::Ref(n) if n.text == "skip").then_some(e.span)
        };
        let of = |s: &Stmt| match &s.kind {
            StmtKind::On { action, arms, .. } => action
                .iter()
                .chain(arms.iter().map(|a| &a.action))
                .find_map(skip),
            _ => None,
        };
        Some(match block.body.iter().find_map(of) {
            Some(span) => (def.at.file, span, "here it is skipped".to_owned()),
            None => (
                def.at.file,
                def.name.span,
                "its policy may skip it".to_owned(),
            ),
        })
    }

    /// The comparison inside of `count(..)`, as a value.
    pub(super) fn counted_claim(&mut self, at: At, expr: &Expr) -> Option<Value> {
        let ExprKind::Binary {
            op, left, right, ..
        } = &expr.kind
        else {
            self.wrong_type(at, expr, align_schema::Ty::Condition, COUNT);
            return None;
        };
        let symbol = match compare(*op) {
            Some(Cmp::Ge) => ">=",
            Some(Cmp::Gt) => ">",
            Some(Cmp::Le) => "<=",
            Some(Cmp::Lt) => "<",
            _ => {
                self.wrong_type(at, expr, align_schema::Ty::Condition, COUNT);
                return None;
            }
        };
        let metric = self.metric_value(at, left, COUNT)?;
        let Value::Name(name) = &metric else {
            return None;
        };
        let (_, dim) = self.metric_info(name)?;
        let num = match self.fold(at, right) {
            Folded::Num(num) => num,
            Folded::Poison => return None,
            Folded::Other => {
                self.wrong_type(at, right, align_schema::Ty::Float, COUNT);
                return None;
            }
        };
        let q = align_schema::Quantity::new(num.value, num.dim.unwrap_or(align_schema::Dim::Plain));
        if !self.same_dim(at, right.span, q, dim, name) {
            return None;
        }
        Some(Value::from(Call {
            name: symbol.to_owned(),
            args: vec![
                ("left".into(), metric),
                ("right".into(), Value::Quantity(q)),
            ],
        }))
    }

    /// The value of `count(..)`.
    pub(super) fn count_call(&mut self, at: At, expr: &Expr) -> Option<Value> {
        let Some(claim) = argument(expr, "claim", 0) else {
            // Says which argument is missing.
            let group = align_schema::Group::Statistic;
            return self.call_value(at, expr, group, COUNT, &mut super::Edges::default());
        };
        let claim = self.counted_claim(at, claim);
        let mut args = vec![("claim".to_owned(), claim?)];
        if let Some(then) = argument(expr, "skipped", 1) {
            let spot = super::Spot {
                path: "expect",
                name: "skipped",
            };
            let ty = align_schema::Ty::Enum(&["leave_out", "fail"]);
            let value = self.value(at, then, ty, None, spot, &mut super::Edges::default())?;
            args.push(("skipped".to_owned(), value));
        }
        Some(Value::from(Call {
            name: "count".into(),
            args,
        }))
    }
}

/// Whether an expression calls `count`, whose argument is a comparison and no value of its own.
pub(super) fn is_count(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Call { callee, .. } => {
            matches!(&callee.kind, ExprKind::Ref(n) if n.text == "count")
        }
        _ => false,
    }
}

const COUNT: super::Spot = super::Spot {
    path: "expect",
    name: "count",
};

/// Names of the metrics in a side of a claim.
fn metrics<'v>(value: &'v Value, out: &mut Vec<&'v str>) {
    match value {
        Value::Name(name) => out.push(name),
        Value::Call(call) => {
            for (key, arg) in &call.args {
                if key != "skipped" {
                    metrics(arg, out);
                }
            }
        }
        _ => {}
    }
}

fn find<'v>(value: &'v Value, name: &str) -> Option<&'v Call> {
    match value {
        Value::Call(call) if call.name == name => Some(call),
        Value::Call(call) => call.args.iter().find_map(|(_, v)| find(v, name)),
        _ => None,
    }
}

fn shown(seeds: &BTreeSet<u64>) -> String {
    let mut words: Vec<String> = seeds.iter().take(6).map(u64::to_string).collect();
    if seeds.len() > words.len() {
        words.push("..".into());
    }
    let noun = if seeds.len() == 1 { "seed" } else { "seeds" };
    format!("{noun} {}", words.join(", "))
}
