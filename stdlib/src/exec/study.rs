//! What does a supervised step see of a dataset?  Windows scaled as the model wants them, with the returns that a guided model is told.

use rand::RngExt as _;

use crate::exec::data::{Dataset, Part, Windows};
use crate::exec::denoiser::{Condition, Denoiser};
use crate::exec::env::Stream;
use crate::exec::facts::Facts;
use crate::exec::stage::Stage;

/// Windows of a part of a dataset.
pub struct Study {
    /// The windows.
    pub windows: Windows,
    /// The return of each, where the model is told returns.
    targets: Option<Vec<f32>>,
    /// Share of them that is left out in training.
    dropout: f64,
}

/// A batch: whole windows, and what a model makes of them.
pub struct Lesson {
    /// Normalised windows `[n, horizon, act + obs]`.
    pub windows: Vec<f32>,
    /// Clean samples `[n, size]`, and what is given.
    pub clean: (Vec<f32>, Condition),
}

impl Study {
    /// The windows of one part.
    pub fn new(data: &Dataset, part: Part, denoiser: &Denoiser, facts: &Facts) -> Self {
        let guidance = denoiser.guidance.as_ref();
        Self {
            windows: windows(data, part, facts),
            targets: guidance.map(|g| returns(data, part, g.discount)),
            dropout: guidance.map_or(0.0, |g| g.dropout),
        }
    }

    /// The windows to learn from.
    pub fn train(data: &Dataset, stage: &Stage) -> Self {
        Self::new(data, Part::Train, &stage.denoiser, &stage.facts)
    }

    /// Held-out windows; those of training where nothing is held out.
    pub fn held(data: &Dataset, stage: &Stage) -> Self {
        let held = Self::new(data, Part::Valid, &stage.denoiser, &stage.facts);
        if held.windows.is_empty() {
            Self::train(data, stage)
        } else {
            held
        }
    }

    /// The windows that begin at these steps; with a stream some returns are left out.
    pub fn lesson(
        &self,
        denoiser: &Denoiser,
        starts: &[usize],
        rng: Option<&mut Stream>,
    ) -> Lesson {
        let windows = self.windows.batch(starts);
        let (samples, mut condition) = denoiser.split(&windows);
        if let Some(targets) = &self.targets {
            let mut told: Vec<f32> = starts
                .iter()
                .map(|s| targets.get(*s).copied().unwrap_or(f32::NAN))
                .collect();
            if let Some(rng) = rng {
                for target in &mut told {
                    if rng.random::<f64>() < self.dropout {
                        *target = f32::NAN;
                    }
                }
            }
            condition.targets = Some(told);
        }
        Lesson {
            windows,
            clean: (samples, condition),
        }
    }
}

/// The discounted return-to-go of each window of a part, scaled so that those of training lie between 0 and 1.
fn returns(data: &Dataset, part: Part, discount: f64) -> Vec<f32> {
    let all = data.rollouts.returns_to_go(discount);
    let of = |part: Part| data.ranges(part).into_iter().flatten().map(|t| all[t]);
    let (least, most) = of(Part::Train).fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), r| {
        (lo.min(r), hi.max(r))
    });
    let range = (most - least).max(1e-9);
    of(part).map(|r| ((r - least) / range) as f32).collect()
}

/// The part of the data that a stage learns from or is measured on, scaled as the model wants it.
pub fn windows(data: &Dataset, part: Part, facts: &Facts) -> Windows {
    if data.meta.normaliser == facts.meta.normaliser {
        return Windows::with(data, part, facts.meta.horizon, facts.meta.stride);
    }
    // The scaling belongs to the checkpoint: data that was scaled otherwise is scaled again.
    let mut data = data.clone();
    data.meta.normaliser = facts.meta.normaliser.clone();
    Windows::with(&data, part, facts.meta.horizon, facts.meta.stride)
}
