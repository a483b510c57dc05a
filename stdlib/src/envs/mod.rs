//! Environments: the tasks that the language knows, with their sizes and reference scores.
//!
//! Needs no tensor library: the checker and the editors read [`TASKS`]. The simulations are in `exec`.

use align_schema::Builtin;

mod env;
mod tasks;

pub use env::Env;
pub use tasks::{Body, Contacts, Map, MazeRules, RobotRules, TASKS, Task, World, returns, task};

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[Env::BUILTIN];
