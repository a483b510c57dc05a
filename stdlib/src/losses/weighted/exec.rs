//! How does `weighted` train?

use align_runtime_api::{Input, Job, JobError, Purpose, StepOut, Trainer};
use burn::prelude::*;
use burn::tensor::TensorData;

use super::Weighted;
use crate::exec::data::{Dataset, Part};
use crate::exec::judge::Judge;
use crate::exec::stage::{DiffusionTrainer, Noised, Objective, Stage, row_errors, told};
use crate::exec::study::Study;
use crate::losses::denoise::exec::with_inverse;

/// Discount of the return-to-go, without a critic that has one.
const DISCOUNT: f64 = 0.99;

/// The denoising loss, windows weighted by their advantage.
struct Weighing {
    train: Study,
    held: Study,
    /// Exponents before the temperature, one for each window.
    advantages: Vec<f64>,
    temperature: f64,
    cap: f64,
}

/// Opens a stage.
///
/// Errors: data without a window, data or a critic that does not fit the checkpoint.
pub fn open(job: &Job, loss: &Weighted, source: &Input) -> Result<Box<dyn Trainer>, JobError> {
    let data = &Dataset::load(&source.files)?;
    let ranges = data.ranges(Part::Train);
    let steps: Vec<usize> = ranges.into_iter().flatten().collect();
    let stage = Stage::open(job, Some(data), |_, batch| steps.len() as f64 / batch)?;
    let train = Study::train(data, &stage);
    if train.windows.is_empty() {
        return Err(JobError::Data("0 windows to learn from".into()));
    }
    let critic = loss.critic.as_ref().and_then(|r| job.inputs.get(r.need));
    let advantages = if let Some(input) = critic {
        let judge = Judge::open(input, &stage.learner.device)?;
        judge.fits(stage.denoiser.act, stage.denoiser.obs)?;
        let states: Vec<f32> = steps
            .iter()
            .flat_map(|t| data.rollouts.observation(*t))
            .copied()
            .collect();
        let actions: Vec<f32> = steps
            .iter()
            .flat_map(|t| data.rollouts.action(*t))
            .copied()
            .collect();
        judge.advantages(&states, &actions)?
    } else {
        let returns = data.rollouts.returns_to_go(DISCOUNT);
        let mine: Vec<f64> = steps.iter().map(|t| returns[*t]).collect();
        let mean = mine.iter().sum::<f64>() / mine.len() as f64;
        mine.into_iter().map(|r| r - mean).collect()
    };
    let square = advantages.iter().map(|a| a * a).sum::<f64>() / advantages.len() as f64;
    let scale = square.sqrt().max(1e-8);
    let advantages = advantages.into_iter().map(|a| a / scale).collect();
    let held = Study::held(data, &stage);
    let objective = Weighing {
        train,
        held,
        advantages,
        temperature: loss.temperature,
        cap: loss.cap,
    };
    Ok(Box::new(DiffusionTrainer {
        stage,
        objective: Box::new(objective),
    }))
}

impl Objective for Weighing {
    fn step(&mut self, stage: &mut Stage, step: u64) -> Result<StepOut, JobError> {
        let mut rng = stage.stream(Purpose::Batches, step);
        let starts = self.train.windows.draw(stage.batch, &mut rng);
        let lesson = self.train.lesson(&stage.denoiser, &starts, Some(&mut rng));
        let batch = Noised::draw(
            &stage.denoiser,
            lesson.clean,
            &mut stage.stream(Purpose::Noise, step),
        );
        let weight = |s: &usize| {
            (self.advantages.get(*s).copied().unwrap_or(0.0) / self.temperature)
                .exp()
                .min(self.cap)
        };
        let raw: Vec<f64> = starts.iter().map(weight).collect();
        let mean = raw.iter().sum::<f64>() / raw.len() as f64;
        let weights: Vec<f32> = raw.iter().map(|w| (w / mean) as f32).collect();
        let (tracked, device) = stage.learner.tracked();
        let n = weights.len();
        let errors = row_errors(&stage.denoiser, &tracked, &batch, &device);
        let loss = (errors * Tensor::<1>::from_data(TensorData::new(weights, [n]), &device)).mean();
        let inverse = stage
            .denoiser
            .inverse_error(&tracked, &lesson.windows, &device);
        let loss = with_inverse(loss, inverse);
        let mut out = told(stage.learner.descend(loss, &tracked)?, n);
        // Share of the batch that carries the gradient: 1 when all weigh the same.
        let squares = raw.iter().map(|w| w * w).sum::<f64>() / n as f64;
        out.metrics
            .push(("weight.share".into(), mean * mean / squares));
        Ok(out)
    }

    fn valid(&self, stage: &Stage) -> Result<Vec<(String, f64)>, JobError> {
        Ok(vec![("valid.loss".into(), stage.held_loss(&self.held)?)])
    }
}
