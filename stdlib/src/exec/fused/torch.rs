//! How do the operations compute on libtorch?  By few of its kernels, called directly, on its processor and its cards alike.
//!
//! A convolution is one product: its windows are laid out as rows, which costs less than libtorch's own convolutions at the lengths of plans, as
//! does the gradient of its weights.  The normalisation is libtorch's, which wants channels before points, and so is its gradient.  Weights
//! say in which precision products are made: what comes in is brought to it, what goes out is `f32` again.

use align_kernels::Conv;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, BackendTypes, LibTorch};
use tch::{Kind, Tensor};

use super::Fused;

/// A tensor of burn's on libtorch.  As long as a clone of one is kept, burn writes into none of them.
type Torch = <LibTorch as BackendTypes>::FloatTensorPrimitive;

/// PyTorch's `eps`.
const EPS: f64 = 1e-5;

/// How a convolution's windows lie over the points of a sample.
#[derive(Clone, Copy, Debug)]
struct Windows {
    taps: i64,
    stride: i64,
    /// Points of zeros before and after a sample.
    edge: [i64; 2],
}

impl Windows {
    fn of(conv: Conv, length: i64) -> Self {
        let (taps, stride, edge) = match conv {
            Conv::Same(kernel) => (kernel as i64, 1, [kernel as i64 / 2; 2]),
            Conv::Halve => (3, 2, [1, length % 2]),
            Conv::Double => (3, 1, [1, 1]),
        };
        Self { taps, stride, edge }
    }

    /// Samples `[n, length, inputs]` with their edges, in one piece.
    fn padded(self, x: &Tensor) -> Tensor {
        let [before, after] = self.edge;
        if before + after == 0 {
            x.contiguous()
        } else {
            x.constant_pad_nd([0, 0, before, after])
        }
    }

    /// A row for each window of padded samples, tap by tap.
    fn rows(self, padded: &Tensor) -> Tensor {
        let (n, length, inputs) = sizes(padded);
        if self.taps == 1 {
            return padded.view([n * length, inputs]);
        }
        let count = (length - self.taps) / self.stride + 1;
        let size = [n, count, self.taps * inputs];
        let stride = [length * inputs, self.stride * inputs, 1];
        padded
            .as_strided(size, stride, None)
            .reshape([n * count, self.taps * inputs])
    }

    /// The gradient of samples of this length from that of what came out, `[n, windows, outputs]`, and the weights of the product.
    fn back(self, gradient: &Tensor, made: &Tensor, length: i64) -> Tensor {
        if self.taps == 1 {
            gradient.matmul(&made.tr())
        } else if gradient.device().is_cuda() {
            self.back_by_product(gradient, made, length)
        } else {
            self.back_transposed(gradient, made, length)
        }
    }

    /// As libtorch's transposed convolution, which on a processor is 1.2 times as fast as the product.
    fn back_transposed(self, gradient: &Tensor, made: &Tensor, length: i64) -> Tensor {
        let inputs = made.size()[0] / self.taps;
        let kernel = made.view([self.taps, inputs, -1]).permute([2, 1, 0]);
        let edge = self.edge[0];
        let rest = (length + 2 * edge - self.taps) % self.stride;
        // Of two dimensions, because channels that lie last are left there.
        let out = gradient.transpose(1, 2).unsqueeze(2).conv_transpose2d(
            &kernel.unsqueeze(2),
            None::<&Tensor>,
            [1, self.stride],
            [0, edge],
            [0, rest],
            1,
            [1, 1],
        );
        out.squeeze_dim(2).transpose(1, 2)
    }

