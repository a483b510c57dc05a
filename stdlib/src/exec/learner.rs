//! How does a stage learn?  Weights, their moving average, the optimiser, the rate, clipping, and all of that saved and loaded.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use align_runtime_api::device::{Precision, precision};
use align_runtime_api::{Files, Input, Job, JobError, Purpose, stream};
use align_schema::{Call, Value};
use burn::prelude::*;

use crate::exec::adapter::{ADAPTER, Adapter};
use crate::exec::denoiser::numbers;
use crate::exec::device;
use crate::exec::facts::{EMA, Facts, MODEL, OPTIM, STATE, State, read};
use crate::exec::imported;
use crate::exec::optim::{Optimiser, clip};
use crate::exec::rate::{Progress, Rate};
use crate::exec::weights::{Arch, Weights, gradients, read_flat, rounded, write_flat};

/// What one update did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Update {
    /// The loss before it.
    pub loss: f64,
    /// Global norm of the gradient before clipping.
    pub norm: f64,
    /// The rate that was used.
    pub lr: f64,
}

/// Everything that training changes.
pub struct Learner {
    /// Where tensors live (a plain device).
    pub device: Device,
    /// In which numbers training steps multiply matrices.
    precision: Precision,
    /// The weights.
    pub weights: Weights,
    /// Their moving average.
    pub ema: Weights,
    decay: f64,
    /// Whether the average forgets faster at first: a fresh model's first weights are worth nothing, those of a checkpoint are.
    ramp: bool,
    optim: Optimiser,
    clip: f64,
    rate: Rate,
    /// What is trained in place of the weights.
    adapter: Option<Adapter>,
    /// Gradients of one optimiser step.
    accumulate: usize,
    /// Sum of the gradients that wait for it, and how many there are.
    waiting: (Vec<f32>, usize),
    /// How far the stage is.
    pub progress: Progress,
}

/// Tensors to compute a loss from, and those whose gradients are taken.
pub struct Tracked {
    /// The weights, in the order of their table.
    params: Vec<Tensor<2>>,
    /// What is trained, where that is not the weights themselves.
    leaves: Option<Vec<Tensor<2>>>,
}

impl std::ops::Deref for Tracked {
    type Target = [Tensor<2>];
    fn deref(&self) -> &[Tensor<2>] {
        &self.params
    }
}

/// The device of a job.
pub fn device(job: &Job) -> Result<Device, JobError> {
    device::open(&job.device)
}

/// A number field of a stage.
pub fn number(job: &Job, name: &str, default: f64) -> f64 {
    job.node
        .value(name)
        .and_then(Value::number)
        .unwrap_or(default)
}

/// A call field of a stage.
pub fn call(job: &Job, name: &str) -> Result<Call, JobError> {
    match job.node.value(name) {
        Some(Value::Call(call)) => Ok(Call::clone(call)),
        // A bare name is a call without arguments.
        Some(Value::Name(name)) => Ok(Call {
            name: name.clone(),
            args: Vec::new(),
        }),
        Some(other) => Err(JobError::Failed(format!(
            "`{name}` is `{other}`, wanted a call"
        ))),
        None => Err(JobError::Failed(format!("the stage has no `{name}`"))),
    }
}

