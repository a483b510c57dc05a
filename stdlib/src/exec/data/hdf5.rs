//! Episodes from an HDF5 file in D4RL's layout, and every way in which such a file can be unusable.
//!
//! Rules of D4RL: `[N, 1]` is `[N]`; an episode ends at a terminal or a timeout; without `timeouts` it is cut at the time limit; the file may end
//! in the middle of an episode.

use std::path::Path;

use align_runtime_api::JobError;
use hdf5_pure::{Dataset, File};

use super::rollouts::Rollouts;
use crate::envs::Task;

/// A file that is open, with its shapes known and found in order; nothing is read yet.
pub struct Source {
    name: String,
    observations: Dataset,
    actions: Dataset,
    /// None for demonstrations without rewards.
    rewards: Option<Dataset>,
    terminals: Dataset,
    timeouts: Option<Dataset>,
    steps: usize,
    obs: usize,
    act: usize,
}

/// Deflate packs at most about 1,032 to 1: a shape that claims more than that is not one of a whole file.
const MAX_RATIO: u64 = 1_100;

impl Source {
    /// Opens a file and checks the shapes of its arrays, against the task where there is one; `rewards` says whether it has them.
    pub fn open(path: &Path, task: Option<&Task>, rewards: bool) -> Result<Self, JobError> {
        let name = path.display().to_string();
        let bad = |what: String| JobError::Data(format!("`{name}`: {what}"));
        let size = match std::fs::metadata(path) {
            Ok(m) if m.is_file() => m.len(),
            Ok(_) => {
                return Err(bad(
                    "not a file; wanted an HDF5 file in D4RL's layout".into()
                ));
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(bad(
                    "no such file; give the path of an HDF5 file in D4RL's layout".into(),
                ));
            }
            Err(e) => return Err(bad(format!("cannot be read: {e}"))),
        };
        let file = File::open(path).map_err(|e| {
            bad(format!(
                "not a whole HDF5 file ({e}); it may be truncated: fetch it again"
            ))
        })?;
        let end = file.superblock().eof_address;
        if end > size {
            return Err(bad(format!(
                "truncated: it has {size} of {end} bytes; fetch it again"
            )));
        }
        let array = |key: &str| -> Result<(Dataset, Vec<u64>), JobError> {
            let set = file
                .dataset(key)
                .map_err(|e| bad(missing(key, &file, &e)))?;
            let shape = set
                .shape()
                .map_err(|e| bad(format!("`{key}` is damaged: {e}")))?;
            let claimed = shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d));
            if claimed.is_none_or(|n| n > size.saturating_mul(MAX_RATIO)) {
                return Err(bad(format!(
                    "`{key}` has shape {shape:?}, more than a file of {size} bytes can hold"
                )));
            }
            Ok((set, shape))
        };
        let (observations, obs_shape) = array("observations")?;
        let (actions, act_shape) = array("actions")?;
        let rewards = if rewards {
            Some(array("rewards")?)
        } else {
            None
        };
        let (terminals, terminal_shape) = array("terminals")?;
        let timeouts = if file.dataset("timeouts").is_ok() {
            Some(array("timeouts")?)
        } else {
            None
        };
        let (steps, obs) = matrix("observations", &obs_shape).map_err(bad)?;
        let (act_steps, act) = matrix("actions", &act_shape).map_err(bad)?;
        let mut lengths = vec![("actions", act_steps)];
        if let Some((_, shape)) = &rewards {
            lengths.push(("rewards", column("rewards", shape).map_err(bad)?));
        }
        lengths.push((
            "terminals",
            column("terminals", &terminal_shape).map_err(bad)?,
        ));
        if let Some((_, shape)) = &timeouts {
            lengths.push(("timeouts", column("timeouts", shape).map_err(bad)?));
        }
        if let Some((key, n)) = lengths.into_iter().find(|(_, n)| *n != steps) {
            return Err(bad(format!(
                "`{key}` has {n} rows, but `observations` has {steps}"
            )));
        }
        if steps == 0 || obs == 0 || act == 0 {
            return Err(bad(format!(
                "no data: observations are [{steps}, {obs}], actions [{steps}, {act}]"
            )));
        }
        if let Some(t) = task.filter(|t| (t.obs, t.act) != (obs, act)) {
            return Err(bad(format!(
                "observations have {obs} numbers and actions {act}, but `{}` has {} and {}",
                t.name, t.obs, t.act
            )));
        }
        let timeouts = timeouts.map(|(set, _)| set);
        let rewards = rewards.map(|(set, _)| set);
        Ok(Self {
            name,
            observations,
            actions,
            rewards,
            terminals,
            timeouts,
            steps,
            obs,
            act,
        })
    }

    /// Reads everything and cuts it into episodes; numbers that are not finite are refused with their count and first place.
    pub fn read(&self, task: Option<&Task>) -> Result<Rollouts, JobError> {
        let mut out = Rollouts {
            obs: self.obs,
            act: self.act,
            observations: self.floats("observations", &self.observations, self.obs)?,
            actions: self.floats("actions", &self.actions, self.act)?,
            rewards: match &self.rewards {
                Some(set) => self.floats("rewards", set, 1)?,
                // What would read them is refused before anything runs.
                None => vec![0.0; self.steps],
            },
            terminals: self.flags("terminals", &self.terminals)?,
            timeouts: Vec::new(),
            offsets: vec![0],
        };
        if let Some((count, array, step)) = out.not_finite() {
            return Err(self.bad(&format!(
                "{count} of the numbers in `{array}` are not finite, the first at step {step}; clean the file or leave that episode out"
            )));
        }
        out.timeouts = match &self.timeouts {
            Some(set) => self.flags("timeouts", set)?,
            None => cuts(&out.terminals, task.map(|t| t.max_steps)),
        };
        let ends = (0..self.steps)
            .filter(|t| out.terminals[*t] || out.timeouts[*t])
            .map(|t| t + 1);
        out.offsets.extend(ends);
        if out.offsets.last() != Some(&self.steps) {
            // The file ends in the middle of an episode.
            out.offsets.push(self.steps);
        }
        if let Some(last) = out.terminals.last()
            && !last
            && let Some(cut) = out.timeouts.last_mut()
        {
            *cut = true;
        }
        Ok(out)
    }

    fn bad(&self, what: &str) -> JobError {
        JobError::Data(format!("`{}`: {what}", self.name))
    }

    fn floats(&self, key: &str, set: &Dataset, width: usize) -> Result<Vec<f32>, JobError> {
        let values = set.read_f32().map_err(|e| self.damaged(key, &e))?;
        self.whole(key, values, self.steps * width)
    }

    /// Truth values: h5py's booleans (an enumeration over 8-bit numbers), or any number that is 0 or not.
    fn flags(&self, key: &str, set: &Dataset) -> Result<Vec<bool>, JobError> {
        let values = if let Ok(values) = set.read_i8() {
            values.into_iter().map(|x| x != 0).collect()
        } else if let Ok(values) = set.read_f32() {
            values.into_iter().map(|x| x != 0.0).collect()
        } else {
            let raw = set.read_raw().map_err(|e| self.damaged(key, &e))?;
            raw.into_iter().map(|x| x != 0).collect()
        };
        self.whole(key, values, self.steps)
    }

    fn whole<T>(&self, key: &str, values: Vec<T>, wanted: usize) -> Result<Vec<T>, JobError> {
        if values.len() == wanted {
            Ok(values)
        } else {
            Err(self.bad(&format!(
                "`{key}` holds {} numbers, wanted {wanted}",
                values.len()
            )))
        }
    }

    fn damaged(&self, key: &str, error: &hdf5_pure::Error) -> JobError {
        self.bad(&format!(
            "`{key}` cannot be read ({error}); the file may be truncated: fetch it again"
        ))
    }
}

