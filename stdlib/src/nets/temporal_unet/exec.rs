//! How does `temporal_unet` compute?  Names and layouts are those of `TemporalUnet` in jannerm/diffuser , and of Decision Diffuser's where a return is asked for.

use std::sync::Arc;

use burn::prelude::*;

use super::{GROUPS, KERNEL, TemporalUnet};
use crate::exec::backbone::{Backbone, Given, Net, Target};
use crate::exec::layers::{
    Conv, GroupNorm, Linear, LinearAttention, Params, Up, mish, time_features,
};
use crate::exec::weights::Arch;
use crate::nets::Form;

/// Convolution, group norm, mish.
#[derive(Clone, Debug)]
struct Block {
    conv: Conv,
    norm: GroupNorm,
}

impl Block {
    fn new(arch: &mut Arch, name: &str, inputs: usize, outputs: usize) -> Self {
        Self {
            conv: Conv::new(arch, &format!("{name}.block.0"), inputs, outputs, KERNEL),
            norm: GroupNorm::new(arch, &format!("{name}.block.2"), GROUPS, outputs),
        }
    }

    /// `[n, length, inputs]` to `[n, length, outputs]`; `add`, `[n, outputs]`, is added at every point.
    fn forward(&self, p: Params<'_>, x: Tensor<3>, add: Option<Tensor<2>>) -> Tensor<3> {
        self.norm.activated(p, self.conv.forward(p, x), add)
    }
}

/// Two blocks with the time added between, beside a straight path.
#[derive(Clone, Debug)]
pub(crate) struct Residual {
    first: Block,
    second: Block,
    time: Linear,
    straight: Option<Conv>,
}

impl Residual {
    pub(crate) fn new(arch: &mut Arch, name: &str, inputs: usize, outputs: usize, time: usize) -> Self {
        Self {
            first: Block::new(arch, &format!("{name}.blocks.0"), inputs, outputs),
            second: Block::new(arch, &format!("{name}.blocks.1"), outputs, outputs),
            time: Linear::new(arch, &format!("{name}.time_mlp.1"), time, outputs),
            straight: (inputs != outputs)
                .then(|| Conv::new(arch, &format!("{name}.residual_conv"), inputs, outputs, 1)),
        }
    }

    /// `time` is the embedding after its mish, which every block shares.
    pub(crate) fn forward(&self, p: Params<'_>, x: Tensor<3>, time: &Tensor<2>) -> Tensor<3> {
        let shift = self.time.forward(p, time.clone());
        let first = self.first.forward(p, x.clone(), Some(shift));
        let inner = self.second.forward(p, first, None);
        match &self.straight {
            Some(conv) => inner + conv.forward(p, x),
            None => inner + x,
        }
    }
}

/// One level: two blocks, attention where it is asked for, and what changes the length.
type Level<T> = (Residual, Residual, Option<LinearAttention>, T);

/// The shape of a U-Net; weights are handed in.
#[derive(Clone, Debug)]
pub struct Unet {
    width: usize,
    embed: [Linear; 2],
    target: Option<Target>,
    down: Vec<Level<Option<Conv>>>,
    middle: (Residual, Option<LinearAttention>, Residual),
    up: Vec<Level<Up>>,
    last: Block,
    out: Conv,
}

/// Adds its parameters to a table.
///
/// Errors: a width that is no multiple of 8, no levels, or a horizon that the levels do not divide.
pub fn build(arch: &mut Arch, net: &TemporalUnet, form: &Form) -> Result<Net, String> {
    Ok(Net::Backbone(Arc::new(Unet::new(arch, net, form)?)))
}

