//! How does a critic's gradient reach the weights through the sampler?  Samples are drawn with gradients recorded through the last steps of the
//! chain, and their value is climbed.
//!
//! `qvpg(form: pathwise)` records all steps, `reward_gradient(truncate: K)` the last `K`; nothing else differs.

use align_runtime_api::{Input, Job, JobError, Purpose, StepOut, Trainer};
use burn::prelude::*;
use burn::tensor::TensorData;

use crate::exec::chain::Kernel;
use crate::exec::data::{Dataset, Normaliser, Part};
use crate::exec::denoiser::{Condition, Denoiser, Path, numbers};
use crate::exec::env::Stream;
use crate::exec::judge::Judge;
use crate::exec::layers::Params;
use crate::exec::stage::{
    DiffusionTrainer, Noised, Objective, Stage, free_mean, frozen, row_errors, told,
};
use crate::exec::study::Study;
use crate::losses::denoise::exec::with_inverse;
use rand::RngExt as _;
use rand_chacha::rand_core::SeedableRng as _;
use rand_distr::StandardNormal;

/// Least deviation of a step in the divergence; the last step of a chain has none.
const FLOOR: f64 = 0.1;

/// How a critic is climbed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Steps at the end of the chain that gradients go through; 0 for all.
    pub truncate: usize,
    /// Weight of the denoising loss on the data.
    pub denoise: f64,
    /// Weight of the divergence from the reference.
    pub kl: f64,
    /// Inputs that hold the critic and the reference.
    pub inputs: (usize, Option<usize>),
}

/// Noise of a way back: the first sample, and one array a step.
pub struct Noise {
    /// `[n, size]`.
    pub first: Vec<f32>,
    /// For each step `[n, size]`, zero for given numbers.
    pub steps: Vec<Vec<f32>>,
}

/// What a way back gives.
pub struct Walked {
    /// Clean samples `[n, horizon, width]`.
    pub samples: Tensor<3>,
    /// Mean over the recorded steps of each row's divergence from the reference, `[n]`; zeros without one.
    pub divergence: Tensor<1>,
}

impl Noise {
    /// Fresh noise for so many rows and these steps.
    pub fn draw(d: &Denoiser, n: usize, steps: usize, ends: bool, rng: &mut Stream) -> Self {
        let (mask, _) = d.free(ends);
        let mut rngs: Vec<Stream> = (0..n).map(|_| Stream::from_rng(rng)).collect();
        let first = d.noise(d.sampler.temperature, &mut rngs);
        let factor = d.sampler.temperature;
        let steps = (0..steps)
            .map(|_| {
                let row = |rng: &mut Stream| -> Vec<f32> {
                    mask.iter()
                        .map(|m| (factor * rng.sample::<f64, _>(StandardNormal)) as f32 * m)
                        .collect()
                };
                rngs.iter_mut().flat_map(row).collect()
            })
            .collect();
        Self { first, steps }
    }
}

