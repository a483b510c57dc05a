//! How does `ppo` train?  By [`reinforcing`](crate::exec::reinforcing) with clipped ratios.

use align_runtime_api::{Job, JobError};

use super::Ppo;
use crate::exec::data::Dataset;
use crate::exec::reinforcing::{self, Rule, Settings, referred};
use crate::exec::stage::DiffusionTrainer;

/// Opens a stage.
pub fn open(job: &Job, loss: &Ppo, data: &Dataset) -> Result<DiffusionTrainer, JobError> {
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
    reinforcing::open(job, data, settings, (critic, reference))
}
