//! What is a state, an action or a plan worth?  A trained critic, as an answer to that.

use align_runtime_api::{Input, JobError};
use burn::prelude::*;
use burn::tensor::TensorData;

use crate::exec::data::Normaliser;
use crate::exec::denoiser::{bad_call, call_of, numbers};
use crate::exec::facts::{Facts, MODEL, State, read};
use crate::exec::model::{Critic as Judging, Plans};
use crate::exec::weights::{Arch, Weights};
use crate::nets::twin_q::{TwinQ, exec::Critic};
use std::sync::Arc;

/// Rows of one forward pass.
const CHUNK: usize = 4096;

/// The factor on rewards under which critics are trained, so that values are of the size of a reward: without it a discount of 0.99 asks
/// for outputs a hundred times as large, and learning starts with finding that scale.
pub fn reward_scale(discount: f64) -> f64 {
    if discount < 1.0 { 1.0 - discount } else { 1.0 }
}

/// The network of a critic.
pub fn network(facts: &Facts) -> Result<(Critic, Arc<Arch>), JobError> {
    let net = call_of(&facts.model, "net")?;
    if net.name != "twin_q" {
        return Err(JobError::Failed(format!(
            "`{}` is no critic, wanted `twin_q`",
            net.name
        )));
    }
    let shape = TwinQ::read(net).map_err(bad_call(net))?;
    let mut arch = Arch::default();
    let critic = Critic::new(
        &mut arch,
        &shape,
        facts.meta.normaliser.obs,
        facts.meta.normaliser.act,
    );
    Ok((critic, Arc::new(arch)))
}

/// A critic with its weights.
pub struct Judge {
    critic: Critic,
    params: Vec<Tensor<2>>,
    normaliser: Normaliser,
    discount: f64,
    device: Device,
}

impl Judge {
    /// The critic of a checkpoint.
    pub fn open(checkpoint: &Input, device: &Device) -> Result<Self, JobError> {
        let facts = State::load(&checkpoint.files)?.facts;
        let (critic, arch) = network(&facts)?;
        let weights = Weights::from_bytes(arch, &read(&checkpoint.files, MODEL)?, MODEL)?;
        let params = weights.tensors(device);
        Ok(Self {
            critic,
            params,
            normaliser: facts.meta.normaliser,
            discount: facts.discount,
            device: device.clone(),
        })
    }

    fn rows(&self, values: &[f32], width: usize) -> Tensor<2> {
        Tensor::from_data(
            TensorData::new(values.to_vec(), [values.len() / width, width]),
            &self.device,
        )
    }

    /// Takes network outputs back into units of discounted return.
    fn units(&self, values: Vec<f32>) -> impl Iterator<Item = f64> {
        let scale = reward_scale(self.discount);
        values.into_iter().map(move |v| f64::from(v) / scale)
    }

    /// `min(Q1, Q2)` of each row, in units of discounted return.
    pub fn action_values(
        &self,
        observations: &[f32],
        actions: &[f32],
    ) -> Result<Vec<f64>, JobError> {
        let (obs, act) = (self.normaliser.obs, self.normaliser.act);
        let (mut s, mut a) = (observations.to_vec(), actions.to_vec());
        self.normaliser.apply_obs(&mut s);
        self.normaliser.apply_act(&mut a);
        let mut out = Vec::with_capacity(s.len() / obs);
        for (s, a) in s.chunks(CHUNK * obs).zip(a.chunks(CHUNK * act)) {
            let [q1, q2] = self
                .critic
                .q(&self.params, self.rows(s, obs), self.rows(a, act));
            out.extend(self.units(numbers(q1.min_pair(q2))?));
        }
        Ok(out)
    }

    /// `min(Q1, Q2)(s, a) - V(s)` of each row, in units of discounted return.
    pub fn advantages(&self, observations: &[f32], actions: &[f32]) -> Result<Vec<f64>, JobError> {
        let q = self.action_values(observations, actions)?;
        let v = self.values(observations)?;
        Ok(q.into_iter().zip(v).map(|(q, v)| q - v).collect())
    }

    /// `V(s)` of each row, in units of discounted return.
    pub fn values(&self, observations: &[f32]) -> Result<Vec<f64>, JobError> {
        let obs = self.normaliser.obs;
        let mut s = observations.to_vec();
        self.normaliser.apply_obs(&mut s);
        let mut out = Vec::with_capacity(s.len() / obs);
        for s in s.chunks(CHUNK * obs) {
            out.extend(self.units(numbers(self.critic.v(&self.params, self.rows(s, obs)))?));
        }
        Ok(out)
    }

    /// Whether it can judge a model of these sizes.
    pub fn fits(&self, act: usize, obs: usize) -> Result<(), JobError> {
        if (act, obs) == (self.normaliser.act, self.normaliser.obs) {
            return Ok(());
        }
        Err(JobError::Data(format!(
            "a critic of {} actions and {} observations, wanted {act} and {obs}",
            self.normaliser.act, self.normaliser.obs
        )))
    }
}

impl Judging for Judge {
    fn state_values(&mut self, observations: &[f32]) -> Result<Vec<f64>, JobError> {
        self.values(observations)
    }

    /// Plans: the mean over their points of `min Q(s, a)`.  A policy's chunk has no states after the first: `min Q(s, a)` of its first action.
    fn plan_values(&mut self, observations: &[f32], plans: &Plans) -> Result<Vec<f64>, JobError> {
        if plans.obs == 0 {
            let first = plans
                .values
                .chunks_exact(plans.row().max(1))
                .flat_map(|p| &p[..plans.act]);
            return self.action_values(observations, &first.copied().collect::<Vec<_>>());
        }
        let (mut states, mut actions) = (Vec::new(), Vec::new());
        for point in plans.values.chunks_exact(plans.width()) {
            actions.extend_from_slice(&point[..plans.act]);
            states.extend_from_slice(&point[plans.act..]);
        }
        let values = self.action_values(&states, &actions)?;
        let mean = |row: &[f64]| row.iter().sum::<f64>() / row.len() as f64;
        Ok(values.chunks_exact(plans.horizon).map(mean).collect())
    }

    fn discount(&self) -> f64 {
        self.discount
    }
}
