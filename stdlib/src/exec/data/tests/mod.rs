#![expect(clippy::float_cmp, reason = "these numbers are exact")]
//! Data: arrays and rules, files, jobs, pairs; with a planner and a critic that know the answer.

mod arrays;
mod d4rl;
mod damaged;
mod jobs;
mod sets;

use align_plan::{Digest, Key};
use align_runtime_api::{Input, JobError};
use rand::RngExt as _;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;
use crate::exec::env::{Env as _, Maze2d, Stream, Waypoint};
use crate::exec::model::{Critic, Models, Planner, Plans, Request};

fn key(text: &str) -> Key {
    Key(Digest(text.to_owned()))
}

fn rng(seed: u64) -> Stream {
    Stream::seed_from_u64(seed)
}

/// Episodes of these lengths whose every number says which step it is; the first ends at a terminal.
fn counted(lengths: &[usize]) -> Rollouts {
    let mut out = Rollouts::new(2, 1);
    for (e, n) in lengths.iter().enumerate() {
        for _ in 0..*n {
            let t = out.len() as f32;
            out.push(&[t, -t], &[t / 10.0], 1.0);
        }
        out.end(e == 0);
    }
    out
}

fn dataset(rollouts: Rollouts, horizon: usize, stride: usize, valid: Vec<usize>) -> Dataset {
    let split = Split { valid };
    let all = 0..rollouts.len();
    let normaliser = Normaliser::fit(
        Scheme::Limits,
        (rollouts.act, &rollouts.actions),
        (rollouts.obs, &rollouts.observations),
        &[all],
    );
    let meta = Meta {
        kind: Kind::Rollouts,
        task: None,
        horizon,
        stride,
        normaliser,
        split,
        goal: None,
        source: "test".into(),
        rewards: true,
    };
    Dataset { rollouts, meta }
}

/// Plans in the U-maze: by a coin of the row's own stream, the waypoint controller's way to the goal, or staying at the start.
pub(super) struct Coin {
    meta: Meta,
    maze: Maze2d,
}

impl Coin {
    pub(super) fn new(meta: Meta) -> Self {
        let maze = Maze2d::new(crate::envs::task("maze2d-umaze-v1").unwrap()).unwrap();
        Self { meta, maze }
    }
}

impl Planner for Coin {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn plan(&mut self, request: Request<'_>) -> Result<Plans, JobError> {
        let mut plans = Plans {
            horizon: self.meta.horizon,
            act: 2,
            obs: 4,
            values: Vec::new(),
        };
        for (start, rng) in request.observations.chunks(4).zip(request.rngs) {
            let go = rng.random_bool(0.5);
            let mut maze = self.maze.clone();
            assert!(maze.start_at(start));
            let (mut controller, mut now) = (Waypoint::default(), [0.0; 4]);
            for _ in 0..self.meta.horizon {
                maze.observe(&mut now);
                plans.values.extend([0.0, 0.0]);
                plans.values.extend(if go {
                    now
                } else {
                    [start[0], start[1], 0.0, 0.0]
                });
                for _ in 0..self.meta.stride {
                    let (action, _) =
                        controller.act(maze.layout(), &maze.ball(), maze.goal_at(), rng);
                    maze.advance(action);
                }
            }
        }
        Ok(plans)
    }
}

/// Values a state by its first number, and a plan by its last.
struct First;

impl Critic for First {
    fn state_values(&mut self, observations: &[f32]) -> Result<Vec<f64>, JobError> {
        Ok(observations.chunks(2).map(|o| f64::from(o[0])).collect())
    }
    fn plan_values(&mut self, _: &[f32], plans: &Plans) -> Result<Vec<f64>, JobError> {
        Ok(plans
            .values
            .chunks(plans.row())
            .map(|p| f64::from(p[p.len() - plans.obs]))
            .collect())
    }
    fn discount(&self) -> f64 {
        0.5
    }
}

/// Opens a [`Coin`] for the meta data of the only input, and [`First`].
struct Known;

impl Models for Known {
    fn planner(&self, checkpoint: &Input) -> Result<Box<dyn Planner>, JobError> {
        Ok(Box::new(Coin::new(Meta::load(&checkpoint.files)?)))
    }
    fn critic(&self, _: &Input) -> Result<Box<dyn Critic>, JobError> {
        Ok(Box::new(First))
    }
}
