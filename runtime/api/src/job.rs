//! A job (what a worker process does), its inputs, and the trait of what trains.

use std::collections::BTreeMap;
use std::path::PathBuf;

use align_plan::{Digest, Key, Need, Node, NodeKind};
use serde::{Deserialize, Serialize};

use crate::fetching::Fetching;

/// Named files of an artifact, in memory.
pub type Files = BTreeMap<String, Vec<u8>>;

/// One input of a job: an artifact of another node, as files that may be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Input {
    /// The edge it stands for.
    pub need: Need,
    /// Kind of the producer.
    pub kind: NodeKind,
    /// Content digest of the artifact.
    pub digest: Digest,
    /// File name (such as `model.safetensors`, `data.safetensors`) to path.
    pub files: BTreeMap<String, PathBuf>,
    /// Metrics recorded with it.
    pub metrics: BTreeMap<String, f64>,
}

/// Everything that a worker needs to know; written to the store before it starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// Content key; random streams derive from it.
    pub key: Key,
    /// What to do, with `scale` of failure actions already applied.
    pub node: Node,
    /// One for each of `node.needs`.
    pub inputs: Vec<Input>,
    /// Such as `cpu-f32`.
    pub numeric: String,
    /// Such as `cpu`.
    pub device: String,
    /// What simulates its task, such as `MuJoCo 3.3.7`, where that is not the library itself: as [`Library::simulator`] said when the key
    /// was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulator: Option<String>,
}

/// Why a job cannot go on; the variant decides which failure event it is.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Event `data`: the input is unusable.
    #[error("{0}")]
    Data(String),
    /// Event `oom`.
    #[error("out of memory: {0}")]
    OutOfMemory(String),
    /// Event `nan`.
    #[error("{what} is not finite at step {step}")]
    NonFinite {
        /// Such as `loss` or `gradient`.
        what: String,
        /// The step that made it.
        step: u64,
    },
    /// Event `crash`: anything else.
    #[error("{0}")]
    Failed(String),
}

/// What one training step tells.
#[derive(Clone, Debug, Default)]
pub struct StepOut {
    /// `loss`, `grad_norm`, `lr` and the loss's own metrics; may be empty when `want_metrics` was false.
    pub metrics: Vec<(String, f64)>,
    /// Environment steps taken in this step.
    pub env_steps: u64,
    /// Training samples used in this step.
    pub samples: u64,
}

/// What one evaluation tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Such as `valid.loss`, `score` (points), `return`, `spread` (standard deviation of the score over episodes).
    pub metrics: BTreeMap<String, f64>,
    /// What each episode came to.
    pub episodes: Episodes,
}

/// What each episode of an evaluation came to, in the order of their random streams.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Episodes {
    /// Normalised scores, in points.
    pub scores: Vec<f64>,
    /// Undiscounted returns, in the task's own units; empty where none were kept.
    pub returns: Vec<f64>,
}

/// Records of earlier releases have a list of scores.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Scores(Vec<f64>),
    Both { scores: Vec<f64>, returns: Vec<f64> },
}

impl From<Written> for Episodes {
    fn from(written: Written) -> Self {
        match written {
            Written::Scores(scores) => Self {
                scores,
                returns: Vec::new(),
            },
            Written::Both { scores, returns } => Self { scores, returns },
        }
    }
}

impl Episodes {
    /// Leaves out what is not finite: a result is never made of it.
    pub fn keep_finite(&mut self) {
        self.scores.retain(|v| v.is_finite());
        self.returns.retain(|v| v.is_finite());
    }
}

/// An artifact made by a dataset or a cascade job.
#[derive(Clone, Debug, Default)]
pub struct Made {
    /// Its files.
    pub files: Files,
    /// Facts for people and for the checker: episodes, transitions, mean score.
    pub metrics: BTreeMap<String, f64>,
    /// Cascades: the evaluation.
    pub evaluation: Option<Evaluation>,
}

/// A stage in training.  Implementations hold no clock, no randomness but [`crate::stream`] and no path but the job's.
pub trait Trainer {
    /// Makes optimiser step number `step` (from 0).  For online RL one step is one iteration: interact, then all its updates.
    ///
    /// A loss or gradient that is not finite is `JobError::NonFinite`, before any weight is changed.
    fn step(&mut self, step: u64, want_metrics: bool) -> Result<StepOut, JobError>;

    /// Evaluates the current (EMA) weights.  What comes of it depends on the weights and the key alone, not on how many evaluations came
    /// before, so that another cadence finds the same values.
    fn evaluate(&mut self, episodes: u64) -> Result<Evaluation, JobError>;

    /// Everything needed to go on exactly: weights, EMA, optimiser moments, normaliser.  Equal state gives equal bytes.
    fn save(&self) -> Result<Files, JobError>;

    /// Goes back to a saved state.
    fn load(&mut self, files: &BTreeMap<String, PathBuf>) -> Result<(), JobError>;
}

/// Progress of a job that has no training steps: share done (0 to 1) and a few words.
pub type OnProgress<'a> = &'a mut dyn FnMut(f64, &str);

/// The execution side of the standard library, as the runtime sees it.  The binary hands it in, so that the runtime links no
/// tensor library.
pub trait Library: Sync {
    /// Opens a stage: a fresh model, or the one of the `from` input.
    fn trainer(&self, job: &Job) -> Result<Box<dyn Trainer>, JobError>;
    /// Makes a dataset.
    fn dataset(&self, job: &Job, progress: OnProgress<'_>) -> Result<Made, JobError>;
    /// Evaluates a cascade.
    fn cascade(&self, job: &Job, progress: OnProgress<'_>) -> Result<Made, JobError>;
    /// Editions of the builtins that a node uses, sorted by name: part of its key.
    fn semantics(&self, node: &Node) -> Vec<(String, u32)>;
    /// Files outside the store that a node reads; their contents are part of its key.
    fn sources(&self, node: &Node) -> Vec<PathBuf>;
    /// The program beside the library that simulates a node's task, with its version, such as `MuJoCo 3.3.7`: part of the key, for another
    /// version is another physics.
    fn simulator(&self, node: &Node) -> Option<String> {
        let _ = node;
        None
    }
    /// Fetches what a node reads and this machine does not have, before its key is asked for; the error is for people.  Only a run calls it.
    fn fetch(
        &self,
        node: &Node,
        how: &Fetching<'_>,
        progress: OnProgress<'_>,
    ) -> Result<(), String> {
        let _ = (node, how, progress);
        Ok(())
    }
    /// Whether a run fetches what a node reads, where this machine does not have it.
    fn fetches(&self, node: &Node) -> bool {
        let _ = node;
        false
    }
    /// Whether a node can be made at all, found out without working on it: its file is there, whole and of the right shape, its task
    /// can be simulated.  Asked of every node that would run, before the first one starts; the error is for people.
    fn preflight(&self, node: &Node) -> Result<(), String> {
        let _ = node;
        Ok(())
    }
    /// Files of a checkpoint that hold weights, those that act first: what an `export` takes.
    fn weights(&self) -> &'static [&'static str] {
        &[]
    }
    /// The files of a folder in which a checkpoint runs alone, made of the checkpoint's files; the error is for people.
    fn portable(&self, checkpoint: &BTreeMap<String, PathBuf>) -> Result<Files, String> {
        let _ = checkpoint;
        Err("this library exports no folders".to_owned())
    }
    /// Edition of the library as a whole: two of one edition mean the same by every builtin.
    fn edition(&self) -> String {
        String::new()
    }
}
