//! Types of fields and arguments, their bounds and their effect classes.

use crate::builtin::{DataKind, Group};
use crate::unit::Dim;

/// What a field or an argument takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ty {
    /// A whole number without a unit.
    Int,
    /// A real number without a unit.
    Float,
    /// `true`, `false`, `on`, `off`.
    Bool,
    /// A quoted text.
    Str,
    /// A number with a unit of one of these dimensions.
    Quantity(&'static [Dim]),
    /// A number without a unit, or one with a unit of these dimensions.
    Amount(&'static [Dim]),
    /// One of these words.
    Enum(&'static [&'static str]),
    /// `[T]`.
    List(&'static Ty),
    /// A call to (or the bare name of) a builtin of this group.
    Call(Group),
    /// A record whose keys are dotted paths of fields and whose values are of this type.
    RecordOf(&'static Ty),
    /// A trained model: `stage.best`, `.last`, `.at(N steps)`.
    Checkpoint,
    /// A checkpoint of a critic with one of these networks.
    CriticOf(&'static [&'static str]),
    /// The name of a metric of the stage at hand, or of another one (`value.loss`).
    Metric,
    /// A stop rule: calls, comparisons, `and`, `or`, `not`.
    Condition,
    /// A budget: quantities joined by `or`.
    Budget,
    /// A filter on episodes: a comparison with a metric of the data, or a call.
    Filter,
    /// The name of an environment task.
    Task,
    /// A dataset of this kind.
    Dataset(DataKind),
    /// How the data is split: `{ train: 90%, valid: 10% } by episode`.
    Split,
    /// A checkpoint or one of some words (`collect(by: waypoint)` or `by: pretrain.best`).
    CheckpointOr(&'static [&'static str]),
    /// A quantity of these dimensions, or the word `budget` (reading the stage's budget).
    QuantityOrBudget(&'static [Dim]),
    /// The target of a failure action: `best`, `last` or a checkpoint.
    Target,
}

/// What a change of a field means for a finished node (`language.md` section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Part of the key: the node runs again from its start.
    Identity,
    /// How long, not what: the run is a prefix; continue or cut back.
    Extent,
    /// What is looked at: evaluate kept checkpoints again.
    Observe,
    /// Nothing.
    Inert,
}

/// An interval of numbers, in base units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
    /// Whether `lo` itself is allowed.
    pub lo_in: bool,
    /// Whether `hi` itself is allowed.
    pub hi_in: bool,
}

impl Bounds {
    /// `(lo, hi)`.
    pub const fn open(lo: f64, hi: f64) -> Self {
        Self {
            lo,
            hi,
            lo_in: false,
            hi_in: false,
        }
    }
    /// `[lo, hi]`.
    pub const fn closed(lo: f64, hi: f64) -> Self {
        Self {
            lo,
            hi,
            lo_in: true,
            hi_in: true,
        }
    }
    /// `(0, inf)`.
    pub const fn positive() -> Self {
        Self {
            lo: 0.0,
            hi: f64::INFINITY,
            lo_in: false,
            hi_in: false,
        }
    }
    /// `[lo, inf)`.
    pub const fn at_least(lo: f64) -> Self {
        Self {
            lo,
            hi: f64::INFINITY,
            lo_in: true,
            hi_in: false,
        }
    }
    /// Whether a number lies inside.
    pub fn contain(&self, x: f64) -> bool {
        let above = if self.lo_in {
            x >= self.lo
        } else {
            x > self.lo
        };
        let below = if self.hi_in {
            x <= self.hi
        } else {
            x < self.hi
        };
        above && below
    }
}

impl std::fmt::Display for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.lo.is_finite(), self.hi.is_finite()) {
            (true, false) => write!(
                f,
                "{} {}",
                if self.lo_in { "at least" } else { "above" },
                self.lo
            ),
            (false, true) => write!(
                f,
                "{} {}",
                if self.hi_in { "at most" } else { "below" },
                self.hi
            ),
            _ => write!(
                f,
                "in {}{}, {}{}",
                if self.lo_in { '[' } else { '(' },
                self.lo,
                self.hi,
                if self.hi_in { ']' } else { ')' }
            ),
        }
    }
}
