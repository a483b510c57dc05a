//! What the runtime tells people and programs: events of a run, states of nodes, entries of a plan.
//!
//! The serialised form is a contract (`align run --json`, `status --json`, `plan --json`).

use std::collections::BTreeMap;

use align_plan::{Digest, Key, NodeId, NodeKind};
use serde::{Deserialize, Serialize};

/// Why a stage stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// Its condition held; the text says which and why, such as `plateau of score, 5 evals under +1 points`.
    Rule(String),
    /// The budget was used up; the text is the limit, such as `12k steps`.  `clock` when it was a time limit.
    Budget {
        /// The limit.
        limit: String,
        /// Whether wall time decided.
        clock: bool,
    },
    /// A failure action ended it.
    Event(String),
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stop::Rule(text) | Stop::Event(text) => f.write_str(text),
            Stop::Budget {
                limit,
                clock: false,
            } => write!(f, "budget of {limit}"),
            Stop::Budget { limit, clock: true } => write!(f, "the clock, budget of {limit}"),
        }
    }
}

/// A failure event and the action taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// `nan`, `crash`, `regression`, `collapse`, ...
    pub event: String,
    /// What exactly, such as the metric or the signal.
    pub detail: String,
    /// Step at which it happened.
    pub step: u64,
    /// `rollback`, `retry`, `skip`, `fail`; `warning` where no arm answered a guard and the stage went on.
    pub action: String,
    /// Step that training goes on from (none when it does not).
    pub to_step: Option<u64>,
    /// The metric before, for a regression.
    pub from: Option<f64>,
    /// The metric after.
    pub to: Option<f64>,
    /// Attempt number that it ended.
    pub attempt: u32,
}

/// State of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Not started, or its inputs are missing.
    Waiting,
    /// A worker is on it.
    Running,
    /// Its record is in the store.
    Done,
    /// It gave up.
    Failed,
    /// It was passed over; the reason is in the status.
    Skipped,
    /// Its lane was stopped by `prune` of its sweep, for others were better; what it had reached is in the status.
    Pruned,
}

/// What is known of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Which.
    pub id: NodeId,
    /// Its kind.
    pub kind: NodeKind,
    /// Its state.
    pub state: NodeState,
    /// Training steps done.
    pub steps: u64,
    /// Metrics of the best checkpoint.
    pub best: BTreeMap<String, f64>,
    /// Newest metrics.
    pub last: BTreeMap<String, f64>,
    /// Why it stopped.
    pub stopped_by: Option<String>,
    /// Failure actions taken, in order.
    pub events: Vec<EventRecord>,
    /// Content digest of its final checkpoint (or dataset).
    pub checkpoint: Option<Digest>,
    /// Content digests of what other nodes may take: `best`, `last`, `data`.
    pub outputs: BTreeMap<String, Digest>,
    /// Its key, when its inputs are known.
    pub key: Option<Key>,
    /// Seconds of wall time spent in it, all attempts together.
    pub seconds: f64,
    /// Per-episode normalised scores of the best evaluation.
    pub episodes: Vec<f64>,
    /// Undiscounted returns of the same episodes.
    #[serde(default)]
    pub returns: Vec<f64>,
    /// Metric name to (step, value) points, for curves.
    pub history: BTreeMap<String, Vec<(u64, f64)>>,
    /// Why it was skipped or failed.
    pub note: Option<String>,
}

/// What a run would do with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanAction {
    /// The store has it.
    Reuse,
    /// Continue from its last checkpoint.
    Resume,
    /// Cut back to an earlier checkpoint, no training.
    Cut,
    /// Run again from the start.
    Rerun,
    /// Evaluate kept checkpoints again.
    Reevaluate,
    /// Never run before.
    New,
    /// Depends on what comes before it.
    Unknown,
}

/// A node of `align plan`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanEntry {
    /// Which.
    pub id: NodeId,
    /// Its kind.
    pub kind: NodeKind,
    /// What would be done.
    pub action: PlanAction,
    /// Why, in a few words.
    pub reason: String,
    /// Its key, when its inputs are known.
    pub key: Option<Key>,
    /// Nodes that it needs.
    pub needs: Vec<NodeId>,
}

/// What happens in a run, as it happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunEvent {
    /// A node starts (or continues) in a worker.
    Started {
        /// Which.
        id: NodeId,
        /// Its kind.
        kind: NodeKind,
        /// Attempt number, from 1.
        attempt: u32,
        /// Step that it continues from.
        from_step: u64,
        /// Limit in steps, when there is one.
        total_steps: Option<u64>,
        /// Where its worker runs, such as `libtorch:cuda:3`.
        #[serde(default)]
        device: Option<String>,
    },
    /// Progress of a worker.
    Progress {
        /// Which.
        id: NodeId,
        /// Steps done.
        step: u64,
        /// Environment steps done.
        env_steps: u64,
        /// Steps per second.
        rate: f64,
        /// Share of the budget that is used, 0 to 1.
        used: f64,
        /// Seconds left at this rate, at most.
        left: Option<f64>,
        /// Newest metrics.
        metrics: BTreeMap<String, f64>,
        /// Which condition is how near, such as `plateau of score 2/5 evals`.
        nearest: Option<String>,
    },
    /// An evaluation.
    Evaluated {
        /// Which.
        id: NodeId,
        /// At step.
        step: u64,
        /// Its metrics.
        metrics: BTreeMap<String, f64>,
        /// Whether it is the best so far.
        best: bool,
    },
    /// A checkpoint is durable.
    Checkpointed {
        /// Which.
        id: NodeId,
        /// At step.
        step: u64,
        /// Its content digest.
        digest: Digest,
    },
    /// A decision, as one line for people: `pretrain stopped at 12k steps: plateau of score, 5 evals under +1 points`.
    Decision {
        /// Which.
        id: NodeId,
        /// The line.
        text: String,
    },
    /// A failure event was handled.
    Handled {
        /// Which.
        id: NodeId,
        /// What and how.
        record: EventRecord,
    },
    /// Something that no arm answers: said once a stage, which goes on.
    Warned {
        /// Which.
        id: NodeId,
        /// What, with its numbers; its action is `warning`.
        record: EventRecord,
    },
    /// Something about the run as a whole, as one line for people.
    Note {
        /// The line.
        text: String,
    },
    /// Files of the program were saved with other contents (`align watch`).
    Edited {
        /// Their paths, as the program names them.
        files: Vec<String>,
    },
    /// What was saved has errors: all that runs goes on as it was (`align watch`).
    Refused {
        /// How many.
        errors: usize,
        /// All of them, for people.
        text: String,
    },
    /// Nothing is left to do until the next save (`align watch`).
    Settled {
        /// Nodes that have a result.
        done: usize,
        /// Nodes that failed.
        failed: usize,
        /// Nodes that were passed over, or whose lane was pruned.
        skipped: usize,
    },
    /// A node is done, failed, skipped or pruned.
    Finished {
        /// Its status.
        status: Box<NodeStatus>,
        /// Whether it came from the store, without work.
        reused: bool,
    },
}
