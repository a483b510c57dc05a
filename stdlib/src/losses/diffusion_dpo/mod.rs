//! What is `diffusion_dpo`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, DataKind, Ref, Ty, builtin};

builtin! {
    /// Direct preference optimisation of a diffusion model.
    ///
    /// `L = -log sigmoid(-beta / 2 (d - d_ref))`, `d = ||eps - eps(x_t^w)||^2 - ||eps - eps(x_t^l)||^2` for the preferred `w` and
    /// the rejected `l` with the same `t` and the same noise, `d_ref` likewise for the frozen reference; squared errors are means over
    /// the free entries, and the mean over the batch is taken outside the log-sigmoid.  The first loss is `log 2`.
    ///
    /// `valid.preferred` is the share of held-out pairs whose preferred side gained on the rejected one; `model.winner` and
    /// `model.loser` rising together is the known failure.
    ///
    /// Use it after reinforcement, on the model's own plans ranked by a critic or by what happened.  It fails with pairs that differ by luck
    /// alone, and with a `beta` so small that both errors rise; one so large that the first loss stays at `log 2` learns nothing.
    ///
    /// Source: Wallace et al., Diffusion Model Alignment Using Direct Preference Optimization, arXiv 2311.12908.
    ///
    /// Example: `loss = diffusion_dpo(beta: 1000, reference: rl.best)`
    pub struct DiffusionDpo = "diffusion_dpo" in Loss {
        /// How closely the model stays to the reference: the larger, the less has to move before a pair counts as told apart.
        beta: f64 = Ty::Float, default "1000", bounds Bounds::positive();
        /// The frozen model that gains are measured against.
        reference: Ref = Ty::Checkpoint;
    }
    data: &[DataKind::Pairs],
    metrics: &[
        "valid.preferred", "margin", "model.winner", "model.loser", "reference.winner", "reference.loser",
    ],
    whole_batch: 2.0
}
