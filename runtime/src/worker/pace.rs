//! How much of the budget is used, how fast it goes, and how long it may still take.

use std::time::Duration;

use align_plan::Node;
use align_schema::{Dim, Quantity};

use super::train::Run;
use super::{Beat, Desk, Halt, event};
use crate::converge::{History, nearest};
use crate::epoch::samples;
use crate::extent::counted;

/// Wall time of what is done again and again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    first: Duration,
    others: Duration,
    pub(super) count: u64,
}

impl Clock {
    pub(super) fn add(&mut self, time: Duration) {
        if self.count == 0 {
            self.first = time;
        } else {
            self.others += time;
        }
        self.count += 1;
    }

    pub(super) fn all(&self) -> Duration {
        self.first + self.others
    }

    /// Seconds, and how many.  The first is left out where there are others: it also asks for memory and wakes threads, which the others find.
    pub(super) fn span(&self) -> (f64, u64) {
        if self.count > 1 {
            (self.others.as_secs_f64(), self.count - 1)
        } else {
            (self.first.as_secs_f64(), self.count)
        }
    }
}

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
        let steps = self.stepping.count as f64;
        // Time left at the pace of this attempt, evaluations included: what is nearest to its limit ends the stage.
        let left = (self.stepping.count > 0)
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
        let stepping = self.stepping.all().as_secs_f64().max(1e-9);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_is_left_out() {
        let mut clock = Clock::default();
        assert_eq!(clock.span(), (0.0, 0));
        clock.add(Duration::from_secs(9));
        assert_eq!(clock.span(), (9.0, 1));
        clock.add(Duration::from_secs(2));
        clock.add(Duration::from_secs(1));
        assert_eq!(clock.span(), (3.0, 2));
        assert_eq!((clock.all(), clock.count), (Duration::from_secs(12), 3));
    }
}
