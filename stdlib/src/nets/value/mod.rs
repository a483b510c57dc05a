//! What is `value`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, Role, Ty, builtin};

use super::temporal_unet::residual;
use super::{Form, Size};

builtin! {
    /// The value of a whole plan, noisy or clean: half a U-Net along its time, down to one number.
    ///
    /// It reads trajectories `[batch, horizon, actions + observation]` and the diffusion time; levels as in `temporal_unet`, each of which halves
    /// the length, two more blocks that halve the channels and the length, and a perceptron.  With a `sampler` in its model it learns plans at
    /// every noise level of that chain, so that `classifier` can lead a planner of the same chain through it; without one it learns clean
    /// plans.
    ///
    /// Use it with `return_to_go`, to lead or rank plans as a whole.  It fails for policies, whose chunks have no states, and where plans
    /// differ from its data: it has seen no bad ones.
    ///
    /// Source: Janner et al., Planning with Diffusion for Flexible Behavior Synthesis, arXiv 2205.09991.
    ///
    /// Example: `net = value(width: 32, mults: [1, 2, 4])`
    pub struct Value = "value" in Net {
        /// Channels at the first level, and the size of the time embedding; a multiple of 8.
        width: usize = Ty::Int, default "32", bounds Bounds::closed(8.0, 1024.0);
        /// Factor on the width at each level; `width` times the last is a multiple of 32.
        mults: Vec<usize> = Ty::List(&Ty::Int), default "[1, 2, 4]";
    }
    role: Role::Critic, semantics: 2
}

impl Value {
    /// What is wrong with its arguments: which one, and why.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        if self.mults.is_empty() || self.mults.contains(&0) {
            let why = "`mults` wants at least one factor, each at least 1";
            return Some(("mults", why.to_owned()));
        }
        if !self.width.is_multiple_of(8) {
            let why = format!("`width` is {}, wanted a multiple of 8", self.width);
            return Some(("width", why));
        }
        let deep = self.width * self.mults.last().copied().unwrap_or(1);
        (!deep.is_multiple_of(32)).then(|| {
            (
                "mults",
                format!("`width` times the last of `mults` is {deep}, wanted a multiple of 32"),
            )
        })
    }

    /// How large it is for data of this form.
    pub fn size(&self, form: &Form) -> Size {
        let width = self.width as f64;
        let mut size = Size::default();
        size.linear(width, 4.0 * width);
        size.linear(4.0 * width, width);
        let halved = |length: f64| (length / 2.0).ceil();
        let mut length = form.horizon as f64;
        let mut channels = (form.act + form.obs) as f64;
        for mult in &self.mults {
            let next = width * *mult as f64;
            residual(&mut size, channels, next, width, length);
            residual(&mut size, next, next, width, length);
            length = halved(length);
            size.conv(next, next, 3.0, length);
            channels = next;
        }
        for next in [channels / 2.0, channels / 4.0] {
            residual(&mut size, channels, next, width, length);
            length = halved(length);
            size.conv(next, next, 3.0, length);
            channels = next;
        }
        let flat = channels * length;
        let hidden = (flat / 2.0).floor();
        size.linear(flat + width, hidden);
        size.linear(hidden, 1.0);
        size
    }
}
