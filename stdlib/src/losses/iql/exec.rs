//! How does `iql` train a critic?

use align_runtime_api::{Input, Job, JobError, Trainer};
use burn::prelude::*;

use super::Iql;
use crate::exec::data::{Dataset, Part, TransitionBatch, Transitions};
use crate::exec::denoiser::numbers;
use crate::exec::valuing::{Parts, Regression, Sets, backups, facts, open as value, rows};
use crate::nets::twin_q::exec::Critic;

/// Opens a stage.
///
/// Errors: data without a transition, and a network that is no critic of states and actions.
pub fn open(job: &Job, loss: &Iql, source: &Input) -> Result<Box<dyn Trainer>, JobError> {
    let sets = |data: &Dataset| {
        let of = |part| Transitions::spanning(data, part, loss.backup, loss.discount);
        Sets {
            train: of(Part::Train),
            valid: of(Part::Valid),
        }
    };
    let read = facts(job, source, loss.discount)?;
    value(job, read, Box::new(loss.clone()), &sets)
}

impl Regression for Iql {
    fn discount(&self) -> f64 {
        self.discount
    }

    fn tau(&self) -> f64 {
        self.tau
    }

    fn parts(
        &self,
        critic: &Critic,
        batch: &TransitionBatch,
        weights: (&[Tensor<2>], &[Tensor<2>], &[Tensor<2>]),
        device: &Device,
    ) -> Result<Parts, JobError> {
        parts(critic, self, batch, weights, device)
    }
}

/// The losses of a batch, in the scaled units of the network ([`backups`]).  `online` may record gradients; `target` and `frozen` are plain tensors of the target's and of the present weights.
pub fn parts(
    critic: &Critic,
    loss: &Iql,
    batch: &TransitionBatch,
    (online, target, frozen): (&[Tensor<2>], &[Tensor<2>], &[Tensor<2>]),
    device: &Device,
) -> Result<Parts, JobError> {
    let n = batch.rewards.len();
    let plain = device.clone().inner();
    let rows = |values: &[f32], device: &Device| rows(values, n, device);
    // What is regressed on comes from plain tensors, as numbers: no gradient can leak through it.
    let [q1, q2] = critic.q(
        target,
        rows(&batch.observations, &plain),
        rows(&batch.actions, &plain),
    );
    let best = numbers(q1.min_pair(q2))?;
    let next = numbers(critic.v(frozen, rows(&batch.next, &plain)))?;
    let backup = backups(batch, loss.discount, &next);

    let states = rows(&batch.observations, device);
    let v = critic.v(online, states.clone());
    let gap = rows(&best, device) - v.clone();
    let below = gap.clone().detach().lower_elem(0.0).float();
    let weight = below
        .mul_scalar(1.0 - 2.0 * loss.expectile)
        .add_scalar(loss.expectile);
    let [q1, q2] = critic.q(online, states, rows(&batch.actions, device));
    let backup = rows(&backup, device);
    let q = (q1 - backup.clone()).square().mean() + (q2 - backup).square().mean();
    Ok(Parts {
        v: (weight * gap.square()).mean(),
        q,
        value: v.without_autodiff().mean(),
    })
}
