//! Optimisers: their definitions, and the only list of them.
//!
//! Every one clips the global gradient norm first (`clip_norm` of the stage) and follows PyTorch's defaults and order of operations.

use align_schema::{Bounds, Builtin, Call, Group, Ty, builtin};

builtin! {
    /// Adam with decoupled weight decay.
    ///
    /// `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`, `w = w (1 - lr weight_decay) - lr m' / (sqrt(v') + eps)`, where `m'` and `v'`
    /// are corrected for their start at zero.  Defaults are PyTorch's, except the rate.
    ///
    /// Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, arXiv 1711.05101.
    ///
    /// Example: `optim = adamw(lr: 2e-4, schedule: cosine(to: budget))`
    pub struct AdamW = "adamw" in Optimiser {
        /// Learning rate.
        lr: f64 = Ty::Float, default "2e-4", bounds Bounds::open(0.0, 1.0);
        /// Share of a weight that one step at rate 1 takes away.
        weight_decay: f64 = Ty::Float, default "0.01", bounds Bounds::at_least(0.0);
        /// Memory of the mean gradient.
        beta1: f64 = Ty::Float, default "0.9", bounds Bounds { lo: 0.0, hi: 1.0, lo_in: true, hi_in: false };
        /// Memory of the mean squared gradient.
        beta2: f64 = Ty::Float, default "0.999", bounds Bounds { lo: 0.0, hi: 1.0, lo_in: true, hi_in: false };
        /// Added to the root, against division by zero.
        eps: f64 = Ty::Float, default "1e-8", bounds Bounds::positive();
        /// How the rate moves over the stage.
        schedule: Call = Ty::Call(Group::Schedule), default "constant()";
    }
}

builtin! {
    /// Adam.
    ///
    /// As `adamw` without weight decay.
    ///
    /// Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, arXiv 1412.6980.
    ///
    /// Example: `optim = adam(lr: 3e-4)`
    pub struct Adam = "adam" in Optimiser {
        /// Learning rate.
        lr: f64 = Ty::Float, default "2e-4", bounds Bounds::open(0.0, 1.0);
        /// Memory of the mean gradient.
        beta1: f64 = Ty::Float, default "0.9", bounds Bounds { lo: 0.0, hi: 1.0, lo_in: true, hi_in: false };
        /// Memory of the mean squared gradient.
        beta2: f64 = Ty::Float, default "0.999", bounds Bounds { lo: 0.0, hi: 1.0, lo_in: true, hi_in: false };
        /// Added to the root, against division by zero.
        eps: f64 = Ty::Float, default "1e-8", bounds Bounds::positive();
        /// How the rate moves over the stage.
        schedule: Call = Ty::Call(Group::Schedule), default "constant()";
    }
}

builtin! {
    /// Stochastic gradient descent with momentum.
    ///
    /// `m = momentum m + g`, `w = w - lr m`; the first `m` is the first gradient.
    ///
    /// Source: PyTorch's `torch.optim.SGD` without dampening.
    ///
    /// Example: `optim = sgd(lr: 0.01)`
    pub struct Sgd = "sgd" in Optimiser {
        /// Learning rate.
        lr: f64 = Ty::Float, default "0.01", bounds Bounds::open(0.0, 10.0);
        /// Memory of the direction.
        momentum: f64 = Ty::Float, default "0.9", bounds Bounds { lo: 0.0, hi: 1.0, lo_in: true, hi_in: false };
        /// How the rate moves over the stage.
        schedule: Call = Ty::Call(Group::Schedule), default "constant()";
    }
}

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[AdamW::BUILTIN, Adam::BUILTIN, Sgd::BUILTIN];
