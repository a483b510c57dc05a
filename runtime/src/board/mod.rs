//! What does the store say of each node of a plan?  The one reading that `run`, `status` and the forecast share.
//!
//! It writes nothing and starts nothing.

mod halving;
mod newest;
mod rounds;

use std::collections::{BTreeMap, HashMap, HashSet};

use align_plan::{Digest, Key, Node, NodeId, NodeKind, Part, Plan, key};
use align_runtime_api::{Input, Library, NodeState};
use align_schema::Port;

use crate::extent::{self, Left};
use crate::guards::WARNING;
use crate::keys::Keys;
use crate::policy;
use crate::record::{Done, Event, Manifest, Output, Point, Restore, Turn};
use crate::store::Store;
use crate::words::{label, steps};
use newest::newest;
use rounds::Gate;

pub use halving::{Halved, Seen, reached};
pub use newest::{candidates, took};

/// A node that has come to its end, as far as this plan goes.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Its result, if it has one.
    pub done: Option<Done>,
    /// Done, failed, skipped, or waiting when it was not asked for.
    pub state: NodeState,
    /// Why it failed or was skipped.
    pub note: Option<String>,
    /// It came from the store without work in this run.
    pub reused: bool,
    /// Its key, when its inputs are known.
    pub key: Option<Key>,
}

/// What a node needs next.
pub enum Look {
    /// Something before it is not settled: its index.
    Wait(usize),
    /// It is settled.
    Settled(Box<Settled>),
    /// There is work.
    Work(Box<Work>),
}

/// Work on a node.
pub struct Work {
    /// Its key.
    pub key: Key,
    /// Parts of the key.
    pub parts: Vec<Part>,
    /// Its inputs.
    pub inputs: Vec<Input>,
    /// Name of the result record.
    pub extent: String,
    /// What kind of work.
    pub how: How,
    /// Why the newest attempt gave up, if it did.
    pub gave_up: Option<String>,
}

/// Where an attempt starts, and with what behind it.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// Checkpoints, best candidate first.
    pub resume: Vec<Restore>,
    /// Changes of course so far.
    pub turns: Vec<Turn>,
    /// Evaluations in place of those that the checkpoints remember.
    pub history: Option<Vec<Point>>,
    /// Failure actions so far.
    pub events: Vec<align_runtime_api::EventRecord>,
    /// Seconds spent so far.
    pub spent: f64,
    /// Why, for people; empty for a first start.
    pub reason: String,
}

/// What kind of work.
pub enum How {
    /// From nothing.
    Fresh,
    /// From a checkpoint.
    Resume(Start),
    /// Earlier than the stored end, from a checkpoint or the start.
    Back(Start),
    /// Publish this result; nothing to train.
    Cut(Box<Done>, String),
    /// Evaluate the checkpoints of this result again.
    Again(Box<Done>, String),
    /// A worker is on this attempt.
    Busy(u32),
    /// An event of this attempt waits for its action.
    Pending(u32, Event),
}

/// Reads a plan against a store.
pub struct Board<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The store.
    pub store: &'a Store,
    keys: Keys<'a>,
    index: HashMap<&'a NodeId, usize>,
    /// What is settled so far, by the node's index.
    pub settled: Vec<Option<Settled>>,
    /// The store was seen without any node, and nobody writes to it while this board is read.
    pub(crate) empty: bool,
    /// All blobs of the store, as it was when this board was made.
    blobs: Option<HashSet<String>>,
}

/// So many nodes are worth a look at the list of all blobs, as long as there are not more than so many for each of them.
const MANY: usize = 64;
const BLOBS_EACH: usize = 100;

enum Inputs {
    Ready(Vec<Input>),
    Wait(usize),
    Never(String),
}

impl<'a> Board<'a> {
    /// Nothing is settled yet.
    pub fn new(plan: &'a Plan, store: &'a Store, library: &'a dyn Library, numeric: &str) -> Self {
        Self {
            plan,
            store,
            keys: Keys::new(store, library, numeric),
            index: plan
                .nodes
                .iter()
                .enumerate()
                .map(|(i, n)| (&n.id, i))
                .collect(),
            settled: plan.nodes.iter().map(|_| None).collect(),
            empty: false,
            blobs: None,
        }
    }

