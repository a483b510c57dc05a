//! How is a diffusion model reinforced?  Collecting plans with their chains, advantages, and the gradient on the chain's Gaussian steps.
//!
//! Densities, divergences and ratios are averaged over the free numbers of a sample, never summed: clip ranges and weights then do not depend
//! on the size of a plan.

use align_runtime_api::{Input, Job, JobError, Purpose, StepOut, Trainer};
use burn::prelude::*;
use burn::tensor::TensorData;
use rand::RngExt as _;

use crate::exec::chain::Kernel;
use crate::exec::collecting::{Chain, Collecting, credits};
use crate::exec::data::Dataset;
use crate::exec::denoiser::{Condition, Denoiser, numbers};
use crate::exec::drawing::Drawing;
use crate::exec::env::{Env, Stream};
use crate::exec::facts::input;
use crate::exec::judge::Judge;
use crate::exec::learner::Update;
use crate::exec::model::{Critic, Planner, Request};
use crate::exec::rollout::{Options, Starts, rollout};
use crate::exec::stage::{DiffusionTrainer, Objective, STREAMS, Stage, free_mean};
use crate::exec::study::Study;

/// Discount of one environment step for the credit of a policy's chunks, without a critic that has one.
const DISCOUNT: f64 = 0.99;

/// Plans of one state where a critic pays: their mean is what each is compared with.
const SIBLINGS: usize = 8;

/// How the collected chains are used.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Clipped ratios, so many passes.
    Clipped {
        /// How far a ratio may leave 1.
        clip: f64,
        /// Passes over the chains.
        epochs: usize,
    },
    /// The score function, one update.
    Score,
}

/// What both losses share.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How the chains are used.
    pub rule: Rule,
    /// Weight of the divergence from the reference.
    pub kl: f64,
    /// Episodes an iteration.
    pub plans: usize,
    /// Share of ancestral noise.
    pub eta: f64,
    /// Least standard deviation of a step.
    pub floor: f64,
}

/// Reinforcement by what an environment pays, or by what a critic says where nothing is acted in.
struct Reinforcing {
    settings: Settings,
    env: Option<Box<dyn Env>>,
    critic: Option<Judge>,
    reference: Option<Vec<Tensor<2>>>,
    /// The data in whose states plans begin where nothing is acted in.
    data: Dataset,
    held: Study,
}

/// Opens a stage; `critic` and `reference` are indices of inputs.
///
/// Errors: neither a task to act in nor a critic to ask, and data, a task or a critic that does not fit the checkpoint.
pub fn open(
    job: &Job,
    source: &Input,
    settings: Settings,
    inputs: (Option<usize>, Option<usize>),
) -> Result<Box<dyn Trainer>, JobError> {
    begin(job, source, settings, inputs, environment_name(job))
}

/// Opens a stage in which a critic pays, whatever the stage is evaluated in.
///
/// Errors: no critic, and data or a critic that does not fit the checkpoint.
pub fn offline(
    job: &Job,
    source: &Input,
    settings: Settings,
    inputs: (Option<usize>, Option<usize>),
) -> Result<Box<dyn Trainer>, JobError> {
    begin(job, source, settings, inputs, None)
}

fn begin(
    job: &Job,
    source: &Input,
    settings: Settings,
    (critic, reference): (Option<usize>, Option<usize>),
    task: Option<String>,
) -> Result<Box<dyn Trainer>, JobError> {
    let data = Dataset::load(&source.files)?;
    let steps = data.rollouts.len();
    let mut stage = Stage::open(job, Some(&data), |_, batch| steps as f64 / batch)?;
    // It acts with the weights that it learns: a moving average would lag behind by more iterations than a stage has.
    stage.learner.unaveraged();
    let env = task.map(|task| {
        let env = crate::exec::env::make(&task)?;
        if (env.task().act, env.task().obs) != (stage.denoiser.act, stage.denoiser.obs) {
            return Err(JobError::Data(format!(
                "`{task}` has other actions or observations than the model"
            )));
        }
        Ok(env)
    });
    let env = env.transpose()?;
    let critic = critic.and_then(|i| job.inputs.get(i));
    if critic.is_none() && env.is_none() {
        return Err(JobError::Failed(
            "nothing to act in and no critic to ask, wanted `in env(task)` or `critic`".into(),
        ));
    }
    let device = stage.learner.device.clone();
    let critic = critic.map(|i| Judge::open(i, &device)).transpose()?;
    if let Some(critic) = &critic {
        critic.suits(&stage.denoiser, stage.facts.meta.stride)?;
    }
    let reference = reference.and_then(|i| job.inputs.get(i));
    let reference = reference
        .map(|i| crate::exec::stage::frozen(i, &stage))
        .transpose()?;
    let held = Study::held(&data, &stage);
    let objective = Reinforcing {
        settings,
        env,
        critic,
        reference,
        data,
        held,
    };
    Ok(Box::new(DiffusionTrainer {
        stage,
        objective: Box::new(objective),
    }))
}

