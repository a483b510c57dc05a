//! The training loop: step, measure, evaluate, keep, and stop when the condition, the budget or an event says so.
//!
//! Whatever enters a checkpoint is a function of the key, the fields and the events; the wall clock only enters the journal.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Instant;

use align_plan::Node;
use align_runtime_api::{Episodes, Evaluation, EventRecord, Stop, Trainer};
use align_schema::{Dim, Quantity};

use super::pace::{Clock, epoch};
use super::{Desk, Halt, event, from_error};
use crate::board::reached;
use crate::converge::{History, gain, holds};
use crate::extent::{counted, extent, in_cadence, round};
use crate::inject::What;
use crate::keep;
use crate::record::{
    Done, Ending, Entry, Manifest, Metrics, Output, Point, Progress, Spans, content,
};

/// Kills this process as a lack of memory would.
pub(super) fn kill_self() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
}

/// Trains a stage to its end.
pub(super) fn stage(desk: &mut Desk<'_>, trainer: Box<dyn Trainer>) -> Result<Ending, Halt> {
    let node = desk.assignment.job.node.clone();
    let mut run = Run {
        extent: desk.assignment.extent.clone(),
        pins: desk.assignment.pins.clone(),
        fresh: node.need("from").is_none(),
        read: reading(&node),
        epoch: epoch(desk, &node)?,
        node,
        trainer,
        p: Progress::default(),
        newest: Metrics::new(),
        trained_before: 0.0,
        stepping: Clock::default(),
        looking: Clock::default(),
        saving: Clock::default(),
        samples_here: 0,
        saved: None,
        warned: Vec::new(),
        desk,
    };
    if let Some(done) = run.desk.assignment.again.clone() {
        return run.again(done);
    }
    run.restore()?;
    // The rule may have been written otherwise since this checkpoint was made.
    if run.p.eval_at == Some(run.p.at)
        && let Some(why) = run.rule()
    {
        return run.finish(Stop::Rule(why), None);
    }
    run.train()
}

/// Training metrics are read every so many steps: each reading waits for the device.
pub(super) fn reading(node: &Node) -> u64 {
    match node.eval.as_ref().map(|e| e.every) {
        Some(Quantity {
            amount,
            dim: Dim::Steps,
        }) => ((amount / 10.0) as u64).clamp(1, 25),
        Some(_) => 1,
        None => 10,
    }
}

/// An evaluation with its episodes.
pub(super) type Look = (Point, Episodes);

pub(super) struct Run<'a, 'b> {
    pub(super) desk: &'a mut Desk<'b>,
    pub(super) node: Node,
    /// Name of the result record.
    pub(super) extent: String,
    /// Steps whose checkpoints other nodes want.
    pub(super) pins: Vec<u64>,
    pub(super) trainer: Box<dyn Trainer>,
    /// Starts from fresh weights, so that its evaluation before training says nothing.
    pub(super) fresh: bool,
    pub(super) read: u64,
    pub(super) epoch: f64,
    pub(super) p: Progress,
    pub(super) newest: Metrics,
    pub(super) trained_before: f64,
    /// Wall time of steps, of evaluations and of checkpoints.
    pub(super) stepping: Clock,
    looking: Clock,
    saving: Clock,
    pub(super) samples_here: u64,
    /// The checkpoint of this very step.
    pub(super) saved: Option<Output>,
    /// What this attempt warned of.
    pub(super) warned: Vec<EventRecord>,
}

impl Run<'_, '_> {
    pub(super) fn fail(&self, error: &align_runtime_api::JobError) -> Halt {
        Halt::Event(from_error(error, self.p.at.step))
    }

    pub(super) fn trained(&self) -> f64 {
        self.trained_before + self.desk.seconds()
    }

    /// Where its time went so far.
    fn spans(&self) -> Spans {
        Spans {
            whole: self.desk.seconds(),
            steps: self.stepping.span(),
            looks: self.looking.span(),
            saves: self.saving.span(),
        }
    }

