//! How a cascade picks among samples: definitions, and the only list of them.

use align_schema::{Bounds, Builtin, Ref, Ty, builtin};

builtin! {
    /// Draws `n` plans for each start and keeps the one that the critic values most.
    ///
    /// The value of a plan is the mean over its steps of `min(Q1, Q2)(s, a)`.
    ///
    /// Source: Monte Carlo sampling with selection, as in Lu et al., What Makes a Good Diffusion Planner, arXiv 2503.00535.
    ///
    /// Example: `pick = best_of(16, critic: value.best)`
    pub struct BestOf = "best_of" in Pick {
        /// Plans drawn for each start.
        n: usize = Ty::Int, default "16", bounds Bounds::closed(1.0, 1024.0);
        /// The critic that ranks them.
        critic: Ref = Ty::Checkpoint;
    }
}

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[BestOf::BUILTIN];
