//! How does `denoise` train?

use align_runtime_api::{Input, Job, JobError, Purpose, StepOut, Trainer};
use burn::prelude::Tensor;

use super::Denoise;
use crate::exec::data::{Dataset, Part};
use crate::exec::stage::{DiffusionTrainer, Noised, Objective, Stage, row_errors, told};
use crate::exec::study::Study;

/// The denoising loss over windows.
struct Denoising {
    train: Study,
    held: Study,
}

/// Opens a stage.
///
/// Errors: data without a window, and data that does not fit the checkpoint.
pub fn open(job: &Job, _: &Denoise, source: &Input) -> Result<Box<dyn Trainer>, JobError> {
    let data = Dataset::load(&source.files)?;
    let steps = data
        .ranges(Part::Train)
        .iter()
        .map(std::ops::Range::len)
        .sum::<usize>();
    let stage = Stage::open(job, Some(&data), |_, batch| steps as f64 / batch)?;
    let train = Study::train(&data, &stage);
    if train.windows.is_empty() {
        return Err(JobError::Data("0 windows to learn from".into()));
    }
    let held = Study::held(&data, &stage);
    Ok(Box::new(DiffusionTrainer {
        stage,
        objective: Box::new(Denoising { train, held }),
    }))
}

/// A denoising loss, and beside it that of the inverse model, where there is one: half of each.
pub fn with_inverse(loss: Tensor<1>, inverse: Option<Tensor<1>>) -> Tensor<1> {
    match inverse {
        Some(inverse) => (loss + inverse).mul_scalar(0.5),
        None => loss,
    }
}

impl Objective for Denoising {
    fn step(&mut self, stage: &mut Stage, step: u64) -> Result<StepOut, JobError> {
        let mut rng = stage.stream(Purpose::Batches, step);
        let starts = self.train.windows.draw(stage.batch, &mut rng);
        let lesson = self.train.lesson(&stage.denoiser, &starts, Some(&mut rng));
        let batch = Noised::draw(
            &stage.denoiser,
            lesson.clean,
            &mut stage.stream(Purpose::Noise, step),
        );
        let (tracked, device) = stage.learner.tracked();
        let loss = row_errors(&stage.denoiser, &tracked, &batch, &device).mean();
        let inverse = stage
            .denoiser
            .inverse_error(&tracked, &lesson.windows, &device);
        let loss = with_inverse(loss, inverse);
        Ok(told(stage.learner.descend(loss, &tracked)?, starts.len()))
    }

    fn valid(&self, stage: &Stage) -> Result<Vec<(String, f64)>, JobError> {
        Ok(vec![("valid.loss".into(), stage.held_loss(&self.held)?)])
    }
}
