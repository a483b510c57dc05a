//! What is `return_to_go`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, DataKind, Ty, builtin};

builtin! {
    /// Fits a critic to the returns that followed in the data: what came, not what could have come.
    ///
    /// `G_t = sum_k discount^k r_(t+k)` to the end of the episode.  With `twin_q`: the squared error of `Q1`, `Q2` and `V` to `G`.  With `value`: the
    /// squared error of the plan's value to `G` of its first step, at a uniform noise level `0 .. T` of its `sampler`'s chain, or of clean plans
    /// where it has none.  Rewards are scaled by `1 - discount` inside, as in `iql`.
    ///
    /// Use it to rank or lead plans near the data, and as the calmest critic of all: it bootstraps from nothing.  It fails where good actions
    /// were followed by bad ones: it values the behaviour that made the data, and cannot join the best parts of two episodes.
    ///
    /// Source: Janner et al., arXiv 2205.09991 (values of plans); Monte Carlo evaluation as in Sutton and Barto, chapter 5.
    ///
    /// Example: `loss = return_to_go(discount: 0.99)`
    pub struct ReturnToGo = "return_to_go" in Loss {
        /// Discount of one environment step.
        discount: f64 = Ty::Float, default "0.99", bounds Bounds::closed(0.0, 1.0);
    }
    data: &[DataKind::Rollouts], metrics: &["q.loss", "v.loss", "q"], nets: &["twin_q", "value"], rewards: true
}
