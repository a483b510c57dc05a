//! A4010: are two stages of a lane one and the same computation?
//!
//! Names are in no key, so that two stages with equal identity fields and equal inputs are one node with two names.

use std::hash::{Hash, Hasher};

use align_plan::{Node, NodeId, NodeKind};
use align_schema::{Effect, Value};
use rustc_hash::{FxHashMap, FxHasher};

use super::{Checker, Entity};
use crate::diag::Diagnostic;

/// The first node that computes the same, for each that has one.
type Canon<'a> = FxHashMap<&'a NodeId, &'a NodeId>;

impl Checker<'_> {
    /// A4010, in the lane at hand.
    pub(super) fn twins(&mut self) {
        let mut found: Vec<(NodeId, NodeId, bool)> = Vec::new();
        {
            let mut canon: Canon = FxHashMap::default();
            let mut groups: FxHashMap<u64, Vec<&Node>> = FxHashMap::default();
            for node in self.drafts.iter().map(|d| &d.node) {
                if !matches!(node.kind, NodeKind::Dataset | NodeKind::Stage) {
                    continue;
                }
                let group = groups.entry(digest(node, &canon)).or_default();
                match group.iter().find(|other| same(node, other, &canon)) {
                    Some(first) => {
                        canon.insert(&node.id, &first.id);
                        // A name that stands twice is an error of its own.
                        if node.kind == NodeKind::Stage && first.name != node.name {
                            let long = first.budget == node.budget && first.until == node.until;
                            found.push((first.id.clone(), node.id.clone(), long));
                        }
                    }
                    None => group.push(node),
                }
            }
        }
        for (first, second, equal) in found {
            self.one_node(&first, &second, equal);
        }
    }

    fn one_node(&mut self, first: &NodeId, second: &NodeId, equal: bool) {
        let place = |id: &NodeId| {
            self.entities.values().find_map(|e| match e {
                Entity::Trained(t) if t.id == *id => Some((t.at, t.name.clone())),
                _ => None,
            })
        };
        let (Some((first_at, first)), Some((at, second))) = (place(first), place(second)) else {
            return;
        };
        let (label, help) = if equal {
            (
                "the same loss, data, model and start",
                format!(
                    "it trains once: name `{}` where `{}` is named, or change what was to differ",
                    first.text, second.text
                ),
            )
        } else {
            (
                "differs only in how long it trains",
                format!(
                    "one run serves both: take `{}.at(..)` of the longer one",
                    first.text
                ),
            )
        };
        self.report(
            Diagnostic::warning(
                "A4010",
                at.file,
                second.span,
                format!(
                    "stages `{}` and `{}` are the same node",
                    first.text, second.text
                ),
            )
            .with_label(label)
            .with_place(first_at.file, first.span, "the first of the two")
            .with_help(help),
        );
    }
}

fn digest(node: &Node, canon: &Canon) -> u64 {
    let mut hasher = FxHasher::default();
    node.kind.hash(&mut hasher);
    for (name, field) in identity(node) {
        name.hash(&mut hasher);
        value(&field.value, &mut hasher);
    }
    for need in &node.needs {
        canon
            .get(&need.node)
            .unwrap_or(&&need.node)
            .hash(&mut hasher);
    }
    hasher.finish()
}

fn identity(node: &Node) -> impl Iterator<Item = (&String, &align_plan::Field)> {
    node.fields
        .iter()
        .filter(|(_, f)| f.effect == Effect::Identity)
}

fn same(a: &Node, b: &Node, canon: &Canon) -> bool {
    let of = |id: &NodeId| {
        canon
            .get(id)
            .map_or_else(|| id.clone(), |first| (*first).clone())
    };
    a.kind == b.kind
        && a.needs.len() == b.needs.len()
        && a.needs
            .iter()
            .zip(&b.needs)
            .all(|(x, y)| x.role == y.role && x.port == y.port && of(&x.node) == of(&y.node))
        && identity(a)
            .map(|(n, f)| (n, &f.value))
            .eq(identity(b).map(|(n, f)| (n, &f.value)))
}

/// Structure and numbers of a value; equal values hash alike.
fn value(v: &Value, hasher: &mut FxHasher) {
    match v {
        Value::Record(entries) => entries.iter().for_each(|(k, v)| {
            k.hash(hasher);
            value(v, hasher);
        }),
        Value::Call(call) => {
            call.name.hash(hasher);
            call.args.iter().for_each(|(_, v)| value(v, hasher));
        }
        Value::List(items) => items.iter().for_each(|v| value(v, hasher)),
        Value::Name(text) | Value::Str(text) => text.hash(hasher),
        Value::Ref(r) => r.need.hash(hasher),
        other => {
            if let Some(n) = other.number() {
                n.to_bits().hash(hasher);
            }
        }
    }
}