impl Unet {
    /// Adds its parameters to a table.
    ///
    /// Errors: a width that is no multiple of 8, no levels, or a horizon that the levels do not divide.
    pub fn new(arch: &mut Arch, net: &TemporalUnet, form: &Form) -> Result<Self, String> {
        let (channels, horizon) = (form.point(), form.horizon);
        let levels = net.mults.len();
        if let Some((_, why)) = net.fault() {
            return Err(why);
        }
        let unit = 1 << (levels - 1);
        if !horizon.is_multiple_of(unit) || horizon < 2 * unit {
            return Err(format!(
                "a horizon of {horizon} steps with {levels} levels, wanted a multiple of {unit} of at least {}",
                2 * unit
            ));
        }
        let w = net.width;
        let sizes: Vec<usize> = std::iter::once(channels)
            .chain(net.mults.iter().map(|m| m * w))
            .collect();
        let embed = [
            Linear::new(arch, "time_mlp.1", w, 4 * w),
            Linear::new(arch, "time_mlp.3", 4 * w, w),
        ];
        let target = form.target.then(|| Target::new(arch, w));
        let time = if form.target { 2 * w } else { w };
        let attend = |arch: &mut Arch, name: &str, channels: usize| {
            (net.attention == Some(true)).then(|| LinearAttention::new(arch, name, channels))
        };
        let down = (0..levels)
            .map(|i| {
                let (a, b) = (sizes[i], sizes[i + 1]);
                let at = |k: usize| format!("downs.{i}.{k}");
                let first = Residual::new(arch, &at(0), a, b, time);
                let second = Residual::new(arch, &at(1), b, b, time);
                let attention = attend(arch, &at(2), b);
                let halve =
                    (i + 1 < levels).then(|| Conv::halving(arch, &format!("{}.conv", at(3)), b));
                (first, second, attention, halve)
            })
            .collect();
        let deep = sizes[levels];
        let middle = (
            Residual::new(arch, "mid_block1", deep, deep, time),
            attend(arch, "mid_attn", deep),
            Residual::new(arch, "mid_block2", deep, deep, time),
        );
        let up = (1..levels)
            .rev()
            .enumerate()
            .map(|(i, level)| {
                let (a, b) = (sizes[level], sizes[level + 1]);
                let at = |k: usize| format!("ups.{i}.{k}");
                let first = Residual::new(arch, &at(0), 2 * b, a, time);
                let second = Residual::new(arch, &at(1), a, a, time);
                let attention = attend(arch, &at(2), a);
                let double = Up::new(arch, &format!("{}.conv", at(3)), a);
                (first, second, attention, double)
            })
            .collect();
        let last = Block::new(arch, "final_conv.0", sizes[1], w);
        let out = Conv::new(arch, "final_conv.1", w, channels, 1);
        Ok(Self {
            width: w,
            embed,
            target,
            down,
            middle,
            up,
            last,
            out,
        })
    }
}

impl Backbone for Unet {
    fn forward(&self, p: Params<'_>, x: Tensor<3>, given: &Given, times: &[usize]) -> Tensor<3> {
        let [n, _, _] = x.dims();
        let device = x.device();
        let features = time_features(times, self.width, &device);
        let [first, second] = &self.embed;
        let mut time = second.forward(p, mish(first.forward(p, features)));
        if let Some(target) = &self.target {
            time = Tensor::cat(vec![time, target.forward(p, given, n, &device)], 1);
        }
        let time = mish(time);
        let attend = |attention: &Option<LinearAttention>, x: Tensor<3>| match attention {
            Some(attention) => attention.forward(p, x),
            None => x,
        };
        let mut x = x;
        let mut skips = Vec::new();
        for (first, second, attention, halve) in &self.down {
            x = attend(attention, second.forward(p, first.forward(p, x, &time), &time));
            skips.push(x.clone());
            if let Some(conv) = halve {
                x = conv.forward(p, x);
            }
        }
        let (first, attention, second) = &self.middle;
        x = second.forward(p, attend(attention, first.forward(p, x, &time)), &time);
        for (first, second, attention, double) in &self.up {
            if let Some(skip) = skips.pop() {
                x = Tensor::cat(vec![x, skip], 2);
            }
            x = attend(attention, second.forward(p, first.forward(p, x, &time), &time));
            x = double.forward(p, x);
        }
        self.out.forward(p, self.last.forward(p, x, None))
    }
}
