//! What are the layers?  Shapes and places in the table of weights; a forward pass takes the weights' tensors.
//!
//! Sequences are channels-last, `[batch, length, channels]`, so that every convolution is one matrix product.  Must not know any whole
//! network.

use align_kernels::Conv as Kernel;
use burn::prelude::*;
use burn::tensor::{DType, TensorData};

use crate::exec::fused;
use crate::exec::weights::{Arch, Init, Layout};

/// The tensors of a table of weights, in its order.
pub type Params<'a> = &'a [Tensor<2>];

/// `x tanh(log(1 + e^x))`.
pub fn mish<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    fused::mish(x)
}

/// A matrix product from numbers of a kind, which is that of the weights beside it; what comes out is `f32`.
fn product<const D: usize>(a: Tensor<D>, b: Tensor<D>, kind: DType) -> Tensor<D> {
    match kind {
        DType::F32 => a.matmul(b),
        lower => a.cast(lower).matmul(b.cast(lower)).cast(DType::F32),
    }
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
        Self::started(arch, name, (rows, cols), bound)
    }

    /// A layer of (rows, columns) whose numbers all start in this way.
    pub fn started(arch: &mut Arch, name: &str, (rows, cols): (usize, usize), init: Init) -> Self {
        Self {
            w: arch.add(format!("{name}.weight"), rows, cols, Layout::Linear, init),
            b: arch.add(format!("{name}.bias"), 1, cols, Layout::Vector, init),
        }
    }

    /// `[n, rows]` to `[n, cols]`.
    pub fn forward(&self, p: Params<'_>, x: Tensor<2>) -> Tensor<2> {
        let (w, b) = (p[self.w].clone(), p[self.b].clone());
        fused::conv(x.unsqueeze_dim(1), w, b, Kernel::Same(1)).squeeze_dim(1)
    }

    /// `[n, length, rows]` to `[n, length, cols]`.
    pub fn along(&self, p: Params<'_>, x: Tensor<3>) -> Tensor<3> {
        let [n, length, rows] = x.dims();
        let [_, cols] = p[self.b].dims();
        self.forward(p, x.reshape([n * length, rows]))
            .reshape([n, length, cols])
    }
}

/// A convolution that keeps the length (odd kernel, stride 1), or halves it (kernel 3, stride 2; an odd length is rounded up).
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
        let kernel = if self.halves {
            Kernel::Halve
        } else {
            Kernel::Same(self.kernel)
        };
        fused::conv(x, p[self.w].clone(), p[self.b].clone(), kernel)
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
        fused::conv(x, p[self.w].clone(), p[self.b].clone(), Kernel::Double)
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

    /// `mish` of the normalised `[n, length, channels]`, plus `[n, channels]` at every point where that is given.
    pub fn activated(&self, p: Params<'_>, x: Tensor<3>, add: Option<Tensor<2>>) -> Tensor<3> {
        let add = add.unwrap_or_else(|| Tensor::zeros([0, x.dims()[2]], &x.device()));
        let affine = [self.scale, self.shift].map(|i| p[i].clone());
        fused::norm(x, affine, add, self.groups)
    }
}

/// Normalisation over the channels of each point, `[n, length, channels]`.
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm {
    /// Scale and shift of each channel, where it has them.
    affine: Option<(usize, usize)>,
    eps: f64,
}

impl LayerNorm {
    /// PyTorch's `eps`.
    const EPS: f64 = 1e-5;

    /// As `nn.LayerNorm`, with a scale and a shift.
    pub fn new(arch: &mut Arch, name: &str, channels: usize) -> Self {
        Self::named(
            arch,
            [format!("{name}.weight"), format!("{name}.bias")],
            channels,
            Layout::Vector,
        )
    }

    /// Over the channels of a sequence whose scale `g` and shift `b` are kept as `[1, channels, 1]`.
    pub fn channels(arch: &mut Arch, name: &str, channels: usize) -> Self {
        Self::named(
            arch,
            [format!("{name}.g"), format!("{name}.b")],
            channels,
            Layout::Channel,
        )
    }

    /// Without a scale and a shift.
    pub fn plain(eps: f64) -> Self {
        Self { affine: None, eps }
    }

    fn named(
        arch: &mut Arch,
        [scale, shift]: [String; 2],
        channels: usize,
        layout: Layout,
    ) -> Self {
        let scale = arch.add(scale, 1, channels, layout, Init::Ones);
        let shift = arch.add(shift, 1, channels, layout, Init::Zeros);
        Self {
            affine: Some((scale, shift)),
            eps: Self::EPS,
        }
    }

    /// Keeps the shape.
    pub fn forward(&self, p: Params<'_>, x: Tensor<3>) -> Tensor<3> {
        let centred = x.clone() - x.mean_dim(2);
        let variance = centred.clone().square().mean_dim(2);
        let unit = centred * variance.add_scalar(self.eps).sqrt().recip();
        match self.affine {
            Some((scale, shift)) => {
                unit * p[scale].clone().unsqueeze_dim::<3>(0)
                    + p[shift].clone().unsqueeze_dim::<3>(0)
            }
            None => unit,
        }
    }
}

/// Attention whose cost grows with the length and not its square, beside a straight path: every point reads one summary of all.
///
/// `softmax` of the keys along the length, `context = k v^T`, `out = context q`; source: Shen et al., Efficient Attention, arXiv 1812.01243, as
/// used in jannerm/diffuser (4 heads of 32).
#[derive(Clone, Copy, Debug)]
pub struct LinearAttention {
    norm: LayerNorm,
    qkv: usize,
    out: Conv,
}

