//! What is done when something goes wrong in a stage?
//!
//! An action that never fired shapes nothing, so its arguments are inert; one that fired is recorded in the key of what follows.

use align_schema::{Bounds, Call, Dim, Quantity, Ty, Value, builtin};

/// Factors on fields of the stage, by dotted path.
const SCALE: Ty = Ty::RecordOf(&Ty::Float);

builtin! {
    /// A new attempt from the newest good checkpoint.
    pub struct Retry = "retry" in Action {
        /// How often; must be given.
        times: Option<u64> = Ty::Int, bounds Bounds::closed(1.0, 1000.0), effect Inert;
        /// Pause before the first one.
        wait: Quantity = Ty::Quantity(&[Dim::Time]), default "0 s", bounds Bounds::at_least(0.0), effect Inert;
        /// Factor on the pause from one to the next.
        backoff: f64 = Ty::Float, default "1.0", bounds Bounds::at_least(1.0), effect Inert;
        /// Factors on fields, such as `{ batch: 0.5 }`; they accumulate.
        scale: Option<Value> = SCALE, effect Inert;
    }
}

builtin! {
    /// A new attempt from an older checkpoint.
    pub struct Rollback = "rollback" in Action {
        /// Where to: `best` or `last` of this stage, or a checkpoint of an earlier one.
        to: Value = Ty::Target, default "best", effect Inert;
        /// Factors on fields, such as `{ optim.lr: 0.5 }`; they accumulate.
        scale: Option<Value> = SCALE, effect Inert;
        /// How often; must be given, except with `then`.
        times: Option<u64> = Ty::Int, bounds Bounds::closed(1.0, 1000.0), effect Inert;
        /// What follows: without it training goes on; `skip` ends the stage with that checkpoint.
        then: Option<Call> = Ty::Call(align_schema::Group::Action), effect Inert;
    }
}

builtin! {
    /// The stage hands its starting checkpoint on; what needs its own metrics is skipped too.
    pub struct Skip = "skip" in Action {}
}

builtin! {
    /// Give up.
    pub struct Fail = "fail" in Action {
        /// How far: this stage (and what needs it), the lane, or the whole sweep.
        scope: String = Ty::Enum(&["stage", "lane", "sweep"]), default "stage", effect Inert;
    }
}

builtin! {
    /// Stop here until a person accepts the result.
    pub struct Pause = "pause" in Action {}
}
