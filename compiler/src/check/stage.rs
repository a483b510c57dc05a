//! Stages: a model, its data, a loss, and when to stop.

use align_grammar::ast::{Block, Span, Stmt, StmtKind};
use align_plan::{Budget, EvalSpec, Field, Node, NodeId, NodeKind};
use align_schema::{BlockKind, Builtin, DataKind, Dim, Effect, Group, Quantity, Value};
use align_stdlib::envs::Task;
use align_stdlib::rules::{self, Metric};

use super::action::Around;
use super::block::Fields;
use super::clause::Eval;
use super::condition::Horizon;
use super::metric::{Metrics, Scope};
use super::{Checker, DataInfo, Draft, Edges, Entity, ModelInfo, Spot, Trained};
use crate::diag::FileId;
use crate::hir::{Def, DefId, Kind};
use std::rc::Rc;

/// What the header of a stage says.
pub(super) struct Header {
    /// `None` when it is wrong.
    pub model: Option<Rc<ModelInfo>>,
    /// The dataset and where it is named.
    pub data: Option<(Rc<DataInfo>, FileId, Span)>,
    /// Whether `on` is written at all.
    pub on: Option<Span>,
    /// The environment and where it is named.
    pub env: Option<(Value, Span)>,
    /// Whether `in` is written at all.
    pub acts_in: bool,
    /// The stage that it starts from.
    pub from: Option<Rc<Trained>>,
    /// The same, as a definition.
    pub from_def: Option<DefId>,
    /// Whether all of it is right.
    pub good: bool,
}

