//! Episodes against a planner that knows the way, at several strides; policies in chunks; no dependence on threads or on batches.

use rand_chacha::rand_core::SeedableRng as _;

use super::*;
use crate::exec::data::{Kind, Meta, Normaliser, Scheme, Split};
use crate::exec::env::{Maze2d, Waypoint, make};

fn meta(task: &str, horizon: usize, stride: usize) -> Meta {
    let known = crate::envs::task(task).unwrap();
    let normaliser = Normaliser::fit(Scheme::Limits, (known.act, &[]), (known.obs, &[]), &[]);
    let goal = make(task).unwrap().goal();
    Meta {
        kind: Kind::Rollouts,
        task: Some(task.into()),
        horizon,
        stride,
        normaliser,
        split: Split::default(),
        goal,
        source: String::new(),
        rewards: true,
    }
}

fn streams(i: u64) -> Stream {
    Stream::seed_from_u64(i)
}

/// Plans what D4RL's controller would do.
struct Driver {
    meta: Meta,
    maze: Maze2d,
    replan: Option<usize>,
    asked: Vec<usize>,
}

impl Driver {
    fn new(horizon: usize, stride: usize, replan: Option<usize>) -> Self {
        let maze = Maze2d::new(crate::envs::task("maze2d-umaze-v1").unwrap()).unwrap();
        Self {
            meta: meta("maze2d-umaze-v1", horizon, stride),
            maze,
            replan,
            asked: Vec::new(),
        }
    }
}

