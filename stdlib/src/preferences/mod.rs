//! How preference pairs are ranked: one file each, and the only list of them.

use align_schema::Builtin;

mod by_return;
mod by_value;

pub use by_return::ByReturn;
pub use by_value::ByValue;

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[ByReturn::BUILTIN, ByValue::BUILTIN];
