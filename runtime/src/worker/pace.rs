//! How much of the budget is used, how fast it goes, and how long it may still take.

use align_plan::Node;
use align_schema::{Dim, Quantity};

use super::train::Run;
use super::{Beat, Desk, Halt, event};
use crate::converge::{History, nearest};
use crate::epoch::samples;
use crate::extent::counted;

/// Samples of an epoch, when the budget counts epochs.
pub(super) fn epoch(desk: &Desk<'_>, node: &Node) -> Result<f64, Halt> {
    let counts = node
        .budget
        .as_ref()
        .is_some_and(|b| b.any.iter().any(|q| q.dim == Dim::Epochs));
    if !counts {
        return Ok(f64::INFINITY);
    }
    let data = desk
        .assignment
        .job
        .inputs
        .iter()
        .find(|i| i.need.role == "data");
    data.and_then(|d| samples(&d.metrics)).ok_or_else(|| {
        Halt::Event(event(
            "data",
            "the budget counts epochs, and the dataset does not say how many samples it has".into(),
            0,
        ))
    })
}

impl Run<'_, '_> {
    /// The first limit that is reached.
    pub(super) fn budget_reached(&self) -> Option<Quantity> {
        let budget = self.node.budget.as_ref()?;
        budget.any.iter().copied().find(|q| self.used(q) >= 1.0)
    }

    pub(super) fn spent(&self, limit: &Quantity) -> f64 {
        match limit.dim {
            Dim::EnvSteps => self.p.at.env_steps as f64,
            Dim::Epochs => self.p.samples as f64 / self.epoch,
            Dim::Time => self.trained(),
            _ => self.p.at.step as f64,
        }
    }

    pub(super) fn used(&self, limit: &Quantity) -> f64 {
        if limit.amount > 0.0 {
            self.spent(limit) / limit.amount
        } else {
            1.0
        }
    }

    pub(super) fn beat(&mut self, words: Option<String>) -> Result<(), Halt> {
        let budget = self
            .node
            .budget
            .as_ref()
            .map(|b| b.any.as_slice())
            .unwrap_or_default();
        let used = budget.iter().map(|q| self.used(q)).fold(0.0, f64::max);
        let seconds = self.desk.seconds();
        let steps = self.steps_here as f64;
        // Time left at the pace of this attempt, evaluations included: what is nearest to its limit ends the stage.
        let left = (self.steps_here > 0)
            .then(|| {
                let per_step = seconds / steps;
                budget
                    .iter()
                    .map(|q| {
                        if q.dim == Dim::Time {
                            q.amount - self.trained()
                        } else {
                            let each = self.spent(q) / self.p.at.step.max(1) as f64;
                            (q.amount - self.spent(q)) / each.max(1e-12) * per_step
                        }
                    })
                    .fold(f64::INFINITY, f64::min)
                    .max(0.0)
            })
            .filter(|l| l.is_finite());
        let stepping = self.stepping.as_secs_f64().max(1e-9);
        let near = || {
            let rule = self.node.until.as_ref()?;
            nearest(rule, &History::evals(counted(&self.p.history, self.fresh)))
        };
        let mut metrics = self.newest.clone();
        if self.samples_here > 0 {
            metrics.insert("throughput".into(), self.samples_here as f64 / stepping);
        }
        let beat = Beat {
            rate: steps / stepping,
            used,
            left,
            metrics,
            nearest: words.or_else(near),
        };
        self.desk.beat(beat)?;
        Ok(())
    }
}
