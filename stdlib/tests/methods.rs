//! Do the newer losses, samplers, guidance and adapters equal PyTorch's, and are they what their definitions say of each other?

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
use align_stdlib::exec::adapter::Adapter;
use align_stdlib::exec::candidates::{rewards, sorted};
use align_stdlib::exec::chain::Sampler;
use align_stdlib::exec::data::{Normaliser, Scheme, TransitionBatch};
use align_stdlib::exec::denoiser::{Condition, Denoiser, numbers};
use align_stdlib::exec::env::Stream;
use align_stdlib::exec::facts::Facts;
use align_stdlib::exec::judge::{Judge, network, reward_scale};
use align_stdlib::exec::pathwise::{Noise, Walked, climb, walk};
use align_stdlib::exec::stage::{Noised, row_errors};
use align_stdlib::exec::valuing::Regression as _;
use align_stdlib::exec::weights::{Arch, Weights, gradients};
use align_stdlib::losses::diffusion_dpo::exec as dpo;
use align_stdlib::losses::double_q::exec as double_q;
use align_stdlib::losses::em::exec::resampled;
use align_stdlib::losses::listwise_dpo::exec as listwise;
use align_stdlib::losses::return_to_go::ReturnToGo;
use align_stdlib::losses::value_alignment::exec as alignment;
use align_stdlib::nets::twin_q::{TwinQ, exec::Critic};
use burn::prelude::*;
use burn::tensor::TensorData;
use pytorch::{Fixture, close, one, wide};
use rand_chacha::rand_core::SeedableRng as _;
use tested::tested;

fn call(name: &str, args: &[(&str, Value)]) -> Value {
    let args = args.iter().map(|(n, v)| ((*n).to_owned(), v.clone()));
    Value::from(Call {
        name: name.into(),
        args: args.collect(),
    })
}

fn steps(n: f64) -> Value {
    Value::Quantity(Quantity::new(n, Dim::DenoiseSteps))
}

fn mlp(width: i64, depth: i64) -> Value {
    call(
        "mlp",
        &[("width", Value::Int(width)), ("depth", Value::Int(depth))],
    )
}

/// `ddpm` over a chain.
fn ddpm(train: f64, schedule: &str, clip: bool) -> Value {
    call(
        "ddpm",
        &[
            ("train", steps(train)),
            ("schedule", Value::Name(schedule.into())),
            ("clip", Value::Bool(clip)),
            ("temperature", Value::Float(1.0)),
        ],
    )
}

/// Facts of a model of 2 actions and 4 observations, in plain units.
fn facts(model: Vec<(&str, Value)>, horizon: usize) -> Facts {
    let model = model.into_iter().map(|(n, v)| (n.to_owned(), v));
    Facts {
        model: Value::from(model.collect::<Vec<_>>()),
        meta: plain::meta(2, 4, horizon),
        discount: 0.9,
        starts: Vec::new(),
    }
}

fn twin(width: usize) -> (Critic, Arc<Arch>) {
    let mut arch = Arch::default();
    let critic = Critic::new(&mut arch, &TwinQ { width, depth: 2 }, 4, 2);
    (critic, Arc::new(arch))
}

fn judge(f: &Fixture) -> Judge {
    let net = call(
        "twin_q",
        &[("width", Value::Int(8)), ("depth", Value::Int(2))],
    );
    let facts = facts(vec![("net", net)], 1);
    let (_, arch) = network(&facts).unwrap();
    Judge::new(facts, &f.weights(&arch, "critic."), &tested()).unwrap()
}

fn random(seed: u8) -> Stream {
    Stream::from_seed([seed; 32])
}

