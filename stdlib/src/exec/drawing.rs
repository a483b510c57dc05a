//! How does a trained diffusion model propose trajectories?  From a request in the environment's units to plans in those units.

use align_runtime_api::{Input, JobError};
use burn::prelude::*;

use crate::exec::data::Meta;
use crate::exec::denoiser::{Condition, Denoiser, Move, Path};
use crate::exec::env::Stream;
use crate::exec::facts::{EMA, Facts, State, read};
use crate::exec::guide::Guide;
use crate::exec::model::{Execution, Planner, Plans, Request};
use crate::exec::weights::Weights;

/// A diffusion model with the weights that act.
pub struct Drawing {
    /// The model.
    pub denoiser: Denoiser,
    /// Its facts.
    pub facts: Facts,
    params: Vec<Tensor<2>>,
    /// A critic that leads its samples.
    pub guide: Option<Guide>,
}

impl Drawing {
    /// A model in training, with weights as they are now.
    pub fn new(denoiser: &Denoiser, facts: &Facts, params: Vec<Tensor<2>>) -> Self {
        Self {
            denoiser: denoiser.clone(),
            facts: facts.clone(),
            params,
            guide: None,
        }
    }

    /// The model of a checkpoint, with the moving average of its weights.
    pub fn open(checkpoint: &Input, device: &Device) -> Result<Self, JobError> {
        let facts = State::load(&checkpoint.files)?.facts;
        let denoiser = Denoiser::new(&facts)?;
        let weights =
            Weights::from_bytes(denoiser.arch.clone(), &read(&checkpoint.files, EMA)?, EMA)?;
        Ok(Self::new(&denoiser, &facts, weights.tensors(device)))
    }

    /// What a request gives, normalised.
    pub fn condition(&self, observations: &[f32], goals: Option<&[f32]>) -> Condition {
        let mut first = observations.to_vec();
        self.facts.meta.normaliser.apply_obs(&mut first);
        let ends = goals.filter(|_| self.denoiser.ends).map(|g| {
            let mut g = g.to_vec();
            self.facts.meta.normaliser.apply_obs(&mut g);
            g
        });
        Condition {
            observations: first,
            ends,
            targets: None,
        }
    }

    /// Normalised samples from noise, by the model's own sampler.
    pub fn sample(&self, condition: &Condition, rngs: &mut [Stream]) -> Result<Vec<f32>, JobError> {
        let sampler = &self.denoiser.sampler;
        let x = self.denoiser.noise(sampler.temperature, rngs);
        let kernels = sampler.kernels(sampler.chain.steps(), None);
        let path = Path {
            kernels: &kernels,
            temperature: sampler.temperature,
            floor: 0.0,
            guide: self.guide.as_ref(),
        };
        self.denoiser
            .walk(&self.params, condition, x, path, rngs, None)
    }

    /// Takes normalised samples a share of the chain back into noise, and denoises them with this model.
    pub fn refine(
        &self,
        samples: &[f32],
        share: f64,
        condition: &Condition,
        rngs: &mut [Stream],
    ) -> Result<Vec<f32>, JobError> {
        let sampler = &self.denoiser.sampler;
        let total = sampler.chain.steps();
        let start = ((share * total as f64).round() as usize).clamp(1, total);
        let noise = self.denoiser.noise(sampler.temperature, rngs);
        let x = self
            .denoiser
            .noised(samples, &noise, &vec![start; rngs.len()], condition);
        let kernels = sampler.kernels(start, None);
        let path = Path {
            kernels: &kernels,
            temperature: sampler.temperature,
            floor: 0.0,
            guide: self.guide.as_ref(),
        };
        self.denoiser
            .walk(&self.params, condition, x, path, rngs, None)
    }

    /// Samples by implicit steps with this share of ancestral noise and at least `floor`, and every step of them.
    pub fn explore(
        &self,
        condition: &Condition,
        (eta, floor): (f64, f64),
        rngs: &mut [Stream],
    ) -> Result<(Vec<f32>, Vec<Move>), JobError> {
        let sampler = &self.denoiser.sampler;
        let x = self.denoiser.noise(1.0, rngs);
        let kernels = sampler.kernels(sampler.chain.steps(), Some(eta));
        let mut moves = Vec::new();
        let path = Path {
            kernels: &kernels,
            temperature: 1.0,
            floor,
            guide: None,
        };
        let out = self
            .denoiser
            .walk(&self.params, condition, x, path, rngs, Some(&mut moves))?;
        Ok((out, moves))
    }

    /// Normalised samples as plans in the environment's units.
    pub fn plans(&self, samples: Vec<f32>) -> Result<Plans, JobError> {
        let mut samples = self.denoiser.completed(&self.params, samples)?;
        let (d, normaliser) = (&self.denoiser, &self.facts.meta.normaliser);
        if d.plans() {
            normaliser.invert(&mut samples);
        } else {
            normaliser.invert_act(&mut samples);
        }
        let obs = if d.plans() { d.obs } else { 0 };
        Ok(Plans {
            horizon: d.horizon,
            act: d.act,
            obs,
            values: samples,
        })
    }
}

impl Planner for Drawing {
    fn plan(&mut self, request: Request<'_>) -> Result<Plans, JobError> {
        let condition = self.condition(request.observations, request.goals);
        let samples = self.sample(&condition, request.rngs)?;
        self.plans(samples)
    }

    fn execution(&self) -> Execution {
        self.facts.execution()
    }

    fn meta(&self) -> &Meta {
        &self.facts.meta
    }
}
