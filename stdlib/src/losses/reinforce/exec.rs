//! How does `reinforce` train?  By [`reinforcing`](crate::exec::reinforcing) with the score function.

use align_runtime_api::{Input, Job, JobError, Trainer};

use super::Reinforce;
use crate::exec::reinforcing::{self, Rule, Settings, referred};

/// Opens a stage.
///
/// Errors: neither a task to act in nor a critic to ask, and data that does not fit the checkpoint.
pub fn open(job: &Job, loss: &Reinforce, source: &Input) -> Result<Box<dyn Trainer>, JobError> {
    let settings = Settings {
        rule: Rule::Score,
        kl: loss.kl,
        plans: loss.plans,
        eta: loss.eta,
        floor: loss.floor,
    };
    let critic = referred(job, loss.critic.as_ref(), "loss.critic");
    let reference = referred(job, loss.reference.as_ref(), "loss.reference");
    reinforcing::open(job, source, settings, (critic, reference))
}
