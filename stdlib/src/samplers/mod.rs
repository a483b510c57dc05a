//! Samplers of the diffusion chain: one folder each, and the only list of them.

use align_schema::Builtin;

pub mod ddim;
pub mod ddpm;
pub mod dpm_solver;

/// The noise schedules that a sampler can name.
pub const NOISE_SCHEDULES: &[&str] = &["cosine", "linear", "vp"];

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[
    ddpm::Ddpm::BUILTIN,
    ddim::Ddim::BUILTIN,
    dpm_solver::DpmSolver::BUILTIN,
];
