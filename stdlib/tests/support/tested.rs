//! Which device do the suites hold to PyTorch's numbers?  `ALIGN_TEST_DEVICE` names it, in a build that has it; otherwise the embedded kernels.

use align_stdlib::exec::device::open;
use burn::prelude::Device;

/// The plain device under test.
pub fn tested() -> Device {
    let name = std::env::var("ALIGN_TEST_DEVICE").unwrap_or_default();
    open(&name).unwrap_or_else(|e| panic!("{e}"))
}
