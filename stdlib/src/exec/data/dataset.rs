//! A dataset as stages see it: episodes (or pairs) with their meta data, from the files of an artifact.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use align_runtime_api::{Files, JobError};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::normaliser::Normaliser;
use super::rollouts::Rollouts;
use crate::exec::env::Stream;
use crate::exec::facts::whole;

/// What a dataset holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Episodes.
    Rollouts,
    /// Preferred and rejected trajectories.
    Pairs,
}

/// Which part of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// To learn from.
    Train,
    /// To measure on.
    Valid,
}

/// The episodes (or pairs) that are held out; all others are for training.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Indices, increasing.
    pub valid: Vec<usize>,
}

impl Split {
    /// Holds a share of `count` out at random: at least one, and never all, where there are two or more and the share is not 0.
    pub fn draw(count: usize, share: f64, rng: &mut Stream) -> Self {
        let wanted = (count as f64 * share).round() as usize;
        let most = count.saturating_sub(1);
        let held = if share > 0.0 {
            wanted.clamp(1.min(most), most)
        } else {
            0
        };
        let mut order: Vec<usize> = (0..count).collect();
        for i in 0..held {
            let j = rng.random_range(i..count);
            order.swap(i, j);
        }
        let mut valid = order[..held].to_vec();
        valid.sort_unstable();
        Self { valid }
    }

    /// The indices of one part out of `count`.
    pub fn part(&self, part: Part, count: usize) -> Vec<usize> {
        (0..count)
            .filter(|i| self.valid.binary_search(i).is_ok() == (part == Part::Valid))
            .collect()
    }
}

/// What `meta.json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// What the data is.
    pub kind: Kind,
    /// The task it was recorded in, if known.
    pub task: Option<String>,
    /// Points of a window.
    pub horizon: usize,
    /// Environment steps between two points.
    pub stride: usize,
    /// The scaling that every stage on this data uses: fitted on the training episodes of the first dataset, then handed on.
    pub normaliser: Normaliser,
    /// What is held out.
    pub split: Split,
    /// Observations that every window ends in where the task has a goal: what a planner is conditioned on.
    pub goal: Option<Vec<f32>>,
    /// Where it came from, in words.
    pub source: String,
    /// Whether its rewards are ones: a file of demonstrations may have none, and zeros stand in their place.
    #[serde(default = "rewarded", skip_serializing_if = "Clone::clone")]
    pub rewards: bool,
}

fn rewarded() -> bool {
    true
}

/// Episodes with their meta data.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// The episodes.
    pub rollouts: Rollouts,
    /// About them.
    pub meta: Meta,
}

/// Name of the file with arrays.
pub(super) const DATA: &str = "data.safetensors";
/// Name of the file with meta data.
pub(super) const META: &str = "meta.json";

impl Dataset {
    /// Reads the files of an artifact (`Input::files`).
    pub fn load(files: &BTreeMap<String, PathBuf>) -> Result<Self, JobError> {
        let meta = Meta::load(files)?;
        if meta.kind != Kind::Rollouts {
            return Err(JobError::Data(
                "found pairs where episodes were wanted".into(),
            ));
        }
        let rollouts = Rollouts::from_bytes(&read(files, DATA)?)?;
        Ok(Self { rollouts, meta })
    }

    /// The files of an artifact.
    pub fn save(&self) -> Result<Files, JobError> {
        Ok(Files::from([
            (DATA.to_owned(), self.rollouts.to_bytes()?),
            (META.to_owned(), self.meta.to_bytes()?),
        ]))
    }

    /// The episodes of one part.
    pub fn part(&self, part: Part) -> Vec<usize> {
        self.meta.split.part(part, self.rollouts.episodes())
    }

    /// The steps of the episodes of one part.
    pub fn ranges(&self, part: Part) -> Vec<Range<usize>> {
        self.part(part)
            .into_iter()
            .map(|e| self.rollouts.range(e))
            .collect()
    }
}

impl Meta {
    /// Reads `meta.json` of an artifact.
    pub fn load(files: &BTreeMap<String, PathBuf>) -> Result<Self, JobError> {
        serde_json::from_slice(&read(files, META)?).map_err(|e| {
            JobError::Data(format!("the dataset in the store is damaged: {META}: {e}"))
        })
    }

    /// The bytes of `meta.json`.
    pub fn to_bytes(&self) -> Result<Vec<u8>, JobError> {
        serde_json::to_vec_pretty(self)
            .map_err(|e| JobError::Failed(format!("cannot write {META}: {e}")))
    }
}

/// Reads one file of an artifact.
pub(super) fn read(files: &BTreeMap<String, PathBuf>, name: &str) -> Result<Vec<u8>, JobError> {
    let path = files
        .get(name)
        .ok_or_else(|| JobError::Data(format!("the dataset has no file `{name}`")))?;
    whole(path)
}
