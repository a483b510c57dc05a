//! How do weights move?  Clipping by the global norm, then AdamW, Adam or SGD, in PyTorch's order of operations, on the flat array.

use align_runtime_api::JobError;
use align_schema::Call;

use crate::optimisers::{Adam, AdamW, Sgd};

/// Scales a gradient down to a norm of at most `max` (0: never), as `torch.nn.utils.clip_grad_norm_`; the result is the norm before.
///
/// It is not finite if any entry is not, so that one number tells.
pub fn clip(gradient: &mut [f32], max: f64) -> f64 {
    let norm = align_kernels::length(gradient);
    if norm.is_finite() && max > 0.0 && norm > max {
        align_kernels::scale(gradient, (max / (norm + 1e-6)) as f32);
    }
    norm
}

#[derive(Clone, Debug)]
enum Rule {
    Adam {
        decay: f64,
        beta1: f64,
        beta2: f64,
        eps: f64,
    },
    Sgd {
        momentum: f64,
    },
}

/// An optimiser with its moments.
#[derive(Clone, Debug)]
pub struct Optimiser {
    rule: Rule,
    /// Learning rate before its schedule.
    pub lr: f64,
    /// The schedule of the rate.
    pub schedule: Call,
    /// First moments (momentum).
    pub first: Vec<f32>,
    /// Second moments; empty for `sgd`.
    pub second: Vec<f32>,
    /// Steps made.
    pub steps: u64,
}

impl Optimiser {
    /// A fresh optimiser for so many weights.
    pub fn new(call: &Call, total: usize) -> Result<Self, JobError> {
        let bad = |e: Vec<align_schema::ArgError>| {
            let text: Vec<String> = e.iter().map(ToString::to_string).collect();
            JobError::Failed(format!("`{}`: {}", call.name, text.join("; ")))
        };
        let (rule, lr, schedule) = match call.name.as_str() {
            "adamw" => {
                let AdamW {
                    lr,
                    weight_decay,
                    beta1,
                    beta2,
                    eps,
                    schedule,
                } = AdamW::read(call).map_err(bad)?;
                (
                    Rule::Adam {
                        decay: weight_decay,
                        beta1,
                        beta2,
                        eps,
                    },
                    lr,
                    schedule,
                )
            }
            "adam" => {
                let Adam {
                    lr,
                    beta1,
                    beta2,
                    eps,
                    schedule,
                } = Adam::read(call).map_err(bad)?;
                (
                    Rule::Adam {
                        decay: 0.0,
                        beta1,
                        beta2,
                        eps,
                    },
                    lr,
                    schedule,
                )
            }
            "sgd" => {
                let Sgd {
                    lr,
                    momentum,
                    schedule,
                } = Sgd::read(call).map_err(bad)?;
                (Rule::Sgd { momentum }, lr, schedule)
            }
            other => return Err(JobError::Failed(format!("unknown optimiser `{other}`"))),
        };
        let second = if matches!(rule, Rule::Adam { .. }) {
            vec![0.0; total]
        } else {
            Vec::new()
        };
        Ok(Self {
            rule,
            lr,
            schedule,
            first: vec![0.0; total],
            second,
            steps: 0,
        })
    }

    /// Moves weights along a gradient at this rate.
    pub fn step(&mut self, weights: &mut [f32], gradient: &[f32], lr: f64) {
        self.steps += 1;
        match self.rule {
            Rule::Adam {
                decay,
                beta1,
                beta2,
                eps,
            } => {
                let power = self.steps as f64;
                let (bias1, bias2) = (1.0 - beta1.powf(power), 1.0 - beta2.powf(power));
                let by = align_kernels::Adam {
                    keep: (1.0 - lr * decay) as f32,
                    rate: (lr / bias1) as f32,
                    root: bias2.sqrt() as f32,
                    eps: eps as f32,
                    take1: (1.0 - beta1) as f32,
                    keep2: beta2 as f32,
                    take2: (1.0 - beta2) as f32,
                };
                align_kernels::adam(by, weights, gradient, &mut self.first, &mut self.second);
            }
            Rule::Sgd { momentum } => {
                // The memory starts at zero, so that the first direction is the first gradient.
                let (keep, lr) = (momentum as f32, lr as f32);
                for ((w, g), m) in weights.iter_mut().zip(gradient).zip(self.first.iter_mut()) {
                    *m = keep * *m + g;
                    *w -= lr * *m;
                }
            }
        }
    }
}
