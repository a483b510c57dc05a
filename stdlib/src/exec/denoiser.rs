//! What does a diffusion model denoise, and what is given to it?  A planner's trajectories with states painted in, or a policy's chunks of actions
//! for an observation.  Must not know losses or environments.

use std::sync::Arc;

use align_runtime_api::JobError;
use align_schema::{ArgError, Call, Value};
use burn::prelude::*;
use burn::tensor::TensorData;

use crate::exec::backbone::{Backbone, Given, Net};
use crate::exec::chain::{Kernel, Predict, Sampler};
use crate::exec::data::Scheme;
use crate::exec::env::Stream;
use crate::exec::facts::Facts;
use crate::exec::guide::Guide;
use crate::exec::layers::Params;
use crate::exec::weights::Arch;
use crate::guidance::ClassifierFree;
use crate::nets::inverse_dynamics::exec::Inverse;
use crate::nets::{self, Form};
use align_schema::{Group, Role};
use rand::RngExt as _;
use rand_distr::StandardNormal;

/// Rows of one forward pass without gradients: more do not make it faster, and memory grows with it.
pub const CHUNK: usize = 64;

/// A diffusion model without its weights.
#[derive(Clone, Debug)]
pub struct Denoiser {
    net: Arc<dyn Backbone>,
    planner: bool,
    /// What tells the actions of a plan of states; none where plans hold both.
    pub inverse: Option<Inverse>,
    /// How it is led to good samples.
    pub guidance: Option<ClassifierFree>,
    /// Its table of weights.
    pub arch: Arc<Arch>,
    /// Points of a sample.
    pub horizon: usize,
    /// Numbers of an action.
    pub act: usize,
    /// Numbers of an observation.
    pub obs: usize,
    /// Whether samples are given their last observation too.
    pub ends: bool,
    /// The chain and how it is walked back.
    pub sampler: Sampler,
    /// What the output stands for.
    pub predict: Predict,
    /// Clean samples are clipped to plus and minus this.
    pub bound: Option<f64>,
}

/// What is given, normalised, one row a sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Condition {
    /// First observations, `[n, obs]`.
    pub observations: Vec<f32>,
    /// Last observations, `[n, obs]`.
    pub ends: Option<Vec<f32>>,
    /// Returns asked for, one a row, NaN where none is: what training says.  Without it a model with guidance is asked for its target.
    pub targets: Option<Vec<f32>>,
}

/// One recorded step back of many rows.
#[derive(Clone, Debug)]
pub struct Move {
    /// The step; its `sigma` is the one that was used.
    pub kernel: Kernel,
    /// Samples before, `[n, size]`.
    pub before: Vec<f32>,
    /// Samples after.
    pub after: Vec<f32>,
    /// Means that the noise was added to.
    pub mean: Vec<f32>,
}

/// A way back along the chain.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    /// Its steps, in order.
    pub kernels: &'a [Kernel],
    /// Factor on all noise.
    pub temperature: f64,
    /// Least standard deviation of a step.
    pub floor: f64,
    /// What moves samples uphill before each step.
    pub guide: Option<&'a Guide>,
}

/// Words of all bad arguments of a call.
pub fn bad_call(call: &Call) -> impl Fn(Vec<ArgError>) -> JobError + '_ {
    move |errors| {
        let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
        JobError::Failed(format!("`{}`: {}", call.name, text.join("; ")))
    }
}

/// The call under a key of a model's record.
pub fn call_of<'a>(model: &'a Value, key: &str) -> Result<&'a Call, JobError> {
    match model.get(key) {
        Some(Value::Call(call)) => Ok(call),
        Some(other) => Err(JobError::Failed(format!(
            "`{key}` of the model is `{other}`, wanted a call"
        ))),
        None => Err(JobError::Failed(format!("the model has no `{key}`"))),
    }
}

