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
    /// Successive halving: at each point only the best share of the lanes goes on (Jamieson and Talwalkar 2016, arXiv:1502.07943).
    ///
    /// A point is a share of the budget of the stage whose metric is named (of a sequence: its last member, in the first round; of a metric
    /// without a stage: each stage that has it, one after another). A lane waits at its first evaluation at or past a point until all lanes
    /// of the sweep that are left have come there, and gives its place to another meanwhile; a stage that ends earlier counts with its last
    /// evaluation, and so does one whose budget is a time. Then the best `ceil(keep * n)` of the n lanes go on from their checkpoints, to
    /// the same bytes as without `prune`; the others are `pruned`, which is not a failure. Higher is better, unless the metric says otherwise,
    /// as a loss does; of equal lanes the one listed first goes on; a lane that failed, or has no such value, comes last. What does not lead to
    /// the stage that is compared counts as pruned too, however far it had come.
    ///
    /// The decision is made from stored evaluations alone. After an edit of `prune` it is made again without training anything again, and a
    /// lane that may go on now does so from its checkpoint. Statistics leave pruned lanes out and say how many; their stages keep what they
    /// had reached in tables and curves.
    ///
    /// Halving trusts early scores: where the order of the lanes still changes late, prune late or keep more.
    ///
    /// ```align
    /// sweep study of lane {
    ///     seed in 0..<6
    ///     prune = halving(pretrain.score, keep: 1/3, at: [25%, 50%])
    /// }
    /// ```
    pub struct Halving = "halving" in Prune {
        /// The metric that ranks lanes.
        metric: String = Ty::Metric, effect Inert;
        /// Share of the lanes that goes on, such as `1/3`.
        keep: f64 = Ty::Float, default "0.5", bounds Bounds::open(0.0, 1.0), effect Inert;
        /// Points of a stage's budget at which lanes are compared.
        at: Vec<Quantity> = Ty::List(&Ty::Quantity(&[Dim::Share])), effect Inert;
    }
}
