//! Is the gradient of every loss its slope?  Central differences along random directions, against the recorded gradient.

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
use align_stdlib::exec::candidates::rewards;
use align_stdlib::exec::chain::Kernel;
use align_stdlib::exec::data::TransitionBatch;
use align_stdlib::exec::denoiser::{Condition, Denoiser, numbers};
use align_stdlib::exec::env::Stream;
use align_stdlib::exec::facts::Facts;
use align_stdlib::exec::judge::{Judge, network};
use align_stdlib::exec::pathwise::{Noise, climb, walk};
use align_stdlib::exec::reinforcing::{Rows, Rule, Settings, means, verdict};
use align_stdlib::exec::stage::{Noised, row_errors};
use align_stdlib::exec::valuing::Regression as _;
use align_stdlib::exec::weights::{Arch, Weights, gradients};
use align_stdlib::losses::diffusion_dpo::exec as dpo;
use align_stdlib::losses::double_q::exec as double_q;
use align_stdlib::losses::iql::{Iql, exec as iql};
use align_stdlib::losses::listwise_dpo::exec as listwise;
use align_stdlib::losses::return_to_go::ReturnToGo;
use align_stdlib::losses::return_to_go::exec::{Noisy, error};
use align_stdlib::losses::value_alignment::exec as alignment;
use align_stdlib::nets::twin_q::{TwinQ, exec::Critic};
use align_stdlib::nets::value::{Value as ValueNet, exec::PlanValue};
use align_stdlib::nets::{Form, build};
use burn::prelude::*;
use burn::tensor::TensorData;
use pytorch::one;
use rand::RngExt as _;
use rand_chacha::rand_core::SeedableRng as _;
use rand_distr::StandardNormal;
use tested::tested;

/// Directions that are tried.
const DIRECTIONS: u8 = 4;
/// Length of a step to either side: large against the rounding of single precision, small against the bend of these functions.
const STEP: f64 = 2e-3;

fn random(seed: u8) -> Stream {
    Stream::from_seed([seed; 32])
}

fn normal(count: usize, rng: &mut Stream) -> Vec<f32> {
    (0..count)
        .map(|_| rng.sample::<f64, _>(StandardNormal) as f32)
        .collect()
}

/// Compares the recorded gradient with differences; `loss` is handed weights and the device of what goes with them.
fn check(what: &str, arch: &Arc<Arch>, loss: impl Fn(&[Tensor<2>], &Device) -> Tensor<1>) {
    let plain = tested();
    let weights = Weights::fresh(arch.clone(), &mut random(1));
    let tracked = weights.tracked(&plain);
    let backward = loss(&tracked, &plain.clone().autodiff()).backward();
    let gradient = gradients(arch, &tracked, backward).unwrap();
    let norm = |v: &[f32]| v.iter().map(|g| f64::from(g * g)).sum::<f64>().sqrt();
    assert!(norm(&gradient) > 1e-6, "{what} has no gradient");
    for seed in 0..DIRECTIONS {
        // Half along the gradient, so that the slope is never lost in rounding.
        let mut along = normal(weights.values.len(), &mut random(seed));
        let (length, steep) = (norm(&along), norm(&gradient));
        for (a, g) in along.iter_mut().zip(&gradient) {
            *a = (f64::from(*a) / length + f64::from(*g) / steep) as f32;
        }
        let at = |h: f64| {
            let mut moved = weights.clone();
            for (w, a) in moved.values.iter_mut().zip(&along) {
                *w = (f64::from(*w) + h * f64::from(*a)) as f32;
            }
            one(loss(&moved.tensors(&plain), &plain))
        };
        let found = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        let dots = gradient.iter().zip(&along);
        let wanted: f64 = dots.map(|(g, a)| f64::from(*g) * f64::from(*a)).sum();
        assert!(
            (found - wanted).abs() <= 0.02 * wanted.abs() + 1e-4,
            "{what}: slope {found}, gradient {wanted}"
        );
    }
}

fn call(name: &str, args: &[(&str, Value)]) -> Value {
    let args = args.iter().map(|(n, v)| ((*n).to_owned(), v.clone()));
    Value::from(Call {
        name: name.into(),
        args: args.collect(),
    })
}

fn facts(net: Value, horizon: usize) -> Facts {
    let sampler = call(
        "ddpm",
        &[
            (
                "train",
                Value::Quantity(Quantity::new(5.0, Dim::DenoiseSteps)),
            ),
            ("schedule", Value::Name("vp".into())),
            ("clip", Value::Bool(false)),
            ("temperature", Value::Float(1.0)),
        ],
    );
    let model = vec![("net".to_owned(), net), ("sampler".to_owned(), sampler)];
    Facts {
        model: Value::from(model),
        meta: plain::meta(2, 4, horizon),
        discount: 0.9,
        starts: Vec::new(),
    }
}

