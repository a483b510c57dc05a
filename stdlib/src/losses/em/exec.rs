//! How does `em` train?

use align_runtime_api::{Input, Job, JobError, Purpose, StepOut, Trainer};
use rand::RngExt as _;
use rand_chacha::rand_core::SeedableRng as _;

use super::Em;
use crate::exec::data::Dataset;
use crate::exec::denoiser::{Condition, Path, bad_call};
use crate::exec::drawing::Drawing;
use crate::exec::env::Stream;
use crate::exec::judge::Judge;
use crate::exec::learner::Update;
use crate::exec::model::{Critic as _, Planner as _};
use crate::exec::stage::{DiffusionTrainer, Noised, Objective, STREAMS, Stage, row_errors, told};
use crate::exec::study::Study;
use crate::searches::Particles;

/// Search and distillation.
struct Searching {
    search: Particles,
    distill: usize,
    states: usize,
    judge: Judge,
    data: Dataset,
    held: Study,
}

/// What a search found.
struct Found {
    samples: Vec<f32>,
    condition: Condition,
    values: Vec<f64>,
}

/// Opens a stage.
///
/// Errors: data without a state, and a critic that does not fit the model.
pub fn open(job: &Job, loss: &Em, source: &Input) -> Result<Box<dyn Trainer>, JobError> {
    let data = Dataset::load(&source.files)?;
    let steps = data.rollouts.len();
    if steps == 0 {
        return Err(JobError::Data("0 states to draw plans from".into()));
    }
    let mut stage = Stage::open(job, Some(&data), |_, batch| steps as f64 / batch)?;
    stage.learner.unaveraged();
    let critic = job.inputs.get(loss.critic.need);
    let critic = critic.ok_or_else(|| JobError::Failed("`critic` names no input".into()))?;
    let judge = Judge::open(critic, &stage.learner.device)?;
    judge.suits(&stage.denoiser, stage.facts.meta.stride)?;
    let search = Particles::read(&loss.search).map_err(bad_call(&loss.search))?;
    let held = Study::held(&data, &stage);
    Ok(Box::new(DiffusionTrainer {
        stage,
        objective: Box::new(Searching {
            search,
            distill: loss.distill,
            states: loss.states,
            judge,
            data,
            held,
        }),
    }))
}

/// Draws `n` of each group of `n` anew, in proportion to `exp(gain / temperature)`; the result is the rows.
pub fn resampled(gains: &[f64], n: usize, temperature: f64, rng: &mut Stream) -> Vec<usize> {
    let mut out = Vec::with_capacity(gains.len());
    for (g, group) in gains.chunks_exact(n).enumerate() {
        let shares = shares(group, temperature);
        // One draw spaces all of them evenly: less noise than a draw for each.
        let offset = rng.random::<f64>();
        let (mut sum, mut at) = (shares[0], 0);
        for k in 0..n {
            let mark = (k as f64 + offset) / n as f64;
            while sum < mark && at + 1 < n {
                at += 1;
                sum += shares[at];
            }
            out.push(g * n + at);
        }
    }
    out
}

/// One of each group of `n`, drawn in proportion to `exp(gain / temperature)`.
fn chosen(gains: &[f64], n: usize, temperature: f64, rng: &mut Stream) -> Vec<usize> {
    gains
        .chunks_exact(n)
        .enumerate()
        .map(|(g, group)| {
            let mut mark = rng.random::<f64>();
            let shares = shares(group, temperature);
            let place = shares.iter().position(|share| {
                mark -= share;
                mark < 0.0
            });
            g * n + place.unwrap_or(n - 1)
        })
        .collect()
}

fn shares(gains: &[f64], temperature: f64) -> Vec<f64> {
    let most = gains.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let raw: Vec<f64> = gains
        .iter()
        .map(|g| ((g - most) / temperature).exp())
        .collect();
    let sum: f64 = raw.iter().sum();
    raw.into_iter().map(|r| r / sum).collect()
}

/// What each value has gained, in deviations of all of them.
fn gains(values: &[f64], before: &[f64]) -> Vec<f64> {
    let scale = deviation(values);
    let gaps = values.iter().zip(before).map(|(v, b)| v - b);
    gaps.map(|gap| gap / scale).collect()
}

/// Rows of `size` numbers by index.
fn picked(x: &[f32], rows: &[usize], size: usize) -> Vec<f32> {
    rows.iter()
        .flat_map(|r| &x[r * size..(r + 1) * size])
        .copied()
        .collect()
}