impl Denoiser {
    /// The model of a checkpoint's facts.
    pub fn new(facts: &Facts) -> Result<Self, JobError> {
        let net = call_of(&facts.model, "net")?;
        let sampler = Sampler::new(call_of(&facts.model, "sampler")?)?;
        let predict = match facts.model.get("predict") {
            Some(Value::Name(n)) if n == "sample" => Predict::Sample,
            Some(Value::Name(n)) if n == "velocity" => Predict::Velocity,
            _ => Predict::Noise,
        };
        let (act, obs, horizon) = (
            facts.meta.normaliser.act,
            facts.meta.normaliser.obs,
            facts.meta.horizon,
        );
        let planner = role(&net.name) == Role::Planner;
        let actions = facts
            .model
            .get("actions")
            .map(|_| call_of(&facts.model, "actions"));
        let actions = actions.transpose()?;
        let guidance = match facts.model.get("guidance") {
            Some(Value::Call(call)) if call.name == ClassifierFree::BUILTIN.name => {
                Some(ClassifierFree::read(call).map_err(bad_call(call))?)
            }
            _ => None,
        };
        let form = Form {
            obs,
            act,
            horizon,
            states: planner && actions.is_some(),
            target: guidance.is_some(),
        };
        let mut arch = Arch::default();
        let Net::Backbone(backbone) =
            nets::build(net, &mut arch, &form).map_err(JobError::Failed)?
        else {
            return Err(JobError::Failed(format!(
                "`{}` is no diffusion model, wanted a planner or a policy",
                net.name
            )));
        };
        let inverse = match actions.filter(|_| planner) {
            Some(call) => match nets::build(call, &mut arch, &form).map_err(JobError::Failed)? {
                Net::Inverse(inverse) => Some(inverse),
                _ => {
                    return Err(JobError::Failed(format!(
                        "`{}` tells no actions, wanted `inverse_dynamics`",
                        call.name
                    )));
                }
            },
            None => None,
        };
        // Limits and shares put the data into -1 .. 1; five deviations hold nearly all of what a Gaussian scaling gives.
        let bound = sampler.clip.then_some(match facts.meta.normaliser.scheme {
            Scheme::Limits | Scheme::Cdf => 1.0,
            Scheme::Gaussian => 5.0,
        });
        Ok(Self {
            net: backbone,
            planner,
            inverse,
            guidance,
            arch: Arc::new(arch),
            horizon,
            act,
            obs,
            ends: planner && facts.meta.goal.is_some(),
            sampler,
            predict,
            bound,
        })
    }

    /// Whether samples hold states.
    pub fn plans(&self) -> bool {
        self.planner
    }

    /// Numbers of an action in a point of a sample: 0 where plans hold states alone.
    pub fn lead(&self) -> usize {
        if self.inverse.is_some() { 0 } else { self.act }
    }

    /// Numbers of a point of a sample.
    pub fn width(&self) -> usize {
        if self.plans() {
            self.lead() + self.obs
        } else {
            self.act
        }
    }

    /// Numbers of a sample.
    pub fn size(&self) -> usize {
        self.horizon * self.width()
    }

    /// Splits normalised windows `[n, horizon, act + obs]` into samples `[n, size]` and what is given.
    pub fn split(&self, windows: &[f32]) -> (Vec<f32>, Condition) {
        let point = self.act + self.obs;
        let mut condition = Condition {
            observations: Vec::new(),
            ends: self.ends.then(Vec::new),
            targets: None,
        };
        let mut samples = Vec::with_capacity(windows.len());
        for window in windows.chunks_exact(self.horizon * point) {
            condition
                .observations
                .extend_from_slice(&window[self.act..point]);
            if let Some(ends) = &mut condition.ends {
                ends.extend_from_slice(&window[window.len() - self.obs..]);
            }
            if self.inverse.is_some() {
                samples.extend(window.chunks_exact(point).flat_map(|p| &p[self.act..]));
            } else if self.plans() {
                samples.extend_from_slice(window);
            } else {
                samples.extend(window.chunks_exact(point).flat_map(|p| &p[..self.act]));
            }
        }
        (samples, condition)
    }

    /// 1 for each number of a sample that is free, 0 for one that is given, `[size]`; and how many are free.
    pub fn free(&self, ends: bool) -> (Vec<f32>, usize) {
        let mut mask = vec![1.0; self.size()];
        if self.plans() {
            let width = self.width();
            mask[self.lead()..width].fill(0.0);
            if ends {
                let size = mask.len();
                mask[size - self.obs..].fill(0.0);
            }
        }
        let free = mask.iter().filter(|m| **m > 0.0).count();
        (mask, free)
    }

    /// Overwrites the given numbers of samples `[n, size]`.
    pub fn impose(&self, condition: &Condition, samples: &mut [f32]) {
        if !self.plans() {
            return;
        }
        let (act, width, size) = (self.lead(), self.width(), self.size());
        for (i, sample) in samples.chunks_exact_mut(size).enumerate() {
            let row = i * self.obs..(i + 1) * self.obs;
            sample[act..width].copy_from_slice(&condition.observations[row.clone()]);
            if let Some(ends) = &condition.ends {
                sample[size - self.obs..].copy_from_slice(&ends[row]);
            }
        }
    }

