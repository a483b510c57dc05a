//! What are the devices called, and which numbers do they compute?  Plain names: `cpu` (burn's own kernels), `libtorch` (the processor, by libtorch's)
//! and `libtorch:cuda:N`.

use align_plan::Node;
use align_schema::Value;

/// The numeric class of a device, part of every key: kernels and precision, but not which card of several.
pub fn numeric(device: &str) -> &'static str {
    match device {
        "libtorch" => "libtorch-f32",
        name if name.starts_with("libtorch:cuda") => "libtorch-cuda-f32",
        _ => "cpu-f32",
    }
}

/// The device that a stage names for itself, `device = libtorch`; `cuda` is the card that its worker sees.
pub fn named(node: &Node) -> Option<&'static str> {
    let Some(Value::Name(name)) = node.value("device") else {
        return None;
    };
    match name.as_str() {
        "cpu" => Some("cpu"),
        "libtorch" => Some("libtorch"),
        "cuda" => Some("libtorch:cuda:0"),
        _ => None,
    }
}
