//! Episodes made in a built-in environment: by the waypoint controller, at random, or by a trained model.

use align_plan::Key;
use align_runtime_api::{JobError, Purpose, stream};
use rand::RngExt as _;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use super::rollouts::Rollouts;
use crate::envs::Task;
use crate::exec::env::{Env, Linear, Maze2d, Stream, Waypoint, make};
use crate::exec::model::Planner;
use crate::exec::rollout::{Options, Starts, Trace, rollout};

/// Who acts.
pub enum Collector {
    /// D4RL's controller towards random goals, from one to the next or to one alone; Maze2D only.
    Waypoint {
        /// Whether an episode ends at rest in its first goal.
        one_goal: bool,
    },
    /// Uniform actions.
    Uniform,
    /// The linear policy that comes with the library, for the tasks that have one.
    Linear,
    /// A trained model.
    Model(Box<dyn Planner>),
}

/// Episodes that are made at a time, between two reports of progress.
const CHUNK: usize = 64;

/// Makes `episodes` episodes of a task, each from its own stream of `key`, so that the first ones do not depend on how many follow.
pub fn collect(
    task: &str,
    by: &mut Collector,
    episodes: usize,
    noise: f64,
    key: &Key,
    progress: &mut dyn FnMut(f64, &str),
) -> Result<Rollouts, JobError> {
    let env = make(task)?;
    let known = env.task();
    let maze = Maze2d::new(known);
    if matches!(by, Collector::Waypoint { .. }) && maze.is_none() {
        return Err(JobError::Data(format!(
            "the waypoint controller drives Maze2D only, not `{task}`; collect by `uniform` or by a checkpoint"
        )));
    }
    let linear = match by {
        Collector::Linear => Some(linear(known)?),
        _ => None,
    };
    let mut out = Rollouts::new(known.obs, known.act);
    for first in (0..episodes).step_by(CHUNK) {
        let count = CHUNK.min(episodes - first);
        let streams = |i: u64| stream(key, Purpose::Data, first as u64 + i);
        let traces: Vec<(Trace, bool)> = match (&mut *by, &maze) {
            (Collector::Model(planner), _) => {
                let options = Options {
                    record: true,
                    noise,
                    replan: None,
                };
                let made = rollout(
                    env.as_ref(),
                    Starts::Reset(count),
                    planner.as_mut(),
                    &streams,
                    options,
                )?;
                made.into_iter()
                    .filter_map(|e| Some((e.trace?, e.terminal)))
                    .collect()
            }
            (Collector::Waypoint { one_goal }, Some(maze)) => (0..count as u64)
                .into_par_iter()
                .map(|i| (drive(maze.clone(), *one_goal, noise, streams(i)), false))
                .collect(),
            _ => (0..count as u64)
                .into_par_iter()
                .map(|i| Ok(stroll(env.copy()?, linear, noise, streams(i))))
                .collect::<Result<_, JobError>>()?,
        };
        for (trace, terminal) in traces {
            let rows = trace
                .observations
                .chunks_exact(known.obs)
                .zip(trace.actions.chunks_exact(known.act));
            for ((observation, action), reward) in rows.zip(&trace.rewards) {
                out.push(observation, action, *reward);
            }
            out.end(terminal);
        }
        progress(
            (first + count) as f64 / episodes as f64,
            &format!("{} of {episodes} episodes", first + count),
        );
    }
    Ok(out)
}

/// Slower than this is at rest, in cells per second.
const REST: f64 = 0.1;

/// One episode of the waypoint controller: a new goal cell whenever one is reached, until the time limit; or one goal, held without noise until the
/// ball rests there.
fn drive(mut maze: Maze2d, one_goal: bool, noise: f64, mut rng: Stream) -> Trace {
    maze.reset(&mut rng);
    let mut controller = Waypoint::default();
    let mut recorder = Recorder::new(&maze);
    let mut goal = wander(&maze, &mut rng);
    let mut arrived = false;
    for _ in 0..maze.task().max_steps {
        let (mut action, reached) = controller.act(maze.layout(), &maze.ball(), goal, &mut rng);
        for a in &mut action {
            let noise = if arrived { 0.0 } else { noise };
            *a = (*a + noise * rng.sample::<f64, _>(StandardNormal)).clamp(-1.0, 1.0);
        }
        let command = maze.command(action);
        recorder.step(&mut maze, &command);
        arrived |= reached && one_goal;
        let speed = maze.ball().speed;
        if arrived && reached && speed[0].hypot(speed[1]) < REST {
            break;
        }
        if reached && !one_goal {
            goal = wander(&maze, &mut rng);
        }
    }
    recorder.trace
}

/// A random free cell, a little off its centre (D4RL's goals while collecting).
fn wander(maze: &Maze2d, rng: &mut Stream) -> [f64; 2] {
    let free = &maze.layout().free;
    let (i, j) = free[rng.random_range(0..free.len())];
    [i, j].map(|c| c as f64 + rng.random_range(-0.1..0.1))
}

/// The linear policy of a task; an error where there is none.
pub fn linear(task: &Task) -> Result<&'static Linear, JobError> {
    Linear::of(task).ok_or_else(|| {
        JobError::Data(format!(
            "no linear policy comes with the library for `{}`, only for `hopper-*`; collect by `uniform` or by a checkpoint",
            task.name
        ))
    })
}

/// One episode of a linear policy, or else of uniform actions, and whether the task ended it.
fn stroll(
    mut env: Box<dyn Env>,
    linear: Option<&Linear>,
    noise: f64,
    mut rng: Stream,
) -> (Trace, bool) {
    env.reset(&mut rng);
    let limit = env.limit();
    let mut recorder = Recorder::new(env.as_ref());
    let mut action = vec![0.0; env.task().act];
    let mut now = vec![0.0; env.task().obs];
    for _ in 0..env.task().max_steps {
        if let Some(policy) = linear {
            env.observe(&mut now);
            policy.act(&now, &mut action);
        }
        for a in &mut action {
            let extra = noise * rng.sample::<f64, _>(StandardNormal);
            let wanted = match linear {
                Some(_) => *a,
                None => rng.random_range(-limit..limit),
            };
            *a = (wanted + extra as f32).clamp(-limit, limit);
        }
        if recorder.step(env.as_mut(), &action) {
            return (recorder.trace, true);
        }
    }
    (recorder.trace, false)
}

/// Writes down what happens.
struct Recorder {
    now: Vec<f32>,
    trace: Trace,
}

impl Recorder {
    fn new(env: &dyn Env) -> Self {
        Self {
            now: vec![0.0; env.task().obs],
            trace: Trace::default(),
        }
    }

    /// Steps the environment; whether the task ended.
    fn step(&mut self, env: &mut dyn Env, action: &[f32]) -> bool {
        env.observe(&mut self.now);
        self.trace.observations.extend_from_slice(&self.now);
        self.trace.actions.extend_from_slice(action);
        let step = env.step(action);
        self.trace.rewards.push(step.reward as f32);
        step.terminal
    }
}
