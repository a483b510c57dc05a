//! Transitions (s, a, r, s', goes on), as critics learn from them.

use rand::RngExt as _;

use super::dataset::{Dataset, Part};
use crate::exec::env::Stream;

/// A batch of transitions, row by row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransitionBatch {
    /// Normalised observations [B, O].
    pub observations: Vec<f32>,
    /// Normalised actions [B, A].
    pub actions: Vec<f32>,
    /// Rewards [B], in the environment's units.
    pub rewards: Vec<f32>,
    /// Normalised observations [B, O] one step later; a terminal step repeats its own.
    pub next: Vec<f32>,
    /// [B]: 1 where the value of the next state counts, 0 after a terminal step.
    pub goes_on: Vec<f32>,
}

/// The transitions of one part of a dataset.
///
/// D4RL's rules: the last step of an episode that a time limit (or the end of the file) cut has no next state and is dropped; a terminal step
/// stays and stops the bootstrap.
#[derive(Clone, Debug)]
pub struct Transitions {
    obs: usize,
    act: usize,
    observations: Vec<f32>,
    actions: Vec<f32>,
    rewards: Vec<f32>,
    /// Step of each transition, and whether it is terminal.
    steps: Vec<(u32, bool)>,
}

impl Transitions {
    /// The transitions of one part.
    pub fn new(data: &Dataset, part: Part) -> Self {
        let rollouts = &data.rollouts;
        let mut observations = rollouts.observations.clone();
        let mut actions = rollouts.actions.clone();
        data.meta.normaliser.apply_obs(&mut observations);
        data.meta.normaliser.apply_act(&mut actions);
        let mut steps = Vec::new();
        for range in data.ranges(part) {
            let end = range.end;
            for t in range {
                let terminal = rollouts.terminals[t];
                if t + 1 < end || terminal {
                    steps.push((t as u32, terminal));
                }
            }
        }
        Self {
            obs: rollouts.obs,
            act: rollouts.act,
            observations,
            actions,
            rewards: rollouts.rewards.clone(),
            steps,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
    /// Numbers of an observation.
    pub fn obs(&self) -> usize {
        self.obs
    }
    /// Numbers of an action.
    pub fn act(&self) -> usize {
        self.act
    }

    /// These transitions.
    pub fn batch(&self, indices: &[usize]) -> TransitionBatch {
        let mut out = TransitionBatch::default();
        for (t, terminal) in indices.iter().filter_map(|i| self.steps.get(*i)) {
            let t = *t as usize;
            let state = |t: usize| &self.observations[t * self.obs..(t + 1) * self.obs];
            out.observations.extend_from_slice(state(t));
            out.actions
                .extend_from_slice(&self.actions[t * self.act..(t + 1) * self.act]);
            out.rewards.push(self.rewards[t]);
            out.next
                .extend_from_slice(state(if *terminal { t } else { t + 1 }));
            out.goes_on.push(if *terminal { 0.0 } else { 1.0 });
        }
        out
    }

    /// `count` indices, uniformly with replacement.
    pub fn draw(&self, count: usize, rng: &mut Stream) -> Vec<usize> {
        if self.is_empty() {
            return Vec::new();
        }
        (0..count)
            .map(|_| rng.random_range(0..self.len()))
            .collect()
    }

    /// `count` indices spread evenly, the same ones each time.
    pub fn spread(&self, count: usize) -> Vec<usize> {
        let count = count.min(self.len());
        (0..count).map(|i| i * self.len() / count.max(1)).collect()
    }
}
