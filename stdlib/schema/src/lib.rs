//! What a builtin of the language is made of: units, values, types, bounds, effect classes, and the `builtin!` macro.
//!
//! This crate holds no builtin itself and reads no file; `align-stdlib` fills it, everything else reads it.

mod builtin;
mod read;
mod ty;
mod unit;
mod value;

pub use builtin::{Block, BlockKind, Builtin, DataKind, Group, Param, Role};
pub use read::{ArgError, FromValue, take, take_optional};
pub use ty::{Bounds, Effect, Ty};
pub use unit::{Dim, Quantity, UNITS, Unit, measure, unit};
pub use value::{Call, Port, Ref, Value};
