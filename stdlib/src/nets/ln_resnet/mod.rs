//! What is `ln_resnet`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, Role, Ty, builtin};

use super::{Form, Size};

builtin! {
    /// A residual perceptron with layer norms: a diffusion policy over chunks of actions.
    ///
    /// The noisy actions, the observation and the diffusion time (64 Fourier features whose frequencies are learned, through two layers of
    /// 128) enter a linear layer of `width`; then `blocks` times `x + W2 mish(W1 norm(x))` with `4 width` units between; then mish and a
    /// linear layer.  The published form drops a tenth of the units out in training, this one none.
    ///
    /// Use it for behaviour policies that are sampled often and judged by a critic (IDQL): depth without the instability of a plain
    /// perceptron.  It fails where one observation is not enough to act on: it has no memory.
    ///
    /// Source: Hansen-Estruch et al., IDQL, arXiv 2304.10573.
    ///
    /// Example: `net = ln_resnet(width: 256, blocks: 3)`
    pub struct LnResnet = "ln_resnet" in Net {
        /// Numbers of the residual path.
        width: usize = Ty::Int, default "256", bounds Bounds::closed(4.0, 4096.0);
        /// Residual blocks.
        blocks: usize = Ty::Int, default "3", bounds Bounds::closed(1.0, 64.0);
    }
    role: Role::Policy, semantics: 2
}

/// Size of the time features, and of the layers over them.
const TIME: [usize; 2] = [64, 128];

impl LnResnet {
    /// What is wrong with its arguments: nothing that their bounds do not say.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        None
    }

    /// How large it is for data of this form.
    pub fn size(&self, form: &Form) -> Size {
        let [features, embed] = TIME.map(|n| n as f64);
        let (width, sample) = (self.width as f64, form.horizon as f64 * form.act as f64);
        let mut size = Size::default();
        size.parameters += features / 2.0;
        size.linear(features, embed);
        size.linear(embed, embed);
        let mut inputs = sample + form.obs as f64 + embed;
        if form.target {
            size.target(features);
            inputs += features;
        }
        size.linear(inputs, width);
        for _ in 0..self.blocks {
            size.norm(width);
            size.linear(width, 4.0 * width);
            size.linear(4.0 * width, width);
        }
        size.linear(width, sample);
        size
    }
}