/// The task of `in env(task)`.
fn environment_name(job: &Job) -> Option<String> {
    let env = job.node.value("env")?;
    let task = env.get("task").unwrap_or(env).word()?;
    Some(task.to_owned())
}

/// Credits less what the baseline explains of them, whitened.  The baseline enters by a least-squares line, so that its scale and offset do not
/// matter; without one the mean is taken off.  Credits that do not vary give zeros.
pub fn advantages(credits: &[f64], baseline: Option<&[f64]>) -> Vec<f64> {
    let n = credits.len().max(1) as f64;
    let mean = |v: &[f64]| v.iter().sum::<f64>() / n;
    let level = mean(credits);
    let mut out: Vec<f64> = credits.iter().map(|c| c - level).collect();
    if let Some(baseline) = baseline {
        let middle = mean(baseline);
        let centred: Vec<f64> = baseline.iter().map(|b| b - middle).collect();
        let square: f64 = centred.iter().map(|b| b * b).sum();
        if square > 1e-12 {
            let slope = centred.iter().zip(&out).map(|(b, c)| b * c).sum::<f64>() / square;
            out.iter_mut()
                .zip(&centred)
                .for_each(|(c, b)| *c -= slope * b);
        }
    }
    let spread = (out.iter().map(|a| a * a).sum::<f64>() / n).sqrt();
    for a in &mut out {
        *a = if spread > 1e-8 { *a / spread } else { 0.0 };
    }
    out
}

/// Rows of chains at some of their steps, as tensors' data.
pub struct Rows {
    /// Noisy samples before the step.
    pub before: Vec<f32>,
    /// Samples after it.
    pub after: Vec<f32>,
    /// What is given.
    pub condition: Condition,
    /// The step of each row.
    pub kernels: Vec<Kernel>,
    /// Exponent of each row when it was collected.
    pub exponents: Vec<f32>,
    /// Advantage of each row.
    pub advantages: Vec<f32>,
    /// Means of the reference.
    pub reference: Option<Vec<f32>>,
}

/// What the rows of a minibatch say.
pub struct Verdict {
    /// The loss, one number.
    pub loss: Tensor<1>,
    /// Ratios of densities, `[n]`.
    pub ratios: Tensor<1>,
    /// Divergences from the reference, `[n]`; zeros without one.
    pub divergence: Tensor<1>,
}

/// Means of the rows' steps for weights `p`, `[n, horizon, width]`; given numbers are not meaningful.
pub fn means(d: &Denoiser, p: &[Tensor<2>], rows: &Rows, device: &Device) -> Tensor<3> {
    let n = rows.kernels.len();
    let column = |f: &dyn Fn(&Kernel) -> f64| {
        let data: Vec<f32> = rows.kernels.iter().map(|k| f(k) as f32).collect();
        Tensor::<3>::from_data(TensorData::new(data, [n, 1, 1]), device)
    };
    let clean = |k: &Kernel| d.sampler.chain.clean(k.from, d.predict);
    let times: Vec<usize> = rows.kernels.iter().map(|k| k.from).collect();
    let x = d.tensor(rows.before.clone(), device);
    let output = d.output(p, x.clone(), &rows.condition, &times);
    let sample = x.clone() * column(&|k| clean(k).0) + output * column(&|k| clean(k).1);
    let sample = match d.bound {
        Some(bound) => sample.clamp(-bound, bound),
        None => sample,
    };
    sample * column(&|k| k.of_sample) + x * column(&|k| k.of_noisy)
}

