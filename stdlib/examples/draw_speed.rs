//! How many times a second does a model draw?  The median of three half seconds, for a network (`unet`, `perceptron`), a batch and a device.
//!
//! `tests/bench/pytorch/speed.py` answers the same for PyTorch, and `tests/bench/speed.py` asks both.
//!
//! ```sh
//! RAYON_NUM_THREADS=1 cargo run --release -p align-stdlib --features exec --example draw_speed unet 64 cpu
//! ```
#![allow(
    clippy::print_stdout,
    reason = "a number for people and for tests/bench"
)]
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "../tests/support/plain.rs"]
mod plain;

use std::time::{Duration, Instant};

use align_plan::{Digest, Key};
use align_runtime_api::{Purpose, stream};
use align_schema::{Call, Dim, Quantity, Value};
use align_stdlib::exec::denoiser::{Condition, Denoiser};
use align_stdlib::exec::device;
use align_stdlib::exec::drawing::Drawing;
use align_stdlib::exec::facts::Facts;
use align_stdlib::exec::weights::Weights;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

/// Numbers of an action and of an observation.
const FORM: (usize, usize) = (3, 11);

fn call(name: &str, args: &[(&str, Value)]) -> Call {
    let args = args
        .iter()
        .map(|(n, v)| ((*n).to_owned(), v.clone()))
        .collect();
    Call {
        name: name.into(),
        args,
    }
}

/// A planner of 32 points, or a policy of one action; both draw in 20 steps.
fn model(name: &str) -> (Denoiser, Facts) {
    let (net, horizon) = match name {
        "unet" => {
            let mults = Value::from([1, 2, 4].map(Value::Int).to_vec());
            let args = [("width", Value::Int(32)), ("mults", mults)];
            (call("temporal_unet", &args), 32)
        }
        "perceptron" => {
            let args = [("width", Value::Int(256)), ("depth", Value::Int(3))];
            (call("mlp", &args), 1)
        }
        other => panic!("no network `{other}`: wanted `unet` or `perceptron`"),
    };
    let steps = Value::Quantity(Quantity::new(20.0, Dim::DenoiseSteps));
    let sampler = call(
        "ddim",
        &[
            ("train", steps.clone()),
            ("act", steps),
            ("schedule", Value::Name("cosine".into())),
            ("eta", Value::Float(0.0)),
            ("clip", Value::Bool(true)),
            ("temperature", Value::Float(1.0)),
        ],
    );
    let fields = [("net", net), ("sampler", sampler)];
    let model = Value::from(fields.map(|(n, c)| (n.to_owned(), Value::from(c))).to_vec());
    let facts = Facts {
        model,
        meta: plain::meta(FORM.0, FORM.1, horizon),
        discount: 1.0,
        starts: Vec::new(),
    };
    (Denoiser::new(&facts).unwrap(), facts)
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [net, batch, name] = words.as_slice() else {
        panic!("wanted a network, a batch and a device");
    };
    device::threads();
    let device = device::open(name).unwrap();
    let batch: usize = batch.parse().unwrap();
    let (denoiser, facts) = model(net);
    let mut rng = ChaCha8Rng::from_seed([0; 32]);
    let weights = Weights::fresh(denoiser.arch.clone(), &mut rng);
    let drawing = Drawing::new(&denoiser, &facts, weights.tensors(&device));
    let condition = Condition {
        observations: (0..batch * FORM.1)
            .map(|_| rng.random_range(-1.0..1.0))
            .collect(),
        ends: None,
        targets: None,
    };
    let key = Key(Digest("00".into()));
    let mut rngs: Vec<_> = (0..batch as u64)
        .map(|i| stream(&key, Purpose::Evaluation, i))
        .collect();
    let mut calls = |pause: Duration| {
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < pause {
            drawing.sample(&condition, &mut rngs).unwrap();
            count += 1;
        }
        f64::from(count) / start.elapsed().as_secs_f64()
    };
    calls(Duration::from_millis(300));
    let mut rates = [(); 3].map(|()| calls(Duration::from_millis(500)));
    rates.sort_by(f64::total_cmp);
    println!("{:.2}", rates[1]);
}
