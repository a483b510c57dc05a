//! Do the embedded networks, chain and optimiser compute what PyTorch computes?  Against the fixtures of `tests/fixtures/pytorch/reference.py`.

#![cfg(feature = "exec")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/pytorch.rs"]
mod pytorch;
#[path = "support/tested.rs"]
mod tested;

use std::sync::Arc;

use align_runtime_api::device::Precision;
use align_schema::{Call, Value};
use align_stdlib::exec::backbone::{Given, Net};
use align_stdlib::exec::chain::{Chain, Predict};
use align_stdlib::exec::device::makes;
use align_stdlib::exec::layers::{Conv, Linear, Up};
use align_stdlib::exec::optim::{Optimiser, clip};
use align_stdlib::exec::weights::{Arch, gradients, read_flat, rounded};
use align_stdlib::nets::{Form, build};
use burn::prelude::*;
use pytorch::{Fixture, close, wide};
use safetensors::SafeTensors;
use tested::tested;

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    wide(&tensor.into_data().try_into_vec::<f32>().unwrap())
}

/// Checks the output of a network and the gradient of its product with `upstream`, for every weight.
fn check_network<const D: usize>(
    name: &str,
    arch: Arch,
    run: impl Fn(&Fixture, &[Tensor<2>], &Device) -> Tensor<D>,
    shape: [usize; D],
) {
    let fixture = Fixture::open(name);
    let arch = Arc::new(arch);
    let weights = fixture.weights(&arch, "weight.");
    let plain = tested();
    let y = run(&fixture, &weights.tensors(&plain), &plain);
    close(name, &values(y), &fixture.values["y"]);

    let device = plain.clone().autodiff();
    let tracked = weights.tracked(&plain);
    let loss =
        (run(&fixture, &tracked, &device) * fixture.tensor("upstream", shape, &device)).sum();
    let ours = gradients(&arch, &tracked, loss.backward()).unwrap();
    fixture.check_gradient(&arch, &ours);
    // What is written is what PyTorch reads: its names, its shapes, its bytes.
    let saved = weights.to_bytes().unwrap();
    let (saved, theirs) = (
        SafeTensors::deserialize(&saved).unwrap(),
        SafeTensors::deserialize(&fixture.bytes).unwrap(),
    );
    let names = theirs.names().into_iter();
    let names: Vec<&str> = names.filter_map(|n| n.strip_prefix("weight.")).collect();
    assert_eq!(saved.len(), names.len(), "{name}");
    for part in names {
        let (a, b) = (
            saved.tensor(part).unwrap(),
            theirs.tensor(&format!("weight.{part}")).unwrap(),
        );
        assert_eq!(a.shape(), b.shape(), "{name}: {part}");
        assert!(a.data() == b.data(), "{name}: {part} differs");
    }
}

/// Windows of 2 actions and 4 observations.
fn form(horizon: usize) -> Form {
    Form {
        obs: 4,
        act: 2,
        horizon,
        ..Form::default()
    }
}

/// What a network is given: an observation where the fixture has one, a return where it has one.
fn given(f: &Fixture, n: usize, d: &Device) -> Given {
    let column = |name: &str| f.tensor(name, [n, 1], d);
    Given {
        observation: if f.values.contains_key("obs") {
            f.tensor("obs", [n, 4], d)
        } else {
            Tensor::zeros([n, 4], d)
        },
        target: f
            .values
            .contains_key("asked")
            .then(|| [column("value"), column("asked")]),
    }
}

/// Checks a network that denoises `[n, horizon, width]`.
fn check_backbone(name: &str, net: &Call, form: &Form, [n, horizon, width]: [usize; 3]) {
    let mut arch = Arch::default();
    let Net::Backbone(backbone) = build(net, &mut arch, form).unwrap() else {
        panic!("{} is no backbone", net.name);
    };
    let run = |f: &Fixture, p: &[Tensor<2>], d: &Device| {
        let x = f.tensor("x", [n, horizon, width], d);
        backbone.forward(p, x, &given(f, n, d), &f.times())
    };
    check_network(name, arch, run, [n, horizon, width]);
}

fn net(name: &str, args: &[(&str, Value)]) -> Call {
    Call {
        name: name.into(),
        args: args
            .iter()
            .map(|(n, v)| ((*n).to_owned(), v.clone()))
            .collect(),
    }
}

