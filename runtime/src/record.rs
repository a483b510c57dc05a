//! What is written down: checkpoints, journals of attempts, decisions, results.  Plain data, no behaviour but small look-ups.
//!
//! Whatever goes into a [`Manifest`] is a function of the node's key, fields and events alone: no wall time, no attempt number.

use std::collections::BTreeMap;

use align_plan::{Arm, Digest, Key, NodeId, NodeKind};
use align_runtime_api::{Episodes, EventRecord, Job, Stop};
use align_schema::{Port, Quantity};
use serde::{Deserialize, Serialize};

/// Metrics by name.
pub type Metrics = BTreeMap<String, f64>;

/// A place in a training run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pos {
    /// Optimiser steps done.
    pub step: u64,
    /// Environment steps done.
    pub env_steps: u64,
}

/// One evaluation, with the means of the training metrics since the one before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Where.
    pub at: Pos,
    /// What it found.
    pub metrics: Metrics,
}

/// Training metrics, thinned so that their number stays bounded: a pure function of what was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    stride: u64,
    seen: u64,
    /// Step and metrics.
    pub points: Vec<(u64, Metrics)>,
}

impl Default for Curve {
    fn default() -> Self {
        Self {
            stride: 1,
            seen: 0,
            points: Vec::new(),
        }
    }
}

impl Curve {
    const MOST: usize = 200;

    /// Adds a reading, and drops every other one when there are too many.
    pub fn push(&mut self, step: u64, metrics: Metrics) {
        if self.seen.is_multiple_of(self.stride) {
            self.points.push((step, metrics));
        }
        self.seen += 1;
        if self.points.len() > Self::MOST {
            let mut i = 0;
            self.points.retain(|_| {
                i += 1;
                i % 2 == 1
            });
            self.stride *= 2;
        }
    }
}

/// An artifact of a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// Where in training (zero for a dataset).
    pub at: Pos,
    /// Content digest: of the sorted file names and the digests of the files.
    pub digest: Option<Digest>,
    /// The manifest, when it is a checkpoint that training can go on from.
    pub manifest: Option<Digest>,
    /// File name to blob.
    pub files: BTreeMap<String, Digest>,
    /// Metrics of the evaluation at or before it.
    pub metrics: Metrics,
    /// What each episode of that evaluation came to.
    pub episodes: Episodes,
}

/// A failure action that changed the course of training: from here on, the weights are other than an undisturbed run's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// The event.
    pub event: String,
    /// Where it happened.
    pub step: u64,
    /// What was done.
    pub action: String,
    /// Factors on fields.
    pub scale: Vec<(String, f64)>,
    /// The need whose checkpoint training started again from, if it did.
    pub from_need: Option<usize>,
}

/// The state of a stage beside its weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Where.
    pub at: Pos,
    /// Environment steps of the newest training step.
    pub last_env: u64,
    /// Samples used.
    pub samples: u64,
    /// Position of the newest evaluation that the cadence asked for.
    pub eval_at: Option<Pos>,
    /// Position of the newest checkpoint that the cadence asked for.
    pub keep_at: Option<Pos>,
    /// Evaluations so far.
    pub history: Vec<Point>,
    /// Episodes of the newest evaluation.
    pub episodes: Episodes,
    /// Sum and number of the training metrics since the newest evaluation.
    pub window: BTreeMap<String, (f64, u64)>,
    /// Training metrics.
    pub curve: Curve,
    /// Step and value of the best evaluation.
    pub best: Option<(u64, f64)>,
    /// Checkpoints that are kept, oldest first.
    pub kept: Vec<Output>,
    /// Failure actions that shaped these weights.
    pub turns: Vec<Turn>,
}

