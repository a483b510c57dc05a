//! Do the losses and their gradients equal PyTorch's?  Against the fixtures of `tests/fixtures/pytorch/reference.py`.

#![cfg(feature = "exec")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/plain.rs"]
mod plain;
#[path = "support/pytorch.rs"]
mod pytorch;
#[path = "support/tested.rs"]
mod tested;

use std::sync::Arc;

use align_schema::{Call, Dim, Quantity, Value};
use align_stdlib::exec::chain::Kernel;
use align_stdlib::exec::data::{Meta, TransitionBatch};
use align_stdlib::exec::denoiser::{Condition, Denoiser, numbers};
use align_stdlib::exec::facts::Facts;
use align_stdlib::exec::judge::reward_scale;
use align_stdlib::exec::reinforcing::{Rows, Rule, Settings, means, verdict};
use align_stdlib::exec::stage::{Noised, row_errors};
use align_stdlib::exec::weights::{Arch, Weights, gradients};
use align_stdlib::losses::diffusion_dpo::exec as dpo;
use align_stdlib::losses::iql::{Iql, exec as iql};
use align_stdlib::nets::Form;
use align_stdlib::nets::temporal_unet::{TemporalUnet, exec::Unet};
use align_stdlib::nets::twin_q::{TwinQ, exec::Critic};
use burn::prelude::*;
use pytorch::{Fixture, close, one, wide};
use rand::RngExt as _;
use rand_chacha::rand_core::SeedableRng as _;
use rand_distr::StandardNormal;
use safetensors::SafeTensors;
use tested::tested;

/// The policy of the fixtures: 6 numbers (3 actions of 2) given 4, a chain of 20 steps without clipping.
fn policy() -> Denoiser {
    denoiser(3, |call| {
        call(
            "mlp",
            vec![("width", Value::Int(16)), ("depth", Value::Int(2))],
        )
    })
}

/// A diffusion model over windows of 2 actions and 4 observations, with a goal.
fn denoiser(
    horizon: usize,
    net: impl Fn(&dyn Fn(&str, Vec<(&str, Value)>) -> Value) -> Value,
) -> Denoiser {
    let call = |name: &str, args: Vec<(&str, Value)>| {
        let args = args.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        Value::from(Call {
            name: name.into(),
            args,
        })
    };
    let net = net(&call);
    let sampler = call(
        "ddpm",
        vec![
            (
                "train",
                Value::Quantity(Quantity::new(20.0, Dim::DenoiseSteps)),
            ),
            ("schedule", Value::Name("cosine".into())),
            ("clip", Value::Bool(false)),
            ("temperature", Value::Float(1.0)),
        ],
    );
    let meta = Meta {
        goal: Some(vec![0.0; 4]),
        ..plain::meta(2, 4, horizon)
    };
    let model = Value::from(vec![("net".into(), net), ("sampler".into(), sampler)]);
    Denoiser::new(&Facts {
        model,
        meta,
        discount: 1.0,
        starts: Vec::new(),
    })
    .unwrap()
}

#[test]
fn diffusion_dpo_and_its_gradient_are_pytorchs() {
    let (f, d) = (Fixture::open("preference"), policy());
    let plain = tested();
    let twice = |v: Vec<f32>| [v.clone(), v].concat();
    let batch = Noised {
        samples: [f.f32("winner"), f.f32("loser")].concat(),
        condition: Condition {
            observations: twice(f.f32("obs")),
            ends: None,
            targets: None,
        },
        times: [f.times(), f.times()].concat(),
        noise: twice(f.f32("eps")),
    };
    let reference = f.weights(&d.arch, "reference.").tensors(&plain);
    let reference = numbers(row_errors(&d, &reference, &batch, &plain)).unwrap();
    let weights = f.weights(&d.arch, "weight.");
    let tracked = weights.tracked(&plain);
    let errors = row_errors(&d, &tracked, &batch, &plain.clone().autodiff());
    let mine = wide(&numbers(errors.clone().inner()).unwrap());
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    close(
        "model.winner",
        &[mean(&mine[..5])],
        &[f.f64("model.winner")],
    );
    close("model.loser", &[mean(&mine[5..])], &[f.f64("model.loser")]);
    close(
        "reference.winner",
        &[mean(&wide(&reference[..5]))],
        &[f.f64("reference.winner")],
    );
    let loss = dpo::loss(errors, &reference, f.f64("beta"));
    close("loss", &[one(loss.clone().inner())], &[f.f64("loss")]);
    f.check_gradient(
        &d.arch,
        &gradients(&d.arch, &tracked, loss.backward()).unwrap(),
    );
}

