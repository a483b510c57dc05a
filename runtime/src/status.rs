//! What is known of each node?  Only the store is asked; nothing is started and no lock is taken.

use std::collections::{BTreeMap, BTreeSet};

use align_plan::{Node, NodeId, NodeKind, Plan};
use align_runtime_api::{Library, NodeState, NodeStatus, Profile};

use crate::board::{Board, How, Look, Settled, Work};
use crate::guards;
use crate::record::{Entry, Metrics, Point};
use crate::store::{Store, StoreError};

/// The status of every node of a plan, in its order.
pub fn status(
    plan: &Plan,
    store: &Store,
    library: &dyn Library,
    numeric: &str,
) -> Result<Vec<NodeStatus>, StoreError> {
    let mut board = Board::for_one_reading(plan, store, library, numeric);
    let (looks, halved) = board.read_all();
    let mut out = Vec::with_capacity(plan.nodes.len());
    for (i, node) in plan.nodes.iter().enumerate() {
        let settled = board.settled.get(i).and_then(Option::as_ref);
        let mut status = match (settled, looks.get(i).and_then(Option::as_ref)) {
            (Some(settled), _) => of(node, settled),
            (None, Some(look)) => seen(store, node, look)?,
            (None, None) => blank(node, NodeState::Waiting),
        };
        if halved.held.contains(&i) && status.state == NodeState::Waiting {
            status.note = halved.waiting.get(&node.lane).cloned();
        }
        out.push(status);
    }
    Ok(out)
}

/// What is in the datasets of these nodes: at most so many, those of equal content once.  What cannot be read is left out.
pub fn profiles(store: &Store, statuses: &[NodeStatus], most: usize) -> Vec<(NodeId, Profile)> {
    let mut seen = BTreeSet::new();
    statuses
        .iter()
        .filter(|s| s.kind == NodeKind::Dataset && s.state == NodeState::Done)
        .filter(|s| seen.insert(s.checkpoint.clone()))
        .filter_map(|status| {
            let done = store.node(status.key.as_ref()?).all_done();
            let files = &done.first()?.last.as_ref()?.files;
            let bytes = store.get(files.get(Profile::FILE)?).ok()?;
            Some((status.id.clone(), serde_json::from_slice(&bytes).ok()?))
        })
        .take(most)
        .collect()
}

/// The status of a node that was looked at.
pub(crate) fn seen(store: &Store, node: &Node, look: &Look) -> Result<NodeStatus, StoreError> {
    match look {
        Look::Wait(_) => Ok(blank(node, NodeState::Waiting)),
        Look::Settled(settled) => Ok(of(node, settled)),
        Look::Work(work) => at_work(store, node, work),
    }
}

/// A node of which nothing is known.
pub(crate) fn blank(node: &Node, state: NodeState) -> NodeStatus {
    NodeStatus {
        id: node.id.clone(),
        kind: node.kind,
        state,
        steps: 0,
        best: BTreeMap::new(),
        last: BTreeMap::new(),
        stopped_by: None,
        events: Vec::new(),
        checkpoint: None,
        outputs: BTreeMap::new(),
        key: None,
        seconds: 0.0,
        episodes: Vec::new(),
        returns: Vec::new(),
        history: BTreeMap::new(),
        note: None,
    }
}