/// What to say of an array that is not there.
fn missing(key: &str, file: &File, error: &hdf5_pure::Error) -> String {
    let there = file.root().datasets().unwrap_or_default();
    if there.is_empty() {
        format!("no array `{key}` ({error})")
    } else {
        let advice = if key == "rewards" {
            "; for demonstrations without rewards say so: `file(.., rewards: false)`"
        } else {
            ""
        };
        format!(
            "no array `{key}` at the root; found `{}`{advice}",
            there.join("`, `")
        )
    }
}

fn matrix(key: &str, shape: &[u64]) -> Result<(usize, usize), String> {
    match shape {
        [n, width] => Ok((*n as usize, *width as usize)),
        _ => Err(format!(
            "`{key}` has shape {shape:?}, wanted [steps, numbers]"
        )),
    }
}

fn column(key: &str, shape: &[u64]) -> Result<usize, String> {
    match shape {
        [n] | [n, 1] => Ok(*n as usize),
        _ => Err(format!(
            "`{key}` has shape {shape:?}, wanted [steps] or [steps, 1]"
        )),
    }
}

/// Where episodes are cut when the file does not say: at each time limit since the last end.
fn cuts(terminals: &[bool], limit: Option<usize>) -> Vec<bool> {
    let mut since = 0;
    terminals
        .iter()
        .map(|terminal| {
            since += 1;
            let cut = !terminal && limit.is_some_and(|n| since >= n);
            if cut || *terminal {
                since = 0;
            }
            cut
        })
        .collect()
}
