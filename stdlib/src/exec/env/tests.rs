//! The physics against real MuJoCo, and D4RL's reference scores from its own controllers.
#![expect(clippy::float_cmp, reason = "these numbers are exact")]

use rand::RngExt as _;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use serde_json::Value;

use super::*;
use crate::envs::{TASKS, task};

fn maze(name: &str) -> Maze2d {
    Maze2d::new(task(name).unwrap()).unwrap()
}

/// Replays a recorded file; gives the largest error of positions and velocities in the first `steps` steps, and of returns.
fn replay(file: &str, solver: Solver, steps: usize) -> f64 {
    let path = format!("../tests/fixtures/maze2d/{file}");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let numbers = |v: &Value| {
        v.as_array()
            .into_iter()
            .flatten()
            .map(|x| x.as_f64().unwrap())
            .collect::<Vec<_>>()
    };
    let held = file["held"].as_u64().unwrap() as usize;
    let marks = numbers(&file["marks"]);
    let mut worst = 0.0f64;
    for t in file["trajectories"].as_array().unwrap() {
        let mut maze = maze(t["task"].as_str().unwrap()).with_solver(solver);
        let four = |v: &Value| <[f64; 4]>::try_from(numbers(v)).unwrap();
        maze.place(maze.ball_at(four(&t["start"])));
        if let [x, y] = numbers(&t["goal"])[..] {
            maze.aim(maze.ball_at([x, y, 0.0, 0.0]).at);
        }
        let (actions, states) = (&t["actions"], t["states"].as_array().unwrap());
        let (mut total, mut states) = (0.0, marks.iter().zip(states).peekable());
        for step in 0..steps {
            let action = numbers(&actions[step / held]);
            total += maze.act([action[0], action[1]]);
            if let Some((_, state)) = states.next_if(|(mark, _)| **mark == (step + 1) as f64) {
                for (x, y) in maze.seen(&maze.ball()).iter().zip(four(state)) {
                    worst = worst.max((x - y).abs());
                }
            }
        }
        if let (Some(wanted), None) = (t["return"].as_f64(), states.peek()) {
            worst = worst.max((total - wanted).abs());
        }
    }
    worst
}

#[test]
fn the_ball_moves_as_in_mujoco() {
    for (file, solver) in [
        ("mujoco-2.3.7.json", Solver::MUJOCO_2),
        ("mujoco-3.3.7.json", Solver::MUJOCO_3),
        ("mujoco-3.5.0.json", Solver::MUJOCO_3_5),
        ("pointmaze-3.3.7.json", Solver::MUJOCO_3),
        ("pointmaze-3.5.0.json", Solver::MUJOCO_3_5),
    ] {
        let (early, late) = (replay(file, solver, 50), replay(file, solver, 600));
        assert!(early <= 1e-9, "{file}: {early:e} in 50 steps");
        assert!(late <= 1e-4, "{file}: {late:e} in 600 steps");
    }
    // The constants matter: with those of another release the trajectories part.
    assert!(replay("mujoco-3.3.7.json", Solver::MUJOCO_3_5, 600) > 1e-4);
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
        assert_eq!(run(env.as_mut()), run(env.copy().unwrap().as_mut()));
        assert!(!env.start_at(&[0.0]), "a short observation is refused");
    }
}

#[test]
fn an_unknown_task_says_so() {
    let error = make("hopper").err().unwrap().to_string();
    assert!(error.contains("unknown task"), "{error}");
}

/// Goals and starts of PointMaze: drawn anew, apart from each other, in the coordinates of gymnasium-robotics.
#[test]
fn pointmaze_draws_a_goal_at_each_reset() {
    let mut env = maze("pointmaze-large-v3");
    let mut rng = Stream::seed_from_u64(2);
    let mut goals = Vec::new();
    for _ in 0..200 {
        env.reset(&mut rng);
        let (goal, ball) = (env.goal_at(), env.ball());
        let (i, j) = (goal[0].round() as i64, goal[1].round() as i64);
        assert!(!env.layout().is_wall(i, j), "{goal:?}");
        assert!(ball.speed == [0.0; 2]);
        // The cells are apart by more than 0.5 from the goal, each start then moves by up to 0.25 a side.
        assert!(distance(ball.at, goal) > 0.5 - 0.36, "{goal:?}, {ball:?}");
        let seen = env.goal().unwrap();
        // Cell (1, 1) is at the upper left: x = 1 - 5.5, y = 3.5 - 1.
        let (x, y) = (goal[1] - 5.5, 4.0 - goal[0]);
        assert!((f64::from(seen[0]) - x).abs() < 1e-6 && (f64::from(seen[1]) - y).abs() < 1e-6);
        goals.push(env.layout().index(i, j));
    }
    goals.sort_unstable();
    goals.dedup();
    assert!(goals.len() > 30, "{} cells", goals.len());
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
