//! How does `value` compute?  Names and layouts are those of `ValueFunction` in jannerm/diffuser.

use burn::prelude::*;

use super::Value;
use crate::exec::backbone::Net;
use crate::exec::layers::{Conv, Linear, Params, mish, time_features};
use crate::exec::weights::Arch;
use crate::nets::Form;
use crate::nets::temporal_unet::exec::Residual;

/// The shape of a value of plans; weights are handed in.
#[derive(Clone, Debug)]
pub struct PlanValue {
    width: usize,
    embed: [Linear; 2],
    levels: Vec<(Residual, Residual, Conv)>,
    middle: [(Residual, Conv); 2],
    last: [Linear; 2],
}

/// Adds its parameters to a table.
///
/// Errors: widths that the groups of its norms do not divide, no levels.
pub fn build(arch: &mut Arch, net: &Value, form: &Form) -> Result<Net, String> {
    Ok(Net::Value(Box::new(PlanValue::new(arch, net, form)?)))
}

impl PlanValue {
    /// Adds its parameters to a table.
    ///
    /// Errors: widths that the groups of its norms do not divide, no levels.
    pub fn new(arch: &mut Arch, net: &Value, form: &Form) -> Result<Self, String> {
        if let Some((_, why)) = net.fault() {
            return Err(why);
        }
        let w = net.width;
        let embed = [
            Linear::new(arch, "time_mlp.1", w, 4 * w),
            Linear::new(arch, "time_mlp.3", 4 * w, w),
        ];
        let mut length = form.horizon;
        let mut channels = form.act + form.obs;
        let mut levels = Vec::new();
        for (i, mult) in net.mults.iter().enumerate() {
            let next = w * mult;
            let at = |part: &str| format!("blocks.{i}.{part}");
            levels.push((
                Residual::new(arch, &at("0"), channels, next, w),
                Residual::new(arch, &at("1"), next, next, w),
                Conv::halving(arch, &at("2.conv"), next),
            ));
            channels = next;
            length = length.div_ceil(2);
        }
        let middle = [("1", channels / 2), ("2", channels / 4)].map(|(name, next)| {
            let block = Residual::new(arch, &format!("mid_block{name}"), channels, next, w);
            let halve = Conv::halving(arch, &format!("mid_down{name}.conv"), next);
            channels = next;
            length = length.div_ceil(2);
            (block, halve)
        });
        let flat = channels * length;
        let last = [
            Linear::new(arch, "final_block.0", flat + w, flat / 2),
            Linear::new(arch, "final_block.2", flat / 2, 1),
        ];
        Ok(Self {
            width: w,
            embed,
            levels,
            middle,
            last,
        })
    }

    /// Values `[n, 1]` of normalised plans `[n, horizon, act + obs]`; `times` has one step for each of `n`, 0 for a clean plan.
    pub fn forward(&self, p: Params<'_>, x: Tensor<3>, times: &[usize]) -> Tensor<2> {
        let features = time_features(times, self.width, &x.device());
        let [first, second] = &self.embed;
        let embedded = second.forward(p, mish(first.forward(p, features)));
        let time = mish(embedded.clone());
        let mut x = x;
        for (first, second, halve) in &self.levels {
            x = halve.forward(p, second.forward(p, first.forward(p, x, &time), &time));
        }
        for (block, halve) in &self.middle {
            x = halve.forward(p, block.forward(p, x, &time));
        }
        let [n, length, channels] = x.dims();
        // PyTorch flattens channel by channel.
        let flat = x.swap_dims(1, 2).reshape([n, channels * length]);
        let [first, second] = &self.last;
        let hidden = mish(first.forward(p, Tensor::cat(vec![flat, embedded], 1)));
        second.forward(p, hidden)
    }
}