#[test]
fn a_model_that_is_its_reference_starts_at_log_two() {
    let device = tested();
    let errors = Tensor::<1>::from_data([0.3, 1.2, 0.7, 2.0], &device);
    let loss = dpo::loss(errors, &[0.3, 1.2, 0.7, 2.0], 100.0);
    assert!((one(loss) - std::f64::consts::LN_2).abs() < 1e-6);
}

/// Rows of one step of the chain, with the reference's means.
fn chain_rows(f: &Fixture, d: &Denoiser) -> Rows {
    let plain = tested();
    let sigmas = f.f32("sigma");
    let kernel = |(t, s): (&usize, &f32)| Kernel {
        sigma: f64::from(*s),
        ..d.sampler.chain.posterior(*t)
    };
    let exponent = |(old, s): (&f64, &f32)| (-old - log_scale(*s)) as f32;
    let mut rows = Rows {
        before: f.f32("noisy"),
        after: f.f32("taken"),
        condition: Condition {
            observations: f.f32("obs"),
            ends: None,
            targets: None,
        },
        kernels: f.times().iter().zip(&sigmas).map(kernel).collect(),
        exponents: f.values["old"].iter().zip(&sigmas).map(exponent).collect(),
        advantages: f.f32("advantage"),
        reference: None,
    };
    let reference = f.weights(&d.arch, "reference.").tensors(&plain);
    rows.reference = Some(numbers(means(d, &reference, &rows, &plain)).unwrap());
    rows
}

/// What a Gaussian's log density has beside its exponent, negated.
fn log_scale(sigma: f32) -> f64 {
    f64::from(sigma).ln() + 0.5 * (2.0 * std::f64::consts::PI).ln()
}

fn mean_of(t: Tensor<1>) -> f64 {
    let v = numbers(t).unwrap();
    wide(&v).iter().sum::<f64>() / v.len() as f64
}

fn settings(f: &Fixture, rule: Rule) -> Settings {
    Settings {
        rule,
        kl: f.f64("kl_weight"),
        plans: 6,
        eta: 1.0,
        floor: 0.1,
    }
}

#[test]
fn ppo_on_a_step_of_the_chain_and_its_gradient_are_pytorchs() {
    let (f, d) = (Fixture::open("clipped"), policy());
    let plain = tested();
    let rows = chain_rows(&f, &d);
    let clip = f.f64("clip");
    let settings = settings(&f, Rule::Clipped { clip, epochs: 1 });
    let tracked = f.weights(&d.arch, "weight.").tracked(&plain);
    let v = verdict(&d, &settings, &tracked, &rows, &plain.clone().autodiff());
    close("kl", &[mean_of(v.divergence.inner())], &[f.f64("kl")]);
    let outside = (v.ratios.inner() - 1.0).abs().greater_elem(clip).float();
    close(
        "clip_fraction",
        &[mean_of(outside)],
        &[f.f64("clip_fraction")],
    );
    let wanted = f.f64("surrogate") + f.f64("kl_weight") * f.f64("kl");
    close("loss", &[one(v.loss.clone().inner())], &[wanted]);
    f.check_gradient(
        &d.arch,
        &gradients(&d.arch, &tracked, v.loss.backward()).unwrap(),
    );
}

