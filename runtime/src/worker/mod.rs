//! One process, one attempt at one node: `align worker KEY --store DIR --attempt N`.
//!
//! It reads its assignment from the store, and writes checkpoints, a journal and a result back; it decides nothing about what
//! comes after it.  A signal to stop makes it checkpoint and end; so does the end of its control pipe (the driver died).

mod again;
mod heed;
mod make;
mod pace;
mod renew;
mod sound;
mod train;

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use align_plan::{Digest, Key, NodeKind};
use align_runtime_api::{Input, JobError, Library};

use crate::record::{Assignment, Ending, Entry, Event, Metrics, Pos, content};
use crate::store::journal::Journal;
use crate::store::{NodeFolder, Store, StoreError};

/// Exit status: the result is in the store.
pub const DONE: u8 = 0;
/// Exit status: the store or the call is unusable.
pub const UNUSABLE: u8 = 2;
/// Exit status: an event ended the attempt; the journal says which.
pub const EVENT: u8 = 3;
/// Exit status: a newer attempt has taken over, or another process is on this one.
pub const FENCED: u8 = 4;
/// Exit status: there is a checkpoint, run it again.
pub const AGAIN: u8 = 75;

/// Set in the environment of workers whose standard input is the driver's control pipe.
pub const CONTROL: &str = "ALIGN_CONTROL";

/// Why the work stopped before its end.
#[derive(Debug)]
pub(crate) enum Halt {
    Event(Event),
    Store(StoreError),
}

impl From<StoreError> for Halt {
    fn from(e: StoreError) -> Self {
        Halt::Store(e)
    }
}

/// An event of this kind, at this step.
pub(crate) fn event(kind: &str, detail: String, step: u64) -> Event {
    Event {
        kind: kind.into(),
        arm: None,
        detail,
        step,
        from: None,
        to: None,
    }
}

/// The event that a library's error is.
pub(crate) fn from_error(error: &JobError, at: u64) -> Event {
    let (kind, step) = match error {
        JobError::Data(_) => ("data", at),
        JobError::OutOfMemory(_) => ("oom", at),
        JobError::NonFinite { step, .. } => ("nan", *step),
        JobError::Failed(_) => ("crash", at),
    };
    event(kind, error.to_string(), step)
}

/// Unwinds a job that has no steps when it is asked to stop.
struct Stopped;

/// What all kinds of work share.
pub(crate) struct Desk<'a> {
    pub store: &'a Store,
    pub folder: &'a NodeFolder,
    pub attempt: u32,
    pub assignment: &'a Assignment,
    pub journal: Journal,
    pub started: Instant,
    pub stop: Arc<AtomicBool>,
    /// The driver has written the assignment anew.
    pub renewed: Arc<AtomicBool>,
    pub at: Pos,
    last_beat: Option<Instant>,
}

/// The contents of a sign of life.
pub(crate) struct Beat {
    pub rate: f64,
    pub used: f64,
    pub left: Option<f64>,
    pub metrics: Metrics,
    pub nearest: Option<String>,
}

impl Desk<'_> {
    pub fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Whether a sign of life is due: five a second, fewer as the attempt gets long, so that journals stay small.
    pub fn due(&self) -> bool {
        let pause = Duration::from_millis(200).max(self.started.elapsed() / 1000);
        self.last_beat.is_none_or(|t| t.elapsed() >= pause)
    }

    pub fn beat(&mut self, beat: Beat) -> Result<(), StoreError> {
        self.last_beat = Some(Instant::now());
        let entry = Entry::Beat {
            at: self.at,
            rate: if beat.rate.is_finite() {
                beat.rate
            } else {
                0.0
            },
            used: beat.used.clamp(0.0, 1.0),
            left: beat.left.filter(|l| l.is_finite()),
            metrics: beat.metrics,
            nearest: beat.nearest,
            seconds: self.seconds(),
        };
        self.journal.append(&entry)
    }
}

/// Makes one attempt; returns the exit status.
pub fn worker(root: &Path, key: &str, attempt: u32, library: &dyn Library) -> u8 {
    let key = Key(Digest(key.to_owned()));
    match prepare(root, &key, attempt) {
        Ok(Some((store, folder, assignment, lock))) => {
            let code = attend(&store, &folder, attempt, &assignment, library);
            drop(lock);
            code
        }
        Ok(None) => FENCED,
        Err(e) => complain(&e.to_string()),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the driver keeps a worker's standard error as its last words"
)]
fn complain(text: &str) -> u8 {
    eprintln!("{text}");
    UNUSABLE
}

type Ready = (Store, NodeFolder, Assignment, std::fs::File);

fn prepare(root: &Path, key: &Key, attempt: u32) -> Result<Option<Ready>, StoreError> {
    let store = Store::open(root)?;
    let folder = store.node(key);
    let Some(assignment) = folder.assignment(attempt)? else {
        return Err(StoreError::Damaged {
            path: folder.attempt(attempt),
            what: "there is no job in it".into(),
        });
    };
    let Some(lock) = folder.hold(attempt)? else {
        return Ok(None);
    };
    if folder.attempts().last() != Some(&attempt) {
        return Ok(None);
    }
    Ok(Some((store, folder, assignment, lock)))
}

