//! `align worker`: one attempt at one node, in its own process.  The driver starts it; people do not.

use std::path::PathBuf;

use clap::Args;

use super::Exit;

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
    let library = crate::host::library();
    Exit::Worker(align_runtime::worker(
        &args.store,
        &args.key,
        args.attempt,
        library,
    ))
}
