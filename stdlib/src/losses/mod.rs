//! Losses: one folder each, and the only list of them.

use align_schema::Builtin;

pub mod denoise;
pub mod diffusion_dpo;
pub mod iql;
pub mod ppo;
pub mod reinforce;
pub mod weighted;

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[
    denoise::Denoise::BUILTIN,
    weighted::Weighted::BUILTIN,
    iql::Iql::BUILTIN,
    diffusion_dpo::DiffusionDpo::BUILTIN,
    ppo::Ppo::BUILTIN,
    reinforce::Reinforce::BUILTIN,
];
