//! Pairs ranked by what happened.

use align_schema::{Bounds, Dim, Quantity, Ty, builtin};

builtin! {
    /// Pairs ranked by return.
    ///
    /// With a model (`dataset pairs from rl.best`) and a built-in environment, several plans are sampled for one start, each is executed,
    /// and the best and the worst by return form a pair. Without one (`dataset pairs from rollouts`, or an environment that is not built
    /// in), two windows of the data whose first states are nearest neighbours form a pair, ranked by discounted return-to-go. A pair
    /// closer than the margin is a tie and is dropped; no pair at all is an error with the counts.
    ///
    /// ```align
    /// dataset pairs from rl.best { prefer = by_return(margin: 5%), count = 2k pairs }
    /// ```
    pub struct ByReturn = "by_return" in Preference {
        /// Smallest gap of a pair: `return`, `points`, or a share of the range from the 5th to the 95th percentile of all candidates.
        margin: Quantity = Ty::Quantity(&[Dim::Share, Dim::Score, Dim::Return]), default "5%", bounds Bounds::at_least(0.0);
        /// Plans (or neighbours) compared for one start.
        candidates: usize = Ty::Int, default "4", bounds Bounds::closed(2.0, 64.0);
    }
}
