//! How are lanes summarised in a report, and which lanes of a sweep are stopped early?

use align_schema::{Bounds, Dim, Quantity, Ty, Value, builtin};

/// What an `expect` says of lanes whose stage was skipped.
const SKIPPED: Ty = Ty::Enum(&["leave_out", "fail"]);

builtin! {
    /// Mean with a confidence interval (Student's t over seeds).
    pub struct MeanCi = "mean_ci" in Statistic {
        /// A metric, of all stages (`score`) or of one (`controller.score`).
        metric: String = Ty::Metric, effect Inert;
        /// Level of the interval.
        level: Quantity = Ty::Quantity(&[Dim::Share]), default "95%", bounds Bounds::open(0.0, 1.0), effect Inert;
        /// What becomes of lanes in which the stage was skipped: `leave_out` takes the others, `fail` does not meet the claim.
        skipped: Option<String> = SKIPPED, effect Inert;
    }
}

builtin! {
    /// Interquartile mean: the mean of the middle half of the runs (Agarwal et al. 2021, arXiv:2108.13264).
    pub struct Iqm = "iqm" in Statistic {
        /// A metric of a stage, such as `controller.score`.
        metric: String = Ty::Metric, effect Inert;
        /// What becomes of lanes in which the stage was skipped: `leave_out` takes the others, `fail` does not meet the claim.
        skipped: Option<String> = SKIPPED, effect Inert;
    }
}

builtin! {
    /// Relative gain of one metric over another, paired by seed: the mean of (metric - over) / |over|.
    pub struct Gain = "gain" in Statistic {
        /// A metric of a stage.
        metric: String = Ty::Metric, effect Inert;
        /// What it is compared with.
        over: String = Ty::Metric, effect Inert;
        /// What becomes of lanes in which the stage was skipped: `leave_out` takes the others, `fail` does not meet the claim.
        skipped: Option<String> = SKIPPED, effect Inert;
    }
}

builtin! {
    /// Standard deviation over episodes, averaged over seeds.
    pub struct Spread = "spread" in Statistic {
        /// A metric of a stage.
        metric: String = Ty::Metric, effect Inert;
        /// What becomes of lanes in which the stage was skipped: `leave_out` takes the others, `fail` does not meet the claim.
        skipped: Option<String> = SKIPPED, effect Inert;
    }
}

builtin! {
    /// Probability that one metric is better than another on a random pair of runs (Agarwal et al. 2021, arXiv:2108.13264).
    pub struct ProbabilityOfImprovement = "probability_of_improvement" in Statistic {
        /// A metric of a stage.
        metric: String = Ty::Metric, effect Inert;
        /// What it is compared with.
        over: String = Ty::Metric, effect Inert;
        /// What becomes of lanes in which the stage was skipped: `leave_out` takes the others, `fail` does not meet the claim.
        skipped: Option<String> = SKIPPED, effect Inert;
    }
}

builtin! {
    /// How many lanes satisfy a comparison of a metric, such as `count(controller.score >= 70 points)`.
    ///
    /// ```align
    /// report study { expect count(controller.score >= 70 points) >= 12 }
    /// ```
    pub struct Count = "count" in Statistic {
        /// A metric of a stage compared with a number.
        claim: Value = Ty::Condition, effect Inert;
        /// What becomes of lanes in which the stage was skipped: `leave_out` takes the others, `fail` does not meet the claim.
        skipped: Option<String> = SKIPPED, effect Inert;
    }
}

builtin! {
    /// Successive halving: at each point only the best share of the lanes goes on (Jamieson and Talwalkar 2016).
    pub struct Halving = "halving" in Prune {
        /// The metric that ranks lanes.
        metric: String = Ty::Metric, effect Inert;
        /// Share of the lanes that goes on, such as `1/3`.
        keep: f64 = Ty::Float, default "0.5", bounds Bounds::open(0.0, 1.0), effect Inert;
        /// Points of a stage's budget at which lanes are compared.
        at: Vec<Quantity> = Ty::List(&Ty::Quantity(&[Dim::Share])), effect Inert;
    }
}
