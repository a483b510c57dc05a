//! The measure that compares an episode with the others.

use align_schema::{Bounds, Dim, Quantity, Ty, builtin};

builtin! {
    /// The value below which this share of the dataset's episodes lies.
    ///
    /// It stands on the right of a filter's comparison, and is taken over what stands on the left, with linear interpolation between
    /// neighbours.
    ///
    /// ```align
    /// dataset elite from rollouts { keep = score >= percentile(90%) }
    /// ```
    pub struct Percentile = "percentile" in Filter {
        /// Share of episodes below.
        share: Quantity = Ty::Quantity(&[Dim::Share]), bounds Bounds::closed(0.0, 1.0);
    }
}
