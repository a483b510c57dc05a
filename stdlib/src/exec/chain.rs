//! What is the diffusion chain?  Noise schedules, the forward process, and the Gaussian steps back, as plain numbers.
//!
//! Steps count from 1 to `T`; `abar` of step 0 is 1.  Must not know networks or tensors.

use std::f64::consts::FRAC_PI_2;

use align_runtime_api::JobError;
use align_schema::Call;

use crate::samplers::ddim::Ddim;
use crate::samplers::ddpm::Ddpm;
use crate::samplers::dpm_solver::DpmSolver;

/// What the network's output stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predict {
    /// The noise.
    Noise,
    /// The clean sample.
    Sample,
    /// `sqrt(abar) noise - sqrt(1 - abar) sample` (Salimans and Ho, arXiv 2202.00512).
    Velocity,
}

/// The noise levels of a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// Share of the signal's variance that is left at each step, `[T + 1]`; decreasing from 1.
    pub abar: Vec<f64>,
}

/// One Gaussian step back, `x' = of_sample x0 + of_previous x0_before + of_noisy x + sigma z`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kernel {
    /// Step that it leaves.
    pub from: usize,
    /// Step that it reaches.
    pub to: usize,
    /// Factor on the predicted clean sample.
    pub of_sample: f64,
    /// Factor on the clean sample that the step before predicted; 0 but for solvers that look back.
    pub of_previous: f64,
    /// Factor on the noisy sample.
    pub of_noisy: f64,
    /// Standard deviation of its noise.
    pub sigma: f64,
}

impl Chain {
    /// A chain of `steps` steps with a named schedule: `cosine` (Nichol and Dhariwal, arXiv 2102.09672), `linear` (Ho et al., scaled so that a short chain
    /// ends in as much noise as one of 1000 steps) or `vp` (the discretised variance-preserving process of Xiao et al., arXiv 2112.07804).
    pub fn new(schedule: &str, steps: usize) -> Result<Self, JobError> {
        if steps == 0 {
            return Err(JobError::Failed(
                "a chain of 0 steps, wanted at least 1".into(),
            ));
        }
        let total = steps as f64;
        let cosine = |i: usize| {
            let s = 0.008;
            ((i as f64 / total + s) / (1.0 + s) * FRAC_PI_2)
                .cos()
                .powi(2)
        };
        let beta = |t: usize| -> Result<f64, JobError> {
            Ok(match schedule {
                "cosine" => (1.0 - cosine(t) / cosine(t - 1)).clamp(0.0, 0.999),
                "linear" => {
                    let (low, high, scale) = (1e-4, 2e-2, 1000.0 / total);
                    let part = if steps == 1 {
                        0.0
                    } else {
                        (t - 1) as f64 / (total - 1.0)
                    };
                    (scale * (low + (high - low) * part)).clamp(0.0, 0.999)
                }
                "vp" => {
                    let (low, high) = (0.1, 10.0);
                    let rate =
                        low / total + 0.5 * (high - low) * (2 * t - 1) as f64 / (total * total);
                    1.0 - (-rate).exp()
                }
                other => {
                    return Err(JobError::Failed(format!(
                        "unknown noise schedule `{other}`"
                    )));
                }
            })
        };
        let mut abar = vec![1.0];
        let mut product = 1.0;
        for t in 1..=steps {
            product *= 1.0 - beta(t)?;
            abar.push(product);
        }
        Ok(Self { abar })
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.abar.len() - 1
    }

    /// Factors of the clean sample and of the noise at a step.
    pub fn forward(&self, t: usize) -> (f64, f64) {
        (self.abar[t].sqrt(), (1.0 - self.abar[t]).sqrt())
    }

    /// Factors of the noisy sample and of the network's output that give the clean sample.
    pub fn clean(&self, t: usize, predict: Predict) -> (f64, f64) {
        let (signal, noise) = self.forward(t);
        match predict {
            Predict::Noise => (signal.recip(), -noise / signal),
            Predict::Sample => (0.0, 1.0),
            Predict::Velocity => (signal, -noise),
        }
    }

    /// Factors of the clean sample and of the noise that give what the network should say.
    pub fn target(&self, t: usize, predict: Predict) -> (f64, f64) {
        let (signal, noise) = self.forward(t);
        match predict {
            Predict::Noise => (0.0, 1.0),
            Predict::Sample => (1.0, 0.0),
            Predict::Velocity => (-noise, signal),
        }
    }

