//! What are the weights of a network?  A flat host array with a table of names and shapes, the same on every device.
//!
//! The host array is the truth: tensors are uploaded from it and gradients come back to it, so that optimiser, moving averages,
//! checkpoints and the search for values that are not finite are plain loops, equal on every backend.  Must not know any network.

use std::collections::BTreeMap;
use std::sync::Arc;

use align_runtime_api::JobError;
use align_runtime_api::device::Precision;
use burn::prelude::*;
use burn::tensor::{FloatDType, Gradients, TensorData};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::{Dtype, TensorView};

/// How a parameter lies in a PyTorch checkpoint.  Here every parameter is a matrix `[rows, cols]` that is multiplied from the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[cols]`, one row here.
    Vector,
    /// `[1, cols, 1]`, one row here.
    Channel,
    /// `nn.Linear`: `[cols, rows]`.
    Linear,
    /// `nn.Conv1d` with this kernel: `[cols, rows / k, k]`; rows here are tap by tap.
    Conv(usize),
    /// `nn.ConvTranspose1d` of kernel 4: `[rows / 4, cols, 4]`; rows here are the taps [`UP_TAPS`].
    Up,
}

/// Order of the taps of an upsampling convolution: those of the even outputs, then those of the odd ones.
pub const UP_TAPS: [usize; 4] = [1, 3, 2, 0];

/// How a parameter starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Uniform in plus and minus this bound; PyTorch's default with the root of one over the fan-in.
    Uniform(f64),
    /// Normal with this standard deviation.
    Normal(f64),
    /// All zero.
    Zeros,
    /// All one.
    Ones,
}

/// One parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Name in a checkpoint, as PyTorch would name it.
    pub name: String,
    /// Rows here.
    pub rows: usize,
    /// Columns here.
    pub cols: usize,
    /// Form in a checkpoint.
    pub layout: Layout,
    /// Start.
    pub init: Init,
    /// Place of its first number in the flat array.
    pub at: usize,
}

impl Spec {
    /// How many numbers it has.
    pub fn len(&self) -> usize {
        self.rows * self.cols
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its shape in a checkpoint.
    pub fn torch_shape(&self) -> Vec<usize> {
        match self.layout {
            Layout::Vector => vec![self.cols],
            Layout::Channel => vec![1, self.cols, 1],
            Layout::Linear => vec![self.cols, self.rows],
            Layout::Conv(k) => vec![self.cols, self.rows / k, k],
            Layout::Up => vec![self.rows / 4, self.cols, 4],
        }
    }

    /// Where the number at `(row, col)` lies in a checkpoint.
    fn torch_index(&self, row: usize, col: usize) -> usize {
        match self.layout {
            Layout::Vector | Layout::Channel => col,
            Layout::Linear => col * self.rows + row,
            Layout::Conv(k) => {
                let inputs = self.rows / k;
                (col * inputs + row % inputs) * k + row / inputs
            }
            Layout::Up => {
                let inputs = self.rows / 4;
                ((row % inputs) * self.cols + col) * 4 + UP_TAPS[row / inputs]
            }
        }
    }
}

/// The table of parameters of a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arch {
    /// Parameters, in the order of a PyTorch module.
    pub specs: Vec<Spec>,
    total: usize,
}

impl Arch {
    /// Adds a parameter; the result is its index.
    pub fn add(
        &mut self,
        name: String,
        rows: usize,
        cols: usize,
        layout: Layout,
        init: Init,
    ) -> usize {
        let at = self.total;
        self.total += rows * cols;
        self.specs.push(Spec {
            name,
            rows,
            cols,
            layout,
            init,
            at,
        });
        self.specs.len() - 1
    }

    /// How many numbers all parameters have.
    pub fn total(&self) -> usize {
        self.total
    }
}

/// The values of every parameter.
#[derive(Clone, Debug)]
pub struct Weights {
    /// The table.
    pub arch: Arc<Arch>,
    /// All numbers, parameter after parameter, each row-major.
    pub values: Vec<f32>,
}

impl Weights {
    /// Fresh weights, drawn in the order of the table.
    pub fn fresh(arch: Arc<Arch>, rng: &mut ChaCha8Rng) -> Self {
        let mut values = vec![0.0; arch.total()];
        for spec in &arch.specs {
            let part = &mut values[spec.at..spec.at + spec.len()];
            match spec.init {
                Init::Uniform(bound) => part
                    .iter_mut()
                    .for_each(|w| *w = (bound * (2.0 * rng.random::<f64>() - 1.0)) as f32),
                Init::Normal(deviation) => part.iter_mut().for_each(|w| {
                    *w = (deviation * rng.sample::<f64, _>(rand_distr::StandardNormal)) as f32;
                }),
                Init::Zeros => {}
                Init::Ones => part.fill(1.0),
            }
        }
        Self { arch, values }
    }

    /// Weights of a checkpoint file.
    pub fn from_bytes(arch: Arc<Arch>, bytes: &[u8], what: &str) -> Result<Self, JobError> {
        let values = read_flat(&arch, bytes, "", what)?;
        Ok(Self { arch, values })
    }

    /// The bytes of a checkpoint file: safetensors with PyTorch's names and layouts.
    pub fn to_bytes(&self) -> Result<Vec<u8>, JobError> {
        write_flat(&self.arch, &[("", &self.values)])
    }

