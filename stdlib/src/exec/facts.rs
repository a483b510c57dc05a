//! What does a checkpoint know beside its weights?  The model's definition, the scaling of its data, where it may start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use align_runtime_api::{Input, JobError};
use align_schema::Value;
use serde::{Deserialize, Serialize};

use crate::exec::data::{Dataset, Meta, Part, Split};
use crate::exec::model::Execution;
use crate::exec::rate::Progress;

/// Name of the file with the weights.
pub const MODEL: &str = "model.safetensors";
/// Name of the file with the moving average of the weights, which acts.
pub const EMA: &str = "ema.safetensors";
/// Name of the file with the optimiser's moments.
pub const OPTIM: &str = "optim.safetensors";
/// Name of the file with the facts.
pub const STATE: &str = "state.json";

/// Version of `state.json`.
const FORMAT: u32 = 1;
/// Start states that a checkpoint keeps, to be judged where nothing is simulated.
const STARTS: usize = 64;

/// What a model is and how its numbers are to be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The model's fields.
    pub model: Value,
    /// What its first stage learned from: task, horizon, stride, goal, and the scaling of its numbers.  Later stages keep it, whatever data they
    /// see; what was held out is not part of it.
    pub meta: Meta,
    /// A critic's discount of one environment step.
    pub discount: f64,
    /// Some start observations of held-out data `[n, obs]`, in the environment's units.
    pub starts: Vec<f32>,
}

/// `state.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Version of this form.
    pub format: u32,
    /// The facts.
    pub facts: Facts,
    /// Optimiser steps made in the stage.
    pub updates: u64,
    /// Environment steps made in the stage.
    pub env_steps: u64,
}

impl Facts {
    /// The facts of a fresh model on a dataset.
    pub fn fresh(model: &Value, data: &Dataset) -> Self {
        let meta = &data.meta;
        let held: Vec<usize> = match data.ranges(Part::Valid) {
            none if none.is_empty() => data.ranges(Part::Train),
            some => some,
        }
        .iter()
        .map(|r| r.start)
        .collect();
        let count = held.len().min(STARTS);
        let starts = (0..count).map(|i| held[i * held.len() / count]);
        Self {
            model: model.clone(),
            meta: Meta {
                split: Split::default(),
                ..meta.clone()
            },
            discount: 1.0,
            starts: starts
                .flat_map(|t| data.rollouts.observation(t).to_vec())
                .collect(),
        }
    }

    /// How its plans are carried out: at the stride of its data, for as long as the model's `replan` says.
    pub fn execution(&self) -> Execution {
        Execution {
            stride: self.meta.stride,
            replan: self
                .model
                .get("replan")
                .and_then(Value::number)
                .map(|n| n as usize),
        }
    }

    /// The goal of each of `n` starts, `[n, obs]`, where there is one.
    pub fn goals(&self, n: usize) -> Option<Vec<f32>> {
        self.meta.goal.as_ref().map(|g| g.repeat(n))
    }
}

impl State {
    /// What is written at a point of a stage.
    pub fn new(facts: &Facts, updates: u64, progress: Progress) -> Self {
        Self {
            format: FORMAT,
            facts: facts.clone(),
            updates,
            env_steps: progress.env_steps,
        }
    }

    /// The bytes of `state.json`.
    pub fn to_bytes(&self) -> Result<Vec<u8>, JobError> {
        serde_json::to_vec_pretty(self)
            .map_err(|e| JobError::Failed(format!("`{STATE}` cannot be written: {e}")))
    }

    /// Reads `state.json` of a checkpoint.
    pub fn load(files: &BTreeMap<String, PathBuf>) -> Result<Self, JobError> {
        let state: Self = serde_json::from_slice(&read(files, STATE)?)
            .map_err(|e| JobError::Data(format!("the checkpoint's `{STATE}` is damaged: {e}")))?;
        if state.format != FORMAT {
            return Err(JobError::Data(format!(
                "a checkpoint of format {}, wanted {FORMAT}",
                state.format
            )));
        }
        Ok(state)
    }
}

/// All bytes of a file of an artifact.
pub fn whole(path: &Path) -> Result<Vec<u8>, JobError> {
    std::fs::read(path).map_err(|e| {
        let text = format!("cannot read {}: {e}", path.display());
        match e.kind() {
            std::io::ErrorKind::OutOfMemory => JobError::OutOfMemory(text),
            _ => JobError::Data(text),
        }
    })
}

/// Reads one file of a checkpoint.
pub fn read(files: &BTreeMap<String, PathBuf>, name: &str) -> Result<Vec<u8>, JobError> {
    let path = files
        .get(name)
        .ok_or_else(|| JobError::Data(format!("the checkpoint has no file `{name}`")))?;
    whole(path)
}

/// The input of a job with this role.
pub fn input<'a>(job: &'a align_runtime_api::Job, role: &str) -> Option<&'a Input> {
    job.inputs.iter().find(|i| i.need.role == role)
}
