//! Clauses of a stage: `eval`, `until`, `checkpoint`.

use align_grammar::ast::{Span, Stmt, StmtKind};
use align_plan::{Condition, KeepRule, KeepSpec};
use align_schema::{BlockKind, Dim, Quantity, Value};

use super::block::Fields;
use super::condition::Horizon;
use super::{Checker, Edges, Wrong};
use crate::diag::Diagnostic;
use crate::hir::At;

/// The `eval` clause.
pub(super) struct Eval {
    /// Its cadence, and where that is written.
    pub every: Option<(Quantity, Span)>,
    /// Episodes of one evaluation.
    pub episodes: u64,
    /// What else is written: how it is looked at, by field.
    pub observed: Vec<(String, Value)>,
    /// Whether one is written at all.
    pub has_critic: bool,
    /// Whether all of it is right.
    pub good: bool,
}

/// The fields of an `eval` clause but for the number of its episodes, as a node names them.
pub(super) fn observed(given: &Fields) -> Vec<(String, Value)> {
    let mut out: Vec<(String, Value)> = given
        .iter()
        .filter(|(name, _)| **name != "episodes")
        .filter_map(|(name, g)| Some((format!("eval.{name}"), g.value.clone()?)))
        .collect();
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

/// The `checkpoint` clause.
pub(super) struct Keep {
    /// What is kept, `None` when it is wrong.
    pub spec: Option<KeepSpec>,
    /// The rules as written; the defaults where none are.
    pub rules: Vec<KeepRule>,
    /// Where `keep` is written.
    pub written: Option<Span>,
}

impl Checker<'_> {
    pub(super) fn eval(
        &mut self,
        at: At,
        owner: &str,
        body: &[Stmt],
        clock: Dim,
        edges: &mut Edges,
    ) -> Eval {
        let mut out = Eval {
            every: None,
            episodes: 20,
            observed: Vec::new(),
            has_critic: false,
            good: true,
        };
        let Some((every, inner)) = self.single(at, body, "eval", |s| match &s.kind {
            StmtKind::Eval { every, body } => Some((every.as_ref(), body)),
            _ => None,
        }) else {
            return out;
        };
        if let Some(every) = every {
            out.every = self
                .cadence(at, every, "eval every", clock)
                .map(|q| (q, every.span));
            out.good &= out.every.is_some();
        }
        let Some(schema) = align_stdlib::block(BlockKind::Eval) else {
            return out;
        };
        let given = self.fields(
            at,
            schema,
            &format!("`eval` of {owner}"),
            inner,
            "eval.",
            edges,
        );
        out.good &= given.values().all(|g| g.value.is_some());
        if let Some(n) = given
            .get("episodes")
            .and_then(|g| g.value.as_ref())
            .and_then(Value::number)
        {
            out.episodes = n as u64;
        }
        out.has_critic = given.contains_key("critic");
        out.observed = observed(&given);
        out
    }

    /// The only statement of its kind; A1005 for a second one.
    pub(super) fn single<'a, T>(
        &mut self,
        at: At,
        body: &'a [Stmt],
        word: &str,
        pick: impl Fn(&'a Stmt) -> Option<T>,
    ) -> Option<T> {
        let mut found: Option<(T, Span)> = None;
        for stmt in body {
            let Some(this) = pick(stmt) else { continue };
            match &found {
                None => found = Some((this, stmt.span)),
                Some((_, first)) => {
                    let first = *first;
                    self.report(
                        Diagnostic::error(
                            "A1005",
                            at.file,
                            stmt.span,
                            format!("`{word}` stands twice"),
                        )
                        .with_label("again here")
                        .with_place(at.file, first, "first here")
                        .with_help("keep one of them"),
                    );
                }
            }
        }
        found.map(|(this, _)| this)
    }

    /// The condition, if there is one.
    pub(super) fn until(
        &mut self,
        at: At,
        body: &[Stmt],
        horizon: &Horizon,
    ) -> Result<Option<Condition>, Wrong> {
        let Some(expr) = self.single(at, body, "until", |s| match &s.kind {
            StmtKind::Until(e) => Some(e),
            _ => None,
        }) else {
            return Ok(None);
        };
        let condition = self.condition(at, expr, horizon).ok_or(Wrong)?;
        self.excluded_rules(at, expr, &condition);
        Ok(Some(condition))
    }

    /// What is kept; by default the best and the last, at each evaluation.
    pub(super) fn keep(
        &mut self,
        at: At,
        owner: &str,
        body: &[Stmt],
        eval: Option<Quantity>,
        best: &str,
        clock: Dim,
    ) -> Keep {
        let better = self.metric_ref(best).better;
        let mut out = Keep {
            spec: None,
            rules: default_missing(&[], best, better),
            written: None,
        };
        let clause = self.single(at, body, "checkpoint", |s| match &s.kind {
            StmtKind::Checkpoint { every, body } => Some((every, body)),
            _ => None,
        });
        let Some((every, inner)) = clause else {
            out.spec = eval.map(|every| KeepSpec {
                every,
                rules: out.rules.clone(),
            });
            return out;
        };
        let cadence = self.cadence(at, every, "checkpoint every", clock);
        let Some(schema) = align_stdlib::block(BlockKind::Checkpoint) else {
            return out;
        };
        let owner = format!("`checkpoint` of {owner}");
        let edges = &mut Edges::default();
        let given = self.fields(at, schema, &owner, inner, "checkpoint.", edges);
        if let Some(field) = given.get("keep") {
            let Some(Value::List(items)) = &field.value else {
                return out;
            };
            out.written = Some(field.span);
            out.rules = items.iter().filter_map(|v| self.keep_rule(v)).collect();
        }
        out.spec = cadence.map(|every| {
            let mut rules = out.rules.clone();
            rules.extend(default_missing(&rules, best, better));
            KeepSpec { every, rules }
        });
        out
    }

    /// `best(metric)` or `last(n)`.
    pub(super) fn keep_rule(&self, value: &Value) -> Option<KeepRule> {
        let Value::Call(call) = value else {
            return None;
        };
        match (call.name.as_str(), call.arg("metric"), call.arg("n")) {
            ("best", Some(Value::Name(metric)), _) => Some(KeepRule::Best {
                metric: metric.clone(),
                better: self.metric_ref(metric).better,
            }),
            ("last", _, Some(n)) => Some(KeepRule::Last(n.number()? as u64)),
            _ => None,
        }
    }
}

/// `Best` and `Last` are always there.
fn default_missing(rules: &[KeepRule], best: &str, better: align_plan::Better) -> Vec<KeepRule> {
    let mut out = Vec::new();
    if !rules.iter().any(|r| matches!(r, KeepRule::Best { .. })) {
        out.push(KeepRule::Best {
            metric: best.to_owned(),
            better,
        });
    }
    if !rules.iter().any(|r| matches!(r, KeepRule::Last(_))) {
        out.push(KeepRule::Last(1));
    }
    out
}
