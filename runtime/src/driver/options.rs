//! How is a run asked for, and what does it answer?

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use align_plan::{NodeId, Plan, VERSION};
use align_runtime_api::NodeStatus;

use super::places::Place;
use crate::inject::Fault;
use crate::store::StoreError;

/// Counts requests to stop; the first asks for checkpoints, the second stops at once.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Counts SIGINT and SIGTERM of this process from now on.
    pub fn listen() -> std::io::Result<Self> {
        let interrupt = Self::default();
        let count = interrupt.clone();
        let mut signals = signal_hook::iterator::Signals::new([
            signal_hook::consts::SIGINT,
            signal_hook::consts::SIGTERM,
        ])?;
        std::thread::spawn(move || {
            for _ in signals.forever() {
                count.raise();
            }
        });
        Ok(interrupt)
    }
    /// One more request.
    pub fn raise(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    /// Whether anybody asked.
    pub fn asked(&self) -> bool {
        self.count() > 0
    }
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// How to run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Workers at a time.
    pub jobs: usize,
    /// Workers on one device at a time.
    pub per_device: usize,
    /// The devices that workers share.
    pub places: Vec<Place>,
    /// Bytes that each node of a plan holds at least.
    pub needs: fn(&Plan) -> Vec<u64>,
    /// Threads of a worker; none: the cores that nothing else could use now.
    pub threads: Option<usize>,
    /// Start only these nodes (names or ids); others come from the store or not at all.
    pub only: Vec<String>,
    /// Start only these nodes and those that they need.
    pub until: Vec<String>,
    /// Run these again, whatever the store has.
    pub force: Vec<String>,
    /// A failure stops only what needs the failed node, whatever the file says.
    pub keep_going: bool,
    /// Any failure stops everything.
    pub fail_fast: bool,
    /// Faults to make, for tests; when empty, those of the variable `ALIGN_INJECT`.
    pub faults: Vec<Fault>,
    /// The worker's command line before `KEY --store DIR --attempt N`.
    pub worker: Vec<OsString>,
    /// Variables that workers get beside their own.
    pub environment: Vec<(OsString, OsString)>,
    /// Requests to stop.
    pub interrupt: Interrupt,
    /// Wait while another run is at work on the store; otherwise that is an error.
    pub wait: bool,
    /// Numeric class, part of every key.
    pub numeric: String,
    /// Device for workers.
    pub device: String,
    /// A worker that says nothing for so long raises `timeout`, where a node has an arm that answers it.
    pub stall: Duration,
}

impl Default for RunOptions {
    fn default() -> Self {
        let program = std::env::current_exe().map_or_else(|_| "align".into(), OsString::from);
        Self {
            jobs: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            per_device: usize::MAX,
            places: vec![Place::processor(None)],
            needs: |plan| vec![0; plan.nodes.len()],
            threads: None,
            only: Vec::new(),
            until: Vec::new(),
            force: Vec::new(),
            keep_going: false,
            fail_fast: false,
            faults: Vec::new(),
            worker: vec![program, "worker".into()],
            environment: Vec::new(),
            interrupt: Interrupt::default(),
            wait: true,
            numeric: "cpu-f32".into(),
            device: "cpu".into(),
            stall: Duration::from_mins(30),
        }
    }
}

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The plan is of another version.
    #[error(
        "the plan has version {found}, this tool reads version {VERSION}: write it again with `align plan`"
    )]
    Version {
        /// Its version.
        found: u32,
    },
    /// An option names no node.
    #[error("no node is called `{name}`: `align status` lists them")]
    NoNode {
        /// As given.
        name: String,
    },
    /// A fault that cannot be read.
    #[error("{0}")]
    Fault(String),
    /// A worker cannot be started.
    #[error("cannot start the worker `{command}`: {source}")]
    Spawn {
        /// The program.
        command: String,
        /// Why.
        source: std::io::Error,
    },
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Every node, in the plan's order.
    pub nodes: Vec<NodeStatus>,
    /// Nodes that came from the store.
    pub reused: usize,
    /// Attempts that were started.
    pub started: usize,
    /// Nodes that failed.
    pub failed: Vec<NodeId>,
    /// It was asked to stop before all was done.
    pub interrupted: bool,
    /// Why a file that an `export` names was not written, one sentence each.
    pub unwritten: Vec<String>,
    /// Wall time.
    pub seconds: f64,
}

impl Outcome {
    /// Exit status of the command: 0, 3 (a node failed) or 130 (interrupted).
    pub fn exit_code(&self) -> u8 {
        if self.interrupted {
            130
        } else if self.failed.is_empty() {
            0
        } else {
            3
        }
    }
}