#[test]
fn double_q_and_its_gradient_are_pytorchs() {
    let f = Fixture::open("double_q");
    let (critic, arch) = twin(8);
    let discount = f.f64("discount");
    let scale = reward_scale(discount) as f32;
    let batch = TransitionBatch {
        observations: f.f32("s"),
        actions: f.f32("a"),
        rewards: f.f32("r").iter().map(|r| r / scale).collect(),
        next: f.f32("next"),
        goes_on: f.f32("alive"),
        next_actions: f.f32("proposed"),
    };
    let plain = tested();
    let tracked = f.weights(&arch, "weight.").tracked(&plain);
    let target = f.weights(&arch, "target.").tensors(&plain);
    let weights = (&tracked[..], &target[..], &target[..]);
    let device = plain.autodiff();
    let parts = double_q::parts(&critic, discount, &batch, weights, &device).unwrap();
    close("q", &[one(parts.q.clone().inner())], &[f.f64("q_loss")]);
    close("v", &[one(parts.v.clone().inner())], &[f.f64("value_loss")]);
    let ours = gradients(&arch, &tracked, (parts.q + parts.v).backward()).unwrap();
    f.check_gradient(&arch, &ours);
}

#[test]
fn the_regression_to_returns_and_its_gradient_are_pytorchs() {
    let f = Fixture::open("return_to_go");
    let (critic, arch) = twin(8);
    let loss = ReturnToGo { discount: 0.9 };
    let scale = reward_scale(loss.discount) as f32;
    let batch = TransitionBatch {
        observations: f.f32("s"),
        actions: f.f32("a"),
        rewards: f.f32("to_go").iter().map(|r| r / scale).collect(),
        ..TransitionBatch::default()
    };
    let plain = tested();
    let tracked = f.weights(&arch, "weight.").tracked(&plain);
    let weights = (&tracked[..], &tracked[..], &tracked[..]);
    let parts = loss
        .parts(&critic, &batch, weights, &plain.autodiff())
        .unwrap();
    close("q", &[one(parts.q.clone().inner())], &[f.f64("q_loss")]);
    close("v", &[one(parts.v.clone().inner())], &[f.f64("value_loss")]);
    let ours = gradients(&arch, &tracked, (parts.q + parts.v).backward()).unwrap();
    f.check_gradient(&arch, &ours);
}

#[test]
fn losses_of_lists_and_their_gradients_are_pytorchs() {
    let f = Fixture::open("lists");
    let device = tested().autodiff();
    for (name, grad) in [("order", "order_grad"), ("odds", "odds_grad")] {
        let s = f.tensor("rewards", [3, 5], &device).require_grad();
        let loss = if name == "order" {
            listwise::loss(s.clone())
        } else {
            alignment::loss(s.clone(), &f.values["values"], 0.5)
        };
        close(name, &[one(loss.clone().inner())], &[f.f64(name)]);
        let ours = s.grad_remove(&mut loss.backward()).unwrap();
        close(grad, &wide(&numbers(ours).unwrap()), &f.values[grad]);
    }
}

#[test]
fn a_list_of_two_is_a_pair() {
    let device = tested();
    let (mine, theirs) = ([0.3_f32, 1.2, 0.7, 2.0], [0.5_f32, 1.0, 0.9, 1.5]);
    // Pairs stand winners first; lists stand plan by plan.
    let pairs = Tensor::<1>::from_data([mine[0], mine[2], mine[1], mine[3]], &device);
    let pairs = dpo::loss(pairs, &[theirs[0], theirs[2], theirs[1], theirs[3]], 7.0);
    let errors = Tensor::<1>::from_data(mine, &device);
    let lists = listwise::loss(rewards(errors, &theirs, 7.0, 2));
    assert!((one(pairs) - one(lists)).abs() < 1e-6);
    // With hard labels the odds of values are the same thing.
    let errors = Tensor::<1>::from_data(mine, &device);
    let odds = alignment::loss(
        rewards(errors, &theirs, 7.0, 2),
        &[1.0, 0.0, 1.0, 0.0],
        1e-3,
    );
    let errors = Tensor::<1>::from_data(mine, &device);
    let lists = listwise::loss(rewards(errors, &theirs, 7.0, 2));
    assert!((one(odds) - one(lists)).abs() < 1e-6);
}

