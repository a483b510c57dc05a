//! What is `temporal_unet`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, Role, Ty, builtin};

use super::{Form, Size};

builtin! {
    /// A one-dimensional U-Net along the time of a plan: a planner.
    ///
    /// It denoises whole trajectories of shape `[batch, horizon, actions + observation]`, actions first.  Channels per
    /// level are `width * mults`; each level holds two residual blocks (convolution of 5, group norm of 8 groups, mish, plus the
    /// time embedding) and halves the horizon, except the last.  The horizon must be divisible by `2^(levels - 1)`.
    ///
    /// Use it where the data is made of smooth trajectories and there is not much of it.  It fails on horizons that its levels do not divide
    /// (the check says so), and where what matters lies further apart than its levels reach.
    ///
    /// Source: Janner et al., Planning with Diffusion for Flexible Behavior Synthesis, arXiv 2205.09991.
    ///
    /// Example: `net = temporal_unet(width: 32, mults: [1, 2, 4])`
    pub struct TemporalUnet = "temporal_unet" in Net {
        /// Channels at the first level, and the size of the time embedding; a multiple of 8.
        width: usize = Ty::Int, default "32", bounds Bounds::closed(8.0, 1024.0);
        /// Factor on the width at each level.
        mults: Vec<usize> = Ty::List(&Ty::Int), default "[1, 2, 4]";
        /// Whether each level has linear attention over the length (4 heads of 32); without it only neighbours see each other.
        attention: Option<bool> = Ty::Bool;
    }
    role: Role::Planner, semantics: 2
}

/// Numbers of all heads of the attention.
const HEADS: f64 = 128.0;

/// Kernel of the convolutions in a block.
pub(super) const KERNEL: usize = 5;

/// Groups of a group norm.
pub(super) const GROUPS: usize = 8;

impl TemporalUnet {
    /// What is wrong with its arguments: which one, and why.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        if self.mults.is_empty() || self.mults.contains(&0) {
            let why = "`mults` wants at least one factor, each at least 1";
            return Some(("mults", why.to_owned()));
        }
        let why = || format!("`width` is {}, wanted a multiple of {GROUPS}", self.width);
        (!self.width.is_multiple_of(GROUPS)).then(|| ("width", why()))
    }

    /// How large it is for data of this form: the time embedding, the levels down, the middle, the levels up, and the last block.
    pub fn size(&self, form: &Form) -> Size {
        let (channels, horizon) = (form.point() as f64, form.horizon as f64);
        let width = self.width as f64;
        let attention = |size: &mut Size, channels: f64, length: f64| {
            if self.attention == Some(true) {
                size.norm(channels);
                size.parameters += channels * 3.0 * HEADS;
                size.activations += length * 3.0 * HEADS;
                size.conv(HEADS, channels, 1.0, length);
            }
        };
        let mut size = Size::default();
        let widths: Vec<f64> = std::iter::once(channels)
            .chain(self.mults.iter().map(|m| *m as f64 * width))
            .collect();
        size.linear(width, 4.0 * width);
        size.linear(4.0 * width, width);
        let mut time = width;
        if form.target {
            size.target(width);
            time += width;
        }
        let mut length = horizon;
        let levels = self.mults.len();
        for (i, pair) in widths.windows(2).enumerate() {
            residual(&mut size, pair[0], pair[1], time, length);
            residual(&mut size, pair[1], pair[1], time, length);
            attention(&mut size, pair[1], length);
            if i + 1 < levels {
                length /= 2.0;
                size.conv(pair[1], pair[1], 3.0, length);
            }
        }
        let deep = widths.last().copied().unwrap_or(channels);
        residual(&mut size, deep, deep, time, length);
        attention(&mut size, deep, length);
        residual(&mut size, deep, deep, time, length);
        for pair in widths.windows(2).skip(1).rev() {
            residual(&mut size, 2.0 * pair[1], pair[0], time, length);
            residual(&mut size, pair[0], pair[0], time, length);
            attention(&mut size, pair[0], length);
            length *= 2.0;
            size.conv(pair[0], pair[0], 4.0, length);
        }
        let first = widths.get(1).copied().unwrap_or(channels);
        block(&mut size, first, width, length);
        size.conv(width, channels, 1.0, length);
        size
    }
}

/// Convolution and group norm.
fn block(size: &mut Size, inputs: f64, outputs: f64, length: f64) {
    size.conv(inputs, outputs, KERNEL as f64, length);
    size.norm(outputs);
}

/// Two blocks with the time added between, beside a straight path where the channels differ.
pub(super) fn residual(size: &mut Size, inputs: f64, outputs: f64, time: f64, length: f64) {
    block(size, inputs, outputs, length);
    block(size, outputs, outputs, length);
    size.added(time, outputs);
    if (inputs - outputs).abs() > 0.0 {
        size.added(inputs, outputs);
    }
}
