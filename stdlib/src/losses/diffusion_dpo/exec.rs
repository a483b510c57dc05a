//! How does `diffusion_dpo` train?

use align_runtime_api::{Input, Job, JobError, Purpose, StepOut, Trainer};
use burn::prelude::*;
use burn::tensor::TensorData;
use burn::tensor::activation::log_sigmoid;
use rand::RngExt as _;

use super::DiffusionDpo;
use crate::exec::data::{Pairs, Part};
use crate::exec::denoiser::{CHUNK, Denoiser, numbers};
use crate::exec::env::Stream;
use crate::exec::stage::{
    DiffusionTrainer, FIXED, Noised, Objective, Stage, frozen, row_errors, told,
};

/// Held-out pairs of an evaluation.
const HELD: usize = 128;
/// Noise levels that a held-out pair is compared at; its side is that of the mean margin.
const DRAWS: usize = 4;

/// Preferences against a frozen reference.
struct Preferring {
    beta: f64,
    reference: Vec<Tensor<2>>,
    pairs: Pairs,
    train: Vec<usize>,
    held: Vec<usize>,
}

/// Errors of both sides of pairs, winners first.
struct Sides {
    winners: Vec<f64>,
    losers: Vec<f64>,
}

/// Opens a stage.
///
/// Errors: no pair to learn from, and pairs of another form than the checkpoint's.
pub fn open(job: &Job, loss: &DiffusionDpo, source: &Input) -> Result<Box<dyn Trainer>, JobError> {
    let mut pairs = Pairs::load(&source.files)?;
    let train = pairs.part(Part::Train);
    if train.is_empty() {
        return Err(JobError::Data("0 pairs to learn from".into()));
    }
    let stage = Stage::open(job, None, |_, batch| train.len() as f64 / batch)?;
    let (model, found) = (&stage.facts.meta.normaliser, &pairs.meta);
    let form = (found.normaliser.act, found.normaliser.obs, found.horizon);
    if form != (model.act, model.obs, stage.facts.meta.horizon) {
        return Err(JobError::Data(format!(
            "pairs of {} actions, {} observations and {} points, wanted {}, {} and {} as in the checkpoint",
            form.0, form.1, form.2, model.act, model.obs, stage.facts.meta.horizon
        )));
    }
    if found.normaliser != *model {
        // The scaling belongs to the checkpoint.
        for side in [&mut pairs.winners, &mut pairs.losers] {
            pairs.meta.normaliser.invert(side);
            model.apply(side);
        }
    }
    let input = job.inputs.get(loss.reference.need);
    let input = input.ok_or_else(|| JobError::Failed("`reference` names no input".into()))?;
    let reference = frozen(input, &stage)?;
    let mut held = pairs.part(Part::Valid);
    if held.is_empty() {
        held.clone_from(&train);
    }
    let held = (0..held.len().min(HELD))
        .map(|i| held[i * held.len() / held.len().min(HELD)])
        .collect();
    let objective = Preferring {
        beta: loss.beta,
        reference,
        pairs,
        train,
        held,
    };
    Ok(Box::new(DiffusionTrainer {
        stage,
        objective: Box::new(objective),
    }))
}

impl Preferring {
    /// Winners then losers of these pairs, both noised at the same steps with the same noise.
    fn batch(&self, denoiser: &Denoiser, indices: &[usize], rng: &mut Stream) -> Noised {
        let (mut windows, losers) = self.pairs.batch(indices);
        windows.extend(losers);
        let mut both = Noised::draw(denoiser, denoiser.split(&windows), rng);
        let n = indices.len();
        both.times.copy_within(..n, n);
        let half = both.noise.len() / 2;
        both.noise.copy_within(..half, half);
        both
    }
}

/// `-log sigmoid(beta / 2 margin)`, averaged outside the logarithm.  Errors are `[2 n]`, winners first; the result is the loss.
pub fn loss(errors: Tensor<1>, reference: &[f32], beta: f64) -> Tensor<1> {
    let n = reference.len() / 2;
    let device = errors.device();
    let gain =
        Tensor::<1>::from_data(TensorData::new(reference.to_vec(), [2 * n]), &device) - errors;
    let margin = gain.clone().narrow(0, 0, n) - gain.narrow(0, n, n);
    log_sigmoid(margin.mul_scalar(0.5 * beta)).mean().neg()
}

