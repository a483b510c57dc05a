//! The physics against real MuJoCo, and D4RL's reference scores from its own controllers.

use rand::RngExt as _;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use serde_json::Value;

use super::contact::Ball;
use super::*;
use crate::envs::{TASKS, task};

fn maze(name: &str) -> Maze2d {
    Maze2d::new(task(name).unwrap()).unwrap()
}

/// Replays a recorded file; gives the largest error of positions and velocities in the first `steps` steps.
fn replay(file: &str, solver: Solver, steps: usize) -> f64 {
    let path = format!("../tests/fixtures/maze2d/{file}");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let numbers = |v: &Value| {
        v.as_array()
            .unwrap()
            .iter()
            .map(|x| x.as_f64().unwrap())
            .collect::<Vec<_>>()
    };
    let every = file["every"].as_u64().unwrap() as usize;
    let mut worst = 0.0f64;
    for t in file["trajectories"].as_array().unwrap() {
        let mut maze = maze(t["task"].as_str().unwrap()).with_solver(solver);
        let start = numbers(&t["start"]);
        maze.place(Ball {
            at: [start[0], start[1]],
            speed: [start[2], start[3]],
        });
        let held = t["actions"]
            .as_array()
            .unwrap()
            .iter()
            .zip(t["states"].as_array().unwrap());
        for (action, state) in held.take(steps / every) {
            let (action, state) = (numbers(action), numbers(state));
            for _ in 0..every {
                maze.advance([action[0], action[1]]);
            }
            let Ball { at, speed } = maze.ball();
            for (x, y) in [at[0], at[1], speed[0], speed[1]].iter().zip(state) {
                worst = worst.max((x - y).abs());
            }
        }
    }
    worst
}

#[test]
fn the_ball_moves_as_in_mujoco() {
    for (file, solver) in [
        ("mujoco-3.3.7.json", Solver::MUJOCO_3),
        ("mujoco-3.5.0.json", Solver::MUJOCO_3_5),
    ] {
        let (early, late) = (replay(file, solver, 50), replay(file, solver, 200));
        assert!(early <= 1e-9, "{file}: {early:e} in 50 steps");
        assert!(late <= 1e-6, "{file}: {late:e} in 200 steps");
    }
    // The constants matter: with those of another release the trajectories part.
    assert!(replay("mujoco-3.3.7.json", Solver::MUJOCO_3_5, 200) > 1e-4);
}

/// Who drives in [`returns`].
#[derive(Clone, Copy)]
enum Driver {
    Uniform,
    /// One controller for all episodes of a run, as D4RL's reference script has it.
    Kept,
    Replanned,
}

/// Mean return and its standard error over `runs` times `episodes` episodes.
fn returns(name: &str, driver: Driver, runs: u64, episodes: usize) -> (f64, f64) {
    let all: Vec<f64> = (0..runs)
        .into_par_iter()
        .flat_map_iter(|seed| {
            let mut rng = Stream::seed_from_u64(seed);
            let (mut env, mut controller) = (maze(name), Waypoint::default());
            (0..episodes)
                .map(|_| {
                    env.reset(&mut rng);
                    if matches!(driver, Driver::Replanned) {
                        controller.forget();
                    }
                    (0..env.task().max_steps)
                        .map(|_| {
                            let action = match driver {
                                Driver::Uniform => [0; 2].map(|_| rng.random_range(-1.0..1.0)),
                                _ => {
                                    controller
                                        .act(env.layout(), &env.ball(), env.goal_at(), &mut rng)
                                        .0
                                }
                            };
                            env.advance(action)
                        })
                        .sum()
                })
                .collect::<Vec<f64>>()
        })
        .collect();
    let n = all.len() as f64;
    let mean = all.iter().sum::<f64>() / n;
    let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// The published scores are means over 100 episodes: their own standard error is ours at that count.
#[test]
fn reference_scores_are_reproduced() {
    for t in TASKS.iter().filter(|t| t.name.starts_with("maze2d")) {
        for (driver, published) in [(Driver::Uniform, t.min_score), (Driver::Kept, t.max_score)] {
            let (mean, error) = returns(t.name, driver, 4, 100);
            let both = error * (1.0f64 + 4.0).sqrt();
            assert!(
                (mean - published).abs() < 2.0 * both,
                "{}: {mean} +- {error}, published {published}",
                t.name
            );
        }
    }
}

#[test]
fn replanning_beats_the_reference() {
    let (mean, error) = returns("maze2d-umaze-v1", Driver::Replanned, 4, 100);
    assert!((mean - 223.9).abs() < 3.0 * error, "{mean} +- {error}");
}

#[test]
fn rewards_are_d4rls() {
    let (sparse, dense) = (maze("maze2d-umaze-v1"), maze("maze2d-umaze-dense-v1"));
    assert!(sparse.reward_at([1.0, 1.5]) > 0.5 && sparse.reward_at([1.0, 1.51]) < 0.5);
    assert!((dense.reward_at([1.0, 2.0]) - (-1.0f64).exp()).abs() < 1e-12);
}

#[test]
fn an_episode_can_start_at_an_observation_and_repeats_exactly() {
    for name in ["maze2d-large-v1", "pendulum"] {
        let mut env = make(name).unwrap();
        env.reset(&mut Stream::seed_from_u64(3));
        let mut at = vec![0.0; env.task().obs];
        env.observe(&mut at);
        let run = |env: &mut dyn Env| {
            assert!(env.start_at(&at));
            (0..100)
                .map(|i| env.step(&[(i % 7) as f32 / 7.0, -0.5]).reward)
                .sum::<f64>()
                .to_bits()
        };
        assert_eq!(run(env.as_mut()), run(env.copy().as_mut()));
        assert!(!env.start_at(&[0.0]), "a short observation is refused");
    }
}

#[test]
fn what_is_not_simulated_says_so() {
    for (name, wanted) in [
        ("hopper-medium-v2", "does not simulate"),
        ("hopper", "unknown task"),
    ] {
        let error = make(name).err().unwrap().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

/// A pendulum that hangs is at the angle of largest cost; upright at rest there is none.
#[test]
fn the_pendulum_follows_its_equations() {
    let mut env = make("pendulum").unwrap();
    assert!(env.start_at(&[-1.0, 0.0, 0.0]));
    let step = env.step(&[5.0]);
    assert!(
        (step.reward + std::f64::consts::PI.powi(2) + 0.004).abs() < 1e-9,
        "{}",
        step.reward
    );
    let mut now = [0.0; 3];
    env.observe(&mut now);
    assert!(
        (now[2] - 0.3).abs() < 1e-6,
        "torque is clipped to 2: {}",
        now[2]
    );
    let mut rng = Stream::seed_from_u64(1);
    let total: f64 = (0..1000)
        .map(|_| {
            env.reset(&mut rng);
            (0..200)
                .map(|_| env.step(&[rng.random_range(-2.0..2.0)]).reward)
                .sum::<f64>()
        })
        .sum();
    let score = env.task().score(total / 1000.0);
    assert!(
        score.abs() < 4.0,
        "uniform actions score 0: {score}, {}",
        total / 1000.0
    );
}
