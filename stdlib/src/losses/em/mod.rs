//! What is `em`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, Call, DataKind, Dim, Group, Ref, Ty, builtin};

builtin! {
    /// Expectation and maximisation: search for good plans, then learn to draw them.
    ///
    /// A step of the budget is one round.  E: for `states` states of the data, `search` draws plans from the model as it is and keeps one each.  M:
    /// `distill` optimiser steps of the denoising loss on what was found (the forward divergence from it).  `diversity` of every evaluation
    /// says whether plans of one state have become one.
    ///
    /// Use it where plans must stay varied: it never pushes a plan away, as gradients of a value do.  It fails where the search finds nothing
    /// better than the model itself, `reward` then does not rise above that of the first round; and like all of its kind it can only be as
    /// good as its critic.
    ///
    /// Source: DAV, arXiv 2510.00502; as a method: Dempster et al. (1977), and Peters and Schaal (2007) on rewards.
    ///
    /// Example: `loss = em(search: particles(16, temperature: 0.5), distill: 20 steps, critic: value.best)`
    pub struct Em = "em" in Loss {
        /// How plans are searched for.
        search: Call = Ty::Call(Group::Search), default "particles()";
        /// Optimiser steps on what was found.
        distill: usize = Ty::Quantity(&[Dim::Steps]), default "20 steps", bounds Bounds::closed(1.0, 100_000.0);
        /// The critic that says what is good.
        critic: Ref = Ty::Checkpoint;
        /// States of a round.
        states: usize = Ty::Int, default "64", bounds Bounds::closed(1.0, 65536.0);
    }
    data: &[DataKind::Rollouts], metrics: &["reward", "reward.spread"]
}
