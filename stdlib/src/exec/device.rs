//! What computes?  The one place that knows the tensor libraries of this build.
//!
//! `cpu` is the embedded kernels, which every build has; `libtorch` and `libtorch:cuda:N` are libtorch's, in a build with the feature of that name.

use align_runtime_api::JobError;
use align_runtime_api::device::Precision;
use burn::prelude::Device;

/// Opens a device by the name that `--device` takes; in a worker the card it is to use is the only one it sees.
///
/// Errors: a device that this build or this machine has not.  Never another device in its place.
pub fn open(name: &str) -> Result<Device, JobError> {
    match name {
        "cpu" | "" => Ok(Device::flex()),
        other => libtorch(other).map_err(JobError::Failed),
    }
}

/// Errors: products in a precision that a device has not.  Never in another one in its place.
pub fn makes(device: &Device, precision: Precision) -> Result<(), JobError> {
    if precision == Precision::Bf16 && *device == Device::flex() {
        return Err(JobError::Failed(
            "`precision = bf16` on `cpu`, which multiplies in `f32` alone: `libtorch` and `libtorch:cuda:0` have both".into(),
        ));
    }
    Ok(())
}

/// Makes this thread one of those that share the work: otherwise it would only wait, and wake the others for each small piece.  `RAYON_NUM_THREADS` says
/// how many there are.
pub fn threads() {
    let pool = rayon::ThreadPoolBuilder::new().use_current_thread();
    // There is one already where the caller has made it, which is as good.
    let _ = pool.build_global();
}

/// Whether this build has libtorch.
pub const LIBTORCH: bool = cfg!(feature = "libtorch");

/// Whether libtorch is there with its part for CUDA.
pub fn cuda() -> bool {
    #[cfg(feature = "libtorch")]
    return tch::utils::has_cuda();
    #[cfg(not(feature = "libtorch"))]
    false
}

#[cfg(feature = "libtorch")]
#[expect(
    deprecated,
    reason = "burn 0.22 is the last with libtorch, and what it names in its place does not build without a download of LLVM"
)]
fn libtorch(name: &str) -> Result<Device, String> {
    // As many as the process was given; its own default is all cores, and lanes run side by side.
    let given = std::env::var("OMP_NUM_THREADS")
        .ok()
        .and_then(|n| n.parse().ok());
    tch::set_num_threads(given.unwrap_or(1));
    if name == "libtorch" {
        return Ok(Device::libtorch());
    }
    let card = name
        .strip_prefix("libtorch:cuda:")
        .and_then(|n| n.parse::<usize>().ok())
        .ok_or_else(|| format!("this build has no device `{name}`"))?;
    if !cuda() {
        return Err(format!(
            "`{name}`: this build's libtorch is the one for processors (`runtime/setup-libtorch.sh --cuda` gets the other)"
        ));
    }
    let cards = tch::Cuda::device_count();
    if card as i64 >= cards {
        return Err(format!("`{name}`: CUDA finds {cards} cards here"));
    }
    Ok(Device::libtorch_cuda(card))
}

#[cfg(not(feature = "libtorch"))]
fn libtorch(name: &str) -> Result<Device, String> {
    Err(format!(
        "this build has no device `{name}`, only `cpu`; `runtime/setup-libtorch.sh` says how libtorch is built in"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_is_never_replaced() {
        assert!(open("cpu").is_ok() && open("").is_ok());
        assert_eq!(open("libtorch").is_ok(), LIBTORCH);
        for name in ["libtorch:cuda:99", "cuda", "libtorch:cuda:", "gpu"] {
            let error = open(name).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
