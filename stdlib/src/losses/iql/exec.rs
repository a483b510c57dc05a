//! How does `iql` train a critic?

use std::collections::BTreeMap;
use std::path::PathBuf;

use align_plan::Key;
use align_runtime_api::{
    Episodes, Evaluation, Files, Job, JobError, Purpose, StepOut, Trainer, stream,
};
use burn::prelude::*;
use burn::tensor::TensorData;

use super::Iql;
use crate::exec::data::{Dataset, Part, TransitionBatch, Transitions};
use crate::exec::denoiser::numbers;
use crate::exec::facts::{Facts, State, input};
use crate::exec::judge::{network, reward_scale};
use crate::exec::learner::{Learner, Update, number};
use crate::exec::rate::Progress;
use crate::exec::stage::told;
use crate::exec::weights::Weights;
use crate::nets::twin_q::exec::Critic;

/// Transitions of a validation loss.
const HELD: usize = 2048;

/// A critic in training.
struct CriticTrainer {
    key: Key,
    loss: Iql,
    critic: Critic,
    facts: Facts,
    learner: Learner,
    target: Weights,
    batch: usize,
    train: Transitions,
    held: TransitionBatch,
}

/// The parts of the loss, one number each.
pub struct Parts {
    /// The expectile loss of the state value.
    pub v: Tensor<1>,
    /// The squared errors of both action values, added.
    pub q: Tensor<1>,
    /// The mean state value.
    pub value: Tensor<1>,
}

/// Opens a stage.
pub fn open(job: &Job, loss: &Iql, data: &Dataset) -> Result<Box<dyn Trainer>, JobError> {
    let model = job
        .node
        .value("model")
        .ok_or_else(|| JobError::Failed("the stage has no `model`".into()))?;
    let from = input(job, "from");
    let mut facts = match from {
        Some(from) => Facts {
            model: model.clone(),
            ..State::load(&from.files)?.facts
        },
        None => Facts::fresh(model, data),
    };
    facts.discount = loss.discount;
    let mut data = data.clone();
    data.meta.normaliser = facts.meta.normaliser.clone();
    let train = Transitions::spanning(&data, Part::Train, loss.backup, loss.discount);
    if train.is_empty() {
        return Err(JobError::Data("0 transitions to learn from".into()));
    }
    let valid = Transitions::spanning(&data, Part::Valid, loss.backup, loss.discount);
    let held = if valid.is_empty() {
        train.batch(&train.spread(HELD))
    } else {
        valid.batch(&valid.spread(HELD))
    };
    let (critic, arch) = network(&facts)?;
    let batch = (number(job, "batch", 32.0) as usize).max(1);
    let learner = Learner::new(job, arch, from, train.len() as f64 / batch as f64, false)?;
    let target = learner.weights.clone();
    Ok(Box::new(CriticTrainer {
        key: job.key.clone(),
        loss: loss.clone(),
        critic,
        facts,
        learner,
        target,
        batch,
        train,
        held,
    }))
}

/// The losses of a batch, in the scaled units of the network ([`reward_scale`]).  `online` may record gradients; `target` and `frozen` are plain tensors of the target's and of the present weights.
pub fn parts(
    critic: &Critic,
    loss: &Iql,
    batch: &TransitionBatch,
    (online, target, frozen): (&[Tensor<2>], &[Tensor<2>], &[Tensor<2>]),
    device: &Device,
) -> Result<Parts, JobError> {
    let n = batch.rewards.len();
    let plain = device.clone().inner();
    let rows = |values: &[f32], device: &Device| {
        Tensor::<2>::from_data(
            TensorData::new(values.to_vec(), [n, values.len() / n.max(1)]),
            device,
        )
    };
    // What is regressed on comes from plain tensors, as numbers: no gradient can leak through it.
    let [q1, q2] = critic.q(
        target,
        rows(&batch.observations, &plain),
        rows(&batch.actions, &plain),
    );
    let best = numbers(q1.min_pair(q2))?;
    let next = numbers(critic.v(frozen, rows(&batch.next, &plain)))?;
    let scale = reward_scale(loss.discount) as f32;
    let backup: Vec<f32> = (0..n)
        .map(|i| scale * batch.rewards[i] + loss.discount as f32 * batch.goes_on[i] * next[i])
        .collect();

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

impl CriticTrainer {
    fn progress(&mut self, steps: u64) {
        self.learner.progress = Progress {
            steps,
            env_steps: 0,
        };
    }
}

impl Trainer for CriticTrainer {
    fn step(&mut self, step: u64, want_metrics: bool) -> Result<StepOut, JobError> {
        self.progress(step);
        let rows = self
            .train
            .draw(self.batch, &mut stream(&self.key, Purpose::Batches, step));
        let batch = self.train.batch(&rows);
        let plain = self.learner.device.clone();
        let (target, frozen) = (
            self.target.tensors(&plain),
            self.learner.weights.tensors(&plain),
        );
        let (tracked, device) = self.learner.tracked();
        let Parts { v, q, value } = parts(
            &self.critic,
            &self.loss,
            &batch,
            (&tracked, &target, &frozen),
            &device,
        )?;
        let shown = [
            ("v.loss", v.clone().inner()),
            ("q.loss", q.clone().inner()),
            ("q", value),
        ];
        let update = self.learner.descend(v + q, &tracked)?;
        self.target
            .follow(&self.learner.weights, 1.0 - self.loss.tau);
        let unit = reward_scale(self.loss.discount);
        let update = Update {
            loss: update.loss / (unit * unit),
            ..update
        };
        let mut out = told(update, rows.len());
        if want_metrics {
            for (name, tensor) in shown {
                let number = numbers(tensor)?.first().copied().map_or(0.0, f64::from);
                // In units of discounted return, errors in their square.
                let unit = if name == "q" { unit } else { unit * unit };
                out.metrics.push((name.into(), number / unit));
            }
        }
        Ok(out)
    }

    fn evaluate(&mut self, _episodes: u64) -> Result<Evaluation, JobError> {
        let plain = self.learner.device.clone();
        let (target, online) = (
            self.target.tensors(&plain),
            self.learner.weights.tensors(&plain),
        );
        let Parts { v, q, value } = parts(
            &self.critic,
            &self.loss,
            &self.held,
            (&online, &target, &online),
            &plain,
        )?;
        let one =
            |t: Tensor<1>| Ok::<_, JobError>(numbers(t)?.first().copied().map_or(0.0, f64::from));
        let unit = reward_scale(self.loss.discount);
        let (v, q, value) = (
            one(v)? / unit / unit,
            one(q)? / unit / unit,
            one(value)? / unit,
        );
        if !(v + q).is_finite() {
            return Err(JobError::NonFinite {
                what: "valid.loss".into(),
                step: self.learner.progress.steps,
            });
        }
        let metrics = BTreeMap::from([
            ("valid.loss".to_owned(), v + q),
            ("v.loss".to_owned(), v),
            ("q.loss".to_owned(), q),
            ("q".to_owned(), value),
        ]);
        Ok(Evaluation {
            metrics,
            episodes: Episodes::default(),
        })
    }

    fn save(&self) -> Result<Files, JobError> {
        self.learner
            .save(&self.facts, &[("target.", &self.target.values)])
    }

    fn load(&mut self, files: &BTreeMap<String, PathBuf>) -> Result<(), JobError> {
        let (_, mut others) = self.learner.load(files, &["target."])?;
        if let Some(values) = others.pop() {
            self.target.values = values;
        }
        Ok(())
    }
}