impl Checker<'_> {
    pub(super) fn stage(&mut self, id: DefId, def: &Def, block: &Block) -> Entity {
        let Some(schema) = align_stdlib::block(BlockKind::Stage) else {
            return Entity::Poison;
        };
        let owner = format!("stage `{}`", def.name.text);
        let mut edges = Edges::default();
        let header = self.header(def, block, &mut edges);
        self.training.clone_from(&header.model);
        let given = self.fields(def.at, schema, &owner, &block.body, "", &mut edges);
        let export = self.export(def.at, &given, false);
        let loss = loss_of(&given);
        let fits = self.loss_fits(def, &header, &given, loss);
        let adapts = self.adapter_fits(def, &header, &given);
        let learned = self.learned(def, &header);
        let acts = header.model.as_ref().is_none_or(|m| !m.critic);
        let eval = self.eval(
            def.at,
            &owner,
            &block.body,
            clock(loss, &header, &given),
            &mut edges,
        );
        let task = self.task_of_stage(&header);
        let kind = (loss.map(|l| l.name), acts && task.1, eval.has_critic);
        let metrics = self.metric_lists.entry(kind);
        let metrics = metrics
            .or_insert_with(|| stage_metrics(loss, kind.1, kind.2))
            .clone();
        self.metrics = if header.model.is_none()
            || given.get("loss").is_some_and(|g| g.value.is_none())
            || !header.good
        {
            Scope::Any
        } else {
            Scope::Stage {
                name: def.name.text.clone(),
                word: "stage",
                metrics: metrics.clone(),
                acts,
            }
        };
        let limits = self.limits(def, &owner, block, &given, loss, &header);
        let skip: &[&str] = if limits.is_none() { &["budget"] } else { &[] };
        let fields = self.complete(def.at, schema, &owner, def.name.span, &given, skip);
        let every = eval
            .every
            .map(|e| e.0)
            .or_else(|| tenth(limits.as_deref()?));
        let horizon = Horizon {
            looks: Dim::Evals,
            limit: limits
                .as_deref()
                .and_then(count)
                .zip(given.get("budget"))
                .map(|(q, g)| (q, def.at, g.span)),
            every: every.map(|q| (q, eval.every.map(|e| e.1))),
            clock: clock(loss, &header, &given),
        };
        let until = self.until(def.at, &block.body, &horizon);
        let best = default_metric(
            &metrics,
            eval.has_critic,
            header.data.as_ref().map(|d| d.0.kind),
        );
        let keep = self.keep(def.at, &owner, &block.body, every, best, horizon.clock);
        self.meets(def.at, &block.body, &eval, &keep, &horizon);
        if let Some(limits) = &limits {
            self.never_stops(def, &block.body, &given, limits);
        }
        // What is known of a stage is known even where another part of it is wrong, so that later stages are checked too.
        let info = |this: &mut Self, known: bool| {
            if !known {
                return Entity::Poison;
            }
            Entity::Trained(Rc::new(Trained {
                id: this.id(id),
                at: def.at,
                name: def.name.clone(),
                model: header.model.clone(),
                data: header.data.as_ref().map(|d| Rc::clone(&d.0)),
                task: task.0,
                metrics: metrics.clone(),
                from: header.from_def,
                learned: Rc::clone(&learned),
            }))
        };
        let cadence = keep.spec.as_ref().map(|k| k.every);
        let around = Around {
            fields: fields.as_ref(),
            rules: &keep.rules,
            keep: keep.written,
            never: never(&block.body, cadence, limits.as_deref()),
            from: header.from_def,
            lost: block.from.is_some() && header.from.is_none(),
        };
        let arms = self.arms(def.at, &block.body, &around, &mut edges);
        self.metrics = Scope::None;
        self.training = None;
        let own = task.0.zip(block.env.as_ref().or(block.on.as_ref()));
        let own = own.map(|(task, place)| (task, def.at.file, place.span));
        let from = block.from.as_ref().map(|e| e.span);
        // Where the header is at odds with itself, what it reads cannot fit both.
        let good = header.good && fits && adapts && self.read_fits(own, &edges, from) && eval.good;
        let (Some(mut fields), Some(limits), Ok(until), Some(keep), Some(arms), Some(every)) =
            (fields, limits, until, keep.spec, arms, every)
        else {
            return info(self, header.good && loss.is_some());
        };
        let Some(model) = header.model.as_ref().filter(|_| good) else {
            return info(self, header.good && loss.is_some());
        };
        let place = self.place(def.at, def.name.span);
        self.stage_fields(&mut fields, def, block, model, &header, &eval, &limits);
        super::dataset::input_models(&mut fields, &edges, &place);
        let read = fields.get("optim").is_some_and(|f| reads_budget(&f.value));
        let entity = info(self, true);
        let Entity::Trained(trained) = &entity else {
            return Entity::Poison;
        };
        self.drafts.push(Draft {
            node: Node {
                id: trained.id.clone(),
                lane: self.lane.id.clone(),
                name: def.name.text.clone(),
                round: 1,
                kind: NodeKind::Stage,
                needs: edges.exact(),
                fields,
                seed: self.lane.seed,
                budget: Some(Budget { any: limits, read }),
                until,
                eval: Some(EvalSpec {
                    every,
                    episodes: eval.episodes,
                }),
                keep: Some(keep),
                arms,
                gate: None,
                carry: None,
                place,
            },
            sequence: None,
            export,
        });
        entity
    }

    fn header(&mut self, def: &Def, block: &Block, edges: &mut Edges) -> Header {
        let at = def.at;
        let mut out = Header {
            model: None,
            data: None,
            on: block.on.as_ref().map(|e| e.span),
            env: None,
            acts_in: block.env.is_some(),
            from: None,
            from_def: None,
            good: true,
        };
        if let Some(trains) = &block.trains
            && let Some(id) = self.named(at, trains, "a model", "trains", |k| {
                matches!(k, Kind::Model(_))
            })
            && let Some(Entity::Model(model)) = self.entity(id)
        {
            out.model = Some(Rc::clone(model));
        }
        out.good &= out.model.is_some();
        if let Some(on) = &block.on {
            out.data = self.data_ref(at, on, edges);
            out.good &= out.data.is_some();
        }
        if let Some(env) = &block.env {
            let spot = Spot {
                path: "env",
                name: "in",
            };
            out.env = self
                .call_value(at, env, Group::Env, spot, edges)
                .map(|v| (v, env.span));
            out.good &= out.env.is_some() || self.symbolic;
        }
        if let Some(from) = &block.from {
            let spot = Spot {
                path: "from",
                name: "from",
            };
            match self.checkpoint(at, from, spot, edges) {
                Some((_, trained)) => {
                    out.from_def = super::value::root_def(self.program, at, from);
                    out.good &= self.start_fits(def, from, &out, &trained);
                    out.from = Some(trained);
                }
                None => out.good = false,
            }
        }
        out
    }

    /// The task of evaluations, and whether there is one (it may be unknown in this check).
    fn task_of_stage(&self, header: &Header) -> (Option<&'static Task>, bool) {
        let named = header.env.as_ref().and_then(|(v, _)| match v.get("task")? {
            Value::Name(n) | Value::Str(n) => align_stdlib::envs::task(n),
            _ => None,
        });
        let task = named.or_else(|| header.data.as_ref().and_then(|d| d.0.task));
        (task, task.is_some() || self.symbolic)
    }

    /// Whether a node is on the way to the checkpoint that a stage starts from.
    pub(super) fn comes_from(&self, start: Option<DefId>, node: &NodeId) -> bool {
        let mut seen = rustc_hash::FxHashSet::default();
        let mut at = start;
        while let Some(id) = at.filter(|id| seen.insert(*id)) {
            let Some(Entity::Trained(trained)) = self.entity(id) else {
                return false;
            };
            if trained.id == *node {
                return true;
            }
            at = trained.from;
        }
        false
    }

    #[allow(clippy::too_many_arguments)]
    fn stage_fields(
        &self,
        fields: &mut std::collections::BTreeMap<String, Field>,
        def: &Def,
        block: &Block,
        model: &ModelInfo,
        header: &Header,
        eval: &Eval,
        limits: &[Quantity],
    ) {
        let place = self.place(def.at, def.name.span);
        fields.insert(
            "model".into(),
            Field {
                value: model.record.clone(),
                effect: Effect::Identity,
                place: self.place(model.at, model.name.span),
            },
        );
        if let (Some((env, _)), Some(expr)) = (&header.env, &block.env) {
            fields.insert(
                "env".into(),
                Field {
                    value: env.clone(),
                    effect: Effect::Identity,
                    place: self.place(def.at, expr.span),
                },
            );
        }
        // Where it acts, which a machine that runs it must be able to simulate.
        let task = self.task_of_stage(header).0.filter(|_| !model.critic);
        if let Some(task) = task {
            fields.insert(
                "task".into(),
                Field {
                    value: Value::Name(task.name.to_owned()),
                    effect: Effect::Identity,
                    place: place.clone(),
                },
            );
        }
        for (name, value) in &eval.observed {
            fields.insert(
                name.clone(),
                Field {
                    value: value.clone(),
                    effect: Effect::Observe,
                    place: place.clone(),
                },
            );
        }
        let read = fields.get("optim").is_some_and(|f| reads_budget(&f.value));
        let at = fields.get("budget").map_or(place, |f| f.place.clone());
        fields.insert(
            "budget".into(),
            Field {
                value: Value::List(limits.iter().copied().map(Value::Quantity).collect()),
                effect: if read {
                    Effect::Identity
                } else {
                    Effect::Extent
                },
                place: at,
            },
        );
    }
}

