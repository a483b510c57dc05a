//! Which checkpoints stay, and which one a sequence carries to its next round?

use align_schema::{Bounds, Ty, builtin};

builtin! {
    /// The checkpoint with the best value of a metric.
    pub struct Best = "best" in Keep {
        /// The metric that ranks.
        metric: String = Ty::Metric, default "score", effect Observe;
    }
}

builtin! {
    /// The newest checkpoints.
    pub struct Last = "last" in Keep {
        /// How many.
        n: u64 = Ty::Int, default "1", bounds Bounds::at_least(1.0), effect Observe;
    }
}