fn ints(values: &[i64]) -> Value {
    Value::from(values.iter().map(|v| Value::Int(*v)).collect::<Vec<_>>())
}

#[test]
fn the_temporal_unet_and_its_gradient_are_pytorchs() {
    let plain = net(
        "temporal_unet",
        &[("width", Value::Int(8)), ("mults", ints(&[1, 2]))],
    );
    check_backbone("unet", &plain, &form(16), [2, 16, 6]);
}

#[test]
fn with_attention_and_a_return_it_is_too() {
    let rich = net(
        "temporal_unet",
        &[
            ("width", Value::Int(8)),
            ("mults", ints(&[1, 2])),
            ("attention", Value::Bool(true)),
        ],
    );
    let form = Form {
        target: true,
        ..form(8)
    };
    check_backbone("rich_unet", &rich, &form, [2, 8, 6]);
}

#[test]
fn the_transformer_and_its_gradient_are_pytorchs() {
    let dit = net(
        "dit1d",
        &[
            ("width", Value::Int(8)),
            ("heads", Value::Int(2)),
            ("depth", Value::Int(2)),
        ],
    );
    let form = Form {
        target: true,
        ..form(5)
    };
    check_backbone("dit", &dit, &form, [2, 5, 6]);
}

#[test]
fn the_policies_and_their_gradients_are_pytorchs() {
    let mlp = net(
        "mlp",
        &[("width", Value::Int(16)), ("depth", Value::Int(2))],
    );
    check_backbone("policy", &mlp, &form(3), [3, 3, 2]);
    let residual = net(
        "ln_resnet",
        &[("width", Value::Int(8)), ("blocks", Value::Int(2))],
    );
    check_backbone("ln_resnet", &residual, &form(3), [2, 3, 2]);
}

#[test]
fn the_value_of_a_plan_and_its_gradient_are_pytorchs() {
    let call = net(
        "value",
        &[("width", Value::Int(16)), ("mults", ints(&[1, 2]))],
    );
    let mut arch = Arch::default();
    let Net::Value(value) = build(&call, &mut arch, &form(6)).unwrap() else {
        panic!("no value");
    };
    let run = |f: &Fixture, p: &[Tensor<2>], d: &Device| {
        value.forward(p, f.tensor("x", [2, 6, 6], d), &f.times())
    };
    check_network("value", arch, run, [2, 1]);
}

#[test]
fn the_inverse_model_and_its_gradient_are_pytorchs() {
    let call = net(
        "inverse_dynamics",
        &[("width", Value::Int(16)), ("depth", Value::Int(2))],
    );
    let mut arch = Arch::default();
    let Net::Inverse(inverse) = build(&call, &mut arch, &form(6)).unwrap() else {
        panic!("no inverse model");
    };
    let run = |f: &Fixture, p: &[Tensor<2>], d: &Device| {
        inverse.forward(p, f.tensor("state", [3, 4], d), f.tensor("next", [3, 4], d))
    };
    check_network("inverse", arch, run, [3, 2]);
}

/// Every pair within a share of the largest magnitude; the result is how far they are apart at most.
fn within(what: &str, ours: &[f64], theirs: &[f64], share: f64) -> f64 {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let scale = theirs.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let pairs = ours.iter().zip(theirs);
    let off = pairs.fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()));
    assert!(off <= share * scale, "{what}: {off} apart of {scale}");
    off
}

#[test]
fn convolutions_of_many_channels_and_their_gradients_are_pytorchs() {
    let mut arch = Arch::default();
    let same = Conv::new(&mut arch, "same", 6, 16, 5);
    let wide = Conv::new(&mut arch, "wide", 16, 32, 5);
    let down = Conv::halving(&mut arch, "down", 32);
    let up = Up::new(&mut arch, "up", 32);
    let run = |f: &Fixture, p: &[Tensor<2>], d: &Device| {
        let x = same.forward(p, f.tensor("x", [11, 9, 6], d));
        up.forward(p, down.forward(p, wide.forward(p, x)))
    };
    check_network("layers", arch, run, [11, 10, 32]);
}

