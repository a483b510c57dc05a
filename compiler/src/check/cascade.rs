//! Cascades: several models sampled one after the other.

use align_grammar::ast::{Block, StmtKind};
use align_plan::{EvalSpec, Field, Node, NodeKind};
use align_schema::{BlockKind, Dim, Effect, Quantity, Value};
use align_stdlib::rules;

use super::clause::observed;
use super::metric::Metrics;
use super::{Checker, Draft, Edges, Entity, Spot, Trained};
use crate::diag::Diagnostic;
use crate::hir::{Def, DefId};
use std::collections::BTreeMap;
use std::rc::Rc;

impl Checker<'_> {
    pub(super) fn cascade(&mut self, id: DefId, def: &Def, block: &Block) -> Entity {
        let Some(schema) = align_stdlib::block(BlockKind::Cascade) else {
            return Entity::Poison;
        };
        let at = def.at;
        let owner = format!("cascade `{}`", def.name.text);
        let mut edges = Edges::default();
        let mut members = Vec::new();
        let mut good = true;
        for (i, path) in block.chain.iter().enumerate() {
            let role = format!("member.{i}");
            let spot = Spot {
                path: &role,
                name: "a cascade's member",
            };
            match self.checkpoint_path(at, path, spot, &mut edges) {
                Some((_, trained)) => members.push((trained, path.span)),
                None => good = false,
            }
        }
        good &= self.members_fit(def, &members);
        // Their models are in `models`, in order.
        edges.models.clear();
        let given = self.fields(at, schema, &owner, &block.body, "", &mut edges);
        let export = self.export(at, &given, true);
        let fields = self.complete(at, schema, &owner, def.name.span, &given, &[]);
        let (episodes, observed, eval_good) = self.cascade_eval(def, &owner, block, &mut edges);
        let judged = observed.iter().any(|(name, _)| name == "eval.critic");
        let task = members.iter().find_map(|(m, _)| m.task);
        let first_member = members.iter().find(|(m, _)| m.task.is_some());
        let own = first_member.and_then(|(m, span)| Some((m.task?, at.file, *span)));
        good &= self.read_fits(own, &edges, own.map(|o| o.2));
        let known = task.is_some() || self.symbolic || !good;
        let metrics = Metrics::new(&[
            if known { rules::EVALUATION } else { &[] },
            if judged { rules::VALUE } else { &[] },
        ]);
        let first = members.first().map(|(m, _)| Rc::clone(m));
        let (Some(mut fields), Some(first), true) = (fields, first, good && eval_good) else {
            return Entity::Poison;
        };
        let place = self.place(at, def.name.span);
        cascade_fields(&mut fields, &members, observed, &place);
        super::dataset::input_models(&mut fields, &edges, &place);
        let node = self.id(id);
        self.drafts.push(Draft {
            node: Node {
                id: node.clone(),
                lane: self.lane.id.clone(),
                name: def.name.text.clone(),
                round: 1,
                kind: NodeKind::Cascade,
                needs: edges.needs,
                fields,
                seed: self.lane.seed,
                budget: None,
                until: None,
                // It is evaluated once.
                eval: Some(EvalSpec {
                    every: Quantity::new(0.0, Dim::Steps),
                    episodes,
                }),
                keep: None,
                arms: Vec::new(),
                gate: None,
                carry: None,
                place,
            },
            sequence: None,
            export,
        });
        Entity::Cascade(Rc::new(Trained {
            id: node,
            at,
            name: def.name.clone(),
            model: first.model.clone(),
            data: first.data.clone(),
            task,
            metrics,
            from: None,
            learned: Rc::clone(&first.learned),
        }))
    }

    /// A4004: each member can take what the one before gives.
    fn members_fit(
        &mut self,
        def: &Def,
        members: &[(Rc<Trained>, align_grammar::ast::Span)],
    ) -> bool {
        let mut good = true;
        for (member, span) in members {
            if let Some(model) = &member.model
                && model.critic
            {
                self.report(
                    Diagnostic::error(
                        "A4004",
                        def.at.file,
                        *span,
                        format!("`{}` is a critic and draws no plan", model.name.text),
                    )
                    .with_label("a critic")
                    .with_place(model.at.file, model.name.span, "the model is defined here")
                    .with_help("a critic ranks samples: `pick = best_of(16, critic: ..)`"),
                );
                good = false;
            }
        }
        for pair in members.windows(2) {
            let [(a, _), (b, span)] = pair else { continue };
            let (Some(da), Some(db)) = (&a.data, &b.data) else {
                continue;
            };
            let horizons = da.horizon.zip(db.horizon);
            if let Some(((ha, fa, sa), (hb, fb, sb))) = horizons
                && (ha != hb || da.stride != db.stride)
            {
                let show = |h: u64, stride: u64| {
                    if stride == 1 {
                        format!("{h} steps")
                    } else {
                        format!("{h} steps of {stride}")
                    }
                };
                let (x, y) = (show(ha, da.stride), show(hb, db.stride));
                self.report(
                    Diagnostic::error(
                        "A4004",
                        def.at.file,
                        *span,
                        format!(
                            "`{}` plans {y}, and gets plans of {x} from `{}`",
                            b.name.text, a.name.text
                        ),
                    )
                    .with_label("horizons differ")
                    .with_place(fa, sa, x)
                    .with_place(fb, sb, y),
                );
                good = false;
                continue;
            }
            if let (Some(ta), Some(tb)) = (a.task, b.task)
                && (ta.obs, ta.act) != (tb.obs, tb.act)
            {
                self.report(
                    Diagnostic::error(
                        "A4004",
                        def.at.file,
                        *span,
                        format!(
                            "`{}` is trained on `{}`, `{}` on `{}`: their sizes differ",
                            a.name.text, ta.name, b.name.text, tb.name
                        ),
                    )
                    .with_label(format!(
                        "{} observations and {} actions, not {} and {}",
                        tb.obs, tb.act, ta.obs, ta.act
                    )),
                );
                good = false;
            }
        }
        good
    }

    /// Episodes of its evaluation and what else it says; by default 50 episodes.
    fn cascade_eval(
        &mut self,
        def: &Def,
        owner: &str,
        block: &Block,
        edges: &mut Edges,
    ) -> (u64, Vec<(String, Value)>, bool) {
        let body = block.body.iter().find_map(|s| match &s.kind {
            StmtKind::Eval { every, body } => Some((every, body)),
            _ => None,
        });
        let Some((every, body)) = body else {
            return (50, Vec::new(), true);
        };
        if let Some(every) = every {
            self.report(
                Diagnostic::error(
                    "A1002",
                    def.at.file,
                    every.span,
                    "a cascade is evaluated once",
                )
                .with_label("trains nothing, so that there is no `every`")
                .with_help("write `eval { episodes = 50 }`"),
            );
            return (50, Vec::new(), false);
        }
        let Some(schema) = align_stdlib::block(BlockKind::Eval) else {
            return (50, Vec::new(), false);
        };
        let given = self.fields(
            def.at,
            schema,
            &format!("`eval` of {owner}"),
            body,
            "eval.",
            edges,
        );
        let good = given.values().all(|g| g.value.is_some());
        let value = |name: &str| given.get(name).and_then(|g| g.value.clone());
        let episodes = value("episodes").and_then(|v| v.number()).unwrap_or(50.0);
        (episodes as u64, observed(&given), good)
    }
}

fn cascade_fields(
    fields: &mut BTreeMap<String, Field>,
    members: &[(Rc<Trained>, align_grammar::ast::Span)],
    observed: Vec<(String, Value)>,
    place: &align_plan::Place,
) {
    let mut insert = |name: &str, value, effect| {
        let place = place.clone();
        fields.insert(
            name.to_owned(),
            Field {
                value,
                effect,
                place,
            },
        );
    };
    let models = members
        .iter()
        .filter_map(|(m, _)| Some(m.model.as_ref()?.record.clone()))
        .collect();
    insert("models", Value::List(models), Effect::Identity);
    for (name, value) in observed {
        insert(&name, value, Effect::Observe);
    }
    let data = members.iter().find_map(|(m, _)| m.data.as_ref());
    if let Some(data) = data {
        let steps = |n: u64| Value::Quantity(Quantity::new(n as f64, Dim::Steps));
        if let Some((horizon, ..)) = data.horizon {
            insert("horizon", steps(horizon), Effect::Identity);
        }
        insert("stride", steps(data.stride), Effect::Identity);
    }
    if let Some(task) = members.iter().find_map(|(m, _)| m.task) {
        insert("task", Value::Name(task.name.to_owned()), Effect::Identity);
    }
}