    fn restore(&mut self) -> Result<(), Halt> {
        let mut damaged = Vec::new();
        for restore in &self.desk.assignment.resume {
            let manifest: Manifest = match self
                .desk
                .store
                .get_record::<Manifest>(&restore.manifest)
                .and_then(|m| self.desk.store.verify(m.files.values()).map(|()| m))
                .and_then(|m| self.sound(m, &mut damaged))
            {
                Ok(manifest) => manifest,
                Err(e) => {
                    damaged.push(e.to_string());
                    continue;
                }
            };
            let files = manifest
                .files
                .iter()
                .map(|(name, digest)| (name.clone(), self.desk.store.blob(digest)))
                .collect();
            self.trainer.load(&files).map_err(|e| self.fail(&e))?;
            let output = output_of(&manifest, &restore.manifest);
            self.p = manifest.progress;
            if let Some(history) = &self.desk.assignment.history {
                self.look_back(history);
            }
            self.trained_before = restore.seconds;
            if !manifest.extra {
                self.adopt(output.clone())?;
            }
            self.saved = Some(output);
            break;
        }
        self.p.turns.clone_from(&self.desk.assignment.turns);
        self.desk.at = self.p.at;
        if let Some(last) = self.p.history.last() {
            self.newest.clone_from(&last.metrics);
        }
        let opened = Entry::Opened {
            pid: std::process::id(),
            at: self.p.at,
            damaged,
        };
        self.desk.journal.append(&opened)?;
        Ok(())
    }

    /// Takes these evaluations for those that were made on the way here; what came after them stays.
    fn look_back(&mut self, history: &[Point]) {
        let known = history.last().map_or(0, |p| p.at.step);
        let mut later = std::mem::take(&mut self.p.history);
        later.retain(|p| p.at.step > known);
        self.p.history = in_cadence(&self.node, history, self.p.at.step);
        self.p.history.extend(later);
        self.p.eval_at = self.p.history.last().map(|p| p.at);
        let ranked = counted(&self.p.history, self.fresh).iter();
        self.p.best = keep::best_of(&self.node, ranked.map(|p| (p.at.step, &p.metrics)));
    }

    fn train(&mut self) -> Result<Ending, Halt> {
        loop {
            let evaluated = self.evaluate_if_due()?;
            if let Some(stop) = evaluated {
                return self.finish(Stop::Rule(stop), None);
            }
            self.keep_if_due()?;
            if let Some(limit) = self.budget_reached() {
                let last = self.last_look()?;
                let stop = Stop::Budget {
                    limit: limit.to_string(),
                    clock: limit.dim == Dim::Time,
                };
                return self.finish(stop, last);
            }
            if self.desk.stopping() || self.held() {
                if self.saved.is_none() {
                    self.checkpoint(true, false, None)?;
                }
                return Ok(Ending::Paused);
            }
            if self.desk.renewed.swap(false, Ordering::Relaxed)
                && let Some(ending) = self.renew()?
            {
                return Ok(ending);
            }
            self.fault()?;
            self.step()?;
            if self.desk.due() {
                self.beat(None)?;
            }
        }
    }

    /// Whether it waits here: it has an evaluation at or past the place where lanes are compared.
    fn held(&self) -> bool {
        let history = counted(&self.p.history, self.fresh);
        let place = self.desk.assignment.hold;
        place.is_some_and(|place| history.last().is_some_and(|p| reached(place, p.at)))
    }

