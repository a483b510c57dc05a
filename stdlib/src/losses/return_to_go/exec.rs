//! How does `return_to_go` train a critic of states and actions, or one of plans?

use std::collections::BTreeMap;
use std::path::PathBuf;

use align_plan::Key;
use align_runtime_api::{
    Episodes, Evaluation, Files, Input, Job, JobError, Purpose, StepOut, Trainer, stream,
};
use burn::prelude::*;
use burn::tensor::TensorData;
use rand::RngExt as _;
use rand_distr::StandardNormal;

use super::ReturnToGo;
use crate::exec::backbone::Net;
use crate::exec::chain::Sampler;
use crate::exec::data::{Dataset, Part, TransitionBatch, Transitions, Windows};
use crate::exec::denoiser::numbers;
use crate::exec::env::Stream;
use crate::exec::facts::{Facts, input};
use crate::exec::judge::{network, noises, reward_scale};
use crate::exec::learner::{Learner, Update, number};
use crate::exec::rate::Progress;
use crate::exec::stage::{FIXED, HELD, joined, told};
use crate::exec::valuing::{Parts, Regression, Sets, facts, open as value};
use crate::losses::double_q::exec::squares;
use crate::nets::twin_q::exec::Critic;
use crate::nets::value::exec::PlanValue;

/// Opens a stage.
///
/// Errors: data without a step to learn from.
pub fn open(job: &Job, loss: &ReturnToGo, source: &Input) -> Result<Box<dyn Trainer>, JobError> {
    let (facts, data) = facts(job, source, loss.discount)?;
    let sets = |data: &Dataset| Sets {
        train: Transitions::to_go(data, Part::Train, loss.discount),
        valid: Transitions::to_go(data, Part::Valid, loss.discount),
    };
    let (net, arch) = network(&facts)?;
    let Net::Value(net) = net else {
        return value(job, (facts, data), Box::new(loss.clone()), &sets);
    };
    let train = Plans::new(&data, Part::Train, loss.discount, &facts);
    if train.windows.is_empty() {
        return Err(JobError::Data("0 plans to learn from".into()));
    }
    let mut held = Plans::new(&data, Part::Valid, loss.discount, &facts);
    if held.windows.is_empty() {
        held = Plans::new(&data, Part::Train, loss.discount, &facts);
    }
    let batch = (number(job, "batch", 32.0) as usize).max(1);
    let epoch = train.windows.len() as f64 / batch as f64;
    let learner = Learner::new(job, arch, input(job, "from"), epoch, false)?;
    Ok(Box::new(PlanTrainer {
        key: job.key.clone(),
        sampler: noises(&facts)?,
        net,
        facts,
        learner,
        batch,
        train,
        held,
    }))
}

impl Regression for ReturnToGo {
    fn discount(&self) -> f64 {
        self.discount
    }

    fn tau(&self) -> f64 {
        1.0
    }

    fn parts(
        &self,
        critic: &Critic,
        batch: &TransitionBatch,
        (online, _, _): (&[Tensor<2>], &[Tensor<2>], &[Tensor<2>]),
        device: &Device,
    ) -> Result<Parts, JobError> {
        let scale = reward_scale(self.discount) as f32;
        let scaled: Vec<f32> = batch.rewards.iter().map(|g| scale * g).collect();
        squares(critic, online, batch, (&scaled, &scaled), device)
    }
}

/// Plans of the data, with what followed.
struct Plans {
    windows: Windows,
    /// Scaled returns-to-go of their first steps.
    returns: Vec<f32>,
}

impl Plans {
    fn new(data: &Dataset, part: Part, discount: f64, facts: &Facts) -> Self {
        let to_go = data.rollouts.returns_to_go(discount);
        let scale = reward_scale(discount);
        let steps = data.ranges(part).into_iter().flatten();
        Self {
            windows: Windows::with(data, part, facts.meta.horizon, facts.meta.stride),
            returns: steps.map(|t| (scale * to_go[t]) as f32).collect(),
        }
    }
}

/// Plans at noise levels, with their returns.
pub struct Noisy {
    /// `[n, horizon, act + obs]`.
    pub plans: Tensor<3>,
    /// Step of each, 0 for a clean one.
    pub times: Vec<usize>,
    /// Scaled returns `[n, 1]`.
    pub returns: Tensor<2>,
}