    /// As a product of its windows with the weights from the last tap to the first: on a card, where cuDNN's convolutions round to TF32 and add in no
    /// certain order.
    fn back_by_product(self, gradient: &Tensor, made: &Tensor, length: i64) -> Tensor {
        let n = gradient.size()[0];
        let inputs = made.size()[0] / self.taps;
        if self.stride == 1 {
            let turned = made.view([self.taps, inputs, -1]).flip([0]);
            let turned = turned.transpose(1, 2).reshape([-1, inputs]);
            let edge = self.edge.map(|edge| self.taps - 1 - edge);
            let around = Self { edge, ..self };
            let rows = around.rows(&around.padded(gradient));
            return rows.mm(&turned).view([n, length, inputs]);
        }
        // A window made its middle point, and with the next one the point after it.
        let taps = made.chunk(3, 0);
        let row = |even: &Tensor, odd: &Tensor| Tensor::cat(&[even, odd], 0).tr();
        let none = taps[0].zeros_like();
        let turned = Tensor::cat(&[row(&taps[1], &taps[2]), row(&none, &taps[0])], 0);
        let pairs = Self {
            taps: 2,
            stride: 1,
            edge: [0, 1],
        };
        let out = pairs.rows(&pairs.padded(gradient)).mm(&turned);
        out.view([n, -1, inputs]).narrow(1, 0, length)
    }
}

fn sizes(x: &Tensor) -> (i64, i64, i64) {
    let size = x.size();
    (size[0], size[1], size[2])
}

/// Weights as one product wants them.  Those of a doubling are four taps, of which each half of the outputs has two: over windows of three points
/// they make both halves at once, beside each other, so that no output is moved to its place.
fn product(conv: Conv, w: &Tensor) -> Tensor {
    if conv != Conv::Double {
        return w.shallow_clone();
    }
    let parts = w.chunk(4, 0);
    let none = parts[0].zeros_like();
    let row = |even: &Tensor, odd: &Tensor| Tensor::cat(&[even, odd], 1);
    let rows = [
        row(&parts[1], &none),
        row(&parts[0], &parts[2]),
        row(&none, &parts[3]),
    ];
    Tensor::cat(&rows, 0)
}

/// The gradient of weights from that of the product's.
fn unmade(conv: Conv, gradient: &Tensor) -> Tensor {
    if conv != Conv::Double {
        return gradient.shallow_clone();
    }
    let inputs = gradient.size()[0] / 3;
    let outputs = gradient.size()[1] / 2;
    let part = |tap: i64, half: i64| {
        gradient
            .narrow(0, tap * inputs, inputs)
            .narrow(1, half * outputs, outputs)
    };
    Tensor::cat(&[part(1, 0), part(0, 0), part(1, 1), part(2, 1)], 0)
}

/// What comes out, and the padded samples, which the backward pass wants.
fn conv_forward([x, w, b]: [&Tensor; 3], conv: Conv) -> (Tensor, Tensor) {
    let (n, length, _) = sizes(x);
    let windows = Windows::of(conv, length);
    let padded = windows.padded(&x.to_kind(w.kind()));
    let mut b = b.to_kind(w.kind());
    if conv == Conv::Double {
        b = b.repeat([1, 2]);
    }
    let out = b.addmm(&windows.rows(&padded), &product(conv, w));
    let points = conv.out(length as usize) as i64;
    let out = out.view([n, points, w.size()[1]]).to_kind(Kind::Float);
    (out, padded)
}

/// `w`, `t` and `t + 2` of mish's factor `tanh(log(1 + e^x)) = t / (t + 2)`, with `w = e^x` and `t = w (w + 2)`: one exponential.  libtorch's own mish takes a
/// logarithm and a hyperbolic tangent of each number too, which on a processor costs twice as much as these passes.  Above 20 the factor is 1 in
/// `f32`, so the exponent is capped there, far from overflow.
fn factor(x: &Tensor) -> [Tensor; 3] {
    let w = x.clamp_max(20.0).exp_();
    let top = (&w + 2.0).g_mul_(&w);
    let bottom = &top + 2.0;
    [w, top, bottom]
}

/// Whether one kernel costs less than the passes of [`factor`]: on a card, and where a pass costs as much as it takes to begin it.
fn brief(x: &Tensor) -> bool {
    x.device().is_cuda() || x.numel() < 2048
}

fn mish_forward(x: &Tensor) -> Tensor {
    if brief(x) {
        return x.mish();
    }
    let [_, mut top, bottom] = factor(x);
    top.g_div_(&bottom).g_mul_(x)
}

