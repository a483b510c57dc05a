//! How many training steps a second does the embedded U-Net make?  Median of five blocks, on one thread.
//!
//! `tests/bench/pytorch/unet.py` answers the same for PyTorch: the same network, and in each step noise, loss, backward, clipping, AdamW and
//! the moving average.
//!
//! ```sh
//! RAYON_NUM_THREADS=1 cargo run --release -p align-stdlib --features exec --example train_speed
//! ```
#![allow(
    clippy::print_stdout,
    reason = "a number for people and for tests/bench"
)]
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "../tests/support/plain.rs"]
mod plain;

use std::time::Instant;

use align_schema::{Call, Dim, Quantity, Value};
use align_stdlib::exec::denoiser::{Condition, Denoiser};
use align_stdlib::exec::facts::Facts;
use align_stdlib::exec::optim::{Optimiser, clip};
use align_stdlib::exec::stage::{Noised, row_errors};
use align_stdlib::exec::weights::{Weights, gradients};
use burn::prelude::*;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rand_distr::StandardNormal;

/// Steps of a block.
const STEPS: usize = 30;
/// Samples of a batch.
const BATCH: usize = 32;

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

/// 14 numbers a point, 32 points, width 32, multipliers 1, 2, 4.
fn model() -> Denoiser {
    let mults = Value::from([1, 2, 4].map(Value::Int).to_vec());
    let net = call(
        "temporal_unet",
        &[("width", Value::Int(32)), ("mults", mults)],
    );
    let train = Value::Quantity(Quantity::new(20.0, Dim::DenoiseSteps));
    let sampler = call(
        "ddpm",
        &[
            ("train", train),
            ("schedule", Value::Name("cosine".into())),
            ("clip", Value::Bool(true)),
            ("temperature", Value::Float(1.0)),
        ],
    );
    let fields = [("net", net), ("sampler", sampler)];
    let model = Value::from(fields.map(|(n, c)| (n.to_owned(), Value::from(c))).to_vec());
    Denoiser::new(&Facts {
        model,
        meta: plain::meta(3, 11, 32),
        discount: 1.0,
        starts: Vec::new(),
    })
    .unwrap()
}

fn main() {
    rayon::ThreadPoolBuilder::new()
        .use_current_thread()
        .build_global()
        .unwrap();
    let (model, device) = (model(), Device::flex());
    let mut rng = ChaCha8Rng::from_seed([0; 32]);
    let mut weights = Weights::fresh(model.arch.clone(), &mut rng);
    let mut ema = weights.clone();
    let adamw = call(
        "adamw",
        &[
            ("lr", Value::Float(2e-4)),
            ("weight_decay", Value::Float(0.01)),
            ("beta1", Value::Float(0.9)),
            ("beta2", Value::Float(0.999)),
            ("eps", Value::Float(1e-8)),
            ("schedule", Value::from(call("constant", &[]))),
        ],
    );
    let mut optimiser = Optimiser::new(&adamw, model.arch.total()).unwrap();
    let data: Vec<f32> = (0..4096 * model.size())
        .map(|_| rng.sample::<f32, _>(StandardNormal).clamp(-1.0, 1.0))
        .collect();
    let mut step = || {
        let mut samples = Vec::with_capacity(BATCH * model.size());
        for _ in 0..BATCH {
            let at = rng.random_range(0..4096) * model.size();
            samples.extend_from_slice(&data[at..at + model.size()]);
        }
        let (samples, condition): (_, Condition) = model.split(&samples);
        let batch = Noised::draw(&model, (samples, condition), &mut rng);
        let tracked = weights.tracked(&device);
        let loss = row_errors(&model, &tracked, &batch, &device.clone().autodiff()).mean();
        let mut gradient = gradients(&model.arch, &tracked, loss.backward()).unwrap();
        let norm = clip(&mut gradient, 1.0);
        assert!(norm.is_finite());
        optimiser.step(&mut weights.values, &gradient, 2e-4);
        ema.follow(&weights, 0.995);
    };
    (0..5).for_each(|_| step());
    let mut rates: Vec<f64> = (0..5)
        .map(|_| {
            let start = Instant::now();
            (0..STEPS).for_each(|_| step());
            STEPS as f64 / start.elapsed().as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    println!("{:.2}", rates[2]);
}