fn policy() -> Denoiser {
    let net = call(
        "mlp",
        &[("width", Value::Int(16)), ("depth", Value::Int(2))],
    );
    Denoiser::new(&facts(net, 3)).unwrap()
}

/// Six noised chunks for six observations.
fn batch(d: &Denoiser) -> Noised {
    let mut rng = random(9);
    let condition = Condition {
        observations: normal(6 * 4, &mut rng),
        ..Condition::default()
    };
    let samples = normal(6 * d.size(), &mut rng);
    Noised::draw(d, (samples, condition), &mut rng)
}

fn reference(d: &Denoiser, batch: &Noised) -> Vec<f32> {
    let other = Weights::fresh(d.arch.clone(), &mut random(2));
    let plain = tested();
    numbers(row_errors(d, &other.tensors(&plain), batch, &plain)).unwrap()
}

#[test]
fn of_the_denoising_and_the_weighted_loss() {
    let d = policy();
    let batch = batch(&d);
    check("denoise", &d.arch, |p, device| {
        row_errors(&d, p, &batch, device).mean()
    });
    check("weighted", &d.arch, |p, device| {
        let weights = Tensor::<1>::from_data([0.1_f32, 2.0, 0.5, 1.0, 0.0, 3.0], device);
        (row_errors(&d, p, &batch, device) * weights).mean()
    });
}

#[test]
fn of_preferences() {
    let d = policy();
    let batch = batch(&d);
    let theirs = reference(&d, &batch);
    check("diffusion_dpo", &d.arch, |p, device| {
        dpo::loss(row_errors(&d, p, &batch, device), &theirs, 5.0)
    });
    check("listwise_dpo", &d.arch, |p, device| {
        listwise::loss(rewards(row_errors(&d, p, &batch, device), &theirs, 5.0, 3))
    });
    check("value_alignment", &d.arch, |p, device| {
        let scores = rewards(row_errors(&d, p, &batch, device), &theirs, 5.0, 3);
        alignment::loss(scores, &[1.0, 0.3, -1.0, 0.8, 0.1, 0.0], 0.7)
    });
}

#[test]
fn of_reinforcement_on_the_chain() {
    let d = policy();
    let plain = tested();
    let mut rng = random(4);
    let kernel = |t: usize| Kernel {
        sigma: 0.4,
        ..d.sampler.chain.posterior(t)
    };
    let mut rows = Rows {
        before: normal(6 * d.size(), &mut rng),
        after: normal(6 * d.size(), &mut rng),
        condition: Condition {
            observations: normal(24, &mut rng),
            ..Condition::default()
        },
        kernels: (0..6).map(|i| kernel(1 + i % 5)).collect(),
        exponents: vec![0.0; 6],
        advantages: normal(6, &mut rng),
        reference: None,
    };
    let other = Weights::fresh(d.arch.clone(), &mut random(2));
    rows.reference = Some(numbers(means(&d, &other.tensors(&plain), &rows, &plain)).unwrap());
    // Ratios near one, none of them at the edge of the clip.
    let now = Weights::fresh(d.arch.clone(), &mut random(1)).tensors(&plain);
    let mine = numbers(means(&d, &now, &rows, &plain)).unwrap();
    rows.after = mine
        .iter()
        .zip(normal(mine.len(), &mut rng))
        .map(|(m, z)| m + 0.4 * z)
        .collect();
    let size = d.size();
    rows.exponents = (0..6)
        .map(|i| {
            let part = i * size..(i + 1) * size;
            let gaps = rows.after[part.clone()].iter().zip(&mine[part]);
            let mean = gaps.map(|(a, m)| (a - m).powi(2)).sum::<f32>() / size as f32;
            mean / 0.32
        })
        .collect();
    for (name, rule) in [
        (
            "ppo",
            Rule::Clipped {
                clip: 0.2,
                epochs: 1,
            },
        ),
        ("reinforce", Rule::Score),
    ] {
        let settings = Settings {
            rule,
            kl: 0.3,
            plans: 6,
            eta: 1.0,
            floor: 0.1,
        };
        check(name, &d.arch, |p, device| {
            verdict(&d, &settings, p, &rows, device).loss
        });
    }
}