impl Learner {
    /// A fresh optimiser over fresh weights, over those of the model's file, or over those of the `from` checkpoint: its moving average, which is
    /// what was judged.
    ///
    /// `epoch` is the number of steps in one pass over the data; `averaged` is false for models without a moving average.
    pub fn new(
        job: &Job,
        arch: Arc<Arch>,
        from: Option<&Input>,
        epoch: f64,
        averaged: bool,
    ) -> Result<Self, JobError> {
        let device = device(job)?;
        let precision = precision(&job.node);
        device::makes(&device, precision)?;
        let total = arch.total();
        let weights = match from {
            Some(input) => {
                let name = if averaged { EMA } else { MODEL };
                Weights::from_bytes(arch, &read(&input.files, name)?, name)?
            }
            None => match imported::weights(&arch, &job.node)? {
                Some(weights) => weights,
                None => Weights::fresh(arch, &mut stream(&job.key, Purpose::Init, 0)),
            },
        };
        let adapter = match job.node.value("adapter") {
            Some(Value::Call(call)) if from.is_some() => {
                let mut rng = stream(&job.key, Purpose::Init, 0);
                Some(Adapter::fresh(call, &weights, &mut rng)?)
            }
            Some(_) => {
                return Err(JobError::Failed(
                    "`adapter` wants a checkpoint to start from".into(),
                ));
            }
            None => None,
        };
        let total = adapter.as_ref().map_or(total, |a| a.thin.arch.total());
        let optim = Optimiser::new(&call(job, "optim")?, total)?;
        let rate = Rate::new(&optim.schedule, &job.node, epoch)?;
        let ema = job
            .node
            .value("model")
            .and_then(|m| m.get("ema"))
            .and_then(Value::number);
        Ok(Self {
            device,
            precision,
            ema: weights.clone(),
            weights,
            decay: if averaged { ema.unwrap_or(0.995) } else { 0.0 },
            ramp: from.is_none(),
            optim,
            clip: number(job, "clip_norm", 1.0),
            rate,
            adapter,
            accumulate: (number(job, "accumulate", 1.0) as usize).max(1),
            waiting: (Vec::new(), 0),
            progress: Progress::default(),
        })
    }

    /// Turns the moving average off: it is always the weights themselves.
    pub fn unaveraged(&mut self) {
        self.decay = 0.0;
    }

    /// Tensors that record gradients, and the device for what goes with them.
    pub fn tracked(&self) -> (Tracked, Device) {
        let (params, leaves) = match &self.adapter {
            Some(adapter) => {
                let (params, leaves) = adapter.tracked(&self.device);
                (params, Some(leaves))
            }
            None => (self.weights.tracked(&self.device), None),
        };
        let tracked = match self.precision {
            Precision::F32 => Tracked { params, leaves },
            Precision::Bf16 => Tracked {
                leaves: Some(leaves.unwrap_or_else(|| params.clone())),
                params: rounded(&self.weights.arch, params, self.precision),
            },
        };
        (tracked, self.device.clone().autodiff())
    }

    /// Tensors of weights of the same table that record nothing, for what a training step compares or draws beside [`Self::tracked`]: in the
    /// same precision, or the two would differ where the weights do not.
    pub fn frozen(&self, weights: &Weights) -> Vec<Tensor<2>> {
        rounded(&weights.arch, weights.tensors(&self.device), self.precision)
    }

    /// How many numbers are trained.
    pub fn total(&self) -> usize {
        self.trained().arch.total()
    }

    /// The weights that are trained: the model's, or the adapters.
    fn trained(&self) -> &Weights {
        self.adapter.as_ref().map_or(&self.weights, |a| &a.thin)
    }

    /// Goes down the gradient of a loss that was computed from [`Self::tracked`].
    pub fn descend(&mut self, loss: Tensor<1>, tracked: &Tracked) -> Result<Update, JobError> {
        let (value, gradient) = self.gradient(loss, tracked)?;
        let update = self.apply(gradient)?;
        Ok(Update {
            loss: value,
            ..update
        })
    }

    /// Value and gradient of a loss.
    pub fn gradient(
        &self,
        loss: Tensor<1>,
        tracked: &Tracked,
    ) -> Result<(f64, Vec<f32>), JobError> {
        let shown = loss.clone().inner();
        let leaves = tracked.leaves.as_ref().unwrap_or(&tracked.params);
        let gradient = gradients(&self.trained().arch, leaves, loss.backward())?;
        let value = numbers(shown)?.first().copied().map_or(f64::NAN, f64::from);
        if !value.is_finite() {
            return Err(JobError::NonFinite {
                what: "loss".into(),
                step: self.progress.steps,
            });
        }
        Ok((value, gradient))
    }

    /// Gradients of one optimiser step.
    pub fn accumulate(&self) -> usize {
        self.accumulate
    }

    /// Whether gradients wait for others, so that the last one moved nothing.
    pub fn waits(&self) -> bool {
        self.waiting.1 > 0
    }

    /// Moves the weights along the gradients that wait, if there are any.
    pub fn settle(&mut self) -> Result<(), JobError> {
        let (sum, count) = std::mem::take(&mut self.waiting);
        if count > 0 {
            let share = (count as f32).recip();
            self.moved(sum.into_iter().map(|g| g * share).collect())?;
        }
        Ok(())
    }