#[test]
fn lists_start_at_the_logarithm_of_their_choices() {
    let device = tested();
    let level = |k: usize| one(listwise::loss(Tensor::zeros([4, k], &device)));
    assert!((level(2) - std::f64::consts::LN_2).abs() < 1e-6);
    let wanted = [4.0_f64, 3.0, 2.0].map(f64::ln).iter().sum::<f64>() / 3.0;
    assert!((level(4) - wanted).abs() < 1e-6);
}

#[test]
fn lists_are_sorted_and_those_that_tie_are_dropped() {
    let samples: Vec<f32> = (0..6).map(|i| i as f32).collect();
    let condition = Condition {
        observations: samples.iter().map(|s| 10.0 * s).collect(),
        ..Condition::default()
    };
    let lists = sorted(
        3,
        &samples,
        &condition,
        &[1.0, 3.0, 2.0, 5.0, 5.0, 5.0],
        (1, 1),
    )
    .unwrap();
    assert_eq!(lists.samples, [1.0, 2.0, 0.0]);
    assert_eq!(lists.condition.observations, [10.0, 20.0, 0.0]);
    let ties = sorted(3, &samples, &condition, &[5.0; 6], (1, 1));
    let text = format!("{:?}", ties.err().unwrap());
    assert!(
        text.contains("all ties") && text.contains("2 states"),
        "{text}"
    );
}

#[test]
fn the_solver_takes_the_steps_of_the_reference() {
    let f = Fixture::open("solver");
    let solver = call(
        "dpm_solver",
        &[
            ("train", steps(20.0)),
            ("act", steps(4.0)),
            ("order", Value::Int(2)),
            ("schedule", Value::Name("cosine".into())),
            ("clip", Value::Bool(true)),
            ("temperature", Value::Float(1.0)),
        ],
    );
    let Value::Call(solver) = solver else {
        unreachable!()
    };
    let sampler = Sampler::new(&solver).unwrap();
    let mut x = f.values["x"].clone();
    let mut last: Option<Vec<f64>> = None;
    for kernel in sampler.kernels(20, None) {
        let product = |row: &[f64], c: usize| -> f64 {
            (0..6).map(|k| row[k] * f.values["w"][k * 6 + c]).sum()
        };
        let clean: Vec<f64> = x
            .chunks_exact(6)
            .flat_map(|row| (0..6).map(|c| product(row, c).clamp(-1.0, 1.0)))
            .collect();
        let before = last.as_ref().unwrap_or(&clean);
        let step = |((x, c), b): ((&f64, &f64), &f64)| {
            kernel.of_sample * c + kernel.of_previous * b + kernel.of_noisy * x
        };
        x = x.iter().zip(&clean).zip(before).map(step).collect();
        last = Some(clean);
    }
    close("solver", &x, &f.values["y"]);
}

#[test]
fn a_solver_of_first_order_is_implicit_sampling_without_noise() {
    let of = |name: &str, more: (&str, Value)| {
        let mut args = vec![
            ("train", steps(20.0)),
            ("act", steps(5.0)),
            ("schedule", Value::Name("vp".into())),
            ("clip", Value::Bool(true)),
            ("temperature", Value::Float(1.0)),
        ];
        args.push(more);
        let Value::Call(call) = call(name, &args) else {
            unreachable!()
        };
        Sampler::new(&call).unwrap().kernels(20, None)
    };
    let solver = of("dpm_solver", ("order", Value::Int(1)));
    for (a, b) in solver.iter().zip(of("ddim", ("eta", Value::Float(0.0)))) {
        assert_eq!((a.from, a.to), (b.from, b.to));
        assert!((a.of_sample - b.of_sample).abs() < 1e-12, "{a:?} {b:?}");
        assert!((a.of_noisy - b.of_noisy).abs() < 1e-12, "{a:?} {b:?}");
    }
}

/// The policy of `chained`: 2 numbers given 4, five steps of `vp`.
fn chained() -> (Fixture, Denoiser, Condition, Noise) {
    let f = Fixture::open("chained");
    let model = vec![("net", mlp(16, 2)), ("sampler", ddpm(5.0, "vp", true))];
    let d = Denoiser::new(&facts(model, 1)).unwrap();
    let condition = Condition {
        observations: f.f32("obs"),
        ..Condition::default()
    };
    let noise = Noise {
        first: f.f32("first"),
        steps: f.f32("noise").chunks(8).map(<[f32]>::to_vec).collect(),
    };
    (f, d, condition, noise)
}

