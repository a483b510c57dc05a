//! A dataset job from its node to its files: read or collect, split, normalise, filter, pair.

use std::collections::BTreeMap;
use std::path::PathBuf;

use align_plan::Node;
use align_runtime_api::{Job, JobError, Made, OnProgress, Purpose, stream};
use align_schema::{ArgError, Call, Quantity, Ref, Value};

use super::collect::{Collector, collect};
use super::dataset::{Dataset, Kind, Meta, Part, Split};
use super::filter;
use super::hdf5::Source;
use super::normaliser::{Normaliser, Scheme};
use super::pairs;
use super::recut::recut;
use super::rollouts::Rollouts;
use crate::envs::{MazeRules, Task};
use crate::exec::env::Maze2d;
use crate::exec::model::{Critic, Models};
use crate::sources::{Collect, D4rl, File};

/// Index of the stream that draws splits; episodes and starts count from 0.
pub(super) const SPLIT: u64 = 1 << 60;

/// Makes the dataset of a job.
pub fn make(job: &Job, models: &dyn Models, progress: OnProgress<'_>) -> Result<Made, JobError> {
    let node = &job.node;
    let origin = match node.value("source") {
        Some(source) => Some(gather(job, source, models, progress)?),
        None => match node.need("data").and_then(|i| job.inputs.get(i)) {
            Some(input) => Some(Dataset::load(&input.files)?),
            None => None,
        },
    };
    let critic = |r: &Ref| -> Result<Box<dyn Critic>, JobError> {
        let input = job
            .inputs
            .get(r.need)
            .ok_or_else(|| JobError::Failed(format!("no input number {}", r.need)))?;
        models.critic(input)
    };
    let origin = match (origin, node.value("keep")) {
        (Some(data), Some(filter)) => {
            let kept = filter::keep(&data, filter, &critic)?;
            Some(filter::select(
                &data,
                &kept,
                &mut stream(&job.key, Purpose::Data, SPLIT),
            ))
        }
        (origin, _) => origin,
    };
    if let Some(prefer) = node.value("prefer") {
        return pairs::make(job, prefer, origin.as_ref(), models, progress);
    }
    let Some(data) = origin else {
        return Err(JobError::Failed(format!(
            "dataset `{}` has neither a source nor an origin",
            node.name
        )));
    };
    progress(1.0, &format!("{} episodes", data.rollouts.episodes()));
    Ok(Made {
        files: data.save()?,
        metrics: facts(&data),
        evaluation: None,
    })
}

/// Reads or collects the episodes that a source names, splits them and fits the normaliser on the training part.
fn gather(
    job: &Job,
    source: &Value,
    models: &dyn Models,
    progress: OnProgress<'_>,
) -> Result<Dataset, JobError> {
    let node = &job.node;
    let call = effective(source_call(source)?);
    let (rollouts, task) = if call.name == "collect" {
        let collect_args = Collect::read(call).map_err(arguments)?;
        let mut by = match &collect_args.by {
            Value::Name(n) if n == "waypoint" => Collector::Waypoint {
                one_goal: collect_args.ends == "goal",
            },
            Value::Name(n) if n == "uniform" => Collector::Uniform,
            Value::Name(n) if n == "linear" => Collector::Linear,
            Value::Ref(r) => {
                let input = job
                    .inputs
                    .get(r.need)
                    .ok_or_else(|| JobError::Failed(format!("no input number {}", r.need)))?;
                Collector::Model(models.planner(input)?)
            }
            other => return Err(JobError::Failed(format!("cannot collect by `{other}`"))),
        };
        let made = collect(
            &collect_args.task,
            &mut by,
            collect_args.episodes,
            collect_args.noise,
            &job.key,
            progress,
        )?;
        (made, crate::envs::task(&collect_args.task))
    } else {
        let (path, task) = located(call)?;
        progress(0.0, &format!("reading {}", path.display()));
        let rollouts = Source::open(&path, task, has_rewards(call))?.read(task)?;
        (planner_cut(rollouts, task), task)
    };
    let shape = Shape::of(node);
    shape.fits(&rollouts, &call.to_string_short())?;
    let mut rng = stream(&job.key, Purpose::Data, SPLIT);
    let split = Split::draw(rollouts.episodes(), shape.valid, &mut rng);
    let train: Vec<_> = split
        .part(Part::Train, rollouts.episodes())
        .into_iter()
        .map(|e| rollouts.range(e))
        .collect();
    let normaliser = Normaliser::fit(
        shape.scheme,
        (rollouts.act, &rollouts.actions),
        (rollouts.obs, &rollouts.observations),
        &train,
    );
    let goal = task
        .and_then(Maze2d::new)
        .and_then(|m| crate::exec::env::Env::goal(&m));
    let meta = Meta {
        kind: Kind::Rollouts,
        task: task.map(|t| t.name.to_owned()),
        horizon: shape.horizon,
        stride: shape.stride,
        normaliser,
        split,
        goal,
        source: call.to_string_short(),
        rewards: has_rewards(call),
    };
    Ok(Dataset { rollouts, meta })
}

