//! Datasets: episodes of a source, a filtered dataset, or pairs of a checkpoint's samples.

use align_grammar::ast::{Block, ExprKind, Span};
use align_plan::{Need, Node, NodeKind};
use align_schema::{BlockKind, DataKind, Effect, Port, Value};
use align_stdlib::envs::Task;

use super::block::{Fields, Given};
use super::{Checker, DataInfo, Draft, Edges, Entity, Spot};
use crate::diag::{Diagnostic, FileId};
use crate::hir::{At, Def, DefId, Kind};
use std::rc::Rc;

/// What a dataset is made from.
enum Origin {
    /// Its own source.
    Source,
    /// Another dataset.
    Data(Rc<DataInfo>),
    /// Samples of a checkpoint, and the dataset of the stage behind it.
    Model(Option<Rc<DataInfo>>),
    /// Unknown.
    Poison,
}

/// Fields of the windows, which a derived dataset inherits.
const INHERITED: &[&str] = &["source", "horizon", "stride", "split", "normalise"];
/// Fields of pairs.
const PAIRS: &[&str] = &["prefer", "count"];

impl Checker<'_> {
    pub(super) fn dataset(&mut self, id: DefId, def: &Def, block: &Block) -> Entity {
        let Some(schema) = align_stdlib::block(BlockKind::Dataset) else {
            return Entity::Poison;
        };
        let owner = format!("dataset `{}`", def.name.text);
        let mut edges = Edges::default();
        let origin = self.origin(def, block, &mut edges);
        let given = self.fields(def.at, schema, &owner, &block.body, "", &mut edges);
        let good = self.origin_fields(def, &owner, &origin, &given);
        let pairs = given.contains_key("prefer");
        let (from, sampled) = match &origin {
            Origin::Data(data) => (Some(Rc::clone(data)), false),
            Origin::Model(data) => (data.clone(), true),
            _ => (None, false),
        };
        let mut good = good & self.ranks(def.at.file, &given, from.as_deref(), sampled);
        let skip: Vec<&str> = match origin {
            Origin::Source => vec![],
            _ => INHERITED.to_vec(),
        };
        let fields = self.complete(def.at, schema, &owner, def.name.span, &given, &skip);
        let mut info = self.data_info(id, def, &origin, &given, pairs);
        let (kept, keeps) = self.keeps(def, &given, from.as_deref(), &info.origin, info.task);
        info.kept = kept;
        good &= keeps;
        let place = block.from.as_ref().map_or(def.name.span, |e| e.span);
        let own = info.task.map(|task| (task, def.at.file, place));
        good &= self.read_fits(own, &edges, block.from.as_ref().map(|e| e.span));
        let Some(mut fields) = fields.filter(|_| good && !matches!(origin, Origin::Poison)) else {
            // The kind and the horizon are known even where a value is not, so that later checks still run.
            return if good && !matches!(origin, Origin::Poison) && self.symbolic {
                Entity::Data(Rc::new(info))
            } else {
                Entity::Poison
            };
        };
        for name in PAIRS.iter().filter(|_| !pairs) {
            fields.remove(*name);
        }
        if let Origin::Source = origin
            && !self.episode_length(def, &info)
        {
            return Entity::Poison;
        }
        let place = self.place(def.at, def.name.span);
        // What ranks plans may act them out.
        if let (true, true, Some(task)) = (pairs, sampled, info.task) {
            let task = align_plan::Field {
                value: Value::Name(task.name.to_owned()),
                effect: Effect::Identity,
                place: place.clone(),
            };
            fields.insert("task".into(), task);
        }
        input_models(&mut fields, &edges, &place);
        let info = Rc::new(info);
        self.drafts.push(Draft {
            node: Node {
                id: info.id.clone(),
                lane: self.lane.id.clone(),
                name: def.name.text.clone(),
                round: 1,
                kind: NodeKind::Dataset,
                needs: edges.needs,
                fields,
                seed: self.lane.seed,
                budget: None,
                until: None,
                eval: None,
                keep: None,
                arms: Vec::new(),
                gate: None,
                carry: None,
                place,
            },
            sequence: None,
            export: None,
        });
        Entity::Data(info)
    }

    /// The header: `from dataset` or `from stage.best`.
    fn origin(&mut self, def: &Def, block: &Block, edges: &mut Edges) -> Origin {
        let Some(from) = &block.from else {
            return Origin::Source;
        };
        let program = self.program;
        let (at, from) = program.unalias(def.at, from);
        if let ExprKind::Ref(name) = &from.kind {
            let found = program.lookup(at.scope, &name.text);
            match found.map(|id| (id, &program.def(id).kind)) {
                Some((id, Kind::Dataset(_))) => {
                    let Some(Entity::Data(data)) = self.entity(id) else {
                        return Origin::Poison;
                    };
                    let data = Rc::clone(data);
                    edges.add(Need {
                        role: "data".into(),
                        node: data.id.clone(),
                        port: Port::Data,
                    });
                    return Origin::Data(data);
                }
                None => {
                    let words = program.names(at.scope, |k| {
                        matches!(k, Kind::Dataset(_)) || k.is_trained()
                    });
                    self.unknown_name(at, name, &words, "dataset");
                    return Origin::Poison;
                }
                _ => {}
            }
        }
        let spot = Spot {
            path: "from",
            name: "from",
        };
        let Some((_, trained)) = self.checkpoint(at, from, spot, edges) else {
            return Origin::Poison;
        };
        let model = trained.model.as_ref();
        if let Some(model) = model
            && model.critic
        {
            self.report(
                Diagnostic::error(
                    "A2006",
                    at.file,
                    from.span,
                    format!(
                        "`{}` trains the critic `{}`, which draws no samples",
                        trained.name.text, model.name.text
                    ),
                )
                .with_label("a critic")
                .with_place(
                    model.at.file,
                    model.name.span,
                    "the model is defined here",
                ),
            );
            return Origin::Poison;
        }
        if let Some(data) = &trained.data {
            // Samples are drawn for states of the data that the stage goes back to.
            edges.add(Need {
                role: "data".into(),
                node: data.root.clone(),
                port: Port::Data,
            });
        }
        Origin::Model(trained.data.clone())
    }

    /// Which fields can stand together with the header.
    fn origin_fields(&mut self, def: &Def, owner: &str, origin: &Origin, given: &Fields) -> bool {
        let mut good = true;
        let at = def.at;
        let missing = |this: &mut Self, name: &str| {
            if let Some(param) = align_stdlib::block(BlockKind::Dataset).and_then(|b| b.field(name))
            {
                this.missing_field(at, def.name.span, owner, param);
            }
        };
        let sorted = |names: &[&'static str]| -> Vec<(&'static str, Given)> {
            names
                .iter()
                .filter_map(|n| Some((*n, given.get(n)?.clone())))
                .collect()
        };
        match origin {
            Origin::Source => {
                if !given.contains_key("source") {
                    missing(self, "source");
                    good = false;
                }
                for (name, field) in sorted(PAIRS) {
                    self.report(
                        Diagnostic::error(
                            "A1002",
                            at.file,
                            field.name,
                            format!("{owner} has no `{name}`: pairs are made `from` something"),
                        )
                        .with_label("not used")
                        .with_help(format!(
                            "such as `dataset {} from stage.best {{ .. }}`",
                            def.name.text
                        )),
                    );
                    good = false;
                }
            }
            Origin::Data(_) | Origin::Model(..) => {
                for (name, field) in sorted(INHERITED) {
                    self.report(
                        Diagnostic::error(
                            "A1002",
                            at.file,
                            field.name,
                            format!("{owner} inherits `{name}` from its origin"),
                        )
                        .with_label("cannot be set here")
                        .with_help("set it in the dataset that has the `source`"),
                    );
                    good = false;
                }
                if matches!(origin, Origin::Model(..)) && !given.contains_key("prefer") {
                    missing(self, "prefer");
                    good = false;
                }
                if given.contains_key("prefer") && !given.contains_key("count") {
                    missing(self, "count");
                    good = false;
                }
                if !given.contains_key("prefer")
                    && let Some(count) = given.get("count")
                {
                    self.report(
                        Diagnostic::error(
                            "A1002",
                            at.file,
                            count.name,
                            "`count` counts pairs, and there is no `prefer`",
                        )
                        .with_label("not used"),
                    );
                    good = false;
                }
            }
            Origin::Poison => {
                for (one, other) in [("prefer", "count"), ("count", "prefer")] {
                    if given.contains_key(one) && !given.contains_key(other) {
                        missing(self, other);
                    }
                }
            }
        }
        good
    }

    fn data_info(
        &mut self,
        id: DefId,
        def: &Def,
        origin: &Origin,
        given: &Fields,
        pairs: bool,
    ) -> DataInfo {
        let node = self.id(id);
        let (horizon, stride, task, root) = match origin {
            Origin::Data(data) | Origin::Model(Some(data)) => {
                (data.horizon, data.stride, data.task, data.root.clone())
            }
            Origin::Model(None) => (None, 1, None, node.clone()),
            Origin::Source | Origin::Poison => {
                let number = |name: &str| {
                    let given = given.get(name)?;
                    Some((given.value.as_ref()?.number()? as u64, given.span))
                };
                let horizon = match given.get("horizon") {
                    Some(_) => number("horizon"),
                    None => Some((default_number("horizon"), def.name.span)),
                };
                let horizon = horizon.map(|(n, span): (u64, Span)| (n, def.at.file, span));
                let stride = number("stride").map_or(1, |(n, _)| n.max(1));
                let source = given.get("source").and_then(|g| g.value.as_ref());
                (horizon, stride, source.and_then(task_of), node.clone())
            }
        };
        let source = match origin {
            Origin::Data(data) | Origin::Model(Some(data)) => Rc::clone(&data.origin),
            _ => Rc::new(super::learned::Origin::of(given, def.at.file)),
        };
        let kind = match origin {
            _ if pairs => DataKind::Pairs,
            Origin::Data(data) => data.kind,
            _ => DataKind::Rollouts,
        };
        DataInfo {
            id: node,
            name: def.name.clone(),
            kind,
            horizon,
            stride,
            task,
            root,
            origin: source,
            kept: Rc::default(),
        }
    }

    /// A7003: a window must fit into an episode.
    fn episode_length(&mut self, def: &Def, info: &DataInfo) -> bool {
        let (Some((horizon, file, span)), Some(task)) = (info.horizon, info.task) else {
            return true;
        };
        let needed = horizon.saturating_mul(info.stride);
        if needed <= task.max_steps as u64 {
            return true;
        }
        let fits = task.max_steps as u64 / info.stride;
        let product = if info.stride == 1 {
            String::new()
        } else {
            format!(" ({horizon} x {} environment steps)", info.stride)
        };
        let mut error = Diagnostic::error(
            "A7003",
            file,
            span,
            format!(
                "the horizon is longer than the longest episode of `{}`",
                task.name
            ),
        )
        .with_label(format!("needs {needed} environment steps{product}"));
        if fits >= 1 {
            error = error.with_help(format!(
                "an episode has at most {} steps: lower `horizon` to at most {fits} steps",
                task.max_steps
            ));
            if span != def.name.span {
                error = error.with_fix(
                    format!("write `{fits} steps`"),
                    false,
                    vec![crate::diag::Edit {
                        file,
                        span,
                        text: format!("{fits} steps"),
                    }],
                );
            }
        }
        self.report(error);
        false
    }

    /// The dataset that a stage learns from.
    pub(super) fn data_ref(
        &mut self,
        at: At,
        expr: &align_grammar::ast::Expr,
        edges: &mut Edges,
    ) -> Option<(Rc<DataInfo>, FileId, Span)> {
        let id = self.named(at, expr, "a dataset", "on", |k| {
            matches!(k, Kind::Dataset(_))
        })?;
        let Some(Entity::Data(data)) = self.entity(id) else {
            return None;
        };
        let data = Rc::clone(data);
        edges.add(Need {
            role: "data".into(),
            node: data.id.clone(),
            port: Port::Data,
        });
        Some((data, at.file, expr.span))
    }
}

fn default_number(name: &str) -> u64 {
    let field = align_stdlib::block(BlockKind::Dataset).and_then(|b| b.field(name));
    let text = field.and_then(|p| p.default).unwrap_or("");
    text.split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1)
}

/// The task that a source names.
fn task_of(source: &Value) -> Option<&'static Task> {
    match source.get("task")? {
        Value::Name(name) | Value::Str(name) => align_stdlib::envs::task(name),
        _ => None,
    }
}

/// Notes the models behind the checkpoints that a node reads; the digests of the checkpoints cover them already.
pub(super) fn input_models(
    fields: &mut std::collections::BTreeMap<String, align_plan::Field>,
    edges: &Edges,
    place: &align_plan::Place,
) {
    if edges.models.is_empty() {
        return;
    }
    let mut models = edges.models.clone();
    models.sort_by(|a, b| a.0.cmp(&b.0));
    models.dedup_by(|a, b| a.0 == b.0);
    fields.insert(
        "input_models".into(),
        align_plan::Field {
            value: Value::from(models),
            effect: Effect::Inert,
            place: place.clone(),
        },
    );
}