/// The loss of a minibatch.
pub fn verdict(
    d: &Denoiser,
    settings: &Settings,
    p: &[Tensor<2>],
    rows: &Rows,
    device: &Device,
) -> Verdict {
    let n = rows.kernels.len();
    let flat = |v: &[f32]| Tensor::<1>::from_data(TensorData::new(v.to_vec(), [n]), device);
    let sharp: Vec<f32> = rows
        .kernels
        .iter()
        .map(|k| (0.5 / (k.sigma * k.sigma)) as f32)
        .collect();
    let sharp = flat(&sharp);
    let mean = means(d, p, rows, device);
    let distance = |other: &[f32]| {
        let gap = (d.tensor(other.to_vec(), device) - mean.clone()).square();
        free_mean(d, &rows.condition, gap) * sharp.clone()
    };
    let exponent = distance(&rows.after);
    let ratios = (flat(&rows.exponents) - exponent.clone()).exp();
    let gain = flat(&rows.advantages).neg();
    let policy = match settings.rule {
        Rule::Clipped { clip, .. } => {
            let clipped = ratios.clone().clamp(1.0 - clip, 1.0 + clip);
            (gain.clone() * ratios.clone()).max_pair(gain * clipped)
        }
        // The log density is the negative exponent, up to what does not depend on the weights.
        Rule::Score => gain.neg() * exponent,
    };
    let divergence = match &rows.reference {
        Some(other) => distance(other),
        None => Tensor::zeros([n], device),
    };
    let loss = policy.mean() + divergence.clone().mean().mul_scalar(settings.kl);
    Verdict {
        loss,
        ratios,
        divergence,
    }
}

/// The chains of an iteration, ready to learn from.
struct Experience {
    chains: Vec<Chain>,
    kernels: Vec<Kernel>,
    advantages: Vec<f64>,
}

impl Experience {
    /// Rows by (chain, step).
    fn rows(&self, places: &[(usize, usize)], reference: Option<&[Vec<f32>]>) -> Rows {
        let mut rows = Rows {
            before: Vec::new(),
            after: Vec::new(),
            condition: Condition::default(),
            kernels: Vec::new(),
            exponents: Vec::new(),
            advantages: Vec::new(),
            reference: reference.map(|_| Vec::new()),
        };
        for &(c, k) in places {
            let chain = &self.chains[c];
            rows.before.extend_from_slice(&chain.levels[k]);
            rows.after.extend_from_slice(&chain.levels[k + 1]);
            rows.condition
                .observations
                .extend_from_slice(&chain.observation);
            if let Some(end) = &chain.end {
                rows.condition
                    .ends
                    .get_or_insert_default()
                    .extend_from_slice(end);
            }
            rows.kernels.push(self.kernels[k]);
            rows.exponents.push(chain.exponents[k]);
            rows.advantages.push(self.advantages[c] as f32);
            if let (Some(out), Some(all)) = (&mut rows.reference, reference) {
                out.extend_from_slice(&all[c * self.kernels.len() + k]);
            }
        }
        rows
    }

    /// Every (chain, step).
    fn places(&self) -> Vec<(usize, usize)> {
        (0..self.chains.len())
            .flat_map(|c| (0..self.kernels.len()).map(move |k| (c, k)))
            .collect()
    }
}

/// What was paid for, and what it cost.
struct Paid {
    /// Rewards of episodes in points, or the critic's values of plans.
    rewards: Vec<f64>,
    env_steps: u64,
}

impl Reinforcing {
    /// Acts, or asks the critic, and works out who gained.
    fn collect(&mut self, stage: &Stage, step: u64) -> Result<(Experience, Paid), JobError> {
        let params = stage.learner.frozen(&stage.learner.weights);
        let drawing = Drawing::new(&stage.denoiser, &stage.facts, params);
        let settings = self.settings;
        let mut planner = Collecting::new(drawing, (settings.eta, settings.floor));
        let base = step.wrapping_mul(STREAMS);
        let streams = |i: u64| stage.stream(Purpose::Rollout, base.wrapping_add(i));
        let Some(env) = &self.env else {
            return self.imagine(planner, &streams);
        };
        let episodes = rollout(
            env.as_ref(),
            Starts::Reset(settings.plans),
            &mut planner,
            &streams,
            Options::default(),
        )?;
        let Collecting {
            chains, kernels, ..
        } = planner;
        let discount = self.critic.as_ref().map_or(DISCOUNT, Critic::discount);
        // A planner is asked once an episode: its credit is then the plain return.
        let credits = credits(&chains, &episodes, discount);
        let raw: Vec<f32> = chains.iter().flat_map(|c| c.raw.iter().copied()).collect();
        let baseline = self.critic.as_ref().map(|c| c.values(&raw)).transpose()?;
        let advantages = advantages(&credits, baseline.as_deref());
        let paid = Paid {
            rewards: episodes.iter().map(|e| e.score).collect(),
            env_steps: episodes.iter().map(|e| e.length as u64).sum(),
        };
        let experience = Experience {
            chains,
            kernels,
            advantages,
        };
        Ok((experience, paid))
    }

