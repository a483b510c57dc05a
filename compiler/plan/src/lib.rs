//! The plan: the only thing that the runtime receives from the compiler.
//!
//! A plan is plain, versioned, serialisable data: lanes, nodes in topological order, and reports.  It knows no syntax (a
//! place in a file is just `file:line`), and no store.

mod condition;
mod key;
mod node;

pub use condition::{
    Action, Arm, Better, Budget, Cmp, Condition, EventKind, FailScope, MetricRef, Operand, Target,
};
pub use key::{Digest, Key, Part, key, parts};
pub use node::{
    Carry, EvalSpec, Expect, Field, Gate, KeepRule, KeepSpec, Lane, Need, Node, NodeId, NodeKind,
    Place, Plan, Report, Sweep, VERSION,
};