/// Maze2D files are cut as planners cut them; everything else as the file says.
fn planner_cut(rollouts: Rollouts, task: Option<&'static Task>) -> Rollouts {
    match task.and_then(Maze2d::new) {
        Some(maze) if maze.rules() == MazeRules::D4rl => {
            recut(&rollouts, maze.goal_at(), maze.radius())
        }
        _ => rollouts,
    }
}

/// The fields that shape windows and splits.
struct Shape {
    horizon: usize,
    stride: usize,
    valid: f64,
    scheme: Scheme,
}

impl Shape {
    fn of(node: &Node) -> Self {
        let number =
            |name: &str, default: f64| node.value(name).and_then(Value::number).unwrap_or(default);
        let valid = node
            .value("split")
            .and_then(|s| s.get("valid"))
            .and_then(Value::number);
        let scheme = match node.value("normalise") {
            Some(Value::Name(n)) if n == "gaussian" => Scheme::Gaussian,
            _ => Scheme::Limits,
        };
        Self {
            horizon: number("horizon", 32.0).max(1.0) as usize,
            stride: number("stride", 1.0).max(1.0) as usize,
            valid: valid.unwrap_or(0.1),
            scheme,
        }
    }

    /// A window that no episode can fill is refused.
    fn fits(&self, rollouts: &Rollouts, source: &str) -> Result<(), JobError> {
        let (span, longest) = ((self.horizon - 1) * self.stride + 1, rollouts.longest());
        if rollouts.episodes() == 0 {
            return Err(JobError::Data(format!("{source} has no episodes")));
        }
        if span > longest {
            return Err(JobError::Data(format!(
                "a window of {} steps with stride {} spans {span} environment steps, but the longest of {} episodes has {longest}; \
                 lower `horizon` or `stride`",
                self.horizon,
                self.stride,
                rollouts.episodes()
            )));
        }
        Ok(())
    }
}

/// What `made from the store` says of a dataset: counts, lengths and scores.
fn facts(data: &Dataset) -> BTreeMap<String, f64> {
    let rollouts = &data.rollouts;
    let n = rollouts.episodes() as f64;
    let returns: Vec<f64> = (0..rollouts.episodes()).map(|e| rollouts.ret(e)).collect();
    let mean = returns.iter().sum::<f64>() / n;
    let mut out = BTreeMap::from([
        ("episodes".to_owned(), n),
        ("transitions".to_owned(), rollouts.len() as f64),
        ("length".to_owned(), rollouts.len() as f64 / n),
        (
            "valid.episodes".to_owned(),
            data.meta.split.valid.len() as f64,
        ),
    ]);
    if !data.meta.rewards {
        return out;
    }
    out.insert("return".to_owned(), mean);
    if let Some(task) = data.meta.task.as_deref().and_then(crate::envs::task) {
        out.insert("score".to_owned(), task.score(mean));
    }
    out
}

/// Path and task of a source that reads a file.
fn located(call: &Call) -> Result<(PathBuf, Option<&'static Task>), JobError> {
    match call.name.as_str() {
        "file" => {
            let file = File::read(call).map_err(arguments)?;
            let task = match file.task.as_deref() {
                Some(name) => Some(known(name)?),
                None => None,
            };
            if file.path.is_empty() {
                return Err(JobError::Data(
                    "no file is named: give its path, or say what is read without one, `file(.., otherwise: collect(..))`".into(),
                ));
            }
            Ok((PathBuf::from(file.path), task))
        }
        "d4rl" => {
            let task = known(&D4rl::read(call).map_err(arguments)?.task)?;
            Ok((cached(task.name)?, Some(task)))
        }
        other => Err(JobError::Failed(format!("`{other}` is not a data source"))),
    }
}

