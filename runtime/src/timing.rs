//! How long would a run take?  Reckoned from what earlier runs of the same nodes took; what never ran is counted and not guessed.

use std::collections::HashMap;

use align_plan::{Digest, Key, Node, NodeId, Plan};
use align_runtime_api::{PlanAction, PlanEntry};
use align_schema::{Dim, Quantity};

use crate::board::took;
use crate::epoch;
use crate::forecast::Outlook;
use crate::record::{Done, Entry, Pos, Spans};
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
    /// For each node of the plan: the steps that those seconds are for.
    pub steps: Vec<Option<u64>>,
    /// For each node of the plan: the steps of one pass over its data, where that is in the store.
    pub epochs: Vec<Option<f64>>,
    /// For each node of the plan: the most bytes that it, or its like, was seen to hold.
    pub peaks: Vec<Option<u64>>,
}

/// What is known of how fast a node is.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    /// Seconds of a whole run.
    whole: f64,
    /// Where that run ended.
    at: Pos,
    /// Where its time went, where that was written down.
    spans: Spans,
    /// The most bytes that it held; 0: not known.
    peak: u64,
}

/// How fast nodes were elsewhere, by name and round.
#[derive(Clone, Debug, Default)]
pub struct Paces(HashMap<(String, u32), Pace>);

impl Paces {
    /// Of all nodes of a plan that have run in a store.
    pub fn of(plan: &Plan, outlook: &Outlook) -> Self {
        let settled = plan.nodes.iter().zip(&outlook.settled);
        let known = settled.filter_map(|(node, settled)| {
            let pace = of_done(settled.as_ref()?.done.as_ref()?)?;
            Some(((node.name.clone(), node.round), pace))
        });
        Self(known.collect())
    }
}

impl Pace {
    /// Seconds of so many steps of a node, with the evaluations and checkpoints that go with them.
    fn of(&self, node: &Node, steps: f64) -> f64 {
        let Spans {
            whole,
            steps: made,
            looks,
            saves,
        } = self.spans;
        if made.1 == 0 {
            return steps * self.whole / self.at.step.max(1) as f64;
        }
        let each = |(seconds, n): (f64, u64)| seconds / n.max(1) as f64;
        let per = |every: Quantity| {
            let each = match every.dim {
                Dim::EnvSteps => {
                    every.amount * self.at.step as f64 / self.at.env_steps.max(1) as f64
                }
                _ => every.amount,
            };
            (steps / each.max(1.0)).ceil()
        };
        let looked = node.eval.as_ref().map_or(0.0, |e| per(e.every));
        let saved = node.keep.as_ref().map_or(1.0, |k| per(k.every)).max(1.0);
        let rest = (whole - made.0 - looks.0 - saves.0).max(0.0);
        rest + steps * each(made) + looked * each(looks) + saved * each(saves)
    }
}

/// The time of a run with so many workers; `probed` is what a probe found of nodes that never ran.
pub fn timing(
    plan: &Plan,
    store: &Store,
    outlook: &Outlook,
    jobs: usize,
    probed: &Paces,
) -> Timing {
    let mut out = Timing {
        epochs: epoch::steps(plan, outlook),
        ..Timing::default()
    };
    let entries = &outlook.entries;
    if entries.iter().all(|e| e.action == PlanAction::Reuse) {
        out.nodes = vec![None; entries.len()];
        out.steps = vec![None; entries.len()];
        out.peaks = vec![None; entries.len()];
        return out;
    }
    // Lanes of one pipeline are alike: a node that never ran is as fast as its like in another lane.
    let mut alike: HashMap<(&str, u32), Pace> = HashMap::new();
    for ((name, round), pace) in &probed.0 {
        alike.insert((name.as_str(), *round), *pace);
    }
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
    for (i, (node, entry)) in plan.nodes.iter().zip(entries).enumerate() {
        let own = paces.get(i).copied().flatten();
        let pace = own
            .or_else(|| alike.get(&(node.name.as_str(), node.round)).copied())
            .or_else(|| alike.get(&(node.name.as_str(), 1)).copied());
        let works = !matches!(entry.action, PlanAction::Reuse | PlanAction::Cut)
            && node.kind != align_plan::NodeKind::Sequence;
        let found = if works {
            let epoch = out.epochs.get(i).copied().flatten();
            work(store, node, entry, pace, epoch)
        } else {
            None
        };
        let seconds = found.map(|(seconds, _)| seconds);
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
        out.steps.push(found.and_then(|(_, steps)| steps));
        out.peaks.push(pace.map(|p| p.peak).filter(|p| *p > 0));
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
        spans: done.spans,
        peak: done.peak,
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
                ..Pace::default()
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

/// Seconds that a node would take at most, and steps: those that are left at its pace, and no longer than its budget in time.
fn work(
    store: &Store,
    node: &Node,
    entry: &PlanEntry,
    pace: Option<Pace>,
    epoch: Option<f64>,
) -> Option<(f64, Option<u64>)> {
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
        let env = pace.at.env_steps.max(1) as f64 / pace.at.step.max(1) as f64;
        let left = limits.filter_map(|q| match q.dim {
            Dim::Steps if pace.at.step > 0 => Some(q.amount - at.step as f64),
            Dim::EnvSteps if pace.at.env_steps > 0 => Some((q.amount - at.env_steps as f64) / env),
            Dim::Epochs if pace.at.step > 0 => Some(q.amount * epoch? - at.step as f64),
            _ => None,
        });
        match left.reduce(f64::min) {
            Some(steps) => Some((pace.of(node, steps.max(0.0)), Some(steps.max(0.0) as u64))),
            None if node.budget.is_none() => Some((pace.whole, None)),
            None => None,
        }
    });
    match (counted, clock) {
        (Some((a, _)), Some(b)) if b < a => Some((b, None)),
        (a, b) => a.or(b.map(|b| (b, None))),
    }
}

/// How far the attempts on a key have come.
fn reached(folder: &NodeFolder) -> Pos {
    let done = folder.all_done().into_iter().map(|d| d.at);
    let attempts = folder.attempts().into_iter().rev().take(1);
    let tried = attempts.map(|n| ends(&folder.sound_entries(n)).1);
    done.chain(tried).max_by_key(|p| p.step).unwrap_or_default()
}