    fn step(&mut self) -> Result<(), Halt> {
        let step = self.p.at.step;
        let want = step.is_multiple_of(self.read);
        let begun = Instant::now();
        let out = self.trainer.step(step, want).map_err(|e| self.fail(&e))?;
        self.stepping.add(begun.elapsed());
        self.samples_here += out.samples;
        self.saved = None;
        self.p.at.step += 1;
        self.p.at.env_steps += out.env_steps;
        self.p.last_env = out.env_steps;
        self.p.samples += out.samples;
        self.desk.at = self.p.at;
        if !want {
            return Ok(());
        }
        let mut metrics = Metrics::new();
        for (name, mut value) in out.metrics {
            self.silence(&name, &mut value);
            if !value.is_finite() {
                let detail = format!("{name} is {value} at step {step}");
                return Err(Halt::Event(event("nan", detail, step)));
            }
            // Speed is the clock's, not the training's: it must not reach a checkpoint.
            if name != "throughput" {
                metrics.insert(name, value);
            }
        }
        for (name, value) in &metrics {
            let (sum, n) = self.p.window.entry(name.clone()).or_default();
            *sum += value;
            *n += 1;
            self.newest.insert(name.clone(), *value);
        }
        if !metrics.is_empty() {
            self.p.curve.push(self.p.at.step, metrics);
        }
        Ok(())
    }

    /// Makes the faults that a test asked for.
    fn fault(&self) -> Result<(), Halt> {
        let step = self.p.at.step;
        for fault in self.desk.assignment.faults.iter().filter(|f| f.at == step) {
            match fault.what {
                What::Nan => {
                    let detail = format!("loss is not finite at step {step} (injected)");
                    return Err(Halt::Event(event("nan", detail, step)));
                }
                What::Oom => {
                    return Err(Halt::Event(event(
                        "oom",
                        "out of memory (injected)".into(),
                        step,
                    )));
                }
                What::Data => {
                    let detail = "the data cannot be used (injected)".into();
                    return Err(Halt::Event(event("data", detail, step)));
                }
                What::Crash => std::panic::panic_any("injected crash".to_owned()),
                What::Kill => kill_self(),
                What::Worsen { .. } | What::Silent { .. } => {}
            }
        }
        Ok(())
    }

    fn silence(&self, name: &str, value: &mut f64) {
        let step = self.p.at.step;
        for fault in &self.desk.assignment.faults {
            if matches!(&fault.what, What::Silent { metric } if metric == name) && step >= fault.at
            {
                *value = 0.0;
            }
        }
    }

    /// Evaluates when its time has come; the reason to stop when the rule holds then.
    fn evaluate_if_due(&mut self) -> Result<Option<String>, Halt> {
        let Some(eval) = self.node.eval.clone() else {
            return Ok(None);
        };
        if !round(eval.every, self.p.eval_at, self.p.at) {
            return Ok(None);
        }
        self.heed_dead_signal()?;
        let (point, episodes) = self.evaluate()?;
        self.p.episodes = episodes;
        self.p.history.push(point.clone());
        self.p.eval_at = Some(self.p.at);
        self.p.window.clear();
        let best = self.ranks_first(&point);
        if let Some(value) = best {
            self.p.best = Some((self.p.at.step, value));
        }
        self.desk.journal.append(&Entry::Evaluated {
            at: self.p.at,
            metrics: point.metrics.clone(),
            best: best.is_some(),
        })?;
        self.heed_regression(&point)?;
        self.heed_guards(None)?;
        let rule = self.rule();
        if best.is_some() && rule.is_none() && !self.keep_due() {
            self.checkpoint(false, true, None)?;
        }
        Ok(rule)
    }

    /// The reason to stop, when the rule holds.
    pub(super) fn rule(&self) -> Option<String> {
        let history = counted(&self.p.history, self.fresh);
        holds(self.node.until.as_ref()?, &History::evals(history))
    }

    /// The value, when this evaluation is better than all before.
    fn ranks_first(&self, point: &Point) -> Option<f64> {
        if self.fresh && point.at.step == 0 {
            return None;
        }
        let (_, better) = keep::metric(&self.node)?;
        let value = keep::value(&self.node, &point.metrics)?;
        self.p
            .best
            .is_none_or(|(_, b)| gain(better, value, b) > 0.0)
            .then_some(value)
    }