    /// Tensors for a forward pass without gradients; `device` is a plain one.
    pub fn tensors(&self, device: &Device) -> Vec<Tensor<2>> {
        let of = |s: &Spec| {
            let part = self.values[s.at..s.at + s.len()].to_vec();
            Tensor::from_data(TensorData::new(part, [s.rows, s.cols]), device)
        };
        self.arch.specs.iter().map(of).collect()
    }

    /// Tensors that record gradients; `device` is a plain one.
    pub fn tracked(&self, device: &Device) -> Vec<Tensor<2>> {
        let device = device.clone().autodiff();
        self.tensors(&device)
            .into_iter()
            .map(Tensor::require_grad)
            .collect()
    }

    /// Moves towards other weights of the same table: `self = decay self + (1 - decay) other`.
    pub fn follow(&mut self, other: &Self, decay: f64) {
        let (keep, take) = (decay as f32, (1.0 - decay) as f32);
        align_kernels::follow(&mut self.values, &other.values, keep, take);
    }
}

/// Tensors of a table as products of this precision take them: matrices in it, everything else as it is.
///
/// A matrix of one row scales single numbers, which is no work; the frequencies of an embedding are one, whose phases would be lost.
pub fn rounded(arch: &Arch, tensors: Vec<Tensor<2>>, precision: Precision) -> Vec<Tensor<2>> {
    if precision == Precision::F32 {
        return tensors;
    }
    let round = |(spec, tensor): (&Spec, Tensor<2>)| match spec.layout {
        Layout::Linear | Layout::Conv(_) | Layout::Up if spec.rows > 1 => {
            tensor.cast(FloatDType::BF16)
        }
        _ => tensor,
    };
    arch.specs.iter().zip(tensors).map(round).collect()
}

/// Takes the gradients of tracked tensors, in the order of the flat array; a parameter that the loss did not use has zeros.
pub fn gradients(
    arch: &Arch,
    tracked: &[Tensor<2>],
    mut from: Gradients,
) -> Result<Vec<f32>, JobError> {
    let mut flat = vec![0.0; arch.total()];
    for (spec, tensor) in arch.specs.iter().zip(tracked) {
        if let Some(grad) = tensor.grad_remove(&mut from) {
            let data = grad.into_data();
            let slice = data
                .as_slice::<f32>()
                .map_err(|e| JobError::Failed(format!("{e:?}")))?;
            flat[spec.at..spec.at + spec.len()].copy_from_slice(slice);
        }
    }
    Ok(flat)
}

/// Writes flat arrays of one table, each under a prefix, as safetensors; a number that is not finite is an error.
pub fn write_flat(arch: &Arch, arrays: &[(&str, &[f32])]) -> Result<Vec<u8>, JobError> {
    let mut stored: BTreeMap<String, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
    for (prefix, values) in arrays {
        for spec in &arch.specs {
            let part = &values[spec.at..spec.at + spec.len()];
            if !part.iter().all(|w| w.is_finite()) {
                return Err(JobError::Failed(format!(
                    "`{prefix}{}` is not finite: not saved",
                    spec.name
                )));
            }
            let mut bytes = vec![0; 4 * part.len()];
            for (i, w) in part.iter().enumerate() {
                let at = 4 * spec.torch_index(i / spec.cols, i % spec.cols);
                bytes[at..at + 4].copy_from_slice(&w.to_le_bytes());
            }
            stored.insert(
                format!("{prefix}{}", spec.name),
                (spec.torch_shape(), bytes),
            );
        }
    }
    let views = stored.iter().map(|(name, (shape, bytes))| {
        TensorView::new(Dtype::F32, shape.clone(), bytes).map(|v| (name.as_str(), v))
    });
    let views = views.collect::<Result<Vec<_>, _>>().map_err(unsaved)?;
    safetensors::serialize(views, None).map_err(unsaved)
}

fn unsaved(e: safetensors::SafeTensorError) -> JobError {
    JobError::Failed(format!("weights cannot be saved: {e}"))
}

/// Reads a flat array of a table back, from under a prefix; `what` names the file in messages.
pub fn read_flat(
    arch: &Arch,
    bytes: &[u8],
    prefix: &str,
    what: &str,
) -> Result<Vec<f32>, JobError> {
    let bad = |text: String| JobError::Data(format!("`{what}`: {text}"));
    let file = safetensors::SafeTensors::deserialize(bytes).map_err(|e| bad(e.to_string()))?;
    let mut flat = vec![0.0; arch.total()];
    for spec in &arch.specs {
        let name = format!("{prefix}{}", spec.name);
        let view = file
            .tensor(&name)
            .map_err(|_| bad(format!("no tensor `{name}`")))?;
        if view.dtype() != Dtype::F32 || view.shape() != spec.torch_shape() {
            return Err(bad(format!(
                "`{name}` is {:?} {:?}, wanted F32 {:?}",
                view.dtype(),
                view.shape(),
                spec.torch_shape()
            )));
        }
        let data = view.data();
        for i in 0..spec.len() {
            let at = 4 * spec.torch_index(i / spec.cols, i % spec.cols);
            let mut word = [0; 4];
            word.copy_from_slice(&data[at..at + 4]);
            flat[spec.at + i] = f32::from_le_bytes(word);
        }
    }
    Ok(flat)
}