/// A checkpoint: the record that makes its files one thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`Manifest::VERSION`].
    pub version: u32,
    /// File name to blob.
    pub files: BTreeMap<String, Digest>,
    /// Digest of `files`.
    pub digest: Digest,
    /// Metrics of the evaluation at or before it.
    pub metrics: Metrics,
    /// Its episodes.
    pub episodes: Episodes,
    /// Not asked for by a cadence, so not among those kept (the end of a budget, an interrupt).
    pub extra: bool,
    /// Everything else needed to go on.
    pub progress: Progress,
}

impl Manifest {
    /// Version of the form.
    pub const VERSION: u32 = 1;
}

/// The content digest of some files.
pub fn content(files: &BTreeMap<String, Digest>) -> Digest {
    let mut hasher = blake3::Hasher::new_derive_key("align artifact v1");
    for (name, digest) in files {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(digest.0.as_bytes());
    }
    Digest(hasher.finalize().to_hex().to_string())
}

/// Something that a failure policy decides on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// `nan`, `oom`, `crash`, `timeout`, `data`, `regression`, `dead_signal`, `collapse`, `overoptimised`.
    pub kind: String,
    /// The arm that watches it, for a regression.
    pub arm: Option<usize>,
    /// What exactly.
    pub detail: String,
    /// Where.
    pub step: u64,
    /// The metric of the reference, for a regression.
    pub from: Option<f64>,
    /// The metric now.
    pub to: Option<f64>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The result is in the store.
    Done,
    /// It was asked to stop: there is a checkpoint, run it again.
    Paused,
    /// Something went wrong.
    Event(Event),
    /// A newer attempt has taken over.
    Fenced,
}

/// A record in the journal of an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// The worker has its inputs and its state.
    Opened {
        /// Process id.
        pid: u32,
        /// Where it goes on from.
        at: Pos,
        /// Checkpoints that could not be read, and why.
        damaged: Vec<String>,
    },
    /// Sign of life.
    Beat {
        /// Where.
        at: Pos,
        /// Steps per second.
        rate: f64,
        /// Share of the budget used.
        used: f64,
        /// Seconds left, at most.
        left: Option<f64>,
        /// Newest metrics.
        metrics: Metrics,
        /// Words on what is near.
        nearest: Option<String>,
        /// Seconds since this attempt began.
        seconds: f64,
    },
    /// An evaluation.
    Evaluated {
        /// Where.
        at: Pos,
        /// What it found.
        metrics: Metrics,
        /// Whether it is the best so far.
        best: bool,
    },
    /// Something that no arm answers: said once a stage, which goes on.
    Warned {
        /// With its numbers; its action is `warning`.
        record: EventRecord,
    },
    /// A checkpoint is durable.
    Kept {
        /// Where.
        at: Pos,
        /// Its manifest.
        manifest: Digest,
        /// Its content.
        digest: Digest,
        /// Seconds of training that led to it.
        seconds: f64,
        /// Whether it is the best so far.
        best: bool,
    },
    /// A checkpoint is no longer wanted.
    Dropped {
        /// Its manifest.
        manifest: Digest,
    },
    /// The attempt is over.
    Ended {
        /// How.
        ending: Ending,
        /// Where.
        at: Pos,
        /// Seconds since it began.
        seconds: f64,
    },
}

/// A record in the log of a node: what the driver decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Logged {
    /// An event was answered by an action.
    Handled {
        /// For people.
        record: EventRecord,
        /// The arm that answered, as a label.
        arm: String,
        /// The change of course, when there is one.
        turn: Option<Turn>,
        /// Checkpoints to start from, best candidate first.
        resume: Vec<Restore>,
    },
    /// No action was left.
    GaveUp {
        /// Why.
        note: String,
        /// The event that ended it.
        record: Option<EventRecord>,
        /// Attempts up to this one are behind it.
        attempt: u32,
    },
    /// A person asked for a new start.
    Forced {
        /// Attempts up to this one do not count any more.
        attempt: u32,
    },
}

/// A checkpoint to go on from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restore {
    /// Its manifest.
    pub manifest: Digest,
    /// Where.
    pub at: Pos,
    /// Seconds of training that led to it.
    pub seconds: f64,
}