/// The deviation of some numbers, at least a little.
fn deviation(values: &[f64]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    (squares / n).sqrt().max(1e-9)
}

impl Searching {
    /// The E-step.
    fn search(&mut self, stage: &Stage, step: u64) -> Result<Found, JobError> {
        let (n, rule) = (self.search.n, &self.search);
        let mut rng = stage.stream(Purpose::Rollout, step.wrapping_mul(STREAMS));
        let rollouts = &self.data.rollouts;
        let observations: Vec<f32> = (0..self.states)
            .flat_map(|_| {
                let t = rng.random_range(0..rollouts.len());
                rollouts.observation(t).repeat(n)
            })
            .collect();
        let rows = self.states * n;
        let mut rngs: Vec<Stream> = (0..rows).map(|_| Stream::from_rng(&mut rng)).collect();
        let learner = &stage.learner;
        let params = learner.frozen(&learner.weights);
        let drawing = Drawing::new(&stage.denoiser, &stage.facts, params.clone());
        let goals = drawing.meta().goal.as_ref().map(|g| g.repeat(rows));
        let condition = drawing.condition(&observations, goals.as_deref());
        let d = &stage.denoiser;
        let kernels = d.sampler.kernels(d.sampler.chain.steps(), Some(1.0));
        let mut x = d.noise(1.0, &mut rngs);
        let mut before = vec![0.0; rows];
        for part in kernels.chunks(rule.every) {
            let path = Path {
                kernels: part,
                temperature: 1.0,
                floor: 0.0,
                guide: None,
            };
            x = d.walk(&params, &condition, x, path, &mut rngs, None)?;
            let Some(next) = part.last().map(|k| k.to).filter(|t| *t > 0) else {
                break;
            };
            let clean = d.guess(&params, &condition, &x, next)?;
            let values = self.judge.plan_values(&observations, &drawing.plans(clean)?)?;
            let gains = gains(&values, &before);
            let kept = resampled(&gains, n, rule.temperature, &mut rng);
            x = picked(&x, &kept, d.size());
            before = kept.iter().map(|r| values[*r]).collect();
        }
        let values = self.judge.plan_values(&observations, &drawing.plans(x.clone())?)?;
        let gains = gains(&values, &before);
        let kept = chosen(&gains, n, rule.temperature, &mut rng);
        Ok(Found {
            samples: picked(&x, &kept, d.size()),
            condition: condition.pick(&kept, d.obs),
            values: kept.iter().map(|r| values[*r]).collect(),
        })
    }
}

impl Objective for Searching {
    fn step(&mut self, stage: &mut Stage, step: u64) -> Result<StepOut, JobError> {
        let found = self.search(stage, step)?;
        let (size, obs) = (stage.denoiser.size(), stage.denoiser.obs);
        let mut rng = stage.stream(Purpose::Batches, step);
        let mut noise = stage.stream(Purpose::Noise, step);
        let (mut loss, mut norm, mut lr) = (0.0, 0.0, 0.0);
        for _ in 0..self.distill {
            let rows: Vec<usize> = (0..stage.batch)
                .map(|_| rng.random_range(0..found.values.len()))
                .collect();
            let samples = picked(&found.samples, &rows, size);
            let clean = (samples, found.condition.pick(&rows, obs));
            let batch = Noised::draw(&stage.denoiser, clean, &mut noise);
            let (tracked, device) = stage.learner.tracked();
            let error = row_errors(&stage.denoiser, &tracked, &batch, &device).mean();
            let update = stage.learner.descend(error, &tracked)?;
            loss += update.loss;
            norm += update.norm;
            lr = update.lr;
        }
        let n = self.distill as f64;
        let update = Update {
            loss: loss / n,
            norm: norm / n,
            lr,
        };
        let mut out = told(update, self.distill * stage.batch);
        let mean = found.values.iter().sum::<f64>() / found.values.len().max(1) as f64;
        out.metrics.push(("reward".into(), mean));
        out.metrics
            .push(("reward.spread".into(), deviation(&found.values)));
        Ok(out)
    }

    fn valid(&self, stage: &Stage) -> Result<Vec<(String, f64)>, JobError> {
        Ok(vec![("valid.loss".into(), stage.held_loss(&self.held)?)])
    }
}
