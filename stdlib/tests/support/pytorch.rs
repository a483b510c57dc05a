//! Fixtures that PyTorch made, and how close is equal.
#![allow(dead_code, reason = "not every suite uses every part")]

use std::collections::BTreeMap;
use std::sync::Arc;

use align_stdlib::exec::denoiser::numbers;
use align_stdlib::exec::weights::{Arch, Weights, read_flat};
use burn::prelude::*;
use burn::tensor::TensorData;
use safetensors::{Dtype, SafeTensors};

/// Tensors of a fixture as plain numbers.
pub struct Fixture {
    pub bytes: Vec<u8>,
    pub values: BTreeMap<String, Vec<f64>>,
}

impl Fixture {
    pub fn open(name: &str) -> Self {
        let bytes = std::fs::read(format!("../tests/fixtures/pytorch/{name}.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let of = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
            let data = view.data();
            let eight = || {
                data.chunks_exact(8)
                    .map(|b| <[u8; 8]>::try_from(b).unwrap())
            };
            let values: Vec<f64> = match view.dtype() {
                Dtype::F32 => data
                    .chunks_exact(4)
                    .map(|b| f32::from_le_bytes(b.try_into().unwrap()).into())
                    .collect(),
                Dtype::F64 => eight().map(f64::from_le_bytes).collect(),
                Dtype::I64 => eight().map(|b| i64::from_le_bytes(b) as f64).collect(),
                other => panic!("{name} is {other:?}"),
            };
            (name, values)
        };
        let values = file.tensors().into_iter().map(of).collect();
        Self { bytes, values }
    }

    pub fn f64(&self, name: &str) -> f64 {
        self.values[name][0]
    }

    pub fn f32(&self, name: &str) -> Vec<f32> {
        self.values[name].iter().map(|x| *x as f32).collect()
    }

    pub fn times(&self) -> Vec<usize> {
        self.values["t"].iter().map(|t| *t as usize).collect()
    }

    pub fn tensor<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
        device: &Device,
    ) -> Tensor<D> {
        Tensor::from_data(TensorData::new(self.f32(name), shape), device)
    }

    pub fn weights(&self, arch: &Arc<Arch>, prefix: &str) -> Weights {
        let values = read_flat(arch, &self.bytes, prefix, "fixture").unwrap();
        Weights {
            arch: arch.clone(),
            values,
        }
    }

    /// Checks a gradient against the fixture's, weight by weight; a weight that the fixture has none for must have none here.
    pub fn check_gradient(&self, arch: &Arc<Arch>, ours: &[f32]) {
        for spec in &arch.specs {
            let part = &ours[spec.at..spec.at + spec.len()];
            if !self.values.contains_key(&format!("grad.{}", spec.name)) {
                assert!(part.iter().all(|g| *g == 0.0), "gradient of {}", spec.name);
                continue;
            }
            let mut one = Arch::default();
            one.add(
                spec.name.clone(),
                spec.rows,
                spec.cols,
                spec.layout,
                spec.init,
            );
            let theirs = read_flat(&one, &self.bytes, "grad.", "fixture").unwrap();
            close(
                &format!("gradient of {}", spec.name),
                &wide(part),
                &wide(&theirs),
            );
        }
    }
}

pub fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|x| f64::from(*x)).collect()
}

/// Every pair within 1e-5 of the largest magnitude (at least 1).
pub fn close(what: &str, ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let scale = theirs.iter().fold(1.0_f64, |m, x| m.max(x.abs()));
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!(
            (a - b).abs() <= 1e-5 * scale,
            "{what}[{i}]: {a}, wanted {b}"
        );
    }
}

/// The only number of a tensor.
pub fn one(t: Tensor<1>) -> f64 {
    numbers(t).unwrap()[0].into()
}