    pub(super) fn evaluate(&mut self) -> Result<Look, Halt> {
        self.beat(Some("evaluating".into()))?;
        let index = self.p.history.len() as u64 + 1;
        let episodes = self.node.eval.as_ref().map_or(0, |e| e.episodes);
        let begun = Instant::now();
        let mut found = self.trainer.evaluate(episodes).map_err(|e| self.fail(&e))?;
        self.looking.add(begun.elapsed());
        self.worsen(&mut found, index);
        if let Some((name, value)) = found.metrics.iter().find(|(_, v)| !v.is_finite()) {
            let detail = format!(
                "{name} is {value} at the evaluation at step {}",
                self.p.at.step
            );
            return Err(Halt::Event(event("nan", detail, self.p.at.step)));
        }
        let mut metrics: Metrics = self
            .p
            .window
            .iter()
            .filter(|(_, (_, n))| *n > 0)
            .map(|(name, (sum, n))| (name.clone(), sum / *n as f64))
            .collect();
        found.metrics.remove("throughput");
        metrics.extend(found.metrics);
        self.newest.extend(metrics.clone());
        found.episodes.keep_finite();
        let point = Point {
            at: self.p.at,
            metrics,
        };
        Ok((point, found.episodes))
    }

    fn worsen(&self, found: &mut Evaluation, index: u64) {
        for fault in &self.desk.assignment.faults {
            if let What::Worsen { metric, share } = &fault.what
                && index >= fault.at
                && let Some(value) = found.metrics.get_mut(metric)
            {
                let up = align_plan::Better::Up == keep::direction(&self.node, metric);
                let by = share * value.abs();
                *value += if up { -by } else { by };
            }
        }
    }

    fn keep_due(&self) -> bool {
        let pinned = self.pins.contains(&self.p.at.step);
        let every = self.node.keep.as_ref().map(|k| k.every);
        // A fresh model's start can be made again; a stage that starts from a checkpoint may find nothing better than it.
        let start = self.p.at.step == 0 && self.fresh;
        pinned || (!start && every.is_some_and(|every| round(every, self.p.keep_at, self.p.at)))
    }

    fn keep_if_due(&mut self) -> Result<(), Halt> {
        if self.p.keep_at != Some(self.p.at) && self.keep_due() {
            self.p.keep_at = Some(self.p.at);
            if self.saved.is_none() {
                self.checkpoint(
                    false,
                    self.p.best.map(|b| b.0) == Some(self.p.at.step),
                    None,
                )?;
            }
        }
        Ok(())
    }

    /// Writes a checkpoint.  `extra`: no cadence asked for it; `look`: an evaluation that is not in the history.
    pub(super) fn checkpoint(
        &mut self,
        extra: bool,
        best: bool,
        look: Option<&Look>,
    ) -> Result<Output, Halt> {
        let begun = Instant::now();
        let files = self.trainer.save().map_err(|e| self.fail(&e))?;
        let (metrics, episodes) = match look {
            Some((point, episodes)) => (point.metrics.clone(), episodes.clone()),
            None => (
                self.p
                    .history
                    .last()
                    .map(|p| p.metrics.clone())
                    .unwrap_or_default(),
                self.p.episodes.clone(),
            ),
        };
        let mut manifest = Manifest {
            version: Manifest::VERSION,
            digest: content(&BTreeMap::new()),
            files: BTreeMap::new(),
            metrics,
            episodes,
            extra,
            progress: self.p.clone(),
        };
        let (_, id) = self.desk.store.put_with(&files, |digests| {
            manifest.files.clone_from(digests);
            manifest.digest = content(digests);
            serde_json::to_vec(&manifest).ok()
        })?;
        let Some(id) = id else {
            let detail = "the state of the stage cannot be written down".into();
            return Err(Halt::Event(event("crash", detail, self.p.at.step)));
        };
        self.saving.add(begun.elapsed());
        let output = output_of(&manifest, &id);
        let seconds = self.trained();
        self.desk.journal.append(&Entry::Kept {
            at: self.p.at,
            manifest: id,
            digest: manifest.digest,
            seconds,
            best,
        })?;
        self.desk.journal.sync()?;
        if !extra {
            self.adopt(output.clone())?;
        }
        self.saved = Some(output.clone());
        Ok(output)
    }

