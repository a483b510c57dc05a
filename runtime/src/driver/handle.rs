//! Answering a failure event: the policy's action becomes a record, and then an attempt, a result or an end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use align_plan::{FailScope, Target};
use align_runtime_api::{EventRecord, RunEvent, Stop};

use super::{Delayed, Driver, RunError};
use crate::board::{Start, Work, candidates, settle, took};
use crate::extent::extent;
use crate::guards;
use crate::policy::{Act, decide};
use crate::record::{
    Assignment, Curve, Done, Entry, Event, Logged, Manifest, Output, Pos, Restore, Turn,
};
use crate::store::{NodeFolder, Store};
use crate::words::{factors, label, steps};

/// How often each arm has acted since the last fresh start.
fn counts(log: &[Logged]) -> BTreeMap<String, u64> {
    let mut out = BTreeMap::new();
    for entry in log {
        match entry {
            Logged::Handled { arm, .. } => *out.entry(arm.clone()).or_default() += 1,
            Logged::GaveUp { .. } | Logged::Forced { .. } => out.clear(),
        }
    }
    out
}

/// What an attempt leaves behind for the next.
struct Left {
    assignment: Assignment,
    entries: Vec<Entry>,
    restores: Vec<Restore>,
}

impl Left {
    fn read(folder: &NodeFolder, attempt: u32) -> Result<Option<Self>, RunError> {
        let Some(assignment) = folder.assignment(attempt)? else {
            return Ok(None);
        };
        let entries = folder.sound_entries(attempt);
        let restores = candidates(&assignment, &entries);
        Ok(Some(Self {
            assignment,
            entries,
            restores,
        }))
    }

    fn start(&self, resume: Vec<Restore>, turn: Option<Turn>, record: &EventRecord) -> Start {
        let mut turns = self.assignment.turns.clone();
        turns.extend(turn);
        let mut events = self.assignment.events.clone();
        guards::add(&mut events, guards::told(&self.entries));
        events.push(record.clone());
        Start {
            resume,
            turns,
            history: self.assignment.history.clone(),
            events,
            spent: self.assignment.spent + took(&self.entries),
            reason: String::new(),
        }
    }

    /// Checkpoints from the best one back; empty when nothing was kept, which means the start.
    fn back_to_best(&self, store: &Store) -> Vec<Restore> {
        let newest = self
            .restores
            .iter()
            .find_map(|r| Some((r, store.get_record::<Manifest>(&r.manifest).ok()?)));
        let Some((restore, manifest)) = newest else {
            return Vec::new();
        };
        let Some((best, _)) = manifest.progress.best else {
            return Vec::new();
        };
        let mut found: Vec<Restore> = self
            .restores
            .iter()
            .filter(|r| r.at.step <= best)
            .cloned()
            .collect();
        let share = restore.seconds / restore.at.step.max(1) as f64;
        for output in &manifest.progress.kept {
            if let Some(id) = &output.manifest
                && output.at.step <= best
                && !found.iter().any(|r| r.manifest == *id)
            {
                found.push(Restore {
                    manifest: id.clone(),
                    at: output.at,
                    seconds: share * output.at.step as f64,
                });
            }
        }
        found.sort_by_key(|r| std::cmp::Reverse(r.at.step));
        found
    }
}

