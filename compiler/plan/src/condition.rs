//! Convergence conditions and failure policies, as data.  Evaluating them is the runtime's work.

use align_schema::{Dim, Quantity};
use serde::{Deserialize, Serialize};

/// Which way a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Larger is better.
    Up,
    /// Smaller is better.
    Down,
}

/// A metric that a condition reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricRef {
    /// Its name in the stage's own history, such as `score` or `valid.loss`.
    pub name: String,
    /// Its better direction.
    pub better: Better,
}

/// A convergence condition: a pure function of the metric history.  NaN and infinity never satisfy one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// All hold.
    And(Vec<Condition>),
    /// One holds.
    Or(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// The best value has not improved by at least `improve` for `patience` evaluations (rounds, in a sequence) in a row.
    Plateau {
        /// What is watched.
        metric: MetricRef,
        /// A share is relative to the best so far, anything else is absolute.
        improve: Quantity,
        /// Evaluations (or rounds).
        patience: u64,
        /// Evaluations before this many steps do not count.
        warmup: Option<Quantity>,
    },
    /// The metric is at `value` or on its better side.
    Reaches {
        /// What is watched.
        metric: MetricRef,
        /// The bound, in base units.
        value: f64,
    },
    /// The standard deviation of the last `over` evaluations is within `within`.
    Flat {
        /// What is watched.
        metric: MetricRef,
        /// A share is relative to the mean of the window's magnitude, anything else is absolute.
        within: Quantity,
        /// Evaluations.
        over: u64,
    },
    /// The metric is worse than the best so far by at least `worse`.
    Diverges {
        /// What is watched.
        metric: MetricRef,
        /// A share is relative.
        worse: Quantity,
    },
    /// `left op right`.
    Compare {
        /// Left side.
        left: Operand,
        /// Comparison.
        op: Cmp,
        /// Right side.
        right: Operand,
    },
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operand {
    /// Newest value of a metric.
    Metric(MetricRef),
    /// A clock of the stage: `steps`, `env_steps`, `evals`.
    Clock(Dim),
    /// A number in base units.
    Number(f64),
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cmp {
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `==`
    Eq,
    /// `!=`
    Ne,
}

impl Cmp {
    /// The same comparison read from its other side: `a op b` holds where `b op.mirrored() a` does.
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Cmp::Lt => Cmp::Gt,
            Cmp::Le => Cmp::Ge,
            Cmp::Gt => Cmp::Lt,
            Cmp::Ge => Cmp::Le,
            same => same,
        }
    }

    /// Whether `a op b` holds; never with a NaN.
    pub fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Cmp::Lt => a < b,
            Cmp::Le => a <= b,
            Cmp::Gt => a > b,
            Cmp::Ge => a >= b,
            Cmp::Eq => (a - b).abs() == 0.0,
            Cmp::Ne => (a - b).abs() > 0.0,
        }
    }
    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            Cmp::Lt => "<",
            Cmp::Le => "<=",
            Cmp::Gt => ">",
            Cmp::Ge => ">=",
            Cmp::Eq => "==",
            Cmp::Ne => "!=",
        }
    }
}

/// How long a stage may train: it ends at whichever limit comes first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Limits in `steps`, `env_steps`, `epochs` or time.
    pub any: Vec<Quantity>,
    /// Whether a schedule reads it (then it is part of the key).
    pub read: bool,
}

/// What can go wrong in a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A loss, gradient or metric that is not finite.
    Nan,
    /// Memory ran out.
    Oom,
    /// The worker died.
    Crash,
    /// The worker made no progress.
    Timeout,
    /// The data is unusable.
    Data,
    /// A metric is worse than a reference checkpoint's.
    Regression {
        /// What is compared.
        metric: MetricRef,
        /// How much worse it may get: a share is relative, points absolute.
        worse: Quantity,
        /// Index into the node's needs: the checkpoint whose metric is the reference.
        than: usize,
    },
    /// Nothing is left to learn from: rewards do not differ, or gradients are zero.
    DeadSignal,
    /// The plans drawn for one state have become one.
    Collapse,
    /// The critic's value rose while the score fell.
    Overoptimised,
    /// Anything else.
    Else,
}

/// Which checkpoint a rollback returns to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The stage's best so far; its start when nothing was kept yet.
    Best,
    /// The stage's newest.
    Last,
    /// A checkpoint of an earlier node: index into the node's needs.
    Need(usize),
}

/// How far a failure reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailScope {
    /// This stage, and what needs it.
    Stage,
    /// The whole lane.
    Lane,
    /// The whole sweep.
    Sweep,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A new attempt from the newest good checkpoint.
    Retry {
        /// How often.
        times: u64,
        /// Seconds before the first one.
        wait: f64,
        /// Factor on the wait from one to the next.
        backoff: f64,
        /// Factors on fields, by dotted path.
        scale: Vec<(String, f64)>,
    },
    /// A new attempt from an older checkpoint.
    Rollback {
        /// Which.
        to: Target,
        /// Factors on fields, by dotted path; they accumulate.
        scale: Vec<(String, f64)>,
        /// How often.
        times: u64,
        /// What follows the rollback: by default training goes on; `skip` ends the stage with that checkpoint.
        then: Option<Box<Action>>,
    },
    /// The stage hands its input checkpoint on.
    Skip,
    /// Give up.
    Fail(FailScope),
    /// Stop here until a person accepts.
    Pause,
}

/// An event and what to do about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// When.
    pub event: EventKind,
    /// What.
    pub action: Action,
}
