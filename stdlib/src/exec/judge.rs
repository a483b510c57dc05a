//! What is a state, an action or a plan worth?  A trained critic, as an answer to that.

use std::sync::Arc;

use align_runtime_api::{Input, JobError};
use align_schema::Value;
use burn::prelude::*;
use burn::tensor::TensorData;

use crate::exec::backbone::Net;
use crate::exec::chain::Sampler;
use crate::exec::data::{Normaliser, Scheme};
use crate::exec::denoiser::{Denoiser, call_of, numbers};
use crate::exec::facts::{Facts, MODEL, State, read};
use crate::exec::model::{Critic as Judging, Plans};
use crate::exec::weights::{Arch, Weights};
use crate::nets::twin_q::exec::Critic;
use crate::nets::value::exec::PlanValue;
use crate::nets::{self, Form};

/// Rows of one forward pass.
const CHUNK: usize = 4096;

/// The factor on rewards under which critics are trained, so that values are of the size of a reward: without it a discount of 0.99 asks
/// for outputs a hundred times as large, and learning starts with finding that scale.
pub fn reward_scale(discount: f64) -> f64 {
    if discount < 1.0 { 1.0 - discount } else { 1.0 }
}

/// The network of a critic.
pub fn network(facts: &Facts) -> Result<(Net, Arc<Arch>), JobError> {
    let net = call_of(&facts.model, "net")?;
    let form = Form {
        obs: facts.meta.normaliser.obs,
        act: facts.meta.normaliser.act,
        horizon: facts.meta.horizon,
        ..Form::default()
    };
    let mut arch = Arch::default();
    let built = nets::build(net, &mut arch, &form).map_err(JobError::Failed)?;
    if matches!(built, Net::Backbone(_) | Net::Inverse(_)) {
        return Err(JobError::Failed(format!(
            "`{}` is no critic, wanted `twin_q` or `value`",
            net.name
        )));
    }
    Ok((built, Arc::new(arch)))
}

/// The chain that a critic's plans were noised by, if it learned noisy plans.
pub fn noises(facts: &Facts) -> Result<Option<Sampler>, JobError> {
    match facts.model.get("sampler") {
        Some(Value::Call(call)) => Sampler::new(call).map(Some),
        _ => Ok(None),
    }
}

/// A critic with its weights.
pub struct Judge {
    net: Net,
    params: Vec<Tensor<2>>,
    /// How its numbers are scaled.
    pub normaliser: Normaliser,
    /// Points and stride of the plans that it learned.
    plans: (usize, usize),
    chain: Option<Sampler>,
    discount: f64,
    device: Device,
}

impl Judge {
    /// The critic of a checkpoint.
    pub fn open(checkpoint: &Input, device: &Device) -> Result<Self, JobError> {
        let facts = State::load(&checkpoint.files)?.facts;
        let (_, arch) = network(&facts)?;
        let weights = Weights::from_bytes(arch, &read(&checkpoint.files, MODEL)?, MODEL)?;
        Self::new(facts, &weights, device)
    }

    /// The critic of some facts with these weights.
    pub fn new(facts: Facts, weights: &Weights, device: &Device) -> Result<Self, JobError> {
        let (net, _) = network(&facts)?;
        Ok(Self {
            net,
            params: weights.tensors(device),
            chain: noises(&facts)?,
            plans: (facts.meta.horizon, facts.meta.stride),
            normaliser: facts.meta.normaliser,
            discount: facts.discount,
            device: device.clone(),
        })
    }

    /// The critic of states and actions.
    fn states(&self) -> Result<&Critic, JobError> {
        match &self.net {
            Net::Critic(critic) => Ok(critic),
            _ => Err(JobError::Data(
                "a `value` network values whole plans; states and actions want a critic with `twin_q`"
                    .into(),
            )),
        }
    }

    /// Whether it was trained on plans noised by this chain.
    pub fn knows(&self, sampler: &Sampler) -> bool {
        self.chain
            .as_ref()
            .is_some_and(|c| c.chain == sampler.chain)
    }

    /// Where its weights live.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Values `[n]`, in units of discounted return, of plans in the scaling of `from`: `[n, horizon, act + obs]`, or `[n, horizon, act]` for chunks
    /// of a policy, whose first observations are then `[n, obs]`.  `t` is the step of noisy plans, 0 for clean ones.  Its weights are constants to
    /// the gradient.
    ///
    /// Errors: a scaling that no factor takes to the critic's own, and chunks for a critic of plans.
    pub fn appraise(
        &self,
        from: &Normaliser,
        x: Tensor<3>,
        observations: &[f32],
        t: usize,
    ) -> Result<Tensor<1>, JobError> {
        let (p, device) = (&self.params[..], x.device());
        let [n, horizon, width] = x.dims();
        let (act, obs) = (from.act, from.obs);
        let values = match &self.net {
            Net::Critic(critic) if width == act => {
                let given = TensorData::new(observations.to_vec(), [n, obs]);
                let given = Tensor::<2>::from_data(given, &device);
                let first = x.narrow(1, 0, 1).reshape([n, act]);
                let given = self.rescaled(from, given, act, obs)?;
                let first = self.rescaled(from, first, 0, act)?;
                let [q1, q2] = critic.q(p, given, first);
                q1.min_pair(q2).reshape([n])
            }
            Net::Critic(critic) => {
                let rows = self.rescaled(from, x.reshape([n * horizon, width]), 0, width)?;
                let [q1, q2] =
                    critic.q(p, rows.clone().narrow(1, act, obs), rows.narrow(1, 0, act));
                q1.min_pair(q2)
                    .reshape([n, horizon])
                    .mean_dim(1)
                    .reshape([n])
            }
            Net::Value(net) if width == act + obs => {
                let rows = self.rescaled(from, x.reshape([n * horizon, width]), 0, width)?;
                let plans = rows.reshape([n, horizon, width]);
                net.forward(p, plans, &vec![t; n]).reshape([n])
            }
            _ => {
                return Err(JobError::Data(
                    "a `value` network values plans with states, and a policy draws none".into(),
                ));
            }
        };
        Ok(values.div_scalar(reward_scale(self.discount)))
    }

