//! A new assignment in the middle of an attempt: another budget, rule, cadence or failure policy, from the next step on.
//!
//! What is in the node's key cannot change here: that would be another node.

use super::Halt;
use super::train::{Run, reading};
use crate::converge::{History, first};
use crate::extent::counted;
use crate::record::Ending;
use align_runtime_api::Stop;
use align_schema::Dim;

impl Run<'_, '_> {
    /// Takes the assignment as it stands in the store now.  An ending when training is already beyond where it is to end.
    pub(super) fn renew(&mut self) -> Result<Option<Ending>, Halt> {
        let Some(new) = self.desk.folder.assignment(self.desk.attempt)? else {
            return Ok(None);
        };
        self.read = reading(&new.job.node);
        self.node = new.job.node;
        self.extent = new.extent;
        self.pins = new.pins;
        let history = counted(&self.p.history, self.fresh);
        let fired = self.node.until.as_ref().and_then(|until| {
            let (i, _) = first(until, &History::evals(history))?;
            history.get(i).map(|point| point.at.step)
        });
        if fired == Some(self.p.at.step)
            && self.p.eval_at == Some(self.p.at)
            && let Some(why) = self.rule()
        {
            return self.finish(Stop::Rule(why), None).map(Some);
        }
        let limits = self.node.budget.iter().flat_map(|b| &b.any);
        let late = limits.into_iter().any(|limit| match limit.dim {
            Dim::Steps => (self.p.at.step as f64) > limit.amount,
            Dim::EnvSteps => {
                // The step that reached the limit is the last one of a budget.
                let before = self.p.at.env_steps.saturating_sub(self.p.last_env);
                before as f64 >= limit.amount
            }
            _ => false,
        });
        if late || fired.is_some() {
            // An earlier checkpoint is the end, which only the driver can go back to; this one stays, for the edit may be taken back.
            if self.saved.is_none() {
                self.checkpoint(true, false, None)?;
            }
            return Ok(Some(Ending::Paused));
        }
        Ok(None)
    }
}
