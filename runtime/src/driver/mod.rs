//! Look at the store, decide, start what is ready: the one loop of a run.
//!
//! `advance` may be called at any time, any number of times: all it knows is in the store and in the list of children.  What a stage
//! does is the worker's; what an event leads to is the policy's.

mod advance;
mod export;
mod fetch;
mod halve;
mod handle;
mod memory;
mod options;
mod places;
mod replan;
mod start;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use align_plan::{FailScope, Key, Lane, NodeId, NodeKind, Plan, VERSION};
use align_runtime_api::{Library, NodeState, RunEvent};

use crate::board::{Board, Halved, Settled, Start, Work};
use crate::forecast::{Outlook, outlook};
use crate::inject::Fault;
use crate::store::{Store, StoreError};
use crate::words::label;
use watch::Running;

pub use fetch::fetch;
pub use options::{Interrupt, Outcome, RunError, RunOptions};
pub use places::Place;
pub use replan::{Loss, Orders};

/// Time between two looks at the workers.
const TICK: Duration = Duration::from_millis(20);

/// Time between two looks for needless checkpoints.
const SWEEP: Duration = Duration::from_secs(20);

/// A node that waits before its next attempt.
struct Delayed {
    node: usize,
    due: Instant,
    work: Box<Work>,
    start: Start,
}

struct Driver<'a> {
    plan: &'a Plan,
    store: &'a Store,
    library: &'a dyn Library,
    options: &'a RunOptions,
    board: Board<'a>,
    /// What had come to its end before this plan began, as far as it was not asked for yet.
    foreseen: Vec<Option<Settled>>,
    on_event: &'a mut dyn FnMut(RunEvent),
    faults: Vec<Fault>,
    wanted: Vec<bool>,
    forced: BTreeSet<usize>,
    /// Bytes that each node holds at least.
    needs: Vec<u64>,
    /// Workers that each place was given.
    given: Vec<usize>,
    running: Vec<Running>,
    /// Workers of an earlier plan that are writing their last checkpoint.
    leaving: Vec<Running>,
    delayed: Vec<Delayed>,
    /// Workers of an earlier run that are still ending: node, attempt, since when.
    orphans: Vec<(usize, u32, Instant)>,
    /// Lanes that a failure stopped, with the reason.
    dead: Vec<(String, String)>,
    all_dead: Option<String>,
    /// Nodes whose damaged results were taken back.
    healed: BTreeSet<usize>,
    /// Nodes by which lanes are compared.
    compared: BTreeSet<usize>,
    /// Their results, as long as their lanes wait for others.
    finished: BTreeMap<usize, Settled>,
    /// Nodes that were told where to wait.
    waited: BTreeSet<usize>,
    /// What was decided about lanes so far; none before the first look.
    halved: Option<Halved>,
    stopping: usize,
    /// Whether all is done, and only an edit would bring more.
    rests: bool,
    started: usize,
    /// Stages that ended in this run: their checkpoints may have become needless.
    ended: Vec<Key>,
    swept: Instant,
    begun: Instant,
    /// Exports that could not be written.
    unwritten: Vec<String>,
    /// Whether it was asked that everything can be made.
    asked: bool,
    changed: bool,
}

/// Runs a plan until nothing is left to do.
pub fn run(
    plan: &Plan,
    store: &Store,
    library: &dyn Library,
    options: &RunOptions,
    on_event: &mut dyn FnMut(RunEvent),
) -> Result<Outcome, RunError> {
    let agreed = run_agreed(plan, store, library, options, &mut |_| true, on_event)?;
    Ok(agreed.unwrap_or_else(|| untouched(plan, Instant::now())))
}

/// [`run`], after `agree` has seen what it would do; none when it does not agree.  No other run changes the store in between.
pub fn run_agreed(
    plan: &Plan,
    store: &Store,
    library: &dyn Library,
    options: &RunOptions,
    agree: &mut dyn FnMut(&Outlook) -> bool,
    on_event: &mut dyn FnMut(RunEvent),
) -> Result<Option<Outcome>, RunError> {
    let mut plan = plan.clone();
    follow(
        &mut plan,
        store,
        library,
        options,
        Hand::Once(agree),
        on_event,
    )
}

