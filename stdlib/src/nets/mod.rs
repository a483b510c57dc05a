//! Networks: one folder each, and the only list of them.

use align_schema::Builtin;

pub mod mlp;
pub mod temporal_unet;
pub mod twin_q;

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[
    temporal_unet::TemporalUnet::BUILTIN,
    mlp::Mlp::BUILTIN,
    twin_q::TwinQ::BUILTIN,
];