impl Driver<'_> {
    /// Decides on the event that ended an attempt, writes the decision down, and acts.
    pub(super) fn handle(
        &mut self,
        i: usize,
        work: Box<Work>,
        attempt: u32,
        event: Event,
    ) -> Result<(), RunError> {
        let Some(node) = self.plan.nodes.get(i) else {
            return Ok(());
        };
        let folder = self.store.node(&work.key);
        let Some(left) = Left::read(&folder, attempt)? else {
            return Ok(());
        };
        if event.kind == "damaged" && self.heal(i, &event) {
            let mut record = record_of(&event, "retry", attempt);
            record.to_step = Some(left.restores.first().map_or(0, |r| r.at.step));
            let id = node.id.clone();
            folder.decide(&Logged::Handled {
                record: record.clone(),
                arm: "damaged".into(),
                turn: None,
                resume: left.restores,
            })?;
            (self.on_event)(RunEvent::Handled { id, record });
            return Ok(());
        }
        let verdict = decide(&node.arms, &event, &counts(&folder.log()?));
        let act = verdict.act;
        let mut record = record_of(&event, act.word(), attempt);
        let (wait, resume, turn) = match &act {
            Act::Retry { wait, scale, .. } => {
                // The same step with the same numbers would fail the same way, unless chance or the machine was to blame.
                let again = matches!(
                    event.kind.as_str(),
                    "nan" | "regression" | "data" | "dead_signal" | "collapse" | "overoptimised"
                );
                let turn = (again || !scale.is_empty()).then(|| turn(&event, "retry", scale, None));
                (*wait, left.restores.clone(), turn)
            }
            Act::Rollback { to, scale, .. } => {
                let (resume, need) = match to {
                    Target::Best => (left.back_to_best(self.store), None),
                    Target::Last => (left.restores.clone(), None),
                    Target::Need(n) => (Vec::new(), Some(*n)),
                };
                (0.0, resume, Some(turn(&event, "rollback", scale, need)))
            }
            Act::Skip | Act::Fail(_) | Act::Pause => (0.0, Vec::new(), None),
        };
        let ends = matches!(act, Act::Skip | Act::Fail(_) | Act::Pause);
        record.to_step = (!ends).then(|| resume.first().map_or(0, |r| r.at.step));
        let line = sentence(&event, &act, record.to_step, &resume);
        self.decision(i, format!("{}: {line}", label(node)));
        (self.on_event)(RunEvent::Handled {
            id: node.id.clone(),
            record: record.clone(),
        });
        let handled = |turn: Option<Turn>, resume: Vec<Restore>| Logged::Handled {
            record: record.clone(),
            arm: verdict.arm.clone(),
            turn,
            resume,
        };
        match act {
            Act::Fail(scope) => self.give_up(i, &work, scope, &event, record),
            Act::Pause => {
                let paused = Event {
                    detail: format!(
                        "{}; it waits for a person, run again to go on",
                        event.detail
                    ),
                    ..event
                };
                self.give_up(i, &work, FailScope::Stage, &paused, record)
            }
            Act::Skip => {
                let from = node.need("from").and_then(|n| self.output_of(node, n));
                self.close(i, &work, &left, record, line, from, true)
            }
            Act::Rollback {
                then: Some(then),
                to,
                ..
            } => match *then {
                Act::Skip => {
                    let output = match to {
                        Target::Need(n) => self.output_of(node, n),
                        _ => self.first_good(&resume),
                    };
                    let output =
                        output.or_else(|| node.need("from").and_then(|n| self.output_of(node, n)));
                    self.close(i, &work, &left, record, line, output, false)
                }
                Act::Fail(scope) => self.give_up(i, &work, scope, &event, record),
                Act::Pause => self.give_up(i, &work, FailScope::Stage, &event, record),
                Act::Retry { wait, .. } => {
                    folder.decide(&handled(turn.clone(), resume.clone()))?;
                    self.later(i, work, wait, left.start(resume, turn, &record));
                    Ok(())
                }
                Act::Rollback { .. } => {
                    folder.decide(&handled(turn.clone(), resume.clone()))?;
                    self.later(i, work, 0.0, left.start(resume, turn, &record));
                    Ok(())
                }
            },
            Act::Retry { .. } | Act::Rollback { .. } => {
                folder.decide(&handled(turn.clone(), resume.clone()))?;
                self.later(i, work, wait, left.start(resume, turn, &record));
                Ok(())
            }
        }
    }

    /// Takes back the results that a node's inputs come from and whose files are damaged, so that they are made again; false
    /// when there are none, or when that was tried before.
    fn heal(&mut self, i: usize, event: &Event) -> bool {
        let mut todo = vec![i];
        let mut found = false;
        while let Some(k) = todo.pop() {
            let needs = self.plan.nodes.get(k).map(|n| n.needs.as_slice());
            for need in needs.unwrap_or_default() {
                let Some(j) = self.board.find(&need.node) else {
                    continue;
                };
                let Some(Some(settled)) = self.board.settled.get(j) else {
                    continue;
                };
                let output = settled.done.as_ref().and_then(|d| d.output(&need.port));
                let sound = output.is_none_or(|o| self.store.verify(o.files.values()).is_ok());
                if sound || !self.healed.insert(j) {
                    continue;
                }
                found = true;
                match &settled.key {
                    Some(key) => {
                        // A result that stays is found damaged again, and that ends the node.
                        let _ = self.store.node(key).forget();
                    }
                    // A sequence hands on what its rounds made.
                    None => todo.push(j),
                }
                if let Some(slot) = self.board.settled.get_mut(j) {
                    *slot = None;
                }
            }
        }
        if found {
            self.decision(i, format!("{}: it is made again", event.detail));
        }
        found
    }

    fn later(&mut self, node: usize, work: Box<Work>, wait: f64, start: Start) {
        let wait = Duration::try_from_secs_f64(wait.max(0.0)).unwrap_or(Duration::from_mins(1));
        self.delayed.push(Delayed {
            node,
            due: Instant::now() + wait,
            work,
            start,
        });
    }

    fn give_up(
        &mut self,
        i: usize,
        work: &Work,
        scope: FailScope,
        event: &Event,
        record: EventRecord,
    ) -> Result<(), RunError> {
        let note = format!("{} at {}: {}", event.kind, steps(event.step), event.detail);
        self.store.node(&work.key).decide(&Logged::GaveUp {
            note: note.clone(),
            attempt: record.attempt,
            record: Some(record),
        })?;
        self.fail(i, scope, note, work);
        Ok(())
    }

    /// What one of a node's needs gave.
    fn output_of(&self, node: &align_plan::Node, need: usize) -> Option<Output> {
        let need = node.needs.get(need)?;
        let settled = self
            .board
            .settled
            .get(self.board.find(&need.node)?)?
            .as_ref()?;
        settled.done.as_ref()?.output(&need.port).cloned()
    }

    fn first_good(&self, restores: &[Restore]) -> Option<Output> {
        restores.iter().find_map(|r| {
            let manifest: Manifest = self.store.get_record(&r.manifest).ok()?;
            self.store.verify(manifest.files.values()).ok()?;
            Some(Output {
                at: manifest.progress.at,
                digest: Some(manifest.digest),
                manifest: Some(r.manifest.clone()),
                files: manifest.files,
                metrics: manifest.metrics,
                episodes: manifest.episodes,
            })
        })
    }

    /// Ends a stage with a checkpoint that it did not train to the end.
    #[expect(
        clippy::too_many_arguments,
        reason = "one record of everything that is known at the end"
    )]
    fn close(
        &mut self,
        i: usize,
        work: &Work,
        left: &Left,
        record: EventRecord,
        line: String,
        output: Option<Output>,
        skipped: bool,
    ) -> Result<(), RunError> {
        let Some(node) = self.plan.nodes.get(i) else {
            return Ok(());
        };
        let folder = self.store.node(&work.key);
        let newest = left
            .restores
            .first()
            .and_then(|r| self.store.get_record::<Manifest>(&r.manifest).ok())
            .map(|m| m.progress);
        let (history, curve): (Vec<_>, Curve) =
            newest.map(|p| (p.history, p.curve)).unwrap_or_default();
        let mut events = left.assignment.events.clone();
        guards::add(&mut events, guards::told(&left.entries));
        let attempt = record.attempt;
        events.push(record);
        let done = Done {
            version: Done::VERSION,
            id: node.id.clone(),
            kind: node.kind,
            extent: extent(node),
            arms: node.arms.clone(),
            skipped,
            stop: Some(Stop::Event(line.clone())),
            at: if skipped {
                Pos::default()
            } else {
                output.as_ref().map(|o| o.at).unwrap_or_default()
            },
            last_env: 0,
            samples: 0,
            best: output.clone(),
            last: output,
            kept: Vec::new(),
            history,
            curve,
            events,
            seconds: left.assignment.spent + took(&left.entries),
            trained: 0.0,
            peak: 0,
            spans: crate::record::Spans::default(),
            note: Some(line),
        };
        folder.finish(&work.extent, attempt, &done)?;
        self.settle(i, settle(done, Some(work.key.clone()), false));
        Ok(())
    }
}