/// The source that is used: `otherwise` of a file that is not named, else the call itself.
pub(crate) fn effective(call: &Call) -> &Call {
    match (call.name.as_str(), call.arg("path"), call.arg("otherwise")) {
        ("file", Some(Value::Str(path)), Some(Value::Call(other))) if path.is_empty() => other,
        _ => call,
    }
}

/// Whether a source has rewards: all but a file that says otherwise.
fn has_rewards(call: &Call) -> bool {
    !matches!(call.arg("rewards"), Some(Value::Bool(false)))
}

fn known(name: &str) -> Result<&'static Task, JobError> {
    crate::envs::task(name).ok_or_else(|| JobError::Data(format!("unknown task `{name}`")))
}

/// Where D4RL keeps the file of a task: `hopper_medium-v2.hdf5`, `maze2d-umaze-sparse-v1.hdf5`, `maze2d-umaze-dense-v1.hdf5`.
fn cached(task: &str) -> Result<PathBuf, JobError> {
    let directory = std::env::var_os("D4RL_DATASET_DIR")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".d4rl/datasets")))
        .ok_or_else(|| {
            JobError::Data("neither `D4RL_DATASET_DIR` nor `HOME` is set; use `file(path)`".into())
        })?;
    let (name, version) = task.rsplit_once('-').unwrap_or((task, ""));
    let file = match name.strip_prefix("maze2d-") {
        Some(size) if size.ends_with("-dense") => format!("maze2d-{size}-{version}.hdf5"),
        Some(size) => format!("maze2d-{size}-sparse-{version}.hdf5"),
        None => format!("{}-{version}.hdf5", name.replace('-', "_")),
    };
    Ok(directory.join(file))
}

fn source_call(source: &Value) -> Result<&Call, JobError> {
    match source {
        Value::Call(call) => Ok(call),
        other => Err(JobError::Failed(format!("`{other}` is not a data source"))),
    }
}

/// Files outside the store that a dataset node reads.
pub fn sources(node: &Node) -> Vec<PathBuf> {
    let Some(Value::Call(call)) = node.value("source") else {
        return Vec::new();
    };
    let call = effective(call);
    if call.name == "collect" {
        Vec::new()
    } else {
        located(call)
            .map(|(path, _)| vec![path])
            .unwrap_or_default()
    }
}

/// Whether a dataset node can be made at all, without reading or simulating anything long: the file is there, whole enough to be opened, and of the
/// right shape; the task is one that this release simulates.
pub fn preflight(node: &Node) -> Result<(), String> {
    let Some(Value::Call(call)) = node.value("source") else {
        return Ok(());
    };
    let call = effective(call);
    let check = || -> Result<(), JobError> {
        if call.name == "collect" {
            let args = Collect::read(call).map_err(arguments)?;
            let task = known(&args.task)?;
            let by = |word: &str| matches!(&args.by, Value::Name(n) if n == word);
            if by("linear") {
                super::collect::linear(task)?;
            }
            if by("waypoint") && Maze2d::new(task).is_none() {
                return Err(JobError::Data(format!(
                    "the waypoint controller drives Maze2D only, not `{}`; collect by `uniform` or by a checkpoint",
                    task.name
                )));
            }
            return Ok(());
        }
        let (path, task) = located(call)?;
        Source::open(&path, task, has_rewards(call)).map(|_| ())
    };
    check().map_err(|e| e.to_string())
}

pub(super) fn arguments(errors: Vec<ArgError>) -> JobError {
    JobError::Failed(
        errors
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; "),
    )
}

/// A source in words, without the content of references.
trait Words {
    fn to_string_short(&self) -> String;
}

impl Words for Call {
    fn to_string_short(&self) -> String {
        Value::from(self.clone()).to_string()
    }
}

/// The count of a quantity field.
pub(super) fn count(node: &Node, name: &str) -> Option<usize> {
    match node.value(name) {
        Some(Value::Quantity(Quantity { amount, .. })) => Some(*amount as usize),
        other => other.and_then(Value::number).map(|n| n as usize),
    }
}
