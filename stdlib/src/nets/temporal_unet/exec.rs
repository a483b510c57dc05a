//! How does `temporal_unet` compute?  Names and layouts are those of `TemporalUnet` in jannerm/diffuser (without attention).

use burn::prelude::*;

use super::{GROUPS, KERNEL, TemporalUnet};
use crate::exec::layers::{Conv, GroupNorm, Linear, Params, Up, mish, time_features};
use crate::exec::weights::Arch;

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

    fn forward(&self, p: Params<'_>, x: Tensor<3>) -> Tensor<3> {
        mish(self.norm.forward(p, self.conv.forward(p, x)))
    }
}

/// Two blocks with the time added between, beside a straight path.
#[derive(Clone, Debug)]
struct Residual {
    first: Block,
    second: Block,
    time: Linear,
    straight: Option<Conv>,
}

impl Residual {
    fn new(arch: &mut Arch, name: &str, inputs: usize, outputs: usize, time: usize) -> Self {
        Self {
            first: Block::new(arch, &format!("{name}.blocks.0"), inputs, outputs),
            second: Block::new(arch, &format!("{name}.blocks.1"), outputs, outputs),
            time: Linear::new(arch, &format!("{name}.time_mlp.1"), time, outputs),
            straight: (inputs != outputs)
                .then(|| Conv::new(arch, &format!("{name}.residual_conv"), inputs, outputs, 1)),
        }
    }

    /// `time` is the embedding after its mish, which every block shares.
    fn forward(&self, p: Params<'_>, x: Tensor<3>, time: &Tensor<2>) -> Tensor<3> {
        let shift = self.time.forward(p, time.clone()).unsqueeze_dim::<3>(1);
        let inner = self
            .second
            .forward(p, self.first.forward(p, x.clone()) + shift);
        match &self.straight {
            Some(conv) => inner + conv.forward(p, x),
            None => inner + x,
        }
    }
}

/// The shape of a U-Net; weights are handed in.
#[derive(Clone, Debug)]
pub struct Unet {
    width: usize,
    embed: [Linear; 2],
    down: Vec<(Residual, Residual, Option<Conv>)>,
    middle: [Residual; 2],
    up: Vec<(Residual, Residual, Up)>,
    last: Block,
    out: Conv,
}

impl Unet {
    /// Adds its parameters to a table.  `channels` is actions plus observation.
    ///
    /// Errors: a width that is no multiple of 8, no levels, or a horizon that the levels do not divide.
    pub fn new(
        arch: &mut Arch,
        net: &TemporalUnet,
        channels: usize,
        horizon: usize,
    ) -> Result<Self, String> {
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
        let down = (0..levels)
            .map(|i| {
                let (a, b) = (sizes[i], sizes[i + 1]);
                let at = |k: usize| format!("downs.{i}.{k}");
                let first = Residual::new(arch, &at(0), a, b, w);
                let second = Residual::new(arch, &at(1), b, b, w);
                let halve =
                    (i + 1 < levels).then(|| Conv::halving(arch, &format!("{}.conv", at(3)), b));
                (first, second, halve)
            })
            .collect();
        let deep = sizes[levels];
        let middle =
            ["mid_block1", "mid_block2"].map(|name| Residual::new(arch, name, deep, deep, w));
        let up = (1..levels)
            .rev()
            .enumerate()
            .map(|(i, level)| {
                let (a, b) = (sizes[level], sizes[level + 1]);
                let at = |k: usize| format!("ups.{i}.{k}");
                let first = Residual::new(arch, &at(0), 2 * b, a, w);
                let second = Residual::new(arch, &at(1), a, a, w);
                (first, second, Up::new(arch, &format!("{}.conv", at(3)), a))
            })
            .collect();
        let last = Block::new(arch, "final_conv.0", sizes[1], w);
        let out = Conv::new(arch, "final_conv.1", w, channels, 1);
        Ok(Self {
            width: w,
            embed,
            down,
            middle,
            up,
            last,
            out,
        })
    }

    /// `x` is `[n, horizon, channels]`, `times` one for each of `n`.
    pub fn forward(&self, p: Params<'_>, x: Tensor<3>, times: &[usize]) -> Tensor<3> {
        let features = time_features(times, self.width, &x.device());
        let [first, second] = &self.embed;
        let time = mish(second.forward(p, mish(first.forward(p, features))));
        let mut x = x;
        let mut skips = Vec::new();
        for (first, second, halve) in &self.down {
            x = second.forward(p, first.forward(p, x, &time), &time);
            skips.push(x.clone());
            if let Some(conv) = halve {
                x = conv.forward(p, x);
            }
        }
        for block in &self.middle {
            x = block.forward(p, x, &time);
        }
        for (first, second, double) in &self.up {
            if let Some(skip) = skips.pop() {
                x = Tensor::cat(vec![x, skip], 2);
            }
            x = double.forward(p, second.forward(p, first.forward(p, x, &time), &time));
        }
        self.out.forward(p, self.last.forward(p, x))
    }
}