    /// The network's output for noisy samples `[n, horizon, width]`; of a model with guidance and no returns in the condition, what the
    /// guidance makes of its two outputs.
    pub fn output(
        &self,
        p: Params<'_>,
        x: Tensor<3>,
        condition: &Condition,
        times: &[usize],
    ) -> Tensor<3> {
        let [n, _, _] = x.dims();
        let device = x.device();
        let observation = TensorData::new(condition.observations.clone(), [n, self.obs]);
        let observation = Tensor::from_data(observation, &device);
        let asked = |targets: &[f32], x: Tensor<3>| {
            let column = |of: &dyn Fn(f32) -> f32| {
                let data: Vec<f32> = targets.iter().map(|t| of(*t)).collect();
                Tensor::from_data(TensorData::new(data, [n, 1]), &device)
            };
            let given = Given {
                observation: observation.clone(),
                target: Some([
                    column(&|t| if t.is_nan() { 0.0 } else { t }),
                    column(&|t| f32::from(u8::from(!t.is_nan()))),
                ]),
            };
            self.net.forward(p, x, &given, times)
        };
        match (&self.guidance, &condition.targets) {
            (Some(_), Some(targets)) => asked(targets, x),
            (Some(guidance), None) => {
                let plain = asked(&vec![f32::NAN; n], x.clone());
                let led = asked(&vec![guidance.target as f32; n], x);
                plain.clone() + (led - plain).mul_scalar(guidance.weight)
            }
            (None, _) => {
                let given = Given {
                    observation: observation.clone(),
                    target: None,
                };
                self.net.forward(p, x, &given, times)
            }
        }
    }

    /// A tensor `[n, horizon, width]` of samples.
    pub fn tensor(&self, samples: Vec<f32>, device: &Device) -> Tensor<3> {
        let n = samples.len() / self.size();
        Tensor::from_data(
            TensorData::new(samples, [n, self.horizon, self.width()]),
            device,
        )
    }

    /// Noisy samples at each row's step, given numbers in place.
    pub fn noised(
        &self,
        samples: &[f32],
        noise: &[f32],
        times: &[usize],
        condition: &Condition,
    ) -> Vec<f32> {
        let mut x = Vec::with_capacity(samples.len());
        let size = self.size();
        for ((row, eps), t) in samples
            .chunks_exact(size)
            .zip(noise.chunks_exact(size))
            .zip(times)
        {
            let (signal, amount) = self.sampler.chain.forward(*t);
            x.extend(
                row.iter()
                    .zip(eps)
                    .map(|(s, e)| (signal * f64::from(*s) + amount * f64::from(*e)) as f32),
            );
        }
        self.impose(condition, &mut x);
        x
    }

    /// What the output should be.
    pub fn target(&self, samples: &[f32], noise: &[f32], times: &[usize]) -> Vec<f32> {
        let mut out = Vec::with_capacity(samples.len());
        let size = self.size();
        for ((row, eps), t) in samples
            .chunks_exact(size)
            .zip(noise.chunks_exact(size))
            .zip(times)
        {
            let (of_sample, of_noise) = self.sampler.chain.target(*t, self.predict);
            out.extend(
                row.iter()
                    .zip(eps)
                    .map(|(s, e)| (of_sample * f64::from(*s) + of_noise * f64::from(*e)) as f32),
            );
        }
        out
    }

    /// The clean samples that outputs at a step stand for, as numbers.
    pub fn cleaned(&self, t: usize, x: &[f32], output: &[f32]) -> Vec<f64> {
        let (a, b) = self.sampler.chain.clean(t, self.predict);
        let bound = self.bound.unwrap_or(f64::INFINITY);
        let clean =
            |(x, o): (&f32, &f32)| (a * f64::from(*x) + b * f64::from(*o)).clamp(-bound, bound);
        x.iter().zip(output).map(clean).collect()
    }

    /// The clean samples that the model predicts of noisy ones, given numbers in place.
    pub fn guess(
        &self,
        p: Params<'_>,
        condition: &Condition,
        x: &[f32],
        t: usize,
    ) -> Result<Vec<f32>, JobError> {
        let output = self.outputs(p, condition, x, t)?;
        let clean = self.cleaned(t, x, &output);
        let mut clean: Vec<f32> = clean.into_iter().map(|c| c as f32).collect();
        self.impose(condition, &mut clean);
        Ok(clean)
    }

