//! Which files does a source name, and who reads them?  Every format gives the same episodes by the same rules.
//!
//! Nothing is downloaded here: that is [`super::fetch`]'s part.

mod arrow;
mod checks;
pub(super) mod d4rl;
mod h5;
mod lerobot;
pub(super) mod minari;
mod parquet;
mod table;

use std::path::{Path, PathBuf};

use align_runtime_api::JobError;
use align_schema::{Call, Value};

use super::make::arguments;
use super::recut::recut;
use super::rollouts::Rollouts;
use crate::envs::{MazeRules, Task};
use crate::exec::env::Maze2d;
use crate::sources::{D4rl, File, Lerobot, Minari};

/// Where the episodes are, by their format.
pub(super) enum Place {
    /// A file in D4RL's layout, by its path.
    File(PathBuf),
    /// A file of D4RL's own, in its cache.
    D4rl(PathBuf),
    /// The folder of a Minari set.
    Minari(PathBuf),
    /// The folder of a LeRobot set.
    Lerobot(PathBuf),
}

/// Episodes outside the store that a source names.
pub(super) struct Foreign {
    pub(super) place: Place,
    pub(super) task: Option<&'static Task>,
    pub(super) rewards: bool,
}

impl Foreign {
    /// What a source names; none where it makes its episodes itself.
    pub fn of(call: &Call) -> Result<Option<Self>, JobError> {
        let (place, task) = match call.name.as_str() {
            "collect" => return Ok(None),
            "file" => {
                let file = File::read(call).map_err(arguments)?;
                if file.path.is_empty() {
                    return Err(JobError::Data(
                        "no file is named: give its path, or say what is read without one, `file(.., otherwise: collect(..))`".into(),
                    ));
                }
                (Place::File(PathBuf::from(file.path)), file.task)
            }
            "d4rl" => {
                let task = D4rl::read(call).map_err(arguments)?.task;
                (Place::D4rl(cached(&task)?), Some(task))
            }
            "minari" => {
                let set = Minari::read(call).map_err(arguments)?;
                (Place::Minari(minari::folder(&set.id)?), set.task)
            }
            "lerobot" => {
                let set = Lerobot::read(call).map_err(arguments)?;
                (Place::Lerobot(PathBuf::from(set.path)), set.task)
            }
            other => return Err(JobError::Failed(format!("`{other}` is not a data source"))),
        };
        Ok(Some(Self {
            place,
            task: task.as_deref().map(known).transpose()?,
            rewards: has_rewards(call),
        }))
    }

    /// The task it was recorded in, if known.
    pub fn task(&self) -> Option<&'static Task> {
        self.task
    }

    /// Where it is, for people.
    pub fn path(&self) -> &Path {
        match &self.place {
            Place::File(path) | Place::D4rl(path) | Place::Minari(path) | Place::Lerobot(path) => {
                path
            }
        }
    }

    /// Every file that is read.
    pub fn files(&self) -> Vec<PathBuf> {
        match &self.place {
            Place::File(path) | Place::D4rl(path) => vec![path.clone()],
            Place::Minari(folder) => minari::files(folder),
            Place::Lerobot(folder) => lerobot::files(folder),
        }
    }

    /// Whether the episodes can be used, without reading them all.
    pub fn check(&self) -> Result<(), JobError> {
        let (task, rewards) = (self.task, self.rewards);
        self.guarded(|| match &self.place {
            Place::File(path) | Place::D4rl(path) => {
                d4rl::Source::open(path, task, rewards).map(|_| ())
            }
            Place::Minari(folder) => minari::Set::open(folder)?.check(task),
            Place::Lerobot(folder) => lerobot::Set::open(folder, rewards)?.check(task),
        })
    }

    /// Reads everything and cuts it into episodes.
    pub fn read(&self, told: &mut dyn FnMut(f64)) -> Result<Rollouts, JobError> {
        let (task, rewards) = (self.task, self.rewards);
        self.guarded(|| match &self.place {
            Place::File(path) | Place::D4rl(path) => {
                let rollouts = d4rl::Source::open(path, task, rewards)?.read(task)?;
                // Maze2D files are cut as planners cut them; everything else as the file says.
                Ok(match task.and_then(Maze2d::new) {
                    Some(maze) if maze.rules() == MazeRules::D4rl => {
                        recut(rollouts, maze.goal_at(), maze.radius())
                    }
                    _ => rollouts,
                })
            }
            Place::Minari(folder) => minari::Set::open(folder)?.read(task, told),
            Place::Lerobot(folder) => lerobot::Set::open(folder, rewards)?.read(task, told),
        })
    }

    fn guarded<T>(&self, read: impl FnOnce() -> Result<T, JobError>) -> Result<T, JobError> {
        checks::guarded(&self.path().display().to_string(), read)
    }
}

/// Whether a source has rewards: all but one that says otherwise.
pub(super) fn has_rewards(call: &Call) -> bool {
    !matches!(call.arg("rewards"), Some(Value::Bool(false)))
}

pub(super) fn known(name: &str) -> Result<&'static Task, JobError> {
    crate::envs::task(name).ok_or_else(|| JobError::Data(format!("unknown task `{name}`")))
}

/// Where D4RL keeps the file of a task: `hopper_medium-v2.hdf5`, `maze2d-umaze-sparse-v1.hdf5`, `maze2d-umaze-dense-v1.hdf5`.
pub(super) fn cached(task: &str) -> Result<PathBuf, JobError> {
    let directory = std::env::var_os("D4RL_DATASET_DIR")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".d4rl/datasets")))
        .ok_or_else(|| {
            JobError::Data("neither `D4RL_DATASET_DIR` nor `HOME` is set; use `file(path)`".into())
        })?;
    Ok(directory.join(file_name(task)))
}

/// D4RL's name of a task's file.
pub(super) fn file_name(task: &str) -> String {
    // One file, whichever MuJoCo the maze moves as.
    let task = task.split('@').next().unwrap_or(task);
    let (name, version) = task.rsplit_once('-').unwrap_or((task, ""));
    match name.strip_prefix("maze2d-") {
        Some(size) if size.ends_with("-dense") => format!("maze2d-{size}-{version}.hdf5"),
        Some(size) => format!("maze2d-{size}-sparse-{version}.hdf5"),
        None => format!("{}-{version}.hdf5", name.replace('-', "_")),
    }
}

/// What a folder holds, in order; nothing where it is none.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(folder).into_iter().flatten();
    let mut out: Vec<PathBuf> = listed.flatten().map(|e| e.path()).collect();
    out.sort();
    out
}
