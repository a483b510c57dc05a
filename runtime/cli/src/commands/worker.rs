//! `align worker`: one attempt at one node, in its own process.  The driver starts it; people do not.

use std::path::PathBuf;

use align_runtime_api::Library;
use clap::Args;

use super::Exit;
use crate::meter::Metered;
use crate::ui::term::errln;

#[derive(Args, Debug)]
pub(crate) struct WorkerArgs {
    /// Key of the job.
    key: String,
    /// Folder of the store.
    #[arg(long)]
    store: PathBuf,
    /// Number of the attempt.
    #[arg(long)]
    attempt: u32,
}

pub(crate) fn run(args: &WorkerArgs) -> Exit {
    #[cfg(feature = "exec")]
    align_stdlib::exec::device::threads();
    let library = crate::host::library();
    let attempt = |library: &dyn Library| {
        align_runtime::worker(&args.store, &args.key, args.attempt, library)
    };
    let Some(file) = Metered::file() else {
        return Exit::Worker(attempt(library));
    };
    let metered = Metered::new(library, &file);
    let code = attempt(&metered);
    if let Err(e) = metered.write() {
        errln(&format!("`{}` cannot be written: {e}", file.display()));
    }
    Exit::Worker(code)
}
