//! Networks: one folder each, and the only list of them.

use align_schema::{Builtin, Call};

pub mod mlp;
mod size;
pub mod temporal_unet;
pub mod twin_q;

pub use size::Size;

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[
    temporal_unet::TemporalUnet::BUILTIN,
    mlp::Mlp::BUILTIN,
    twin_q::TwinQ::BUILTIN,
];

/// What is wrong with the arguments of the network that a call names: which one, and why.  Types and bounds are checked before.
pub fn fault(net: &Call) -> Option<(&'static str, String)> {
    match net.name.as_str() {
        "temporal_unet" => temporal_unet::TemporalUnet::read(net).ok()?.fault(),
        _ => None,
    }
}

/// The size of the network that a call names, for data of these widths; `None` for a call that names none.
///
/// A planner sees `horizon` points of `act + obs` numbers; a policy makes `horizon` actions from one observation.
pub fn size(net: &Call, obs: usize, act: usize, horizon: u64) -> Option<Size> {
    let (obs, act, horizon) = (obs as f64, act as f64, horizon as f64);
    Some(match net.name.as_str() {
        "temporal_unet" => temporal_unet::TemporalUnet::read(net)
            .ok()?
            .size(act + obs, horizon),
        "mlp" => mlp::Mlp::read(net).ok()?.size(horizon * act, obs),
        "twin_q" => twin_q::TwinQ::read(net).ok()?.size(obs, act),
        _ => return None,
    })
}
