//! How does a diffusion model train?  What every loss shares: data, learner, evaluation, checkpoints; the loss itself is an [`Objective`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use align_plan::{Digest, Key};
use align_runtime_api::{Evaluation, Files, Job, JobError, Purpose, StepOut, Trainer, stream};
use align_schema::Value;
use burn::prelude::*;
use burn::tensor::TensorData;
use rand::RngExt as _;
use rand_distr::StandardNormal;

use crate::exec::data::Dataset;
use crate::exec::denoiser::{CHUNK, Condition, Denoiser, numbers};
use crate::exec::drawing::Drawing;
use crate::exec::env::{Env, Stream};
use crate::exec::facts::{Facts, State, input};
use crate::exec::judge::Judge;
use crate::exec::learner::{Learner, Update, number};
use crate::exec::model::{Critic, Planner, Request};
use crate::exec::rate::Progress;
use crate::exec::rollout::{Options, Starts, evaluation, rollout};
use crate::exec::study::Study;

/// Samples of a validation loss.
pub const HELD: usize = 256;
/// Index of the stream of the validation loss: the same noise at every evaluation, so that the curve shows the model.
pub const FIXED: u64 = u64::MAX;
/// Streams of one evaluation (or iteration): one an episode.
pub const STREAMS: u64 = 1 << 20;

/// A loss of a diffusion model.
pub trait Objective {
    /// Makes one training step.
    fn step(&mut self, stage: &mut Stage, step: u64) -> Result<StepOut, JobError>;
    /// `valid.loss` and the loss's own metrics on held-out data.
    fn valid(&self, stage: &Stage) -> Result<Vec<(String, f64)>, JobError>;
}

/// What every loss shares.
pub struct Stage {
    /// Random streams derive from it.
    pub key: Key,
    /// The lane's seed: evaluations derive from it alone.
    pub seed: u64,
    /// The model without weights.
    pub denoiser: Denoiser,
    /// What goes into the checkpoint beside the weights.
    pub facts: Facts,
    /// The weights and how they move.
    pub learner: Learner,
    /// Samples of a batch.
    pub batch: usize,
    env: Option<Box<dyn Env>>,
    critic: Option<Judge>,
    /// When evaluations ask for a new plan, where that is not as the model says.
    replan: Option<usize>,
}

/// A batch of noised samples.
pub struct Noised {
    /// Clean samples, `[n, size]`.
    pub samples: Vec<f32>,
    /// What is given.
    pub condition: Condition,
    /// Step of each row.
    pub times: Vec<usize>,
    /// Noise, `[n, size]`.
    pub noise: Vec<f32>,
}

impl Noised {
    /// Noises samples at uniform steps.
    pub fn draw(
        denoiser: &Denoiser,
        (samples, condition): (Vec<f32>, Condition),
        rng: &mut Stream,
    ) -> Self {
        let n = samples.len() / denoiser.size();
        let total = denoiser.sampler.chain.steps();
        let times = (0..n).map(|_| rng.random_range(1..=total)).collect();
        let noise = (0..samples.len())
            .map(|_| rng.sample::<f64, _>(StandardNormal) as f32)
            .collect();
        Self {
            samples,
            condition,
            times,
            noise,
        }
    }
}

/// Squared error of each row, averaged over the free numbers: `[n]`.
///
/// Given numbers have no part in it: they would flatter or spoil the curve that stop rules watch.
pub fn row_errors(
    denoiser: &Denoiser,
    params: &[Tensor<2>],
    batch: &Noised,
    device: &Device,
) -> Tensor<1> {
    let noisy = denoiser.noised(&batch.samples, &batch.noise, &batch.times, &batch.condition);
    let target = denoiser.target(&batch.samples, &batch.noise, &batch.times);
    let output = denoiser.output(
        params,
        denoiser.tensor(noisy, device),
        &batch.condition,
        &batch.times,
    );
    let error = (output - denoiser.tensor(target, device)).square();
    free_mean(denoiser, &batch.condition, error)
}

