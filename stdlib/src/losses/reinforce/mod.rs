//! What is `reinforce`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, DataKind, Ref, Ty, builtin};

builtin! {
    /// The score-function gradient on the denoising chain: reinforcement in the environment, one update an iteration.
    ///
    /// `-A mean log p(x_(t-1) | x_t)` over the steps of the chain, with advantages, densities, floor and divergence as in `ppo`.
    /// Each plan is used once, so that no ratio is needed.
    ///
    /// Without `in env(task)` a critic pays, as in `ppo`.
    ///
    /// Use it as the plainest form, when samples are cheap.  It fails by noise: each plan serves one update, and a larger `plans` is the remedy.
    ///
    /// Source: Williams, Simple statistical gradient-following algorithms (1992); on the chain: Black et al., arXiv 2305.13301.
    ///
    /// Example: `loss = reinforce(critic: value.best, reference: pretrain.best, kl: 0.05)`
    pub struct Reinforce = "reinforce" in Loss {
        /// A critic whose state value is the baseline; without one the baseline is the batch's mean reward.
        critic: Option<Ref> = Ty::Checkpoint;
        /// A frozen model to stay near.
        reference: Option<Ref> = Ty::Checkpoint;
        /// Weight of the divergence from the reference.
        kl: f64 = Ty::Float, default "0.0", bounds Bounds::at_least(0.0);
        /// Episodes an iteration, each from its own start; a planner draws one plan in each.
        plans: usize = Ty::Int, default "64", bounds Bounds::closed(2.0, 65536.0);
        /// Share of the ancestral noise while collecting; 0 leaves only the floor.
        eta: f64 = Ty::Float, default "1.0", bounds Bounds::closed(0.0, 1.0);
        /// Least standard deviation of a step, in collecting and in densities.
        floor: f64 = Ty::Float, default "0.1", bounds Bounds::positive();
    }
    data: &[DataKind::Rollouts], needs_env: true,
    metrics: &["reward", "reward.spread", "kl"]
}
