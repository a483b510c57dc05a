//! Data sources: one file each, and the only list of them.

use align_schema::Builtin;

mod collect;
mod d4rl;
mod file;
mod lerobot;
mod minari;

pub use collect::Collect;
pub use d4rl::D4rl;
pub use file::File;
pub use lerobot::Lerobot;
pub use minari::Minari;

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[
    Collect::BUILTIN,
    D4rl::BUILTIN,
    File::BUILTIN,
    Lerobot::BUILTIN,
    Minari::BUILTIN,
];
