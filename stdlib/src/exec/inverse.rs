//! How do plans of states get their actions, and how is that learned?
//!
//! Everything here is about models with `actions = inverse_dynamics(..)`; for others it does nothing.

use align_runtime_api::JobError;
use burn::prelude::*;
use burn::tensor::TensorData;

use crate::exec::denoiser::{Denoiser, numbers};
use crate::exec::layers::Params;

impl Denoiser {
    /// Samples `[n, horizon, width]` with an action at each point, `[n, horizon, act + obs]`: what the inverse model says lies between a state and
    /// the next; at the last point what lies before it.  Samples that hold actions are handed back.
    pub fn with_actions(&self, p: Params<'_>, x: Tensor<3>) -> Tensor<3> {
        let Some(inverse) = &self.inverse else {
            return x;
        };
        let [n, horizon, obs] = x.dims();
        if horizon < 2 {
            let still = Tensor::zeros([n, horizon, self.act], &x.device());
            return Tensor::cat(vec![still, x], 2);
        }
        let between = horizon - 1;
        let state = x.clone().narrow(1, 0, between).reshape([n * between, obs]);
        let next = x.clone().narrow(1, 1, between).reshape([n * between, obs]);
        let actions = inverse
            .forward(p, state, next)
            .reshape([n, between, self.act]);
        let last = actions.clone().narrow(1, between - 1, 1);
        Tensor::cat(vec![Tensor::cat(vec![actions, last], 1), x], 2)
    }

    /// The same as numbers, `[n, size]` to `[n, horizon, act + obs]`.
    pub fn completed(&self, p: Params<'_>, samples: Vec<f32>) -> Result<Vec<f32>, JobError> {
        let (Some(_), Some(device)) = (&self.inverse, p.first().map(Tensor::device)) else {
            return Ok(samples);
        };
        let mut out = Vec::with_capacity(samples.len() / self.obs * (self.act + self.obs));
        for part in samples.chunks(crate::exec::denoiser::CHUNK * self.size()) {
            let x = self.tensor(part.to_vec(), &device);
            out.extend(numbers(self.with_actions(p, x))?);
        }
        Ok(out)
    }

    /// The mean squared error of the inverse model on normalised windows `[n, horizon, act + obs]`; none without one.
    pub fn inverse_error(
        &self,
        p: Params<'_>,
        windows: &[f32],
        device: &Device,
    ) -> Option<Tensor<1>> {
        let inverse = self.inverse.as_ref()?;
        let point = self.act + self.obs;
        let n = windows.len() / (self.horizon * point);
        let between = self.horizon.checked_sub(1).filter(|b| *b > 0)?;
        let x = Tensor::<3>::from_data(
            TensorData::new(windows.to_vec(), [n, self.horizon, point]),
            device,
        );
        let part = |from: usize, at: usize, width: usize| {
            x.clone()
                .narrow(1, from, between)
                .narrow(2, at, width)
                .reshape([n * between, width])
        };
        let guess = inverse.forward(p, part(0, self.act, self.obs), part(1, self.act, self.obs));
        Some((guess - part(0, 0, self.act)).square().mean())
    }
}
