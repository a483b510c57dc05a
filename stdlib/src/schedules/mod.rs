//! Learning-rate schedules: their definitions, and the only list of them.
//!
//! A schedule is a factor on the optimiser's rate, a function of the progress of the stage.

use align_schema::{Bounds, Builtin, Call, Dim, Group, Ty, Value, builtin};

builtin! {
    /// The rate stays as it is.
    ///
    /// Example: `optim = adamw(lr: 2e-4, schedule: constant())`
    pub struct Constant = "constant" in Schedule {}
}

builtin! {
    /// The rate falls in a straight line, to `floor` of itself at `to`, and stays there.
    ///
    /// Example: `optim = adamw(lr: 2e-4, schedule: linear(to: 10k steps))`
    pub struct Linear = "linear" in Schedule {
        /// Where the fall ends; `budget` is the end of the stage's budget (which then counts as part of what is computed).
        to: Value = Ty::QuantityOrBudget(&[Dim::Steps, Dim::EnvSteps]), default "budget";
        /// Share of the rate that is left.
        floor: f64 = Ty::Float, default "0.0", bounds Bounds::closed(0.0, 1.0);
    }
}

builtin! {
    /// The rate falls along half a cosine, to `floor` of itself at `to`, and stays there.
    ///
    /// `floor + (1 - floor) (1 + cos(pi p)) / 2` for a progress `p` from 0 to 1.
    ///
    /// Source: Loshchilov and Hutter, SGDR, arXiv 1608.03983.
    ///
    /// Example: `optim = adamw(lr: 2e-4, schedule: cosine(to: budget))`
    pub struct Cosine = "cosine" in Schedule {
        /// Where the fall ends; `budget` is the end of the stage's budget (which then counts as part of what is computed).
        to: Value = Ty::QuantityOrBudget(&[Dim::Steps, Dim::EnvSteps]), default "budget";
        /// Share of the rate that is left.
        floor: f64 = Ty::Float, default "0.0", bounds Bounds::closed(0.0, 1.0);
    }
}

builtin! {
    /// The rate rises in a straight line from near zero for some steps, then follows another schedule.
    ///
    /// Example: `optim = adamw(lr: 2e-4, schedule: warmup(500 steps, then: cosine(to: budget)))`
    pub struct Warmup = "warmup" in Schedule {
        /// How long it rises; at the last of them the rate is whole.
        over: Value = Ty::Quantity(&[Dim::Steps, Dim::EnvSteps]), default "500 steps", bounds Bounds::positive();
        /// What follows; its own progress counts from the start of the stage.
        then: Call = Ty::Call(Group::Schedule), default "constant()";
    }
}

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[
    Constant::BUILTIN,
    Linear::BUILTIN,
    Cosine::BUILTIN,
    Warmup::BUILTIN,
];
