//! Watching workers: their journals become events, their ends become decisions.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use align_plan::{EventKind, Key, Node};
use align_runtime_api::RunEvent;
use rustix::process::{Pid, Signal, kill_process};

use super::{Driver, RunError, memory};
use crate::board::{Work, settle};
use crate::record::{Ending, Entry, Event};
use crate::store::journal::Tail;
use crate::words::{label, steps};
use crate::worker;

/// A worker of ours.
pub(super) struct Running {
    pub node: usize,
    pub key: Key,
    pub attempt: u32,
    pub tail: Tail,
    pub work: Work,
    pub child: Child,
    pub ending: Option<Ending>,
    pub at: u64,
    pub heard: Instant,
    pub stalled: bool,
    /// Where it runs, and how much it is expected to hold there.
    pub place: usize,
    pub bytes: u64,
    /// Processes that had been killed for memory when it started.
    pub kills: Option<u64>,
    /// Whether it was told to stop.
    pub asked: bool,
    /// When it was started, and seconds that went before.
    pub since: Instant,
    pub spent: f64,
    /// What it was started for, by the plan of that time.
    pub planned: Node,
}

/// A worker of a dead driver ends by itself; after this long it is helped.
const PATIENCE: Duration = Duration::from_secs(75);

pub(super) fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended meanwhile.
        let _ = kill_process(pid, signal);
    }
}

impl Driver<'_> {
    /// Asks workers to checkpoint and end: those of a lane, or all.
    pub(super) fn terminate(&mut self, lane: Option<&str>) {
        let nodes = &self.plan.nodes;
        for r in &mut self.running {
            let theirs = nodes.get(r.node).map(|n| n.lane.as_str());
            if lane.is_none() || lane == theirs {
                signal(&r.child, Signal::TERM);
                r.asked = true;
            }
        }
    }

    pub(super) fn heed_interrupts(&mut self) {
        let asked = self.options.interrupt.count();
        if asked == 0 || asked == self.stopping {
            return;
        }
        if self.stopping == 0 {
            if !self.rests {
                (self.on_event)(RunEvent::Note {
                    text: "stopping: writing checkpoints (once more to stop at once)".into(),
                });
            }
            self.terminate(None);
            self.orphans.clear();
            self.delayed.clear();
        }
        if asked > 1 {
            for r in self.running.iter().chain(&self.leaving) {
                signal(&r.child, Signal::KILL);
            }
        }
        self.stopping = asked;
    }

    /// Reads all journals and collects workers that have ended.
    pub(super) fn poll(&mut self) -> Result<(), RunError> {
        let before = self.leaving.len();
        self.leaving
            .retain_mut(|r| r.child.try_wait().is_ok_and(|status| status.is_none()));
        self.changed |= self.leaving.len() != before;
        let mut k = 0;
        while k < self.running.len() {
            if self.poll_one(k) {
                let running = self.running.swap_remove(k);
                self.changed = true;
                self.collect(running)?;
            } else {
                k += 1;
            }
        }
        Ok(())
    }

    /// Reads one worker's journal; true when it has ended.
    fn poll_one(&mut self, k: usize) -> bool {
        let Some(r) = self.running.get_mut(k) else {
            return false;
        };
        let Some(node) = self.plan.nodes.get(r.node) else {
            return true;
        };
        // Asked first, so that what it wrote before its end is read below.
        let status = r.child.try_wait().ok().flatten();
        let entries: Vec<Entry> = match r.tail.poll() {
            Ok(entries) => entries,
            Err(e) => {
                signal(&r.child, Signal::KILL);
                let _ = r.child.wait();
                r.ending = Some(Ending::Event(worker::event("crash", e.to_string(), r.at)));
                return true;
            }
        };
        if !entries.is_empty() {
            r.heard = Instant::now();
        }
        for entry in entries {
            if let Entry::Ended { ending, .. } = &entry {
                r.ending = Some(ending.clone());
            }
            tell(&node.id, entry, &mut r.at, self.on_event);
        }
        if let Some(status) = status {
            // One that is told to stop while it still starts dies of the signal, which is nobody's fault.
            if r.ending.is_none() && !r.asked {
                let folder = self.store.node(&r.key).attempt(r.attempt);
                let silence = r.stalled.then_some(self.options.stall);
                r.ending = Some(last_words(&folder, status, r.at, silence, r.kills));
            }
            return true;
        }
        // Where nobody would answer it, a long silence is not held against a worker.
        let answers = |e: &EventKind| matches!(e, EventKind::Timeout | EventKind::Else);
        let watched = node.arms.iter().any(|a| answers(&a.event));
        if watched && !r.stalled && r.heard.elapsed() > self.options.stall {
            r.stalled = true;
            signal(&r.child, Signal::KILL);
        }
        false
    }

    /// A worker has ended: settle its node, or decide what follows.
    fn collect(&mut self, running: Running) -> Result<(), RunError> {
        let i = running.node;
        let Some(node) = self.plan.nodes.get(i) else {
            return Ok(());
        };
        match running.ending {
            Some(Ending::Done) => {
                let folder = self.store.node(&running.key);
                if let Some(done) = folder.done(&running.work.extent)? {
                    if let Some(stop) = &done.stop {
                        let text =
                            format!("{} stopped at {}: {stop}", label(node), steps(done.at.step));
                        self.decision(i, text);
                    }
                    self.settle(i, settle(done, Some(running.key), false));
                }
                Ok(())
            }
            // Ours stopped it, or a person did; the next look at the store says what is left.
            Some(Ending::Paused | Ending::Fenced) | None => Ok(()),
            // Killed on request, or while a lane ends: not the stage's fault.
            Some(Ending::Event(_)) if self.stopping > 1 => Ok(()),
            Some(Ending::Event(event)) => {
                self.handle(i, Box::new(running.work), running.attempt, event)
            }
        }
    }

    /// Starts what has waited long enough, and looks after workers of earlier runs.
    pub(super) fn wake(&mut self) -> Result<(), RunError> {
        let now = Instant::now();
        let mut k = 0;
        while k < self.delayed.len() {
            let room = self.has_room() && self.stopping == 0;
            let due = |d: &super::Delayed| d.due <= now && self.place(d.node).is_some();
            if room && self.delayed.get(k).is_some_and(due) {
                let next = self.delayed.swap_remove(k);
                self.launch(next.node, &next.work, next.start, None)?;
            } else {
                k += 1;
            }
        }
        let store = self.store;
        let board = &self.board;
        let before = self.orphans.len();
        self.orphans.retain(|(i, n, since)| {
            let crate::board::Look::Work(work) = board.look(*i, false) else {
                return false;
            };
            let folder = store.node(&work.key);
            if since.elapsed() > PATIENCE {
                let pid = folder
                    .entries(*n)
                    .unwrap_or_default()
                    .iter()
                    .find_map(|e| match e {
                        Entry::Opened { pid, .. } => Pid::from_raw(*pid as i32),
                        _ => None,
                    });
                if let Some(pid) = pid {
                    let _ = kill_process(pid, Signal::KILL);
                }
            }
            folder.held(*n)
        });
        if self.orphans.len() != before {
            self.changed = true;
        }
        Ok(())
    }
}

