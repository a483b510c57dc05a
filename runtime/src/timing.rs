//! How long would a run take?  Reckoned from what earlier runs of the same nodes took; what never ran is counted and not guessed.

use std::collections::HashMap;

use align_plan::{Digest, Key, Node, NodeId, Plan};
use align_runtime_api::{PlanAction, PlanEntry};
use align_schema::Dim;

use crate::board::took;
use crate::forecast::Outlook;
use crate::record::{Done, Entry, Pos};
use crate::store::{NodeFolder, Store};

/// How long a run would take.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timing {
    /// Seconds of wall time for the nodes that are known, at most: a stage that its rule stops early takes less.
    pub seconds: f64,
    /// Nodes with work whose time is known.
    pub known: usize,
    /// Nodes with work that never ran, and have no budget in time.
    pub unknown: usize,
    /// For each node of the plan: its seconds, when it has work and they are known.
    pub nodes: Vec<Option<f64>>,
}

/// What is known of how fast a node is.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    /// Seconds of a whole run.
    whole: f64,
    /// Where that run ended.
    at: Pos,
}

/// The time of a run with so many workers.
pub fn timing(plan: &Plan, store: &Store, outlook: &Outlook, jobs: usize) -> Timing {
    let mut out = Timing::default();
    let entries = &outlook.entries;
    if entries.iter().all(|e| e.action == PlanAction::Reuse) {
        out.nodes = vec![None; entries.len()];
        return out;
    }
    // Lanes of one pipeline are alike: a node that never ran is as fast as its like in another lane.
    let mut alike: HashMap<(&str, u32), Pace> = HashMap::new();
    let empty = store.is_empty();
    let paces: Vec<Option<Pace>> = plan
        .nodes
        .iter()
        .zip(entries)
        .zip(&outlook.settled)
        .map(|((node, entry), settled)| match settled {
            _ if empty => None,
            Some(settled) => settled.done.as_ref().and_then(of_done),
            None => pace(plan, store, node, entry),
        })
        .collect();
    for (node, pace) in plan.nodes.iter().zip(&paces) {
        if let Some(pace) = pace {
            alike.entry((&node.name, 1)).or_insert(*pace);
            alike.insert((&node.name, node.round), *pace);
        }
    }
    let mut ends: HashMap<&NodeId, f64> = HashMap::new();
    let (mut sum, mut longest): (f64, f64) = (0.0, 0.0);
    for ((node, entry), own) in plan.nodes.iter().zip(entries).zip(&paces) {
        let pace = own
            .or_else(|| alike.get(&(node.name.as_str(), node.round)).copied())
            .or_else(|| alike.get(&(node.name.as_str(), 1)).copied());
        let works = !matches!(entry.action, PlanAction::Reuse | PlanAction::Cut)
            && node.kind != align_plan::NodeKind::Sequence;
        let seconds = if works {
            seconds(store, node, entry, pace)
        } else {
            None
        };
        match (works, seconds) {
            (true, Some(s)) => {
                out.known += 1;
                sum += s;
            }
            (true, None) => out.unknown += 1,
            _ => {}
        }
        let begins = node
            .needs
            .iter()
            .filter_map(|n| ends.get(&n.node).copied())
            .fold(0.0, f64::max);
        let end = begins + seconds.unwrap_or(0.0);
        longest = longest.max(end);
        ends.insert(&node.id, end);
        out.nodes.push(seconds);
    }
    // Neither faster than the longest chain, nor than all workers together.
    out.seconds = longest.max(sum / jobs.max(1) as f64);
    out
}

/// How fast a node was: under its key of now, else under the one that it had.
fn pace(plan: &Plan, store: &Store, node: &Node, entry: &PlanEntry) -> Option<Pace> {
    let before = || {
        let key = store.named(&plan.file, &node.id.0)?;
        of_folder(&store.node(&Key(Digest(key))))
    };
    let now = entry.key.as_ref().and_then(|k| of_folder(&store.node(k)));
    now.or_else(before)
}

fn of_done(done: &Done) -> Option<Pace> {
    (done.seconds > 0.0).then_some(Pace {
        whole: done.seconds,
        at: done.at,
    })
}

fn of_folder(folder: &NodeFolder) -> Option<Pace> {
    if let Some(pace) = folder.all_done().iter().find_map(of_done) {
        return Some(pace);
    }
    let mut best: Option<Pace> = None;
    for n in folder.attempts() {
        let entries = folder.sound_entries(n);
        let (first, last) = ends(&entries);
        let seconds = took(&entries);
        let made = Pos {
            step: last.step.saturating_sub(first.step),
            env_steps: last.env_steps.saturating_sub(first.env_steps),
        };
        if seconds > 0.0 && made.step > best.map_or(0, |b| b.at.step) {
            best = Some(Pace {
                whole: seconds,
                at: made,
            });
        }
    }
    best
}

/// Where an attempt began and how far it came.
fn ends(entries: &[Entry]) -> (Pos, Pos) {
    let mut first = Pos::default();
    let mut last = Pos::default();
    for entry in entries {
        match entry {
            Entry::Opened { at, .. } => (first, last) = (*at, *at),
            Entry::Beat { at, .. }
            | Entry::Evaluated { at, .. }
            | Entry::Kept { at, .. }
            | Entry::Ended { at, .. } => last = *at,
            Entry::Warned { .. } | Entry::Dropped { .. } => {}
        }
    }
    (first, last)
}

/// Seconds that a node would take at most: its steps that are left at its pace, and no longer than its budget in time.
fn seconds(store: &Store, node: &Node, entry: &PlanEntry, pace: Option<Pace>) -> Option<f64> {
    let limits = node.budget.iter().flat_map(|b| &b.any);
    let clock = limits
        .clone()
        .filter(|q| q.dim == Dim::Time)
        .map(|q| q.amount)
        .reduce(f64::min);
    let at = match (entry.action, &entry.key) {
        (PlanAction::Resume, Some(key)) => reached(&store.node(key)),
        _ => Pos::default(),
    };
    let counted = pace.and_then(|pace| {
        let mut left = limits.filter_map(|q| match q.dim {
            Dim::Steps if pace.at.step > 0 => {
                let left = (q.amount - at.step as f64).max(0.0);
                Some(left * pace.whole / pace.at.step as f64)
            }
            Dim::EnvSteps if pace.at.env_steps > 0 => {
                let left = (q.amount - at.env_steps as f64).max(0.0);
                Some(left * pace.whole / pace.at.env_steps as f64)
            }
            _ => None,
        });
        match left.next() {
            Some(first) => Some(left.fold(first, f64::min)),
            None if node.budget.is_none() => Some(pace.whole),
            None => None,
        }
    });
    match (counted, clock) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// How far the attempts on a key have come.
fn reached(folder: &NodeFolder) -> Pos {
    let done = folder.all_done().into_iter().map(|d| d.at);
    let attempts = folder.attempts().into_iter().rev().take(1);
    let tried = attempts.map(|n| ends(&folder.sound_entries(n)).1);
    done.chain(tried).max_by_key(|p| p.step).unwrap_or_default()
}
