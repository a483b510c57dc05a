//! Models: a network, and the diffusion chain that samples it.

use align_grammar::ast::Block;
use align_schema::{BlockKind, Call, Group, Role, Value};

use align_stdlib::nets;

use super::block::{Fields, Given};
use super::{Checker, Edges, Entity, ModelInfo};
use crate::diag::Diagnostic;
use crate::hir::{Def, DefId};
use std::rc::Rc;

/// What the network that a call names is for.
pub(super) fn role(net: Option<&Value>) -> Role {
    match net {
        Some(Value::Call(call)) => {
            align_stdlib::builtin(Group::Net, &call.name).map_or(Role::None, |b| b.role)
        }
        _ => Role::None,
    }
}

impl Checker<'_> {
    pub(super) fn model(&mut self, id: DefId, def: &Def, block: &Block) -> Entity {
        let Some(schema) = align_stdlib::block(BlockKind::Model) else {
            return Entity::Poison;
        };
        let owner = format!("model `{}`", def.name.text);
        let mut edges = Edges::default();
        let given = self.fields(def.at, schema, &owner, &block.body, "", &mut edges);
        let net = given.get("net").and_then(|g| g.value.clone());
        let role = role(net.as_ref());
        let critic = role == Role::Critic;
        let noisy = matches!(&net, Some(Value::Call(call)) if call.name == "value");
        let skip: &[&str] = match role {
            // A network of plans may learn noisy ones.
            Role::Critic if noisy => &["predict", "ema", "replan", "actions", "guidance"],
            Role::Critic => &["sampler", "predict", "ema", "replan", "actions", "guidance"],
            _ => &[],
        };
        if critic {
            for name in skip {
                if let Some(given) = given.get(name) {
                    self.report(
                        Diagnostic::error(
                            "A1002",
                            def.at.file,
                            given.name,
                            format!("a critic has no `{name}`"),
                        )
                        .with_label("not used")
                        .with_help("a critic values plans and draws none; leave the field out"),
                    );
                    return Entity::Poison;
                }
            }
        }
        let fields = self.complete(def.at, schema, &owner, def.name.span, &given, skip);
        if net.is_some()
            && !critic
            && !given.contains_key("sampler")
            && let Some(param) = schema.field("sampler")
        {
            self.missing_field(def.at, def.name.span, &owner, param);
            return Entity::Poison;
        }
        self.acting_steps(def, &given);
        if !self.parts_fit(def, role, &given) {
            return Entity::Poison;
        }
        if let (Some(Value::Call(call)), Some(field)) = (&net, given.get("net"))
            && let Some((argument, why)) = nets::fault(call)
        {
            self.report(
                Diagnostic::error("A2011", def.at.file, field.span, why)
                    .with_label(format!("`{argument}` cannot be this")),
            );
            return Entity::Poison;
        }
        let Some(mut fields) = fields else {
            return Entity::Poison;
        };
        let record = schema
            .fields
            .iter()
            .filter_map(|p| Some((p.name.to_owned(), fields.remove(p.name)?.value)))
            .collect();
        let multiple = match &net {
            Some(Value::Call(call)) if !critic => {
                multiple(call).zip(given.get("net").map(|g| g.span))
            }
            _ => None,
        };
        Entity::Model(Rc::new(ModelInfo {
            def: id,
            at: def.at,
            name: def.name.clone(),
            record: Value::Record(record),
            critic,
            multiple,
        }))
    }

    /// A2017: whether its network, what tells its actions and its guidance make a model.
    fn parts_fit(&mut self, def: &Def, role: Role, given: &Fields) -> bool {
        let file = def.at.file;
        let call = |name: &str| match given.get(name) {
            Some(Given {
                value: Some(Value::Call(call)),
                span,
                ..
            }) => Some((call.name.clone(), *span)),
            _ => None,
        };
        let mut wrong = Vec::new();
        if let (Role::Inverse, Some((name, span))) = (role, call("net")) {
            wrong.push((
                span,
                format!("`{name}` draws no plan"),
                "it tells the actions of plans of states: `actions = inverse_dynamics(..)` beside a planner's `net`",
            ));
        }
        if let Some((name, span)) = call("actions") {
            let own = align_stdlib::builtin(Group::Net, &name).map_or(Role::None, |b| b.role);
            if own != Role::Inverse {
                wrong.push((
                    span,
                    format!("`{name}` tells no actions"),
                    "`actions` takes `inverse_dynamics(..)`",
                ));
            } else if role == Role::Policy {
                wrong.push((
                    span,
                    "a policy draws actions, there is none to tell".into(),
                    "leave it out, or name a planner as the `net`",
                ));
            }
        }
        if let Some((name, span)) = call("guidance")
            && name != "classifier_free"
        {
            wrong.push((
                span,
                format!("`{name}` leads a cascade, not a model"),
                "write it in a cascade: `cascade led = pretrain.best { guidance = classifier(value.best) }`; a model takes `classifier_free(..)`",
            ));
        }
        let good = wrong.is_empty();
        for (span, message, help) in wrong {
            self.report(
                Diagnostic::error("A2017", file, span, message)
                    .with_label("does not belong here")
                    .with_help(help),
            );
        }
        good
    }

    /// A7007: a chain cannot act in more steps than it was trained with.
    fn acting_steps(&mut self, def: &Def, given: &Fields) {
        let Some(sampler) = given.get("sampler") else {
            return;
        };
        let Some(Value::Call(call)) = &sampler.value else {
            return;
        };
        let number = |name| call.arg(name).and_then(Value::number);
        if let (Some(train), Some(act)) = (number("train"), number("act"))
            && act > train
        {
            self.report(
                Diagnostic::error(
                    "A7007",
                    def.at.file,
                    sampler.span,
                    format!("the sampler acts in {act} steps and is trained with {train}"),
                )
                .with_label(format!("`act` must be at most {train} denoise_steps")),
            );
        }
    }
}

/// What a horizon must be a multiple of: a U-Net halves it once between two levels.
fn multiple(net: &Call) -> Option<u64> {
    let Some(Value::List(mults)) = net.arg("mults") else {
        return None;
    };
    let halvings = u32::try_from(mults.len().saturating_sub(1)).ok()?;
    Some(1u64 << halvings.min(32))
}
