//! Pendulum: swing up and hold, by the rules of gymnasium's `Pendulum-v1`.

use std::f64::consts::PI;

use align_runtime_api::JobError;
use rand::RngExt as _;

use crate::envs::Task;
use crate::exec::env::{Env, Step, Stream};

const DT: f64 = 0.05;
const GRAVITY: f64 = 10.0;
const MAX_SPEED: f64 = 8.0;
const MAX_TORQUE: f64 = 2.0;

/// A pendulum of length and mass 1.  Observation: cosine and sine of the angle from upright, angular velocity.  Action: torque.
#[derive(Clone, Debug)]
pub struct Pendulum {
    task: &'static Task,
    angle: f64,
    speed: f64,
}

impl Pendulum {
    /// At rest, upright, until it is reset.
    pub fn new(task: &'static Task) -> Self {
        Self {
            task,
            angle: 0.0,
            speed: 0.0,
        }
    }
}

impl Env for Pendulum {
    fn task(&self) -> &'static Task {
        self.task
    }

    fn reset(&mut self, rng: &mut Stream) {
        self.angle = rng.random_range(-PI..PI);
        self.speed = rng.random_range(-1.0..1.0);
    }

    fn start_at(&mut self, observation: &[f32]) -> bool {
        let &[cos, sin, speed] = observation else {
            return false;
        };
        self.angle = f64::from(sin).atan2(cos.into());
        self.speed = speed.into();
        true
    }

    fn observe(&self, out: &mut [f32]) {
        let now = [self.angle.cos(), self.angle.sin(), self.speed];
        for (o, x) in out.iter_mut().zip(now) {
            *o = x as f32;
        }
    }

    fn limit(&self) -> f32 {
        MAX_TORQUE as f32
    }

    fn step(&mut self, action: &[f32]) -> Step {
        let torque = action
            .first()
            .copied()
            .map_or(0.0, f64::from)
            .clamp(-MAX_TORQUE, MAX_TORQUE);
        let angle = (self.angle + PI).rem_euclid(2.0 * PI) - PI;
        let cost = angle * angle + 0.1 * self.speed * self.speed + 0.001 * torque * torque;
        let speed = self.speed + (1.5 * GRAVITY * self.angle.sin() + 3.0 * torque) * DT;
        self.speed = speed.clamp(-MAX_SPEED, MAX_SPEED);
        self.angle += self.speed * DT;
        Step {
            reward: -cost,
            terminal: false,
        }
    }

    fn copy(&self) -> Result<Box<dyn Env>, JobError> {
        Ok(Box::new(self.clone()))
    }
}