/// Mean over the free numbers of each row of `[n, horizon, width]`: `[n]`.
pub fn free_mean(denoiser: &Denoiser, condition: &Condition, values: Tensor<3>) -> Tensor<1> {
    let (mask, free) = denoiser.free(condition.ends.is_some());
    let [n, horizon, width] = values.dims();
    let share: Vec<f32> = mask.iter().map(|m| m / free as f32).collect();
    let share = Tensor::<3>::from_data(
        TensorData::new(share, [1, horizon, width]),
        &values.device(),
    );
    (values * share)
        .reshape([n, horizon * width])
        .sum_dim(1)
        .reshape([n])
}

impl Stage {
    /// Opens a stage whose `data` input is made of episodes (`data`), or of something else (`facts` then come from the `from` checkpoint).
    pub fn open(
        job: &Job,
        data: Option<&Dataset>,
        epoch: impl Fn(&Facts, f64) -> f64,
    ) -> Result<Self, JobError> {
        let model = job
            .node
            .value("model")
            .ok_or_else(|| JobError::Failed("the stage has no `model`".into()))?;
        let from = input(job, "from");
        let facts = match (from, data) {
            (Some(from), _) => Facts {
                model: model.clone(),
                ..State::load(&from.files)?.facts
            },
            (None, Some(data)) => Facts::fresh(model, data),
            (None, None) => {
                return Err(JobError::Failed(
                    "pairs alone do not say how data is scaled: wanted a checkpoint to start from"
                        .into(),
                ));
            }
        };
        if let Some(data) = data {
            fits(&facts, data)?;
        }
        let denoiser = Denoiser::new(&facts)?;
        let batch = (number(job, "batch", 32.0) as usize).max(1);
        let epoch = epoch(&facts, batch as f64);
        let learner = Learner::new(job, denoiser.arch.clone(), from, epoch, true)?;
        let critic = input(job, "eval.critic")
            .map(|i| Judge::open(i, &learner.device))
            .transpose()?;
        if let Some(critic) = &critic {
            critic.suits(&denoiser, facts.meta.stride)?;
        }
        let env = environment(job, &facts)?;
        Ok(Self {
            key: job.key.clone(),
            seed: job.node.seed,
            denoiser,
            facts,
            learner,
            batch,
            env,
            critic,
            replan: replan(job),
        })
    }

    /// The random stream of one purpose and index of this stage.
    pub fn stream(&self, purpose: Purpose, index: u64) -> Stream {
        stream(&self.key, purpose, index)
    }

    /// Gradients that are averaged in one step.
    pub fn accumulate(&self) -> u64 {
        self.learner.accumulate() as u64
    }

    /// Mean error of the averaged weights on held-out windows, each at a fixed step with fixed noise.
    pub fn held_loss(&self, held: &Study) -> Result<f64, JobError> {
        let params = self.learner.ema.tensors(&self.learner.device);
        let mut rng = self.stream(Purpose::Evaluation, FIXED);
        let starts = held.windows.spread(HELD);
        let mut sum = 0.0;
        for part in starts.chunks(CHUNK) {
            let lesson = held.lesson(&self.denoiser, part, None);
            let batch = Noised::draw(&self.denoiser, lesson.clean, &mut rng);
            let device = &self.learner.device;
            let errors = numbers(row_errors(&self.denoiser, &params, &batch, device))?;
            let mut error: f64 = errors.iter().map(|e| f64::from(*e)).sum();
            if let Some(inverse) = self
                .denoiser
                .inverse_error(&params, &lesson.windows, device)
            {
                let inverse = numbers(inverse)?.first().copied().map_or(0.0, f64::from);
                error = f64::midpoint(error, inverse * part.len() as f64);
            }
            sum += error;
        }
        Ok(sum / starts.len().max(1) as f64)
    }

    /// Evaluates the averaged weights by acting and by judging.
    fn act(&mut self, episodes: u64) -> Result<Evaluation, JobError> {
        let Self {
            seed,
            denoiser,
            facts,
            learner,
            env,
            critic,
            replan,
            ..
        } = self;
        let params = learner.ema.tensors(&learner.device);
        let mut drawing = Drawing::new(denoiser, facts, params);
        let mut out = judge_and_run(
            &mut drawing,
            facts,
            (env.as_deref(), *replan),
            critic.as_mut(),
            episodes,
            &|i| evaluation_stream(*seed, i),
        )?;
        if let Some(diversity) = diversity(&drawing, facts, *seed)? {
            out.metrics.insert("diversity".into(), diversity);
        }
        Ok(out)
    }
}

/// Start states, and samples of each, by which diversity is measured.
const DIVERSE: [usize; 2] = [4, 4];

