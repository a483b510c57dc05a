//! The filter that keeps the best share.

use align_schema::{Bounds, Dim, Quantity, Ref, Ty, builtin};

builtin! {
    /// The best share of the episodes, at least one.
    ///
    /// `return` and `score` rank by the whole episode; `advantage` ranks by the return-to-go minus the critic's value of the first
    /// state, so that episodes with an easy start are not simply the ones that stay.
    ///
    /// ```align
    /// dataset elite from rollouts { keep = top(10%, by: return) }
    /// ```
    pub struct Top = "top" in Filter {
        /// Share that stays.
        share: Quantity = Ty::Quantity(&[Dim::Share]), bounds Bounds { lo: 0.0, hi: 1.0, lo_in: false, hi_in: true };
        /// What ranks.
        by: String = Ty::Enum(&["score", "return", "advantage"]), default "return";
        /// The critic that `by: advantage` needs.
        critic: Option<Ref> = Ty::CriticOf(&["twin_q"]);
    }
}