#[test]
fn reinforce_on_a_step_of_the_chain_and_its_gradient_are_pytorchs() {
    let (f, d) = (Fixture::open("score"), policy());
    let plain = tested();
    let rows = chain_rows(&f, &d);
    let tracked = f.weights(&d.arch, "weight.").tracked(&plain);
    let settings = settings(&f, Rule::Score);
    let v = verdict(&d, &settings, &tracked, &rows, &plain.clone().autodiff());
    close("kl", &[mean_of(v.divergence.inner())], &[f.f64("kl")]);
    // The loss leaves out what does not depend on the weights.
    let scales = f.f32("sigma").into_iter().map(log_scale);
    let constant = rows
        .advantages
        .iter()
        .zip(scales)
        .map(|(a, s)| f64::from(*a) * s)
        .sum::<f64>()
        / 6.0;
    let wanted = f.f64("policy") + f.f64("kl_weight") * f.f64("kl");
    close("loss", &[one(v.loss.clone().inner()) + constant], &[wanted]);
    f.check_gradient(
        &d.arch,
        &gradients(&d.arch, &tracked, v.loss.backward()).unwrap(),
    );
}

#[test]
fn the_closed_form_of_the_divergence_is_what_sampling_gives() {
    let (f, d) = (Fixture::open("score"), policy());
    let plain = tested();
    let rows = chain_rows(&f, &d);
    let weights = f.weights(&d.arch, "weight.").tensors(&plain);
    let v = verdict(&d, &settings(&f, Rule::Score), &weights, &rows, &plain);
    let closed = wide(&numbers(v.divergence).unwrap());
    let mean = numbers(means(&d, &weights, &rows, &plain)).unwrap();
    let other = rows.reference.as_ref().unwrap();
    let rng = &mut rand_chacha::ChaCha8Rng::from_seed([3; 32]);
    for (row, closed) in closed.iter().enumerate() {
        let (sigma, size, draws) = (rows.kernels[row].sigma, d.size(), 20_000);
        let mut sum = 0.0;
        for i in row * size..(row + 1) * size {
            let (mu, nu) = (f64::from(mean[i]), f64::from(other[i]));
            for _ in 0..draws {
                let x = mu + sigma * rng.sample::<f64, _>(StandardNormal);
                // The logarithm of the ratio of both densities.
                sum += ((x - nu).powi(2) - (x - mu).powi(2)) / (2.0 * sigma * sigma);
            }
        }
        let found = sum / (size * draws) as f64;
        // Its deviation over draws is the root of twice itself.
        let error = (2.0 * closed / (size * draws) as f64).sqrt();
        assert!(
            (found - closed).abs() < 5.0 * error + 1e-6,
            "row {row}: {found}, closed form {closed}"
        );
    }
}

#[test]
fn the_denoising_loss_and_its_gradient_are_pytorchs() {
    let (f, d) = (Fixture::open("denoise"), policy());
    let plain = tested();
    let batch = Noised {
        samples: f.f32("x"),
        condition: Condition {
            observations: f.f32("obs"),
            ends: None,
            targets: None,
        },
        times: f.times(),
        noise: f.f32("eps"),
    };
    let tracked = f.weights(&d.arch, "weight.").tracked(&plain);
    let loss = row_errors(&d, &tracked, &batch, &plain.clone().autodiff()).mean();
    close("loss", &[one(loss.clone().inner())], &[f.f64("loss")]);
    f.check_gradient(
        &d.arch,
        &gradients(&d.arch, &tracked, loss.backward()).unwrap(),
    );
}

