//! How does `listwise_dpo` train?  By [`candidates`](crate::exec::candidates) with the likelihood of their order.

use align_runtime_api::{Input, Job, JobError, Trainer};
use burn::prelude::*;
use burn::tensor::activation::log_softmax;

use super::ListwiseDpo;
use crate::exec::candidates::{ListLoss, Settings, open as lists};

/// The likelihood of an order.
struct Order;

/// Opens a stage.
///
/// Errors: data without a state, a critic that does not fit, and values that are all alike.
pub fn open(job: &Job, loss: &ListwiseDpo, source: &Input) -> Result<Box<dyn Trainer>, JobError> {
    let settings = Settings {
        beta: loss.beta,
        candidates: loss.candidates,
        states: loss.states,
        inputs: (loss.critic.need, loss.reference.need),
    };
    lists(job, source, settings, Box::new(Order))
}

/// The mean negative log-likelihood of rewards `[lists, candidates]` being drawn in their order, over the number of choices.
pub fn loss(rewards: Tensor<2>) -> Tensor<1> {
    let [_, k] = rewards.dims();
    let choices = k.saturating_sub(1).max(1);
    let mut sum = Tensor::zeros([1], &rewards.device());
    for first in 0..choices.min(k) {
        let rest = rewards.clone().narrow(1, first, k - first);
        sum = sum - log_softmax(rest, 1).narrow(1, 0, 1).mean();
    }
    sum.div_scalar(choices as f64)
}

impl ListLoss for Order {
    fn loss(&self, rewards: Tensor<2>, _: &[f64]) -> Tensor<1> {
        loss(rewards)
    }

    fn shares_noise(&self) -> bool {
        true
    }
}