    /// Takes columns from another scaling to this critic's own.
    fn rescaled(
        &self,
        from: &Normaliser,
        x: Tensor<2>,
        at: usize,
        count: usize,
    ) -> Result<Tensor<2>, JobError> {
        let own = &self.normaliser;
        if own == from {
            return Ok(x);
        }
        if [own.scheme, from.scheme].contains(&Scheme::Cdf) {
            return Err(JobError::Data(
                "the critic and the model scale their data differently, and `normalise = cdf` has no factor between; train both on one dataset"
                    .into(),
            ));
        }
        let row = |f: &dyn Fn(usize) -> f32| {
            let data: Vec<f32> = (at..at + count).map(f).collect();
            Tensor::<2>::from_data(TensorData::new(data, [1, count]), &x.device())
        };
        let factor = row(&|i| from.scale[i] / own.scale[i]);
        let shift = row(&|i| (from.centre[i] - own.centre[i]) / own.scale[i]);
        Ok(x * factor + shift)
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
        let critic = self.states()?;
        let (obs, act) = (self.normaliser.obs, self.normaliser.act);
        let (mut s, mut a) = (observations.to_vec(), actions.to_vec());
        self.normaliser.apply_obs(&mut s);
        self.normaliser.apply_act(&mut a);
        let mut out = Vec::with_capacity(s.len() / obs);
        for (s, a) in s.chunks(CHUNK * obs).zip(a.chunks(CHUNK * act)) {
            let [q1, q2] = critic.q(&self.params, self.rows(s, obs), self.rows(a, act));
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
        let critic = self.states()?;
        let obs = self.normaliser.obs;
        let mut s = observations.to_vec();
        self.normaliser.apply_obs(&mut s);
        let mut out = Vec::with_capacity(s.len() / obs);
        for s in s.chunks(CHUNK * obs) {
            out.extend(self.units(numbers(critic.v(&self.params, self.rows(s, obs)))?));
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

    /// Whether it can judge what a model draws.
    pub fn suits(&self, d: &Denoiser, stride: usize) -> Result<(), JobError> {
        self.fits(d.act, d.obs)?;
        let plans = (d.horizon, stride);
        if matches!(self.net, Net::Value(_)) && (!d.plans() || plans != self.plans) {
            let (points, steps) = self.plans;
            return Err(JobError::Data(format!(
                "a `value` network of plans of {points} points, {steps} environment steps apart, wanted a critic of what this model draws"
            )));
        }
        Ok(())
    }

    /// Values of whole plans, in units of discounted return.
    fn whole(&self, net: &PlanValue, plans: &Plans) -> Result<Vec<f64>, JobError> {
        if plans.obs == 0
            || (plans.horizon, plans.width()) != (self.plans.0, self.normaliser.width())
        {
            return Err(JobError::Data(format!(
                "plans of {} points of {} numbers, wanted {} of {} as this `value` network learned",
                plans.horizon,
                plans.width(),
                self.plans.0,
                self.normaliser.width()
            )));
        }
        let mut rows = plans.values.clone();
        self.normaliser.apply(&mut rows);
        let mut out = Vec::with_capacity(plans.len());
        for part in rows.chunks(256 * plans.row().max(1)) {
            let n = part.len() / plans.row();
            let data = TensorData::new(part.to_vec(), [n, plans.horizon, plans.width()]);
            let x = Tensor::<3>::from_data(data, &self.device);
            out.extend(self.units(numbers(net.forward(&self.params, x, &vec![0; n]))?));
        }
        Ok(out)
    }
}

impl Judging for Judge {
    fn state_values(&mut self, observations: &[f32]) -> Result<Vec<f64>, JobError> {
        self.values(observations)
    }

    /// Plans: what a `value` network says of the whole, or the mean over their points of `min Q(s, a)`.  A policy's chunk has no states after the first: `min Q(s, a)` of its first action.
    fn plan_values(&mut self, observations: &[f32], plans: &Plans) -> Result<Vec<f64>, JobError> {
        if let Net::Value(net) = &self.net {
            return self.whole(net, plans);
        }
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
