//! What is the learning rate at a step?  A pure function of the progress of a stage.

use std::f64::consts::PI;

use align_plan::Node;
use align_runtime_api::JobError;
use align_schema::{Call, Dim, Value};

use crate::schedules::{Cosine, Linear, Warmup};

/// How far a stage is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Training steps made.
    pub steps: u64,
    /// Environment steps made.
    pub env_steps: u64,
}

/// A length in one of the clocks of a stage.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Span {
    Steps(f64),
    EnvSteps(f64),
}

impl Span {
    /// Share of it that is over, 0 to 1.
    fn used(self, now: Progress) -> f64 {
        let (done, all) = match self {
            Span::Steps(n) => (now.steps, n),
            Span::EnvSteps(n) => (now.env_steps, n),
        };
        if all > 0.0 {
            (done as f64 / all).min(1.0)
        } else {
            1.0
        }
    }
}

/// A factor on the learning rate.
#[derive(Clone, Debug, PartialEq)]
pub enum Rate {
    /// Always 1.
    Constant,
    /// Straight down.
    Linear(Fall),
    /// Down along half a cosine.
    Cosine(Fall),
    /// Up first.
    Warmup(Rise),
}

/// A fall to a share.
#[derive(Clone, Debug, PartialEq)]
pub struct Fall {
    to: Span,
    floor: f64,
}

/// A rise, then something else.
#[derive(Clone, Debug, PartialEq)]
pub struct Rise {
    over: Span,
    then: Box<Rate>,
}

impl Rate {
    /// Reads a schedule; `epoch` is the number of steps in one pass over the data.
    pub fn new(call: &Call, node: &Node, epoch: f64) -> Result<Self, JobError> {
        let bad = |e: Vec<align_schema::ArgError>| {
            let text: Vec<String> = e.iter().map(ToString::to_string).collect();
            JobError::Failed(format!("`{}`: {}", call.name, text.join("; ")))
        };
        match call.name.as_str() {
            "constant" => Ok(Self::Constant),
            "linear" => {
                let Linear { to, floor } = Linear::read(call).map_err(bad)?;
                Ok(Self::Linear(Fall {
                    to: span(&to, node, epoch)?,
                    floor,
                }))
            }
            "cosine" => {
                let Cosine { to, floor } = Cosine::read(call).map_err(bad)?;
                Ok(Self::Cosine(Fall {
                    to: span(&to, node, epoch)?,
                    floor,
                }))
            }
            "warmup" => {
                let Warmup { over, then } = Warmup::read(call).map_err(bad)?;
                let then = Box::new(Self::new(&then, node, epoch)?);
                Ok(Self::Warmup(Rise {
                    over: span(&over, node, epoch)?,
                    then,
                }))
            }
            other => Err(JobError::Failed(format!("unknown schedule `{other}`"))),
        }
    }

    /// The factor for the step that is about to be made.
    pub fn at(&self, now: Progress) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Linear(fall) => 1.0 - (1.0 - fall.floor) * fall.to.used(now),
            Self::Cosine(fall) => {
                fall.floor + (1.0 - fall.floor) * 0.5 * (1.0 + (PI * fall.to.used(now)).cos())
            }
            Self::Warmup(rise) => {
                let next = Progress {
                    steps: now.steps + 1,
                    env_steps: now.env_steps + 1,
                };
                rise.over.used(next) * rise.then.at(now)
            }
        }
    }
}

/// A length in steps or environment steps; `budget` is the first such limit of the stage.
fn span(value: &Value, node: &Node, epoch: f64) -> Result<Span, JobError> {
    let limits = match value {
        Value::Quantity(q) => std::slice::from_ref(q),
        Value::Name(name) if name == "budget" => node.budget.as_ref().map_or(&[][..], |b| &b.any),
        _ => &[],
    };
    let of = |q: &align_schema::Quantity| match q.dim {
        Dim::Steps => Some(Span::Steps(q.amount)),
        Dim::Epochs => Some(Span::Steps(q.amount * epoch)),
        Dim::EnvSteps => Some(Span::EnvSteps(q.amount)),
        _ => None,
    };
    limits.iter().find_map(of).ok_or_else(|| {
        JobError::Failed(format!(
            "a schedule over `{value}`, wanted steps (a budget of wall time alone has none)"
        ))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fall(kind: fn(Fall) -> Rate, n: f64, floor: f64) -> Rate {
        kind(Fall {
            to: Span::Steps(n),
            floor,
        })
    }

    fn at(rate: &Rate, steps: u64) -> f64 {
        rate.at(Progress {
            steps,
            env_steps: 0,
        })
    }

    #[test]
    fn schedules_fall_to_their_floor_and_stay() {
        let (line, cosine) = (
            fall(Rate::Linear, 100.0, 0.1),
            fall(Rate::Cosine, 100.0, 0.1),
        );
        for rate in [&line, &cosine] {
            assert!((at(rate, 0) - 1.0).abs() < 1e-12);
            assert!((at(rate, 50) - 0.55).abs() < 1e-12);
            assert!((at(rate, 100) - 0.1).abs() < 1e-12);
            assert!((at(rate, 900) - 0.1).abs() < 1e-12);
        }
    }

    #[test]
    fn a_warmup_is_whole_at_its_last_step() {
        let rate = Rate::Warmup(Rise {
            over: Span::Steps(10.0),
            then: Box::new(Rate::Constant),
        });
        assert!((at(&rate, 0) - 0.1).abs() < 1e-12);
        assert!((at(&rate, 9) - 1.0).abs() < 1e-12);
        assert!((at(&rate, 20) - 1.0).abs() < 1e-12);
    }
}
