//! What ends an attempt at an evaluation, or is said of it: signals, references, guards.

use align_runtime_api::EventRecord;

use super::Halt;
use super::train::Run;
use crate::extent::counted;
use crate::guards;
use crate::policy::{dead_signal, regression};
use crate::record::{Entry, Point};

impl Run<'_, '_> {
    /// A signal that was dead since the evaluation before ends the attempt: nothing was learned in that time.
    pub(super) fn heed_dead_signal(&self) -> Result<(), Halt> {
        let since = self.p.eval_at.unwrap_or_default();
        match dead_signal(&self.p.window, self.p.at, since) {
            Some(event) => Err(Halt::Event(event)),
            None => Ok(()),
        }
    }

    /// A metric that fell behind its reference ends the attempt.
    pub(super) fn heed_regression(&self, point: &Point) -> Result<(), Halt> {
        let inputs = &self.desk.assignment.job.inputs;
        match regression(&self.node.arms, inputs, point) {
            Some(event) => Err(Halt::Event(event)),
            None => Ok(()),
        }
    }

    /// What the newest evaluation gives away ends the attempt where an arm answers it, and is said once where none does.  `last` is an
    /// evaluation that is not in the history.
    pub(super) fn heed_guards(&mut self, last: Option<&Point>) -> Result<(), Halt> {
        let mut points = counted(&self.p.history, self.fresh).to_vec();
        points.extend(last.cloned());
        let episodes = self.node.eval.as_ref().map_or(0, |e| e.episodes);
        for event in guards::found(&points, episodes) {
            if guards::answered(&self.node.arms, &event) {
                return Err(Halt::Event(event));
            }
            let known = self.desk.assignment.events.iter().chain(&self.warned);
            let same = |e: &&EventRecord| e.event == event.kind && e.action == guards::WARNING;
            if known.into_iter().find(same).is_none() {
                let record = guards::warning(event, self.desk.attempt);
                self.desk.journal.append(&Entry::Warned {
                    record: record.clone(),
                })?;
                self.warned.push(record);
            }
        }
        Ok(())
    }
}
