//! Which program beside this one simulates a node's task?  MuJoCo, for robots: whether it is there, and in which version.

use std::ffi::OsString;
use std::path::PathBuf;

use align_plan::Node;
use align_runtime_api::{Job, JobError};
use align_schema::Value;

use crate::envs::Task;
use crate::exec::data::effective;

/// Uses this MuJoCo in place of what the environment says.
pub fn choose(path: PathBuf) {
    align_mujoco::choose(path);
}

/// What a worker must find in its environment to use the MuJoCo that was chosen here.
pub fn environment() -> Vec<(OsString, OsString)> {
    align_mujoco::chosen()
        .map(|path| (align_mujoco::VARIABLE.into(), path.into()))
        .into_iter()
        .collect()
}

/// The task that a node acts in: that of its evaluations, of `in env(..)`, or of what it collects.
fn task(node: &Node) -> Option<&'static Task> {
    let named = ["env", "task"]
        .iter()
        .filter_map(|field| node.value(field))
        .chain(node.value("source").and_then(collected))
        .find_map(|v| v.get("task").unwrap_or(v).word());
    named.and_then(crate::envs::task)
}

/// The task of a source that collects.
fn collected(source: &Value) -> Option<&Value> {
    match source {
        Value::Call(call) => {
            let call = effective(call);
            call.arg("task").filter(|_| call.name == "collect")
        }
        _ => None,
    }
}

/// What simulates a node's task, where that is another program; `MuJoCo, not found` where it should be there and is not.
pub fn of(node: &Node) -> Option<String> {
    task(node)?.needs_mujoco().then(|| {
        align_mujoco::found().map_or_else(
            |_| "MuJoCo, not found".into(),
            |found| format!("MuJoCo {}", found.version),
        )
    })
}

/// Whether what simulates a node's task is there.
pub fn preflight(node: &Node) -> Result<(), String> {
    match task(node).filter(|t| t.needs_mujoco()) {
        Some(task) => align_mujoco::usable()
            .map_err(|e| format!("`{}` is simulated by MuJoCo, but {e}", task.name)),
        None => Ok(()),
    }
}

/// Whether a job runs with what its key was made for.
pub fn same(job: &Job) -> Result<(), JobError> {
    let here = of(&job.node);
    if here == job.simulator {
        return Ok(());
    }
    let name = |s: &Option<String>| s.clone().unwrap_or_else(|| "nothing".into());
    Err(JobError::Failed(format!(
        "this job is for {}, but here is {}: name the same library with `--mujoco PATH`",
        name(&job.simulator),
        name(&here)
    )))
}
