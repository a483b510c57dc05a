//! Stop rules, failure actions, checkpoint rules, statistics and pruning, and the only list of them.
//!
//! Definitions only: rules and actions are evaluated by the runtime, on data of `align-plan`.

use align_schema::Builtin;

mod action;
mod keep;
mod metric;
mod statistic;
mod stop;

pub use action::{Fail, Pause, Retry, Rollback, Skip};
pub use keep::{Best, Last};
pub use metric::{DRAWN, EVALUATION, LOSSES, Metric, TRAINING, VALUE, metric};
pub use statistic::{Count, Gain, Halving, Iqm, MeanCi, ProbabilityOfImprovement, Spread};
pub use stop::{Diverges, Flat, Plateau, Reaches};

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[
    Plateau::BUILTIN,
    Reaches::BUILTIN,
    Flat::BUILTIN,
    Diverges::BUILTIN,
    Retry::BUILTIN,
    Rollback::BUILTIN,
    Skip::BUILTIN,
    Fail::BUILTIN,
    Pause::BUILTIN,
    Best::BUILTIN,
    Last::BUILTIN,
    MeanCi::BUILTIN,
    Iqm::BUILTIN,
    Gain::BUILTIN,
    Spread::BUILTIN,
    Count::BUILTIN,
    ProbabilityOfImprovement::BUILTIN,
    Halving::BUILTIN,
];
