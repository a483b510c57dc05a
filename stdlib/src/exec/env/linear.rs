//! Which linear policies come with the library?  The one that makes Hopper's data where none is at hand.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::envs::{Body, Task, World};

/// A policy `a = W (s - mean) / std`, clipped to [-1, 1]; rows of `W` are actions.
#[derive(Debug, Deserialize)]
pub struct Linear {
    mean: Vec<f64>,
    std: Vec<f64>,
    weights: Vec<Vec<f64>>,
}

/// 33 weights, 11 means, 11 deviations.
const HOPPER: &str = include_str!("hopper.json");

impl Linear {
    /// The policy of a task, if there is one.
    pub fn of(task: &Task) -> Option<&'static Self> {
        static POLICY: OnceLock<Option<Linear>> = OnceLock::new();
        match task.world {
            World::Robot {
                body: Body::Hopper, ..
            } => POLICY
                .get_or_init(|| serde_json::from_str(HOPPER).ok())
                .as_ref(),
            _ => None,
        }
    }

    /// Writes the action for an observation.
    pub fn act(&self, observation: &[f32], action: &mut [f32]) {
        for (a, row) in action.iter_mut().zip(&self.weights) {
            let scaled = observation.iter().zip(&self.mean).zip(&self.std);
            let sum: f64 = row
                .iter()
                .zip(scaled)
                .map(|(w, ((x, mean), std))| w * (f64::from(*x) - mean) / std)
                .sum();
            *a = sum.clamp(-1.0, 1.0) as f32;
        }
    }
}
