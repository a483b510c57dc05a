//! What is `mlp`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, Role, Ty, builtin};

use super::{Form, Size};

builtin! {
    /// A multilayer perceptron: a diffusion policy over chunks of actions.
    ///
    /// It denoises the next actions, `[batch, horizon * actions]`, given the current observation and the diffusion time (16
    /// sinusoidal features through two linear layers); hidden layers are linear and mish.  In an environment it acts in a closed
    /// loop: it plans a chunk, executes it, observes and plans again.
    ///
    /// Use it for tasks that are observed anew at every step, and where acting must be fast: one chunk costs a few small products.  It
    /// fails where the right action depends on what lies far ahead, which a planner sees.
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
    role: Role::Policy, semantics: 2
}

/// Size of the time embedding.
const TIME: usize = 16;

impl Mlp {
    /// What is wrong with its arguments: nothing that their bounds do not say.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        None
    }

    /// How large it is for data of this form: its embedding, `depth` hidden layers and the last one.
    pub fn size(&self, form: &Form) -> Size {
        let (time, width) = (TIME as f64, self.width as f64);
        let (sample, observation) = (form.horizon as f64 * form.act as f64, form.obs as f64);
        let mut size = Size::default();
        size.linear(time, 2.0 * time);
        size.linear(2.0 * time, time);
        let mut inputs = sample + time + observation;
        if form.target {
            size.target(time);
            inputs += time;
        }
        for _ in 0..self.depth {
            size.linear(inputs, width);
            inputs = width;
        }
        size.linear(inputs, sample);
        size
    }
}
