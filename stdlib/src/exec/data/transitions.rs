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
    /// [B]: how much the value of the next state counts: 1, 0 after a terminal step, a power of the discount where a row spans more
    /// than one step.
    pub goes_on: Vec<f32>,
    /// Normalised actions [B K, A] to judge the next states by, K for each: the data's own next action, or what a policy proposes.
    pub next_actions: Vec<f32>,
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
    /// Step of each transition, the one that it leads to, and whether it ends there for good.
    steps: Vec<(u32, u32, bool)>,
    discount: f64,
}

impl Transitions {
    /// The transitions of one part.
    pub fn new(data: &Dataset, part: Part) -> Self {
        Self::spanning(data, part, 1, 1.0)
    }

    /// Transitions over `span` steps, fewer at an episode's end: rewards are their discounted sums, and [`TransitionBatch::goes_on`] holds the
    /// discount of all steps but one.
    pub fn spanning(data: &Dataset, part: Part, span: usize, discount: f64) -> Self {
        let rollouts = &data.rollouts;
        let mut observations = rollouts.observations.clone();
        let mut actions = rollouts.actions.clone();
        data.meta.normaliser.apply_obs(&mut observations);
        data.meta.normaliser.apply_act(&mut actions);
        let ranges = data.ranges(part);
        let mut steps = Vec::with_capacity(ranges.iter().map(ExactSizeIterator::len).sum());
        for range in ranges {
            let end = range.end;
            for t in range {
                let next = (t + span.max(1)).min(end - 1);
                // Only the last step of an episode can be terminal; a row that reaches over it ends there.
                let terminal = rollouts.terminals[end - 1] && t + span.max(1) >= end;
                if next > t || terminal {
                    steps.push((t as u32, next as u32, terminal));
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
            discount,
        }
    }

    /// Every step of a part with its discounted return-to-go as the reward, and nothing after it.
    pub fn to_go(data: &Dataset, part: Part, discount: f64) -> Self {
        let mut out = Self::new(data, part);
        let to_go = data.rollouts.returns_to_go(discount);
        out.rewards = to_go.into_iter().map(|r| r as f32).collect();
        out.steps = data
            .ranges(part)
            .into_iter()
            .flatten()
            .map(|t| (t as u32, t as u32, true))
            .collect();
        out
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
        for (t, next, terminal) in indices.iter().filter_map(|i| self.steps.get(*i)) {
            let (t, next) = (*t as usize, *next as usize);
            let state = |t: usize| &self.observations[t * self.obs..(t + 1) * self.obs];
            out.observations.extend_from_slice(state(t));
            out.actions
                .extend_from_slice(&self.actions[t * self.act..(t + 1) * self.act]);
            let until = if *terminal { next + 1 } else { next };
            let sum = (t..until).rev().fold(0.0, |sum, k| {
                f64::from(self.rewards[k]) + self.discount * sum
            });
            out.rewards.push(sum as f32);
            out.next.extend_from_slice(state(next));
            out.next_actions
                .extend_from_slice(&self.actions[next * self.act..(next + 1) * self.act]);
            let rest = self.discount.powi((until - t) as i32 - 1) as f32;
            out.goes_on.push(if *terminal { 0.0 } else { rest });
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