    /// The ancestral step to the one before: the posterior of the forward process (arXiv 2006.11239, equation 7).
    pub fn posterior(&self, t: usize) -> Kernel {
        let (now, before) = (self.abar[t], self.abar[t - 1]);
        let alpha = now / before;
        let beta = 1.0 - alpha;
        let variance = beta * (1.0 - before) / (1.0 - now);
        Kernel {
            from: t,
            to: t - 1,
            of_sample: beta * before.sqrt() / (1.0 - now),
            of_previous: 0.0,
            of_noisy: (1.0 - before) * alpha.sqrt() / (1.0 - now),
            sigma: if t == 1 { 0.0 } else { variance.sqrt() },
        }
    }

    /// The implicit step to any earlier one (arXiv 2010.02502, equations 12 and 16); the noise in it is that of the (clipped) clean sample.
    pub fn implicit(&self, from: usize, to: usize, eta: f64) -> Kernel {
        let (now, then) = (self.abar[from], self.abar[to]);
        let sigma = eta * ((1.0 - then) / (1.0 - now)).sqrt() * (1.0 - now / then).max(0.0).sqrt();
        let of_noise = (1.0 - then - sigma * sigma).max(0.0).sqrt();
        let of_noisy = of_noise / (1.0 - now).sqrt();
        Kernel {
            from,
            to,
            of_sample: then.sqrt() - of_noisy * now.sqrt(),
            of_previous: 0.0,
            of_noisy,
            sigma,
        }
    }
}

impl Chain {
    /// Half the logarithm of the ratio of signal to noise.
    fn lambda(&self, t: usize) -> f64 {
        let (signal, noise) = self.forward(t);
        (signal / noise).ln()
    }

    /// A step of the solver (arXiv 2211.01095, algorithm 2); `before` is the step that the one before left.
    pub fn solver(&self, from: usize, to: usize, before: Option<usize>) -> Kernel {
        let ((_, now), (signal, then)) = (self.forward(from), self.forward(to));
        let h = self.lambda(to) - self.lambda(from);
        let factor = -signal * (-h).exp_m1();
        // At the end of the chain `h` has no limit, and the last step is of first order.
        let back = match before {
            Some(before) if h.is_finite() => 0.5 * h / (self.lambda(from) - self.lambda(before)),
            _ => 0.0,
        };
        Kernel {
            from,
            to,
            of_sample: factor * (1.0 + back),
            of_previous: -factor * back,
            of_noisy: then / now,
            sigma: 0.0,
        }
    }
}

/// A sampler: a chain and the steps back along it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampler {
    /// The chain that the model is trained on.
    pub chain: Chain,
    /// Steps of acting; `None` walks the whole chain by the posterior.
    act: Option<usize>,
    /// Share of ancestral noise of implicit steps.
    eta: f64,
    /// The order of a solver, which takes the place of implicit steps.
    order: Option<usize>,
    /// Whether the clean sample is clipped.
    pub clip: bool,
    /// Factor on all noise in sampling.
    pub temperature: f64,
}

impl Sampler {
    /// Reads `ddpm(..)`, `ddim(..)` or `dpm_solver(..)`.
    pub fn new(call: &Call) -> Result<Self, JobError> {
        let bad = |e: Vec<align_schema::ArgError>| {
            let text: Vec<String> = e.iter().map(ToString::to_string).collect();
            JobError::Failed(format!("`{}`: {}", call.name, text.join("; ")))
        };
        match call.name.as_str() {
            "ddpm" => {
                let Ddpm {
                    train,
                    schedule,
                    clip,
                    temperature,
                } = Ddpm::read(call).map_err(bad)?;
                let chain = Chain::new(&schedule, train)?;
                Ok(Self {
                    chain,
                    act: None,
                    eta: 1.0,
                    order: None,
                    clip,
                    temperature,
                })
            }
            "ddim" => {
                let Ddim {
                    train,
                    act,
                    eta,
                    schedule,
                    clip,
                    temperature,
                } = Ddim::read(call).map_err(bad)?;
                Ok(Self {
                    chain: Chain::new(&schedule, train)?,
                    act: Some(fewer("ddim", act, train)?),
                    eta,
                    order: None,
                    clip,
                    temperature,
                })
            }
            "dpm_solver" => {
                let DpmSolver {
                    train,
                    act,
                    order,
                    schedule,
                    clip,
                    temperature,
                } = DpmSolver::read(call).map_err(bad)?;
                Ok(Self {
                    chain: Chain::new(&schedule, train)?,
                    act: Some(fewer("dpm_solver", act, train)?),
                    eta: 0.0,
                    order: Some(order),
                    clip,
                    temperature,
                })
            }
            other => Err(JobError::Failed(format!("unknown sampler `{other}`"))),
        }
    }