fn sides(errors: &[f32]) -> Sides {
    let (w, l) = errors.split_at(errors.len() / 2);
    let wide = |v: &[f32]| v.iter().map(|e| f64::from(*e)).collect();
    Sides {
        winners: wide(w),
        losers: wide(l),
    }
}

/// Metrics of pairs: how far the winners gained on the losers, and both models' errors on both.
fn metrics(model: &Sides, reference: &Sides) -> Vec<(String, f64)> {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len().max(1) as f64;
    let (w, l) = (mean(&model.winners), mean(&model.losers));
    let (rw, rl) = (mean(&reference.winners), mean(&reference.losers));
    [
        ("margin", (rw - w) - (rl - l)),
        ("model.winner", w),
        ("model.loser", l),
        ("reference.winner", rw),
        ("reference.loser", rl),
    ]
    .map(|(n, v)| (n.to_owned(), v))
    .into()
}

impl Objective for Preferring {
    fn step(&mut self, stage: &mut Stage, step: u64) -> Result<StepOut, JobError> {
        let mut rng = stage.stream(Purpose::Batches, step);
        let indices: Vec<usize> = (0..stage.batch)
            .map(|_| self.train[rng.random_range(0..self.train.len())])
            .collect();
        let batch = self.batch(
            &stage.denoiser,
            &indices,
            &mut stage.stream(Purpose::Noise, step),
        );
        let plain = stage.learner.device.clone();
        let reference = numbers(row_errors(&stage.denoiser, &self.reference, &batch, &plain))?;
        let (tracked, device) = stage.learner.tracked();
        let errors = row_errors(&stage.denoiser, &tracked, &batch, &device);
        let shown = errors.clone().without_autodiff();
        let loss = loss(errors, &reference, self.beta);
        let mut out = told(stage.learner.descend(loss, &tracked)?, indices.len());
        out.metrics
            .extend(metrics(&sides(&numbers(shown)?), &sides(&reference)));
        Ok(out)
    }

    fn valid(&self, stage: &Stage) -> Result<Vec<(String, f64)>, JobError> {
        let device = &stage.learner.device;
        let params = stage.learner.frozen(&stage.learner.ema);
        let mut rng = stage.stream(Purpose::Evaluation, FIXED);
        let (mut total, mut preferred) = (0.0, 0.0);
        let (mut model, mut reference) = (Sides::empty(), Sides::empty());
        let mut margins = vec![0.0; self.held.len()];
        for _ in 0..DRAWS {
            for (part, indices) in self.held.chunks(CHUNK / 2).enumerate() {
                let batch = self.batch(&stage.denoiser, indices, &mut rng);
                let mine = numbers(row_errors(&stage.denoiser, &params, &batch, device))?;
                let theirs = numbers(row_errors(&stage.denoiser, &self.reference, &batch, device))?;
                let errors =
                    Tensor::<1>::from_data(TensorData::new(mine.clone(), [mine.len()]), device);
                let value = numbers(loss(errors, &theirs, self.beta))?
                    .first()
                    .copied()
                    .unwrap_or(f32::NAN);
                total += f64::from(value) * indices.len() as f64;
                let (mine, theirs) = (sides(&mine), sides(&theirs));
                for i in 0..indices.len() {
                    let gain = |a: &[f64], b: &[f64]| b[i] - a[i];
                    let margin =
                        gain(&mine.winners, &theirs.winners) - gain(&mine.losers, &theirs.losers);
                    margins[part * (CHUNK / 2) + i] += margin;
                }
                model.extend(mine);
                reference.extend(theirs);
            }
        }
        for margin in &margins {
            // A pair that neither side gained on is undecided.
            preferred += if *margin > 0.0 {
                1.0
            } else if *margin < 0.0 {
                0.0
            } else {
                0.5
            };
        }
        let n = self.held.len().max(1) as f64;
        let mut out = metrics(&model, &reference);
        out.push(("valid.preferred".into(), preferred / n));
        out.push(("valid.loss".into(), total / (n * DRAWS as f64)));
        Ok(out)
    }
}

impl Sides {
    fn empty() -> Self {
        Self {
            winners: Vec::new(),
            losers: Vec::new(),
        }
    }

    fn extend(&mut self, other: Self) {
        self.winners.extend(other.winners);
        self.losers.extend(other.losers);
    }
}