/// A settled node.
pub(crate) fn of(node: &Node, settled: &Settled) -> NodeStatus {
    let mut status = blank(node, settled.state);
    status.key.clone_from(&settled.key);
    status.note.clone_from(&settled.note);
    let Some(done) = &settled.done else {
        return status;
    };
    status.steps = done.at.step;
    let best = done.best.as_ref().or(done.last.as_ref());
    if let Some(best) = best {
        status.best.clone_from(&best.metrics);
        status.episodes.clone_from(&best.episodes.scores);
        status.returns.clone_from(&best.episodes.returns);
    }
    status.last = done
        .history
        .last()
        .map(|p| p.metrics.clone())
        .or_else(|| done.last.as_ref().map(|o| o.metrics.clone()))
        .unwrap_or_default();
    status.stopped_by = done.stop.as_ref().map(ToString::to_string);
    status.events.clone_from(&done.events);
    status.seconds = done.seconds;
    status.history = curves(&done.history, &done.curve.points);
    let data = node.kind == NodeKind::Dataset;
    for (name, output) in [("best", best), ("last", done.last.as_ref())] {
        let name = if data { "data" } else { name };
        if let Some(digest) = output.and_then(|o| o.digest.clone()) {
            status.outputs.insert(name.into(), digest);
        }
    }
    let main = match node.kind {
        NodeKind::Dataset => "data",
        NodeKind::Sequence => "best",
        NodeKind::Stage | NodeKind::Cascade => "last",
    };
    status.checkpoint = status.outputs.get(main).cloned();
    status
}

/// Points of each metric: training metrics as finely as they were read, the others as they were evaluated.
fn curves(history: &[Point], training: &[(u64, Metrics)]) -> BTreeMap<String, Vec<(u64, f64)>> {
    let mut out: BTreeMap<String, Vec<(u64, f64)>> = BTreeMap::new();
    for (step, metrics) in training {
        for (name, value) in metrics {
            out.entry(name.clone()).or_default().push((*step, *value));
        }
    }
    let fine: Vec<String> = out.keys().cloned().collect();
    for point in history {
        for (name, value) in &point.metrics {
            if !fine.contains(name) {
                out.entry(name.clone())
                    .or_default()
                    .push((point.at.step, *value));
            }
        }
    }
    out
}

/// A node with work left, by what its newest attempt wrote down.
fn at_work(store: &Store, node: &Node, work: &Work) -> Result<NodeStatus, StoreError> {
    let mut status = blank(node, NodeState::Waiting);
    status.key = Some(work.key.clone());
    let folder = store.node(&work.key);
    let newest = folder.attempts().last().copied();
    match &work.how {
        How::Busy(_) => status.state = NodeState::Running,
        How::Resume(start) | How::Back(start) => status.note = Some(start.reason.clone()),
        How::Again(_, why) | How::Cut(_, why) => status.note = Some(why.clone()),
        How::Fresh | How::Pending(..) => {}
    }
    if let Some(note) = &work.gave_up {
        status.state = NodeState::Failed;
        status.note = Some(note.clone());
    }
    let Some(n) = newest else {
        return Ok(status);
    };
    if let Some(assignment) = folder.assignment(n)? {
        status.events = assignment.events;
        status.seconds = assignment.spent;
    }
    for logged in folder.log()? {
        match logged {
            crate::record::Logged::Handled { record, .. }
            | crate::record::Logged::GaveUp {
                record: Some(record),
                ..
            } if record.attempt == n => status.events.push(record),
            _ => {}
        }
    }
    let mut history = Vec::new();
    let entries = folder.sound_entries(n);
    for entry in &entries {
        match entry {
            Entry::Opened { at, .. } => status.steps = at.step,
            Entry::Beat { at, metrics, .. } => {
                status.steps = at.step;
                status.last.extend(metrics.clone());
            }
            Entry::Evaluated { at, metrics, best } => {
                status.last.extend(metrics.clone());
                if *best {
                    status.best.clone_from(metrics);
                }
                history.push(Point {
                    at: *at,
                    metrics: metrics.clone(),
                });
            }
            Entry::Kept { digest, at, .. } => {
                status.steps = status.steps.max(at.step);
                status.checkpoint = Some(digest.clone());
            }
            Entry::Warned { record } => guards::add(&mut status.events, [record]),
            Entry::Dropped { .. } | Entry::Ended { .. } => {}
        }
    }
    status.seconds += crate::board::took(&entries);
    status.history = curves(&history, &[]);
    Ok(status)
}
