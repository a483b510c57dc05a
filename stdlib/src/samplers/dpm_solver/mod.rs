//! What is `dpm_solver`?  Its definition; the arithmetic is in `exec::chain`.

use align_schema::{Bounds, Dim, Ty, builtin};

use super::NOISE_SCHEDULES;

builtin! {
    /// A solver of the chain's differential equation: good samples in very few steps, without noise on the way.
    ///
    /// With `alpha = sqrt(abar)`, `sigma = sqrt(1 - abar)`, `lambda = ln(alpha / sigma)` and `h = lambda_t' - lambda_t`:
    /// `x_t' = (sigma_t' / sigma_t) x_t - alpha_t' (exp(-h) - 1) D`.  Order 1 takes `D = x0`, the predicted clean sample (this is `ddim` with
    /// `eta = 0`); order 2 extrapolates from the step before, `D = (1 + 1 / 2r) x0 - (1 / 2r) x0_before`, `r = h_before / h`.  The first and the last
    /// step are of order 1.
    ///
    /// Use it to act in 3 to 10 steps.  It fails where samples must vary by the noise of the way (`ppo` and `reinforce` collect by `ddim` steps
    /// instead), and order 2 overshoots when `x0` is clipped hard.
    ///
    /// Source: Lu et al., DPM-Solver++, arXiv 2211.01095 (multistep, data prediction).
    ///
    /// Example: `sampler = dpm_solver(train: 20 denoise_steps, act: 5 denoise_steps, order: 2)`
    pub struct DpmSolver = "dpm_solver" in Sampler {
        /// Steps of the chain in training.
        train: usize = Ty::Quantity(&[Dim::DenoiseSteps]), default "20 denoise_steps", bounds Bounds::closed(1.0, 1000.0);
        /// Steps taken when sampling, evenly spaced; at most `train`.
        act: usize = Ty::Quantity(&[Dim::DenoiseSteps]), default "5 denoise_steps", bounds Bounds::closed(1.0, 1000.0);
        /// 1 or 2: whether a step looks back at the one before.
        order: usize = Ty::Int, default "2", bounds Bounds::closed(1.0, 2.0);
        /// How noise grows along the chain: `cosine`, `linear` (scaled from 1e-4 .. 2e-2 at 1000 steps) or `vp`.
        schedule: String = Ty::Enum(NOISE_SCHEDULES), default "cosine";
        /// Whether the predicted sample is clipped to -1 .. 1, the range of `normalise = limits`.
        clip: bool = Ty::Bool, default "true";
        /// Factor on the initial noise; below 1 gives likelier, less varied samples.
        temperature: f64 = Ty::Float, default "1.0", bounds Bounds::closed(0.0, 2.0);
    }
}
