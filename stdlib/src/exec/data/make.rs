//! A dataset job from its node to its files: read or collect, split, normalise, filter, pair.

use std::collections::BTreeMap;
use std::path::PathBuf;

use align_plan::Node;
use align_runtime_api::{Job, JobError, Made, OnProgress, Profile, Purpose, stream};
use align_schema::{ArgError, Call, Quantity, Ref, Value};

use super::collect::{Collector, collect};
use super::dataset::{Dataset, Kind, Meta, Part, Split};
use super::filter;
use super::normaliser::{Normaliser, Scheme};
use super::pairs;
use super::read::{Foreign, has_rewards, known};
use super::rollouts::Rollouts;
use crate::exec::env::Maze2d;
use crate::exec::model::{Critic, Models};
use crate::relabels::Affine;
use crate::sources::Collect;

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
    let origin = match (origin, node.value("relabel")) {
        (Some(data), Some(Value::Call(call))) => Some(relabelled(data, call)?),
        (origin, _) => origin,
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
            let left = filter::select(&data, &kept, &mut stream(&job.key, Purpose::Data, SPLIT));
            fits(
                &left.rollouts,
                left.meta.horizon,
                left.meta.stride,
                "what the filter keeps",
            )?;
            Some(left)
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
    let mut files = data.save()?;
    let profile = serde_json::to_vec(&super::profile::profile(&data))
        .map_err(|e| JobError::Failed(format!("cannot write the profile: {e}")))?;
    files.insert(Profile::FILE.into(), profile);
    Ok(Made {
        files,
        metrics: facts(&data),
        evaluation: None,
    })
}

/// A dataset with its rewards changed.
fn relabelled(mut data: Dataset, call: &Call) -> Result<Dataset, JobError> {
    if call.name != Affine::BUILTIN.name {
        return Err(JobError::Failed(format!(
            "unknown change of rewards `{}`",
            call.name
        )));
    }
    let Affine { scale, shift } = Affine::read(call).map_err(arguments)?;
    for reward in &mut data.rollouts.rewards {
        *reward = (scale * f64::from(*reward) + shift) as f32;
        if !reward.is_finite() {
            return Err(JobError::Data(format!(
                "`affine(scale: {scale}, shift: {shift})` makes a reward of {reward}"
            )));
        }
    }
    Ok(data)
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
        let Some(foreign) = Foreign::of(call)? else {
            return Err(JobError::Failed(format!(
                "`{}` makes no episodes",
                call.name
            )));
        };
        let reading = format!("reading {}", foreign.path().display());
        progress(0.0, &reading);
        let rollouts = foreign.read(&mut |share| progress(share, &reading))?;
        (rollouts, foreign.task())
    };
    let shape = Shape::of(node);
    fits(
        &rollouts,
        shape.horizon,
        shape.stride,
        &call.to_string_short(),
    )?;
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
            Some(Value::Name(n)) if n == "cdf" => Scheme::Cdf,
            _ => Scheme::Limits,
        };
        Self {
            horizon: number("horizon", 32.0).max(1.0) as usize,
            stride: number("stride", 1.0).max(1.0) as usize,
            valid: valid.unwrap_or(0.1),
            scheme,
        }
    }
}

/// A window that no episode can fill is refused.
fn fits(rollouts: &Rollouts, horizon: usize, stride: usize, source: &str) -> Result<(), JobError> {
    let (span, longest) = ((horizon - 1) * stride + 1, rollouts.longest());
    if rollouts.episodes() == 0 {
        return Err(JobError::Data(format!("{source} has no episodes")));
    }
    if span > longest {
        return Err(JobError::Data(format!(
            "a window of {horizon} steps with stride {stride} spans {span} environment steps, but the longest of {} episodes has {longest}; \
             lower `horizon` or `stride`",
            rollouts.episodes()
        )));
    }
    Ok(())
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

/// The source that is used: `otherwise` of a file that is not named, else the call itself.
pub(crate) fn effective(call: &Call) -> &Call {
    match (call.name.as_str(), call.arg("path"), call.arg("otherwise")) {
        ("file", Some(Value::Str(path)), Some(Value::Call(other))) if path.is_empty() => other,
        _ => call,
    }
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
    match Foreign::of(effective(call)) {
        Ok(Some(foreign)) => foreign.files(),
        _ => Vec::new(),
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
        Foreign::of(call)?.map_or(Ok(()), |foreign| foreign.check())
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
