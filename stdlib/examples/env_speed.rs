//! How fast are the built-in environments, and what do D4RL's own controllers score in them?
//!
//!     cargo run --release --example env_speed -p align-stdlib --features exec -- scores [EPISODES]
//!     cargo run --release --example env_speed -p align-stdlib --features exec -- maze
//!     cargo run --release --example env_speed -p align-stdlib --features exec -- robot hopper-v4 STEPS
//!
//! `scores` compares with the published reference scores; `maze` and `robot` print steps per second of CPU time on one thread.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use align_stdlib::envs::{MazeRules, TASKS, Task, task};
use align_stdlib::exec::env::{Env as _, Maze2d, Stream, Waypoint, make};
use rand::RngExt as _;
use rand_chacha::rand_core::SeedableRng as _;
use rayon::prelude::*;
use rustix::time::{ClockId, clock_gettime};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("scores") => scores(args.get(1).and_then(|n| n.parse().ok()).unwrap_or(10_000)),
        Some("maze") => maze(),
        Some("robot") => robot(
            args.get(1).map_or("hopper-v4", String::as_str),
            args.get(2).and_then(|n| n.parse().ok()).unwrap_or(20_000),
        ),
        _ => println!("wanted `scores`, `maze` or `robot TASK STEPS`"),
    }
}

/// One episode's return: uniform actions, or the controller.
fn episode(env: &mut Maze2d, controller: Option<&mut Waypoint>, rng: &mut Stream) -> f64 {
    env.reset(rng);
    let steps = 0..env.task().max_steps;
    match controller {
        None => steps
            .map(|_| env.advance([0; 2].map(|_| rng.random_range(-1.0..1.0))))
            .sum(),
        Some(c) => steps
            .map(|_| {
                let (action, _) = c.act(env.layout(), &env.ball(), env.goal_at(), rng);
                env.advance(action)
            })
            .sum(),
    }
}

/// Mean and standard error over episodes; as in D4RL's reference script one controller is kept over a run of 100 of them.
fn returns(known: &'static Task, drives: bool, kept: bool, episodes: usize) -> (f64, f64) {
    let all: Vec<f64> = (0..(episodes / 100) as u64)
        .into_par_iter()
        .flat_map_iter(|seed| {
            let mut rng = Stream::seed_from_u64(seed);
            let mut env = Maze2d::new(known).unwrap();
            let mut controller = Waypoint::default();
            (0..100)
                .map(|_| {
                    if !kept {
                        controller.forget();
                    }
                    episode(&mut env, drives.then_some(&mut controller), &mut rng)
                })
                .collect::<Vec<_>>()
        })
        .collect();
    let n = all.len() as f64;
    let mean = all.iter().sum::<f64>() / n;
    let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

fn scores(episodes: usize) {
    println!(
        "{episodes} episodes; published scores of Maze2D are means of 100, so that 2 standard errors are those of 100 and of these together"
    );
    for known in TASKS {
        let Some(maze) = Maze2d::new(known) else {
            continue;
        };
        let d4rl = maze.rules() == MazeRules::D4rl;
        for (who, drives, published) in [
            ("uniform", false, known.min_score),
            ("controller", true, known.max_score),
        ] {
            let (mean, error) = returns(known, drives, d4rl, episodes);
            let both = error * (1.0 + episodes as f64 / 100.0).sqrt();
            let off = (mean - published) / both;
            println!(
                "{:36} {who:10} {mean:8.2} +- {error:5.2}   reference {published:8.2}, off by {off:+.2} standard errors",
                known.name
            );
        }
    }
}

/// Seconds of CPU time of this process.
fn now() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn maze() {
    for name in ["maze2d-umaze-v1", "maze2d-large-v1"] {
        let mut env = Maze2d::new(task(name).unwrap()).unwrap();
        let mut rng = Stream::seed_from_u64(0);
        env.reset(&mut rng);
        let actions: Vec<[f64; 2]> = (0..1024)
            .map(|_| [0; 2].map(|_| rng.random_range(-1.0..1.0)))
            .collect();
        let steps = 5_000_000;
        let start = now();
        let mut total = 0.0;
        for t in 0..steps {
            total += env.advance(actions[(t / 16) % actions.len()]);
        }
        let rate = f64::from(u32::try_from(steps).unwrap()) / (now() - start);
        println!(
            "{name}: {:.2} million steps per CPU-second (reward {total:.0})",
            rate / 1e6
        );
    }
}

fn robot(name: &str, steps: usize) {
    let mut env = make(name).unwrap();
    let mut rng = Stream::seed_from_u64(0);
    env.reset(&mut rng);
    let mut action = vec![0.0f32; env.task().act];
    let mut seen = vec![0.0f32; env.task().obs];
    let (mut total, mut length) = (0.0, 0);
    let start = now();
    for _ in 0..steps {
        action.fill_with(|| rng.random_range(-1.0..1.0));
        let step = env.step(&action);
        env.observe(&mut seen);
        total += step.reward;
        length += 1;
        if step.terminal || length == env.task().max_steps {
            env.reset(&mut rng);
            length = 0;
        }
    }
    println!("{:.0}", steps as f64 / (now() - start));
    assert!(total.is_finite());
}