/// `t / (t + 2) + 4 x w (w + 1) / (t + 2)^2`, times the gradient.
fn mish_backward(x: &Tensor, gradient: &Tensor) -> Tensor {
    if brief(x) {
        return x.mish_backward(gradient);
    }
    let [w, top, bottom] = factor(x);
    let more = (&w + 1.0).g_mul_(&w).g_mul_(x).g_mul_scalar_(4.0);
    let slope = { more }.g_div_(&bottom).g_add_(&top).g_div_(&bottom);
    { slope }.g_mul_(gradient)
}

/// The normalisation of `[n, length, channels]`, as `[n, channels, length]`.
fn normalised([x, scale, shift]: [&Tensor; 3], groups: usize) -> Tensor {
    let [scale, shift] = [scale, shift].map(|t| t.view([-1]));
    x.transpose(1, 2)
        .group_norm(groups as i64, Some(scale), Some(shift), EPS, false)
}

/// `mish` of what is normalised, plus what is added to each channel, points before channels again.
fn activated(unit: &Tensor, add: &Tensor) -> Tensor {
    let mut out = mish_forward(unit);
    if add.numel() > 0 {
        out = out.g_add_(&add.unsqueeze(2));
    }
    out.transpose(1, 2)
}

impl Fused for LibTorch {
    fn fused_conv(x: Torch, w: Torch, b: Torch, conv: Conv) -> Torch {
        Torch::new(conv_forward([&x.tensor, &w.tensor, &b.tensor], conv).0)
    }

    fn fused_norm(x: Torch, scale: Torch, shift: Torch, add: Torch, groups: usize) -> Torch {
        let unit = normalised([&x.tensor, &scale.tensor, &shift.tensor], groups);
        Torch::new(activated(&unit, &add.tensor))
    }

    fn fused_mish(x: Torch) -> Torch {
        Torch::new(mish_forward(&x.tensor))
    }
}

#[derive(Debug)]
struct ConvStep;

impl Backward<LibTorch, 3> for ConvStep {
    /// The padded samples, the weights, their convolution, and points of a sample.
    type State = ([Torch; 2], Conv, i64);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let ([padded, w], conv, length) = ops.state;
        let (padded, w) = (&padded.tensor, &w.tensor);
        let gradient = grads.consume::<LibTorch>(&ops.node).tensor;
        let windows = Windows::of(conv, length);
        let made = product(conv, w);
        let flat = gradient.to_kind(w.kind()).reshape([-1, made.size()[1]]);
        let [to_x, to_w, to_b] = ops.parents;
        if let Some(node) = to_x {
            let (n, ..) = sizes(padded);
            let out = flat.view([n, -1, made.size()[1]]);
            let x = windows.back(&out, &made, length).to_kind(Kind::Float);
            grads.register::<LibTorch>(node.id, Torch::new(x));
        }
        if let Some(node) = to_w {
            let w = unmade(conv, &windows.rows(padded).tr().mm(&flat));
            grads.register::<LibTorch>(node.id, Torch::new(w));
        }
        if let Some(node) = to_b {
            let outputs = w.size()[1];
            let b = gradient
                .reshape([-1, outputs])
                .sum_dim_intlist(0, true, None);
            grads.register::<LibTorch>(node.id, Torch::new(b));
        }
    }
}

#[derive(Debug)]
struct NormStep;