    /// The steps back from `start` (at most `T`), in order.  With `eta` the sampler's own share of noise is replaced.
    pub fn kernels(&self, start: usize, eta: Option<f64>) -> Vec<Kernel> {
        let start = start.min(self.chain.steps());
        let Some(act) = self.act else {
            return match eta {
                Some(eta) => (1..=start)
                    .rev()
                    .map(|t| self.chain.implicit(t, t - 1, eta))
                    .collect(),
                None => (1..=start).rev().map(|t| self.chain.posterior(t)).collect(),
            };
        };
        // Evenly spaced over the whole chain, so that a start in its middle uses its share of the steps.
        let total = self.chain.steps();
        let mut marks: Vec<usize> = (0..=act).map(|i| (i * total).div_ceil(act)).collect();
        marks.retain(|t| *t < start);
        marks.push(start);
        if let (Some(order), None) = (self.order, eta) {
            let before = |i: usize| marks.get(i + 2).copied().filter(|_| order > 1);
            let steps = marks.windows(2).enumerate().rev();
            return steps
                .map(|(i, w)| self.chain.solver(w[1], w[0], before(i)))
                .collect();
        }
        let eta = eta.unwrap_or(self.eta);
        marks
            .windows(2)
            .rev()
            .map(|w| self.chain.implicit(w[1], w[0], eta))
            .collect()
    }
}

/// Steps of acting, at most those of training.
fn fewer(name: &str, act: usize, train: usize) -> Result<usize, JobError> {
    if act > train || act == 0 {
        return Err(JobError::Failed(format!(
            "`{name}` acts in {act} steps, wanted 1 to the {train} of training"
        )));
    }
    Ok(act)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_schedule_goes_from_signal_to_noise() {
        for schedule in crate::samplers::NOISE_SCHEDULES {
            for steps in [5, 20, 1000] {
                let chain = Chain::new(schedule, steps).unwrap();
                assert!(
                    chain.abar.windows(2).all(|w| w[1] < w[0]),
                    "{schedule} {steps}"
                );
                assert!(
                    chain.abar[steps] < 0.02,
                    "{schedule} {steps}: {}",
                    chain.abar[steps]
                );
            }
        }
        assert!(Chain::new("square", 5).is_err());
    }

    #[test]
    fn an_implicit_step_with_all_noise_is_the_posterior() {
        let chain = Chain::new("cosine", 20).unwrap();
        for t in 2..=20 {
            let (a, b) = (chain.posterior(t), chain.implicit(t, t - 1, 1.0));
            for (x, y) in [
                (a.of_sample, b.of_sample),
                (a.of_noisy, b.of_noisy),
                (a.sigma, b.sigma),
            ] {
                assert!((x - y).abs() < 1e-12, "step {t}: {a:?} {b:?}");
            }
        }
    }

    #[test]
    fn few_steps_span_the_chain_and_end_at_the_sample() {
        let chain = Chain::new("cosine", 20).unwrap();
        let sampler = Sampler {
            chain,
            act: Some(6),
            eta: 0.0,
            order: None,
            clip: true,
            temperature: 1.0,
        };
        let path: Vec<usize> = sampler.kernels(20, None).iter().map(|k| k.from).collect();
        assert_eq!(path, [20, 17, 14, 10, 7, 4]);
        assert_eq!(
            sampler
                .kernels(6, None)
                .iter()
                .map(|k| (k.from, k.to))
                .collect::<Vec<_>>(),
            [(6, 4), (4, 0)]
        );
        assert_eq!(
            sampler.kernels(20, None).last().map(|k| (k.to, k.of_noisy)),
            Some((0, 0.0))
        );
    }
}
