//! Where does a worker's processor time go?  With `ALIGN_METER=FILE` each worker adds one line to the file: CPU seconds in the
//! library's training steps, evaluations and other work, and of the whole process.  `tests/bench` reads them.
//!
//! Without the variable nothing is measured.  It changes nothing of what is computed.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use align_plan::Node;
use align_runtime_api::{
    Evaluation, Fetching, Files, Job, JobError, Library, Made, OnProgress, StepOut, Trainer,
};
use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of CPU time of this process, all threads together.
fn now() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    (time.tv_sec as u64) * 1_000_000_000 + time.tv_nsec as u64
}

/// CPU time by what it was for.
#[derive(Debug, Default)]
struct Times {
    step: AtomicU64,
    evaluate: AtomicU64,
    make: AtomicU64,
    open: AtomicU64,
    save: AtomicU64,
}

/// Runs something and adds its CPU time.
fn timed<T>(sum: &AtomicU64, work: impl FnOnce() -> T) -> T {
    let start = now();
    let out = work();
    sum.fetch_add(now().saturating_sub(start), Ordering::Relaxed);
    out
}

/// A library whose calls are timed.
pub(crate) struct Metered<'a> {
    inner: &'a dyn Library,
    times: Arc<Times>,
    node: RwLock<String>,
    file: PathBuf,
}

impl<'a> Metered<'a> {
    /// The file that `ALIGN_METER` names, if it does.
    pub(crate) fn file() -> Option<PathBuf> {
        std::env::var_os("ALIGN_METER").map(PathBuf::from)
    }

    /// Around a library; the line goes to `file`.
    pub(crate) fn new(inner: &'a dyn Library, file: &Path) -> Self {
        Self {
            inner,
            times: Arc::default(),
            node: RwLock::default(),
            file: file.to_path_buf(),
        }
    }

    fn is_for(&self, job: &Job) {
        let mut node = self.node.write().unwrap_or_else(PoisonError::into_inner);
        node.clone_from(&job.node.id.0);
    }

    /// Adds the line.
    pub(crate) fn write(&self) -> std::io::Result<()> {
        let seconds = |sum: &AtomicU64| sum.load(Ordering::Relaxed) as f64 / 1e9;
        let node = self.node.read().unwrap_or_else(PoisonError::into_inner);
        let line = serde_json::json!({
            "node": *node,
            "step": seconds(&self.times.step),
            "evaluate": seconds(&self.times.evaluate),
            "make": seconds(&self.times.make),
            "open": seconds(&self.times.open),
            "save": seconds(&self.times.save),
            "total": now() as f64 / 1e9,
        });
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.file)?;
        file.write_all(format!("{line}\n").as_bytes())
    }
}

impl Library for Metered<'_> {
    fn trainer(&self, job: &Job) -> Result<Box<dyn Trainer>, JobError> {
        self.is_for(job);
        let inner = timed(&self.times.open, || self.inner.trainer(job))?;
        Ok(Box::new(MeteredTrainer {
            inner,
            times: self.times.clone(),
        }))
    }
    fn dataset(&self, job: &Job, progress: OnProgress<'_>) -> Result<Made, JobError> {
        self.is_for(job);
        timed(&self.times.make, || self.inner.dataset(job, progress))
    }
    fn cascade(&self, job: &Job, progress: OnProgress<'_>) -> Result<Made, JobError> {
        self.is_for(job);
        timed(&self.times.make, || self.inner.cascade(job, progress))
    }
    fn semantics(&self, node: &Node) -> Vec<(String, u32)> {
        self.inner.semantics(node)
    }
    fn sources(&self, node: &Node) -> Vec<PathBuf> {
        self.inner.sources(node)
    }
    fn fetches(&self, node: &Node) -> bool {
        self.inner.fetches(node)
    }
    fn simulator(&self, node: &Node) -> Option<String> {
        self.inner.simulator(node)
    }
    fn fetch(
        &self,
        node: &Node,
        how: &Fetching<'_>,
        progress: OnProgress<'_>,
    ) -> Result<(), String> {
        self.inner.fetch(node, how, progress)
    }
    fn preflight(&self, node: &Node) -> Result<(), String> {
        self.inner.preflight(node)
    }
}

struct MeteredTrainer {
    inner: Box<dyn Trainer>,
    times: Arc<Times>,
}

impl Trainer for MeteredTrainer {
    fn step(&mut self, step: u64, want_metrics: bool) -> Result<StepOut, JobError> {
        timed(&self.times.step, || self.inner.step(step, want_metrics))
    }
    fn evaluate(&mut self, episodes: u64) -> Result<Evaluation, JobError> {
        timed(&self.times.evaluate, || self.inner.evaluate(episodes))
    }
    fn save(&self) -> Result<Files, JobError> {
        timed(&self.times.save, || self.inner.save())
    }
    fn load(&mut self, files: &BTreeMap<String, PathBuf>) -> Result<(), JobError> {
        timed(&self.times.open, || self.inner.load(files))
    }
}
