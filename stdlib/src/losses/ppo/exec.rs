//! How does `ppo` train?  By [`reinforcing`](crate::exec::reinforcing) with clipped ratios.

use align_runtime_api::{Input, Job, JobError, Trainer};

use super::Ppo;
use crate::exec::reinforcing::{self, Rule, Settings, referred};

/// Opens a stage.
///
/// Errors: neither a task to act in nor a critic to ask, and data that does not fit the checkpoint.
pub fn open(job: &Job, loss: &Ppo, source: &Input) -> Result<Box<dyn Trainer>, JobError> {
    let settings = Settings {
        rule: Rule::Clipped {
            clip: loss.clip,
            epochs: loss.epochs,
        },
        kl: loss.kl,
        plans: loss.plans,
        eta: loss.eta,
        floor: loss.floor,
    };
    let critic = referred(job, loss.critic.as_ref(), "loss.critic");
    let reference = referred(job, loss.reference.as_ref(), "loss.reference");
    reinforcing::open(job, source, settings, (critic, reference))
}