/// Walks noise back with gradients through the last `truncate` of `kernels` (0: all); `plain` are the same weights without gradients.
///
/// Errors: samples that are not finite.
pub fn walk(
    d: &Denoiser,
    (tracked, plain, reference): (Params<'_>, Params<'_>, Option<Params<'_>>),
    condition: &Condition,
    noise: &Noise,
    kernels: &[Kernel],
    truncate: usize,
    device: &Device,
) -> Result<Walked, JobError> {
    let recorded = if truncate == 0 {
        kernels.len()
    } else {
        truncate.min(kernels.len())
    };
    let (before, after) = kernels.split_at(kernels.len() - recorded);
    let mut x = noise.first.clone();
    d.impose(condition, &mut x);
    let mut clean = None;
    for (kernel, z) in before.iter().zip(&noise.steps) {
        let path = Path {
            kernels: std::slice::from_ref(kernel),
            temperature: 0.0,
            floor: 0.0,
            guide: None,
        };
        let predicted = kernels.iter().any(|k| k.of_previous.abs() > 0.0);
        let here = if predicted {
            Some(d.guess(plain, condition, &x, kernel.from)?)
        } else {
            None
        };
        let mut mean = d.walk(plain, condition, x.clone(), path, &mut [], None)?;
        if let (Some(last), Some(here)) = (&clean, &here) {
            // A solver that looks back: `walk` of one step alone took the present sample for the one before.
            let last: &Vec<f32> = last;
            for ((m, l), h) in mean.iter_mut().zip(last).zip(here) {
                *m += (kernel.of_previous * f64::from(l - h)) as f32;
            }
        }
        mean.iter_mut()
            .zip(z)
            .for_each(|(m, z)| *m += kernel.sigma as f32 * z);
        d.impose(condition, &mut mean);
        clean = here;
        x = mean;
    }
    let n = x.len() / d.size();
    let (mask, given) = masks(d, condition, n, device);
    let mut last = clean.map(|c| d.tensor(c, device));
    let mut x = d.tensor(x, device);
    let mut divergence = Tensor::<1>::zeros([n], device);
    for (kernel, z) in after.iter().zip(&noise.steps[before.len()..]) {
        let (mean, clean) = step(d, tracked, condition, kernel, &x, last.as_ref());
        if let Some(reference) = reference {
            let (base, _) = step(d, reference, condition, kernel, &x, last.as_ref());
            let sharp = 0.5 / kernel.sigma.max(FLOOR).powi(2);
            let gap = (mean.clone() - base).square();
            divergence = divergence + free_mean(d, condition, gap).mul_scalar(sharp);
        }
        let next = mean + d.tensor(z.clone(), device).mul_scalar(kernel.sigma);
        x = next * mask.clone() + given.clone();
        last = Some(clean);
    }
    Ok(Walked {
        samples: x,
        divergence: divergence.div_scalar(recorded.max(1) as f64),
    })
}

/// Mean and predicted clean sample of one step.
fn step(
    d: &Denoiser,
    p: Params<'_>,
    condition: &Condition,
    kernel: &Kernel,
    x: &Tensor<3>,
    last: Option<&Tensor<3>>,
) -> (Tensor<3>, Tensor<3>) {
    let [n, _, _] = x.dims();
    let (a, b) = d.sampler.chain.clean(kernel.from, d.predict);
    let output = d.output(p, x.clone(), condition, &vec![kernel.from; n]);
    let clean = x.clone().mul_scalar(a) + output.mul_scalar(b);
    let clean = match d.bound {
        Some(bound) => clean.clamp(-bound, bound),
        None => clean,
    };
    let mut mean =
        clean.clone().mul_scalar(kernel.of_sample) + x.clone().mul_scalar(kernel.of_noisy);
    if kernel.of_previous.abs() > 0.0 {
        let last = last.unwrap_or(&clean).clone();
        mean = mean + last.mul_scalar(kernel.of_previous);
    }
    (mean, clean)
}

/// 1 for free numbers `[1, horizon, width]`, and the given ones in place `[n, horizon, width]`.
fn masks(d: &Denoiser, condition: &Condition, n: usize, device: &Device) -> (Tensor<3>, Tensor<3>) {
    let (mask, _) = d.free(condition.ends.is_some());
    let mut given = vec![0.0; n * d.size()];
    d.impose(condition, &mut given);
    let mask = TensorData::new(mask, [1, d.horizon, d.width()]);
    (Tensor::from_data(mask, device), d.tensor(given, device))
}

/// `-mean V / mean |V|`, whose scale does not depend on the critic's.
pub fn climb(values: Tensor<1>) -> Tensor<1> {
    let scale = values.clone().detach().abs().mean().add_scalar(1e-8);
    (values.mean() / scale).neg()
}

/// A model that climbs a critic.
struct Climbing {
    settings: Settings,
    judge: Judge,
    normaliser: Normaliser,
    reference: Option<Vec<Tensor<2>>>,
    train: Study,
    held: Study,
}

/// Opens a stage.
///
/// Errors: data without a window, and a critic that does not fit the model.
pub fn open(job: &Job, source: &Input, settings: Settings) -> Result<Box<dyn Trainer>, JobError> {
    let data = Dataset::load(&source.files)?;
    let steps: usize = data
        .ranges(Part::Train)
        .iter()
        .map(std::ops::Range::len)
        .sum();
    let stage = Stage::open(job, Some(&data), |_, batch| steps as f64 / batch)?;
    let critic = job.inputs.get(settings.inputs.0);
    let critic = critic.ok_or_else(|| JobError::Failed("`critic` names no input".into()))?;
    let judge = Judge::open(critic, &stage.learner.device)?;
    judge.suits(&stage.denoiser, stage.facts.meta.stride)?;
    let reference = settings.inputs.1.and_then(|i| job.inputs.get(i));
    let reference = reference.map(|i| frozen(i, &stage)).transpose()?;
    let train = Study::train(&data, &stage);
    if train.windows.is_empty() {
        return Err(JobError::Data("0 windows to learn from".into()));
    }
    let held = Study::held(&data, &stage);
    Ok(Box::new(DiffusionTrainer {
        objective: Box::new(Climbing {
            settings,
            judge,
            normaliser: stage.facts.meta.normaliser.clone(),
            reference,
            train,
            held,
        }),
        stage,
    }))
}

impl Objective for Climbing {
    fn step(&mut self, stage: &mut Stage, step: u64) -> Result<StepOut, JobError> {
        let mut rng = stage.stream(Purpose::Batches, step);
        let starts = self.train.windows.draw(stage.batch, &mut rng);
        let lesson = self.train.lesson(&stage.denoiser, &starts, Some(&mut rng));
        let mut noise = stage.stream(Purpose::Noise, step);
        let batch = Noised::draw(&stage.denoiser, lesson.clean, &mut noise);
        let d = &stage.denoiser;
        let kernels = d.sampler.kernels(d.sampler.chain.steps(), None);
        // Samples are drawn as the model acts: asked for its target, not for what the data got.
        let condition = Condition {
            targets: None,
            ..batch.condition.clone()
        };
        let ends = condition.ends.is_some();
        let noise = Noise::draw(d, starts.len(), kernels.len(), ends, &mut noise);
        let plain = stage.learner.frozen(&stage.learner.weights);
        let (tracked, device) = stage.learner.tracked();
        let walked = walk(
            d,
            (&tracked, &plain, self.reference.as_deref()),
            &condition,
            &noise,
            &kernels,
            self.settings.truncate,
            &device,
        )?;
        let plans = d.with_actions(&plain, walked.samples);
        let values = self
            .judge
            .appraise(&self.normaliser, plans, &condition.observations, 0)?;
        let shown = numbers(values.clone().without_autodiff())?;
        let kl = numbers(walked.divergence.clone().without_autodiff())?;
        let mut loss = climb(values);
        if self.settings.kl > 0.0 {
            loss = loss + walked.divergence.mean().mul_scalar(self.settings.kl);
        }
        if self.settings.denoise > 0.0 {
            let errors = row_errors(d, &tracked, &batch, &device).mean();
            let inverse = d.inverse_error(&tracked, &lesson.windows, &device);
            loss = loss + with_inverse(errors, inverse).mul_scalar(self.settings.denoise);
        }
        let mut out = told(stage.learner.descend(loss, &tracked)?, starts.len());
        let n = shown.len().max(1) as f64;
        let mean = shown.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let squares = shown.iter().map(|v| (f64::from(*v) - mean).powi(2));
        out.metrics.extend([
            ("reward".to_owned(), mean),
            (
                "reward.spread".to_owned(),
                (squares.sum::<f64>() / n).sqrt(),
            ),
            (
                "kl".to_owned(),
                kl.iter().map(|k| f64::from(*k)).sum::<f64>() / n,
            ),
        ]);
        Ok(out)
    }

    fn valid(&self, stage: &Stage) -> Result<Vec<(String, f64)>, JobError> {
        Ok(vec![("valid.loss".into(), stage.held_loss(&self.held)?)])
    }
}
