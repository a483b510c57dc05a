//! Pairs ranked by a critic.

use align_schema::{Bounds, Dim, Quantity, Ref, Ty, builtin};

builtin! {
    /// Pairs ranked by a critic.
    ///
    /// Several plans are sampled for one state of the data; the best and the worst by the critic's value of the plan form a pair. A
    /// pair closer than the margin is a tie and is dropped; no pair at all is an error with the counts.
    ///
    /// ```align
    /// dataset pairs from rl.best { prefer = by_value(value.best, margin: 5%), count = 2k pairs }
    /// ```
    pub struct ByValue = "by_value" in Preference {
        /// A trained critic.
        critic: Ref = Ty::Checkpoint;
        /// Smallest gap of a pair, as a share of the range from the 5th to the 95th percentile of the values of all candidates.
        margin: Quantity = Ty::Quantity(&[Dim::Share]), default "5%", bounds Bounds::at_least(0.0);
        /// Plans compared for one state.
        candidates: usize = Ty::Int, default "4", bounds Bounds::closed(2.0, 64.0);
    }
}
