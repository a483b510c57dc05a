//! Stages: a model, its data, a loss, and when to stop.

use align_grammar::ast::{Block, Expr, Span, Stmt, StmtKind};
use align_plan::{Budget, Condition, EvalSpec, Field, KeepRule, KeepSpec, Node, NodeId, NodeKind};
use align_schema::{BlockKind, Builtin, DataKind, Dim, Effect, Group, Quantity, Value};
use align_stdlib::envs::Task;
use align_stdlib::rules::{self, Metric};

use super::block::Fields;
use super::condition::Horizon;
use super::failure::Around;
use super::metric::{Metrics, Scope};
use super::{Checker, DataInfo, Draft, Edges, Entity, ModelInfo, Spot, Trained};
use crate::diag::{Diagnostic, FileId};
use crate::hir::{At, Def, DefId, Kind};
use std::rc::Rc;

/// Losses that fit a critic.
const CRITIC_LOSSES: &[&str] = &["iql", "double_q", "return_to_go"];

/// What the header of a stage says.
struct Header {
    model: Option<Rc<ModelInfo>>,
    data: Option<(Rc<DataInfo>, FileId, Span)>,
    /// Whether `on` is written at all.
    on: Option<Span>,
    env: Option<(Value, Span)>,
    from: Option<Rc<Trained>>,
    from_def: Option<DefId>,
    good: bool,
}