#[test]
fn iql_and_its_gradient_are_pytorchs() {
    let f = Fixture::open("iql");
    let mut arch = Arch::default();
    let critic = Critic::new(
        &mut arch,
        &TwinQ {
            width: 16,
            depth: 2,
        },
        4,
        2,
    );
    let arch = Arc::new(arch);
    let loss = Iql {
        expectile: f.f64("expectile"),
        discount: f.f64("discount"),
        backup: 1,
        tau: 0.005,
    };
    // The fixture's rewards are those that the network sees.
    let scale = reward_scale(loss.discount) as f32;
    let batch = TransitionBatch {
        observations: f.f32("s"),
        actions: f.f32("a"),
        rewards: f.f32("r").iter().map(|r| r / scale).collect(),
        next: f.f32("next"),
        goes_on: f.f32("alive"),
        next_actions: Vec::new(),
    };
    let plain = tested();
    let weights = f.weights(&arch, "weight.");
    let (tracked, frozen) = (weights.tracked(&plain), weights.tensors(&plain));
    let target = f.weights(&arch, "target.").tensors(&plain);
    let parts = iql::parts(
        &critic,
        &loss,
        &batch,
        (&tracked, &target, &frozen),
        &plain.clone().autodiff(),
    )
    .unwrap();
    close(
        "value_loss",
        &[one(parts.v.clone().inner())],
        &[f.f64("value_loss")],
    );
    close(
        "q_loss",
        &[one(parts.q.clone().inner())],
        &[f.f64("q_loss")],
    );
    f.check_gradient(
        &arch,
        &gradients(&arch, &tracked, (parts.v + parts.q).backward()).unwrap(),
    );
}

#[test]
fn given_numbers_have_no_part_in_the_loss() {
    let d = denoiser(8, |call| {
        call(
            "temporal_unet",
            vec![
                ("width", Value::Int(8)),
                ("mults", Value::from(vec![Value::Int(1), Value::Int(2)])),
            ],
        )
    });
    let (size, width) = (d.size(), d.width());
    let windows: Vec<f32> = (0..2 * size).map(|i| (i as f32 * 0.37).sin()).collect();
    let (samples, condition) = d.split(&windows);
    assert_eq!(d.free(true).1, size - 2 * 4);
    let rng = &mut rand_chacha::ChaCha8Rng::from_seed([7; 32]);
    let weights = Weights::fresh(d.arch.clone(), rng);
    let device = tested();
    let errors = |noise: Vec<f32>| {
        let batch = Noised {
            samples: samples.clone(),
            condition: condition.clone(),
            times: vec![3, 17],
            noise,
        };
        numbers(row_errors(&d, &weights.tensors(&device), &batch, &device)).unwrap()
    };
    let noise: Vec<f32> = (0..2 * size).map(|i| (i as f32 * 0.91).cos()).collect();
    let mut other = noise.clone();
    for row in other.chunks_exact_mut(size) {
        row[d.act..width].fill(9.0);
        row[size - d.obs..].fill(-9.0);
    }
    assert_eq!(errors(noise.clone()), errors(other.clone()));
    other[0] = 9.0;
    assert_ne!(errors(noise), errors(other));
}

#[test]
fn a_checkpoint_has_pytorchs_names_shapes_and_layouts() {
    let f = Fixture::open("unet");
    let net = TemporalUnet {
        width: 8,
        mults: vec![1, 2],
        attention: None,
    };
    let mut arch = Arch::default();
    let form = Form {
        obs: 4,
        act: 2,
        horizon: 16,
        ..Form::default()
    };
    Unet::new(&mut arch, &net, &form).unwrap();
    let saved = f.weights(&Arc::new(arch), "weight.").to_bytes().unwrap();
    let (saved, theirs) = (
        SafeTensors::deserialize(&saved).unwrap(),
        SafeTensors::deserialize(&f.bytes).unwrap(),
    );
    let names: Vec<String> = theirs
        .names()
        .into_iter()
        .filter_map(|n| n.strip_prefix("weight."))
        .map(str::to_owned)
        .collect();
    assert_eq!(saved.len(), names.len());
    for name in names {
        let (a, b) = (
            saved.tensor(&name).unwrap(),
            theirs.tensor(&format!("weight.{name}")).unwrap(),
        );
        assert_eq!(a.shape(), b.shape(), "{name}");
        assert!(a.data() == b.data(), "{name} differs");
    }
}
