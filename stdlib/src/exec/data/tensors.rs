//! Named arrays in a safetensors file: equal arrays give equal bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use align_runtime_api::JobError;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, View};

/// An array of one of the types that datasets use.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Array<'a> {
    F32(Vec<usize>, Cow<'a, [f32]>),
    U8(Vec<usize>, Vec<u8>),
    U64(Vec<usize>, Vec<u64>),
}

impl View for &Array<'_> {
    fn dtype(&self) -> Dtype {
        match self {
            Array::F32(..) => Dtype::F32,
            Array::U8(..) => Dtype::U8,
            Array::U64(..) => Dtype::U64,
        }
    }
    fn shape(&self) -> &[usize] {
        match self {
            Array::F32(s, _) | Array::U8(s, _) | Array::U64(s, _) => s,
        }
    }
    fn data(&self) -> Cow<'_, [u8]> {
        match self {
            Array::F32(_, v) => v
                .iter()
                .flat_map(|x| x.to_le_bytes())
                .collect::<Vec<u8>>()
                .into(),
            Array::U8(_, v) => v.as_slice().into(),
            Array::U64(_, v) => v
                .iter()
                .flat_map(|x| x.to_le_bytes())
                .collect::<Vec<u8>>()
                .into(),
        }
    }
    fn data_len(&self) -> usize {
        match self {
            Array::F32(_, v) => v.len() * 4,
            Array::U8(_, v) => v.len(),
            Array::U64(_, v) => v.len() * 8,
        }
    }
}

/// The bytes of a file with these arrays.
pub(super) fn write(arrays: &BTreeMap<&str, Array<'_>>) -> Result<Vec<u8>, JobError> {
    safetensors::serialize(arrays.iter().map(|(n, a)| (*n, a)), None)
        .map_err(|e| JobError::Failed(format!("cannot write the data: {e}")))
}

/// A file that was read.
pub(super) struct Arrays<'a>(SafeTensors<'a>);

fn broken(what: impl std::fmt::Display) -> JobError {
    JobError::Data(format!("the dataset in the store is damaged: {what}"))
}

impl<'a> Arrays<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, JobError> {
        SafeTensors::deserialize(bytes).map(Self).map_err(broken)
    }

    fn view(&self, name: &str, dtype: Dtype) -> Result<TensorView<'_>, JobError> {
        let view = self.0.tensor(name).map_err(broken)?;
        if view.dtype() != dtype {
            return Err(broken(format!(
                "`{name}` has type {:?}, wanted {dtype:?}",
                view.dtype()
            )));
        }
        Ok(view)
    }

    pub(super) fn f32(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>), JobError> {
        let view = self.view(name, Dtype::F32)?;
        let values = view
            .data()
            .as_chunks()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect();
        Ok((view.shape().to_vec(), values))
    }

    pub(super) fn u8(&self, name: &str) -> Result<Vec<u8>, JobError> {
        Ok(self.view(name, Dtype::U8)?.data().to_vec())
    }

    pub(super) fn u64(&self, name: &str) -> Result<Vec<u64>, JobError> {
        let view = self.view(name, Dtype::U64)?;
        Ok(view
            .data()
            .as_chunks()
            .0
            .iter()
            .map(|b| u64::from_le_bytes(*b))
            .collect())
    }
}