    /// Plans from states of the data, paid by the critic: [`SIBLINGS`] for each state, whose mean is the baseline of each.
    fn imagine(
        &mut self,
        mut planner: Collecting,
        streams: &dyn Fn(u64) -> Stream,
    ) -> Result<(Experience, Paid), JobError> {
        let rollouts = &self.data.rollouts;
        let mut rng = streams(STREAMS - 1);
        let states = self.settings.plans.div_ceil(SIBLINGS);
        let observations: Vec<f32> = (0..states)
            .flat_map(|_| {
                let t = rng.random_range(0..rollouts.len());
                rollouts.observation(t).repeat(SIBLINGS)
            })
            .collect();
        let rows = states * SIBLINGS;
        let goals = planner.meta().goal.as_ref().map(|g| g.repeat(rows));
        let mut rngs: Vec<Stream> = (0..rows as u64).map(streams).collect();
        let plans = planner.plan(Request {
            observations: &observations,
            goals: goals.as_deref(),
            episodes: &(0..rows).collect::<Vec<_>>(),
            rngs: &mut rngs,
        })?;
        let critic = self
            .critic
            .as_mut()
            .ok_or_else(|| JobError::Failed("no critic to ask".into()))?;
        let values = critic.plan_values(&observations, &plans)?;
        let Collecting {
            chains, kernels, ..
        } = planner;
        let gains: Vec<f64> = values
            .chunks(SIBLINGS)
            .flat_map(|group| {
                let mean = group.iter().sum::<f64>() / group.len() as f64;
                group.iter().map(move |v| v - mean)
            })
            .collect();
        let experience = Experience {
            chains,
            kernels,
            advantages: advantages(&gains, None),
        };
        let paid = Paid {
            rewards: values,
            env_steps: 0,
        };
        Ok((experience, paid))
    }

    /// Means of the reference at every (chain, step).
    fn reference_means(
        &self,
        stage: &Stage,
        experience: &Experience,
        places: &[(usize, usize)],
    ) -> Result<Option<Vec<Vec<f32>>>, JobError> {
        let Some(params) = &self.reference else {
            return Ok(None);
        };
        let mut out = Vec::with_capacity(places.len());
        for part in places.chunks(crate::exec::denoiser::CHUNK) {
            let rows = experience.rows(part, None);
            let means = numbers(means(&stage.denoiser, params, &rows, &stage.learner.device))?;
            out.extend(
                means
                    .chunks_exact(stage.denoiser.size())
                    .map(<[f32]>::to_vec),
            );
        }
        Ok(Some(out))
    }
}

/// Sums over the minibatches of an iteration.
#[derive(Default)]
struct Sums {
    updates: f64,
    loss: f64,
    norm: f64,
    lr: f64,
    rows: f64,
    clipped: f64,
    kl: f64,
}

impl Sums {
    fn count(&mut self, update: Update) {
        self.updates += 1.0;
        self.loss += update.loss;
        self.norm += update.norm;
        self.lr = update.lr;
    }

    fn watch(&mut self, verdict: (Vec<f32>, Vec<f32>), clip: f64) {
        let (ratios, divergence) = verdict;
        self.rows += ratios.len() as f64;
        self.clipped += ratios
            .iter()
            .filter(|r| (f64::from(**r) - 1.0).abs() > clip)
            .count() as f64;
        self.kl += divergence.iter().map(|d| f64::from(*d)).sum::<f64>();
    }
}