    /// Adds a checkpoint to those that are kept, and drops what the rules no longer ask for.
    fn adopt(&mut self, output: Output) -> Result<(), Halt> {
        let mut all = std::mem::take(&mut self.p.kept);
        all.push(output);
        let best = self.p.best.map(|b| b.0);
        let (kept, dropped) = keep::prune(&self.node, all, best, &self.pins);
        self.p.kept = kept;
        for manifest in dropped.into_iter().filter_map(|o| o.manifest) {
            self.desk.journal.append(&Entry::Dropped { manifest })?;
        }
        Ok(())
    }

    /// At the end of the budget: an evaluation, unless there is one of this very step.  It does not enter the history, so
    /// that a run with a larger budget can go on as if it had not been made.
    fn last_look(&mut self) -> Result<Option<Look>, Halt> {
        if self.node.eval.is_none() || self.p.eval_at == Some(self.p.at) {
            return Ok(None);
        }
        self.heed_dead_signal()?;
        let (point, episodes) = self.evaluate()?;
        let best = self.ranks_first(&point).is_some();
        self.desk.journal.append(&Entry::Evaluated {
            at: self.p.at,
            metrics: point.metrics.clone(),
            best,
        })?;
        self.heed_regression(&point)?;
        self.heed_guards(Some(&point))?;
        self.saved = None;
        Ok(Some((point, episodes)))
    }

    pub(super) fn finish(&mut self, stop: Stop, look: Option<Look>) -> Result<Ending, Halt> {
        let best_now = look.as_ref().and_then(|l| self.ranks_first(&l.0));
        if look.is_none() {
            self.keep_if_due()?;
        }
        let last = if let Some(saved) = self.saved.clone() {
            saved
        } else {
            let best = best_now.is_some() || self.p.best.map(|b| b.0) == Some(self.p.at.step);
            self.checkpoint(true, best, look.as_ref())?
        };
        let best = if best_now.is_some() {
            Some(last.clone())
        } else {
            self.p.best.and_then(|(step, _)| {
                self.p
                    .kept
                    .iter()
                    .chain([&last])
                    .find(|o| o.at.step == step)
                    .cloned()
            })
        };
        let mut history = self.p.history.clone();
        history.extend(look.map(|l| l.0));
        let assignment = self.desk.assignment;
        let done = Done {
            version: Done::VERSION,
            id: self.node.id.clone(),
            kind: self.node.kind,
            extent: extent(&self.node),
            arms: self.node.arms.clone(),
            skipped: false,
            stop: Some(stop),
            at: self.p.at,
            last_env: self.p.last_env,
            samples: self.p.samples,
            best,
            last: Some(last),
            kept: self.p.kept.clone(),
            history,
            curve: self.p.curve.clone(),
            events: assignment
                .events
                .iter()
                .chain(&self.warned)
                .cloned()
                .collect(),
            seconds: assignment.spent + self.desk.seconds(),
            trained: self.trained(),
            peak: super::peak(),
            spans: self.spans(),
            note: None,
        };
        self.publish(&done)
    }

    pub(super) fn publish(&mut self, done: &Done) -> Result<Ending, Halt> {
        let published = self
            .desk
            .folder
            .finish(&self.extent, self.desk.attempt, done)?;
        Ok(if published {
            Ending::Done
        } else {
            Ending::Fenced
        })
    }
}

fn output_of(manifest: &Manifest, id: &align_plan::Digest) -> Output {
    Output {
        at: manifest.progress.at,
        digest: Some(manifest.digest.clone()),
        manifest: Some(id.clone()),
        files: manifest.files.clone(),
        metrics: manifest.metrics.clone(),
        episodes: manifest.episodes.clone(),
    }
}
