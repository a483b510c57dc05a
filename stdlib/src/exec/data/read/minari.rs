//! Episodes of a Minari set: `data/metadata.json` beside one HDF5 file, or beside a folder of Arrow or Parquet for each episode.
//!
//! Rules of Minari: an episode of T steps has T + 1 observations, of which a planner sees the first T; tables have T + 1 rows in every column, the
//! last one padding; of a dictionary of observations `observation` is the state, and the goals beside it are not part of it.

use std::path::{Path, PathBuf};

use align_runtime_api::JobError;
use serde_json::Value;

use super::checks::{self, Episode, bad};
use super::h5::Hdf5;
use super::table;
use crate::envs::Task;
use crate::exec::data::Rollouts;

/// Where the set with this name is, or would be: in `$MINARI_DATASETS_PATH`, else in `~/.minari/datasets`.
pub(in crate::exec::data) fn folder(id: &str) -> Result<PathBuf, JobError> {
    let part = |p: &str| !p.is_empty() && p != "." && p != ".." && !p.contains(['\\', '\0']);
    if !id.split('/').all(part) {
        return Err(JobError::Data(format!(
            "`{id}` is not the name of a Minari set; wanted one such as `D4RL/pointmaze/umaze-v2`"
        )));
    }
    let root = std::env::var_os("MINARI_DATASETS_PATH")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".minari/datasets")))
        .ok_or_else(|| JobError::Data("neither `MINARI_DATASETS_PATH` nor `HOME` is set".into()))?;
    Ok(root.join(id))
}

/// Name of the file that says what the set is.
const ABOUT: &str = "metadata.json";
/// Name of the file with all episodes, where the set is one file.
const MAIN: &str = "main_data.hdf5";
/// There while a set is being fetched.
pub(in crate::exec::data) const UNFINISHED: &str = ".fetching";

/// How the numbers are kept.
enum Kept {
    Hdf5(PathBuf),
    /// One folder for each episode, in order, with its files.
    Tables(Vec<(usize, Vec<PathBuf>)>),
}

/// A set that is there; nothing of its numbers is read yet.
pub(super) struct Set {
    name: String,
    kept: Kept,
    episodes: Option<usize>,
    steps: Option<usize>,
    /// Path of the state within the observations: "" or `observation`.
    state: &'static str,
}

/// Whether there is a whole set.
pub(in crate::exec::data) fn is_there(folder: &Path) -> bool {
    let data = folder.join("data");
    (data.join(ABOUT).exists() || data.join(MAIN).exists()) && !data.join(UNFINISHED).exists()
}

/// Every file that the set consists of.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let data = folder.join("data");
    let about = data.join(ABOUT);
    let main = data.join(MAIN);
    let mut out = Vec::new();
    // A set of an old release has no such file.
    if about.exists() || !main.exists() {
        out.push(about);
    }
    if main.exists() {
        out.push(main);
    } else {
        out.extend(tables(&data).into_iter().flat_map(|(_, files)| files));
    }
    out
}

/// Folders whose names are numbers, with their tables.
fn tables(data: &Path) -> Vec<(usize, Vec<PathBuf>)> {
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<usize>().ok();
    let mut out: Vec<_> = super::entries(data)
        .into_iter()
        .filter_map(|path| {
            let tables = super::entries(&path);
            let ending = |p: &PathBuf| {
                let ending = p.extension();
                ending == Some("arrow".as_ref()) || ending == Some("parquet".as_ref())
            };
            let tables: Vec<_> = tables.into_iter().filter(ending).collect();
            Some((number(&path)?, tables)).filter(|(_, t)| !t.is_empty())
        })
        .collect();
    out.sort();
    out
}

