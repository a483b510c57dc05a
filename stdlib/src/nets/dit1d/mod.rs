//! What is `dit1d`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, Role, Ty, builtin};

use super::{Form, Size};

builtin! {
    /// A diffusion transformer along the time of a plan: a planner.
    ///
    /// Each point of a plan is one token of `width` numbers with a sinusoidal place; `depth` blocks of self-attention and a perceptron of
    /// `4 width` (GELU), each modulated by the diffusion time: `x + gate1 attention(norm(x) (1 + scale1) + shift1)`, then
    /// `x + gate2 mlp(norm(x) (1 + scale2) + shift2)`, where the six modulations are a linear function of the time's embedding that starts
    /// at zero, so that each block starts as the identity.
    ///
    /// Use it for long plans, where what matters lies far apart: a published comparison of planners found it better than a U-Net on nearly
    /// all tasks, given at least two blocks.  It fails by slowness: attention grows with the square of the horizon, and without a
    /// convolution's bias to smoothness it wants more data.
    ///
    /// Source: Peebles and Xie, Scalable Diffusion Models with Transformers, arXiv 2212.09748; for plans: Dong et al., AlignDiff, arXiv
    /// 2310.02054, and Lu et al., arXiv 2503.00535.
    ///
    /// Example: `net = dit1d(width: 128, heads: 4, depth: 2)`
    pub struct Dit1d = "dit1d" in Net {
        /// Numbers of a token; a multiple of `heads`, and even.
        width: usize = Ty::Int, default "128", bounds Bounds::closed(8.0, 4096.0);
        /// Heads of the attention.
        heads: usize = Ty::Int, default "4", bounds Bounds::closed(1.0, 64.0);
        /// Blocks.
        depth: usize = Ty::Int, default "2", bounds Bounds::closed(1.0, 48.0);
    }
    role: Role::Planner, semantics: 2
}

/// Size of the time features.
const TIME: usize = 128;

impl Dit1d {
    /// What is wrong with its arguments: which one, and why.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        if !self.width.is_multiple_of(2) {
            return Some((
                "width",
                format!("`width` is {}, wanted an even number", self.width),
            ));
        }
        let why = || {
            format!(
                "`width` is {}, wanted a multiple of its {} heads",
                self.width, self.heads
            )
        };
        (!self.width.is_multiple_of(self.heads)).then(|| ("width", why()))
    }

    /// How large it is for data of this form.
    pub fn size(&self, form: &Form) -> Size {
        let (width, channels, length) = (
            self.width as f64,
            form.point() as f64,
            form.horizon as f64,
        );
        let mut size = Size::default();
        size.conv(channels, width, 1.0, length);
        size.linear(TIME as f64, width);
        size.linear(width, width);
        if form.target {
            size.target(width);
        }
        for _ in 0..self.depth {
            size.conv(width, 3.0 * width, 1.0, length);
            size.conv(width, width, 1.0, length);
            size.conv(width, 4.0 * width, 1.0, length);
            size.conv(4.0 * width, width, 1.0, length);
            size.linear(width, 6.0 * width);
        }
        size.linear(width, 2.0 * width);
        size.conv(width, channels, 1.0, length);
        size
    }
}