/// Whoever asked for a run.
enum Hand<'a> {
    /// For this plan, if it agrees to what the run would do.
    Once(&'a mut dyn FnMut(&Outlook) -> bool),
    /// For one plan after another.
    Watches(&'a mut dyn Orders),
}

/// Runs a plan, and every plan that `orders` brings in its place while it runs or after it, until it is interrupted.  `plan` is the last one
/// when this returns.
pub fn watch(
    plan: &mut Plan,
    store: &Store,
    library: &dyn Library,
    options: &RunOptions,
    orders: &mut dyn Orders,
    on_event: &mut dyn FnMut(RunEvent),
) -> Result<Outcome, RunError> {
    let outcome = follow(
        plan,
        store,
        library,
        options,
        Hand::Watches(orders),
        on_event,
    )?;
    Ok(outcome.unwrap_or_else(|| untouched(plan, Instant::now())))
}

fn follow(
    plan: &mut Plan,
    store: &Store,
    library: &dyn Library,
    options: &RunOptions,
    mut hand: Hand<'_>,
    on_event: &mut dyn FnMut(RunEvent),
) -> Result<Option<Outcome>, RunError> {
    let begun = Instant::now();
    if plan.version != VERSION {
        return Err(RunError::Version {
            found: plan.version,
        });
    }
    let faults = if options.faults.is_empty() {
        let text = std::env::var("ALIGN_INJECT").unwrap_or_default();
        crate::inject::parse(&text).map_err(RunError::Fault)?
    } else {
        options.faults.clone()
    };
    let edition = format!("edition {}, library {}", plan.edition, library.edition());
    let Some(_lock) = lock(store, &edition, options, on_event)? else {
        return Ok(Some(untouched(plan, begun)));
    };
    let mut options = options.clone();
    let (mut at_work, mut started) = (Vec::new(), 0);
    loop {
        let mut outlook = outlook(plan, store, library, &options.numeric)?;
        match &mut hand {
            Hand::Once(agree) => {
                if !agree(&outlook) {
                    return Ok(None);
                }
            }
            Hand::Watches(orders) => orders.foreseen(plan, &outlook),
        }
        if !options.force.is_empty() {
            // What follows a forced node may find other inputs.
            outlook.settled.clear();
        }
        let mut driver = Driver {
            plan,
            store,
            library,
            options: &options,
            board: Board::new(plan, store, library, &options.numeric),
            foreseen: outlook.settled,
            on_event: &mut *on_event,
            faults: faults.clone(),
            wanted: wanted(plan, &options)?,
            forced: named(plan, &options.force)?,
            needs: (options.needs)(plan),
            given: vec![0; options.places.len()],
            running: Vec::new(),
            leaving: Vec::new(),
            delayed: Vec::new(),
            orphans: Vec::new(),
            dead: Vec::new(),
            all_dead: None,
            healed: BTreeSet::new(),
            compared: BTreeSet::new(),
            finished: BTreeMap::new(),
            waited: BTreeSet::new(),
            halved: None,
            stopping: 0,
            rests: false,
            started,
            ended: Vec::new(),
            swept: begun,
            begun,
            unwritten: Vec::new(),
            asked: false,
            changed: true,
        };
        driver.compared = driver.board.compared_nodes();
        for i in &driver.compared {
            // Whether their lanes go on is decided first.
            driver
                .foreseen
                .iter_mut()
                .skip(*i)
                .take(1)
                .for_each(|f| *f = None);
        }
        driver.take_over(std::mem::take(&mut at_work))?;
        let next = match &mut hand {
            Hand::Watches(orders) => driver.work(Some(&mut **orders))?,
            Hand::Once(_) => driver.work(None)?,
        };
        let Some(next) = next else {
            return Ok(Some(driver.outcome()));
        };
        started = driver.started;
        at_work = driver.hand_over();
        *plan = next;
        // What was asked for by name was asked of the first plan.
        options.force.clear();
        options.only.retain(|name| is_there(plan, name));
        options.until.retain(|name| is_there(plan, name));
    }
}

fn is_there(plan: &Plan, name: &str) -> bool {
    plan.nodes.iter().any(|n| n.id.0 == name || n.name == name)
}

/// A run that was interrupted while it waited for its turn.
fn untouched(plan: &Plan, begun: Instant) -> Outcome {
    let blank = |n| crate::status::blank(n, NodeState::Waiting);
    Outcome {
        nodes: plan.nodes.iter().map(blank).collect(),
        reused: 0,
        started: 0,
        failed: Vec::new(),
        interrupted: true,
        unwritten: Vec::new(),
        seconds: begun.elapsed().as_secs_f64(),
    }
}

fn lock(
    store: &Store,
    edition: &str,
    options: &RunOptions,
    on_event: &mut dyn FnMut(RunEvent),
) -> Result<Option<crate::store::DriverLock>, RunError> {
    let mut told = false;
    loop {
        match store.lock(edition) {
            Ok(lock) => return Ok(Some(lock)),
            Err(e @ StoreError::Busy { .. }) if options.wait => {
                if !told {
                    on_event(RunEvent::Note {
                        text: format!("{e}: waiting for it to end"),
                    });
                    told = true;
                }
                if options.interrupt.count() > 0 {
                    return Ok(None);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(e) => return Err(e.into()),
        }
    }
}

fn named(plan: &Plan, names: &[String]) -> Result<BTreeSet<usize>, RunError> {
    let mut out = BTreeSet::new();
    for name in names {
        let before = out.len();
        let found = plan.nodes.iter().enumerate();
        out.extend(
            found
                .filter(|(_, n)| n.id.0 == *name || n.name == *name)
                .map(|(i, _)| i),
        );
        if out.len() == before && !is_there(plan, name) {
            return Err(RunError::NoNode { name: name.clone() });
        }
    }
    Ok(out)
}

fn wanted(plan: &Plan, options: &RunOptions) -> Result<Vec<bool>, RunError> {
    if options.only.is_empty() && options.until.is_empty() {
        return Ok(vec![true; plan.nodes.len()]);
    }
    let mut wanted = named(plan, &options.only)?;
    let goals = named(plan, &options.until)?;
    let mut ids: BTreeSet<&NodeId> = BTreeSet::new();
    // Nodes stand after what they need, so one pass from the end finds all ancestors.
    for (i, node) in plan.nodes.iter().enumerate().rev() {
        if goals.contains(&i) || ids.contains(&node.id) {
            wanted.insert(i);
            ids.extend(node.needs.iter().map(|n| &n.node));
            ids.extend(node.gate.iter().map(|g| &g.sequence));
        }
    }
    Ok((0..plan.nodes.len()).map(|i| wanted.contains(&i)).collect())
}

impl Driver<'_> {
    /// Until nothing is left to do; with orders, until it is interrupted or there is another plan.
    fn work(&mut self, mut orders: Option<&mut dyn Orders>) -> Result<Option<Plan>, RunError> {
        let mut wish = replan::Wish::default();
        loop {
            self.heed_interrupts();
            self.poll()?;
            self.wake()?;
            if self.changed {
                self.changed = false;
                self.advance()?;
                continue;
            }
            let idle =
                self.running.is_empty() && self.leaving.is_empty() && self.orphans.is_empty();
            let idle = idle && (self.delayed.is_empty() || self.stopping > 0);
            if idle {
                self.sweep(Duration::ZERO);
                if orders.is_none() || self.stopping > 0 {
                    return Ok(None);
                }
            } else {
                self.sweep(SWEEP);
            }
            let Some(orders) = &mut orders else {
                std::thread::sleep(TICK);
                continue;
            };
            if idle && !std::mem::replace(&mut self.rests, true) {
                orders.settled(self.plan, &self.outcome());
            }
            if self.stopping == 0
                && let Some(plan) = self.wanted_plan(&mut wish, &mut **orders)
            {
                return Ok(Some(plan));
            } else if self.stopping > 0 {
                std::thread::sleep(TICK);
            }
        }
    }

    fn has_room(&self) -> bool {
        self.running.len() + self.leaving.len() < self.options.jobs.max(1)
    }

    /// Removes checkpoints that nothing needs any more, not more often than every so long.
    fn sweep(&mut self, pause: Duration) {
        if !self.ended.is_empty() && self.swept.elapsed() >= pause {
            let alone = self.running.is_empty() && self.orphans.is_empty();
            self.store.collect(&self.ended, !alone);
            self.swept = Instant::now();
            if alone {
                self.ended.clear();
            }
        }
    }

    fn settle(&mut self, i: usize, settled: Settled) {
        if self.compared.contains(&i) && settled.done.is_some() {
            // It counts once its lane goes on.
            self.finished.insert(i, settled);
            self.changed = true;
        } else {
            self.settle_now(i, settled);
        }
    }

    fn settle_now(&mut self, i: usize, settled: Settled) {
        let Some(node) = self.plan.nodes.get(i) else {
            return;
        };
        let status = crate::status::of(node, &settled);
        let fresh = !settled.reused;
        if node.kind == NodeKind::Sequence && fresh {
            if let Some(stop) = &status.stopped_by {
                self.decision(i, format!("{} ended: {stop}", label(node)));
            }
        } else if settled.done.is_none()
            && settled.state == NodeState::Skipped
            && let Some(note) = &settled.note
        {
            self.decision(i, format!("{} is skipped: {note}", label(node)));
        }
        let reused = settled.reused && settled.done.is_some() && settled.state != NodeState::Pruned;
        if fresh && node.kind == NodeKind::Stage {
            self.ended.extend(settled.key.clone());
        }
        if let Some(key) = &settled.key {
            // Only for explaining later misses.
            let _ = self.store.name(&self.plan.file, &node.id.0, &key.0.0);
        }
        self.forced.remove(&i);
        if let Some(slot) = self.board.settled.get_mut(i) {
            *slot = Some(settled);
        }
        self.export(i);
        self.changed = true;
        (self.on_event)(RunEvent::Finished {
            status: Box::new(status),
            reused,
        });
    }

    fn decision(&mut self, i: usize, text: String) {
        if let Some(node) = self.plan.nodes.get(i) {
            (self.on_event)(RunEvent::Decision {
                id: node.id.clone(),
                text,
            });
        }
    }

    /// A node gave up: what else stops.
    fn fail(&mut self, i: usize, scope: FailScope, note: String, work: &Work) {
        let Some(node) = self.plan.nodes.get(i) else {
            return;
        };
        let why = format!("`{}` failed", label(node));
        let lane = self.plan.lanes.iter().find(|l| l.id == node.lane);
        let sweep = lane.and_then(|l| l.sweep.as_deref());
        let fast = self
            .plan
            .sweeps
            .iter()
            .any(|s| s.fail_fast && Some(s.name.as_str()) == sweep);
        let scope = match scope {
            _ if self.options.fail_fast => {
                self.all_dead = Some(format!("{why}, which ends the run"));
                self.terminate(None);
                FailScope::Stage
            }
            _ if self.options.keep_going => FailScope::Stage,
            _ if fast => FailScope::Sweep,
            scope => scope,
        };
        match scope {
            FailScope::Stage => {}
            FailScope::Lane => {
                self.dead
                    .push((node.lane.clone(), format!("{why}, which ends the lane")));
                self.terminate(Some(&node.lane));
            }
            FailScope::Sweep => match sweep {
                None => {
                    self.all_dead = Some(format!("{why}, which ends the run"));
                    self.terminate(None);
                }
                Some(name) => {
                    let why = format!("{why}, which ends `{name}`");
                    let theirs = |l: &&Lane| l.sweep.as_deref() == Some(name);
                    for lane in self.plan.lanes.iter().filter(theirs) {
                        self.dead.push((lane.id.clone(), why.clone()));
                        self.terminate(Some(&lane.id));
                    }
                }
            },
        }
        self.settle(
            i,
            Settled {
                done: None,
                state: NodeState::Failed,
                note: Some(note),
                reused: false,
                key: Some(work.key.clone()),
            },
        );
    }

    fn outcome(&self) -> Outcome {
        let mut nodes = Vec::with_capacity(self.plan.nodes.len());
        let (mut reused, mut failed) = (0, Vec::new());
        for (node, settled) in self.plan.nodes.iter().zip(&self.board.settled) {
            let waits = self.finished.get(&nodes.len());
            let Some(settled) = settled.as_ref().or(waits) else {
                nodes.push(self.unsettled(nodes.len(), node));
                continue;
            };
            if settled.reused && settled.done.is_some() && settled.state != NodeState::Pruned {
                reused += 1;
            }
            if settled.state == NodeState::Failed {
                failed.push(node.id.clone());
            }
            nodes.push(crate::status::of(node, settled));
        }
        Outcome {
            nodes,
            reused,
            started: self.started,
            failed,
            interrupted: self.stopping > 0 && !self.rests,
            unwritten: self.unwritten.clone(),
            seconds: self.begun.elapsed().as_secs_f64(),
        }
    }
}
