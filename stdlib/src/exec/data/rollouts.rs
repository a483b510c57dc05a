//! Episodes as flat arrays, and what can be asked of each: return, score, length, return-to-go.

use std::collections::BTreeMap;
use std::ops::Range;

use align_runtime_api::JobError;

use super::tensors::{Array, Arrays, write};

/// Episodes one after another, in the environment's units.
///
/// Step `t` of an episode has the observation before it, its action and its reward; the observation after the last step is not
/// stored (as in D4RL).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rollouts {
    /// Numbers of an observation.
    pub obs: usize,
    /// Numbers of an action.
    pub act: usize,
    /// [N, obs].
    pub observations: Vec<f32>,
    /// [N, act].
    pub actions: Vec<f32>,
    /// [N].
    pub rewards: Vec<f32>,
    /// [N]: whether the task ended after this step.
    pub terminals: Vec<bool>,
    /// [N]: whether a time limit (or a cut) ended the episode after this step.
    pub timeouts: Vec<bool>,
    /// Where each episode begins, and the total: one more entry than there are episodes.
    pub offsets: Vec<usize>,
}

impl Rollouts {
    /// No episodes yet.
    pub fn new(obs: usize, act: usize) -> Self {
        Self {
            obs,
            act,
            offsets: vec![0],
            ..Self::default()
        }
    }

    /// Steps in all.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }
    /// Whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }
    /// How many episodes there are.
    pub fn episodes(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }
    /// The steps of episode `e`.
    pub fn range(&self, e: usize) -> Range<usize> {
        self.offsets[e]..self.offsets[e + 1]
    }
    /// Steps of the longest episode.
    pub fn longest(&self) -> usize {
        (0..self.episodes())
            .map(|e| self.range(e).len())
            .max()
            .unwrap_or(0)
    }
    /// Observation before step `t`.
    pub fn observation(&self, t: usize) -> &[f32] {
        &self.observations[t * self.obs..(t + 1) * self.obs]
    }
    /// Action of step `t`.
    pub fn action(&self, t: usize) -> &[f32] {
        &self.actions[t * self.act..(t + 1) * self.act]
    }
    /// Undiscounted return of episode `e`.
    pub fn ret(&self, e: usize) -> f64 {
        self.rewards[self.range(e)]
            .iter()
            .map(|r| f64::from(*r))
            .sum()
    }

    /// Discounted sum of the rewards from each step to the end of its episode, [N].
    pub fn returns_to_go(&self, discount: f64) -> Vec<f64> {
        let mut out = vec![0.0; self.len()];
        for e in 0..self.episodes() {
            let mut sum = 0.0;
            for t in self.range(e).rev() {
                sum = f64::from(self.rewards[t]) + discount * sum;
                out[t] = sum;
            }
        }
        out
    }

    /// Writes the window [H, A + O] (actions first, not normalised) that begins at step `t`; it must lie inside of its episode.
    pub fn window(&self, t: usize, horizon: usize, stride: usize, out: &mut Vec<f32>) {
        for point in 0..horizon {
            out.extend_from_slice(self.action(t + point * stride));
            out.extend_from_slice(self.observation(t + point * stride));
        }
    }

    /// Adds one step; the episode stays open until [`Self::end`].
    pub fn push(&mut self, observation: &[f32], action: &[f32], reward: f32) {
        self.observations.extend_from_slice(observation);
        self.actions.extend_from_slice(action);
        self.rewards.push(reward);
        self.terminals.push(false);
        self.timeouts.push(false);
    }

    /// Ends the open episode; without a step since the last end it does nothing.
    pub fn end(&mut self, terminal: bool) {
        if self.len() > self.offsets.last().copied().unwrap_or(0) {
            if let Some(last) = if terminal {
                self.terminals.last_mut()
            } else {
                self.timeouts.last_mut()
            } {
                *last = true;
            }
            self.offsets.push(self.len());
        }
    }

