//! What is `ddpm`?  Its definition; the arithmetic is in `exec`.

use align_schema::{Bounds, Dim, Ty, builtin};

use super::NOISE_SCHEDULES;

builtin! {
    /// Ancestral sampling: every step of the chain, with the posterior's own noise.
    ///
    /// `x_(t-1) = c1 x0 + c2 x_t + sigma_t z`, where `x0 = x_t / sqrt(abar_t) - sqrt(1 / abar_t - 1) eps(x_t, t)`,
    /// `c1 = beta_t sqrt(abar_(t-1)) / (1 - abar_t)`, `c2 = (1 - abar_(t-1)) sqrt(alpha_t) / (1 - abar_t)` and
    /// `sigma_t^2 = beta_t (1 - abar_(t-1)) / (1 - abar_t)`; the last step adds no noise.
    ///
    /// Use it for short chains (policies of five steps), where every step counts.  It fails by slowness on long ones.
    ///
    /// Source: Ho et al., Denoising Diffusion Probabilistic Models, arXiv 2006.11239.
    ///
    /// Example: `sampler = ddpm(train: 20 denoise_steps)`
    pub struct Ddpm = "ddpm" in Sampler {
        /// Steps of the chain, in training and in sampling.
        train: usize = Ty::Quantity(&[Dim::DenoiseSteps]), default "20 denoise_steps", bounds Bounds::closed(1.0, 1000.0);
        /// How noise grows along the chain: `cosine`, `linear` (scaled from 1e-4 .. 2e-2 at 1000 steps) or `vp`.
        schedule: String = Ty::Enum(NOISE_SCHEDULES), default "cosine";
        /// Whether the predicted sample is clipped to -1 .. 1, the range of `normalise = limits`.
        clip: bool = Ty::Bool, default "true";
        /// Factor on the initial and the step noise when sampling; below 1 gives likelier, less varied samples.
        temperature: f64 = Ty::Float, default "1.0", bounds Bounds::closed(0.0, 2.0);
    }
}