/// Where a cadence of checkpoints stands that is longer than the budget.
fn never(body: &[Stmt], every: Option<Quantity>, limits: Option<&[Quantity]>) -> Option<Span> {
    let span = body.iter().find_map(|s| match &s.kind {
        StmtKind::Checkpoint { every, .. } => Some(every.span),
        _ => None,
    })?;
    let (every, limit) = (every?, count(limits?)?);
    (every.dim == limit.dim && every.amount > limit.amount).then_some(span)
}

/// The loss that a stage names.
fn loss_of(given: &Fields) -> Option<&'static Builtin> {
    match given.get("loss")?.value.as_ref()? {
        Value::Call(call) => align_stdlib::builtin(Group::Loss, &call.name),
        _ => None,
    }
}

/// Whether a loss acts in an environment here: one that must does, unless a critic pays and no environment is named.  `None` where neither is
/// there, so that it is not known what was meant.
pub(super) fn acts(loss: &Builtin, header: &Header, given: &Fields) -> Option<bool> {
    let value = given.get("loss").and_then(|g| g.value.as_ref());
    let asks = value.is_some_and(|v| v.get("critic").is_some());
    if loss.needs_env && !header.acts_in && !asks {
        return None;
    }
    Some(loss.needs_env && header.acts_in)
}

/// What counts training in a stage: environment steps where the loss acts, or where the budget says so.
fn clock(loss: Option<&Builtin>, header: &Header, given: &Fields) -> Dim {
    let budget = given.get("budget").and_then(|g| g.value.as_ref());
    let env = match budget {
        Some(Value::List(items)) => items
            .iter()
            .any(|v| matches!(v, Value::Quantity(q) if q.dim == Dim::EnvSteps)),
        _ => false,
    };
    if loss.and_then(|l| acts(l, header, given)).unwrap_or(env) {
        Dim::EnvSteps
    } else {
        Dim::Steps
    }
}

/// The limit in steps.
pub(super) fn count(limits: &[Quantity]) -> Option<Quantity> {
    limits
        .iter()
        .find(|q| matches!(q.dim, Dim::Steps | Dim::EnvSteps))
        .copied()
}

/// The default cadence of evaluations: a tenth of the budget.
fn tenth(limits: &[Quantity]) -> Option<Quantity> {
    let limit = count(limits).or_else(|| limits.first().copied())?;
    let amount = match limit.dim {
        Dim::Steps | Dim::EnvSteps => (limit.amount / 10.0).ceil().max(1.0),
        _ => limit.amount / 10.0,
    };
    Some(Quantity::new(amount, limit.dim))
}

fn stage_metrics(loss: Option<&Builtin>, evaluated: bool, critic: bool) -> Metrics {
    let own: Vec<Metric> = loss
        .map(|l| l.metrics)
        .unwrap_or_default()
        .iter()
        .map(|name| {
            rules::metric(name).copied().unwrap_or(Metric {
                name,
                up: true,
                dim: Dim::Plain,
                docs: "",
            })
        })
        .collect();
    Metrics::new(&[
        rules::TRAINING,
        if loss.is_some_and(|l| l.nets.is_empty()) {
            rules::DRAWN
        } else {
            &[]
        },
        if evaluated { rules::EVALUATION } else { &[] },
        if critic { rules::VALUE } else { &[] },
        &own,
    ])
}

/// The metric that ranks checkpoints where the file names none.
fn default_metric(metrics: &Metrics, critic: bool, kind: Option<DataKind>) -> &'static str {
    if metrics.find("score").is_some() {
        "score"
    } else if critic {
        "value"
    } else if kind == Some(DataKind::Pairs) && metrics.find("valid.preferred").is_some() {
        "valid.preferred"
    } else {
        "valid.loss"
    }
}

/// Whether a schedule's end is the budget's.
pub(super) fn reads_budget(value: &Value) -> bool {
    match value {
        Value::Call(call) => call.args.iter().any(|(name, v)| {
            (name == "to" && matches!(v, Value::Name(n) if n == "budget")) || reads_budget(v)
        }),
        _ => false,
    }
}
