//! What is `denoise`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{DataKind, builtin};

builtin! {
    /// The denoising loss: pretraining, and supervised fine-tuning on a filtered dataset.
    ///
    /// `mean ||eps(x_t, t) - eps||^2` with `x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps`, `t` uniform.  Entries that
    /// are given (the first observation, a goal) are overwritten in `x_t` and left out of the mean, so that the reported loss is about
    /// what is predicted.
    ///
    /// Use it to pretrain, and on a filtered dataset (`keep`) to fine-tune.  On thin data it fails slowly: the loss stays flat long before and
    /// after the return stops improving, so that a rule on `score` is worth more than one on `loss`; a filter can also hurt where few
    /// episodes stay.
    ///
    /// Source: Ho et al., arXiv 2006.11239; conditioning as in Janner et al., arXiv 2205.09991.
    ///
    /// Example: `loss = denoise()`
    pub struct Denoise = "denoise" in Loss {}
    data: &[DataKind::Rollouts], whole_batch: 1.0
}
