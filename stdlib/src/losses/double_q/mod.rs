//! What is `double_q`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, DataKind, Ref, Ty, builtin};

builtin! {
    /// Clipped double Q-learning: fits a critic to a dataset under the actions of a policy, or under the data's own.
    ///
    /// `Q1`, `Q2`: the squared error to `r + discount min(Q1', Q2')(s', a')`, which stops at terminals and not at time limits.  `a'` is drawn from
    /// `policy` (a planner gives its first action); with `max_backup` above 1 so many are drawn, and the largest of each `Q'` counts before
    /// the smaller is taken.  Without a policy `a'` is the action that the data took next.  `V` is fitted to `min(Q1', Q2')(s, a)` by squared
    /// error, so that the critic answers about states too.  Rewards are scaled by `1 - discount` inside, as in `iql`.
    ///
    /// Use it with the policy that is to be improved, and fit it anew each round.  It fails by optimism: where the policy proposes actions
    /// that the data lacks, their values are guesses that feed on themselves; `q` that climbs without end is the sign, `iql` the way out.
    ///
    /// Source: Fujimoto et al., arXiv 1802.09477; with a diffusion policy and the largest of several: Wang et al., arXiv 2208.06193.
    ///
    /// Example: `loss = double_q(discount: 0.99, policy: pretrain.best)`
    pub struct DoubleQ = "double_q" in Loss {
        /// Discount of one environment step.
        discount: f64 = Ty::Float, default "0.99", bounds Bounds::closed(0.0, 1.0);
        /// Actions drawn for each next state; the largest value counts.
        max_backup: usize = Ty::Int, default "1", bounds Bounds::closed(1.0, 64.0);
        /// A diffusion model whose actions count.
        policy: Option<Ref> = Ty::Checkpoint;
        /// Rate at which the target follows.
        tau: f64 = Ty::Float, default "0.005", bounds Bounds { lo: 0.0, hi: 1.0, lo_in: false, hi_in: true };
    }
    data: &[DataKind::Rollouts], metrics: &["q.loss", "v.loss", "q"], nets: &["twin_q"], rewards: true
}
