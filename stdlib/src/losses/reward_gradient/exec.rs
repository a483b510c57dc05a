//! How does `reward_gradient` train?  By [`pathwise`](crate::exec::pathwise), through the last steps.

use align_runtime_api::{Input, Job, JobError, Trainer};

use super::RewardGradient;
use crate::exec::pathwise;

/// Opens a stage.
///
/// Errors: data without a window, and a critic that does not fit the model.
pub fn open(
    job: &Job,
    loss: &RewardGradient,
    source: &Input,
) -> Result<Box<dyn Trainer>, JobError> {
    let settings = pathwise::Settings {
        truncate: loss.truncate,
        denoise: loss.denoise,
        kl: loss.kl,
        inputs: (loss.critic.need, loss.reference.as_ref().map(|r| r.need)),
    };
    pathwise::open(job, source, settings)
}
