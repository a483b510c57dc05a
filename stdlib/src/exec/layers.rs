//! What are the layers?  Shapes and places in the table of weights; a forward pass takes the weights' tensors.
//!
//! Sequences are channels-last, `[batch, length, channels]`, so that every convolution is one matrix product.  Must not know any whole
//! network.

use burn::prelude::*;
use burn::tensor::TensorData;

use crate::exec::weights::{Arch, Init, Layout};

/// The tensors of a table of weights, in its order.
pub type Params<'a> = &'a [Tensor<2>];

/// `x tanh(log(1 + e^x))` with one exponential: with `w = e^x` it is `x (w^2 + 2 w) / (w^2 + 2 w + 2)`.  Above 20 the factor is 1 in `f32`, so
/// the exponent is capped there, far from overflow.
pub fn mish<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let w = x.clone().clamp_max(20.0).exp();
    let top = w.clone() * w.add_scalar(2.0);
    x * (top.clone() / top.add_scalar(2.0))
}

/// Sinusoidal features of diffusion times, `[batch, size]`: sines then cosines of `t / 10000^(k / (size / 2 - 1))`.
pub fn time_features(times: &[usize], size: usize, device: &Device) -> Tensor<2> {
    let half = size / 2;
    let rate = 10_000_f64.ln() / (half.max(2) - 1) as f64;
    let angle = |t: usize, k: usize| t as f64 * (-rate * k as f64).exp();
    let row = |&t: &usize| {
        let sines = (0..half).map(move |k| angle(t, k).sin() as f32);
        sines.chain((0..half).map(move |k| angle(t, k).cos() as f32))
    };
    let data: Vec<f32> = times.iter().flat_map(row).collect();
    Tensor::from_data(TensorData::new(data, [times.len(), 2 * half]), device)
}

/// `x W + b`.
#[derive(Clone, Copy, Debug)]
pub struct Linear {
    w: usize,
    b: usize,
}

impl Linear {
    /// From `rows` to `cols` numbers, started as in PyTorch.
    pub fn new(arch: &mut Arch, name: &str, rows: usize, cols: usize) -> Self {
        let bound = Init::Uniform((rows as f64).sqrt().recip());
        Self {
            w: arch.add(format!("{name}.weight"), rows, cols, Layout::Linear, bound),
            b: arch.add(format!("{name}.bias"), 1, cols, Layout::Vector, bound),
        }
    }

    /// `[n, rows]` to `[n, cols]`.
    pub fn forward(&self, p: Params<'_>, x: Tensor<2>) -> Tensor<2> {
        x.matmul(p[self.w].clone()) + p[self.b].clone()
    }
}

/// A convolution that keeps the length (odd kernel, stride 1), or halves it (kernel 3, stride 2, even length).
#[derive(Clone, Copy, Debug)]
pub struct Conv {
    w: usize,
    b: usize,
    kernel: usize,
    halves: bool,
}

impl Conv {
    /// A convolution of an odd kernel that keeps the length.
    pub fn new(arch: &mut Arch, name: &str, inputs: usize, outputs: usize, kernel: usize) -> Self {
        let bound = Init::Uniform(((inputs * kernel) as f64).sqrt().recip());
        let layout = Layout::Conv(kernel);
        Self {
            w: arch.add(
                format!("{name}.weight"),
                kernel * inputs,
                outputs,
                layout,
                bound,
            ),
            b: arch.add(format!("{name}.bias"), 1, outputs, Layout::Vector, bound),
            kernel,
            halves: false,
        }
    }

    /// A convolution of kernel 3, stride 2 and padding 1.
    pub fn halving(arch: &mut Arch, name: &str, channels: usize) -> Self {
        Self {
            halves: true,
            ..Self::new(arch, name, channels, channels, 3)
        }
    }

