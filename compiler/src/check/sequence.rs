//! Sequences: members in order, round after round.

use align_grammar::ast::{Block, Path};
use align_plan::{Carry, KeepRule, Need, Node, NodeId, NodeKind};
use align_schema::{BlockKind, Dim, Port, Quantity, Value};

use super::condition::Horizon;
use super::metric::Scope;
use super::{Checker, Draft, Edges, Entity, Trained};
use crate::diag::Diagnostic;
use crate::hir::{Def, DefId, Kind};
use std::rc::Rc;

impl Checker<'_> {
    pub(super) fn sequence(&mut self, id: DefId, def: &Def, block: &Block) -> Entity {
        let Some(schema) = align_stdlib::block(BlockKind::Sequence) else {
            return Entity::Poison;
        };
        let owner = format!("sequence `{}`", def.name.text);
        let members = self.members(def, block);
        let ordered = members.as_ref().is_some_and(|m| self.in_order(def, m));
        let last = members
            .as_ref()
            .and_then(|m| m.last())
            .map(|(_, t, _)| Rc::clone(t));
        self.metrics = match &last {
            Some(last) => Scope::Stage {
                name: def.name.text.clone(),
                word: "sequence",
                metrics: last.metrics.clone(),
                acts: last.model.as_ref().is_none_or(|m| !m.critic),
            },
            None => Scope::Any,
        };
        let mut edges = Edges::default();
        let given = self.fields(def.at, schema, &owner, &block.body, "", &mut edges);
        let export = self.export(def.at, &given, false);
        // A5013 has a code of its own.
        let rounds = given
            .get("rounds")
            .map(|g| g.value.as_ref().and_then(Value::number));
        if rounds.is_none() {
            self.report(
                Diagnostic::error(
                    "A5013",
                    def.at.file,
                    def.name.span,
                    format!("{owner} does not say how often it runs"),
                )
                .with_label("`rounds` is missing")
                .with_help("such as `rounds = 3 rounds`: a loop is bounded by construction"),
            );
        }
        let skip: &[&str] = if rounds.is_none() { &["rounds"] } else { &[] };
        let fields = self.complete(def.at, schema, &owner, def.name.span, &given, skip);
        let limit = given.get("rounds").and_then(|g| {
            let n = g.value.as_ref()?.number()?;
            Some((Quantity::new(n, Dim::Rounds), def.at, g.span))
        });
        let horizon = Horizon {
            looks: Dim::Rounds,
            limit,
            every: Some((Quantity::new(1.0, Dim::Rounds), None)),
            clock: Dim::Rounds,
        };
        let until = self.until(def.at, &block.body, &horizon);
        let carry = self.carry(
            fields
                .as_ref()
                .and_then(|f| f.get("carry"))
                .map(|f| &f.value),
            last.as_deref(),
        );
        self.metrics = Scope::None;
        let (Some(members), Some(last), true, Some(Some(rounds)), Some(fields), Ok(until)) =
            (members, last, ordered, rounds, fields, until)
        else {
            return Entity::Poison;
        };
        let node = self.id(id);
        let names: Vec<NodeId> = members.iter().map(|(_, t, _)| t.id.clone()).collect();
        let place = self.place(def.at, def.name.span);
        self.drafts.push(Draft {
            node: Node {
                id: node.clone(),
                lane: self.lane.id.clone(),
                name: def.name.text.clone(),
                round: 1,
                kind: NodeKind::Sequence,
                needs: vec![Need {
                    role: "member.0".into(),
                    node: last.id.clone(),
                    port: carry.port.clone(),
                }],
                fields,
                seed: self.lane.seed,
                budget: None,
                until,
                eval: None,
                keep: None,
                arms: Vec::new(),
                gate: None,
                carry: Some(carry),
                place,
            },
            sequence: Some((names, rounds as u32)),
            export,
        });
        Entity::Trained(Rc::new(Trained {
            id: node,
            at: def.at,
            name: def.name.clone(),
            model: last.model.clone(),
            data: last.data.clone(),
            task: last.task,
            metrics: last.metrics.clone(),
            from: members.first().and_then(|(_, t, _)| t.from),
            learned: Rc::clone(&last.learned),
        }))
    }

    /// The members, if all of them are stages.
    fn members<'a>(
        &mut self,
        def: &Def,
        block: &'a Block,
    ) -> Option<Vec<(DefId, Rc<Trained>, &'a Path)>> {
        let program = self.program;
        let mut out: Vec<(DefId, Rc<Trained>, &Path)> = Vec::new();
        let mut good = true;
        for path in &block.chain {
            let Some(name) = path.parts.first() else {
                continue;
            };
            if let Some(pipeline) = self.own_pipeline(def.at, name) {
                let rest = path.parts.get(1);
                self.contains_itself(def.at, pipeline, name, path.span, rest);
                good = false;
                continue;
            }
            let Some(id) = program.lookup(def.at.scope, &name.text) else {
                let words = program.names(def.at.scope, |k| matches!(k, Kind::Stage(_)));
                self.unknown_name(def.at, name, &words, "stage");
                good = false;
                continue;
            };
            let member = program.def(id);
            if path.parts.len() > 1 || !matches!(member.kind, Kind::Stage(_)) {
                good = false;
                if matches!(member.kind, Kind::Poison) || self.order.circular.contains(&id) {
                    continue;
                }
                let found = if path.parts.len() > 1 {
                    format!("`{}`", path.text())
                } else {
                    format!("{} `{}`", member.kind.word(), name.text)
                };
                let mut error = Diagnostic::error(
                    "A2001",
                    def.at.file,
                    path.span,
                    format!("a sequence runs stages, found {found}"),
                )
                .with_label("not a stage");
                if matches!(member.kind, Kind::Stage(_)) {
                    error = error
                        .with_help(format!("name the stage itself: `{}`", name.text))
                        .with_replacement(path.span, name.text.clone());
                }
                self.report(error);
                continue;
            }
            if out.iter().any(|(other, ..)| *other == id) {
                self.report(
                    Diagnostic::error(
                        "A1004",
                        def.at.file,
                        path.span,
                        format!("`{}` stands twice in the sequence", name.text),
                    )
                    .with_label("again here")
                    .with_help("`rounds` repeats the whole sequence"),
                );
                good = false;
                continue;
            }
            match self.entity(id) {
                Some(Entity::Trained(t)) => out.push((id, Rc::clone(t), path)),
                _ => good = false,
            }
        }
        (good && !out.is_empty()).then_some(out)
    }

    /// A4003: each member starts from the one before.
    fn in_order(&mut self, def: &Def, members: &[(DefId, Rc<Trained>, &Path)]) -> bool {
        let program = self.program;
        let mut good = true;
        for pair in members.windows(2) {
            let [(before_id, before, _), (_, this, path)] = pair else {
                continue;
            };
            if this.from == Some(*before_id) {
                continue;
            }
            good = false;
            let found = match this.from {
                Some(id) => format!("starts from `{}`", program.def(id).name.text),
                None => "starts fresh".to_owned(),
            };
            self.report(
                Diagnostic::error(
                    "A4003",
                    def.at.file,
                    path.span,
                    format!(
                        "`{}` follows `{}` in the sequence, but {found}",
                        this.name.text, before.name.text
                    ),
                )
                .with_label(format!("comes after `{}` here", before.name.text))
                .with_place(this.at.file, this.name.span, found)
                .with_help(format!(
                    "write `from {}.best` in stage `{}`, or change the order",
                    before.name.text, this.name.text
                )),
            );
        }
        good
    }

    /// What goes from round to round: by default the best score.
    fn carry(&mut self, value: Option<&Value>, last: Option<&Trained>) -> Carry {
        let rule = value.and_then(|v| self.keep_rule(v));
        let metric = |metric: &str| last.and_then(|l| l.metrics.find(metric)).is_some();
        match rule {
            Some(KeepRule::Best { metric, better }) => Carry {
                metric,
                better,
                port: Port::Best,
            },
            Some(KeepRule::Last(_)) | None => {
                let name = if metric("score") {
                    "score"
                } else {
                    "valid.loss"
                };
                Carry {
                    metric: name.to_owned(),
                    better: self.metric_ref(name).better,
                    port: if rule.is_some() {
                        Port::Last
                    } else {
                        Port::Best
                    },
                }
            }
        }
    }
}
