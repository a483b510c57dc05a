//! Evaluating the checkpoints of a finished stage again, when only what is looked at has changed.

use super::train::Run;
use super::{Beat, Halt};
use crate::extent::extent;
use crate::keep;
use crate::record::{Done, Ending, Metrics, Output, Pos};

impl Run<'_, '_> {
    /// Evaluates the checkpoints of a finished stage again.
    pub(super) fn again(&mut self, mut done: Done) -> Result<Ending, Halt> {
        let mut outputs: Vec<Output> = Vec::new();
        for output in done.kept.iter().chain(&done.best).chain(&done.last) {
            if !outputs.iter().any(|o| o.at == output.at) {
                outputs.push(output.clone());
            }
        }
        let n = outputs.len() as f64;
        for (i, output) in outputs.iter_mut().enumerate() {
            self.desk.at = output.at;
            self.p.at = output.at;
            self.desk.store.verify(output.files.values())?;
            let files = output
                .files
                .iter()
                .map(|(name, digest)| (name.clone(), self.desk.store.blob(digest)))
                .collect();
            self.trainer.load(&files).map_err(|e| self.fail(&e))?;
            let slot = done.history.iter().position(|p| p.at == output.at);
            // The number of the evaluation selects its random stream.
            self.p.history = done
                .history
                .get(..slot.unwrap_or(0))
                .unwrap_or_default()
                .to_vec();
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
            if let Some(old) = slot.and_then(|s| done.history.get_mut(s)) {
                old.metrics.clone_from(&output.metrics);
            }
            if self.desk.stopping() {
                return Ok(Ending::Paused);
            }
        }
        let find = |at: Pos| outputs.iter().find(|o| o.at == at).cloned();
        let fresh = self.fresh;
        let ranked = outputs
            .iter()
            .filter(|o| !fresh || o.at.step > 0)
            .map(|o| (o.at.step, &o.metrics));
        let best = keep::best_of(&self.node, ranked).map(|b| b.0);
        done.best = best.and_then(|step| outputs.iter().find(|o| o.at.step == step).cloned());
        done.last = done.last.as_ref().and_then(|o| find(o.at));
        done.kept = done.kept.iter().filter_map(|o| find(o.at)).collect();
        done.extent = extent(&self.node);
        done.arms.clone_from(&self.node.arms);
        done.seconds += self.desk.seconds();
        self.publish(&done)
    }
}
