//! What is `ppo`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, DataKind, Ref, Ty, builtin};

builtin! {
    /// Proximal policy optimisation on the denoising chain: reinforcement in the environment.
    ///
    /// The chain is a decision process: its state is `(condition, t, x_t)`, its action `x_(t-1)`, its policy the Gaussian of the
    /// sampler's step, and the reward of the finished plan is the normalised score of executing it.  One training step is one
    /// iteration: sample `plans` plans, execute them, then `epochs` passes of
    /// `max(-A rho, -A clip(rho, 1 - clip, 1 + clip)) + kl KL`, where `rho = exp(log p - log p_old)` with log densities averaged
    /// (not summed) over the free entries, `A` is the reward (less the critic's `V` of the start, fitted by least squares) whitened
    /// over the batch, and `KL` is the closed form between the model's and the reference's step,
    /// `||mu - mu_ref||^2 / (2 sigma^2)`, averaged likewise.
    ///
    /// Without `in env(task)` the same runs from data alone: plans begin in states of the data, the critic's value is the reward (as it is,
    /// not in points), and each plan is compared with the mean of eight of its state; the budget is then in `steps`, one an iteration.
    ///
    /// Use it where the task can be simulated.  It fails where exploration must find what no plan does yet, by drifting without `kl`, and when
    /// rewards do not differ (`dead_signal`); `clip_fraction` above a half means steps that are too long.
    ///
    /// Source: Black et al., arXiv 2305.13301 (DDPO); Ren et al., arXiv 2409.00588 (DPPO: floors of the deviation).
    ///
    /// Example: `loss = ppo(clip: 0.01, critic: value.best, reference: pretrain.best, kl: 0.05)`
    pub struct Ppo = "ppo" in Loss {
        /// How far the ratio of a step may leave 1.
        clip: f64 = Ty::Float, default "0.01", bounds Bounds::open(0.0, 1.0);
        /// A critic whose state value is the baseline; without one the baseline is the batch's mean reward.
        critic: Option<Ref> = Ty::Checkpoint;
        /// A frozen model to stay near.
        reference: Option<Ref> = Ty::Checkpoint;
        /// Weight of the divergence from the reference.
        kl: f64 = Ty::Float, default "0.0", bounds Bounds::at_least(0.0);
        /// Episodes an iteration, each from its own start; a planner draws one plan in each.
        plans: usize = Ty::Int, default "64", bounds Bounds::closed(2.0, 65536.0);
        /// Passes over the plans of an iteration.
        epochs: usize = Ty::Int, default "2", bounds Bounds::closed(1.0, 100.0);
        /// Share of the ancestral noise while collecting; 0 leaves only the floor.
        eta: f64 = Ty::Float, default "1.0", bounds Bounds::closed(0.0, 1.0);
        /// Least standard deviation of a step, in collecting and in densities.
        floor: f64 = Ty::Float, default "0.1", bounds Bounds::positive();
    }
    data: &[DataKind::Rollouts], needs_env: true,
    metrics: &["reward", "reward.spread", "kl", "clip_fraction"]
}
