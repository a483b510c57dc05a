//! Windows of the data that begin near each other: candidates of a preference without a model.

use align_plan::Key;
use align_runtime_api::{Purpose, stream};
use rand::RngExt as _;

use super::dataset::Dataset;
use crate::exec::env::Stream;
use crate::exec::model::Plans;

/// Discount of one environment step in the return-to-go that ranks windows, D4RL's usual one.
const DISCOUNT: f64 = 0.99;
/// Windows that are searched for neighbours; a larger set is thinned out to so many.
const POOL: usize = 4096;
/// Index of the stream that thins the pool.
const THIN: u64 = (1 << 60) + 1;

/// Where windows begin, and what followed them.
pub(super) struct Index {
    /// Steps at which the windows of the pool begin, with the episode of each.
    pool: Vec<(usize, usize)>,
    /// Normalised first observations [pool, O].
    states: Vec<f32>,
    /// Discounted return-to-go of each step of the data.
    returns: Vec<f64>,
}

impl Index {
    /// Only windows that lie inside of their episode take part: a padded one would be preferred (or not) for its padding.
    pub(super) fn new(data: &Dataset, key: &Key) -> Self {
        let span = (data.meta.horizon.max(1) - 1) * data.meta.stride + 1;
        let rollouts = &data.rollouts;
        let mut pool: Vec<(usize, usize)> = (0..rollouts.episodes())
            .flat_map(|e| {
                let range = rollouts.range(e);
                let count = (range.len() + 1).saturating_sub(span);
                (range.start..range.start + count).map(move |t| (t, e))
            })
            .collect();
        let mut rng = stream(key, Purpose::Data, THIN);
        if pool.len() > POOL {
            for i in 0..POOL {
                let j = rng.random_range(i..pool.len());
                pool.swap(i, j);
            }
            pool.truncate(POOL);
        }
        let mut states: Vec<f32> = pool
            .iter()
            .flat_map(|(t, _)| rollouts.observation(*t).to_vec())
            .collect();
        data.meta.normaliser.apply_obs(&mut states);
        Self {
            pool,
            states,
            returns: rollouts.returns_to_go(DISCOUNT),
        }
    }

    /// For each of `starts` random windows, itself and its nearest neighbours from other episodes: first observations, windows and returns-to-go.
    pub(super) fn candidates(
        &self,
        data: &Dataset,
        starts: usize,
        candidates: usize,
        rng: &mut Stream,
    ) -> (Vec<f32>, Plans, Vec<f64>) {
        let rollouts = &data.rollouts;
        let mut plans = Plans {
            horizon: data.meta.horizon,
            act: rollouts.act,
            obs: rollouts.obs,
            values: Vec::new(),
        };
        let (mut observations, mut values) = (Vec::new(), Vec::new());
        if self.pool.len() < candidates {
            return (observations, plans, values);
        }
        for _ in 0..starts {
            let Some(group) = self.near(rng.random_range(0..self.pool.len()), candidates) else {
                continue;
            };
            for i in group {
                let (t, _) = self.pool[i];
                observations.extend_from_slice(rollouts.observation(t));
                rollouts.window(t, data.meta.horizon, data.meta.stride, &mut plans.values);
                values.push(self.returns[t]);
            }
        }
        (observations, plans, values)
    }

    /// A window and the nearest of other episodes, each from an episode of its own; none when there are too few.
    fn near(&self, anchor: usize, candidates: usize) -> Option<Vec<usize>> {
        let width = self.states.len() / self.pool.len().max(1);
        let state = |i: usize| &self.states[i * width..(i + 1) * width];
        let distance = |i: usize| -> f32 {
            state(i)
                .iter()
                .zip(state(anchor))
                .map(|(a, b)| (a - b) * (a - b))
                .sum()
        };
        let mut order: Vec<(f32, usize)> = (0..self.pool.len()).map(|i| (distance(i), i)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut group = vec![anchor];
        let mut seen = vec![self.pool[anchor].1];
        for (_, i) in order {
            if group.len() == candidates {
                break;
            }
            let episode = self.pool[i].1;
            if !seen.contains(&episode) {
                seen.push(episode);
                group.push(i);
            }
        }
        (group.len() == candidates).then_some(group)
    }
}
