//! How does `value_alignment` train?  By [`candidates`](crate::exec::candidates) with the cross-entropy of odds.

use align_runtime_api::{Input, Job, JobError, Trainer};
use burn::prelude::*;
use burn::tensor::TensorData;
use burn::tensor::activation::log_softmax;

use super::ValueAlignment;
use crate::exec::candidates::{ListLoss, Settings, open as lists};

/// The odds of values.
struct Odds {
    temperature: f64,
}

/// Opens a stage.
///
/// Errors: data without a state, a critic that does not fit, and values that are all alike.
pub fn open(
    job: &Job,
    loss: &ValueAlignment,
    source: &Input,
) -> Result<Box<dyn Trainer>, JobError> {
    let settings = Settings {
        beta: loss.beta,
        candidates: loss.candidates,
        states: loss.states,
        inputs: (loss.critic.need, loss.reference.need),
    };
    let odds = Odds {
        temperature: loss.temperature,
    };
    lists(job, source, settings, Box::new(odds))
}

/// The mean cross-entropy between the odds of values and those of rewards, both `[lists, candidates]`.
pub fn loss(rewards: Tensor<2>, values: &[f64], temperature: f64) -> Tensor<1> {
    let [lists, k] = rewards.dims();
    let mut odds = Vec::with_capacity(lists * k);
    for group in values.chunks_exact(k) {
        let most = group.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let raw: Vec<f64> = group
            .iter()
            .map(|v| ((v - most) / temperature).exp())
            .collect();
        let sum: f64 = raw.iter().sum();
        odds.extend(raw.into_iter().map(|r| (r / sum) as f32));
    }
    let odds = Tensor::<2>::from_data(TensorData::new(odds, [lists, k]), &rewards.device());
    (odds * log_softmax(rewards, 1)).sum_dim(1).mean().neg()
}

impl ListLoss for Odds {
    fn loss(&self, rewards: Tensor<2>, values: &[f64]) -> Tensor<1> {
        loss(rewards, values, self.temperature)
    }

    fn shares_noise(&self) -> bool {
        false
    }
}
