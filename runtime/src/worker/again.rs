//! Evaluating the checkpoints of a finished stage again, when only what is looked at has changed.

use super::train::Run;
use super::{Beat, Halt};
use crate::extent::{Left, counted, extent, in_cadence, name, replay, unseen};
use crate::guards;
use crate::keep;
use crate::record::{Done, Ending, Extent, Metrics, Output, Point, Pos};

impl Run<'_, '_> {
    /// Evaluates the checkpoints of a finished stage again.
    pub(super) fn again(&mut self, mut done: Done) -> Result<Ending, Halt> {
        let new = extent(&self.node);
        // What evaluations see is the same: only what no evaluation has seen is looked at.
        let all = new.observe != done.extent.observe;
        let unseen = unseen(&self.node, &done);
        let mut outputs: Vec<Output> = Vec::new();
        for output in done.kept.iter().chain(&done.best).chain(&done.last) {
            if !outputs.iter().any(|o| o.at == output.at) {
                outputs.push(output.clone());
            }
        }
        let n = outputs.len() as f64;
        let episodes = self.node.eval.as_ref().map_or(0, |e| e.episodes);
        for (i, output) in outputs.iter_mut().enumerate() {
            if !all && !unseen.contains(&output.at) {
                continue;
            }
            self.desk.at = output.at;
            self.p.at = output.at;
            self.desk.store.verify(output.files.values())?;
            let files = output
                .files
                .iter()
                .map(|(name, digest)| (name.clone(), self.desk.store.blob(digest)))
                .collect();
            self.trainer.load(&files).map_err(|e| self.fail(&e))?;
            // How many came before, for the faults that tests ask for.
            let before = done.history.iter().filter(|p| p.at.step < output.at.step);
            self.p.history = before.cloned().collect();
            self.desk.beat(Beat {
                rate: 0.0,
                used: i as f64 / n,
                left: None,
                metrics: Metrics::new(),
                nearest: Some("evaluating again".into()),
            })?;
            let (point, episodes) = self.evaluate()?;
            output.metrics.extend(point.metrics);
            output.episodes = episodes;
            if let Some(old) = done.history.iter_mut().find(|p| p.at == output.at) {
                old.metrics.clone_from(&output.metrics);
            } else if unseen.contains(&output.at) {
                done.history.push(Point {
                    at: output.at,
                    metrics: output.metrics.clone(),
                });
                done.history.sort_by_key(|p| p.at.step);
            }
            if self.desk.stopping() {
                return Ok(Ending::Paused);
            }
        }
        let same_cadence = new.every == done.extent.every;
        if !same_cadence {
            let end = done.history.last().filter(|p| p.at == done.at).cloned();
            done.history = in_cadence(&self.node, &done.history, done.at.step);
            // The evaluation at the end of a budget belongs to no cadence.
            if let Some(end) = end
                && done.history.last().is_none_or(|p| p.at != end.at)
            {
                done.history.push(end);
            }
        }
        let seen: Vec<Pos> = done.history.iter().map(|p| p.at).collect();
        let find = |at: Pos| outputs.iter().find(|o| o.at == at).cloned();
        let fresh = self.fresh;
        let ranked = outputs
            .iter()
            .filter(|o| (!fresh || o.at.step > 0) && (same_cadence || seen.contains(&o.at)))
            .map(|o| (o.at.step, &o.metrics));
        let best = keep::best_of(&self.node, ranked).map(|b| b.0);
        done.best = best.and_then(|step| outputs.iter().find(|o| o.at.step == step).cloned());
        done.last = done.last.as_ref().and_then(|o| find(o.at));
        done.kept = done.kept.iter().filter_map(|o| find(o.at)).collect();
        // What the evaluations gave away before, they may not any more.
        done.events.retain(|e| e.action != guards::WARNING);
        let counted = counted(&done.history, self.fresh);
        let warned = guards::warnings(&self.node.arms, counted, episodes, self.desk.attempt);
        done.events.extend(warned);
        done.arms.clone_from(&self.node.arms);
        done.seconds += self.desk.seconds();
        if same_cadence {
            done.extent = new;
            return self.publish(&done);
        }
        // What the rule says of these evaluations, the driver asks of this record if it is not the end.
        done.extent = Extent {
            until: String::new(),
            budget: done.extent.budget.clone(),
            ..new.clone()
        };
        match replay(&self.node, &done) {
            Left::Nothing => done.extent = new,
            Left::Cut { done: earlier, .. } => done = *earlier,
            Left::Resume(_) | Left::Back { .. } | Left::Reevaluate(_) => {
                self.extent = name(&done.extent);
            }
        }
        self.publish(&done)
    }
}
