//! What would a run do, and why?  Read from plan and store alone.

use align_plan::{Key, Node, NodeKind, Part, Plan};
use align_runtime_api::{Library, NodeState, PlanAction, PlanEntry};

use crate::board::{Board, How, Look, Settled, Work};
use crate::extent::difference;
use crate::store::{Store, StoreError};
use crate::words::label;

/// A builtin whose semantics rose since some nodes were run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Risen {
    /// Its name.
    pub builtin: String,
    /// The edition that the store has results of.
    pub old: String,
    /// The edition of this tool.
    pub new: String,
    /// How many nodes run again for it; what follows them is not counted.
    pub nodes: usize,
}

/// What a run would do.
#[derive(Clone, Debug, Default)]
pub struct Outlook {
    /// For every node of the plan, in its order.
    pub entries: Vec<PlanEntry>,
    /// Why nodes run again that nobody edited.
    pub risen: Vec<Risen>,
    /// What has come to its end already, by the node's index.
    pub(crate) settled: Vec<Option<Settled>>,
}

/// Why a node runs that the store has never seen.
const NOT_RUN: &str = "not run yet";

/// What would be done with every node of a plan, in its order.
pub fn forecast(
    plan: &Plan,
    store: &Store,
    library: &dyn Library,
    numeric: &str,
) -> Result<Vec<PlanEntry>, StoreError> {
    Ok(outlook(plan, store, library, numeric)?.entries)
}

/// [`forecast`], and what it noticed on the way.
pub fn outlook(
    plan: &Plan,
    store: &Store,
    library: &dyn Library,
    numeric: &str,
) -> Result<Outlook, StoreError> {
    let mut risen = Vec::new();
    let mut board = Board::for_one_reading(plan, store, library, numeric);
    let (mut looks, _) = board.read_all();
    let mut out: Vec<PlanEntry> = Vec::with_capacity(plan.nodes.len());
    for (i, node) in plan.nodes.iter().enumerate() {
        let settled = board.settled.get(i).and_then(Option::as_ref);
        let (action, reason, key) = match (settled, looks.get_mut(i).and_then(Option::take)) {
            (Some(settled), _) => at_its_end(settled),
            (None, Some(Look::Settled(settled))) => at_its_end(&settled),
            (None, Some(Look::Wait(j))) => {
                let (action, reason) = waiting(plan, store, node, j, &out);
                (action, reason, None)
            }
            (None, Some(Look::Work(work))) => {
                let (action, reason) = if board.empty {
                    (PlanAction::New, NOT_RUN.into())
                } else {
                    working(plan, store, node, &work, &mut risen)
                };
                (action, reason, Some(work.key))
            }
            (None, None) => (PlanAction::Unknown, NOT_RUN.into(), None),
        };
        out.push(PlanEntry {
            id: node.id.clone(),
            kind: node.kind,
            action,
            reason,
            key,
            needs: node.needs.iter().map(|n| n.node.clone()).collect(),
        });
    }
    Ok(Outlook {
        entries: out,
        risen,
        settled: board.settled,
    })
}

fn at_its_end(settled: &Settled) -> (PlanAction, String, Option<Key>) {
    let reason = match &settled.note {
        Some(note) if settled.done.is_none() || settled.state == NodeState::Pruned => note.clone(),
        _ => "from the store".into(),
    };
    let action = match settled.state {
        NodeState::Failed => PlanAction::Unknown,
        _ => PlanAction::Reuse,
    };
    (action, reason, settled.key.clone())
}

/// Notes the builtins whose edition rose between two keys of one node.
fn note_risen(old: &[Part], new: &[Part], risen: &mut Vec<Risen>) {
    for part in new {
        let Some(builtin) = part.name.strip_prefix("semantics ") else {
            continue;
        };
        let Some(before) = old.iter().find(|o| o.name == part.name) else {
            continue;
        };
        let (then, now) = (before.value.parse::<u32>(), part.value.parse::<u32>());
        if !matches!((then, now), (Ok(then), Ok(now)) if then < now) {
            continue;
        }
        let same =
            |r: &&mut Risen| r.builtin == builtin && r.old == before.value && r.new == part.value;
        match risen.iter_mut().find(same) {
            Some(known) => known.nodes += 1,
            None => risen.push(Risen {
                builtin: builtin.to_owned(),
                old: before.value.clone(),
                new: part.value.clone(),
                nodes: 1,
            }),
        }
    }
}

/// A node whose inputs are not known yet.
fn waiting(
    plan: &Plan,
    store: &Store,
    node: &Node,
    on: usize,
    before: &[PlanEntry],
) -> (PlanAction, String) {
    let other = plan.nodes.get(on);
    let name = other.map(label).unwrap_or_default();
    if let Some(gate) = &node.gate
        && !node
            .needs
            .iter()
            .any(|n| other.is_some_and(|o| o.id == n.node))
    {
        let name = gate.sequence.0.rsplit('/').next().unwrap_or_default();
        return (
            PlanAction::Unknown,
            format!("if {name} goes on after round {}", gate.round - 1),
        );
    }
    let role = other
        .and_then(|o| node.needs.iter().find(|n| n.node == o.id))
        .map(|n| n.role.as_str());
    let verb = match role {
        Some("from") => "starts from",
        Some("data") => "reads",
        _ => "needs",
    };
    let certain = before.get(on).is_some_and(|e| e.action == PlanAction::New);
    if node.kind == NodeKind::Sequence {
        return (PlanAction::Unknown, format!("after {name}"));
    }
    let ran = || store.named(&plan.file, &node.id.0).is_some();
    let action = if certain || !ran() {
        PlanAction::New
    } else {
        PlanAction::Unknown
    };
    (action, format!("{verb} {name}"))
}

fn working(
    plan: &Plan,
    store: &Store,
    node: &Node,
    work: &Work,
    risen: &mut Vec<Risen>,
) -> (PlanAction, String) {
    match &work.how {
        How::Resume(start) if start.resume.is_empty() => (
            PlanAction::New,
            "interrupted before its first checkpoint".into(),
        ),
        How::Resume(start) => (PlanAction::Resume, start.reason.clone()),
        How::Back(start) => (PlanAction::Cut, start.reason.clone()),
        How::Cut(_, reason) => (PlanAction::Cut, reason.clone()),
        How::Again(_, reason) => (PlanAction::Reevaluate, reason.clone()),
        How::Busy(_) => (PlanAction::Resume, "a worker is on it".into()),
        How::Pending(_, event) => (
            PlanAction::Resume,
            format!("{} at step {} is to be handled", event.kind, event.step),
        ),
        How::Fresh => match previous(plan, store, node, &work.key) {
            Some(parts) => {
                note_risen(&parts, &work.parts, risen);
                (
                    PlanAction::Rerun,
                    difference(&parts, &work.parts).unwrap_or_else(|| "its result is gone".into()),
                )
            }
            None => (PlanAction::New, NOT_RUN.into()),
        },
    }
}

/// Parts of the key that this node had when it last started.
pub fn previous(plan: &Plan, store: &Store, node: &Node, now: &Key) -> Option<Vec<Part>> {
    let key = store.named(&plan.file, &node.id.0)?;
    let key = Key(align_plan::Digest(key));
    if key == *now {
        return None;
    }
    store.node(&key).parts()
}