/// What a worker is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Assignment {
    /// The library's part; its key is the one that random streams derive from.
    pub job: Job,
    /// The node's key.
    pub key: Key,
    /// Name of the result record.
    pub extent: String,
    /// Checkpoints to go on from, best candidate first; none means from the start.
    pub resume: Vec<Restore>,
    /// Failure actions that shape what comes.
    pub turns: Vec<Turn>,
    /// Evaluations in place of those that the checkpoints remember: some were made again, or by another cadence.
    #[serde(default)]
    pub history: Option<Vec<Point>>,
    /// Where to stop: at the first evaluation at or past this place, for lanes are compared there.
    #[serde(default)]
    pub hold: Option<Quantity>,
    /// Failure actions so far, for the record.
    pub events: Vec<EventRecord>,
    /// Seconds spent in earlier attempts.
    pub spent: f64,
    /// Steps whose checkpoints other nodes want.
    pub pins: Vec<u64>,
    /// Faults to make, for tests.
    pub faults: Vec<crate::inject::Fault>,
    /// Evaluate these checkpoints again instead of training.
    pub again: Option<Done>,
}

/// The result of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// [`Done::VERSION`].
    pub version: u32,
    /// Name for people, when it was made.
    pub id: NodeId,
    /// Its kind.
    pub kind: NodeKind,
    /// What it did beside its key: see [`Extent`].
    pub extent: Extent,
    /// Its failure policy: an arm that fired has shaped the result.
    pub arms: Vec<Arm>,
    /// Whether it was passed over.
    pub skipped: bool,
    /// Why it ended.
    pub stop: Option<Stop>,
    /// Where it ended.
    pub at: Pos,
    /// Environment steps of its last training step.
    pub last_env: u64,
    /// Samples used.
    pub samples: u64,
    /// The checkpoint with the best metric.
    pub best: Option<Output>,
    /// The newest checkpoint, or the dataset.
    pub last: Option<Output>,
    /// Other checkpoints that are kept.
    pub kept: Vec<Output>,
    /// Evaluations.
    pub history: Vec<Point>,
    /// Training metrics.
    pub curve: Curve,
    /// Failure actions taken.
    pub events: Vec<EventRecord>,
    /// Wall time of all attempts together.
    pub seconds: f64,
    /// Wall time that led to the newest checkpoint.
    pub trained: f64,
    /// Most bytes that its last worker held, as the system counts them; 0: not known.
    #[serde(default)]
    pub peak: u64,
    /// Where the time of its last worker went.
    #[serde(default)]
    pub spans: Spans,
    /// Remark for people.
    pub note: Option<String>,
}

/// Where the wall time of one worker went, and how often; the first of each is left out where there are others, for it is slower.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spans {
    /// Seconds of its life.
    pub whole: f64,
    /// Seconds of training steps, and how many.
    pub steps: (f64, u64),
    /// Seconds of evaluations, and how many.
    pub looks: (f64, u64),
    /// Seconds of checkpoints, and how many.
    pub saves: (f64, u64),
}

impl Done {
    /// Version of the form.
    pub const VERSION: u32 = 1;

    /// What a port gives.
    pub fn output(&self, port: &Port) -> Option<&Output> {
        match port {
            Port::Best => self.best.as_ref().or(self.last.as_ref()),
            Port::Last | Port::Data => self.last.as_ref(),
            Port::At(step) => self
                .kept
                .iter()
                .chain(&self.best)
                .chain(&self.last)
                .find(|o| o.at.step == *step),
        }
    }
}

/// The fields of a node that are not in its key but shape its result: how long, and what is looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Extent {
    /// Limits.
    pub budget: Vec<Quantity>,
    /// The stop rule, as text (a canonical form that is only compared).
    pub until: String,
    /// What evaluations see.
    pub observe: String,
    /// How often they come.
    pub every: String,
    /// What is kept.
    pub keep: String,
}
