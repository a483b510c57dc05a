//! How good samples are searched for at training time: definitions, and the only list of them.

use align_schema::{Bounds, Builtin, Ty, builtin};

builtin! {
    /// A population of plans for each start, thinned out on the way through the chain.
    ///
    /// `n` plans are denoised side by side.  After every `every` steps of the chain they are drawn anew among themselves, in proportion to
    /// `exp((V_now - V_before) / (temperature s))`, where `V_now` is the critic's value of the clean plan predicted at that step and `s` the deviation
    /// of all values there; the one that is kept is drawn in the same way at the end.  A low temperature is a greedy search, a high one
    /// plain sampling.
    ///
    /// Source: importance resampling of diffusion particles, as in Singhal et al., A General Framework for Inference-time Scaling and
    /// Steering of Diffusion Models, arXiv 2501.06848; for alignment: DAV, arXiv 2510.00502.
    ///
    /// Example: `search = particles(16, temperature: 0.5)`
    pub struct Particles = "particles" in Search {
        /// Plans of each start.
        n: usize = Ty::Int, default "16", bounds Bounds::closed(2.0, 256.0);
        /// How little the value counts.
        temperature: f64 = Ty::Float, default "0.5", bounds Bounds::positive();
        /// Steps of the chain between two resamplings.
        every: usize = Ty::Int, default "3", bounds Bounds::closed(1.0, 1000.0);
    }
}

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[Particles::BUILTIN];
