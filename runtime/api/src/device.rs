//! What are the devices called, and which numbers do they compute?  Plain names: `cpu` (the embedded kernels), `libtorch` (the processor, by libtorch's)
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

/// How the matrix products of a stage's training steps are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// In single precision, as everything else is.
    #[default]
    F32,
    /// From numbers of 8 significant bits, with the range of single precision.
    Bf16,
}

/// What a stage says of its precision, `precision = bf16`.
pub fn precision(node: &Node) -> Precision {
    match node.value("precision") {
        Some(Value::Name(name)) if name == "bf16" => Precision::Bf16,
        _ => Precision::F32,
    }
}

/// The numeric class of a node where that of the run is `general`: its own device and its own precision, where it names them.
pub fn class(node: &Node, general: &str) -> String {
    let class: &str = match named(node) {
        Some(device) => numeric(device),
        None => general,
    };
    match precision(node) {
        Precision::F32 => class.to_owned(),
        Precision::Bf16 => class.replace("f32", "bf16"),
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
