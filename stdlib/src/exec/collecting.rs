//! What is collected for reinforcement?  Plans with every step of their chains, and the credit of each.

use align_runtime_api::JobError;

use crate::exec::chain::Kernel;
use crate::exec::data::Meta;
use crate::exec::denoiser::Move;
use crate::exec::drawing::Drawing;
use crate::exec::model::{Execution, Planner, Plans, Request};
use crate::exec::rollout::Episode;

/// The chain of one plan.
pub(super) struct Chain {
    /// Which episode, and which of its plans.
    pub(super) place: (usize, usize),
    /// Normalised condition.
    pub(super) observation: Vec<f32>,
    pub(super) end: Option<Vec<f32>>,
    /// The observation in the environment's units.
    pub(super) raw: Vec<f32>,
    /// Samples at every level, noisiest first: one more than there are steps.
    pub(super) levels: Vec<Vec<f32>>,
    /// Mean over free numbers of `(x' - mean)^2 / (2 sigma^2)` at each step, when it was collected.
    pub(super) exponents: Vec<f32>,
}

/// A planner that keeps its chains.
pub(super) struct Collecting {
    drawing: Drawing,
    /// Share of ancestral noise, and least standard deviation.
    explore: (f64, f64),
    pub(super) chains: Vec<Chain>,
    pub(super) kernels: Vec<Kernel>,
    plans_of: Vec<usize>,
}

impl Collecting {
    /// Nothing yet; `explore` is the share of ancestral noise and the least standard deviation of a step.
    pub(super) fn new(drawing: Drawing, explore: (f64, f64)) -> Self {
        Self {
            drawing,
            explore,
            chains: Vec::new(),
            kernels: Vec::new(),
            plans_of: Vec::new(),
        }
    }
}

impl Planner for Collecting {
    fn plan(&mut self, request: Request<'_>) -> Result<Plans, JobError> {
        let condition = self.drawing.condition(request.observations, request.goals);
        let (samples, moves) = self
            .drawing
            .explore(&condition, self.explore, request.rngs)?;
        let d = &self.drawing.denoiser;
        let (size, obs) = (d.size(), d.obs);
        let (mask, free) = d.free(condition.ends.is_some());
        for (row, episode) in request.episodes.iter().enumerate() {
            let part = row * size..(row + 1) * size;
            let given = row * obs..(row + 1) * obs;
            let mut levels: Vec<Vec<f32>> = moves
                .iter()
                .map(|m| m.before[part.clone()].to_vec())
                .collect();
            levels.push(samples[part.clone()].to_vec());
            let exponent = |m: &Move| {
                let squares = m.after[part.clone()]
                    .iter()
                    .zip(&m.mean[part.clone()])
                    .zip(&mask);
                let sum: f64 = squares
                    .map(|((x, mu), f)| f64::from((x - mu) * (x - mu) * f))
                    .sum();
                (sum / (2.0 * m.kernel.sigma * m.kernel.sigma * free as f64)) as f32
            };
            if self.plans_of.len() <= *episode {
                self.plans_of.resize(episode + 1, 0);
            }
            self.chains.push(Chain {
                place: (*episode, self.plans_of[*episode]),
                observation: condition.observations[given.clone()].to_vec(),
                end: condition.ends.as_ref().map(|e| e[given.clone()].to_vec()),
                raw: request.observations[given].to_vec(),
                exponents: moves.iter().map(exponent).collect(),
                levels,
            });
            self.plans_of[*episode] += 1;
        }
        self.kernels = moves.iter().map(|m| m.kernel).collect();
        self.drawing.plans(samples)
    }

    fn execution(&self) -> Execution {
        self.drawing.facts.execution()
    }

    fn meta(&self) -> &Meta {
        self.drawing.meta()
    }
}

/// Credit of each plan: the reward from where it was asked for to the end of its episode, discounted per environment step between plans.
pub(super) fn credits(chains: &[Chain], episodes: &[Episode], discount: f64) -> Vec<f64> {
    let to_go: Vec<Vec<f64>> = episodes
        .iter()
        .map(|e| {
            let mut sum = 0.0;
            let mut out: Vec<f64> = e
                .decisions
                .iter()
                .rev()
                .map(|d| {
                    sum = d.reward + discount.powi(d.steps as i32) * sum;
                    sum
                })
                .collect();
            out.reverse();
            out
        })
        .collect();
    let of = |c: &Chain| {
        to_go
            .get(c.place.0)
            .and_then(|e| e.get(c.place.1))
            .copied()
            .unwrap_or(0.0)
    };
    chains.iter().map(of).collect()
}
