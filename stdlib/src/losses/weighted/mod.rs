//! What is `weighted`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, DataKind, Ref, Ty, builtin};

builtin! {
    /// The denoising loss weighted by how good a window is: soft filtering.
    ///
    /// `mean w ||eps(x_t, t) - eps||^2`, `w = min(exp(A / temperature), cap)` divided by the batch's mean weight.  `A` is the
    /// window's return-to-go, centred on its mean and divided by its deviation over the training set; with a critic it is the critic's
    /// advantage `min Q(s, a) - V(s)` of the first step, divided by its deviation over the batch.
    ///
    /// Use it in place of a filter where every episode holds something.  It fails with a low temperature, when a few windows carry all of the
    /// gradient: `weight.share` near zero is the sign.
    ///
    /// Source: Hansen-Estruch et al., IDQL, arXiv 2304.10573; Ren et al., DPPO (reward-weighted baseline), arXiv 2409.00588.
    ///
    /// Example: `loss = weighted(critic: value.best, temperature: 0.5)`
    pub struct Weighted = "weighted" in Loss {
        /// The critic whose advantage counts; without one it is the return-to-go.
        critic: Option<Ref> = Ty::CriticOf(&["twin_q"]);
        /// Lower values follow the better windows more closely.
        temperature: f64 = Ty::Float, default "1.0", bounds Bounds::positive();
        /// Largest weight before normalisation.
        cap: f64 = Ty::Float, default "20.0", bounds Bounds::positive();
    }
    data: &[DataKind::Rollouts], metrics: &["weight.share"], rewards: true, whole_batch: 1.0
}