impl Set {
    /// Opens the set in a folder, and finds out whether it is one that planners learn from.
    pub(super) fn open(folder: &Path) -> Result<Self, JobError> {
        let name = folder.display().to_string();
        let data = folder.join("data");
        if data.join(UNFINISHED).exists() {
            return Err(bad(
                &name,
                "was not fetched to its end; `align run` goes on with it",
            ));
        }
        let about = data.join(ABOUT);
        let main = data.join(MAIN);
        let about = if about.exists() {
            let text = std::fs::read_to_string(&about)
                .map_err(|e| bad(&name, &format!("`data/{ABOUT}` cannot be read: {e}")))?;
            let value = json(&text)
                .map_err(|e| bad(&name, &format!("`data/{ABOUT}` is not JSON ({e})")))?;
            Some(value)
        } else {
            None
        };
        let kept = if main.exists() {
            Kept::Hdf5(main)
        } else {
            Kept::Tables(tables(&data))
        };
        let none = matches!(&kept, Kept::Tables(t) if t.is_empty());
        if none && about.is_none() {
            return Err(bad(
                &name,
                &format!(
                    "no such set; wanted `data/{ABOUT}` with `data/{MAIN}` or a folder for each episode"
                ),
            ));
        }
        if none {
            return Err(bad(
                &name,
                "has no episodes: there is no file of them; fetch it again",
            ));
        }
        let number = |key: &str| Some(about.as_ref()?.get(key)?.as_u64()? as usize);
        let space = |key: &str| -> Option<Value> { json(about.as_ref()?.get(key)?.as_str()?).ok() };
        if let Some(actions) = space("action_space") {
            numbers(&name, "actions", &actions)?;
        }
        let mut state = "";
        if let Some(observations) = space("observation_space") {
            if kind(&observations) == "Dict" {
                let inner = observations.get("subspaces");
                let Some(inner) = inner.and_then(|s| s.get("observation")) else {
                    let keys = inner.and_then(Value::as_object);
                    let keys: Vec<&str> = keys
                        .iter()
                        .flat_map(|k| k.keys())
                        .map(String::as_str)
                        .collect();
                    return Err(bad(
                        &name,
                        &format!(
                            "its observations are a dictionary of `{}`; wanted one with `observation`, or plain numbers",
                            keys.join("`, `")
                        ),
                    ));
                };
                numbers(&name, "observations", inner)?;
                state = "observation";
            } else {
                numbers(&name, "observations", &observations)?;
            }
        }
        Ok(Self {
            name,
            kept,
            episodes: number("total_episodes"),
            steps: number("total_steps"),
            state,
        })
    }

    /// Whether the set can be what its task wants, as far as its first episode tells.
    pub(super) fn check(&self, task: Option<&Task>) -> Result<(), JobError> {
        let mut first = Gathered::new(self, task);
        match &self.kept {
            Kept::Hdf5(path) => first.hdf5(path, Some(1), &mut |_| ())?,
            Kept::Tables(all) => {
                let (episode, files) = &all[0];
                first.tables(*episode, files)?;
            }
        }
        Ok(())
    }

    /// Reads every episode.
    pub(super) fn read(
        &self,
        task: Option<&Task>,
        told: &mut dyn FnMut(f64),
    ) -> Result<Rollouts, JobError> {
        let mut all = Gathered::new(self, task);
        let found = match &self.kept {
            Kept::Hdf5(path) => {
                all.hdf5(path, None, told)?;
                all.out.as_ref().map_or(0, |_| all.count)
            }
            Kept::Tables(tables) => {
                for (i, (episode, files)) in tables.iter().enumerate() {
                    all.tables(*episode, files)?;
                    told(i as f64 / tables.len() as f64);
                }
                tables.len()
            }
        };
        let out = all.out.unwrap_or_default();
        checks::complete(&self.name, "episodes", self.episodes, found)?;
        checks::complete(&self.name, "steps", self.steps, out.len())?;
        checks::finite(&self.name, &out)?;
        Ok(out)
    }
}

/// Episodes as they are read one after another.
struct Gathered<'a> {
    set: &'a Set,
    task: Option<&'a Task>,
    out: Option<Rollouts>,
    count: usize,
}

impl<'a> Gathered<'a> {
    fn new(set: &'a Set, task: Option<&'a Task>) -> Self {
        Self {
            set,
            task,
            out: None,
            count: 0,
        }
    }

    /// All episodes of an HDF5 file, or the first few of them.
    fn hdf5(
        &mut self,
        path: &Path,
        most: Option<usize>,
        told: &mut dyn FnMut(f64),
    ) -> Result<(), JobError> {
        let file = Hdf5::open(path, "Minari's file of all episodes")?;
        let mut episodes: Vec<(usize, Hdf5)> = file
            .groups()?
            .into_iter()
            .filter_map(|(name, g)| Some((name.strip_prefix("episode_")?.parse().ok()?, g)))
            .collect();
        episodes.sort_by_key(|(number, _)| *number);
        if episodes.is_empty() {
            return Err(file.bad("has no group `episode_0`; wanted one for each episode"));
        }
        let all = episodes.len();
        episodes.truncate(most.unwrap_or(all));
        for (i, (number, episode)) in episodes.iter().enumerate() {
            // A set without metadata does not say whether its observations are a dictionary.
            let inner = self.set.state.is_empty()
                && !episode.has("observations")
                && !episode.arrays("observations").is_empty();
            let observations = if inner || !self.set.state.is_empty() {
                "observations/observation"
            } else {
                "observations"
            };
            let array = |name: &str| episode.array(name, "");
            let observations = array(observations)?;
            let (actions, rewards) = (array("actions")?, array("rewards")?);
            let (terminations, truncations) = (array("terminations")?, array("truncations")?);
            let ((rows, obs), (steps, act)) = (observations.matrix()?, actions.matrix()?);
            for (name, n, wanted) in [
                ("observations", rows, steps + 1),
                ("rewards", rewards.column()?, steps),
                ("terminations", terminations.column()?, steps),
                ("truncations", truncations.column()?, steps),
            ] {
                if n != wanted {
                    return Err(file.bad(&format!(
                        "`{}` has {n} rows, wanted {wanted}: the episode has {steps} actions",
                        episode.key(name)
                    )));
                }
            }
            let mut observations = observations.floats()?;
            observations.truncate(steps * obs);
            let (rewards, actions) = (rewards.floats()?, actions.floats()?);
            let ends = (terminations.flags()?, truncations.flags()?);
            self.add(
                (obs, act),
                &Episode {
                    number: *number,
                    observations: &observations,
                    actions: &actions,
                    rewards: Some(&rewards),
                },
                |t| ends.0[t].then_some(true).or(ends.1[t].then_some(false)),
            )?;
            told(i as f64 / all as f64);
        }
        Ok(())
    }