    /// For reading every node once, now: a plan of thousands of nodes asks once what is the same for all of them.
    pub fn for_one_reading(
        plan: &'a Plan,
        store: &'a Store,
        library: &'a dyn Library,
        numeric: &str,
    ) -> Self {
        let mut board = Self::new(plan, store, library, numeric);
        board.empty = store.is_empty();
        if !board.empty && plan.nodes.len() >= MANY {
            board.blobs = store.blobs(BLOBS_EACH * plan.nodes.len());
        }
        board
    }

    /// Index of a node.
    pub fn find(&self, id: &NodeId) -> Option<usize> {
        self.index.get(id).copied()
    }

    fn node(&self, i: usize) -> Option<&'a Node> {
        self.plan.nodes.get(i)
    }

    fn settled_at(&self, i: usize) -> Option<&Settled> {
        self.settled.get(i).and_then(Option::as_ref)
    }

    /// Looks at every node once more until nothing changes: what is settled stands in `settled` afterwards, lanes that are pruned included.
    pub fn read_all(&mut self) -> (Vec<Option<Look>>, Halved) {
        let compared = self.compared_nodes();
        let mut looks: Vec<Option<Look>> = self.plan.nodes.iter().map(|_| None).collect();
        let mut finished: BTreeMap<usize, Settled> = BTreeMap::new();
        let mut seen: BTreeMap<usize, Seen> = BTreeMap::new();
        loop {
            for i in 0..self.plan.nodes.len() {
                let known = matches!(looks.get(i), Some(Some(Look::Work(_))));
                if known || self.settled_at(i).is_some() || finished.contains_key(&i) {
                    continue;
                }
                match self.look(i, false) {
                    Look::Settled(settled) if compared.contains(&i) && settled.done.is_some() => {
                        finished.insert(i, *settled);
                    }
                    Look::Settled(settled) => self.put(i, *settled),
                    Look::Work(work) => {
                        if !compared.is_empty() {
                            seen.insert(i, self.seen(&work, compared.contains(&i)));
                        }
                        say(&mut looks, i, Look::Work(work));
                    }
                    wait @ Look::Wait(_) => say(&mut looks, i, wait),
                }
            }
            if compared.is_empty() {
                return (looks, Halved::default());
            }
            let halved = self.halve(&seen, &finished);
            let news = self.stopped_by(&halved, &seen, &mut finished, &|_| false);
            if news.is_empty() {
                for (i, settled) in finished {
                    say(&mut looks, i, Look::Settled(Box::new(settled)));
                }
                return (looks, halved);
            }
            for (i, settled) in news {
                say(&mut looks, i, Look::Wait(i));
                self.put(i, settled);
            }
        }
    }

    /// What a decision settles: results that waited for it, and all of lanes that are pruned but what is `busy` and what led to the node that
    /// was compared.  How far the rest had come by then is chance, so it counts as not run.
    pub fn stopped_by(
        &self,
        halved: &Halved,
        seen: &BTreeMap<usize, Seen>,
        finished: &mut BTreeMap<usize, Settled>,
        busy: &dyn Fn(usize) -> bool,
    ) -> Vec<(usize, Settled)> {
        let mut out = Vec::new();
        for (i, node) in self.plan.nodes.iter().enumerate() {
            let pruned = halved.pruned.get(&node.lane);
            if let Some(settled) = self.settled_at(i) {
                let result = matches!(settled.state, NodeState::Done | NodeState::Skipped);
                if let Some(pruned) = pruned.filter(|p| result && !p.before.contains(&i)) {
                    out.push((i, self.stopped(i, pruned, seen.get(&i), None)));
                }
                continue;
            }
            if busy(i) {
                continue;
            }
            if let Some(pruned) = pruned {
                out.push((
                    i,
                    self.stopped(i, pruned, seen.get(&i), finished.remove(&i)),
                ));
            } else if !halved.hold.contains_key(&i)
                && let Some(settled) = finished.remove(&i)
            {
                out.push((i, settled));
            }
        }
        out
    }

    fn put(&mut self, i: usize, settled: Settled) {
        if let Some(slot) = self.settled.get_mut(i) {
            *slot = Some(settled);
        }
    }

    /// What node `i` needs next.  `force` looks past results and attempts.
    pub fn look(&self, i: usize, force: bool) -> Look {
        let Some(node) = self.node(i) else {
            return never("there is no such node".into());
        };
        match self.gate(node) {
            Gate::Open => {}
            Gate::Wait(j) => return Look::Wait(j),
            Gate::Closed(why) => return never(why),
        }
        if node.kind == NodeKind::Sequence {
            return self.sequence(node);
        }
        let inputs = match self.inputs(node) {
            Inputs::Ready(inputs) => inputs,
            Inputs::Wait(j) => return Look::Wait(j),
            Inputs::Never(why) => return never(why),
        };
        let digests: Vec<Digest> = inputs.iter().map(|i| i.digest.clone()).collect();
        let parts = match self.keys.parts(node, &digests) {
            Ok(parts) => parts,
            Err(note) => {
                return Look::Settled(Box::new(Settled {
                    done: None,
                    state: NodeState::Failed,
                    note: Some(note),
                    reused: false,
                    key: None,
                }));
            }
        };
        let key = key(&parts);
        let folder = self.store.node(&key);
        let extent = extent::name(&extent::extent(node));
        let work = |how, gave_up| {
            Look::Work(Box::new(Work {
                key: key.clone(),
                parts: parts.clone(),
                inputs: inputs.clone(),
                extent: extent.clone(),
                how,
                gave_up,
            }))
        };
        if force {
            return match folder.attempts().last() {
                Some(n) if folder.held(*n) => work(How::Busy(*n), None),
                _ => work(How::Fresh, None),
            };
        }
        if self.empty {
            return work(How::Fresh, None);
        }
        let intact = |done: &Done| {
            let outputs = done.kept.iter().chain(&done.best).chain(&done.last);
            let files = outputs.flat_map(|o| o.files.values().chain(&o.manifest));
            match &self.blobs {
                Some(blobs) => files.into_iter().all(|d| blobs.contains(&d.0)),
                None => self.store.has(files),
            }
        };
        let episodes = node.eval.as_ref().map_or(0, |e| e.episodes);
        let exact = folder.done(&extent).ok().flatten().filter(&intact);
        if let Some(done) = exact
            && policy::disputed(&node.arms, &done).is_none()
            && policy::overlooked(&node.arms, &inputs, episodes, &done).is_none()
        {
            return reused(done, key);
        }
        if !folder.is_there() {
            return work(How::Fresh, None);
        }
        let (unfinished, gave_up) = newest(self.store, &folder, node, &extent, &intact);
        if let Some(how) = unfinished {
            return work(how, gave_up);
        }
        if let Some(done) = folder.all_done().into_iter().find(|d| intact(d)) {
            let start = |from: Option<&Output>, reason| self.start(node, &done, from, reason);
            if let Some(k) = policy::disputed(&node.arms, &done) {
                let event = done.events.get(k);
                let why = event.map(|e| format!("`on {}` is written otherwise", e.event));
                let from = self.before(&done, k);
                return work(
                    How::Back(start(from.as_ref(), why.unwrap_or_default())),
                    None,
                );
            }
            if let Some(event) = policy::overlooked(&node.arms, &inputs, episodes, &done) {
                let before = |o: &&Output| o.at.step < event.step && o.manifest.is_some();
                let from = done.kept.iter().filter(before).max_by_key(|o| o.at.step);
                let arm = match event.kind.as_str() {
                    "regression" => {
                        let metric = event.detail.split(' ').next().unwrap_or_default();
                        format!("regression({metric})")
                    }
                    kind => kind.to_owned(),
                };
                let why = format!("`on {arm}` would have acted at {}", steps(event.step));
                return work(How::Back(start(from, why)), None);
            }
            return match extent::replay(node, &done) {
                Left::Nothing => reused(done, key),
                Left::Cut { done, reason } => work(How::Cut(done, reason), None),
                Left::Reevaluate(why) => work(How::Again(Box::new(done), why), None),
                Left::Resume(why) => work(How::Resume(start(done.last.as_ref(), why)), None),
                Left::Back { from, reason } => work(How::Back(start(from.as_ref(), reason)), None),
            };
        }
        work(How::Fresh, gave_up)
    }

    /// The newest kept checkpoint that no event from number `k` on has shaped.
    fn before(&self, done: &Done, k: usize) -> Option<Output> {
        let at = done.events.get(k)?.step;
        let acted = |e: &&align_runtime_api::EventRecord| e.action != WARNING;
        let k = done.events.iter().take(k).filter(acted).count();
        let clean = |o: &Output| {
            let manifest = o.manifest.as_ref()?;
            let manifest: Manifest = self.store.get_record(manifest).ok()?;
            (manifest.progress.turns.len() <= k).then_some(())
        };
        done.kept
            .iter()
            .filter(|o| o.at.step <= at && clean(o).is_some())
            .max_by_key(|o| o.at.step)
            .cloned()
    }

    /// A start from a checkpoint of a result.
    fn start(&self, node: &Node, done: &Done, from: Option<&Output>, reason: String) -> Start {
        let at = from.map(|o| o.at).unwrap_or_default();
        let manifest = from.and_then(|o| o.manifest.clone());
        let progress = manifest
            .as_ref()
            .and_then(|m| self.store.get_record::<Manifest>(m).ok())
            .map(|m| m.progress);
        // Evaluated again since, or by another cadence.
        let history = extent::in_cadence(node, &done.history, at.step);
        let history = (progress.as_ref().is_some_and(|p| p.history != history)).then_some(history);
        let turns = progress.map(|p| p.turns).unwrap_or_default();
        let share = if done.at.step > 0 {
            at.step as f64 / done.at.step as f64
        } else {
            0.0
        };
        let mut older: Vec<&Output> = done
            .kept
            .iter()
            .filter(|o| o.at.step < at.step && o.manifest.is_some())
            .collect();
        older.sort_by_key(|o| std::cmp::Reverse(o.at.step));
        let restore = |o: &Output| {
            Some(Restore {
                manifest: o.manifest.clone()?,
                at: o.at,
                seconds: done.trained * share,
            })
        };
        Start {
            resume: from.into_iter().chain(older).filter_map(restore).collect(),
            turns,
            history,
            events: done
                .events
                .iter()
                .filter(|e| e.step <= at.step)
                .cloned()
                .collect(),
            spent: done.seconds,
            reason,
        }
    }

    /// Parts of the key of node `i` as far as they are known: what is not there yet has this word for its digest.
    pub fn sketch(&self, i: usize, unknown: &str) -> Option<Vec<Part>> {
        let node = self.node(i)?;
        let digest = |need: &align_plan::Need| {
            let settled = self.settled_at(self.find(&need.node)?)?;
            settled.done.as_ref()?.output(&need.port)?.digest.clone()
        };
        let digests: Vec<Digest> = node
            .needs
            .iter()
            .map(|need| digest(need).unwrap_or_else(|| Digest(unknown.to_owned())))
            .collect();
        self.keys.parts(node, &digests).ok()
    }

    fn inputs(&self, node: &Node) -> Inputs {
        let mut out = Vec::with_capacity(node.needs.len());
        for need in &node.needs {
            let Some(j) = self.find(&need.node) else {
                return Inputs::Never(format!(
                    "needs `{}`, which the plan does not have",
                    need.node
                ));
            };
            let Some(settled) = self.settled_at(j) else {
                return Inputs::Wait(j);
            };
            let name = self.node(j).map(label).unwrap_or_default();
            let output = settled.done.as_ref().and_then(|d| d.output(&need.port));
            let Some((output, digest)) = output.and_then(|o| Some((o, o.digest.clone()?))) else {
                let why = match (settled.state, &need.port) {
                    (NodeState::Failed, _) => "failed".into(),
                    (NodeState::Skipped, _) => "was skipped".into(),
                    (NodeState::Pruned, _) => "was pruned".into(),
                    (NodeState::Done, Port::At(n)) => {
                        format!("kept no checkpoint at {}", steps(*n))
                    }
                    (NodeState::Done, port) => format!("has no `{port}`"),
                    _ => "was not run".into(),
                };
                return Inputs::Never(format!("needs `{name}`, which {why}"));
            };
            out.push(Input {
                need: need.clone(),
                kind: self.node(j).map_or(NodeKind::Stage, |n| n.kind),
                digest,
                files: output
                    .files
                    .iter()
                    .map(|(name, d)| (name.clone(), self.store.blob(d)))
                    .collect(),
                metrics: output.metrics.clone(),
            });
        }
        Inputs::Ready(out)
    }
}

fn say(looks: &mut [Option<Look>], i: usize, look: Look) {
    if let Some(slot) = looks.get_mut(i) {
        *slot = Some(look);
    }
}

fn never(note: String) -> Look {
    Look::Settled(Box::new(Settled {
        done: None,
        state: NodeState::Skipped,
        note: Some(note),
        reused: true,
        key: None,
    }))
}

fn reused(done: Done, key: Key) -> Look {
    Look::Settled(Box::new(settle(done, Some(key), true)))
}

/// A node with a result.
pub fn settle(done: Done, key: Option<Key>, reused: bool) -> Settled {
    Settled {
        state: if done.skipped {
            NodeState::Skipped
        } else {
            NodeState::Done
        },
        note: done.note.clone(),
        done: Some(done),
        reused,
        key,
    }
}
