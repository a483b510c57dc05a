//! MuJoCo, opened at run time: where its library is, which version it has, and its physics step by step.
//!
//! No header and no structure of MuJoCo is known here: state goes in and out through `mj_getState` and `mj_setState`, so that one
//! binary works with every release from 2.3.7 on.  It must not know tasks, rewards or episodes.

#![allow(unsafe_code, reason = "MuJoCo is a C library")]
#![warn(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]

mod api;
mod find;
mod model;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub use find::{Found, Missing, VARIABLE};
pub use model::{Data, Model};

/// Why MuJoCo cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No library is there.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The file is no library of MuJoCo, or one that is too old.
    #[error("`{path}` cannot be used as MuJoCo's library: {why}; {}", find::ADVICE)]
    Unusable {
        /// The file.
        path: String,
        /// What the loader said.
        why: String,
    },
    /// MuJoCo refuses a model.
    #[error("MuJoCo {version} refuses the model: {why}")]
    Model {
        /// The library's version.
        version: String,
        /// Its message.
        why: String,
    },
    /// A file cannot be written.
    #[error("the model cannot be handed to MuJoCo: {0}")]
    File(#[from] std::io::Error),
}

/// The library that was asked for on the command line.
static CHOSEN: OnceLock<PathBuf> = OnceLock::new();

/// Uses this library (or the one in this folder) in place of what the environment says.  Only the first call counts.
pub fn choose(path: PathBuf) {
    let _ = CHOSEN.set(path);
}

/// The library that [`choose`] named.
pub fn chosen() -> Option<&'static Path> {
    CHOSEN.get().map(PathBuf::as_path)
}

/// Where the library is, without opening it; looked up once.
pub fn found() -> Result<&'static Found, Missing> {
    static FOUND: OnceLock<Result<Found, Missing>> = OnceLock::new();
    FOUND
        .get_or_init(|| find::find(CHOSEN.get().map(PathBuf::as_path)))
        .as_ref()
        .map_err(Clone::clone)
}

/// Whether the library that [`found`] names can be opened.
pub fn usable() -> Result<(), Error> {
    api::opened(&found()?.path).map(|_| ())
}

/// Compiles a model from its XML text, with the library that [`found`] names.
///
/// One library is opened in a process, and never another one: two of them share their symbols.
pub fn compile(xml: &str) -> Result<Model, Error> {
    Model::compile(api::opened(&found()?.path)?, xml)
}

/// The same with a given library; for tests that compare with another program's.
pub fn compile_with(library: &Path, xml: &str) -> Result<Model, Error> {
    Model::compile(api::opened(library)?, xml)
}