    /// `[n, length, inputs]` to `[n, length or length / 2, outputs]`.
    pub fn forward(&self, p: Params<'_>, x: Tensor<3>) -> Tensor<3> {
        let [n, length, c] = x.dims();
        let device = x.device();
        let (columns, out) = if self.halves {
            // Output i sees inputs 2i - 1, 2i, 2i + 1: the odd half shifted by one, beside the pairs.
            let out = length / 2;
            let pairs = x.reshape([n, out, 2 * c]);
            let odd = pairs.clone().narrow(2, c, c).narrow(1, 0, out - 1);
            let before = Tensor::cat(vec![Tensor::zeros([n, 1, c], &device), odd], 1);
            (Tensor::cat(vec![before, pairs], 2), out)
        } else if self.kernel == 1 {
            (x, length)
        } else {
            let edge = Tensor::<3>::zeros([n, self.kernel / 2, c], &device);
            let padded = Tensor::cat(vec![edge.clone(), x, edge], 1);
            let taps = (0..self.kernel).map(|k| padded.clone().narrow(1, k, length));
            (Tensor::cat(taps.collect(), 2), length)
        };
        let [_, outputs] = p[self.b].dims();
        let flat = columns
            .reshape([n * out, self.kernel * c])
            .matmul(p[self.w].clone());
        (flat + p[self.b].clone()).reshape([n, out, outputs])
    }
}

/// A transposed convolution of kernel 4, stride 2 and padding 1: doubles the length.
#[derive(Clone, Copy, Debug)]
pub struct Up {
    w: usize,
    b: usize,
}

impl Up {
    /// Over `channels`, started as in PyTorch.
    pub fn new(arch: &mut Arch, name: &str, channels: usize) -> Self {
        let bound = Init::Uniform(((channels * 4) as f64).sqrt().recip());
        Self {
            w: arch.add(
                format!("{name}.weight"),
                4 * channels,
                channels,
                Layout::Up,
                bound,
            ),
            b: arch.add(format!("{name}.bias"), 1, channels, Layout::Vector, bound),
        }
    }

    /// `[n, length, c]` to `[n, 2 length, c]`.  Output `2i` is tap 1 of `x_i` and tap 3 of `x_(i-1)`; output `2i + 1` is tap 2 of `x_i`
    /// and tap 0 of `x_(i+1)`.
    pub fn forward(&self, p: Params<'_>, x: Tensor<3>) -> Tensor<3> {
        let [n, length, c] = x.dims();
        let edge = Tensor::<3>::zeros([n, 1, c], &x.device());
        let before = Tensor::cat(vec![edge.clone(), x.clone().narrow(1, 0, length - 1)], 1);
        let after = Tensor::cat(vec![x.clone().narrow(1, 1, length - 1), edge], 1);
        let half = |other: Tensor<3>, first: usize| {
            let columns = Tensor::cat(vec![x.clone(), other], 2).reshape([n * length, 2 * c]);
            columns.matmul(p[self.w].clone().narrow(0, first * c, 2 * c)) + p[self.b].clone()
        };
        Tensor::cat(vec![half(before, 0), half(after, 2)], 1).reshape([n, 2 * length, c])
    }
}

/// Normalisation over the length and the channels of each group, with a scale and a shift of each channel.
#[derive(Clone, Copy, Debug)]
pub struct GroupNorm {
    scale: usize,
    shift: usize,
    groups: usize,
}

impl GroupNorm {
    /// PyTorch's `eps`.
    const EPS: f64 = 1e-5;

    /// Over `channels`, which `groups` must divide.
    pub fn new(arch: &mut Arch, name: &str, groups: usize, channels: usize) -> Self {
        Self {
            scale: arch.add(
                format!("{name}.weight"),
                1,
                channels,
                Layout::Vector,
                Init::Ones,
            ),
            shift: arch.add(
                format!("{name}.bias"),
                1,
                channels,
                Layout::Vector,
                Init::Zeros,
            ),
            groups,
        }
    }

    /// Keeps the shape.
    pub fn forward(&self, p: Params<'_>, x: Tensor<3>) -> Tensor<3> {
        let [n, length, c] = x.dims();
        let parts = x.reshape([n, length, self.groups, c / self.groups]);
        let mean = |t: Tensor<4>| t.mean_dim(3).mean_dim(1);
        let centred = parts.clone() - mean(parts);
        let variance = mean(centred.clone().square());
        let unit = centred * variance.add_scalar(Self::EPS).sqrt().recip();
        let row = |i: usize| p[i].clone().reshape([1, 1, c]);
        unit.reshape([n, length, c]) * row(self.scale) + row(self.shift)
    }
}
