//! How an environment behaves: reset, step, observe, steer.  Must not know models, datasets or devices.
//!
//! Everything is plain `f64` physics on one thread; [`crate::exec::rollout`] runs many of them at once.

mod contact;
mod linear;
mod maze2d;
mod pendulum;
mod robot;
mod waypoint;

use align_runtime_api::JobError;
use rand_chacha::ChaCha8Rng;

use crate::envs::{Task, World};

pub use contact::{Ball, Solver};
pub use linear::Linear;
pub use maze2d::{Layout, Maze2d, distance};
pub use pendulum::Pendulum;
pub use robot::Robot;
pub use waypoint::Waypoint;

#[cfg(test)]
mod tests;

/// The random stream that everything here draws from.
pub type Stream = ChaCha8Rng;

/// What one step of an environment tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Reward of the step, undiscounted.
    pub reward: f64,
    /// Whether the task itself ended (not the time limit).
    pub terminal: bool,
}

/// A simulated environment.
pub trait Env: Send + Sync {
    /// The task: sizes, time limit, reference scores.
    fn task(&self) -> &'static Task;

    /// Starts an episode from the task's start distribution.
    fn reset(&mut self, rng: &mut Stream);

    /// Starts an episode at an observation; false (and no change) when an observation does not fix the state.
    fn start_at(&mut self, observation: &[f32]) -> bool;

    /// Writes the observation, `task().obs` numbers.
    fn observe(&self, out: &mut [f32]);

    /// Largest magnitude of each number of an action.
    fn limit(&self) -> f32 {
        1.0
    }

    /// Applies an action of `task().act` numbers, which is clipped to the task's limits.
    fn step(&mut self, action: &[f32]) -> Step;

    /// The observation that a plan should end in, when the task has a goal (Maze2D: the goal's position, at rest).
    fn goal(&self) -> Option<Vec<f32>> {
        None
    }

    /// Whether the present state is a success, when the task defines one (Maze2D: within the goal's radius).
    fn success(&self) -> Option<bool> {
        None
    }

    /// Writes the action that steers towards a target observation one step ahead, for environments that have such a controller; false when there is
    /// none (then plans are executed by their actions).
    fn steer(&self, target: &[f32], action: &mut [f32]) -> bool {
        let _ = (target, action);
        false
    }

    /// A fresh copy, for another episode; an error when there is no memory for it.
    fn copy(&self) -> Result<Box<dyn Env>, JobError>;
}

/// Makes the environment of a task; one of MuJoCo's where MuJoCo is not there is an error that says how to get it.
pub fn make(task: &str) -> Result<Box<dyn Env>, JobError> {
    let Some(known) = crate::envs::task(task) else {
        return Err(JobError::Failed(format!("unknown task `{task}`")));
    };
    Ok(match known.world {
        World::Maze { .. } => match Maze2d::new(known) {
            Some(maze) => Box::new(maze),
            None => return Err(JobError::Failed(format!("`{task}` is no maze"))),
        },
        World::Pendulum => Box::new(Pendulum::new(known)),
        World::Robot { body, rules } => Box::new(Robot::new(known, body, rules)?),
    })
}
