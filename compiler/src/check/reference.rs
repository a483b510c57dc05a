//! References: checkpoints of stages, datasets, models.

use align_grammar::ast::{Arg, Expr, ExprKind, Name, Path, Span};
use align_plan::Need;
use align_schema::{Bounds, Dim, Port, Ref, Role, Ty, Value};

use super::model::role;
use super::{Checker, Edges, Entity, ModelInfo, Spot, Trained};
use crate::diag::{Diagnostic, FileId};
use crate::hir::{At, DefId, Kind};
use crate::suggest::{near, suggested};
use std::rc::Rc;

/// What can follow the name of a stage.
const PORTS: &[&str] = &["best", "last", "at"];

impl Checker<'_> {
    /// A checkpoint, as an edge.  `None` when it is wrong (and said so) or poison.
    pub(super) fn checkpoint(
        &mut self,
        at: At,
        expr: &Expr,
        spot: Spot,
        edges: &mut Edges,
    ) -> Option<(Value, Rc<Trained>)> {
        let program = self.program;
        let (at, expr) = program.unalias(at, expr);
        let (base, port, args): (&Expr, Option<&Name>, Option<&[Arg]>) = match &expr.kind {
            ExprKind::Member { base, field } => (base, Some(field), None),
            ExprKind::Call { callee, args, .. } => match &callee.kind {
                ExprKind::Member { base, field } => (base, Some(field), Some(args)),
                _ => {
                    self.wrong_type(at, expr, Ty::Checkpoint, spot);
                    return None;
                }
            },
            _ => (expr, None, None),
        };
        let ExprKind::Ref(name) = &base.kind else {
            if self.reaches_itself(at, expr) {
                return None;
            }
            if let Some(name) = self.pipeline_of(at, base) {
                // `lane.pretrain.best`: says that no lane is named.
                self.trained_name(at, name, expr, true, spot);
            } else {
                self.wrong_type(at, expr, Ty::Checkpoint, spot);
            }
            return None;
        };
        let id = self.trained_name(at, name, expr, port.is_some(), spot)?;
        let Some(port) = port else {
            self.stage_not_checkpoint(at, expr.span, id, spot);
            return None;
        };
        let port = self.port(at, id, port, args)?;
        self.edge(id, port, (at.file, expr.span), spot, edges)
    }

    /// A checkpoint that an argument names; a critic must be one (with one of `nets`, if there are any), and a reference one of the model being trained.
    pub(super) fn role_checkpoint(
        &mut self,
        at: At,
        expr: &Expr,
        nets: &[&str],
        spot: Spot,
        edges: &mut Edges,
    ) -> Option<Value> {
        let (value, trained) = self.checkpoint(at, expr, spot, edges)?;
        let Some(model) = &trained.model else {
            return Some(value);
        };
        let net = match model.record.get("net") {
            Some(Value::Call(call)) => call.name.as_str(),
            _ => "",
        };
        let policy = |m: &ModelInfo| role(m.record.get("net")) == Role::Policy;
        let wrong = match spot.name {
            "critic" if !model.critic => Some((
                "wants a critic",
                "this model draws plans, it does not value them",
            )),
            "critic" if !nets.is_empty() && !nets.contains(&net) => Some((
                "wants a critic of states and actions, such as one with `twin_q`",
                "a critic of whole plans",
            )),
            "critic" if net == "value" && self.training.as_deref().is_some_and(policy) => Some((
                "wants a critic of states and actions, for a policy draws no states",
                "a critic of whole plans",
            )),
            "reference" if self.training.as_ref().is_some_and(|m| m.def != model.def) => Some((
                "wants a checkpoint of the model being trained",
                "a checkpoint of another model",
            )),
            _ => None,
        };
        if let Some((wants, label)) = wrong {
            let mut error = Diagnostic::error(
                "A2006",
                at.file,
                expr.span,
                format!(
                    "`{}` {wants}, found one of `{}`",
                    spot.name, model.name.text
                ),
            )
            .with_label(label)
            .with_place(model.at.file, model.name.span, "this model");
            if let (Some(training), "reference") = (&self.training, spot.name) {
                error = error.with_place(
                    training.at.file,
                    training.name.span,
                    "the model being trained",
                );
            }
            self.report(error);
            return None;
        }
        Some(value)
    }

    /// A member of a cascade: `pretrain.best`.
    pub(super) fn checkpoint_path(
        &mut self,
        at: At,
        path: &Path,
        spot: Spot,
        edges: &mut Edges,
    ) -> Option<(Value, Rc<Trained>)> {
        let name = path.parts.first()?;
        if let (Some(id), Some(rest)) = (self.own_pipeline(at, name), path.parts.get(1)) {
            self.contains_itself(at, id, name, path.span, Some(rest));
            return None;
        }
        let base = Expr {
            kind: ExprKind::Ref(name.clone()),
            span: path.span,
        };
        let id = self.trained_name(at, name, &base, path.parts.len() > 1, spot)?;
        let Some(port) = path.parts.get(1) else {
            self.stage_not_checkpoint(at, path.span, id, spot);
            return None;
        };
        let port = self.port(at, id, port, None)?;
        self.edge(id, port, (at.file, path.span), spot, edges)
    }

    /// The name of the pipeline that `pipeline.stage` reaches into.
    fn pipeline_of<'e>(&self, at: At, expr: &'e Expr) -> Option<&'e Name> {
        let ExprKind::Member { base, .. } = &expr.kind else {
            return None;
        };
        let ExprKind::Ref(name) = &base.kind else {
            return None;
        };
        let id = self.program.lookup(at.scope, &name.text)?;
        matches!(self.program.def(id).kind, Kind::Pipeline(_)).then_some(name)
    }

    /// A stage or a sequence by its name.
    fn trained_name(
        &mut self,
        at: At,
        name: &Name,
        expr: &Expr,
        member: bool,
        spot: Spot,
    ) -> Option<DefId> {
        let program = self.program;
        let Some(id) = program.lookup(at.scope, &name.text) else {
            let words = program.names(at.scope, Kind::is_trained);
            let message = format!("there is no stage `{}`", name.text);
            let help = format!("`{}` wants a checkpoint, such as `stage.best`", spot.name);
            self.unknown("A1001", at, name, message, &words, Some(help));
            return None;
        };
        match &program.def(id).kind {
            Kind::Stage(_) | Kind::Sequence(_) => Some(id),
            Kind::Poison => None,
            Kind::Model(_) if spot.path.ends_with(".reference") => {
                self.report(
                    Diagnostic::error(
                        "A2016",
                        at.file,
                        expr.span,
                        "the reference model is the model being trained",
                    )
                    .with_label("a model, not a checkpoint of it")
                    .with_help(
                        "a reference is frozen: name the checkpoint that the stage starts from",
                    ),
                );
                None
            }
            // `let` of something that is no checkpoint, a parameter, ...
            Kind::Pipeline(_) if member => {
                self.report(
                    Diagnostic::error(
                        "A1012",
                        at.file,
                        expr.span,
                        format!(
                            "`{}` is a pipeline: its stages exist once in each lane",
                            name.text
                        ),
                    )
                    .with_label("no lane is named")
                    .with_help("move what uses it into the pipeline"),
                );
                None
            }
            _ => {
                let target = Expr {
                    kind: ExprKind::Ref(name.clone()),
                    span: expr.span,
                };
                self.wrong_type(at, &target, Ty::Checkpoint, spot);
                None
            }
        }
    }

    fn stage_not_checkpoint(&mut self, at: At, span: Span, id: DefId, spot: Spot) {
        if self.order.circular.contains(&id) {
            return;
        }
        let def = self.program.def(id);
        let (name, word) = (def.name.text.clone(), def.kind.word());
        self.report(
            Diagnostic::error(
                "A2005",
                at.file,
                span,
                format!("`{}` wants a checkpoint, found the {word} `{name}`", spot.name),
            )
            .with_label(format!("a {word}"))
            .with_help(format!("name one of its checkpoints: `{name}.best`, `{name}.last` or `{name}.at(10k steps)`"))
            .with_fix(
                format!("write `{name}.best`"),
                false,
                vec![crate::diag::Edit {
                    file: at.file,
                    span: Span {
                        start: span.end,
                        end: span.end,
                    },
                    text: ".best".into(),
                }],
            ),
        );
    }

    fn port(&mut self, at: At, id: DefId, field: &Name, args: Option<&[Arg]>) -> Option<Port> {
        match (field.text.as_str(), args) {
            ("best", None) => Some(Port::Best),
            ("last", None) => Some(Port::Last),
            ("at", Some([Arg { name: None, value }])) => {
                let spot = Spot {
                    path: "at",
                    name: "at",
                };
                let ty = Ty::Quantity(&[Dim::Steps, Dim::EnvSteps]);
                let bounds = Bounds::at_least(1.0);
                let v = self.value(at, value, ty, Some(&bounds), spot, &mut Edges::default())?;
                v.number().map(|n| Port::At(n as u64))
            }
            ("at", _) => {
                self.error(
                    "A2003",
                    at,
                    field.span,
                    "`at` needs a number of steps, such as `at(20k steps)`",
                );
                None
            }
            ("best" | "last", Some(_)) => {
                self.report(
                    Diagnostic::error(
                        "A2004",
                        at.file,
                        field.span,
                        format!("`{}` takes no arguments", field.text),
                    )
                    .with_help("leave the parentheses out"),
                );
                None
            }
            (text, _) => {
                let def = self.program.def(id);
                let (stage, word) = (def.name.text.clone(), def.kind.word());
                let metric = match self.entity(id) {
                    Some(Entity::Trained(t)) => t.metrics.find(text).is_some(),
                    _ => false,
                };
                let error = if metric {
                    Diagnostic::error(
                        "A2005",
                        at.file,
                        field.span,
                        format!("`{stage}.{text}` is a metric, a checkpoint is needed"),
                    )
                    .with_label("a metric")
                } else {
                    Diagnostic::error(
                        "A1001",
                        at.file,
                        field.span,
                        format!("{word} `{stage}` has no checkpoint `{text}`"),
                    )
                }
                .with_help("a stage has `best`, `last` and `at(N steps)`");
                let near = near(text, PORTS.iter().copied());
                self.report(suggested(error, field.span, &near));
                None
            }
        }
    }

    fn edge(
        &mut self,
        id: DefId,
        port: Port,
        (file, span): (FileId, Span),
        spot: Spot,
        edges: &mut Edges,
    ) -> Option<(Value, Rc<Trained>)> {
        let Some(Entity::Trained(trained)) = self.entity(id) else {
            return None;
        };
        let trained = Rc::clone(trained);
        edges.read.push((Rc::clone(&trained), file, span));
        let need = edges.add(Need {
            role: spot.path.to_owned(),
            node: trained.id.clone(),
            port,
        });
        if let Some(model) = &trained.model {
            edges
                .models
                .push((spot.path.to_owned(), model.record.clone()));
        }
        Some((Value::Ref(Ref { need }), trained))
    }

    /// The definition that a header names; says so when there is none of the right kind.
    pub(super) fn named(
        &mut self,
        at: At,
        expr: &Expr,
        what: &str,
        header: &str,
        right: fn(&Kind) -> bool,
    ) -> Option<DefId> {
        let program = self.program;
        let (at, expr) = program.unalias(at, expr);
        if self.is_poison(at, expr) || self.reaches_itself(at, expr) {
            return None;
        }
        let Some(name) = super::value::root(expr) else {
            self.error(
                "A2001",
                at,
                expr.span,
                format!("`{header}` wants the name of {what}"),
            );
            return None;
        };
        let Some(id) = program.lookup(at.scope, &name.text) else {
            let words = program.names(at.scope, right);
            let bare = what.split_once(' ').map_or(what, |(_, w)| w);
            self.unknown_name(at, name, &words, bare);
            return None;
        };
        let def = program.def(id);
        if right(&def.kind) && matches!(expr.kind, ExprKind::Ref(_)) {
            return Some(id);
        }
        let found = if matches!(expr.kind, ExprKind::Ref(_)) {
            format!("{} `{}`", def.kind.word(), name.text)
        } else {
            format!("`{}`", self.sources.slice(at.file, expr.span))
        };
        let mut error = Diagnostic::error(
            "A2001",
            at.file,
            expr.span,
            format!("`{header}` wants {what}, found {found}"),
        )
        .with_label("wrong kind");
        if matches!(expr.kind, ExprKind::Ref(_)) {
            error = error.with_place(
                def.at.file,
                def.name.span,
                format!("`{}` is defined here", def.name.text),
            );
        }
        self.report(error);
        None
    }
}
