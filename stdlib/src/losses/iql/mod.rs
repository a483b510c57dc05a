//! What is `iql`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, DataKind, Ty, builtin};

builtin! {
    /// Implicit Q-learning: fits a critic to a dataset without asking for actions outside it.
    ///
    /// `V`: the expectile loss `|expectile - 1(u < 0)| u^2` of `u = min Q'(s, a) - V(s)`; `Q`: the squared error to
    /// `r + discount V(s')`, which stops at terminals and not at time limits; the target `Q'` follows `Q` at rate `tau`.  The
    /// transitions are of environment steps, whatever the stride of plans.  Rewards are scaled by `1 - discount` inside, so that
    /// values are of a reward's size; what is reported as `q`, and every answer of the critic, is in units of discounted return.  The
    /// reported loss is the sum of the three.
    ///
    /// Use it as the first critic on any dataset.  It fails where good actions are rare: an expectile near one half values the behaviour, one
    /// near one chases noise.
    ///
    /// Source: Kostrikov et al., Offline Reinforcement Learning with Implicit Q-Learning, arXiv 2110.06169.
    ///
    /// Example: `loss = iql(expectile: 0.7, discount: 0.99)`
    pub struct Iql = "iql" in Loss {
        /// Above one half it leans to the better actions of the data.
        expectile: f64 = Ty::Float, default "0.7", bounds Bounds::open(0.0, 1.0);
        /// Discount of one environment step.
        discount: f64 = Ty::Float, default "0.99", bounds Bounds::closed(0.0, 1.0);
        /// Environment steps of reward before a state's value takes over.  One is the published form; more carry rewards back faster, and
        /// lean towards the data's own actions.
        backup: usize = Ty::Int, default "1", bounds Bounds::closed(1.0, 1000.0);
        /// Rate at which the target follows.
        tau: f64 = Ty::Float, default "0.005", bounds Bounds { lo: 0.0, hi: 1.0, lo_in: false, hi_in: true };
    }
    data: &[DataKind::Rollouts], metrics: &["q.loss", "v.loss", "q"], nets: &["twin_q"], rewards: true
}
