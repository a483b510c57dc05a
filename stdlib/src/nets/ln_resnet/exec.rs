//! How does `ln_resnet` compute?

use std::f64::consts::TAU;
use std::sync::Arc;

use burn::prelude::*;
use burn::tensor::TensorData;

use super::{LnResnet, TIME};
use crate::exec::backbone::{Backbone, Given, Net, Target};
use crate::exec::layers::{LayerNorm, Linear, Params, mish};
use crate::exec::weights::{Arch, Init, Layout};
use crate::nets::Form;

/// Standard deviation of the frequencies at the start.
const FREQUENCIES: f64 = 0.2;

/// The shape of a residual policy; weights are handed in.
#[derive(Clone, Debug)]
pub struct ResidualNet {
    frequencies: usize,
    embed: [Linear; 2],
    target: Option<Target>,
    into: Linear,
    blocks: Vec<(LayerNorm, [Linear; 2])>,
    out: Linear,
}

/// Adds its parameters to a table.
///
/// Errors: none.
pub fn build(arch: &mut Arch, net: &LnResnet, form: &Form) -> Result<Net, String> {
    Ok(Net::Backbone(Arc::new(ResidualNet::new(arch, net, form))))
}

impl ResidualNet {
    /// Adds its parameters to a table.
    pub fn new(arch: &mut Arch, net: &LnResnet, form: &Form) -> Self {
        let [features, embed] = TIME;
        let (w, sample) = (net.width, form.horizon * form.act);
        let frequencies = arch.add(
            "fourier.weight".into(),
            1,
            features / 2,
            Layout::Linear,
            Init::Normal(FREQUENCIES),
        );
        let time = [
            Linear::new(arch, "cond.0", features, embed),
            Linear::new(arch, "cond.2", embed, embed),
        ];
        let target = form.target.then(|| Target::new(arch, features));
        let inputs = sample + form.obs + embed + if form.target { features } else { 0 };
        let into = Linear::new(arch, "input", inputs, w);
        let blocks = (0..net.blocks)
            .map(|i| {
                let at = |part: &str| format!("blocks.{i}.{part}");
                (
                    LayerNorm::new(arch, &at("norm"), w),
                    [
                        Linear::new(arch, &at("dense1"), w, 4 * w),
                        Linear::new(arch, &at("dense2"), 4 * w, w),
                    ],
                )
            })
            .collect();
        let out = Linear::new(arch, "output", w, sample);
        Self {
            frequencies,
            embed: time,
            target,
            into,
            blocks,
            out,
        }
    }
}

impl Backbone for ResidualNet {
    fn forward(&self, p: Params<'_>, x: Tensor<3>, given: &Given, times: &[usize]) -> Tensor<3> {
        let [n, horizon, width] = x.dims();
        let device = x.device();
        let steps: Vec<f32> = times.iter().map(|t| *t as f32).collect();
        let steps = Tensor::<2>::from_data(TensorData::new(steps, [n, 1]), &device);
        let angle = steps.matmul(p[self.frequencies].clone()).mul_scalar(TAU);
        let features = Tensor::cat(vec![angle.clone().cos(), angle.sin()], 1);
        let [first, second] = &self.embed;
        let time = second.forward(p, mish(first.forward(p, features)));
        let mut all = vec![
            x.reshape([n, horizon * width]),
            given.observation.clone(),
            time,
        ];
        if let Some(target) = &self.target {
            all.push(target.forward(p, given, n, &device));
        }
        let mut x = self.into.forward(p, Tensor::cat(all, 1));
        for (norm, [up, down]) in &self.blocks {
            let inner = norm.forward(p, x.clone().unsqueeze_dim::<3>(1)).squeeze_dim(1);
            x = x + down.forward(p, mish(up.forward(p, inner)));
        }
        self.out.forward(p, mish(x)).reshape([n, horizon, width])
    }
}
