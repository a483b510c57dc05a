//! How do the operations compute on the embedded device?  By [`align_kernels`], on slices of the tensors, with backward passes written by hand.

use align_kernels::{Conv, Norm, Shape};
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, BackendTypes, Flex, TensorMetadata as _};
use burn::tensor::TensorData;

use super::Fused;

/// A tensor of the embedded kernels.
type Host = <Flex as BackendTypes>::FloatTensorPrimitive;

/// The numbers of a tensor, row-major.
fn flat(of: &Host) -> Host {
    of.to_contiguous()
}

fn slice(of: &Host) -> &[f32] {
    of.as_slice().unwrap_or_default()
}

fn made(values: Vec<f32>, shape: &[usize]) -> Host {
    Host::from_data(TensorData::new(values, shape))
}

fn shape(x: &Host, w: &Host, conv: Conv) -> Shape {
    let (x, w) = (x.shape(), w.shape());
    debug_assert!(!matches!(conv, Conv::Same(k) if w[0] != k * x[2]));
    Shape {
        length: x[1],
        inputs: x[2],
        outputs: w[1],
    }
}

fn of_norm(x: &Host, groups: usize) -> Norm {
    let x = x.shape();
    Norm {
        length: x[1],
        channels: x[2],
        groups,
    }
}

/// What comes out, and what the backward pass wants of it.
fn norm_forward([x, scale, shift, add]: [&Host; 4], groups: usize) -> (Host, Host) {
    let norm = of_norm(x, groups);
    let (out, saved) = norm.forward(slice(x), slice(scale), slice(shift), slice(add));
    let size = saved.len();
    (made(out, &x.shape()), made(saved, &[size]))
}

fn conv_forward([x, w, b]: [&Host; 3], conv: Conv) -> Host {
    let s = shape(x, w, conv);
    let out = conv.forward(s, slice(x), slice(w), slice(b));
    made(out, &[x.shape()[0], conv.out(s.length), s.outputs])
}

fn mish_forward(x: &Host) -> Host {
    let mut out = vec![0.0; slice(x).len()];
    align_kernels::mish(slice(x), &mut out);
    made(out, &x.shape())
}

impl Fused for Flex {
    fn fused_conv(x: Host, w: Host, b: Host, conv: Conv) -> Host {
        conv_forward([&flat(&x), &flat(&w), &flat(&b)], conv)
    }

    fn fused_norm(x: Host, scale: Host, shift: Host, add: Host, groups: usize) -> Host {
        let inputs = [&x, &scale, &shift, &add].map(flat);
        norm_forward(inputs.each_ref(), groups).0
    }

    fn fused_mish(x: Host) -> Host {
        mish_forward(&flat(&x))
    }
}

#[derive(Debug)]
struct ConvStep;

impl Backward<Flex, 3> for ConvStep {
    type State = ([Host; 2], Conv);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let ([x, w], conv) = ops.state;
        let gradient = flat(&grads.consume::<Flex>(&ops.node));
        let [to_x, to_w, to_b] = ops.parents;
        let s = shape(&x, &w, conv);
        let out = conv.backward(s, slice(&x), slice(&w), slice(&gradient), to_x.is_some());
        if let (Some(node), Some(values)) = (to_x, out.x) {
            grads.register::<Flex>(node.id, made(values, &x.shape()));
        }
        if let Some(node) = to_w {
            grads.register::<Flex>(node.id, made(out.w, &w.shape()));
        }
        if let Some(node) = to_b {
            grads.register::<Flex>(node.id, made(out.b, &[1, s.outputs]));
        }
    }
}

#[derive(Debug)]
struct NormStep;

impl Backward<Flex, 4> for NormStep {
    type State = ([Host; 4], usize);

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let ([x, saved, scale, shift], groups) = ops.state;
        let gradient = flat(&grads.consume::<Flex>(&ops.node));
        let norm = of_norm(&x, groups);
        let affine = (slice(&scale), slice(&shift));
        let out = norm.backward(
            slice(&x),
            slice(&saved),
            affine.0,
            affine.1,
            slice(&gradient),
        );
        let shapes = [
            x.shape().to_vec(),
            vec![1, norm.channels],
            vec![1, norm.channels],
            vec![x.shape()[0], norm.channels],
        ];
        let values = [out.x, out.scale, out.shift, out.add];
        for ((node, values), shape) in ops.parents.into_iter().zip(values).zip(shapes) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, made(values, &shape));
            }
        }
    }
}

#[derive(Debug)]
struct MishStep;

impl Backward<Flex, 1> for MishStep {
    type State = Host;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let x = ops.state;
        let gradient = flat(&grads.consume::<Flex>(&ops.node));
        let [to] = ops.parents;
        if let Some(node) = to {
            let mut out = vec![0.0; slice(&x).len()];
            align_kernels::mish_backward(slice(&x), slice(&gradient), &mut out);
            grads.register::<Flex>(node.id, made(out, &x.shape()));
        }
    }
}

impl<C: CheckpointStrategy> Fused for Autodiff<Flex, C> {
    fn fused_conv(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        b: FloatTensor<Self>,
        conv: Conv,
    ) -> FloatTensor<Self> {
        let prepared = ConvStep.prepare::<C>([x.node(), w.node(), b.node()]);
        let [x, w, b] = [&x, &w, &b].map(|t| flat(t.primitive()));
        let out = conv_forward([&x, &w, &b], conv);
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(([x, w], conv), out),
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
        let [x, scale, shift, add] = [&x, &scale, &shift, &add].map(|t| flat(t.primitive()));
        let (out, saved) = norm_forward([&x, &scale, &shift, &add], groups);
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(([x, saved, scale, shift], groups), out),
            OpsKind::UnTracked(step) => step.finish(out),
        }
    }

    fn fused_mish(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let prepared = MishStep.prepare::<C>([x.node()]);
        let x = flat(x.primitive());
        let out = mish_forward(&x);
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(x, out),
            OpsKind::UnTracked(step) => step.finish(out),
        }
    }
}
