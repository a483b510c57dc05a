//! Episodes of a LeRobot set: `meta/info.json` and Parquet files under `data`, with one episode in each (version 2) or several (version 3).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use align_runtime_api::JobError;
use serde_json::Value;

use super::checks::{self, Episode, bad};
use super::table::{self, Table};
use crate::envs::Task;
use crate::exec::data::Rollouts;

/// What stands at the end of the message that there are no rewards.
const ADVICE: &str = "; for demonstrations without rewards say so: `lerobot(.., rewards: false)`";

/// A set that is there; nothing of its numbers is read yet.
pub(super) struct Set {
    name: String,
    files: Vec<PathBuf>,
    episodes: Option<usize>,
    steps: Option<usize>,
    rewards: bool,
}

/// Every file that the set consists of.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out = vec![folder.join("meta/info.json")];
    out.extend(tables(folder));
    out
}

/// The Parquet files under `data`, in the order of their names.
fn tables(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut folders = vec![folder.join("data")];
    while let Some(next) = folders.pop() {
        for path in super::entries(&next) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some("parquet".as_ref()) {
                out.push(path);
            }
        }
    }
    out.sort();
    out
}

impl Set {
    /// Opens the set in a folder; `rewards` says whether it has them.
    pub(super) fn open(folder: &Path, rewards: bool) -> Result<Self, JobError> {
        let name = folder.display().to_string();
        let info = folder.join("meta/info.json");
        let text = std::fs::read_to_string(&info).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => bad(
                &name,
                "no such set; wanted a folder with `meta/info.json` and `data/**/*.parquet`",
            ),
            _ => bad(&name, &format!("`meta/info.json` cannot be read: {e}")),
        })?;
        let info = super::minari::json(&text)
            .map_err(|e| bad(&name, &format!("`meta/info.json` is not JSON ({e})")))?;
        for key in ["observation.state", "action"] {
            let shape = info.get("features").and_then(|f| f.get(key)?.get("shape"));
            let shape = shape.and_then(Value::as_array);
            if let Some(shape) = shape.filter(|s| s.len() != 1) {
                let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
                return Err(bad(
                    &name,
                    &format!(
                        "`{key}` has shape [{}]; wanted a row of numbers",
                        shape.join(", ")
                    ),
                ));
            }
        }
        let files = tables(folder);
        if files.is_empty() {
            return Err(bad(
                &name,
                "has no episodes: there is no Parquet file under `data`; fetch it again",
            ));
        }
        let number = |key: &str| Some(info.get(key)?.as_u64()? as usize);
        Ok(Self {
            name,
            files,
            episodes: number("total_episodes"),
            steps: number("total_frames"),
            rewards,
        })
    }

    /// Whether the set can be what its task wants, as far as its first file tells.
    pub(super) fn check(&self, task: Option<&Task>) -> Result<(), JobError> {
        self.gather(&self.files[..1], task, &mut |_| ()).map(|_| ())
    }

    /// Reads every episode.
    pub(super) fn read(
        &self,
        task: Option<&Task>,
        told: &mut dyn FnMut(f64),
    ) -> Result<Rollouts, JobError> {
        let (out, episodes) = self.gather(&self.files, task, told)?;
        checks::complete(&self.name, "episodes", self.episodes, episodes)?;
        checks::complete(&self.name, "steps", self.steps, out.len())?;
        checks::finite(&self.name, &out)?;
        Ok(out)
    }

    /// The episodes of some files, and how many there are.
    fn gather(
        &self,
        files: &[PathBuf],
        task: Option<&Task>,
        told: &mut dyn FnMut(f64),
    ) -> Result<(Rollouts, usize), JobError> {
        let mut out: Option<Rollouts> = None;
        let mut seen = BTreeSet::new();
        for (i, file) in files.iter().enumerate() {
            let path = file.display().to_string();
            let wrong = |what: String| bad(&path, &what);
            let table = table::open(file).map_err(wrong)?;
            let rows = Rows::read(&*table, self.rewards).map_err(wrong)?;
            let (obs, act) = (rows.observations.width, rows.actions.width);
            if out.is_none() {
                checks::widths(&path, table.rows(), (obs, act), task)?;
            }
            let out = out.get_or_insert_with(|| Rollouts::new(obs, act));
            if (out.obs, out.act) != (obs, act) {
                return Err(wrong(format!(
                    "has observations of {obs} numbers and actions of {act}, the files before it {} and {}",
                    out.obs, out.act
                )));
            }
            if table.rows() == 0 {
                return Err(wrong("has no steps; leave its episode out".into()));
            }
            for range in rows.episodes().map_err(wrong)? {
                let number = rows.index[range.start];
                if !seen.insert(number) {
                    return Err(wrong(format!(
                        "episode {number} goes on in another place; wanted its steps one after another"
                    )));
                }
                let of = |width: usize| range.start * width..range.end * width;
                checks::add(
                    &path,
                    out,
                    &Episode {
                        number,
                        observations: &rows.observations.values[of(obs)],
                        actions: &rows.actions.values[of(act)],
                        rewards: rows.rewards.as_ref().map(|r| &r[range.clone()]),
                    },
                    |t| {
                        let done = rows
                            .done
                            .as_ref()
                            .is_some_and(|d| d[range.start + t] != 0.0);
                        done.then_some(true)
                    },
                )?;
            }
            told(i as f64 / files.len() as f64);
        }
        Ok((out.unwrap_or_default(), seen.len()))
    }
}

