//! What is `mlp`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, Ty, builtin};

builtin! {
    /// A multilayer perceptron: a diffusion policy over chunks of actions.
    ///
    /// It denoises the next actions, `[batch, horizon * actions]`, given the current observation and the diffusion time (16
    /// sinusoidal features through two linear layers); hidden layers are linear and mish.  In an environment it acts in a closed
    /// loop: it plans a chunk, executes it, observes and plans again.
    ///
    /// Source: Wang et al., Diffusion Policies as an Expressive Policy Class for Offline RL, arXiv 2208.06193.
    ///
    /// Example: `net = mlp(width: 256, depth: 3)`
    pub struct Mlp = "mlp" in Net {
        /// Units of a hidden layer.
        width: usize = Ty::Int, default "256", bounds Bounds::closed(4.0, 4096.0);
        /// Hidden layers.
        depth: usize = Ty::Int, default "3", bounds Bounds::closed(1.0, 16.0);
    }
}