#[test]
fn layers_of_bfloat16_are_those_of_autocast() {
    let plain = tested();
    if plain == Device::flex() {
        let refused = makes(&plain, Precision::Bf16).unwrap_err().to_string();
        assert!(refused.contains("`cpu`, which multiplies in `f32` alone"));
        return;
    }
    makes(&plain, Precision::Bf16).unwrap();
    let mut arch = Arch::default();
    let same = Conv::new(&mut arch, "same", 6, 8, 5);
    let down = Conv::halving(&mut arch, "down", 8);
    let up = Up::new(&mut arch, "up", 8);
    let linear = Linear::new(&mut arch, "linear", 8, 3);
    let arch = Arc::new(arch);
    let fixture = Fixture::open("autocast");
    let device = plain.clone().autodiff();
    let leaves = fixture.weights(&arch, "weight.").tracked(&plain);
    let p = rounded(&arch, leaves.clone(), Precision::Bf16);
    let x = fixture.tensor("x", [2, 9, 6], &device).require_grad();
    let y = up.forward(&p, down.forward(&p, same.forward(&p, x.clone())));
    let y = linear.along(&p, y);
    // Eight significant bits; sums are in another order.
    let share = 2.0_f64.powi(-7);
    within("y", &values(y.clone()), &fixture.values["y"], share);
    let mut grads = (y * fixture.tensor("upstream", [2, 10, 3], &device))
        .sum()
        .backward();
    let of_x = values(x.grad_remove(&mut grads).unwrap());
    within("x", &of_x, &fixture.values["grad_x"], share);
    let ours = gradients(&arch, &leaves, grads).unwrap();
    let theirs = read_flat(&arch, &fixture.bytes, "grad.", "fixture").unwrap();
    for spec in &arch.specs {
        let part = |all: &[f32]| wide(&all[spec.at..spec.at + spec.len()]);
        within(&spec.name, &part(&ours), &part(&theirs), share);
    }
}

#[test]
fn a_network_of_bfloat16_is_no_further_off_than_autocasts() {
    let plain = tested();
    if makes(&plain, Precision::Bf16).is_err() {
        return;
    }
    let call = net(
        "temporal_unet",
        &[("width", Value::Int(8)), ("mults", ints(&[1, 2]))],
    );
    let mut arch = Arch::default();
    let Net::Backbone(backbone) = build(&call, &mut arch, &form(16)).unwrap() else {
        panic!("no backbone");
    };
    let (arch, fixture) = (Arc::new(arch), Fixture::open("unet"));
    let weights = fixture.weights(&arch, "weight.").tensors(&plain);
    let p = rounded(&arch, weights, Precision::Bf16);
    let x = fixture.tensor("x", [2, 16, 6], &plain);
    let y = backbone.forward(&p, x, &given(&fixture, 2, &plain), &fixture.times());
    let (exact, theirs) = (
        &fixture.values["y"],
        &Fixture::open("autocast").values["unet"],
    );
    let ours = within("ours", &values(y), exact, 0.05);
    let theirs = within("autocast's", theirs, exact, 0.05);
    // It is rounded, and normalisations are not.
    assert!(ours > 1e-4 && ours < 1.5 * theirs, "{ours}, {theirs}");
}

#[test]
fn schedules_and_steps_back_are_those_of_the_reference() {
    let fixture = Fixture::open("diffusion");
    for schedule in ["cosine", "linear", "vp"] {
        for steps in [5, 20] {
            let chain = Chain::new(schedule, steps).unwrap();
            close(
                schedule,
                &chain.abar,
                &fixture.values[&format!("abar.{schedule}.{steps}")],
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
            &fixture.values["x"],
            &fixture.values["eps"],
            &fixture.values["z"],
        );
        let ours: Vec<f64> = x.iter().zip(eps).zip(z).map(step).collect();
        close(name, &ours, &fixture.values[name]);
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
    let both = |a: &str, b: &str| [fixture.f32(a), fixture.f32(b)].concat();
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
        close("norm", &[norm], &[fixture.f64(&format!("norm{i}"))]);
        adamw.step(&mut weights, &gradient, 3e-3);
        for (e, w) in ema.iter_mut().zip(&weights) {
            *e = 0.9 * *e + 0.1 * w;
        }
    }
    close("weights", &wide(&weights), &wide(&both("a", "b")));
    close("average", &wide(&ema), &wide(&both("ema_a", "ema_b")));
}
