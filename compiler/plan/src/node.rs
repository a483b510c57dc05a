//! Lanes, nodes and reports.

use std::collections::BTreeMap;
use std::fmt;

use align_schema::{Effect, Port, Quantity, Value};
use serde::{Deserialize, Serialize};

use crate::condition::{Arm, Better, Budget, Condition};

/// Version of the serialised form; a plan of another version is refused.
pub const VERSION: u32 = 2;

/// Everything that is to hold after a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`VERSION`] of the tool that wrote it.
    pub version: u32,
    /// Edition of the language.
    pub edition: u32,
    /// The file that was compiled, as it was named.
    pub file: String,
    /// One entry an instance of a pipeline; a file without a sweep has one.
    pub lanes: Vec<Lane>,
    /// Every node, those that it needs before it.
    pub nodes: Vec<Node>,
    /// Reports, in the order written.
    pub reports: Vec<Report>,
    /// `parallel` of the sweep: lanes at a time (0: as many as there are cores).
    pub parallel: u64,
    /// How each sweep is to be carried out.
    pub sweeps: Vec<Sweep>,
}

/// What a sweep says of its lanes as a whole.  None of it is in a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// Its name, as [`Lane::sweep`] has it.
    pub name: String,
    /// Whether the first lane that fails ends the others.
    pub fail_fast: bool,
    /// The call of `prune`, if it has one.
    pub prune: Option<Value>,
}

/// One instance of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lane {
    /// Unique name for people, such as `study[task=maze2d-umaze-v1,seed=0]`; `main` without a sweep.
    pub id: String,
    /// The pipeline's name (empty: the file's own).
    pub pipeline: String,
    /// The sweep's name, if a sweep made it.
    pub sweep: Option<String>,
    /// Values of the pipeline's parameters.
    pub axes: Vec<(String, Value)>,
    /// The lane's seed (0 without a `Seed` parameter).
    pub seed: u64,
}

/// Name of a node for people: `lane/stage` or `lane/stage#2` for a later round.  Never part of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub String);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// Makes a dataset.
    Dataset,
    /// Trains a model.
    Stage,
    /// Takes the best of its rounds.
    Sequence,
    /// Evaluates a cascade of models.
    Cascade,
}

/// A place in a source file, for messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// File as named on the command line or by `use`.
    pub file: String,
    /// 1-based line.
    pub line: u32,
}

/// A field with what a change of it means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Canonical value.
    pub value: Value,
    /// Effect class after resolution (a `budget` that a schedule reads is `Identity`).
    pub effect: Effect,
    /// Where it was written (of the block, for a default).
    pub place: Place,
}

/// An edge of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Need {
    /// What it is for: `data`, `from`, `member.0`, or the argument path such as `loss.reference`.
    pub role: String,
    /// The producer.
    pub node: NodeId,
    /// What of it.
    pub port: Port,
}

/// A node of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Name for people.
    pub id: NodeId,
    /// The lane's id.
    pub lane: String,
    /// Name in the program.
    pub name: String,
    /// Round of its sequence, from 1.
    pub round: u32,
    /// What it does.
    pub kind: NodeKind,
    /// Edges; a `Value::Ref` in a field is an index into them.
    pub needs: Vec<Need>,
    /// Every field of the block with defaults filled in, keyed by name.  A stage and a cascade hold the whole model under
    /// `model` (a record of the model block's fields, plus `name`); a stage in an environment has `env`.
    pub fields: BTreeMap<String, Field>,
    /// The lane's seed.
    pub seed: u64,
    /// Stages: how long at most.
    pub budget: Option<Budget>,
    /// Stages and sequences: when it is good enough.
    pub until: Option<Condition>,
    /// Stages and cascades: when and how it is evaluated.
    pub eval: Option<EvalSpec>,
    /// Stages: what is kept.
    pub keep: Option<KeepSpec>,
    /// Stages: what to do when something goes wrong, first match wins.
    pub arms: Vec<Arm>,
    /// A node of round 2 or later runs only if its sequence goes on.
    pub gate: Option<Gate>,
    /// Sequences: how the next round starts.
    pub carry: Option<Carry>,
    /// Where the block stands.
    pub place: Place,
}

impl Node {
    /// The value of a field.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).map(|f| &f.value)
    }
    /// Index of the need with this role.
    pub fn need(&self, role: &str) -> Option<usize> {
        self.needs.iter().position(|n| n.role == role)
    }
}

/// The sequence and round that a node belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// The sequence node.
    pub sequence: NodeId,
    /// From 2.
    pub round: u32,
}

/// Which checkpoint goes from one round to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carry {
    /// Metric that ranks rounds.
    pub metric: String,
    /// Its better direction.
    pub better: Better,
    /// `Best` or `Last` of the last member.
    pub port: Port,
}

/// When a stage is evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalSpec {
    /// Every so many `steps` or `env_steps` (already resolved from the default, a tenth of the budget).
    pub every: Quantity,
    /// Episodes an evaluation.
    pub episodes: u64,
}

/// What checkpoints are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeepSpec {
    /// Every so many `steps` or `env_steps`.
    pub every: Quantity,
    /// Rules; `Best` and `Last` are always there.
    pub rules: Vec<KeepRule>,
}

/// A rule of what is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepRule {
    /// The best by a metric.
    Best {
        /// Metric name.
        metric: String,
        /// Its better direction.
        better: Better,
    },
    /// The newest so many.
    Last(u64),
}

/// A report over lanes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Name of what it reports on (sweep or pipeline).
    pub of: String,
    /// Its `table` call, if given.
    pub table: Option<Value>,
    /// Claims to check.
    pub expects: Vec<Expect>,
}

/// A claim of a report: `iqm(controller.score) >= 70 points`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expect {
    /// As written.
    pub text: String,
    /// Left side: a call to a statistic, a metric as `Name("stage.metric")`, or a number.
    pub left: Value,
    /// Comparison.
    pub op: crate::condition::Cmp,
    /// Right side, like the left.
    pub right: Value,
    /// Where.
    pub place: Place,
}
