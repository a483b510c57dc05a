//! How does `qvpg` train?  Through the sampler ([`pathwise`](crate::exec::pathwise)), or by the score function of the chain
//! ([`reinforcing`](crate::exec::reinforcing)).

use align_runtime_api::{Input, Job, JobError, Trainer};

use super::Qvpg;
use crate::exec::pathwise;
use crate::exec::reinforcing::{self, Rule};

/// Share of ancestral noise, and least deviation of a step, of chains that are scored.
const EXPLORE: (f64, f64) = (1.0, 0.1);

/// Opens a stage.
///
/// Errors: data without a window, and a critic that does not fit the model.
pub fn open(job: &Job, loss: &Qvpg, source: &Input) -> Result<Box<dyn Trainer>, JobError> {
    let reference = loss.reference.as_ref().map(|r| r.need);
    if loss.form == "score" {
        let settings = reinforcing::Settings {
            rule: Rule::Score,
            kl: loss.kl,
            plans: loss.plans,
            eta: EXPLORE.0,
            floor: EXPLORE.1,
        };
        let inputs = (Some(loss.critic.need), reference);
        return reinforcing::offline(job, source, settings, inputs);
    }
    let settings = pathwise::Settings {
        truncate: 0,
        denoise: loss.denoise,
        kl: loss.kl,
        inputs: (loss.critic.need, reference),
    };
    pathwise::open(job, source, settings)
}
