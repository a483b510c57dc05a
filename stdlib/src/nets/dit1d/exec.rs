//! How does `dit1d` compute?  Names are those of `DiT1d` in CleanDiffuser.

use std::sync::Arc;

use burn::prelude::*;
use burn::tensor::activation::silu;

use super::{Dit1d, TIME};
use crate::exec::backbone::{Backbone, Given, Net, Target};
use crate::exec::layers::{LayerNorm, Linear, Params, SelfAttention, gelu, mish, time_features};
use crate::exec::weights::{Arch, Init};
use crate::nets::Form;

/// The norms' share of the reference.
const EPS: f64 = 1e-6;

/// Attention and perceptron, both modulated.
#[derive(Clone, Debug)]
struct Block {
    attention: SelfAttention,
    mlp: [Linear; 2],
    modulation: Linear,
}

/// The shape of a transformer; weights are handed in.
#[derive(Clone, Debug)]
pub struct Dit {
    width: usize,
    into: Linear,
    embed: [Linear; 2],
    target: Option<Target>,
    blocks: Vec<Block>,
    last: Linear,
    out: Linear,
}

/// Adds its parameters to a table.
///
/// Errors: heads that do not divide the width.
pub fn build(arch: &mut Arch, net: &Dit1d, form: &Form) -> Result<Net, String> {
    Ok(Net::Backbone(Arc::new(Dit::new(arch, net, form)?)))
}

impl Dit {
    /// Adds its parameters to a table.
    ///
    /// Errors: heads that do not divide the width.
    pub fn new(arch: &mut Arch, net: &Dit1d, form: &Form) -> Result<Self, String> {
        if let Some((_, why)) = net.fault() {
            return Err(why);
        }
        let w = net.width;
        let zero = |arch: &mut Arch, name: &str, cols: usize| {
            Linear::started(arch, name, (w, cols), Init::Zeros)
        };
        let into = Linear::new(arch, "x_proj", form.point(), w);
        let embed = [
            Linear::new(arch, "map_emb.0", TIME, w),
            Linear::new(arch, "map_emb.2", w, w),
        ];
        let target = form.target.then(|| Target::new(arch, w));
        let blocks = (0..net.depth)
            .map(|i| {
                let at = |part: &str| format!("blocks.{i}.{part}");
                Block {
                    attention: SelfAttention::new(arch, &at("attn"), w, net.heads),
                    mlp: [
                        Linear::new(arch, &at("mlp.0"), w, 4 * w),
                        Linear::new(arch, &at("mlp.3"), 4 * w, w),
                    ],
                    modulation: zero(arch, &at("adaLN_modulation.1"), 6 * w),
                }
            })
            .collect();
        let last = zero(arch, "final_layer.adaLN_modulation.1", 2 * w);
        let out = zero(arch, "final_layer.linear", form.point());
        Ok(Self {
            width: w,
            into,
            embed,
            target,
            blocks,
            last,
            out,
        })
    }

    /// Sinusoidal places of the points, `[1, length, width]`.
    fn places(&self, length: usize, device: &Device) -> Tensor<3> {
        let points: Vec<usize> = (0..length).collect();
        time_features(&points, self.width, device).unsqueeze_dim(0)
    }
}

/// `x (1 + scale) + shift`, both `[n, 1, width]`.
fn modulate(x: Tensor<3>, shift: Tensor<3>, scale: Tensor<3>) -> Tensor<3> {
    x * scale.add_scalar(1.0) + shift
}

impl Backbone for Dit {
    fn forward(&self, p: Params<'_>, x: Tensor<3>, given: &Given, times: &[usize]) -> Tensor<3> {
        let [n, length, _] = x.dims();
        let device = x.device();
        let w = self.width;
        let [first, second] = &self.embed;
        let features = time_features(times, TIME, &device);
        let mut time = mish(second.forward(p, mish(first.forward(p, features))));
        if let Some(target) = &self.target {
            time = time + target.forward(p, given, n, &device);
        }
        let time = silu(time);
        let norm = LayerNorm::plain(EPS);
        let part = |all: &Tensor<2>, k: usize| all.clone().narrow(1, k * w, w).unsqueeze_dim(1);
        let mut x = self.into.along(p, x) + self.places(length, &device);
        for block in &self.blocks {
            let all = block.modulation.forward(p, time.clone());
            let inner = modulate(norm.forward(p, x.clone()), part(&all, 0), part(&all, 1));
            x = x + block.attention.forward(p, inner) * part(&all, 2);
            let inner = modulate(norm.forward(p, x.clone()), part(&all, 3), part(&all, 4));
            let [up, down] = &block.mlp;
            x = x + down.along(p, gelu(up.along(p, inner))) * part(&all, 5);
        }
        let all = self.last.forward(p, time);
        let x = modulate(norm.forward(p, x), part(&all, 0), part(&all, 1));
        self.out.along(p, x)
    }
}

