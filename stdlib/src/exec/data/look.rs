//! What does a person mean who names a file, a folder, a task or a set, and what is in it?

use std::path::Path;

use align_runtime_api::{JobError, Profile};

use super::profile;
use super::read::{Foreign, Place, cached, known};
use crate::envs::Task;

/// The episodes that a word names: a file in D4RL's layout, the folder of a Minari or a LeRobot set, a task of D4RL or the name of a Minari set.
fn named(what: &str, task: Option<&'static Task>) -> Result<Foreign, JobError> {
    let path = Path::new(what);
    let inside = |name: &str| path.join(name).is_file();
    let place = if path.is_file() {
        Place::File(path.to_path_buf())
    } else if inside("meta/info.json") {
        Place::Lerobot(path.to_path_buf())
    } else if inside("data/metadata.json") {
        Place::Minari(path.to_path_buf())
    } else if let Ok(of) = known(what) {
        return Ok(Foreign {
            place: Place::D4rl(cached(what)?),
            task: Some(of),
            rewards: true,
        });
    } else if what.rsplit_once("-v").is_some_and(|(name, version)| {
        name.contains('/') && !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit())
    }) {
        Place::Minari(super::read::minari::folder(what)?)
    } else {
        return Err(JobError::Data(format!(
            "`{what}` is no file, no folder of a Minari or a LeRobot set, no task and no set's name; wanted such as `data/hopper.hdf5`, \
             `hopper-medium-v2` or `D4RL/pointmaze/umaze-v2`"
        )));
    };
    Ok(Foreign {
        place,
        task,
        rewards: true,
    })
}

/// Reads what a word names and says what is in it.  Nothing is downloaded.
pub fn look(
    what: &str,
    task: Option<&str>,
    progress: &mut dyn FnMut(f64),
) -> Result<Profile, JobError> {
    let task = task.map(known).transpose()?;
    let mut foreign = named(what, task)?;
    if !foreign.path().exists() {
        return Err(JobError::Data(format!(
            "`{}` is not here yet: `align run` of a program that names it fetches it, or put it there by hand",
            foreign.path().display()
        )));
    }
    if foreign.check().is_err() {
        // Demonstrations may have no rewards; anything else that is wrong is wrong without them, too.
        foreign.rewards = false;
        if foreign.check().is_err() {
            foreign.rewards = true;
        }
    }
    let rollouts = foreign.read(progress)?;
    let source = foreign.path().display().to_string();
    Ok(profile::of(
        &rollouts,
        foreign.task(),
        foreign.rewards,
        &source,
    ))
}