/// Turns a journal record into an event.
fn tell(id: &align_plan::NodeId, entry: Entry, step: &mut u64, on_event: &mut dyn FnMut(RunEvent)) {
    let id = id.clone();
    match entry {
        Entry::Opened { at, damaged, .. } => {
            *step = at.step;
            for what in damaged {
                on_event(RunEvent::Decision {
                    id: id.clone(),
                    text: format!("a checkpoint cannot be used: {what}"),
                });
            }
        }
        Entry::Beat {
            at,
            rate,
            used,
            left,
            metrics,
            nearest,
            ..
        } => {
            *step = at.step;
            on_event(RunEvent::Progress {
                id,
                step: at.step,
                env_steps: at.env_steps,
                rate,
                used,
                left,
                metrics,
                nearest,
            });
        }
        Entry::Evaluated { at, metrics, best } => {
            *step = at.step;
            on_event(RunEvent::Evaluated {
                id,
                step: at.step,
                metrics,
                best,
            });
        }
        Entry::Kept { at, digest, .. } => {
            *step = at.step;
            on_event(RunEvent::Checkpointed {
                id,
                step: at.step,
                digest,
            });
        }
        Entry::Warned { record } => on_event(RunEvent::Warned { id, record }),
        Entry::Dropped { .. } | Entry::Ended { .. } => {}
    }
}

/// The event of a worker that died without a word in its journal.
fn last_words(
    folder: &std::path::Path,
    status: ExitStatus,
    step: u64,
    silence: Option<Duration>,
    kills: Option<u64>,
) -> Ending {
    use std::os::unix::process::ExitStatusExt;
    let stderr = std::fs::read(folder.join("stderr")).unwrap_or_default();
    let stderr = String::from_utf8_lossy(&stderr);
    // What comes after the words of a panic is for whoever debugs it.
    let said = stderr.split("stack backtrace:").next().unwrap_or_default();
    let told = |l: &&str| !l.trim().is_empty() && !l.starts_with("note: ");
    let line = said.lines().rev().find(told);
    if status.code() == Some(i32::from(worker::AGAIN)) {
        return Ending::Paused;
    }
    if status.code() == Some(i32::from(worker::FENCED)) {
        return Ending::Fenced;
    }
    let event = |kind, detail| -> Event { worker::event(kind, detail, step) };
    if let Some(limit) = silence {
        let limit = align_schema::Quantity::new(limit.as_secs_f64(), align_schema::Dim::Time);
        return Ending::Event(event("timeout", format!("no sign of life for {limit}")));
    }
    Ending::Event(match (status.signal(), line) {
        _ if stderr.contains("memory allocation of") => {
            let line = said.lines().find(|l| l.contains("memory allocation of"));
            event("oom", line.unwrap_or("out of memory").to_owned())
        }
        (Some(9), _) if kills.is_some() && memory::kills() > kills => {
            event("oom", "the system killed the worker for its memory".into())
        }
        (Some(9), _) => event("crash", "killed by signal 9".into()),
        (Some(signal), line) => {
            let words = line.map(|l| format!(": {l}")).unwrap_or_default();
            event("crash", format!("killed by signal {signal}{words}"))
        }
        (None, Some(line)) => event("crash", line.to_owned()),
        (None, None) => event(
            "crash",
            format!(
                "the worker ended with status {}",
                status.code().unwrap_or(-1)
            ),
        ),
    })
}
