//! How does `mlp` compute?  Names are those of the diffusion policy in Diffusion-QL.

use burn::prelude::*;

use super::{Mlp, TIME};
use crate::exec::layers::{Linear, Params, mish, time_features};
use crate::exec::weights::Arch;

/// The shape of a diffusion policy; weights are handed in.
#[derive(Clone, Debug)]
pub struct PolicyNet {
    embed: [Linear; 2],
    hidden: Vec<Linear>,
    out: Linear,
}

impl PolicyNet {
    /// Adds its parameters to a table: `sample` numbers are denoised given `observation` numbers.
    pub fn new(arch: &mut Arch, net: &Mlp, sample: usize, observation: usize) -> Self {
        let embed = [
            Linear::new(arch, "time_mlp.1", TIME, 2 * TIME),
            Linear::new(arch, "time_mlp.3", 2 * TIME, TIME),
        ];
        let mut inputs = sample + TIME + observation;
        let mut hidden = Vec::new();
        for i in 0..net.depth {
            hidden.push(Linear::new(
                arch,
                &format!("mid_layer.{}", 2 * i),
                inputs,
                net.width,
            ));
            inputs = net.width;
        }
        let out = Linear::new(arch, "final_layer", inputs, sample);
        Self { embed, hidden, out }
    }

    /// `x` is `[n, sample]`, `observation` `[n, observation]`, `times` one for each of `n`.
    pub fn forward(
        &self,
        p: Params<'_>,
        x: Tensor<2>,
        observation: Tensor<2>,
        times: &[usize],
    ) -> Tensor<2> {
        let [first, second] = &self.embed;
        let features = time_features(times, TIME, &x.device());
        let time = second.forward(p, mish(first.forward(p, features)));
        let mut x = Tensor::cat(vec![x, time, observation], 1);
        for layer in &self.hidden {
            x = mish(layer.forward(p, x));
        }
        self.out.forward(p, x)
    }
}
