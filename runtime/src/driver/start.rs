//! Starting an attempt: the job with all scales applied, the claim, the process.

use std::collections::HashSet;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use align_plan::{Need, Node, NodeId};
use align_runtime_api::{Input, Job, NodeState, RunEvent, device};
use align_schema::{Dim, Port};

use super::replan::at;
use super::watch::Running;
use super::{Driver, RunError, memory};
use crate::board::{Board, How, Look, Settled, Start, Work, settle};
use crate::extent::difference;
use crate::forecast::previous;
use crate::inject::striking;
use crate::keys::course;
use crate::record::{Assignment, Done, Logged, Turn};
use crate::store::StoreError;
use crate::store::journal::Tail;
use crate::words::{label, steps};
use crate::{disk, worker};

impl Driver<'_> {
    /// Before the first start: whether everything that would run can be made at all.  What cannot has failed, and nothing starts.
    fn preflight(&mut self) -> bool {
        if std::mem::replace(&mut self.asked, true) {
            return true;
        }
        let mut board = Board::new(self.plan, self.store, self.library, &self.options.numeric);
        let mut bad = Vec::new();
        for (i, node) in self.plan.nodes.iter().enumerate() {
            if !self.wanted.get(i).copied().unwrap_or(true) {
                continue;
            }
            match board.look(i, self.forced.contains(&i)) {
                Look::Settled(settled) => {
                    if settled.state == NodeState::Failed {
                        bad.push((i, settled.note.clone().unwrap_or_default()));
                    }
                    if let Some(slot) = board.settled.get_mut(i) {
                        *slot = Some(*settled);
                    }
                }
                Look::Work(work) if matches!(work.how, How::Busy(_) | How::Cut(..)) => {}
                Look::Work(_) | Look::Wait(_) => {
                    if let Err(note) = self.library.preflight(node) {
                        bad.push((i, note));
                    }
                }
            }
        }
        let Some(first) = bad.first().and_then(|b| self.plan.nodes.get(b.0)) else {
            return true;
        };
        self.all_dead = Some(format!(
            "nothing was started, for `{}` cannot be made",
            label(first)
        ));
        for (i, note) in bad {
            self.settle(
                i,
                Settled {
                    done: None,
                    state: NodeState::Failed,
                    note: Some(note),
                    reused: false,
                    key: None,
                },
            );
        }
        false
    }

    /// Does what a node needs next, if there is room.
    pub(super) fn begin(&mut self, i: usize, mut work: Box<Work>) -> Result<(), RunError> {
        let Some(node) = self.plan.nodes.get(i) else {
            return Ok(());
        };
        if !matches!(work.how, How::Busy(_) | How::Cut(..)) && !self.preflight() {
            return Ok(());
        }
        let room = self.has_room() && self.place(i).is_some();
        let how = std::mem::replace(&mut work.how, How::Fresh);
        match how {
            How::Busy(n) => {
                (self.on_event)(RunEvent::Note {
                    text: format!(
                        "the worker of an earlier run is still on {}: waiting for it to end",
                        label(node)
                    ),
                });
                self.orphans.push((i, n, Instant::now()));
                Ok(())
            }
            How::Cut(done, reason) => {
                let folder = self.store.node(&work.key);
                let newest = folder.attempts().last().copied().unwrap_or(0);
                folder.prepare(node, &work.parts)?;
                folder.finish(&work.extent, newest, &done)?;
                self.decision(i, format!("{} is {reason}", label(node)));
                self.settle(i, settle(*done, Some(work.key.clone()), true));
                Ok(())
            }
            How::Pending(n, event) => self.handle(i, work, n, event),
            _ if !room => Ok(()),
            How::Fresh => {
                if self.forced.remove(&i) {
                    let folder = self.store.node(&work.key);
                    if let Some(attempt) = folder.attempts().last().copied() {
                        folder.decide(&Logged::Forced { attempt })?;
                        folder.forget()?;
                    }
                }
                let before = previous(self.plan, self.store, node, &work.key);
                if let Some(why) = before.and_then(|old| difference(&old, &work.parts)) {
                    self.decision(
                        i,
                        format!("{} runs again: {why}{}", label(node), at(node, &why)),
                    );
                }
                self.launch(i, &work, Start::default(), None)
            }
            How::Resume(start) | How::Back(start) => {
                if let Some(at) = start.resume.first().map(|r| r.at.step)
                    && at > 0
                {
                    let text = if start.reason.contains("goes on") && self.waited.remove(&i) {
                        format!("{} goes on from {}", label(node), steps(at))
                    } else if start.reason.contains("goes on") {
                        format!("{} was {}", label(node), start.reason)
                    } else {
                        format!(
                            "{} goes on from {}: {}",
                            label(node),
                            steps(at),
                            start.reason
                        )
                    };
                    self.decision(i, text);
                }
                self.launch(i, &work, start, None)
            }
            How::Again(done, reason) => {
                self.decision(i, format!("{} is evaluated again: {reason}", label(node)));
                self.launch(i, &work, Start::default(), Some(*done))
            }
        }
    }

    /// Claims an attempt and starts its worker.
    pub(super) fn launch(
        &mut self,
        i: usize,
        work: &Work,
        start: Start,
        again: Option<Done>,
    ) -> Result<(), RunError> {
        let Some(node) = self.plan.nodes.get(i) else {
            return Ok(());
        };
        let folder = self.store.node(&work.key);
        folder.prepare(node, &work.parts)?;
        self.store
            .name(&self.plan.file, &node.id.0, &work.key.0.0)?;
        let events = again.as_ref().map_or(start.events, |d| d.events.clone());
        let assignment = Assignment {
            job: self.job(node, work, &start.turns),
            key: work.key.clone(),
            extent: work.extent.clone(),
            resume: start.resume,
            turns: start.turns,
            history: start.history,
            hold: self.hold(i),
            events,
            spent: start.spent,
            pins: self.pins(node),
            faults: striking(&self.faults, node, folder.attempts().len() as u32 + 1),
            again,
        };
        if assignment.hold.is_some() {
            self.waited.insert(i);
        }
        let attempt = folder.claim(&assignment)?;
        // Whoever starts a node has seen that one has room.
        let place = self.place(i).unwrap_or(usize::MAX);
        let child = self.spawn(&folder.attempt(attempt), work, attempt, place)?;
        self.started += 1;
        self.given
            .iter_mut()
            .skip(place)
            .take(1)
            .for_each(|n| *n += 1);
        let total = node.budget.as_ref().and_then(|b| {
            let limit = b.any.iter().find(|q| q.dim == Dim::Steps)?;
            Some(limit.amount as u64)
        });
        // What is only evaluated again has all of its steps.
        let evaluated = assignment.again.as_ref().map(|done| done.at.step);
        let resumed = assignment.resume.first().map(|r| r.at.step);
        (self.on_event)(RunEvent::Started {
            id: node.id.clone(),
            kind: node.kind,
            attempt,
            from_step: evaluated.or(resumed).unwrap_or(0),
            total_steps: total,
            device: self.options.places.get(place).map(|p| p.name.clone()),
        });
        self.running.push(Running {
            node: i,
            key: work.key.clone(),
            attempt,
            tail: Tail::new(folder.journal(attempt)),
            work: Work {
                key: work.key.clone(),
                parts: work.parts.clone(),
                inputs: work.inputs.clone(),
                extent: work.extent.clone(),
                how: How::Fresh,
                gave_up: None,
            },
            child,
            ending: None,
            at: 0,
            heard: Instant::now(),
            stalled: false,
            place,
            bytes: self.need(i),
            kills: memory::kills(),
            asked: false,
            since: Instant::now(),
            spent: assignment.spent,
            planned: node.clone(),
        });
        Ok(())
    }

    /// Threads of a worker that starts now: the cores, shared with everything that could run beside it.  The embedded kernels give the same
    /// bits on any number.
    fn threads(&self) -> usize {
        /// Networks of this kind have no work for more.
        const MOST: usize = 8;
        if let Some(threads) = self.options.threads {
            return threads;
        }
        let settled: HashSet<&NodeId> = self
            .plan
            .nodes
            .iter()
            .zip(&self.board.settled)
            .filter_map(|(node, settled)| settled.is_some().then_some(&node.id))
            .collect();
        let ready = self.plan.nodes.iter().filter(|node| {
            !settled.contains(&node.id)
                && node.needs.iter().all(|need| settled.contains(&need.node))
        });
        let together = ready.count().min(self.options.jobs).max(1);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        (cores / together).clamp(1, MOST)
    }

    fn spawn(
        &self,
        folder: &std::path::Path,
        work: &Work,
        attempt: u32,
        place: usize,
    ) -> Result<std::process::Child, RunError> {
        let path = folder.join("stderr");
        let stderr = disk::create(&path).map_err(|e| StoreError::io(&path, e))?;
        let mut words = self.options.worker.iter();
        let program = words.next().cloned().unwrap_or_default();
        Command::new(&program)
            .args(words)
            .arg(&work.key.0.0)
            .arg("--store")
            .arg(self.store.root())
            .arg("--attempt")
            .arg(attempt.to_string())
            .env("RAYON_NUM_THREADS", self.threads().to_string())
            // libtorch's sums depend on the number of its threads: one, unless somebody says otherwise.
            .env(
                "OMP_NUM_THREADS",
                self.options.threads.unwrap_or(1).to_string(),
            )
            .envs(self.options.environment.iter().cloned())
            .envs(self.surroundings(place))
            .env(worker::CONTROL, "stdin")
            // Its own group, so that Ctrl-C in a terminal reaches it through us only.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .map_err(|source| RunError::Spawn {
                command: program.to_string_lossy().into_owned(),
                source,
            })
    }

    /// The library's part of an assignment, after these changes of course.
    pub(super) fn job(&self, node: &Node, work: &Work, turns: &[Turn]) -> Job {
        let mut node = node.clone();
        let mut inputs = work.inputs.clone();
        for turn in turns {
            for (path, factor) in &turn.scale {
                let mut words = path.split('.');
                let field = words.next().and_then(|f| node.fields.get_mut(f));
                if let Some(field) = field {
                    let rest: Vec<&str> = words.collect();
                    field.value.scale(&rest, *factor);
                }
            }
            if let Some(need) = turn.from_need {
                start_from(&mut node, &mut inputs, need);
            }
        }
        let device = self.device(&node);
        let numeric = device::class(&node, &self.options.numeric);
        Job {
            simulator: self.library.simulator(&node),
            key: course(&work.key, turns),
            node,
            inputs,
            numeric,
            device,
        }
    }

    /// Steps of a node whose checkpoints others name.
    pub(super) fn pins(&self, node: &Node) -> Vec<u64> {
        let needs = self.plan.nodes.iter().flat_map(|n| &n.needs);
        let mut pins: Vec<u64> = needs
            .filter(|n| n.node == node.id)
            .filter_map(|n| match n.port {
                Port::At(step) => Some(step),
                _ => None,
            })
            .collect();
        pins.sort_unstable();
        pins.dedup();
        pins
    }
}

/// Lets a job start from the checkpoint of one of its other needs.
fn start_from(node: &mut Node, inputs: &mut Vec<Input>, need: usize) {
    let Some(mut source) = inputs.get(need).cloned() else {
        return;
    };
    source.need.role = "from".into();
    if let Some(from) = inputs.iter_mut().find(|i| i.need.role == "from") {
        *from = source;
    } else {
        node.needs.push(Need {
            role: "from".into(),
            ..source.need.clone()
        });
        inputs.push(source);
    }
}
