//! How many training steps a second does the embedded U-Net make?  `tests/bench/pytorch/unet.py` answers the same for PyTorch.
use align_schema::{Call, Value};
use align_stdlib::exec::{optim, weights};
use align_stdlib::nets::temporal_unet::{TemporalUnet, exec::Unet};
use burn::prelude::*;
use burn::tensor::TensorData;
use rand_chacha::rand_core::SeedableRng;
use std::sync::Arc;
use std::time::Instant;
fn main() {
    let (b, h, c) = (32, 32, 14);
    let device = Device::flex();
    let mut arch = weights::Arch::default();
    let net = TemporalUnet {
        width: 32,
        mults: vec![1, 2, 4],
    };
    let unet = Unet::new(&mut arch, &net, c, h).unwrap();
    println!("{} parameters", arch.total());
    let arch = Arc::new(arch);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
    let mut w = weights::Weights::fresh(arch.clone(), &mut rng);
    let mut ema = w.clone();
    let call = Call {
        name: "adamw".into(),
        args: vec![
            ("lr".into(), Value::Float(2e-4)),
            ("weight_decay".into(), Value::Float(0.01)),
            ("beta1".into(), Value::Float(0.9)),
            ("beta2".into(), Value::Float(0.999)),
            ("eps".into(), Value::Float(1e-8)),
            (
                "schedule".into(),
                Value::Call(Call {
                    name: "constant".into(),
                    args: vec![],
                }),
            ),
        ],
    };
    let mut opt = optim::Optimiser::new(&call, arch.total()).unwrap();
    let x: Vec<f32> = (0..b * h * c).map(|i| ((i as f32) * 0.37).sin()).collect();
    for block in 0..5 {
        let mut parts = [0.0; 4];
        let start = Instant::now();
        let n = if block == 0 { 5 } else { 30 };
        for s in 0..n {
            let t0 = Instant::now();
            let xt = Tensor::<3>::from_data(
                TensorData::new(x.clone(), [b, h, c]),
                &device.clone().autodiff(),
            );
            let times: Vec<usize> = (0..b).map(|i| (i + s) % 20 + 1).collect();
            let p = w.tracked(&device);
            let t1 = Instant::now();
            let loss = (unet.forward(&p, xt.clone(), &times) - xt).square().mean();
            let t2 = Instant::now();
            let mut g = weights::gradients(&arch, &p, loss.backward()).unwrap();
            let t3 = Instant::now();
            let _norm = optim::clip(&mut g, 1.0);
            opt.step(&mut w.values, &g, 2e-4);
            ema.follow(&w, 0.995);
            let t4 = Instant::now();
            parts[0] += (t1 - t0).as_secs_f64();
            parts[1] += (t2 - t1).as_secs_f64();
            parts[2] += (t3 - t2).as_secs_f64();
            parts[3] += (t4 - t3).as_secs_f64();
        }
        let e = start.elapsed().as_secs_f64();
        println!(
            "{:.2} steps/s; ms upload {:.1} forward {:.1} backward {:.1} optim {:.1}",
            n as f64 / e,
            parts[0] / n as f64 * 1e3,
            parts[1] / n as f64 * 1e3,
            parts[2] / n as f64 * 1e3,
            parts[3] / n as f64 * 1e3
        );
    }
}