impl Planner for Driver {
    fn meta(&self) -> &Meta {
        &self.meta
    }
    fn execution(&self) -> Execution {
        Execution {
            stride: self.meta.stride,
            replan: self.replan,
        }
    }
    fn plan(&mut self, request: Request<'_>) -> Result<Plans, JobError> {
        self.asked.push(request.episodes.len());
        assert_eq!(
            request.goals.map(<[f32]>::len),
            Some(request.observations.len())
        );
        let mut plans = Plans {
            horizon: self.meta.horizon,
            act: 2,
            obs: 4,
            values: Vec::new(),
        };
        for (start, rng) in request.observations.chunks(4).zip(request.rngs) {
            let mut maze = self.maze.clone();
            assert!(maze.start_at(start));
            let (mut controller, mut now) = (Waypoint::default(), [0.0; 4]);
            for _ in 0..self.meta.horizon {
                maze.observe(&mut now);
                plans.values.extend([0.0, 0.0].iter().chain(&now));
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

fn drive(driver: &mut Driver, episodes: usize) -> Vec<Episode> {
    let env = make("maze2d-umaze-v1").unwrap();
    rollout(
        env.as_ref(),
        Starts::Reset(episodes),
        driver,
        &streams,
        Options::default(),
    )
    .unwrap()
}

/// The controller itself scores 145 (see the environment's tests): what tracking loses of it is small at every stride.
#[test]
fn a_good_plan_is_tracked_whatever_its_stride() {
    for (horizon, stride) in [(176, 1), (45, 4), (24, 8)] {
        let mut driver = Driver::new(horizon, stride, None);
        let result = evaluation(&drive(&mut driver, 200));
        assert_eq!(driver.asked, [200], "one plan an episode");
        let score = result.metrics["score"];
        assert!((score - 145.0).abs() < 8.0, "stride {stride}: {score}");
        assert!(result.metrics["success"] > 0.98 && result.metrics["length"] > 299.0);
        assert_eq!(result.episodes.scores.len(), 200);
    }
}

#[test]
fn replanning_asks_again_and_adds_its_rewards_up() {
    let mut driver = Driver::new(16, 4, Some(30));
    let episodes = drive(&mut driver, 20);
    assert_eq!(driver.asked, [20; 10], "300 steps in tens of 30");
    for e in &episodes {
        assert_eq!(e.decisions.len(), 10);
        assert_eq!(e.decisions.iter().map(|d| d.steps).sum::<usize>(), 300);
        assert!((e.decisions.iter().map(|d| d.reward).sum::<f64>() - e.ret).abs() < 1e-9);
        assert_eq!((e.decisions[3].at, e.decisions[3].steps), (90, 30));
    }
    assert!(evaluation(&episodes).metrics["score"] > 130.0);
}

#[test]
fn an_episode_depends_on_its_own_stream_alone() {
    let pool = |n| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(n)
            .build()
            .unwrap()
    };
    let many = pool(3).install(|| drive(&mut Driver::new(32, 4, None), 30));
    assert_eq!(
        many,
        pool(1).install(|| drive(&mut Driver::new(32, 4, None), 30))
    );
    assert_eq!(many[..7], drive(&mut Driver::new(32, 4, None), 7));
}

#[test]
fn given_plans_are_executed_from_given_starts() {
    let env = make("maze2d-umaze-v1").unwrap();
    let starts = [1.0, 3.0, 0.0, 0.0, 3.0, 3.0, 0.0, 0.0];
    let goals = [1.0, 1.0, 0.0, 0.0].repeat(2);
    let mut rngs = [streams(0), streams(1)];
    let mut driver = Driver::new(32, 4, None);
    let request = Request {
        observations: &starts,
        goals: Some(&goals),
        episodes: &[0, 1],
        rngs: &mut rngs,
    };
    let plans = driver.plan(request).unwrap();
    let done = execute(
        env.as_ref(),
        Starts::At(&starts),
        &plans,
        driver.execution(),
        &streams,
    )
    .unwrap();
    assert!(
        done[0].ret > done[1].ret && done[1].ret > 150.0,
        "{} {}",
        done[0].ret,
        done[1].ret
    );
    let short = execute(
        env.as_ref(),
        Starts::At(&[starts, starts].concat()),
        &plans,
        driver.execution(),
        &streams,
    );
    assert!(short.unwrap_err().to_string().contains("2 plans"));
}

/// Brakes the pendulum's spin: a policy, whose chunks hold actions alone.
struct Brake(Meta);

impl Planner for Brake {
    fn meta(&self) -> &Meta {
        &self.0
    }
    fn plan(&mut self, request: Request<'_>) -> Result<Plans, JobError> {
        let values = request
            .observations
            .chunks(3)
            .flat_map(|o| [-o[2], -o[2], 9.0, 9.0])
            .collect();
        Ok(Plans {
            horizon: 4,
            act: 1,
            obs: 0,
            values,
        })
    }
    fn execution(&self) -> Execution {
        Execution {
            stride: 1,
            replan: Some(2),
        }
    }
}

#[test]
fn a_policy_acts_in_chunks_of_actions() {
    let env = make("pendulum").unwrap();
    let mut brake = Brake(meta("pendulum", 4, 1));
    let run = |brake: &mut Brake, noise| {
        rollout(
            env.as_ref(),
            Starts::Reset(5),
            brake,
            &streams,
            Options {
                record: true,
                noise,
                replan: None,
            },
        )
        .unwrap()
    };
    let quiet = run(&mut brake, 0.0);
    for e in &quiet {
        let trace = e.trace.as_ref().unwrap();
        assert_eq!((e.length, e.decisions.len(), e.success), (200, 100, None));
        assert_eq!(
            (
                trace.observations.len(),
                trace.actions.len(),
                trace.rewards.len()
            ),
            (600, 200, 200)
        );
        // Both actions of a chunk answer the observation at its start; the two that follow in the plan are never played.
        for (chunk, seen) in trace.actions.chunks(2).zip(trace.observations.chunks(6)) {
            let wanted = (-seen[2]).clamp(-2.0, 2.0);
            assert!(chunk.iter().all(|a| (a - wanted).abs() < 1e-6));
        }
    }
    let noisy = run(&mut brake, 1.0);
    assert_ne!(quiet, noisy);
    assert!(noisy.iter().all(|e| {
        e.trace
            .as_ref()
            .unwrap()
            .actions
            .iter()
            .all(|a| a.abs() <= 2.0)
    }));
}
