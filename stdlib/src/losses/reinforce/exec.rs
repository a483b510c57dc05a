//! How does `reinforce` train?  By [`reinforcing`](crate::exec::reinforcing) with the score function.

use align_runtime_api::{Job, JobError};

use super::Reinforce;
use crate::exec::data::Dataset;
use crate::exec::reinforcing::{self, Rule, Settings, referred};
use crate::exec::stage::DiffusionTrainer;

/// Opens a stage.
pub fn open(job: &Job, loss: &Reinforce, data: &Dataset) -> Result<DiffusionTrainer, JobError> {
    let settings = Settings {
        rule: Rule::Score,
        kl: loss.kl,
        plans: loss.plans,
        eta: loss.eta,
        floor: loss.floor,
    };
    let critic = referred(job, loss.critic.as_ref(), "loss.critic");
    let reference = referred(job, loss.reference.as_ref(), "loss.reference");
    reinforcing::open(job, data, settings, (critic, reference))
}