/// The squared error of the values of plans.
pub fn error(net: &PlanValue, p: &[Tensor<2>], noisy: Noisy) -> Tensor<1> {
    let values = net.forward(p, noisy.plans, &noisy.times);
    (values - noisy.returns).square().mean()
}

/// A critic of plans in training.
struct PlanTrainer {
    key: Key,
    sampler: Option<Sampler>,
    net: Box<PlanValue>,
    facts: Facts,
    learner: Learner,
    batch: usize,
    train: Plans,
    held: Plans,
}

impl PlanTrainer {
    /// Noises the plans that begin at these steps.
    fn noisy(&self, from: &Plans, starts: &[usize], rng: &mut Stream, device: &Device) -> Noisy {
        let n = starts.len();
        let act = self.facts.meta.normaliser.act;
        let mut plans = from.windows.batch(starts);
        let mut times = vec![0; n];
        if let Some(sampler) = &self.sampler {
            let row = plans.len() / n.max(1);
            let given = act..from.windows.width();
            for (plan, t) in plans.chunks_exact_mut(row).zip(&mut times) {
                *t = rng.random_range(0..=sampler.chain.steps());
                let (signal, amount) = sampler.chain.forward(*t);
                for (i, x) in plan.iter_mut().enumerate() {
                    let eps: f64 = rng.sample(StandardNormal);
                    // The state that a plan starts from is never noisy when it is asked about.
                    if !given.contains(&i) {
                        *x = (signal * f64::from(*x) + amount * eps) as f32;
                    }
                }
            }
        }
        let returns = starts.iter().map(|s| from.returns[*s]).collect::<Vec<_>>();
        let shape = [n, from.windows.horizon(), from.windows.width()];
        Noisy {
            plans: Tensor::from_data(TensorData::new(plans, shape), device),
            times,
            returns: Tensor::from_data(TensorData::new(returns, [n, 1]), device),
        }
    }

    fn gradient(&mut self, step: u64) -> Result<StepOut, JobError> {
        let mut rng = stream(&self.key, Purpose::Batches, step);
        let starts = self.train.windows.draw(self.batch, &mut rng);
        let (tracked, device) = self.learner.tracked();
        let mut noise = stream(&self.key, Purpose::Noise, step);
        let noisy = self.noisy(&self.train, &starts, &mut noise, &device);
        let loss = error(&self.net, &tracked, noisy);
        let update = self.learner.descend(loss, &tracked)?;
        let unit = reward_scale(self.facts.discount).powi(2);
        let loss = update.loss / unit;
        Ok(told(Update { loss, ..update }, starts.len()))
    }
}

impl Trainer for PlanTrainer {
    fn step(&mut self, step: u64, _: bool) -> Result<StepOut, JobError> {
        self.learner.progress = Progress {
            steps: step,
            env_steps: 0,
        };
        let each = self.learner.accumulate() as u64;
        let outs = (0..each).map(|part| self.gradient(step * each + part));
        Ok(joined(outs.collect::<Result<_, _>>()?))
    }

    fn evaluate(&mut self, _: u64) -> Result<Evaluation, JobError> {
        let device = &self.learner.device;
        let params = self.learner.weights.tensors(device);
        let starts = self.held.windows.spread(HELD);
        let mut rng = stream(&self.key, Purpose::Evaluation, FIXED);
        let noisy = self.noisy(&self.held, &starts, &mut rng, device);
        let values = self.net.forward(&params, noisy.plans, &noisy.times);
        let mean = numbers(values.clone().mean())?;
        let loss = numbers((values - noisy.returns).square().mean())?;
        let scale = reward_scale(self.facts.discount);
        let first = |v: Vec<f32>| v.first().copied().map_or(f64::NAN, f64::from);
        let (loss, mean) = (first(loss) / scale.powi(2), first(mean) / scale);
        if !(loss + mean).is_finite() {
            return Err(JobError::NonFinite {
                what: "valid.loss".into(),
                step: self.learner.progress.steps,
            });
        }
        Ok(Evaluation {
            metrics: BTreeMap::from([
                ("valid.loss".to_owned(), loss),
                ("q".to_owned(), mean),
            ]),
            episodes: Episodes::default(),
        })
    }

    fn save(&self) -> Result<Files, JobError> {
        self.learner.save(&self.facts, &[])
    }

    fn load(&mut self, files: &BTreeMap<String, PathBuf>) -> Result<(), JobError> {
        self.learner.load(files, &[]).map(|_| ())
    }
}
