//! Samplers: one folder (or file) each, and the only list of them.

use align_schema::Builtin;

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[];