#[test]
fn of_a_critic_through_the_sampler() {
    let d = policy();
    let net = call(
        "twin_q",
        &[("width", Value::Int(16)), ("depth", Value::Int(2))],
    );
    let critic = facts(net, 3);
    let (_, arch) = network(&critic).unwrap();
    let plain = tested();
    let normaliser = critic.meta.normaliser.clone();
    let judge = Judge::new(critic, &Weights::fresh(arch, &mut random(3)), &plain).unwrap();
    let mut rng = random(5);
    let condition = Condition {
        observations: normal(24, &mut rng),
        ..Condition::default()
    };
    let kernels = d.sampler.kernels(5, None);
    let noise = Noise::draw(&d, 6, kernels.len(), false, &mut rng);
    let still = Weights::fresh(d.arch.clone(), &mut random(1)).tensors(&plain);
    let other = Weights::fresh(d.arch.clone(), &mut random(2)).tensors(&plain);
    check("qvpg", &d.arch, |p, device| {
        let weights = (p, &still[..], Some(&other[..]));
        let walked = walk(&d, weights, &condition, &noise, &kernels, 0, device).unwrap();
        let values = judge.appraise(&normaliser, walked.samples, &condition.observations, 0);
        // The scale of `climb` is a constant to the gradient and not to a difference.
        values.unwrap().mean().neg() + walked.divergence.mean().mul_scalar(0.2)
    });
    // With the scale it points the same way.
    let tracked = Weights::fresh(d.arch.clone(), &mut random(1)).tracked(&plain);
    let device = plain.autodiff();
    let weights = (&tracked[..], &still[..], None);
    let walked = walk(&d, weights, &condition, &noise, &kernels, 0, &device).unwrap();
    let values = judge.appraise(&normaliser, walked.samples, &condition.observations, 0);
    assert!((one(climb(values.unwrap()).inner()).abs() - 1.0).abs() < 1.0 + 1e-6);
}

fn transitions() -> TransitionBatch {
    let mut rng = random(6);
    TransitionBatch {
        observations: normal(24, &mut rng),
        actions: normal(12, &mut rng),
        rewards: normal(6, &mut rng),
        next: normal(24, &mut rng),
        goes_on: vec![1.0, 0.0, 1.0, 1.0, 0.9, 1.0],
        next_actions: normal(36, &mut rng),
    }
}

#[test]
fn of_critics() {
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
    let batch = transitions();
    let plain = tested();
    let target = Weights::fresh(arch.clone(), &mut random(7)).tensors(&plain);
    let loss = Iql {
        expectile: 0.7,
        discount: 0.9,
        backup: 1,
        tau: 0.005,
    };
    check("iql", &arch, |p, device| {
        let weights = (p, &target[..], &target[..]);
        let parts = iql::parts(&critic, &loss, &batch, weights, device).unwrap();
        parts.v + parts.q
    });
    check("double_q", &arch, |p, device| {
        let weights = (p, &target[..], &target[..]);
        let parts = double_q::parts(&critic, 0.9, &batch, weights, device).unwrap();
        parts.v + parts.q
    });
    check("return_to_go", &arch, |p, device| {
        let weights = (p, &target[..], &target[..]);
        let loss = ReturnToGo { discount: 0.9 };
        let parts = loss.parts(&critic, &batch, weights, device).unwrap();
        parts.v + parts.q
    });
}

#[test]
fn of_the_values_of_plans_and_of_an_inverse_model() {
    let form = Form {
        obs: 4,
        act: 2,
        horizon: 6,
        ..Form::default()
    };
    let mut rng = random(8);
    let mut arch = Arch::default();
    let net = ValueNet {
        width: 16,
        mults: vec![1, 2],
    };
    let value = PlanValue::new(&mut arch, &net, &form).unwrap();
    let (plans, returns) = (normal(3 * 36, &mut rng), normal(3, &mut rng));
    check("value", &Arc::new(arch), |p, device| {
        let noisy = Noisy {
            plans: Tensor::from_data(TensorData::new(plans.clone(), [3, 6, 6]), device),
            times: vec![0, 3, 5],
            returns: Tensor::from_data(TensorData::new(returns.clone(), [3, 1]), device),
        };
        error(&value, p, noisy)
    });
    let unet = call(
        "temporal_unet",
        &[
            ("width", Value::Int(8)),
            ("mults", Value::from(vec![Value::Int(1), Value::Int(2)])),
        ],
    );
    let mut facts = facts(unet, 6);
    if let Value::Record(fields) = &mut facts.model {
        let inverse = call(
            "inverse_dynamics",
            &[("width", Value::Int(16)), ("depth", Value::Int(2))],
        );
        fields.make_mut().push(("actions".into(), inverse));
    }
    let d = Denoiser::new(&facts).unwrap();
    let windows = normal(3 * 36, &mut rng);
    check("inverse_dynamics", &d.arch, |p, device| {
        d.inverse_error(p, &windows, device).unwrap()
    });
    assert!(
        build(
            &Call {
                name: "none".into(),
                args: Vec::new()
            },
            &mut Arch::default(),
            &form
        )
        .is_err()
    );
}
