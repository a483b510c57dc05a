//! How are low-rank adapters trained beside frozen weights?  The frozen weights, the thin matrices, and their sum.
//!
//! A network never knows: it is handed the sums.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use align_runtime_api::JobError;
use align_schema::Call;
use burn::prelude::*;
use rand_chacha::ChaCha8Rng;

use crate::adapters::Lora;
use crate::exec::denoiser::bad_call;
use crate::exec::facts::read;
use crate::exec::weights::{Arch, Init, Layout, Spec, Weights, read_flat, write_flat};

/// Name of the file with the thin matrices and their moments.
pub const ADAPTER: &str = "adapter.safetensors";

/// Thin matrices beside frozen weights.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// The frozen weights.
    base: Weights,
    /// The thin matrices.
    pub thin: Weights,
    /// For each parameter of the base its two matrices in the thin table.
    pairs: Vec<Option<(usize, usize)>>,
    scale: f32,
}

/// Whether an adapter of this kind has a part beside a parameter.
fn adapts(on: &str, spec: &Spec) -> bool {
    let attention = ["attn", "to_qkv", "to_out"]
        .iter()
        .any(|part| spec.name.contains(part));
    let (linear, convolution) = match spec.layout {
        Layout::Linear => (true, false),
        Layout::Conv(_) | Layout::Up => (false, true),
        Layout::Vector | Layout::Channel => return false,
    };
    match on {
        "linear" => linear,
        "convolution" => convolution,
        "attention" => attention,
        _ => true,
    }
}

impl Adapter {
    /// Fresh adapters beside weights: the first matrix random, the second zero.
    ///
    /// Errors: a call that names no adapter, and weights of which none is adapted.
    pub fn fresh(call: &Call, base: &Weights, rng: &mut ChaCha8Rng) -> Result<Self, JobError> {
        if call.name != Lora::BUILTIN.name {
            return Err(JobError::Failed(format!("unknown adapter `{}`", call.name)));
        }
        let Lora { rank, on, alpha } = Lora::read(call).map_err(bad_call(call))?;
        let mut arch = Arch::default();
        let mut pairs = Vec::new();
        for spec in &base.arch.specs {
            pairs.push(adapts(&on, spec).then(|| {
                let bound = Init::Uniform((spec.rows as f64).sqrt().recip());
                let (name, matrix) = (&spec.name, Layout::Linear);
                (
                    arch.add(format!("{name}.lora_A"), spec.rows, rank, matrix, bound),
                    arch.add(
                        format!("{name}.lora_B"),
                        rank,
                        spec.cols,
                        matrix,
                        Init::Zeros,
                    ),
                )
            }));
        }
        if pairs.iter().all(Option::is_none) {
            return Err(JobError::Failed(format!(
                "`lora(on: {on})` finds no such weights in this network, try `on: all`"
            )));
        }
        Ok(Self {
            base: base.clone(),
            thin: Weights::fresh(Arc::new(arch), rng),
            pairs,
            scale: (alpha / rank as f64) as f32,
        })
    }

    /// Tensors of the sums, and those of the thin matrices, which record gradients; `device` is a plain one.
    pub fn tracked(&self, device: &Device) -> (Vec<Tensor<2>>, Vec<Tensor<2>>) {
        let leaves = self.thin.tracked(device);
        let base = self.base.tensors(&device.clone().autodiff());
        let sums = base
            .into_iter()
            .zip(&self.pairs)
            .map(|(w, pair)| match pair {
                Some((a, b)) => {
                    w + leaves[*a]
                        .clone()
                        .matmul(leaves[*b].clone())
                        .mul_scalar(self.scale)
                }
                None => w,
            })
            .collect();
        (sums, leaves)
    }

    /// Writes the sums into weights of the base's table.
    pub fn merge(&self, into: &mut Weights) {
        into.values.copy_from_slice(&self.base.values);
        for (spec, pair) in self.base.arch.specs.iter().zip(&self.pairs) {
            let Some((a, b)) = pair else { continue };
            let (a, b) = (&self.thin.arch.specs[*a], &self.thin.arch.specs[*b]);
            let out = &mut into.values[spec.at..spec.at + spec.len()];
            for row in 0..spec.rows {
                for k in 0..a.cols {
                    let left = self.scale * self.thin.values[a.at + row * a.cols + k];
                    let right = &self.thin.values[b.at + k * b.cols..b.at + (k + 1) * b.cols];
                    let out = &mut out[row * spec.cols..(row + 1) * spec.cols];
                    out.iter_mut().zip(right).for_each(|(w, r)| *w += left * r);
                }
            }
        }
    }

    /// The bytes of [`ADAPTER`]: the thin matrices, and arrays of their table under prefixes.
    pub fn to_bytes(&self, moments: &[(&str, &[f32])]) -> Result<Vec<u8>, JobError> {
        let mut all = vec![("", &self.thin.values[..])];
        all.extend_from_slice(moments);
        write_flat(&self.thin.arch, &all)
    }

    /// Reads the thin matrices back, and the arrays under these prefixes.
    pub fn load(
        &mut self,
        files: &BTreeMap<String, PathBuf>,
        prefixes: &[&str],
    ) -> Result<Vec<Vec<f32>>, JobError> {
        let bytes = read(files, ADAPTER)?;
        let arch = self.thin.arch.clone();
        self.thin.values = read_flat(&arch, &bytes, "", ADAPTER)?;
        prefixes
            .iter()
            .map(|prefix| read_flat(&arch, &bytes, prefix, ADAPTER))
            .collect()
    }
}
