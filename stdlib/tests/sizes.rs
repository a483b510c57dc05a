//! Are the sizes that the compiler reckons with those of the networks that run?
#![cfg(feature = "exec")]
#![allow(clippy::unwrap_used)]
#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use std::sync::Arc;

use align_schema::{Call, Value};
use align_stdlib::adapters::fault;
use align_stdlib::exec::adapter::Adapter;
use align_stdlib::exec::env::Stream;
use align_stdlib::exec::weights::{Arch, Weights};
use align_stdlib::nets::{Form, build, size};
use rand_chacha::rand_core::SeedableRng as _;

fn call(name: &str, args: &[(&str, Value)]) -> Call {
    Call {
        name: name.into(),
        args: args.iter().map(|(n, v)| ((*n).into(), v.clone())).collect(),
    }
}

fn ints(values: &[i64]) -> Value {
    Value::List(values.iter().map(|v| Value::Int(*v)).collect())
}

/// Whether the counted weights are those that are made, and an adapter finds what the compiler says it finds.
fn check(net: &Call, form: &Form) {
    let mut arch = Arch::default();
    build(net, &mut arch, form).unwrap();
    let found = size(net, form).unwrap().parameters;
    assert_eq!(found, arch.total() as f64, "{net:?} {form:?}");
    let mut rng = Stream::from_seed([3; 32]);
    let weights = Weights {
        values: vec![0.0; arch.total()],
        arch: Arc::new(arch),
    };
    for on in ["all", "linear", "convolution", "attention"] {
        let args = [
            ("rank", Value::Int(1)),
            ("on", Value::Name(on.into())),
            ("alpha", Value::Float(1.0)),
        ];
        let adapter = call("lora", &args);
        let fresh = Adapter::fresh(&adapter, &weights, &mut rng);
        assert_eq!(
            fault(&adapter, net).is_none(),
            fresh.is_ok(),
            "{net:?} {on}"
        );
    }
}

fn forms(horizon: usize) -> impl Iterator<Item = Form> {
    [
        (4, 2, false, false),
        (11, 3, true, false),
        (6, 2, false, true),
        (17, 6, true, true),
    ]
    .into_iter()
    .map(move |(obs, act, states, target)| Form {
        obs,
        act,
        horizon,
        states,
        target,
    })
}

#[test]
fn planners_have_the_counted_weights() {
    let cases: [(i64, &[i64], usize); 5] = [
        (8, &[1], 8),
        (8, &[1, 2], 8),
        (32, &[1, 2, 4], 32),
        (16, &[2, 2, 1], 16),
        (8, &[1, 4, 8, 2], 16),
    ];
    for (width, mults, horizon) in cases {
        for attention in [None, Some(true), Some(false)] {
            let mut args = vec![("width", Value::Int(width)), ("mults", ints(mults))];
            args.extend(attention.map(|a| ("attention", Value::Bool(a))));
            forms(horizon).for_each(|form| check(&call("temporal_unet", &args), &form));
        }
    }
    for (width, heads, depth) in [(8, 2, 1), (128, 4, 2), (12, 3, 3)] {
        let args = [
            ("width", Value::Int(width)),
            ("heads", Value::Int(heads)),
            ("depth", Value::Int(depth)),
        ];
        forms(7).for_each(|form| check(&call("dit1d", &args), &form));
    }
}

#[test]
fn policies_critics_and_inverse_models_have_the_counted_weights() {
    for (width, depth) in [(16, 1), (256, 3), (64, 5)] {
        let args = [("width", Value::Int(width)), ("depth", Value::Int(depth))];
        for name in ["mlp", "twin_q", "inverse_dynamics"] {
            forms(8).for_each(|form| check(&call(name, &args), &form));
        }
        let args = [("width", Value::Int(width)), ("blocks", Value::Int(depth))];
        forms(8).for_each(|form| check(&call("ln_resnet", &args), &form));
    }
    for (width, mults, horizon) in [(16, [1, 2], 6), (32, [1, 4], 32), (32, [2, 1], 7)] {
        let args = [("width", Value::Int(width)), ("mults", ints(&mults))];
        forms(horizon).for_each(|form| check(&call("value", &args), &form));
    }
}