/// The mean distance between two samples of one start: the root of the mean squared difference over their free numbers, as the network
/// sees them.  None where the model knows no start state.
fn diversity(drawing: &Drawing, facts: &Facts, seed: u64) -> Result<Option<f64>, JobError> {
    let [starts, each] = DIVERSE;
    let obs = facts.meta.normaliser.obs.max(1);
    let known = facts.starts.len() / obs;
    if known == 0 {
        return Ok(None);
    }
    let starts = starts.min(known);
    let observations: Vec<f32> = (0..starts)
        .flat_map(|i| {
            let at = i * known / starts * obs;
            facts.starts[at..at + obs].repeat(each)
        })
        .collect();
    let rows = starts * each;
    let goals = facts.goals(rows);
    let mut rngs: Vec<Stream> = (0..rows as u64)
        .map(|i| evaluation_stream(seed, STREAMS * 3 / 4 + i))
        .collect();
    let condition = drawing.condition(&observations, goals.as_deref());
    let samples = drawing.sample(&condition, &mut rngs)?;
    let (mask, free) = drawing.denoiser.free(condition.ends.is_some());
    let size = drawing.denoiser.size();
    let distance = |a: &[f32], b: &[f32]| {
        let squares = a.iter().zip(b).zip(&mask);
        let sum: f64 = squares
            .map(|((a, b), m)| f64::from((a - b) * (a - b) * m))
            .sum();
        (sum / free.max(1) as f64).sqrt()
    };
    let (mut sum, mut pairs) = (0.0, 0.0);
    for group in samples.chunks_exact(size * each) {
        let rows: Vec<&[f32]> = group.chunks_exact(size).collect();
        for (i, a) in rows.iter().enumerate() {
            for b in &rows[i + 1..] {
                sum += distance(a, b);
                pairs += 1.0;
            }
        }
    }
    Ok(Some(sum / f64::max(pairs, 1.0)))
}

/// The random stream of episode `i` of every evaluation in the lanes of a seed.
///
/// All evaluations start from the same states with the same noise (common random numbers), so that stages are compared pairwise: what differs
/// between two scores is the models, not the luck of their starts.
pub fn evaluation_stream(seed: u64, i: u64) -> Stream {
    let key = Key(Digest(format!("evaluation of seed {seed}")));
    stream(&key, Purpose::Evaluation, i)
}

/// `replan` of a node's evaluation.
pub fn replan(job: &Job) -> Option<usize> {
    let steps = job.node.value("eval.replan")?.number()?;
    Some(steps as usize)
}

/// Runs `episodes` episodes where there is a task, all as one batch, and asks the critic for the value of plans from the model's start states.
pub fn judge_and_run(
    planner: &mut dyn Planner,
    facts: &Facts,
    (env, replan): (Option<&dyn Env>, Option<usize>),
    critic: Option<&mut Judge>,
    episodes: u64,
    streams: &(dyn Fn(u64) -> Stream + Sync),
) -> Result<Evaluation, JobError> {
    let mut out = match env {
        Some(env) if episodes > 0 => evaluation(&rollout(
            env,
            Starts::Reset(episodes as usize),
            planner,
            streams,
            Options {
                replan,
                ..Options::default()
            },
        )?),
        _ => Evaluation::default(),
    };
    if let Some(critic) = critic {
        let n = facts.starts.len() / facts.meta.normaliser.obs.max(1);
        let goals = facts.goals(n);
        let mut rngs: Vec<Stream> = (0..n as u64).map(|i| streams(STREAMS / 2 + i)).collect();
        let request = Request {
            observations: &facts.starts,
            goals: goals.as_deref(),
            episodes: &(0..n).collect::<Vec<_>>(),
            rngs: &mut rngs,
        };
        let plans = planner.plan(request)?;
        let values = critic.plan_values(&facts.starts, &plans)?;
        out.metrics
            .insert("value".into(), values.iter().sum::<f64>() / n.max(1) as f64);
    }
    Ok(out)
}

