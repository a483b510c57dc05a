//! What is `temporal_unet`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, Ty, builtin};

builtin! {
    /// A one-dimensional U-Net along the time of a plan: a planner.
    ///
    /// It denoises whole trajectories of shape `[batch, horizon, actions + observation]`, actions first.  Channels per
    /// level are `width * mults`; each level holds two residual blocks (convolution of 5, group norm of 8 groups, mish, plus the
    /// time embedding) and halves the horizon, except the last.  The horizon must be divisible by `2^(levels - 1)`.
    ///
    /// Source: Janner et al., Planning with Diffusion for Flexible Behavior Synthesis, arXiv 2205.09991.
    ///
    /// Example: `net = temporal_unet(width: 32, mults: [1, 2, 4])`
    pub struct TemporalUnet = "temporal_unet" in Net {
        /// Channels at the first level, and the size of the time embedding; a multiple of 8.
        width: usize = Ty::Int, default "32", bounds Bounds::closed(8.0, 1024.0);
        /// Factor on the width at each level.
        mults: Vec<usize> = Ty::List(&Ty::Int), default "[1, 2, 4]";
    }
}
