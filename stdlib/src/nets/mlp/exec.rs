//! How does `mlp` compute?  Names are those of the diffusion policy in Diffusion-QL.

use std::sync::Arc;

use burn::prelude::*;

use super::{Mlp, TIME};
use crate::exec::backbone::{Backbone, Given, Net, Target};
use crate::exec::layers::{Linear, Params, mish, time_features};
use crate::exec::weights::Arch;
use crate::nets::Form;

/// The shape of a diffusion policy; weights are handed in.
#[derive(Clone, Debug)]
pub struct PolicyNet {
    embed: [Linear; 2],
    target: Option<Target>,
    hidden: Vec<Linear>,
    out: Linear,
}

/// Adds its parameters to a table.
///
/// Errors: none.
pub fn build(arch: &mut Arch, net: &Mlp, form: &Form) -> Result<Net, String> {
    Ok(Net::Backbone(Arc::new(PolicyNet::new(arch, net, form))))
}

impl PolicyNet {
    /// Adds its parameters to a table.
    pub fn new(arch: &mut Arch, net: &Mlp, form: &Form) -> Self {
        let sample = form.horizon * form.act;
        let embed = [
            Linear::new(arch, "time_mlp.1", TIME, 2 * TIME),
            Linear::new(arch, "time_mlp.3", 2 * TIME, TIME),
        ];
        let target = form.target.then(|| Target::new(arch, TIME));
        let mut inputs = sample + TIME + form.obs + if form.target { TIME } else { 0 };
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
        Self {
            embed,
            target,
            hidden,
            out,
        }
    }
}

impl Backbone for PolicyNet {
    fn forward(&self, p: Params<'_>, x: Tensor<3>, given: &Given, times: &[usize]) -> Tensor<3> {
        let [n, horizon, width] = x.dims();
        let x = x.reshape([n, horizon * width]);
        let [first, second] = &self.embed;
        let features = time_features(times, TIME, &x.device());
        let time = second.forward(p, mish(first.forward(p, features)));
        let device = x.device();
        let mut all = vec![x, time, given.observation.clone()];
        if let Some(target) = &self.target {
            all.push(target.forward(p, given, n, &device));
        }
        let mut x = Tensor::cat(all, 1);
        for layer in &self.hidden {
            x = mish(layer.forward(p, x));
        }
        self.out.forward(p, x).reshape([n, horizon, width])
    }
}
