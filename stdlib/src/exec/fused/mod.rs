//! How do layers reach kernels that do more than one of burn's operations?  As operations of their own beside burn's, with backward passes of their own.
//!
//! Burn's operations are one pass over memory each; a block of the U-Net is about twenty of them forward and more backward.  Here it is two: on
//! the embedded device with [`align_kernels`] behind them (`host`), on libtorch with its own (`torch`).  What they compute is said here.
#![cfg_attr(feature = "libtorch", expect(deprecated, reason = "as in `device`"))]

mod host;
#[cfg(feature = "libtorch")]
mod torch;

use align_kernels::Conv;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::prelude::*;

/// The operations; `x` is `[n, length, channels]`, rows before columns.
#[backend_extension(Flex, LibTorch: cfg(feature = "libtorch"), Autodiff)]
trait Fused: Backend {
    fn fused_conv(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        b: FloatTensor<Self>,
        conv: Conv,
    ) -> FloatTensor<Self>;
    fn fused_norm(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        add: FloatTensor<Self>,
        groups: usize,
    ) -> FloatTensor<Self>;
    fn fused_mish(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// A convolution of `[n, length, inputs]` by weights `[taps inputs, outputs]` and a bias `[1, outputs]`.
pub(crate) fn conv(x: Tensor<3>, w: Tensor<2>, b: Tensor<2>, conv: Conv) -> Tensor<3> {
    let (x, w, b) = (x.into_dispatch(), w.into_dispatch(), b.into_dispatch());
    Tensor::from_dispatch(Dispatch::fused_conv(x, w, b, conv))
}

/// `mish(group norm(x) scale + shift) + add`; `scale` and `shift` are `[1, channels]`, `add` is `[n, channels]`, or `[0, channels]` for none.
pub(crate) fn norm(
    x: Tensor<3>,
    [scale, shift]: [Tensor<2>; 2],
    add: Tensor<2>,
    groups: usize,
) -> Tensor<3> {
    let (scale, shift) = (scale.into_dispatch(), shift.into_dispatch());
    let (x, add) = (x.into_dispatch(), add.into_dispatch());
    Tensor::from_dispatch(Dispatch::fused_norm(x, scale, shift, add, groups))
}

/// `mish` of each number: `x tanh(log(1 + e^x))`.
pub(crate) fn mish<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::fused_mish(x.into_dispatch()))
}
