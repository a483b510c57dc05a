//! How does `double_q` train a critic?

use align_runtime_api::{Input, Job, JobError, Trainer};
use burn::prelude::*;
use rand_chacha::rand_core::SeedableRng as _;

use super::DoubleQ;
use crate::exec::data::{Dataset, Normaliser, Part, TransitionBatch, Transitions};
use crate::exec::denoiser::numbers;
use crate::exec::drawing::Drawing;
use crate::exec::env::Stream;
use crate::exec::learner::device;
use crate::exec::model::{Planner as _, Request};
use crate::exec::valuing::{Parts, Regression, Sets, backups, facts, open as value, rows};
use crate::nets::twin_q::exec::Critic;

/// The loss with the policy whose actions count.
struct Backup {
    loss: DoubleQ,
    policy: Option<Drawing>,
    /// The critic's scaling.
    normaliser: Normaliser,
}

/// Opens a stage.
///
/// Errors: data without a transition, a network that is no critic of states and actions, a policy of other sizes than the data.
pub fn open(job: &Job, loss: &DoubleQ, source: &Input) -> Result<Box<dyn Trainer>, JobError> {
    let (facts, data) = facts(job, source, loss.discount)?;
    let policy = loss.policy.as_ref().and_then(|r| job.inputs.get(r.need));
    let policy = policy
        .map(|input| Drawing::open(input, &device(job)?))
        .transpose()?;
    let normaliser = facts.meta.normaliser.clone();
    if let Some(policy) = &policy {
        let found = (policy.denoiser.act, policy.denoiser.obs);
        if found != (normaliser.act, normaliser.obs) {
            return Err(JobError::Data(format!(
                "a policy of {} actions and {} observations, wanted {} and {} as in the data",
                found.0, found.1, normaliser.act, normaliser.obs
            )));
        }
    }
    let backup = Backup {
        loss: loss.clone(),
        policy,
        normaliser,
    };
    let sets = |data: &Dataset| Sets {
        train: Transitions::new(data, Part::Train),
        valid: Transitions::new(data, Part::Valid),
    };
    value(job, (facts, data), Box::new(backup), &sets)
}

impl Regression for Backup {
    fn discount(&self) -> f64 {
        self.loss.discount
    }

    fn tau(&self) -> f64 {
        self.loss.tau
    }

    fn propose(&mut self, batch: &mut TransitionBatch, rng: &mut Stream) -> Result<(), JobError> {
        let Some(policy) = &mut self.policy else {
            return Ok(());
        };
        let obs = self.normaliser.obs;
        let mut states = batch.next.clone();
        self.normaliser.invert_obs(&mut states);
        let states: Vec<f32> = states
            .chunks_exact(obs)
            .flat_map(|row| row.repeat(self.loss.max_backup))
            .collect();
        let rows = states.len() / obs;
        let goals = policy.meta().goal.as_ref().map(|g| g.repeat(rows));
        let mut rngs: Vec<Stream> = (0..rows).map(|_| Stream::from_rng(rng)).collect();
        let plans = policy.plan(Request {
            observations: &states,
            goals: goals.as_deref(),
            episodes: &(0..rows).collect::<Vec<_>>(),
            rngs: &mut rngs,
        })?;
        let first = plans.values.chunks_exact(plans.row().max(1));
        let mut actions: Vec<f32> = first.flat_map(|p| &p[..plans.act]).copied().collect();
        self.normaliser.apply_act(&mut actions);
        batch.next_actions = actions;
        Ok(())
    }

    fn parts(
        &self,
        critic: &Critic,
        batch: &TransitionBatch,
        weights: (&[Tensor<2>], &[Tensor<2>], &[Tensor<2>]),
        device: &Device,
    ) -> Result<Parts, JobError> {
        parts(critic, self.loss.discount, batch, weights, device)
    }
}

/// The losses of a batch, in the scaled units of the network ([`backups`]).
pub fn parts(
    critic: &Critic,
    discount: f64,
    batch: &TransitionBatch,
    (online, target, _): (&[Tensor<2>], &[Tensor<2>], &[Tensor<2>]),
    device: &Device,
) -> Result<Parts, JobError> {
    let n = batch.rewards.len();
    let plain = device.clone().inner();
    let width = batch.actions.len() / n.max(1);
    let each = batch.next_actions.len() / (n * width).max(1);
    let obs = batch.next.len() / n.max(1);
    let next: Vec<f32> = batch
        .next
        .chunks_exact(obs.max(1))
        .flat_map(|row| row.repeat(each))
        .collect();
    let [q1, q2] = critic.q(
        target,
        rows(&next, n * each, &plain),
        rows(&batch.next_actions, n * each, &plain),
    );
    let best = |q: Tensor<2>| q.reshape([n, each]).max_dim(1);
    let next = numbers(best(q1).min_pair(best(q2)))?;
    let backup = backups(batch, discount, &next);
    let [q1, q2] = critic.q(
        target,
        rows(&batch.observations, n, &plain),
        rows(&batch.actions, n, &plain),
    );
    let here = numbers(q1.min_pair(q2))?;
    squares(critic, online, batch, (&backup, &here), device)
}

/// Squared errors of both action values to the first numbers, and of the state value to the second.
pub fn squares(
    critic: &Critic,
    online: &[Tensor<2>],
    batch: &TransitionBatch,
    (backup, level): (&[f32], &[f32]),
    device: &Device,
) -> Result<Parts, JobError> {
    let n = backup.len();
    let rows = |values: &[f32]| rows(values, n, device);
    let states = rows(&batch.observations);
    let v = critic.v(online, states.clone());
    let [q1, q2] = critic.q(online, states, rows(&batch.actions));
    let backup = rows(backup);
    Ok(Parts {
        v: (v.clone() - rows(level)).square().mean(),
        q: (q1 - backup.clone()).square().mean() + (q2 - backup).square().mean(),
        value: v.without_autodiff().mean(),
    })
}