fn record_of(event: &Event, action: &str, attempt: u32) -> EventRecord {
    EventRecord {
        event: event.kind.clone(),
        detail: event.detail.clone(),
        step: event.step,
        action: action.into(),
        to_step: None,
        from: event.from,
        to: event.to,
        attempt,
    }
}

fn turn(event: &Event, action: &str, scale: &[(String, f64)], from_need: Option<usize>) -> Turn {
    Turn {
        event: event.kind.clone(),
        step: event.step,
        action: action.into(),
        scale: scale.to_vec(),
        from_need,
    }
}

/// `nan at 120 steps (loss is not finite) → rolled back to 100 steps, optim.lr × 0.5 (1 of 3)`.
fn sentence(event: &Event, act: &Act, to_step: Option<u64>, resume: &[Restore]) -> String {
    let place = match to_step {
        _ if resume.is_empty() => "the start".into(),
        Some(step) => steps(step),
        None => String::new(),
    };
    let scaled = |scale: &[(String, f64)]| {
        if scale.is_empty() {
            String::new()
        } else {
            format!(", {}", factors(scale))
        }
    };
    let done = match act {
        Act::Retry {
            wait,
            scale,
            nth,
            times,
        } => {
            let pause = if *wait > 0.0 {
                format!(
                    " in {}",
                    align_schema::Quantity::new(*wait, align_schema::Dim::Time)
                )
            } else {
                String::new()
            };
            format!(
                "retry {nth} of {times} from {place}{pause}{}",
                scaled(scale)
            )
        }
        Act::Rollback {
            to,
            scale,
            nth,
            times,
            then,
        } => {
            let place = match to {
                Target::Need(_) => "the checkpoint that the policy names".into(),
                _ => place,
            };
            let then = match then.as_deref() {
                Some(Act::Skip) => ", and the stage ends there".to_owned(),
                Some(Act::Fail(_)) => ", then fail".to_owned(),
                Some(Act::Pause) => ", then pause".to_owned(),
                _ => format!(" ({nth} of {times})"),
            };
            format!("rolled back to {place}{}{then}", scaled(scale))
        }
        Act::Skip => "skipped, its starting checkpoint goes on".into(),
        Act::Fail(FailScope::Stage) => "the stage fails".into(),
        Act::Fail(FailScope::Lane) => "the lane fails".into(),
        Act::Fail(FailScope::Sweep) => "the sweep fails".into(),
        Act::Pause => "paused".into(),
    };
    format!(
        "{} at {} ({}) → {done}",
        event.kind,
        steps(event.step),
        event.detail
    )
}
