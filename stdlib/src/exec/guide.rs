//! How does a critic's gradient lead a sample?  The definition with its formula is `classifier`.

use align_runtime_api::{Input, JobError};
use burn::prelude::*;
use burn::tensor::TensorData;

use crate::exec::data::Normaliser;
use crate::exec::denoiser::{CHUNK, Condition, Denoiser, numbers};
use crate::exec::judge::Judge;
use crate::exec::layers::Params;
use crate::guidance::Classifier;

/// A critic that leads.
pub struct Guide {
    judge: Judge,
    /// The scaling of the samples.
    normaliser: Normaliser,
    settings: Classifier,
}

impl std::fmt::Debug for Guide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Guide({:?})", self.settings)
    }
}

impl Guide {
    /// The critic of a checkpoint, for samples in this scaling.
    pub fn open(
        settings: Classifier,
        checkpoint: &Input,
        normaliser: &Normaliser,
        device: &Device,
    ) -> Result<Self, JobError> {
        Ok(Self {
            judge: Judge::open(checkpoint, device)?,
            normaliser: normaliser.clone(),
            settings,
        })
    }

    /// Whether it can judge what a model draws.
    pub fn suits(&self, d: &Denoiser, stride: usize) -> Result<(), JobError> {
        self.judge.suits(d, stride)
    }

    /// Moves noisy samples `[n, size]` at step `t` uphill, given numbers in place.
    pub fn lead(
        &self,
        d: &Denoiser,
        p: Params<'_>,
        condition: &Condition,
        x: &mut [f32],
        t: usize,
    ) -> Result<(), JobError> {
        if t <= self.settings.stop || self.settings.scale <= 0.0 {
            return Ok(());
        }
        let variance = d.sampler.chain.posterior(t).sigma.powi(2);
        let factor = (self.settings.scale * variance) as f32;
        for _ in 0..self.settings.steps {
            let gradient = self.gradient(d, p, condition, x, t)?;
            x.iter_mut()
                .zip(&gradient)
                .for_each(|(x, g)| *x += factor * g);
            d.impose(condition, x);
        }
        Ok(())
    }

    /// The gradient of the value, `[n, size]`: of the noisy plan itself where the critic learned noisy plans of this chain, else of the clean plan
    /// that the model predicts.
    pub fn gradient(
        &self,
        d: &Denoiser,
        p: Params<'_>,
        condition: &Condition,
        x: &[f32],
        t: usize,
    ) -> Result<Vec<f32>, JobError> {
        let noisy = self.judge.knows(&d.sampler);
        let (seen, step) = if noisy {
            (x.to_vec(), t)
        } else {
            (d.guess(p, condition, x, t)?, 0)
        };
        let device = self.judge.device().clone().autodiff();
        let mut out = Vec::with_capacity(x.len());
        for (i, part) in seen.chunks(CHUNK * d.size()).enumerate() {
            let n = part.len() / d.size();
            let given = condition.rows(i * CHUNK..i * CHUNK + n, d.obs);
            let data = TensorData::new(part.to_vec(), [n, d.horizon, d.width()]);
            let leaf = Tensor::<3>::from_data(data, &device).require_grad();
            let plans = d.with_actions(p, leaf.clone());
            let values = self
                .judge
                .appraise(&self.normaliser, plans, &given.observations, step)?;
            let mut gradients = values.sum().backward();
            match leaf.grad_remove(&mut gradients) {
                Some(gradient) => out.extend(numbers(gradient)?),
                None => out.extend(vec![0.0; part.len()]),
            }
        }
        Ok(out)
    }
}
