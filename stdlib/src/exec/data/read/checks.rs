//! What must hold of episodes whatever file they come from?  Each rule and its message stand here once.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Once;

use align_runtime_api::JobError;

use crate::envs::Task;
use crate::exec::data::Rollouts;

/// An error of a file or a set of files.
pub(super) fn bad(name: &str, what: &str) -> JobError {
    JobError::Data(format!("`{name}`: {what}"))
}

/// Bytes of a file that must be there; `wanted` says what it should be.
pub(super) fn size_of(path: &Path, wanted: &str) -> Result<u64, JobError> {
    let name = path.display().to_string();
    match std::fs::metadata(path) {
        Ok(m) if m.is_file() => Ok(m.len()),
        Ok(_) => Err(bad(&name, &format!("not a file; wanted {wanted}"))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(bad(
            &name,
            &format!("no such file; give the path of {wanted}"),
        )),
        Err(e) => Err(bad(&name, &format!("cannot be read: {e}"))),
    }
}

/// Widths that are none, or not the task's.
pub(super) fn widths(
    name: &str,
    steps: usize,
    (obs, act): (usize, usize),
    task: Option<&Task>,
) -> Result<(), JobError> {
    if steps == 0 || obs == 0 || act == 0 {
        return Err(bad(
            name,
            &format!("no data: observations are [{steps}, {obs}], actions [{steps}, {act}]"),
        ));
    }
    match task.filter(|t| (t.obs, t.act) != (obs, act)) {
        Some(t) => Err(bad(
            name,
            &format!(
                "observations have {obs} numbers and actions {act}, but `{}` has {} and {}",
                t.name, t.obs, t.act
            ),
        )),
        None => Ok(()),
    }
}

/// Numbers that are not finite are refused with their count and first place.
pub(super) fn finite(name: &str, rollouts: &Rollouts) -> Result<(), JobError> {
    let Some((count, array, step)) = rollouts.not_finite() else {
        return Ok(());
    };
    // While the episodes are not cut yet, steps are all there is.
    let episode = rollouts.offsets.partition_point(|o| *o <= step);
    let place = match rollouts.offsets.get(episode.wrapping_sub(1)) {
        Some(start) if rollouts.episodes() > 0 => format!(
            "step {step} (step {} of episode {})",
            step - start,
            episode - 1
        ),
        _ => format!("step {step}"),
    };
    Err(bad(
        name,
        &format!(
            "{count} of the numbers in `{array}` are not finite, the first at {place}; clean the file or leave that episode out"
        ),
    ))
}

/// What the files say of their own size, against what they hold.
pub(super) fn complete(
    name: &str,
    what: &str,
    said: Option<usize>,
    found: usize,
) -> Result<(), JobError> {
    match said.filter(|n| *n != found) {
        Some(n) => Err(bad(
            name,
            &format!(
                "its metadata say {n} {what}, but its files hold {found}; the copy is not whole: fetch it again"
            ),
        )),
        None => Ok(()),
    }
}

/// One recorded episode, row by row.
pub(super) struct Episode<'a> {
    /// Which one, for messages.
    pub(super) number: usize,
    /// [T, obs].
    pub(super) observations: &'a [f32],
    /// [T, act].
    pub(super) actions: &'a [f32],
    /// [T]; none in demonstrations without rewards.
    pub(super) rewards: Option<&'a [f32]>,
}

/// Adds an episode; it ends with its rows, and before at each step that `ends` gives: for good (true) or by a limit (false).
pub(super) fn add(
    name: &str,
    out: &mut Rollouts,
    episode: &Episode<'_>,
    ends: impl Fn(usize) -> Option<bool>,
) -> Result<(), JobError> {
    let number = episode.number;
    let steps = episode.actions.len() / out.act.max(1);
    if steps == 0 {
        return Err(bad(
            name,
            &format!("episode {number} has no steps; leave it out"),
        ));
    }
    let rewards = episode.rewards.map_or(steps, <[f32]>::len);
    if episode.actions.len() != steps * out.act
        || episode.observations.len() != steps * out.obs
        || rewards != steps
    {
        return Err(bad(
            name,
            &format!(
                "episode {number} has {} numbers of observations, {} of actions and {rewards} rewards; wanted {} and {} for each step, and one reward",
                episode.observations.len(),
                episode.actions.len(),
                out.obs,
                out.act
            ),
        ));
    }
    for t in 0..steps {
        out.push(
            &episode.observations[t * out.obs..(t + 1) * out.obs],
            &episode.actions[t * out.act..(t + 1) * out.act],
            episode.rewards.map_or(0.0, |r| r[t]),
        );
        if let Some(terminal) = ends(t) {
            out.end(terminal);
        }
    }
    out.end(false);
    Ok(())
}

thread_local! {
    /// Whether a panic of this thread is one that becomes an error.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Reads foreign bytes: the readers of other projects may panic on a damaged file, and that is an error of the data like any other.
///
/// The only place that catches a panic.  What was half read is dropped with it, so that nothing broken can be seen afterwards.
pub(super) fn guarded<T>(
    name: &str,
    read: impl FnOnce() -> Result<T, JobError>,
) -> Result<T, JobError> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !CAUGHT.get() {
                loud(info);
            }
        }));
    });
    let before = CAUGHT.replace(true);
    let result = std::panic::catch_unwind(AssertUnwindSafe(read));
    CAUGHT.set(before);
    result.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("the reader gave up");
        Err(bad(
            name,
            &format!("damaged in a way that its reader did not foresee ({text}); fetch it again"),
        ))
    })
}
