//! What is in a dataset?  Counts, returns, ranges, and the ways through a maze, for people to look at.

use align_runtime_api::{Paths, Profile, Range, Spread};

use super::dataset::Dataset;
use super::rollouts::Rollouts;
use crate::envs::{MazeRules, Task};
use crate::exec::env::Maze2d;

/// Bins of a histogram of so many values.
fn bins(count: usize) -> usize {
    ((2.0 * (count as f64).sqrt()) as usize).clamp(4, 30)
}

/// Episodes whose way is shown, and points of each.
const SHOWN: (usize, usize) = (40, 120);

/// The profile of a dataset.
pub fn profile(data: &Dataset) -> Profile {
    let task = data.meta.task.as_deref().and_then(crate::envs::task);
    let rewards = data.meta.rewards;
    of(&data.rollouts, task, rewards, &data.meta.source)
}

/// The profile of episodes.
pub fn of(
    rollouts: &Rollouts,
    task: Option<&'static Task>,
    rewards: bool,
    source: &str,
) -> Profile {
    let episodes = rollouts.episodes();
    let lengths: Vec<f64> = (0..episodes)
        .map(|e| rollouts.range(e).len() as f64)
        .collect();
    let returns: Vec<f64> = (0..episodes).map(|e| rollouts.ret(e)).collect();
    let returns = Spread::of(&returns, bins(episodes)).filter(|_| rewards);
    Profile {
        source: source.to_owned(),
        task: task.map(|t| t.name.to_owned()),
        episodes,
        steps: rollouts.len(),
        ended: rollouts.terminals.iter().filter(|t| **t).count(),
        lengths: Spread::of(&lengths, bins(episodes)).unwrap_or_default(),
        score: returns.as_ref().and_then(|r| task.map(|t| t.score(r.mean))),
        returns,
        observations: ranges(&rollouts.observations, rollouts.obs),
        actions: ranges(&rollouts.actions, rollouts.act),
        rewards: rewards
            .then(|| ranges(&rollouts.rewards, 1).first().copied())
            .flatten(),
        maze: task
            .and_then(Maze2d::new)
            .map(|maze| paths(rollouts, &maze)),
    }
}

/// The range of each column of rows of `width` numbers.
fn ranges(values: &[f32], width: usize) -> Vec<Range> {
    (0..width)
        .map(|column| {
            let all = || {
                values
                    .iter()
                    .skip(column)
                    .step_by(width)
                    .map(|x| f64::from(*x))
            };
            let (mut out, mut sum) = (
                Range {
                    min: f64::INFINITY,
                    max: f64::NEG_INFINITY,
                    ..Range::default()
                },
                0.0,
            );
            for x in all() {
                out.min = out.min.min(x);
                out.max = out.max.max(x);
                sum += x;
            }
            let n = (values.len() / width).max(1) as f64;
            out.mean = sum / n;
            out.std = (all().map(|x| (x - out.mean).powi(2)).sum::<f64>() / n).sqrt();
            if out.min > out.max {
                (out.min, out.max) = (0.0, 0.0);
            }
            out
        })
        .collect()
}

/// The ways of episodes that are spread evenly over the data.
fn paths(rollouts: &Rollouts, maze: &Maze2d) -> Paths {
    let layout = maze.layout();
    let (rows, columns) = layout.size();
    let count = rollouts.episodes().min(SHOWN.0);
    let cell = |t: usize| {
        let seen = rollouts.observation(t);
        let number = |i: usize| f64::from(seen.get(i).copied().unwrap_or(0.0));
        let ball = maze.ball_at([number(0), number(1), 0.0, 0.0]);
        // Hundredths of a cell are finer than the picture.
        ball.at
            .map(|x| (((x + layout.offset) * 100.0).round() / 100.0) as f32)
    };
    let [i, j] = maze.goal_at();
    Paths {
        size: [rows as usize, columns as usize],
        walls: (0..rows)
            .flat_map(|i| (0..columns).map(move |j| (i, j)))
            .map(|(i, j)| layout.is_wall(i, j))
            .collect(),
        goal: (maze.rules() == MazeRules::D4rl).then(|| [i, j].map(|x| (x + layout.offset) as f32)),
        paths: (0..count)
            .map(|k| {
                let range = rollouts.range(k * rollouts.episodes() / count);
                let stride = range.len().div_ceil(SHOWN.1).max(1);
                let last = range.end.saturating_sub(1);
                range.step_by(stride).chain([last]).map(cell).collect()
            })
            .collect(),
    }
}
