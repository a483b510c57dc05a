//! What a stage may train in place of a model's own weights: definitions, and the only list of them.

use align_schema::{Bounds, Builtin, Call, Ty, Value, builtin};

builtin! {
    /// Low-rank adapters: the checkpoint's weights stay frozen, and a product of two thin matrices is learned beside each.
    ///
    /// `W = W_0 + (alpha / rank) A B` with `A: [rows, rank]` and `B: [rank, columns]`; `B` starts at zero, so that the stage starts at its
    /// checkpoint.  Convolutions are adapted as the matrices that they are over their taps.  What is kept and exported is `W`: a later
    /// stage or another tool needs to know nothing of it.
    ///
    /// Use it to align a large model on little data, or to keep it near where it began.  It fails where the change that is needed is not of low
    /// rank, such as a new task.
    ///
    /// Source: Hu et al., LoRA, arXiv 2106.09685.
    ///
    /// Example: `adapter = lora(rank: 8, on: all)`
    pub struct Lora = "lora" in Adapter {
        /// Columns of `A` and rows of `B`.
        rank: usize = Ty::Int, default "8", bounds Bounds::closed(1.0, 1024.0);
        /// Which weights: every matrix, or those of linear layers, of convolutions, of attention.
        on: String = Ty::Enum(&["all", "linear", "convolution", "attention"]), default "all";
        /// Weight of the adapters, times `rank`.
        alpha: f64 = Ty::Float, default "8.0", bounds Bounds::positive();
    }
}

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[Lora::BUILTIN];

/// Why an adapter finds nothing to stand beside in a network, if so.
pub fn fault(adapter: &Call, net: &Call) -> Option<String> {
    let Some(Value::Name(on)) = adapter.arg("on") else {
        return None;
    };
    let there = match on.as_str() {
        "attention" => net.name == "dit1d" || net.arg("attention") == Some(&Value::Bool(true)),
        "convolution" => matches!(net.name.as_str(), "temporal_unet" | "value"),
        _ => true,
    };
    (!there).then(|| format!("`{}` has no {on} to adapt", net.name))
}
