//! Robots of MuJoCo: observations, rewards, starts and ends by gymnasium's rules (`-v4`, which are D4RL's, and `-v5`).

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use align_mujoco::{Data, Model};
use align_runtime_api::JobError;
use rand::RngExt as _;
use rand_distr::StandardNormal;

use crate::envs::{Body, RobotRules, Task};
use crate::exec::env::{Env, Step, Stream};

/// What a body is made of, and how it is rewarded.
struct Build {
    xml: &'static str,
    /// Physics steps of one environment step.
    skip: usize,
    /// Factor on the squared action.
    effort: f64,
    /// Largest magnitude of a velocity in an observation.
    fastest: f64,
    /// Half width of the uniform noise on a start.
    scatter: f64,
}

const HOPPER: &str = include_str!("../../../mujoco/models/hopper.xml");
const CHEETAH: &str = include_str!("../../../mujoco/models/half_cheetah.xml");
const WALKER: &str = include_str!("../../../mujoco/models/walker2d.xml");
const WALKER_V5: &str = include_str!("../../../mujoco/models/walker2d_v5.xml");

fn build(body: Body, rules: RobotRules) -> Build {
    let upright = |xml| Build {
        xml,
        skip: 4,
        effort: 1e-3,
        fastest: 10.0,
        scatter: 5e-3,
    };
    match (body, rules) {
        (Body::Hopper, _) => upright(HOPPER),
        (Body::Walker2d, RobotRules::V4) => upright(WALKER),
        (Body::Walker2d, RobotRules::V5) => upright(WALKER_V5),
        (Body::HalfCheetah, _) => Build {
            xml: CHEETAH,
            skip: 5,
            effort: 0.1,
            fastest: f64::INFINITY,
            scatter: 0.1,
        },
    }
}

/// The compiled model of a body: each once in a process, for MuJoCo's compiler is not made for threads.
fn model(body: Body, rules: RobotRules) -> Result<Model, align_mujoco::Error> {
    static MODELS: OnceLock<Mutex<HashMap<(Body, RobotRules), Model>>> = OnceLock::new();
    let mut models = MODELS
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(model) = models.get(&(body, rules)) {
        return Ok(model.clone());
    }
    let model = align_mujoco::compile(build(body, rules).xml)?;
    models.insert((body, rules), model.clone());
    Ok(model)
}

/// A robot in the plane.  Observation: positions but the first (how far it is), then velocities.
pub struct Robot {
    task: &'static Task,
    body: Body,
    rules: RobotRules,
    build: Build,
    data: Data,
    /// Reference positions and velocities.
    rest: (Vec<f64>, Vec<f64>),
    /// Seconds of one environment step.
    dt: f64,
}

impl Robot {
    /// A robot in its reference state; an error when there is no MuJoCo.
    pub fn new(task: &'static Task, body: Body, rules: RobotRules) -> Result<Self, JobError> {
        let fail = |e: align_mujoco::Error| JobError::Failed(format!("`{}`: {e}", task.name));
        Self::of(task, body, rules, &model(body, rules).map_err(fail)?).map_err(fail)
    }

    fn of(
        task: &'static Task,
        body: Body,
        rules: RobotRules,
        model: &Model,
    ) -> Result<Self, align_mujoco::Error> {
        let build = build(body, rules);
        let data = model.simulate()?;
        Ok(Self {
            task,
            body,
            rules,
            rest: (data.positions().to_vec(), data.velocities().to_vec()),
            dt: model.timestep() * build.skip as f64,
            build,
            data,
        })
    }

    /// Joint positions, then velocities, in full precision.
    pub fn state(&self) -> (&[f64], &[f64]) {
        (self.data.positions(), self.data.velocities())
    }

    /// Starts at a state, without memory of what came before.
    pub fn place(&mut self, positions: &[f64], velocities: &[f64]) {
        self.data.reset();
        self.data.place(positions, velocities);
    }

    /// The observation in full precision.
    pub fn observation(&self) -> impl Iterator<Item = f64> + '_ {
        let fastest = self.build.fastest;
        let (q, v) = self.state();
        let v = v.iter().map(move |v| v.clamp(-fastest, fastest));
        q.iter().skip(1).copied().chain(v)
    }

    /// Advances by one step in full precision.  MuJoCo limits the control itself; the cost is that of the action as given.
    pub fn advance(&mut self, action: &[f64]) -> Step {
        let before = self.data.positions().first().copied().unwrap_or(0.0);
        self.data.step(action, self.build.skip);
        let after = self.data.positions().first().copied().unwrap_or(0.0);
        let speed = (after - before) / self.dt;
        let cost = self.build.effort * action.iter().map(|a| a * a).sum::<f64>();
        let healthy = self.healthy();
        let alive = match (self.body, self.rules) {
            (Body::HalfCheetah, _) => 0.0,
            (_, RobotRules::V4) => 1.0,
            (_, RobotRules::V5) => f64::from(u8::from(healthy)),
        };
        Step {
            reward: speed + alive - cost,
            terminal: !healthy,
        }
    }

    /// Whether it has not fallen; what is not a number has.
    fn healthy(&self) -> bool {
        let (q, v) = self.state();
        let at = |i: usize| q.get(i).copied().unwrap_or(f64::NAN);
        match self.body {
            Body::HalfCheetah => true,
            Body::Hopper => {
                let tame = q.iter().skip(2).chain(v).all(|x| x.abs() < 100.0);
                tame && at(1) > 0.7 && at(2).abs() < 0.2
            }
            Body::Walker2d => at(1) > 0.8 && at(1) < 2.0 && at(2).abs() < 1.0,
        }
    }
}

impl Env for Robot {
    fn task(&self) -> &'static Task {
        self.task
    }

    fn reset(&mut self, rng: &mut Stream) {
        let scatter = self.build.scatter;
        let normal = self.body == Body::HalfCheetah;
        let (mut q, mut v) = self.rest.clone();
        for x in &mut q {
            *x += rng.random_range(-scatter..scatter);
        }
        for x in &mut v {
            *x += if normal {
                scatter * rng.sample::<f64, _>(StandardNormal)
            } else {
                rng.random_range(-scatter..scatter)
            };
        }
        self.place(&q, &v);
    }

    /// How far it is, an observation does not say and nothing depends on; a velocity at its limit may have been any larger one.
    fn start_at(&mut self, observation: &[f32]) -> bool {
        let count = self.rest.0.len();
        let limit = self.build.fastest as f32;
        if observation.len() + 1 != count + self.rest.1.len()
            || observation[count - 1..].iter().any(|v| v.abs() >= limit)
        {
            return false;
        }
        let numbers = observation.iter().map(|x| f64::from(*x));
        let q: Vec<f64> = std::iter::once(0.0)
            .chain(numbers.clone().take(count - 1))
            .collect();
        let v: Vec<f64> = numbers.skip(count - 1).collect();
        self.place(&q, &v);
        true
    }

    fn observe(&self, out: &mut [f32]) {
        for (o, x) in out.iter_mut().zip(self.observation()) {
            *o = x as f32;
        }
    }

    fn step(&mut self, action: &[f32]) -> Step {
        let mut control = [0.0f64; 6];
        let count = self.task.act.min(control.len());
        for (c, a) in control.iter_mut().zip(action) {
            *c = f64::from(*a);
        }
        self.advance(&control[..count])
    }

    fn copy(&self) -> Result<Box<dyn Env>, JobError> {
        let copy = Self::of(self.task, self.body, self.rules, &self.data.model());
        let copy = copy.map_err(|e| JobError::OutOfMemory(e.to_string()))?;
        Ok(Box::new(copy))
    }
}
