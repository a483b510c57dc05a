//! Filters on episodes and the measures they compare: one file each, and the only list of them.

use align_schema::Builtin;

mod advantage;
mod percentile;
mod top;

pub use advantage::Advantage;
pub use percentile::Percentile;
pub use top::Top;

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[Percentile::BUILTIN, Top::BUILTIN, Advantage::BUILTIN];
