//! What is `ddim`?  Its definition; the arithmetic is in `exec`.

use align_schema::{Bounds, Dim, Ty, builtin};

use super::NOISE_SCHEDULES;

builtin! {
    /// Implicit sampling: a few steps of the chain, with as much noise as asked for.
    ///
    /// From step `t` to `t'`: `x = sqrt(abar_t') x0 + sqrt(1 - abar_t' - sigma^2) eps + sigma z`, where
    /// `sigma = eta sqrt((1 - abar_t') / (1 - abar_t)) sqrt(1 - abar_t / abar_t')`.  `eta = 0` is deterministic given the first
    /// noise, `eta = 1` is ancestral.  When `x0` is clipped, `eps` is computed again from it.
    ///
    /// Use it to act in fewer steps than were trained, and for collecting with noise.  With very few steps it fails visibly: plans get jagged;
    /// `dpm_solver` holds longer.
    ///
    /// Source: Song et al., Denoising Diffusion Implicit Models, arXiv 2010.02502.
    ///
    /// Example: `sampler = ddim(train: 20 denoise_steps, act: 10 denoise_steps)`
    pub struct Ddim = "ddim" in Sampler {
        /// Steps of the chain in training.
        train: usize = Ty::Quantity(&[Dim::DenoiseSteps]), default "20 denoise_steps", bounds Bounds::closed(1.0, 1000.0);
        /// Steps taken when sampling, evenly spaced; at most `train`.
        act: usize = Ty::Quantity(&[Dim::DenoiseSteps]), default "10 denoise_steps", bounds Bounds::closed(1.0, 1000.0);
        /// Share of the ancestral noise, 0 to 1.
        eta: f64 = Ty::Float, default "0.0", bounds Bounds::closed(0.0, 1.0);
        /// How noise grows along the chain: `cosine`, `linear` (scaled from 1e-4 .. 2e-2 at 1000 steps) or `vp`.
        schedule: String = Ty::Enum(NOISE_SCHEDULES), default "cosine";
        /// Whether the predicted sample is clipped to -1 .. 1, the range of `normalise = limits`.
        clip: bool = Ty::Bool, default "true";
        /// Factor on the initial and the step noise when sampling; below 1 gives likelier, less varied samples.
        temperature: f64 = Ty::Float, default "1.0", bounds Bounds::closed(0.0, 2.0);
    }
}
