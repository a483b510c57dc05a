//! How does `twin_q` compute?

use burn::prelude::*;

use super::TwinQ;
use crate::exec::backbone::Net;
use crate::exec::layers::{Linear, Params, relu_tower, tower};
use crate::exec::weights::Arch;
use crate::nets::Form;

/// The shape of a critic; weights are handed in.
#[derive(Clone, Debug)]
pub struct Critic {
    q1: Vec<Linear>,
    q2: Vec<Linear>,
    v: Vec<Linear>,
}

/// Adds its parameters to a table.
///
/// Errors: none.
pub fn build(arch: &mut Arch, net: &TwinQ, form: &Form) -> Result<Net, String> {
    Ok(Net::Critic(Critic::new(arch, net, form.obs, form.act)))
}

impl Critic {
    /// Adds its parameters to a table.
    pub fn new(arch: &mut Arch, net: &TwinQ, observation: usize, action: usize) -> Self {
        let hidden = vec![net.width; net.depth];
        Self {
            q1: tower(arch, "q1", observation + action, &hidden, 1),
            q2: tower(arch, "q2", observation + action, &hidden, 1),
            v: tower(arch, "v", observation, &hidden, 1),
        }
    }

    /// Both action values, each `[n, 1]`, of normalised observations and actions.
    pub fn q(&self, p: Params<'_>, observation: Tensor<2>, action: Tensor<2>) -> [Tensor<2>; 2] {
        let x = Tensor::cat(vec![observation, action], 1);
        [
            relu_tower(&self.q1, p, x.clone()),
            relu_tower(&self.q2, p, x),
        ]
    }

    /// State values, `[n, 1]`, of normalised observations.
    pub fn v(&self, p: Params<'_>, observation: Tensor<2>) -> Tensor<2> {
        relu_tower(&self.v, p, observation)
    }
}