    /// Adds every episode of another set of the same sizes.
    pub fn append(&mut self, other: &Self) {
        let base = self.len();
        self.observations.extend_from_slice(&other.observations);
        self.actions.extend_from_slice(&other.actions);
        self.rewards.extend_from_slice(&other.rewards);
        self.terminals.extend_from_slice(&other.terminals);
        self.timeouts.extend_from_slice(&other.timeouts);
        self.offsets
            .extend(other.offsets.iter().skip(1).map(|o| base + o));
    }

    /// Only these episodes, in this order.
    #[must_use]
    pub fn select(&self, episodes: &[usize]) -> Self {
        let mut out = Self::new(self.obs, self.act);
        for e in episodes {
            let r = self.range(*e);
            out.observations
                .extend_from_slice(&self.observations[r.start * self.obs..r.end * self.obs]);
            out.actions
                .extend_from_slice(&self.actions[r.start * self.act..r.end * self.act]);
            out.rewards.extend_from_slice(&self.rewards[r.clone()]);
            out.terminals.extend_from_slice(&self.terminals[r.clone()]);
            out.timeouts.extend_from_slice(&self.timeouts[r]);
            out.offsets.push(out.len());
        }
        out
    }

    /// The first number that is not finite: how many there are, in which array and at which step.
    pub fn not_finite(&self) -> Option<(usize, &'static str, usize)> {
        let arrays = [
            ("observations", &self.observations, self.obs),
            ("actions", &self.actions, self.act),
            ("rewards", &self.rewards, 1),
        ];
        arrays.into_iter().find_map(|(name, values, width)| {
            let first = values.iter().position(|x| !x.is_finite())?;
            let count = values.iter().filter(|x| !x.is_finite()).count();
            Some((count, name, first / width.max(1)))
        })
    }

    /// The bytes of `data.safetensors`.
    pub fn to_bytes(&self) -> Result<Vec<u8>, JobError> {
        let n = self.len();
        let flags = |v: &[bool]| Array::U8(vec![n], v.iter().map(|b| u8::from(*b)).collect());
        write(&BTreeMap::from([
            (
                "observations",
                Array::F32(vec![n, self.obs], self.observations.as_slice().into()),
            ),
            (
                "actions",
                Array::F32(vec![n, self.act], self.actions.as_slice().into()),
            ),
            (
                "rewards",
                Array::F32(vec![n], self.rewards.as_slice().into()),
            ),
            ("terminals", flags(&self.terminals)),
            ("timeouts", flags(&self.timeouts)),
            (
                "offsets",
                Array::U64(
                    vec![self.offsets.len()],
                    self.offsets.iter().map(|o| *o as u64).collect(),
                ),
            ),
        ]))
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, JobError> {
        let arrays = Arrays::read(bytes)?;
        let (shape, observations) = arrays.f32("observations")?;
        let (act_shape, actions) = arrays.f32("actions")?;
        let flags = |name: &str| {
            Ok::<_, JobError>(
                arrays
                    .u8(name)?
                    .into_iter()
                    .map(|b| b != 0)
                    .collect::<Vec<_>>(),
            )
        };
        let width = |shape: &[usize]| shape.get(1).copied().unwrap_or(0);
        let out = Self {
            obs: width(&shape),
            act: width(&act_shape),
            observations,
            actions,
            rewards: arrays.f32("rewards")?.1,
            terminals: flags("terminals")?,
            timeouts: flags("timeouts")?,
            offsets: arrays
                .u64("offsets")?
                .into_iter()
                .map(|o| o as usize)
                .collect(),
        };
        out.check()?;
        Ok(out)
    }

    /// Whether all arrays agree in length and the offsets are in order.
    fn check(&self) -> Result<(), JobError> {
        let n = self.len();
        let fits = self.observations.len() == n * self.obs
            && self.actions.len() == n * self.act
            && self.terminals.len() == n
            && self.timeouts.len() == n
            && self.offsets.first() == Some(&0)
            && self.offsets.last() == Some(&n)
            && self.offsets.is_sorted();
        if fits {
            Ok(())
        } else {
            Err(JobError::Data(
                "the dataset in the store is damaged: its arrays disagree in length".into(),
            ))
        }
    }
}
