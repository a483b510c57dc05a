//! How programs are run, whoever asks: the options that `run` and `watch` share.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use align_runtime::{Interrupt, RunOptions};
use clap::Args;

use super::download::DownloadArgs;
use super::ended::Around;
use super::{MachineArgs, StoreArgs, duration};
use crate::host;
use crate::machine;

#[derive(Args, Debug)]
pub(super) struct DriveArgs {
    /// Nodes that run at the same time (default: as many as the cores allow).
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Nodes on one device at a time; all that fit into its memory by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    per_device: Option<u32>,
    /// Threads of one node (default: the cores that no other node could use when it starts).
    #[arg(long, value_name = "N", env = "ALIGN_THREADS", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    #[command(flatten)]
    pub(super) machine: MachineArgs,
    /// When a node fails, go on with all that does not need it, whatever the file says.
    #[arg(long, conflicts_with = "fail_fast")]
    keep_going: bool,
    /// A worker without a sign of life for so long is ended, where its stage has an arm for `timeout`.
    #[arg(long, value_name = "TIME", default_value = "30 min", value_parser = duration)]
    stall: f64,
    /// Stop everything when a node fails.
    #[arg(long)]
    fail_fast: bool,
    /// Write events as JSON lines to standard output, in place of the table.
    #[arg(long)]
    pub(super) json: bool,
    /// Where the page goes (default: `report.html` in the store).
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Make faults happen, for tests; `align help run` says how they are written.
    #[arg(long, value_name = "SPEC", env = "ALIGN_INJECT")]
    inject: Option<String>,
    /// Words to put before each worker's command line, such as `strace -f` or `nice -n 19`.
    #[arg(
        long,
        value_name = "COMMAND",
        env = "ALIGN_WORKER_WRAPPER",
        hide = true
    )]
    wrap_workers: Option<String>,
    #[command(flatten)]
    pub(super) download: DownloadArgs,
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

impl DriveArgs {
    /// For the runtime.
    pub(super) fn options(&self, interrupt: Interrupt) -> Result<RunOptions, String> {
        let mut options = RunOptions {
            keep_going: self.keep_going,
            fail_fast: self.fail_fast,
            interrupt,
            ..host::options(self.machine.memory)
        };
        // A time beyond what a clock counts is no limit.
        options.stall = Duration::try_from_secs_f64(self.stall).unwrap_or(Duration::MAX);
        // A card wants a worker even where there are fewer cores.
        options.jobs = self
            .jobs
            .map_or(options.jobs.max(options.places.len()), |n| n as usize);
        options.per_device = self.per_device.map_or(usize::MAX, |n| n as usize);
        options.threads = self.threads.map(|n| n as usize);
        if let Some(words) = &self.wrap_workers {
            let words = words.split_whitespace().map(OsString::from);
            options.worker.splice(0..0, words);
        }
        if let Some(spec) = &self.inject {
            options.faults = align_runtime::inject::parse(spec)?;
        }
        Ok(options)
    }

    /// Stops after `--budget`, as Ctrl-C does; the flag says that it was this.
    pub(super) fn limit(&self, interrupt: &Interrupt) -> Arc<AtomicBool> {
        let over = Arc::new(AtomicBool::new(false));
        if let Some(seconds) = self.machine.budget {
            let (timer, over) = (interrupt.clone(), Arc::clone(&over));
            std::thread::spawn(move || {
                // A time beyond what a clock counts is no limit.
                if let Ok(pause) = Duration::try_from_secs_f64(seconds) {
                    std::thread::sleep(pause);
                    over.store(true, Ordering::Relaxed);
                    timer.raise();
                }
            });
        }
        over
    }

    /// Where the page goes.
    pub(super) fn page(&self) -> PathBuf {
        let given = self.report.clone();
        given.unwrap_or_else(|| self.store.store.join("report.html"))
    }

    /// What the page says of this machine.
    pub(super) fn around(&self) -> Around<'_> {
        Around {
            device: machine::chosen().to_string(),
            store: &self.store.store,
        }
    }
}
