//! Do the embedded networks, chain and optimiser compute what PyTorch computes?  Against the fixtures of `tests/fixtures/pytorch/reference.py`.

#![cfg(feature = "exec")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use align_schema::{Call, Value};
use align_stdlib::exec::chain::{Chain, Predict};
use align_stdlib::exec::optim::{Optimiser, clip};
use align_stdlib::exec::weights::{Arch, Weights, gradients, read_flat};
use align_stdlib::nets::mlp::{Mlp, exec::PolicyNet};
use align_stdlib::nets::temporal_unet::{TemporalUnet, exec::Unet};
use burn::prelude::*;
use burn::tensor::TensorData;
use safetensors::{Dtype, SafeTensors};

struct Fixture(Vec<u8>);

impl Fixture {
    fn open(name: &str) -> Self {
        Self(std::fs::read(format!("../tests/fixtures/pytorch/{name}.safetensors")).unwrap())
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(name).unwrap();
        let bytes = view.data();
        match view.dtype() {
            Dtype::F32 => bytes
                .chunks_exact(4)
                .map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap())))
                .collect(),
            Dtype::F64 => bytes
                .chunks_exact(8)
                .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
                .collect(),
            Dtype::I64 => bytes
                .chunks_exact(8)
                .map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64)
                .collect(),
            other => panic!("{name} is {other:?}"),
        }
    }

    fn number(&self, name: &str) -> f64 {
        self.numbers(name)[0]
    }

    fn singles(&self, name: &str) -> Vec<f32> {
        self.numbers(name).iter().map(|x| *x as f32).collect()
    }

    fn times(&self) -> Vec<usize> {
        self.numbers("t").iter().map(|t| *t as usize).collect()
    }

    fn tensor<const D: usize>(&self, name: &str, shape: [usize; D], device: &Device) -> Tensor<D> {
        Tensor::from_data(TensorData::new(self.singles(name), shape), device)
    }
}

/// Every pair within 1e-5 of the largest magnitude (at least 1).
fn assert_close(what: &str, ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let scale = theirs.iter().fold(1.0_f64, |m, x| m.max(x.abs()));
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!(
            (a - b).abs() <= 1e-5 * scale,
            "{what}[{i}]: {a}, wanted {b}"
        );
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|x| f64::from(*x)).collect()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    wide(&tensor.into_data().try_into_vec::<f32>().unwrap())
}

/// Checks the output of a network and the gradient of its product with `upstream`, for every weight.
fn check_network(
    name: &str,
    arch: Arch,
    run: impl Fn(&Fixture, &[Tensor<2>], &Device) -> Tensor<3>,
    shape: [usize; 3],
) {
    let fixture = Fixture::open(name);
    let arch = Arc::new(arch);
    let weights = Weights {
        values: read_flat(&arch, &fixture.0, "weight.", name).unwrap(),
        arch: arch.clone(),
    };
    let plain = Device::flex();
    let y = run(&fixture, &weights.tensors(&plain), &plain);
    assert_close(name, &values(y), &fixture.numbers("y"));

    let device = plain.clone().autodiff();
    let tracked = weights.tracked(&plain);
    let loss =
        (run(&fixture, &tracked, &device) * fixture.tensor("upstream", shape, &device)).sum();
    let ours = gradients(&arch, &tracked, loss.backward()).unwrap();
    let theirs = read_flat(&arch, &fixture.0, "grad.", name).unwrap();
    for spec in &arch.specs {
        let part = spec.at..spec.at + spec.len();
        assert_close(
            &format!("{name}: gradient of {}", spec.name),
            &wide(&ours[part.clone()]),
            &wide(&theirs[part]),
        );
    }
}

#[test]
fn the_temporal_unet_and_its_gradient_are_pytorchs() {
    let mut arch = Arch::default();
    let unet = Unet::new(
        &mut arch,
        &TemporalUnet {
            width: 8,
            mults: vec![1, 2],
        },
        6,
        16,
    )
    .unwrap();
    let run = |f: &Fixture, p: &[Tensor<2>], d: &Device| {
        unet.forward(p, f.tensor("x", [2, 16, 6], d), &f.times())
    };
    check_network("unet", arch, run, [2, 16, 6]);
}

#[test]
fn the_policy_and_its_gradient_are_pytorchs() {
    let mut arch = Arch::default();
    let net = PolicyNet::new(
        &mut arch,
        &Mlp {
            width: 16,
            depth: 2,
        },
        6,
        4,
    );
    let run = |f: &Fixture, p: &[Tensor<2>], d: &Device| {
        net.forward(
            p,
            f.tensor("x", [3, 6], d),
            f.tensor("obs", [3, 4], d),
            &f.times(),
        )
        .reshape([3, 1, 6])
    };
    check_network("policy", arch, run, [3, 1, 6]);
}

#[test]
fn schedules_and_steps_back_are_those_of_the_reference() {
    let fixture = Fixture::open("diffusion");
    for schedule in ["cosine", "linear", "vp"] {
        for steps in [5, 20] {
            let chain = Chain::new(schedule, steps).unwrap();
            assert_close(
                schedule,
                &chain.abar,
                &fixture.numbers(&format!("abar.{schedule}.{steps}")),
            );
        }
    }
    let chain = Chain::new("cosine", 20).unwrap();
    let (of_noisy, of_output) = chain.clean(12, Predict::Noise);
    for (name, kernel) in [
        ("posterior", chain.posterior(12)),
        ("ddim", chain.implicit(12, 8, 0.5)),
    ] {
        let step = |((x, eps), z): ((&f64, &f64), &f64)| {
            let clean = (of_noisy * x + of_output * eps).clamp(-1.0, 1.0);
            kernel.of_sample * clean + kernel.of_noisy * x + kernel.sigma * z
        };
        let (x, eps, z) = (
            fixture.numbers("x"),
            fixture.numbers("eps"),
            fixture.numbers("z"),
        );
        let ours: Vec<f64> = x.iter().zip(&eps).zip(&z).map(step).collect();
        assert_close(name, &ours, &fixture.numbers(name));
    }
}

#[test]
fn clipping_adamw_and_the_moving_average_are_pytorchs() {
    let fixture = Fixture::open("optimiser");
    let number = |name: &str, x| (name.to_owned(), Value::Float(x));
    let schedule = Value::from(Call {
        name: "constant".into(),
        args: Vec::new(),
    });
    let args = vec![
        number("lr", 3e-3),
        number("weight_decay", 0.01),
        number("beta1", 0.9),
        number("beta2", 0.999),
        number("eps", 1e-8),
        ("schedule".to_owned(), schedule),
    ];
    let both = |a: &str, b: &str| [fixture.singles(a), fixture.singles(b)].concat();
    let mut weights = both("a0", "b0");
    let mut ema = weights.clone();
    let mut adamw = Optimiser::new(
        &Call {
            name: "adamw".into(),
            args,
        },
        weights.len(),
    )
    .unwrap();
    for i in 0..5 {
        let mut gradient = both(&format!("ga{i}"), &format!("gb{i}"));
        let norm = clip(&mut gradient, 1.0);
        assert_close("norm", &[norm], &[fixture.number(&format!("norm{i}"))]);
        adamw.step(&mut weights, &gradient, 3e-3);
        for (e, w) in ema.iter_mut().zip(&weights) {
            *e = 0.9 * *e + 0.1 * w;
        }
    }
    assert_close("weights", &wide(&weights), &wide(&both("a", "b")));
    assert_close("average", &wide(&ema), &wide(&both("ema_a", "ema_b")));
}