impl Backward<LibTorch, 4> for NormStep {
    /// What was normalised with its scale and shift, as leaves of libtorch's own graph, and what came out of that; and `x` as burn knows it, so that it
    /// is not overwritten.
    type State = ([Torch; 4], Torch);

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let ([x, scale, shift, unit], _) = ops.state;
        let gradient = grads.consume::<LibTorch>(&ops.node).tensor;
        let gradient = gradient.transpose(1, 2).contiguous();
        let slope = mish_backward(&unit.tensor.detach(), &gradient);
        // libtorch goes down scalars alone: this one's gradient is the slope.
        let scalar = unit.tensor.view([-1]).dot(&slope.view([-1]));
        let leaves = [&x.tensor, &scale.tensor, &shift.tensor];
        let of_leaves = Tensor::run_backward(&[scalar], &leaves, false, false);
        let [to_x, to_scale, to_shift, to_add] = ops.parents;
        for (node, gradient) in [to_x, to_scale, to_shift].into_iter().zip(of_leaves) {
            if let Some(node) = node {
                grads.register::<LibTorch>(node.id, Torch::new(gradient));
            }
        }
        if let Some(node) = to_add {
            let sum = gradient.sum_dim_intlist(2, false, None);
            grads.register::<LibTorch>(node.id, Torch::new(sum));
        }
    }
}

#[derive(Debug)]
struct MishStep;

impl Backward<LibTorch, 1> for MishStep {
    type State = Torch;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<LibTorch>(&ops.node);
        let [to] = ops.parents;
        if let Some(node) = to {
            let gradient = mish_backward(&ops.state.tensor, &gradient.tensor);
            grads.register::<LibTorch>(node.id, Torch::new(gradient));
        }
    }
}

impl<C: CheckpointStrategy> Fused for Autodiff<LibTorch, C> {
    fn fused_conv(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        b: FloatTensor<Self>,
        conv: Conv,
    ) -> FloatTensor<Self> {
        let prepared = ConvStep.prepare::<C>([x.node(), w.node(), b.node()]);
        let [x, w, b] = [&x, &w, &b].map(|t| t.primitive().clone());
        let (out, padded) = conv_forward([&x.tensor, &w.tensor, &b.tensor], conv);
        let out = Torch::new(out);
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                let length = x.tensor.size()[1];
                // Where there are no edges it is `x` itself.
                let padded = Torch::from_existing(padded, x.storage);
                step.finish(([padded, w], conv, length), out)
            }
            OpsKind::UnTracked(step) => step.finish(out),
        }
    }

    fn fused_norm(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        add: FloatTensor<Self>,
        groups: usize,
    ) -> FloatTensor<Self> {
        let prepared = NormStep.prepare::<C>([x.node(), scale.node(), shift.node(), add.node()]);
        let [x, scale, shift, add] = [&x, &scale, &shift, &add].map(|t| t.primitive().clone());
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                let leaves =
                    [&x, &scale, &shift].map(|t| t.tensor.detach().set_requires_grad(true));
                let unit = tch::with_grad(|| normalised(leaves.each_ref(), groups));
                let out = Torch::new(activated(&unit.detach(), &add.tensor));
                let [a, b, c] = leaves.map(Torch::new);
                step.finish(([a, b, c, Torch::new(unit)], x), out)
            }
            OpsKind::UnTracked(step) => {
                let out = <LibTorch as Fused>::fused_norm(x, scale, shift, add, groups);
                step.finish(out)
            }
        }
    }

    fn fused_mish(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let prepared = MishStep.prepare::<C>([x.node()]);
        let x = x.primitive().clone();
        let out = Torch::new(mish_forward(&x.tensor));
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(x, out),
            OpsKind::UnTracked(step) => step.finish(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_by_a_product_is_that_of_the_transposed_convolution() {
        let random = |size: &[i64]| Tensor::randn(size, (Kind::Float, tch::Device::Cpu));
        for conv in [Conv::Same(3), Conv::Same(5), Conv::Halve, Conv::Double] {
            for length in [4, 5, 8] {
                let windows = Windows::of(conv, length);
                let x = random(&[2, length, 3]);
                let rows = windows.rows(&windows.padded(&x));
                let made = random(&[rows.size()[1], 6]);
                let gradient = rows.mm(&made).view([2, -1, 6]);
                let product = windows.back_by_product(&gradient, &made, length);
                let transposed = windows.back_transposed(&gradient, &made, length);
                assert_eq!(product.size(), [2, length, 3]);
                assert!(
                    product.allclose(&transposed, 1e-5, 1e-4, false),
                    "{conv:?} {length}"
                );
            }
        }
    }
}