    /// One episode from its tables.
    fn tables(&mut self, number: usize, files: &[PathBuf]) -> Result<(), JobError> {
        let [file] = files else {
            return Err(bad(
                &self.set.name,
                &format!("episode {number} lies in {} files, wanted 1", files.len()),
            ));
        };
        let path = file.display().to_string();
        let wrong = |what: String| bad(&path, &what);
        let table = table::open(file).map_err(wrong)?;
        let state = match self.set.state {
            "" => "observations".to_owned(),
            inner => format!("observations.{inner}"),
        };
        let mut observations = table::column(&*table, &state, "").map_err(wrong)?;
        let mut actions = table::column(&*table, "actions", "").map_err(wrong)?;
        let single = |name: &str| table::single(&*table, name, "").map_err(wrong);
        let (mut rewards, terminations, truncations) = (
            single("rewards")?,
            single("terminations")?,
            single("truncations")?,
        );
        // The last row is the observation after the last step, and padding beside it.
        let steps = table.rows().saturating_sub(1);
        observations.values.truncate(steps * observations.width);
        actions.values.truncate(steps * actions.width);
        rewards.truncate(steps);
        self.add(
            (observations.width, actions.width),
            &Episode {
                number,
                observations: &observations.values,
                actions: &actions.values,
                rewards: Some(&rewards),
            },
            |t| {
                let terminal = (terminations[t] != 0.0).then_some(true);
                terminal.or((truncations[t] != 0.0).then_some(false))
            },
        )
    }

    fn add(
        &mut self,
        (obs, act): (usize, usize),
        episode: &Episode<'_>,
        ends: impl Fn(usize) -> Option<bool>,
    ) -> Result<(), JobError> {
        let name = &self.set.name;
        let out = match &mut self.out {
            Some(out) => out,
            None => {
                let steps = episode.actions.len() / act.max(1);
                if steps > 0 {
                    checks::widths(name, steps, (obs, act), self.task)?;
                }
                self.out.insert(Rollouts::new(obs, act))
            }
        };
        self.count += 1;
        if (out.obs, out.act) != (obs, act) {
            return Err(bad(
                name,
                &format!(
                    "episode {} has observations of {obs} numbers and actions of {act}, those before it {} and {}",
                    episode.number, out.obs, out.act
                ),
            ));
        }
        checks::add(name, out, episode, ends)
    }
}

/// The kind of a space: `Box`, `Discrete`, `Dict`.
fn kind(space: &Value) -> &str {
    space.get("type").and_then(Value::as_str).unwrap_or("Box")
}

/// Refuses a space that is not a row of numbers.
fn numbers(name: &str, what: &str, space: &Value) -> Result<(), JobError> {
    let found = kind(space);
    if found != "Box" {
        return Err(bad(
            name,
            &format!(
                "its {what} are of the space {found}; a diffusion planner needs a row of continuous numbers (Box)"
            ),
        ));
    }
    let shape = space.get("shape").and_then(Value::as_array);
    if let Some(shape) = shape.filter(|s| s.len() != 1) {
        let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
        return Err(bad(
            name,
            &format!(
                "its {what} have shape [{}], images perhaps; wanted a row of numbers",
                shape.join(", ")
            ),
        ));
    }
    Ok(())
}

/// JSON as Python writes it: `Infinity`, `-Infinity` and `NaN` outside of strings are nulls here.
pub(super) fn json(text: &str) -> Result<Value, serde_json::Error> {
    let mut clean = String::with_capacity(text.len());
    let (mut quoted, mut escaped) = (false, false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if !quoted {
            let word = ["-Infinity", "Infinity", "NaN"]
                .into_iter()
                .find(|w| rest.starts_with(w));
            if let Some(word) = word {
                clean.push_str("null");
                rest = &rest[word.len()..];
                continue;
            }
        }
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = c == '\\' && !escaped;
        clean.push(c);
        rest = &rest[c.len_utf8()..];
    }
    serde_json::from_str(&clean)
}
