//! How does `denoise` train?

use align_runtime_api::{Job, JobError, Purpose, StepOut};

use crate::exec::data::{Dataset, Part, Windows};
use crate::exec::stage::{DiffusionTrainer, Noised, Objective, Stage, row_errors, told, windows};

/// The denoising loss over windows.
struct Denoising {
    train: Windows,
    held: Windows,
}

/// Opens a stage.
pub fn open(job: &Job, data: &Dataset) -> Result<DiffusionTrainer, JobError> {
    let steps = data
        .ranges(Part::Train)
        .iter()
        .map(std::ops::Range::len)
        .sum::<usize>();
    let stage = Stage::open(job, Some(data), |_, batch| steps as f64 / batch)?;
    let train = windows(data, Part::Train, &stage.facts);
    if train.is_empty() {
        return Err(JobError::Data("0 windows to learn from".into()));
    }
    let held = held_windows(data, &stage);
    Ok(DiffusionTrainer {
        stage,
        objective: Box::new(Denoising { train, held }),
    })
}

/// Held-out windows; those of training where nothing is held out.
pub fn held_windows(data: &Dataset, stage: &Stage) -> Windows {
    let held = windows(data, Part::Valid, &stage.facts);
    if held.is_empty() {
        windows(data, Part::Train, &stage.facts)
    } else {
        held
    }
}

impl Objective for Denoising {
    fn step(&mut self, stage: &mut Stage, step: u64) -> Result<StepOut, JobError> {
        let starts = self
            .train
            .draw(stage.batch, &mut stage.stream(Purpose::Batches, step));
        let clean = stage.denoiser.split(&self.train.batch(&starts));
        let batch = Noised::draw(
            &stage.denoiser,
            clean,
            &mut stage.stream(Purpose::Noise, step),
        );
        let (tracked, device) = stage.learner.tracked();
        let loss = row_errors(&stage.denoiser, &tracked, &batch, &device).mean();
        Ok(told(stage.learner.descend(loss, &tracked)?, starts.len()))
    }

    fn valid(&self, stage: &Stage) -> Result<Vec<(String, f64)>, JobError> {
        Ok(vec![("valid.loss".into(), stage.held_loss(&self.held)?)])
    }
}
