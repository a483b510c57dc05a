//! The measure of how much better an episode was than its start promised.

use align_schema::{Ref, Ty, builtin};

builtin! {
    /// The discounted return of an episode minus the critic's value of its first state.
    ///
    /// It stands on the left of a filter's comparison.
    ///
    /// ```align
    /// dataset elite from rollouts { keep = advantage(value.best) >= percentile(80%) }
    /// ```
    pub struct Advantage = "advantage" in Filter {
        /// A trained critic.
        critic: Ref = Ty::CriticOf(&["twin_q"]);
    }
}