/// Value, loss and gradient of the chain with gradients through its last steps.
fn climbed(truncate: usize, with: Option<Weights>) -> (Vec<f64>, f64, Vec<f32>) {
    let (f, d, condition, noise) = chained();
    let plain = tested();
    let weights = with.unwrap_or_else(|| f.weights(&d.arch, "weight."));
    let (tracked, still) = (weights.tracked(&plain), weights.tensors(&plain));
    let reference = f.weights(&d.arch, "reference.").tensors(&plain);
    let kernels = d.sampler.kernels(5, None);
    let device = plain.autodiff();
    let walked = walk(
        &d,
        (&tracked, &still, Some(&reference)),
        &condition,
        &noise,
        &kernels,
        truncate,
        &device,
    );
    let Walked {
        samples,
        divergence,
    } = walked.unwrap();
    let from = facts(Vec::new(), 1).meta.normaliser;
    let values = judge(&f).appraise(&from, samples, &condition.observations, 0);
    let values = values.unwrap();
    let shown = wide(&numbers(values.clone().inner()).unwrap());
    let loss = climb(values) + divergence.mean().mul_scalar(0.1);
    let value = one(loss.clone().inner());
    let gradient = gradients(&d.arch, &tracked, loss.backward()).unwrap();
    (shown, value, gradient)
}

#[test]
fn the_pathwise_gradient_through_the_sampler_is_pytorchs() {
    let (f, d, _, _) = chained();
    let (values, loss, gradient) = climbed(0, None);
    close("value", &values, &f.values["value"]);
    close("loss", &[loss], &[f.f64("loss")]);
    f.check_gradient(&d.arch, &gradient);
}

#[test]
fn a_reward_gradient_through_all_steps_is_the_pathwise_one() {
    let (_, whole, all) = climbed(0, None);
    let (_, loss, gradient) = climbed(5, None);
    assert_eq!((whole, all.clone()), (loss, gradient));
    let (_, _, one) = climbed(1, None);
    assert_ne!(all, one);
}

#[test]
fn a_truncated_chain_draws_the_same_samples() {
    let (whole, _, _) = climbed(0, None);
    for k in 1..5 {
        close("value", &climbed(k, None).0, &whole);
    }
}

#[test]
fn the_gradient_of_guidance_is_pytorchs() {
    let f = Fixture::open("guided");
    let from = facts(Vec::new(), 1).meta.normaliser;
    let leaf = f
        .tensor("act", [3, 1, 2], &tested().autodiff())
        .require_grad();
    let values = judge(&f).appraise(&from, leaf.clone(), &f.f32("obs"), 0);
    let values = values.unwrap();
    close(
        "value",
        &wide(&numbers(values.clone().inner()).unwrap()),
        &f.values["value"],
    );
    let ours = leaf.grad_remove(&mut values.sum().backward()).unwrap();
    close(
        "gradient",
        &wide(&numbers(ours).unwrap()),
        &f.values["gradient"],
    );
}

#[test]
fn a_critic_of_another_scaling_is_asked_in_its_own_units() {
    let f = Fixture::open("guided");
    let plain = facts(Vec::new(), 1).meta.normaliser;
    let other = Normaliser {
        centre: vec![0.5, -0.25, 1.0, 2.0, -1.0, 0.0],
        scale: vec![2.0, 0.5, 1.5, 3.0, 1.0, 0.25],
        ..plain.clone()
    };
    let (mut act, mut obs) = (f.f32("act"), f.f32("obs"));
    other.apply_act(&mut act);
    other.apply_obs(&mut obs);
    let x = Tensor::<3>::from_data(TensorData::new(act, [3, 1, 2]), &tested());
    let values = judge(&f).appraise(&other, x, &obs, 0).unwrap();
    close(
        "value",
        &wide(&numbers(values).unwrap()),
        &f.values["value"],
    );
}

