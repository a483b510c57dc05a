//! Joins of cascade members: their definitions, and the only list of them.

use align_schema::{Bounds, Builtin, Dim, Ty, builtin};

builtin! {
    /// Each member refines the sample of the one before: it is noised again part of the way and denoised by the next model.
    ///
    /// With a chain of `T` training steps the sample is taken to step `t0 = renoise T` by the forward process,
    /// `x_t0 = sqrt(abar_t0) x + sqrt(1 - abar_t0) eps`, and the next member denoises from there.  Given entries stay given.
    ///
    /// Source: our own form; Meng et al., SDEdit, arXiv 2108.01073 noises and denoises images so.
    ///
    /// Example: `join = refine(renoise: 30%)`
    pub struct Refine = "refine" in Join {
        /// How far along the chain the sample is taken back.
        renoise: f64 = Ty::Quantity(&[Dim::Share]), default "30%", bounds Bounds { lo: 0.0, hi: 1.0, lo_in: false, hi_in: true };
    }
}

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[Refine::BUILTIN];
