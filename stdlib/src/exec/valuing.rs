//! How is a critic of states and actions fitted?  What every loss of one shares: data, learner, target, checkpoints; the loss itself is a
//! [`Regression`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use align_plan::Key;
use align_runtime_api::{
    Episodes, Evaluation, Files, Input, Job, JobError, Purpose, StepOut, Trainer, stream,
};
use burn::prelude::*;
use burn::tensor::TensorData;

use crate::exec::backbone::Net;
use crate::exec::data::{Dataset, TransitionBatch, Transitions};
use crate::exec::denoiser::numbers;
use crate::exec::env::Stream;
use crate::exec::facts::{Facts, State, input};
use crate::exec::judge::{network, reward_scale};
use crate::exec::learner::{Learner, Update, number};
use crate::exec::rate::Progress;
use crate::exec::stage::{joined, told};
use crate::exec::weights::Weights;
use crate::nets::twin_q::exec::Critic;

/// Transitions of a validation loss.
const HELD: usize = 2048;

/// The parts of a loss, one number each, in the scaled units of the network ([`reward_scale`]).
pub struct Parts {
    /// The loss of the state value.
    pub v: Tensor<1>,
    /// The squared errors of both action values, added.
    pub q: Tensor<1>,
    /// The mean state value.
    pub value: Tensor<1>,
}

/// A loss of a critic.
pub trait Regression {
    /// Discount of one environment step.
    fn discount(&self) -> f64;
    /// Rate at which the target follows.
    fn tau(&self) -> f64;
    /// Adds what a batch holds beside its data, such as the actions of a policy.
    fn propose(&mut self, _: &mut TransitionBatch, _: &mut Stream) -> Result<(), JobError> {
        Ok(())
    }
    /// The losses of a batch.  Of the weights the first may record gradients; the others are plain: those of the target, and the present ones.
    fn parts(
        &self,
        critic: &Critic,
        batch: &TransitionBatch,
        weights: (&[Tensor<2>], &[Tensor<2>], &[Tensor<2>]),
        device: &Device,
    ) -> Result<Parts, JobError>;
}

/// Numbers as `count` rows.
pub fn rows(values: &[f32], count: usize, device: &Device) -> Tensor<2> {
    let shape = [count, values.len() / count.max(1)];
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

/// What action values are regressed on, `r + discount^k V(s')` in the scaled units of the network; `next` is the value of each next state.
pub fn backups(batch: &TransitionBatch, discount: f64, next: &[f32]) -> Vec<f32> {
    let scale = reward_scale(discount) as f32;
    (0..batch.rewards.len())
        .map(|i| scale * batch.rewards[i] + discount as f32 * batch.goes_on[i] * next[i])
        .collect()
}

/// Transitions to learn from and to measure on.
pub struct Sets {
    /// To learn from.
    pub train: Transitions,
    /// To measure on; may be empty.
    pub valid: Transitions,
}

/// A critic in training.
struct Valuing {
    key: Key,
    objective: Box<dyn Regression>,
    critic: Critic,
    facts: Facts,
    learner: Learner,
    target: Weights,
    batch: usize,
    train: Transitions,
    held: TransitionBatch,
}

/// Opens a stage.
///
/// Errors: data without a transition, and a network that is no critic of states and actions.
pub fn open(
    job: &Job,
    (facts, data): (Facts, Dataset),
    mut objective: Box<dyn Regression>,
    sets: &dyn Fn(&Dataset) -> Sets,
) -> Result<Box<dyn Trainer>, JobError> {
    let Sets { train, valid } = sets(&data);
    if train.is_empty() {
        return Err(JobError::Data("0 transitions to learn from".into()));
    }
    let mut held = if valid.is_empty() {
        train.batch(&train.spread(HELD))
    } else {
        valid.batch(&valid.spread(HELD))
    };
    let mut rng = stream(&job.key, Purpose::Evaluation, crate::exec::stage::FIXED);
    objective.propose(&mut held, &mut rng)?;
    let (Net::Critic(critic), arch) = network(&facts)? else {
        return Err(JobError::Failed(
            "a `value` network values plans; this loss fits `twin_q`".into(),
        ));
    };
    let from = input(job, "from");
    let batch = (number(job, "batch", 32.0) as usize).max(1);
    let learner = Learner::new(job, arch, from, train.len() as f64 / batch as f64, false)?;
    let target = learner.weights.clone();
    Ok(Box::new(Valuing {
        key: job.key.clone(),
        objective,
        critic,
        facts,
        learner,
        target,
        batch,
        train,
        held,
    }))
}

/// The facts of a critic's stage, and its data scaled as they say.
pub fn facts(job: &Job, source: &Input, discount: f64) -> Result<(Facts, Dataset), JobError> {
    let mut data = Dataset::load(&source.files)?;
    let model = job
        .node
        .value("model")
        .ok_or_else(|| JobError::Failed("the stage has no `model`".into()))?;
    let mut facts = match input(job, "from") {
        Some(from) => Facts {
            model: model.clone(),
            ..State::load(&from.files)?.facts
        },
        None => Facts::fresh(model, &data),
    };
    facts.discount = discount;
    data.meta.normaliser = facts.meta.normaliser.clone();
    Ok((facts, data))
}

impl Valuing {
    fn progress(&mut self, steps: u64) {
        self.learner.progress = Progress {
            steps,
            env_steps: 0,
        };
    }

    /// One gradient, from batch number `step`.
    fn gradient(&mut self, step: u64, want_metrics: bool) -> Result<StepOut, JobError> {
        let rows = self
            .train
            .draw(self.batch, &mut stream(&self.key, Purpose::Batches, step));
        let mut batch = self.train.batch(&rows);
        let mut rng = stream(&self.key, Purpose::Noise, step);
        self.objective.propose(&mut batch, &mut rng)?;
        let (target, frozen) = (
            self.learner.frozen(&self.target),
            self.learner.frozen(&self.learner.weights),
        );
        let (tracked, device) = self.learner.tracked();
        let weights = (&tracked[..], &target[..], &frozen[..]);
        let Parts { v, q, value } = self
            .objective
            .parts(&self.critic, &batch, weights, &device)?;
        let shown = [
            ("v.loss", v.clone().inner()),
            ("q.loss", q.clone().inner()),
            ("q", value),
        ];
        let update = self.learner.descend(v + q, &tracked)?;
        if !self.learner.waits() {
            self.target
                .follow(&self.learner.weights, 1.0 - self.objective.tau());
        }
        let unit = reward_scale(self.objective.discount());
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
}

impl Trainer for Valuing {
    fn step(&mut self, step: u64, want_metrics: bool) -> Result<StepOut, JobError> {
        self.progress(step);
        let each = self.learner.accumulate() as u64;
        let outs = (0..each).map(|part| self.gradient(step * each + part, want_metrics));
        Ok(joined(outs.collect::<Result<_, _>>()?))
    }

    fn evaluate(&mut self, _episodes: u64) -> Result<Evaluation, JobError> {
        let plain = self.learner.device.clone();
        let (target, online) = (
            self.target.tensors(&plain),
            self.learner.weights.tensors(&plain),
        );
        let weights = (&online[..], &target[..], &online[..]);
        let Parts { v, q, value } =
            self.objective
                .parts(&self.critic, &self.held, weights, &plain)?;
        let one =
            |t: Tensor<1>| Ok::<_, JobError>(numbers(t)?.first().copied().map_or(0.0, f64::from));
        let unit = reward_scale(self.objective.discount());
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
