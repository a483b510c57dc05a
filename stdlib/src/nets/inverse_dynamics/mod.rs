//! What is `inverse_dynamics`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, Role, Ty, builtin};

use super::{Form, Size};

builtin! {
    /// Tells the action that leads from one state to the next: what turns a planner of states into one that can act.
    ///
    /// `a = f(s, s')`, a perceptron of `depth` hidden layers with ReLU.  As `actions` of a model it makes the model draw observations alone; a
    /// stage with `denoise` or `weighted` then learns both, `loss = (denoising + mean ||f(s, s') - a||^2) / 2`, and the other losses leave it as
    /// it is.
    ///
    /// Use it where actions are many or jerky beside the states (robots of many joints).  It fails where the next state does not tell the
    /// action: with a large `stride`, or actions without effect.
    ///
    /// Source: Ajay et al., Is Conditional Generative Modeling All You Need for Decision-Making?, arXiv 2211.15657.
    ///
    /// Example: `actions = inverse_dynamics(width: 256, depth: 2)`
    pub struct InverseDynamics = "inverse_dynamics" in Net {
        /// Units of a hidden layer.
        width: usize = Ty::Int, default "256", bounds Bounds::closed(4.0, 4096.0);
        /// Hidden layers.
        depth: usize = Ty::Int, default "2", bounds Bounds::closed(1.0, 16.0);
    }
    role: Role::Inverse, semantics: 2
}

impl InverseDynamics {
    /// What is wrong with its arguments: nothing that their bounds do not say.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        None
    }

    /// How large it is for data of this form.
    pub fn size(&self, form: &Form) -> Size {
        let width = self.width as f64;
        let mut size = Size::default();
        let mut inputs = 2.0 * form.obs as f64;
        for _ in 0..self.depth {
            size.linear(inputs, width);
            inputs = width;
        }
        size.linear(inputs, form.act as f64);
        size
    }
}