#[test]
fn adapters_and_their_gradient_are_pytorchs() {
    let f = Fixture::open("lora");
    let model = vec![
        ("net", mlp(16, 2)),
        ("sampler", ddpm(20.0, "cosine", false)),
    ];
    let d = Denoiser::new(&facts(model, 3)).unwrap();
    let Value::Call(lora) = call(
        "lora",
        &[
            ("rank", Value::Int(3)),
            ("on", Value::Name("all".into())),
            ("alpha", Value::Float(6.0)),
        ],
    ) else {
        unreachable!()
    };
    let base = f.weights(&d.arch, "base.");
    let mut adapter = Adapter::fresh(&lora, &base, &mut random(1)).unwrap();
    // It starts at its checkpoint.
    let mut merged = base.clone();
    adapter.merge(&mut merged);
    assert_eq!(merged.values, base.values);
    adapter.thin = f.weights(&adapter.thin.arch.clone(), "thin.");
    let batch = Noised {
        samples: f.f32("x"),
        condition: Condition {
            observations: f.f32("obs"),
            ..Condition::default()
        },
        times: f.times(),
        noise: f.f32("eps"),
    };
    let plain = tested();
    let (sums, leaves) = adapter.tracked(&plain);
    let loss = row_errors(&d, &sums, &batch, &plain.clone().autodiff()).mean();
    close("loss", &[one(loss.clone().inner())], &[f.f64("loss")]);
    let arch = adapter.thin.arch.clone();
    f.check_gradient(&arch, &gradients(&arch, &leaves, loss.backward()).unwrap());
    // What acts is the sum.
    adapter.merge(&mut merged);
    let acts = row_errors(&d, &merged.tensors(&plain), &batch, &plain).mean();
    close("merged", &[one(acts)], &[f.f64("loss")]);
}

#[test]
fn particles_multiply_by_their_weight() {
    let mut counts = [0.0; 4];
    let gains = [0.0, 1.0, 2.0, -1.0];
    for seed in 0..200 {
        for row in resampled(&gains, 4, 1.0, &mut random(seed)) {
            counts[row] += 1.0 / 800.0;
        }
    }
    let sum: f64 = gains.iter().map(|g| g.exp()).sum();
    let wanted = gains.map(|g| g.exp() / sum);
    for (found, wanted) in counts.iter().zip(wanted) {
        assert!((found - wanted).abs() < 0.02, "{counts:?}");
    }
    // Groups do not mix.
    let rows = resampled(&[0.0, 50.0, 50.0, 0.0], 2, 1.0, &mut random(1));
    assert_eq!(rows, [1, 1, 2, 2]);
}

#[test]
fn an_empirical_distribution_goes_there_and_back() {
    let actions: Vec<f32> = (0..400).map(|i| (i as f32 / 57.0).sin().powi(3)).collect();
    let observations: Vec<f32> = (0..400).map(|i| ((i * i) % 17) as f32).collect();
    let fitted = Normaliser::fit(
        Scheme::Cdf,
        (1, &actions),
        (1, &observations),
        std::slice::from_ref(&(0..400)),
    );
    let mut rows: Vec<f32> = actions
        .iter()
        .zip(&observations)
        .flat_map(|(a, o)| [*a, *o])
        .collect();
    let before = rows.clone();
    fitted.apply(&mut rows);
    assert!(rows.iter().all(|x| (-1.0..=1.0).contains(x)));
    // Shares of the data are uniform where it has no steps.
    let below = rows.chunks(2).filter(|r| r[0] < 0.0).count();
    assert!((180..=220).contains(&below), "{below}");
    fitted.invert(&mut rows);
    for (a, b) in rows.iter().zip(&before) {
        assert!((a - b).abs() < 2e-2, "{a} {b}");
    }
    // Outside of the data it holds its ends.
    let mut far = [9.0, -9.0];
    fitted.apply(&mut far);
    assert!(far[0] >= 1.0 && far[1] <= -1.0, "{far:?}");
}