/// The columns of one file that episodes are made of.
struct Rows {
    observations: table::Column,
    actions: table::Column,
    rewards: Option<Vec<f32>>,
    done: Option<Vec<f32>>,
    /// Which episode each row is of.
    index: Vec<usize>,
    /// Its place in it.
    frame: Option<Vec<usize>>,
}

impl Rows {
    fn read(table: &dyn Table, rewards: bool) -> Result<Self, String> {
        let names = table.names();
        let has = |name: &str| names.iter().any(|n| n == name);
        let maybe = |name: &str| {
            has(name)
                .then(|| table::single(table, name, ""))
                .transpose()
        };
        let rewards = if rewards {
            let name = if has("reward") && !has("next.reward") {
                "reward"
            } else {
                "next.reward"
            };
            Some(table::single(table, name, ADVICE)?)
        } else {
            None
        };
        Ok(Self {
            observations: table::column(table, "observation.state", "")?,
            actions: table::column(table, "action", "")?,
            rewards,
            done: maybe("next.done")?,
            index: counts("episode_index", &table::single(table, "episode_index", "")?)?,
            frame: maybe("frame_index")?
                .map(|f| counts("frame_index", &f))
                .transpose()?,
        })
    }

    /// Rows of each episode; frames that are missing or out of order are refused.
    fn episodes(&self) -> Result<Vec<std::ops::Range<usize>>, String> {
        let mut out: Vec<std::ops::Range<usize>> = Vec::new();
        for (t, number) in self.index.iter().enumerate() {
            match out.last_mut().filter(|r| self.index[r.start] == *number) {
                Some(range) => range.end = t + 1,
                None => out.push(t..t + 1),
            }
            let first = out.last().map_or(0, |r| r.start);
            if let Some(frame) = self.frame.as_ref().map(|f| f[t])
                && frame != t - first
            {
                return Err(format!(
                    "row {t} is frame {frame} of episode {number}, wanted frame {}; rows are missing or out of order",
                    t - first
                ));
            }
        }
        Ok(out)
    }
}

/// Whole numbers; beyond 2^24 single precision has not all of them, and no set counts so far.
fn counts(name: &str, values: &[f32]) -> Result<Vec<usize>, String> {
    let whole = |x: &f32| (*x >= 0.0 && *x < 16_777_216.0).then_some(*x as usize);
    let counts: Option<Vec<usize>> = values.iter().map(whole).collect();
    counts.ok_or_else(|| format!("column `{name}` holds a number that counts nothing"))
}
