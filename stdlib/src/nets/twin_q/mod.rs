//! What is `twin_q`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, Role, Ty, builtin};

use super::{Form, Size};

builtin! {
    /// A critic: two action-value networks and a state-value network.
    ///
    /// `Q1(s, a)`, `Q2(s, a)` and `V(s)`, each a perceptron of `depth` hidden layers with ReLU, on normalised observations and
    /// actions.  The value of a pair is the smaller of the two, which keeps the optimism of a single network down.  The value of a
    /// plan is the mean of that over its steps.
    ///
    /// Use it with `iql`, `double_q` or `return_to_go` wherever a critic is asked for.  It fails silently off its data: actions that were
    /// never seen may get any value, so that what is drawn to please it needs a divergence or a denoising term beside it.
    ///
    /// Source: Fujimoto et al., arXiv 1802.09477 (twin critics); Kostrikov et al., arXiv 2110.06169 (the value network).
    ///
    /// Example: `net = twin_q(width: 256, depth: 2)`
    pub struct TwinQ = "twin_q" in Net {
        /// Units of a hidden layer.
        width: usize = Ty::Int, default "256", bounds Bounds::closed(4.0, 4096.0);
        /// Hidden layers.
        depth: usize = Ty::Int, default "2", bounds Bounds::closed(1.0, 16.0);
    }
    role: Role::Critic, semantics: 2
}

impl TwinQ {
    /// What is wrong with its arguments: nothing that their bounds do not say.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        None
    }

    /// How large it is for data of this form: two towers over observation and action, one over the observation.
    pub fn size(&self, form: &Form) -> Size {
        let (observation, action, width) = (form.obs as f64, form.act as f64, self.width as f64);
        let mut size = Size::default();
        for inputs in [observation + action, observation + action, observation] {
            let mut inputs = inputs;
            for _ in 0..self.depth {
                size.linear(inputs, width);
                inputs = width;
            }
            size.linear(inputs, 1.0);
        }
        size
    }
}
