//! How does a model begin with weights that were trained elsewhere?  A safetensors file with PyTorch's names, such as a Diffuser state dict, takes
//! the place of random numbers in its first stage; `model { weights = .. }` names it.

use std::path::PathBuf;
use std::sync::Arc;

use align_plan::{Node, NodeKind};
use align_runtime_api::JobError;
use align_schema::Value;
use safetensors::SafeTensors;

use crate::exec::weights::{Arch, Weights, read_flat};

/// Where the network stands in the state dict of what wraps it: at the root, or as the `model` of Diffuser's `GaussianDiffusion` and of a trainer
/// that holds one.
const PREFIXES: [&str; 4] = ["", "model.", "model.model.", "module."];

/// The file that a stage begins with; none where it goes on from a checkpoint.
pub fn file(node: &Node) -> Option<PathBuf> {
    if node.kind != NodeKind::Stage || node.need("from").is_some() {
        return None;
    }
    match node.value("model")?.get("weights")? {
        Value::Str(path) => Some(PathBuf::from(path)),
        _ => None,
    }
}

/// Whether the file can be opened at all, before anything trains.
///
/// Errors: a file that is not there, or no safetensors.
pub fn preflight(node: &Node) -> Result<(), String> {
    let Some(path) = file(node) else {
        return Ok(());
    };
    let bytes = read(&path).map_err(|e| e.to_string())?;
    let read = SafeTensors::deserialize(&bytes);
    read.map(|_| ())
        .map_err(|e| unreadable(&path, &e).to_string())
}

/// The weights of a table, from a stage's file, if it has one.  Tensors that the table does not name, such as a chain's constants, are left out.
///
/// Errors: what [`preflight`] finds, a tensor that is missing, one of another shape or of other numbers than 32-bit floats.
pub fn weights(arch: &Arc<Arch>, node: &Node) -> Result<Option<Weights>, JobError> {
    let Some(path) = file(node) else {
        return Ok(None);
    };
    let bytes = read(&path)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|e| unreadable(&path, &e))?;
    let under = |prefix: &&str| {
        let mut specs = arch.specs.iter();
        specs.any(|s| tensors.tensor(&format!("{prefix}{}", s.name)).is_ok())
    };
    let prefix = PREFIXES.iter().find(|p| under(p)).ok_or_else(|| {
        let mut there = tensors.names();
        there.sort_unstable();
        let there: Vec<String> = there.iter().take(3).map(|n| format!("`{n}`")).collect();
        let wanted = arch.specs.iter().take(3).map(|s| format!("`{}`", s.name));
        JobError::Data(format!(
            "`{}` holds none of this network's tensors: it has {}, wanted {}",
            path.display(),
            if there.is_empty() {
                "none".into()
            } else {
                there.join(", ")
            },
            wanted.collect::<Vec<_>>().join(", ")
        ))
    })?;
    let values = read_flat(arch, &bytes, prefix, &path.display().to_string())?;
    if let Some(at) = values.iter().position(|w| !w.is_finite()) {
        let named = arch.specs.iter().rfind(|s| s.at <= at);
        return Err(JobError::Data(format!(
            "`{}`: `{}` holds a number that is not finite",
            path.display(),
            named.map_or("", |s| s.name.as_str())
        )));
    }
    Ok(Some(Weights {
        arch: arch.clone(),
        values,
    }))
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, JobError> {
    std::fs::read(path)
        .map_err(|e| JobError::Data(format!("`{}` cannot be read: {e}", path.display())))
}

fn unreadable(path: &std::path::Path, e: &safetensors::SafeTensorError) -> JobError {
    JobError::Data(format!(
        "`{}` is no safetensors file ({e}); a PyTorch file becomes one by `safetensors.torch.save_file(torch.load(PATH)['ema'], 'weights.safetensors')`",
        path.display()
    ))
}
