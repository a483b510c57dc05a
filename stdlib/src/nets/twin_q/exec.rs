//! How does `twin_q` compute?

use burn::prelude::*;
use burn::tensor::activation::relu;

use super::TwinQ;
use crate::exec::layers::{Linear, Params};
use crate::exec::weights::Arch;

/// The shape of a critic; weights are handed in.
#[derive(Clone, Debug)]
pub struct Critic {
    q1: Vec<Linear>,
    q2: Vec<Linear>,
    v: Vec<Linear>,
}

/// A perceptron to one number, named as an `nn.Sequential` of linear layers with an activation between.
fn tower(arch: &mut Arch, name: &str, inputs: usize, net: &TwinQ) -> Vec<Linear> {
    let mut inputs = inputs;
    let mut layers = Vec::new();
    for i in 0..=net.depth {
        let outputs = if i == net.depth { 1 } else { net.width };
        layers.push(Linear::new(
            arch,
            &format!("{name}.{}", 2 * i),
            inputs,
            outputs,
        ));
        inputs = outputs;
    }
    layers
}

fn run(layers: &[Linear], p: Params<'_>, x: Tensor<2>) -> Tensor<2> {
    let Some((last, hidden)) = layers.split_last() else {
        return x;
    };
    let x = hidden.iter().fold(x, |x, layer| relu(layer.forward(p, x)));
    last.forward(p, x)
}

impl Critic {
    /// Adds its parameters to a table.
    pub fn new(arch: &mut Arch, net: &TwinQ, observation: usize, action: usize) -> Self {
        Self {
            q1: tower(arch, "q1", observation + action, net),
            q2: tower(arch, "q2", observation + action, net),
            v: tower(arch, "v", observation, net),
        }
    }

    /// Both action values, each `[n, 1]`, of normalised observations and actions.
    pub fn q(&self, p: Params<'_>, observation: Tensor<2>, action: Tensor<2>) -> [Tensor<2>; 2] {
        let x = Tensor::cat(vec![observation, action], 1);
        [run(&self.q1, p, x.clone()), run(&self.q2, p, x)]
    }

    /// State values, `[n, 1]`, of normalised observations.
    pub fn v(&self, p: Params<'_>, observation: Tensor<2>) -> Tensor<2> {
        run(&self.v, p, observation)
    }
}