/// The environment that a node's evaluations run in, if there is one.
pub fn environment(job: &Job, facts: &Facts) -> Result<Option<Box<dyn Env>>, JobError> {
    let named = job.node.value("task").and_then(Value::word);
    let Some(task) = named.or(facts.meta.task.as_deref()) else {
        return Ok(None);
    };
    let env = crate::exec::env::make(task)?;
    let (wanted, found) = (env.task(), &facts.meta.normaliser);
    if (wanted.act, wanted.obs) != (found.act, found.obs) {
        return Err(JobError::Data(format!(
            "`{task}` has {} actions and {} observations, the model has {} and {}",
            wanted.act, wanted.obs, found.act, found.obs
        )));
    }
    Ok(Some(env))
}

/// Whether data has the sizes of a model.
fn fits(facts: &Facts, data: &Dataset) -> Result<(), JobError> {
    let (model, found) = (&facts.meta.normaliser, &data.rollouts);
    if (model.act, model.obs) == (found.act, found.obs) {
        return Ok(());
    }
    Err(JobError::Data(format!(
        "the data has {} actions and {} observations, wanted {} and {} as in the checkpoint",
        found.act, found.obs, model.act, model.obs
    )))
}

/// A stage with its loss.
pub struct DiffusionTrainer {
    /// What all losses share.
    pub stage: Stage,
    /// The loss.
    pub objective: Box<dyn Objective>,
}

impl Trainer for DiffusionTrainer {
    fn step(&mut self, step: u64, _want_metrics: bool) -> Result<StepOut, JobError> {
        let env_steps = self.stage.learner.progress.env_steps;
        self.stage.learner.progress = Progress {
            steps: step,
            env_steps,
        };
        let stage = &mut self.stage;
        let each = stage.accumulate();
        let mut outs = Vec::new();
        // As many gradients as are averaged in one step; an iteration that makes many steps of its own is made once.
        for part in 0..each {
            outs.push(self.objective.step(stage, step * each + part)?);
            if !stage.learner.waits() {
                break;
            }
        }
        stage.learner.settle()?;
        let out = joined(outs);
        stage.learner.progress.env_steps += out.env_steps;
        Ok(out)
    }

    fn evaluate(&mut self, episodes: u64) -> Result<Evaluation, JobError> {
        let mut out = self.stage.act(episodes)?;
        out.metrics.extend(self.objective.valid(&self.stage)?);
        for (name, value) in &out.metrics {
            if !value.is_finite() {
                let step = self.stage.learner.progress.steps;
                return Err(JobError::NonFinite {
                    what: name.clone(),
                    step,
                });
            }
        }
        Ok(out)
    }

    fn save(&self) -> Result<Files, JobError> {
        self.stage.learner.save(&self.stage.facts, &[])
    }

    fn load(&mut self, files: &BTreeMap<String, PathBuf>) -> Result<(), JobError> {
        let (state, _) = self.stage.learner.load(files, &[])?;
        self.stage.facts = Facts {
            model: self.stage.facts.model.clone(),
            ..state.facts
        };
        Ok(())
    }
}

/// What several parts of one step tell: means of their metrics, sums of what they used.
pub fn joined(mut outs: Vec<StepOut>) -> StepOut {
    let n = outs.len().max(1) as f64;
    let mut out = outs.pop().unwrap_or_default();
    for other in outs {
        out.env_steps += other.env_steps;
        out.samples += other.samples;
        for ((_, sum), (_, value)) in out.metrics.iter_mut().zip(other.metrics) {
            *sum += value;
        }
    }
    if n > 1.0 {
        out.metrics.iter_mut().for_each(|(_, sum)| *sum /= n);
    }
    out
}

/// What a step of one update tells.
pub fn told(update: Update, samples: usize) -> StepOut {
    let metrics = [
        ("loss", update.loss),
        ("grad_norm", update.norm),
        ("lr", update.lr),
    ];
    StepOut {
        metrics: metrics.map(|(n, v)| (n.to_owned(), v)).into(),
        env_steps: 0,
        samples: samples as u64,
    }
}

/// The frozen weights of another checkpoint of the same model: those that it acted with.
pub fn frozen(
    checkpoint: &align_runtime_api::Input,
    stage: &Stage,
) -> Result<Vec<Tensor<2>>, JobError> {
    use crate::exec::facts::{EMA, read};
    let arch = stage.denoiser.arch.clone();
    let weights =
        crate::exec::weights::Weights::from_bytes(arch, &read(&checkpoint.files, EMA)?, EMA)?;
    Ok(stage.learner.frozen(&weights))
}