impl LinearAttention {
    /// Heads.
    pub const HEADS: usize = 4;
    /// Numbers of a head.
    pub const HEAD: usize = 32;

    /// Over `channels`.
    pub fn new(arch: &mut Arch, name: &str, channels: usize) -> Self {
        let hidden = Self::HEADS * Self::HEAD;
        let norm = LayerNorm::channels(arch, &format!("{name}.fn.norm"), channels);
        let qkv = arch.add(
            format!("{name}.fn.fn.to_qkv.weight"),
            channels,
            3 * hidden,
            Layout::Conv(1),
            Init::Uniform((channels as f64).sqrt().recip()),
        );
        let out = Conv::new(arch, &format!("{name}.fn.fn.to_out"), hidden, channels, 1);
        Self { norm, qkv, out }
    }

    /// Keeps the shape.
    pub fn forward(&self, p: Params<'_>, x: Tensor<3>) -> Tensor<3> {
        use burn::tensor::activation::softmax;
        let [n, length, c] = x.dims();
        let hidden = Self::HEADS * Self::HEAD;
        let flat = self.norm.forward(p, x.clone()).reshape([n * length, c]);
        let kind = p[self.qkv].dtype();
        let qkv = product(flat, p[self.qkv].clone(), kind).reshape([n, length, 3 * hidden]);
        let heads = |k: usize| {
            qkv.clone()
                .narrow(2, k * hidden, hidden)
                .reshape([n, length, Self::HEADS, Self::HEAD])
                .swap_dims(1, 2)
        };
        let q = heads(0).mul_scalar((Self::HEAD as f64).sqrt().recip());
        let k = softmax(heads(1), 2);
        let context = product(k.swap_dims(2, 3), heads(2), kind);
        let read = product(q, context, kind)
            .swap_dims(1, 2)
            .reshape([n, length, hidden]);
        x + self.out.forward(p, read)
    }
}

/// Attention of every point to every point, as `nn.MultiheadAttention`.
#[derive(Clone, Copy, Debug)]
pub struct SelfAttention {
    into: usize,
    bias: usize,
    out: Linear,
    heads: usize,
}

impl SelfAttention {
    /// Over `width` numbers in so many heads, which must divide it.
    pub fn new(arch: &mut Arch, name: &str, width: usize, heads: usize) -> Self {
        // PyTorch starts the three projections together: Xavier's bound over `width` inputs and `3 width` outputs.
        let bound = Init::Uniform((6.0 / (4 * width) as f64).sqrt());
        Self {
            into: arch.add(
                format!("{name}.in_proj_weight"),
                width,
                3 * width,
                Layout::Linear,
                bound,
            ),
            bias: arch.add(
                format!("{name}.in_proj_bias"),
                1,
                3 * width,
                Layout::Vector,
                Init::Zeros,
            ),
            out: Linear::new(arch, &format!("{name}.out_proj"), width, width),
            heads,
        }
    }

    /// Keeps the shape `[n, length, width]`.
    pub fn forward(&self, p: Params<'_>, x: Tensor<3>) -> Tensor<3> {
        use burn::tensor::activation::softmax;
        let [n, length, width] = x.dims();
        let size = width / self.heads;
        let kind = p[self.into].dtype();
        let all = product(x.reshape([n * length, width]), p[self.into].clone(), kind);
        let all = (all + p[self.bias].clone()).reshape([n, length, 3 * width]);
        let part = |k: usize| {
            all.clone()
                .narrow(2, k * width, width)
                .reshape([n, length, self.heads, size])
                .swap_dims(1, 2)
        };
        let scores = product(part(0), part(1).swap_dims(2, 3), kind)
            .mul_scalar((size as f64).sqrt().recip());
        let read = product(softmax(scores, 3), part(2), kind).swap_dims(1, 2);
        self.out.along(p, read.reshape([n, length, width]))
    }
}

/// `0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`, PyTorch's `GELU(approximate="tanh")`.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let cube = x.clone().powi_scalar(3).mul_scalar(0.044_715);
    let inner = (x.clone() + cube).mul_scalar((2.0 / std::f64::consts::PI).sqrt());
    x.mul_scalar(0.5) * inner.tanh().add_scalar(1.0)
}

/// Linear layers to `outputs` numbers, named as an `nn.Sequential` of linear layers with an activation between.
pub fn tower(
    arch: &mut Arch,
    name: &str,
    inputs: usize,
    hidden: &[usize],
    outputs: usize,
) -> Vec<Linear> {
    let mut inputs = inputs;
    let widths = hidden.iter().chain(std::iter::once(&outputs));
    widths
        .enumerate()
        .map(|(i, width)| {
            let layer = Linear::new(arch, &format!("{name}.{}", 2 * i), inputs, *width);
            inputs = *width;
            layer
        })
        .collect()
}

/// A tower with ReLU between its layers.
pub fn relu_tower(layers: &[Linear], p: Params<'_>, x: Tensor<2>) -> Tensor<2> {
    let Some((last, hidden)) = layers.split_last() else {
        return x;
    };
    let relu = burn::tensor::activation::relu::<2>;
    let x = hidden.iter().fold(x, |x, layer| relu(layer.forward(p, x)));
    last.forward(p, x)
}
