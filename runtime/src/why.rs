//! Why would a node run, or why not?  The parts of its key and what stands beside it, then and now, each with its place in the program.

use align_plan::{Key, Node, Part, Plan};
use align_runtime_api::{Library, NodeStatus, PlanAction};
use align_schema::Quantity;
use serde::Serialize;

use crate::board::{Board, Look};
use crate::converge::written;
use crate::extent::extent;
use crate::forecast::{outlook, previous};
use crate::status::seen;
use crate::store::{NodeFolder, Store, StoreError};

/// One part, then and now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartChange {
    /// Such as `optim.lr`.
    pub name: String,
    /// The value when the node last started.
    pub old: Option<String>,
    /// The value now.
    pub new: Option<String>,
    /// Whether they are the same.
    pub same: bool,
    /// Where it is written, as `study.align:31`; for what is not written, where its block stands.
    pub place: Option<String>,
}

/// Stands for the content of what is not there yet.
const UNKNOWN: &str = "unknown";

/// What is known of a node, and of what a run would do with it.
#[derive(Clone, Debug, Serialize)]
pub struct Why {
    /// Its name.
    pub node: String,
    /// What a run would do.
    pub action: PlanAction,
    /// Why.
    pub reason: String,
    /// Its key, when what it needs is there.
    pub key: Option<Key>,
    /// Parts of the key; an input that is not there yet is `unknown`.
    pub parts: Vec<PartChange>,
    /// What shapes the result without being in the key: budget, rule, evaluations, checkpoints, failure policy.
    pub beside: Vec<PartChange>,
    /// What the store has of it.
    pub status: NodeStatus,
}

/// Why node `id` (its name or its full id) would run or not; none when the plan has no such node.
pub fn why(
    plan: &Plan,
    store: &Store,
    library: &dyn Library,
    numeric: &str,
    id: &str,
) -> Result<Option<Why>, StoreError> {
    let Some(at) = plan.nodes.iter().position(|n| n.id.0 == id || n.name == id) else {
        return Ok(None);
    };
    let outlook = outlook(plan, store, library, numeric)?;
    let (Some(node), Some(entry)) = (plan.nodes.get(at), outlook.entries.get(at)) else {
        return Ok(None);
    };
    let mut board = Board::new(plan, store, library, numeric);
    board.settled = outlook.settled;
    let known = board.settled.get(at).cloned().flatten();
    let look = known.map_or_else(
        || board.look(at, false),
        |settled| Look::Settled(Box::new(settled)),
    );
    let status = seen(store, node, &look)?;
    let parts = match look {
        Look::Work(work) => Some(work.parts),
        Look::Settled(settled) => settled.key.and_then(|key| store.node(&key).parts()),
        Look::Wait(_) => board.sketch(at, UNKNOWN),
    };
    let key = entry.key.clone();
    let named = store.named(&plan.file, &node.id.0);
    let last = named.map(|key| store.node(&Key(align_plan::Digest(key))));
    let before = match &key {
        Some(key) => previous(plan, store, node, key),
        None => last.as_ref().and_then(NodeFolder::parts),
    };
    Ok(Some(Why {
        node: node.id.0.clone(),
        action: entry.action,
        reason: entry.reason.clone(),
        key,
        parts: parts.map_or_else(Vec::new, |now| {
            changes(node, &before.unwrap_or_default(), &now)
        }),
        beside: last
            .and_then(|folder| folder.planned())
            .map_or_else(Vec::new, |then| beside(&then, node)),
        status,
    }))
}

/// Where the field of a part stands; inputs stand in the header of their block.
pub(crate) fn place(node: &Node, part: &str) -> Option<String> {
    let name = part.split([' ', '.']).next().unwrap_or("");
    let place = match node.fields.get(name) {
        Some(field) => &field.place,
        None if part.starts_with("input ") => &node.place,
        None => return None,
    };
    (place.line > 0).then(|| format!("{}:{}", place.file, place.line))
}

fn changes(node: &Node, old: &[Part], new: &[Part]) -> Vec<PartChange> {
    let gone = old.iter().filter(|o| !new.iter().any(|n| n.name == o.name));
    new.iter()
        .map(|n| {
            let before = old.iter().find(|o| o.name == n.name);
            PartChange {
                name: n.name.clone(),
                old: before.map(|o| o.value.clone()),
                new: Some(n.value.clone()),
                same: old.is_empty() || before.is_some_and(|o| o.digest == n.digest),
                place: place(node, &n.name),
            }
        })
        .chain(gone.map(|o| PartChange {
            name: o.name.clone(),
            old: Some(o.value.clone()),
            new: None,
            same: false,
            place: place(node, &o.name),
        }))
        .collect()
}

/// What differs beside the key, with a value for people where there is one.
pub(crate) fn beside(then: &Node, now: &Node) -> Vec<PartChange> {
    let (a, b) = (extent(then), extent(now));
    let here = (now.place.line > 0).then(|| format!("{}:{}", now.place.file, now.place.line));
    let mut out = Vec::new();
    let mut part = |name: &str, field: &str, old: String, new: String, same: bool| {
        let place = place(now, field).or_else(|| here.clone());
        if !(same && new.is_empty()) {
            out.push(PartChange {
                name: name.to_owned(),
                old: (!old.is_empty()).then_some(old),
                new: (!new.is_empty()).then_some(new),
                same,
                place,
            });
        }
    };
    let budget = |list: &[Quantity]| {
        let all: Vec<String> = list.iter().map(ToString::to_string).collect();
        all.join(" or ")
    };
    part(
        "budget",
        "budget",
        budget(&a.budget),
        budget(&b.budget),
        a.budget == b.budget,
    );
    let rule = |node: &Node| node.until.as_ref().map(written).unwrap_or_default();
    part("until", "until", rule(then), rule(now), a.until == b.until);
    let looks = |node: &Node| {
        let spec = node.eval.as_ref();
        spec.map_or_else(String::new, |e| {
            format!("every {}, {} episodes", e.every, e.episodes)
        })
    };
    part(
        "eval",
        "eval",
        looks(then),
        looks(now),
        (&a.observe, &a.every) == (&b.observe, &b.every),
    );
    let keeps = |node: &Node| {
        let spec = node.keep.as_ref();
        spec.map_or_else(String::new, |k| format!("every {}", k.every))
    };
    part(
        "checkpoint",
        "checkpoint",
        keeps(then),
        keeps(now),
        a.keep == b.keep,
    );
    let arms = |node: &Node| {
        let labels = node.arms.iter().map(|a| crate::policy::label(&a.event));
        labels.collect::<Vec<_>>().join(", ")
    };
    part("on", "on", arms(then), arms(now), then.arms == now.arms);
    out
}