impl Objective for Reinforcing {
    fn step(&mut self, stage: &mut Stage, step: u64) -> Result<StepOut, JobError> {
        let (experience, paid) = self.collect(stage, step)?;
        let mut places = experience.places();
        let reference = self.reference_means(stage, &experience, &places)?;
        let mut rng = stage.stream(Purpose::Batches, step);
        let mut sums = Sums::default();
        match self.settings.rule {
            Rule::Clipped { clip, epochs } => {
                for _ in 0..epochs {
                    shuffle(&mut places, &mut rng);
                    for part in places.chunks(stage.batch) {
                        let rows = experience.rows(part, reference.as_deref());
                        let (tracked, device) = stage.learner.tracked();
                        let v = verdict(&stage.denoiser, &self.settings, &tracked, &rows, &device);
                        let (ratios, divergence) =
                            (v.ratios.inner(), v.divergence.without_autodiff());
                        sums.count(stage.learner.descend(v.loss, &tracked)?);
                        sums.watch((numbers(ratios)?, numbers(divergence)?), clip);
                    }
                }
            }
            Rule::Score => {
                // One update: the gradients of all parts, weighted by their rows.
                let mut total = vec![0.0; stage.learner.total()];
                let mut loss = 0.0;
                for part in places.chunks(stage.batch.max(crate::exec::denoiser::CHUNK)) {
                    let rows = experience.rows(part, reference.as_deref());
                    let (tracked, device) = stage.learner.tracked();
                    let v = verdict(&stage.denoiser, &self.settings, &tracked, &rows, &device);
                    let divergence = v.divergence.without_autodiff();
                    let (value, gradient) = stage.learner.gradient(v.loss, &tracked)?;
                    let share = part.len() as f32 / places.len() as f32;
                    total
                        .iter_mut()
                        .zip(&gradient)
                        .for_each(|(t, g)| *t += share * g);
                    loss += f64::from(share) * value;
                    sums.watch((vec![1.0; part.len()], numbers(divergence)?), 1.0);
                }
                let update = stage.learner.apply(total)?;
                sums.count(Update { loss, ..update });
            }
        }
        Ok(self.told(&sums, &paid, places.len()))
    }

    fn valid(&self, stage: &Stage) -> Result<Vec<(String, f64)>, JobError> {
        Ok(vec![("valid.loss".into(), stage.held_loss(&self.held)?)])
    }
}

impl Reinforcing {
    fn told(&self, sums: &Sums, paid: &Paid, samples: usize) -> StepOut {
        let n = paid.rewards.len().max(1) as f64;
        let reward = paid.rewards.iter().sum::<f64>() / n;
        let squares = paid.rewards.iter().map(|r| (r - reward).powi(2));
        let spread = (squares.sum::<f64>() / n).sqrt();
        let (updates, rows) = (sums.updates.max(1.0), sums.rows.max(1.0));
        let mut metrics = vec![
            ("loss", sums.loss / updates),
            ("grad_norm", sums.norm / updates),
            ("lr", sums.lr),
            ("reward", reward),
            ("reward.spread", spread),
            ("kl", sums.kl / rows),
        ];
        if matches!(self.settings.rule, Rule::Clipped { .. }) {
            metrics.push(("clip_fraction", sums.clipped / rows));
        }
        StepOut {
            metrics: metrics
                .into_iter()
                .map(|(n, v)| (n.to_owned(), v))
                .collect(),
            env_steps: paid.env_steps,
            samples: samples as u64,
        }
    }
}

/// Puts places into a random order.
fn shuffle<T>(items: &mut [T], rng: &mut Stream) {
    for i in (1..items.len()).rev() {
        items.swap(i, rng.random_range(0..=i));
    }
}

/// The index of an input that an argument refers to, or that has the role of the argument.
pub fn referred(job: &Job, argument: Option<&align_schema::Ref>, role: &str) -> Option<usize> {
    argument.map(|r| r.need).or_else(|| {
        let wanted = input(job, role)?;
        job.inputs.iter().position(|i| std::ptr::eq(i, wanted))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advantages_are_white_and_free_of_what_the_baseline_explains() {
        let baseline = [1.0, 2.0, 3.0, 4.0];
        let credits: Vec<f64> = baseline.iter().map(|b| 10.0 * b - 3.0).collect();
        let explained = advantages(&credits, Some(&baseline));
        assert!(explained.iter().all(|a| a.abs() < 1e-6), "{explained:?}");
        let plain = advantages(&credits, None);
        let square: f64 = plain.iter().map(|a| a * a).sum::<f64>() / 4.0;
        assert!((square - 1.0).abs() < 1e-9 && plain[0] < 0.0 && plain[3] > 0.0);
    }

    #[test]
    fn rewards_that_do_not_vary_give_no_gradient() {
        assert_eq!(advantages(&[5.0; 8], None), [0.0; 8]);
    }
}
