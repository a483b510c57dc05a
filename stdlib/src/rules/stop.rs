//! When is a stage (or a sequence) good enough?  Each rule is a pure function of the metric history.

use align_schema::{Bounds, Dim, Quantity, Ty, Value, builtin};

/// Units in which a change of a metric is measured; a share is relative.
const CHANGE: Ty = Ty::Amount(&[Dim::Share, Dim::Score, Dim::Return]);
/// What is counted between two looks: evaluations of a stage, rounds of a sequence.
const LOOKS: Ty = Ty::Quantity(&[Dim::Evals, Dim::Rounds]);

builtin! {
    /// The metric has stopped getting better.
    ///
    /// Holds when the best value has not improved by at least `improve` for `patience` evaluations in a row (rounds, in a
    /// sequence). Which way is better is known from the metric. A share is relative to the best so far, anything else is
    /// absolute. The first evaluation only sets the mark, so it takes `patience + 1` of them to fire.
    pub struct Plateau = "plateau" in StopRule {
        /// What is watched.
        metric: String = Ty::Metric, effect Extent;
        /// Smallest change that counts as an improvement.
        improve: Value = CHANGE, bounds Bounds::at_least(0.0), effect Extent;
        /// Evaluations (or rounds) in a row without one.
        patience: Quantity = LOOKS, bounds Bounds::at_least(1.0), effect Extent;
        /// Evaluations before this point do not count.
        warmup: Option<Quantity> = Ty::Quantity(&[Dim::Steps, Dim::EnvSteps]), bounds Bounds::at_least(0.0), effect Extent;
    }
}

builtin! {
    /// The metric is at a value, or on its better side.
    pub struct Reaches = "reaches" in StopRule {
        /// What is watched.
        metric: String = Ty::Metric, effect Extent;
        /// The value, in the metric's own unit.
        value: Value = CHANGE, effect Extent;
    }
}

builtin! {
    /// The metric has settled.
    ///
    /// Holds when the standard deviation of its last `over` evaluations is at most `within` (a share is relative to the
    /// magnitude of their mean).
    pub struct Flat = "flat" in StopRule {
        /// What is watched.
        metric: String = Ty::Metric, effect Extent;
        /// Largest standard deviation.
        within: Value = CHANGE, bounds Bounds::at_least(0.0), effect Extent;
        /// Evaluations (or rounds) that are looked at.
        over: Quantity = LOOKS, bounds Bounds::at_least(2.0), effect Extent;
    }
}

builtin! {
    /// The metric is worse than its best so far by at least `worse`.
    pub struct Diverges = "diverges" in StopRule {
        /// What is watched.
        metric: String = Ty::Metric, effect Extent;
        /// How much worse; a share is relative.
        worse: Value = CHANGE, bounds Bounds::positive(), effect Extent;
        /// What it is compared with.
        than: String = Ty::Enum(&["best"]), default "best", effect Extent;
    }
}
