//! What is a network to the models that use it?  A denoiser of samples, a critic, a value of plans, or an inverse model.
//!
//! The networks are in `nets`; must not know losses, data or samplers.

use std::sync::Arc;

use burn::prelude::*;

use crate::exec::layers::{Linear, Params, mish};
use crate::exec::weights::Arch;
use crate::nets::inverse_dynamics::exec::Inverse;
use crate::nets::twin_q::exec::Critic;
use crate::nets::value::exec::PlanValue;

/// A network by what it is for.
pub enum Net {
    /// Denoises samples: a planner or a policy.
    Backbone(Arc<dyn Backbone>),
    /// Values states and actions.
    Critic(Critic),
    /// Values plans.
    Value(Box<PlanValue>),
    /// Tells the action between two states.
    Inverse(Inverse),
}

/// What a denoising network is told beside the noisy sample and its step.
#[derive(Clone, Debug)]
pub struct Given {
    /// Normalised observations `[n, obs]`.
    pub observation: Tensor<2>,
    /// For models with a target: the returns asked for, and 1 where one is asked for, 0 where none is, each `[n, 1]`.
    pub target: Option<[Tensor<2>; 2]>,
}

/// A denoising network without its weights.
pub trait Backbone: std::fmt::Debug + Send + Sync {
    /// The output for noisy samples `[n, horizon, width]`; `times` has one step for each of `n`.
    fn forward(&self, p: Params<'_>, x: Tensor<3>, given: &Given, times: &[usize]) -> Tensor<3>;
}

/// A perceptron over the return that is asked for; rows in which none is asked for give zeros.
#[derive(Clone, Copy, Debug)]
pub struct Target([Linear; 3]);

impl Target {
    /// From one number to `width`, named as in Decision Diffuser.
    pub fn new(arch: &mut Arch, width: usize) -> Self {
        Self([
            Linear::new(arch, "returns_mlp.0", 1, width),
            Linear::new(arch, "returns_mlp.2", width, 4 * width),
            Linear::new(arch, "returns_mlp.4", 4 * width, width),
        ])
    }

    /// `[n, width]`.
    pub fn forward(&self, p: Params<'_>, given: &Given, n: usize, device: &Device) -> Tensor<2> {
        let [a, b, c] = &self.0;
        let [value, asked] = given
            .target
            .clone()
            .unwrap_or_else(|| [Tensor::zeros([n, 1], device), Tensor::zeros([n, 1], device)]);
        let x = mish(a.forward(p, value));
        c.forward(p, mish(b.forward(p, x))) * asked
    }
}