    /// Moves the weights along a gradient, or along the mean of as many as are accumulated, once they are there.
    pub fn apply(&mut self, gradient: Vec<f32>) -> Result<Update, JobError> {
        if self.accumulate == 1 {
            return self.moved(gradient);
        }
        let norm = clip(&mut gradient.clone(), 0.0);
        let (sum, count) = &mut self.waiting;
        if sum.is_empty() {
            *sum = gradient;
        } else {
            sum.iter_mut().zip(&gradient).for_each(|(s, g)| *s += g);
        }
        *count += 1;
        if *count == self.accumulate {
            self.settle()?;
        }
        let lr = self.optim.lr * self.rate.at(self.progress);
        Ok(Update {
            loss: f64::NAN,
            norm,
            lr,
        })
    }

    /// Clips a gradient and moves the weights; one that is not finite is an error and moves nothing.
    fn moved(&mut self, mut gradient: Vec<f32>) -> Result<Update, JobError> {
        let norm = clip(&mut gradient, self.clip);
        if !norm.is_finite() {
            return Err(JobError::NonFinite {
                what: "gradient".into(),
                step: self.progress.steps,
            });
        }
        let lr = self.optim.lr * self.rate.at(self.progress);
        match &mut self.adapter {
            Some(adapter) => {
                self.optim.step(&mut adapter.thin.values, &gradient, lr);
                adapter.merge(&mut self.weights);
            }
            None => self.optim.step(&mut self.weights.values, &gradient, lr),
        }
        let made = self.optim.steps as f64;
        let decay = if self.ramp {
            self.decay.min(made / (9.0 + made))
        } else {
            self.decay
        };
        self.ema.follow(&self.weights, decay);
        Ok(Update {
            loss: f64::NAN,
            norm,
            lr,
        })
    }

    /// The files of a checkpoint; `more` are further arrays of the same table, kept beside the moments.
    pub fn save(&self, facts: &Facts, more: &[(&str, &[f32])]) -> Result<Files, JobError> {
        let mut moments = vec![("first.", &self.optim.first[..])];
        if !self.optim.second.is_empty() {
            moments.push(("second.", &self.optim.second));
        }
        let state = State::new(facts, self.optim.steps, self.progress);
        let mut files = Files::from([
            (MODEL.to_owned(), self.weights.to_bytes()?),
            (EMA.to_owned(), self.ema.to_bytes()?),
            (STATE.to_owned(), state.to_bytes()?),
        ]);
        if let Some(adapter) = &self.adapter {
            files.insert(ADAPTER.to_owned(), adapter.to_bytes(&moments)?);
            moments.clear();
        }
        moments.extend_from_slice(more);
        let optim = write_flat(&self.weights.arch, &moments)?;
        files.insert(OPTIM.to_owned(), optim);
        Ok(files)
    }

    /// Goes back to a checkpoint of this stage; the result is its state and the further arrays that were asked for.
    pub fn load(
        &mut self,
        files: &BTreeMap<String, PathBuf>,
        more: &[&str],
    ) -> Result<(State, Vec<Vec<f32>>), JobError> {
        let state = State::load(files)?;
        let arch = self.weights.arch.clone();
        let moments = read(files, OPTIM)?;
        let both = ["first.", "second."];
        let wanted = &both[..if self.optim.second.is_empty() { 1 } else { 2 }];
        let mut found = match &mut self.adapter {
            Some(adapter) => adapter.load(files, wanted)?,
            None => wanted
                .iter()
                .map(|prefix| read_flat(&arch, &moments, prefix, OPTIM))
                .collect::<Result<_, _>>()?,
        };
        let second = found.split_off(1).pop().unwrap_or_default();
        let first = found.pop().unwrap_or_default();
        let others = more
            .iter()
            .map(|prefix| read_flat(&arch, &moments, prefix, OPTIM))
            .collect::<Result<_, _>>()?;
        self.weights = Weights::from_bytes(arch.clone(), &read(files, MODEL)?, MODEL)?;
        self.ema = Weights::from_bytes(arch, &read(files, EMA)?, EMA)?;
        (self.optim.first, self.optim.second, self.optim.steps) = (first, second, state.updates);
        self.progress.env_steps = state.env_steps;
        Ok((state, others))
    }
}