fn attend(
    store: &Store,
    folder: &NodeFolder,
    attempt: u32,
    assignment: &Assignment,
    library: &dyn Library,
) -> u8 {
    let (stop, renewed) = listen();
    let journal = match Journal::open(&folder.journal(attempt)) {
        Ok(journal) => journal,
        Err(e) => return complain(&e.to_string()),
    };
    let mut desk = Desk {
        store,
        folder,
        attempt,
        assignment,
        journal,
        started: Instant::now(),
        stop,
        renewed,
        at: Pos::default(),
        last_beat: None,
    };
    let words = remember_panics();
    let result = catch_unwind(AssertUnwindSafe(|| work(&mut desk, library)));
    let ending = match result {
        Ok(Ok(ending)) => ending,
        Ok(Err(Halt::Event(event))) => Ending::Event(event),
        // The disk failed: nothing more can be promised, not even a record of it.
        Ok(Err(Halt::Store(e))) => return complain(&e.to_string()),
        Err(payload) if payload.is::<Stopped>() => Ending::Paused,
        Err(_) => {
            let text = words.lock().map(|t| t.clone()).unwrap_or_default();
            Ending::Event(event("crash", text, desk.at.step))
        }
    };
    let code = match &ending {
        Ending::Done => DONE,
        Ending::Paused => AGAIN,
        Ending::Event(_) => EVENT,
        Ending::Fenced => FENCED,
    };
    let entry = Entry::Ended {
        ending,
        at: desk.at,
        seconds: desk.seconds(),
    };
    match desk
        .journal
        .append(&entry)
        .and_then(|()| desk.journal.sync())
    {
        Ok(()) => code,
        Err(e) => complain(&e.to_string()),
    }
}

fn work(desk: &mut Desk<'_>, library: &dyn Library) -> Result<Ending, Halt> {
    for input in &desk.assignment.job.inputs {
        check(input).map_err(|what| Halt::Event(event("damaged", what, 0)))?;
    }
    if desk.assignment.job.node.kind == NodeKind::Stage {
        let trainer = library
            .trainer(&desk.assignment.job)
            .map_err(|e| Halt::Event(from_error(&e, 0)))?;
        train::stage(desk, trainer)
    } else {
        make::artifact(desk, library)
    }
}

/// Checks that an input's files are what its digest says.
fn check(input: &Input) -> Result<(), String> {
    let mut digests = std::collections::BTreeMap::new();
    for (name, path) in &input.files {
        let digest = crate::store::digest_file(path)
            .map_err(|e| format!("`{name}` of `{}` cannot be read: {e}", input.need.node))?;
        digests.insert(name.clone(), digest);
    }
    if content(&digests) == input.digest {
        Ok(())
    } else {
        Err(format!(
            "what `{}` made is damaged in the store",
            input.need.node
        ))
    }
}

/// Listens for what should make us stop (SIGTERM, SIGINT, the end of the driver), and for a new assignment (a byte of the driver).
fn listen() -> (Arc<AtomicBool>, Arc<AtomicBool>) {
    let stop = Arc::new(AtomicBool::new(false));
    let renewed = Arc::new(AtomicBool::new(false));
    for signal in [
        signal_hook::consts::SIGTERM,
        signal_hook::consts::SIGINT,
        signal_hook::consts::SIGHUP,
    ] {
        // Without the handler the signal ends us at once, which is safe too.
        let _ = signal_hook::flag::register(signal, Arc::clone(&stop));
    }
    if std::env::var_os(CONTROL).is_some() {
        let (stop, renewed) = (Arc::clone(&stop), Arc::clone(&renewed));
        std::thread::spawn(move || {
            let mut byte = [0];
            while std::io::stdin().read(&mut byte).is_ok_and(|n| n > 0) {
                renewed.store(true, Ordering::Relaxed);
            }
            stop.store(true, Ordering::Relaxed);
            // Work that cannot be interrupted must not outlive its driver for long.
            std::thread::sleep(Duration::from_mins(1));
            leave();
        });
    }
    (stop, renewed)
}

/// Most bytes that this process has held, as the kernel counts them; 0 where it does not tell.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.map_or(0, |n| n * 1024)
}

/// Ends the process as if it had been told to run again.
#[expect(
    clippy::exit,
    reason = "the library is inside a call that cannot be interrupted"
)]
fn leave() {
    std::process::exit(i32::from(AGAIN));
}

/// Keeps the words of a panic, which `catch_unwind` does not give.
fn remember_panics() -> Arc<Mutex<String>> {
    let words = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&words);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info
            .payload()
            .downcast_ref::<&str>()
            .map(|s| (*s).to_owned())
            .or_else(|| info.payload().downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "panic".into());
        if let Ok(mut words) = kept.lock() {
            *words = text;
        }
        before(info);
    }));
    words
}