/// The `eval` clause.
struct Eval {
    every: Option<(Quantity, Span)>,
    episodes: u64,
    critic: Option<Value>,
    has_critic: bool,
    good: bool,
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
        let loss = loss_of(&given);
        let fits = self.loss_fits(def, &header, &given, loss);
        let acts = header.model.as_ref().is_none_or(|m| !m.critic);
        let eval = self.eval(def.at, &owner, &block.body, clock(loss, &given), &mut edges);
        let task = self.task_of_stage(&header);
        let metrics = stage_metrics(loss, acts && task.1, eval.has_critic);
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
            clock: clock(loss, &given),
        };
        let until = self.until(def.at, &block.body, &horizon);
        let best = default_metric(
            &metrics,
            task.0,
            eval.has_critic,
            header.data.as_ref().map(|d| d.0.kind),
        );
        let (keep, written) = self.keep(def.at, &owner, &block.body, every, best, horizon.clock);
        let info = |this: &mut Self| {
            Entity::Trained(Rc::new(Trained {
                id: this.id(id),
                at: def.at,
                name: def.name.clone(),
                model: header.model.clone(),
                data: header.data.as_ref().map(|d| Rc::clone(&d.0)),
                task: task.0,
                metrics: metrics.clone(),
                from: header.from_def,
            }))
        };
        let (empty, kept_rules) = (
            std::collections::BTreeMap::new(),
            keep.as_ref().map(|k| k.1.clone()).unwrap_or_default(),
        );
        let ancestors = self.ancestors(header.from_def);
        let around = Around {
            fields: fields.as_ref().unwrap_or(&empty),
            rules: &kept_rules,
            keep: written,
            never: never(
                &block.body,
                keep.as_ref().map(|k| k.0.every),
                limits.as_deref(),
            ),
            ancestors: &ancestors,
        };
        // Without the fields every `scale` would look wrong.
        let arms = if fields.is_some() {
            self.arms(def.at, &block.body, &around, &mut edges)
        } else {
            None
        };
        self.metrics = Scope::None;
        self.training = None;
        let good = header.good && fits && eval.good;
        let (
            Some(mut fields),
            Some(limits),
            Some(until),
            Some((keep, _)),
            Some(arms),
            Some(model),
            Some(every),
            true,
        ) = (
            fields,
            limits,
            until,
            keep,
            arms,
            &header.model,
            every,
            good,
        )
        else {
            return if self.symbolic && header.good {
                info(self)
            } else {
                Entity::Poison
            };
        };
        let place = self.place(def.at, def.name.span);
        self.stage_fields(&mut fields, def, block, model, &header, &eval, &limits);
        self.input_models(&mut fields, &edges, &place);
        let read = fields.get("optim").is_some_and(|f| reads_budget(&f.value));
        let entity = info(self);
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
                needs: edges.needs,
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

    /// Whether a stage can start from a checkpoint: the same model, the same window, the same sizes.
    fn start_fits(&mut self, def: &Def, from: &Expr, header: &Header, trained: &Trained) -> bool {
        let at = def.at;
        if let (Some(model), Some(other)) = (&header.model, &trained.model)
            && model.def != other.def
        {
            self.report(
                Diagnostic::error(
                    "A2006",
                    at.file,
                    from.span,
                    format!(
                        "stage `{}` trains `{}`, this is a checkpoint of `{}`",
                        def.name.text, model.name.text, other.name.text
                    ),
                )
                .with_label("a checkpoint of another model")
                .with_place(model.at.file, model.name.span, "the model being trained")
                .with_place(
                    other.at.file,
                    other.name.span,
                    "the model of the checkpoint",
                ),
            );
            return false;
        }
        if header.model.as_ref().is_some_and(|m| m.critic) {
            return true;
        }
        let (Some((data, file, span)), Some(before)) = (&header.data, &trained.data) else {
            return true;
        };
        if let (Some((now, f1, s1)), Some((then, f2, s2))) = (data.horizon, before.horizon)
            && now != then
        {
            self.report(
                Diagnostic::error(
                    "A2009",
                    *file,
                    *span,
                    format!(
                        "`{}` has a horizon of {now} steps, the checkpoint was trained with {then}",
                        data.name.text
                    ),
                )
                .with_label(format!("{now} steps"))
                .with_place(f1, s1, format!("{now} steps here"))
                .with_place(f2, s2, format!("{then} steps here")),
            );
            return false;
        }
        if let (Some(now), Some(then)) = (data.task, before.task) {
            return self.sizes_fit(now, then, (*file, *span), (at.file, from.span));
        }
        true
    }

    /// A2010: sizes of two tasks.
    pub(super) fn sizes_fit(
        &mut self,
        now: &Task,
        then: &Task,
        here: (FileId, Span),
        there: (FileId, Span),
    ) -> bool {
        if (now.obs, now.act) == (then.obs, then.act) {
            return true;
        }
        self.report(
            Diagnostic::error(
                "A2010",
                here.0,
                here.1,
                format!(
                    "`{}` and `{}` have observations or actions of different sizes",
                    now.name, then.name
                ),
            )
            .with_label(format!("{} observations, {} actions", now.obs, now.act))
            .with_place(
                there.0,
                there.1,
                format!("{} observations, {} actions", then.obs, then.act),
            ),
        );
        false
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

    /// A2007, A2009, A2010: whether the loss can learn from this data, in this environment, with this model.
    fn loss_fits(
        &mut self,
        def: &Def,
        header: &Header,
        given: &Fields,
        loss: Option<&Builtin>,
    ) -> bool {
        let (Some(loss), Some(field)) = (loss, given.get("loss")) else {
            return true;
        };
        let at = def.at;
        let mut good = true;
        let mut error = |this: &mut Self,
                         message: String,
                         label: &str,
                         place: Option<(FileId, Span, String)>,
                         help: String| {
            let mut e = Diagnostic::error("A2007", at.file, field.span, message)
                .with_label(label)
                .with_help(help);
            if let Some((file, span, text)) = place {
                e = e.with_place(file, span, text);
            }
            this.report(e);
            good = false;
        };
        if let Some(model) = &header.model {
            let fits_critics = CRITIC_LOSSES.contains(&loss.name);
            if fits_critics != model.critic {
                let (what, kind) = if model.critic {
                    ("draws plans", "a critic")
                } else {
                    ("fits a critic", "no critic")
                };
                error(
                    self,
                    format!(
                        "`{}` {what}, and `{}` is {kind}",
                        loss.name, model.name.text
                    ),
                    "loss and model disagree",
                    Some((model.at.file, model.name.span, "the model".into())),
                    if model.critic {
                        "a critic is fitted by `iql`"
                    } else {
                        "a critic has a net such as `twin_q`"
                    }
                    .into(),
                );
            }
        }
        match &header.data {
            Some((data, file, span))
                if !loss.data.is_empty() && !loss.data.contains(&data.kind) =>
            {
                let (wants, has, help) = match data.kind {
                    DataKind::Rollouts => (
                        "pairs",
                        "rollouts",
                        format!(
                            "make pairs first: `dataset pairs from {}.best {{ prefer = by_return(), count = 1k pairs }}`",
                            header
                                .from
                                .as_ref()
                                .map_or("stage", |f| f.name.text.as_str())
                        ),
                    ),
                    DataKind::Pairs => (
                        "rollouts",
                        "pairs",
                        "name a dataset of rollouts, or a loss for pairs such as `diffusion_dpo`"
                            .into(),
                    ),
                };
                error(
                    self,
                    format!(
                        "`{}` learns from {wants}, and `{}` holds {has}",
                        loss.name, data.name.text
                    ),
                    &format!("wants {wants}"),
                    Some((*file, *span, format!("a dataset of {has}"))),
                    help,
                );
            }
            None if header.on.is_none() && !loss.data.is_empty() => {
                error(
                    self,
                    format!("`{}` learns from data, and the stage names none", loss.name),
                    "needs a dataset",
                    Some((at.file, def.name.span, "no `on` here".into())),
                    format!(
                        "name it in the header: `stage {} trains .. on DATASET`",
                        def.name.text
                    ),
                );
            }
            _ => {}
        }
        if loss.needs_env && header.env.is_none() && header.good {
            error(
                self,
                format!(
                    "`{}` acts in an environment, and the stage names none",
                    loss.name
                ),
                "needs an environment",
                Some((at.file, def.name.span, "no `in env(task)` here".into())),
                format!(
                    "name it in the header: `stage {} trains .. on .. in env(\"maze2d-umaze-v1\")`",
                    def.name.text
                ),
            );
        }
        good &= self.horizon_fits(at, header);
        if let (Some((env, span)), Some((data, file, on))) = (&header.env, &header.data)
            && let Some(Value::Name(name)) = env.get("task")
            && let (Some(task), Some(of_data)) = (align_stdlib::envs::task(name), data.task)
        {
            good &= self.sizes_fit(task, of_data, (at.file, *span), (*file, *on));
        }
        good
    }

    /// A2009: whether the network can take windows of this length.
    fn horizon_fits(&mut self, at: At, header: &Header) -> bool {
        let (Some(model), Some((data, file, span))) = (&header.model, &header.data) else {
            return true;
        };
        let (Some((multiple, net)), Some((horizon, hfile, hspan))) = (model.multiple, data.horizon)
        else {
            return true;
        };
        if horizon % multiple == 0 {
            return true;
        }
        let near = (horizon / multiple).max(1) * multiple;
        let _ = at;
        self.report(
            Diagnostic::error(
                "A2009",
                *file,
                *span,
                format!("`{}` takes horizons that are a multiple of {multiple} steps, `{}` has {horizon}", model.name.text, data.name.text),
            )
            .with_label(format!("windows of {horizon} steps"))
            .with_place(hfile, hspan, format!("{horizon} steps here"))
            .with_place(model.at.file, net, format!("halves the window until {multiple} steps are one"))
            .with_help(format!("such as `horizon = {near} steps` or `{} steps`", near + multiple)),
        );
        false
    }

    /// The limits of the budget; A5001, A2002, A3002, A3004, A3007.
    fn limits(
        &mut self,
        def: &Def,
        owner: &str,
        block: &Block,
        given: &Fields,
        loss: Option<&Builtin>,
        header: &Header,
    ) -> Option<Vec<Quantity>> {
        let at = def.at;
        let Some(field) = given.get("budget") else {
            let until = block
                .body
                .iter()
                .find(|s| matches!(s.kind, StmtKind::Until(_)));
            match until {
                Some(until) => self.report(
                    Diagnostic::error("A5001", at.file, until.span, "`until` without a `budget`")
                        .with_label("may never hold")
                        .with_place(at.file, def.name.span, "this stage has no `budget`")
                        .with_help(
                            "say how long it may train at most, such as `budget = 10k steps`",
                        ),
                ),
                None => {
                    if let Some(param) =
                        align_stdlib::block(BlockKind::Stage).and_then(|b| b.field("budget"))
                    {
                        self.missing_field(at, def.name.span, owner, param);
                    }
                }
            }
            return None;
        };
        let Value::List(items) = field.value.as_ref()? else {
            return None;
        };
        let limits: Vec<Quantity> = items
            .iter()
            .filter_map(|v| match v {
                Value::Quantity(q) => Some(*q),
                _ => None,
            })
            .collect();
        let env = loss.map(|l| l.needs_env);
        for limit in &limits {
            let error = match (limit.dim, env) {
                (Dim::Steps, Some(true)) => Diagnostic::error(
                    "A3007",
                    at.file,
                    field.span,
                    format!("this stage counts environment steps, found `{limit}`"),
                )
                .with_label("wanted a number of `env_steps`")
                .with_help(format!(
                    "`{}` acts in an environment: its budget is in `env_steps`",
                    loss.map_or("", |l| l.name)
                )),
                (Dim::EnvSteps, Some(false)) => Diagnostic::error(
                    "A3002",
                    at.file,
                    field.span,
                    format!("this stage counts `steps`, found `{limit}`"),
                )
                .with_label("it takes no environment steps")
                .with_help("its budget is in `steps`, `epochs` or time"),
                (Dim::Epochs, _) if header.on.is_none() => Diagnostic::error(
                    "A3004",
                    at.file,
                    field.span,
                    "`epochs` without a dataset to go through",
                )
                .with_label("an epoch is a pass over a dataset")
                .with_help("count `steps` or `env_steps`"),
                _ => continue,
            };
            self.report(error);
            return None;
        }
        if let Some(optim) = given.get("optim")
            && optim.value.as_ref().is_some_and(reads_budget)
            && count(&limits).is_none()
        {
            self.report(
                Diagnostic::error("A3002", at.file, optim.span, "the schedule reads the budget, which has no number of steps")
                    .with_label("falls until the end of the budget")
                    .with_place(at.file, field.span, "only a time or epochs here")
                    .with_help("add a number of steps to the budget, or give the schedule one: `cosine(to: 10k steps)`"),
            );
            return None;
        }
        Some(limits)
    }

    fn eval(&mut self, at: At, owner: &str, body: &[Stmt], clock: Dim, edges: &mut Edges) -> Eval {
        let mut out = Eval {
            every: None,
            episodes: 20,
            critic: None,
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
        out.critic = given.get("critic").and_then(|g| g.value.clone());
        out
    }

    /// The only statement of its kind; A1005 for a second one.
    fn single<'a, T>(
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

    /// The condition; `Some(None)` when there is none, `None` when it is wrong.
    pub(super) fn until(
        &mut self,
        at: At,
        body: &[Stmt],
        horizon: &Horizon,
    ) -> Option<Option<Condition>> {
        let Some(expr) = self.single(at, body, "until", |s| match &s.kind {
            StmtKind::Until(e) => Some(e),
            _ => None,
        }) else {
            return Some(None);
        };
        self.condition(at, expr, horizon).map(Some)
    }

    /// What is kept, with the rules as written (or by default), and where `keep` is written.
    fn keep(
        &mut self,
        at: At,
        owner: &str,
        body: &[Stmt],
        eval: Option<Quantity>,
        best: &str,
        clock: Dim,
    ) -> (Option<(KeepSpec, Vec<KeepRule>)>, Option<Span>) {
        let default = || {
            vec![
                KeepRule::Best {
                    metric: best.to_owned(),
                    better: self.metric_ref(best).better,
                },
                KeepRule::Last(1),
            ]
        };
        let clause = |s: &'_ Stmt| matches!(s.kind, StmtKind::Checkpoint { .. });
        if !body.iter().any(clause) {
            let rules = default();
            let spec = eval.map(|every| {
                let spec = KeepSpec {
                    every,
                    rules: rules.clone(),
                };
                (spec, rules)
            });
            return (spec, None);
        }
        let mut rules = default();
        let Some((every, inner)) = self.single(at, body, "checkpoint", |s| match &s.kind {
            StmtKind::Checkpoint { every, body } => Some((every, body)),
            _ => None,
        }) else {
            return (None, None);
        };
        let cadence = self.cadence(at, every, "checkpoint every", clock);
        let Some(schema) = align_stdlib::block(BlockKind::Checkpoint) else {
            return (None, None);
        };
        let owner = format!("`checkpoint` of {owner}");
        let given = self.fields(
            at,
            schema,
            &owner,
            inner,
            "checkpoint.",
            &mut Edges::default(),
        );
        let mut written = None;
        let mut all = rules.clone();
        if let Some(field) = given.get("keep") {
            let Some(Value::List(items)) = &field.value else {
                return (None, None);
            };
            written = Some(field.span);
            rules = items.iter().filter_map(|v| self.keep_rule(v)).collect();
            all.clone_from(&rules);
            for rule in default_missing(&rules, best, self.metric_ref(best).better) {
                all.push(rule);
            }
        }
        let Some(every) = cadence else {
            return (None, written);
        };
        (Some((KeepSpec { every, rules: all }, rules)), written)
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

    /// The stages on the way to a checkpoint.
    fn ancestors(&self, from: Option<DefId>) -> Vec<NodeId> {
        let mut out = Vec::new();
        let mut at = from;
        while let Some(id) = at {
            let Some(Entity::Trained(trained)) = self.entity(id) else {
                break;
            };
            if out.contains(&trained.id) {
                break;
            }
            out.push(trained.id.clone());
            at = trained.from;
        }
        out
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
        if let Some(critic) = &eval.critic {
            fields.insert(
                "eval.critic".into(),
                Field {
                    value: critic.clone(),
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

/// What counts training in a stage: environment steps where the loss acts, or where the budget says so.
fn clock(loss: Option<&Builtin>, given: &Fields) -> Dim {
    let budget = given.get("budget").and_then(|g| g.value.as_ref());
    let env = match budget {
        Some(Value::List(items)) => items
            .iter()
            .any(|v| matches!(v, Value::Quantity(q) if q.dim == Dim::EnvSteps)),
        _ => false,
    };
    if loss.map_or(env, |l| l.needs_env) {
        Dim::EnvSteps
    } else {
        Dim::Steps
    }
}

/// The limit in steps.
fn count(limits: &[Quantity]) -> Option<Quantity> {
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
        if evaluated { rules::EVALUATION } else { &[] },
        if critic { rules::VALUE } else { &[] },
        &own,
    ])
}

/// The metric that ranks checkpoints where the file names none.
fn default_metric(
    metrics: &Metrics,
    task: Option<&Task>,
    critic: bool,
    kind: Option<DataKind>,
) -> &'static str {
    if metrics.find("score").is_some() && (task.is_none_or(|t| t.simulated)) {
        "score"
    } else if critic {
        "value"
    } else if kind == Some(DataKind::Pairs) && metrics.find("valid.preferred").is_some() {
        "valid.preferred"
    } else {
        "valid.loss"
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

/// Whether a schedule's end is the budget's.
fn reads_budget(value: &Value) -> bool {
    match value {
        Value::Call(call) => call.args.iter().any(|(name, v)| {
            (name == "to" && matches!(v, Value::Name(n) if n == "budget")) || reads_budget(v)
        }),
        _ => false,
    }
}