    /// Walks samples `[n, size]` back along a path; one random stream a row, so that a sample does not depend on its neighbours.
    ///
    /// Weights are plain tensors: nothing here records gradients.
    pub fn walk(
        &self,
        p: Params<'_>,
        condition: &Condition,
        mut x: Vec<f32>,
        path: Path<'_>,
        rngs: &mut [Stream],
        mut record: Option<&mut Vec<Move>>,
    ) -> Result<Vec<f32>, JobError> {
        self.impose(condition, &mut x);
        let (mask, _) = self.free(condition.ends.is_some());
        let mut previous: Option<Vec<f64>> = None;
        for kernel in path.kernels {
            if let Some(guide) = path.guide {
                guide.lead(self, p, condition, &mut x, kernel.from)?;
            }
            let output = self.outputs(p, condition, &x, kernel.from)?;
            let clean = self.cleaned(kernel.from, &x, &output);
            let last = previous.as_ref().unwrap_or(&clean);
            let step = |((x, clean), last): ((&f32, &f64), &f64)| {
                let seen = kernel.of_sample * clean + kernel.of_previous * last;
                (seen + kernel.of_noisy * f64::from(*x)) as f32
            };
            let mean: Vec<f32> = x.iter().zip(&clean).zip(last).map(step).collect();
            previous = Some(clean);
            let sigma = (kernel.sigma * path.temperature).max(path.floor);
            let mut after = mean.clone();
            if sigma > 0.0 {
                for (row, rng) in after.chunks_exact_mut(self.size()).zip(rngs.iter_mut()) {
                    for (y, free) in row.iter_mut().zip(&mask) {
                        let z: f64 = rng.sample(StandardNormal);
                        *y += (sigma * z) as f32 * free;
                    }
                }
            }
            self.impose(condition, &mut after);
            if !after.iter().all(|v| v.is_finite()) {
                return Err(JobError::NonFinite {
                    what: "sample".into(),
                    step: kernel.from as u64,
                });
            }
            if let Some(record) = &mut record {
                let kernel = Kernel { sigma, ..*kernel };
                record.push(Move {
                    kernel,
                    before: x,
                    after: after.clone(),
                    mean,
                });
            }
            x = after;
        }
        Ok(x)
    }

    /// Outputs for all rows at one step, a chunk at a time.
    pub fn outputs(
        &self,
        p: Params<'_>,
        condition: &Condition,
        x: &[f32],
        t: usize,
    ) -> Result<Vec<f32>, JobError> {
        let Some(device) = p.first().map(Tensor::device) else {
            return Ok(Vec::new());
        };
        let mut out = Vec::with_capacity(x.len());
        for (i, part) in x.chunks(CHUNK * self.size()).enumerate() {
            let n = part.len() / self.size();
            let given = condition.rows(i * CHUNK..i * CHUNK + n, self.obs);
            let y = self.output(p, self.tensor(part.to_vec(), &device), &given, &vec![t; n]);
            out.extend_from_slice(&numbers(y)?);
        }
        Ok(out)
    }

    /// Fresh noise `[n, size]`, one stream a row.
    pub fn noise(&self, temperature: f64, rngs: &mut [Stream]) -> Vec<f32> {
        let mut x = Vec::with_capacity(rngs.len() * self.size());
        for rng in rngs {
            x.extend(
                (0..self.size())
                    .map(|_| (temperature * rng.sample::<f64, _>(StandardNormal)) as f32),
            );
        }
        x
    }
}

impl Condition {
    /// Some rows of it.
    #[must_use]
    pub fn rows(&self, rows: std::ops::Range<usize>, obs: usize) -> Self {
        let range = rows.start * obs..rows.end * obs;
        Self {
            observations: self.observations[range.clone()].to_vec(),
            ends: self.ends.as_ref().map(|e| e[range].to_vec()),
            targets: self.targets.as_ref().map(|t| t[rows].to_vec()),
        }
    }

    /// Rows by index.
    #[must_use]
    pub fn pick(&self, rows: &[usize], obs: usize) -> Self {
        let take = |from: &[f32]| {
            rows.iter()
                .flat_map(|r| &from[r * obs..(r + 1) * obs])
                .copied()
                .collect()
        };
        Self {
            observations: take(&self.observations),
            ends: self.ends.as_deref().map(take),
            targets: self
                .targets
                .as_ref()
                .map(|t| rows.iter().map(|r| t[*r]).collect()),
        }
    }
}

/// The numbers of a tensor.
pub fn numbers<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, JobError> {
    tensor
        .into_data()
        .try_into_vec::<f32>()
        .map_err(|e| JobError::Failed(format!("a tensor is not of f32: {e:?}")))
}

/// What a network of this name is for.
pub fn role(net: &str) -> Role {
    crate::builtin(Group::Net, net).map_or(Role::None, |b| b.role)
}
