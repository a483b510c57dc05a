//! Which files of a program have changed?  Asked by `align watch`.
//!
//! Folders are watched, not files: editors replace files by renaming.  What counts is the content, so that a save without a change, and
//! whatever else is written beside the program, wakes nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use align_plan::Digest;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// A save is over when nothing was written for so long.
const QUIET: Duration = Duration::from_millis(100);

/// One that never rests is looked at after this long.
const MOST: Duration = Duration::from_millis(500);

/// What a file is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Print {
    /// It cannot be read.
    Missing,
    /// A text of the program.
    Text(Digest),
    /// Data, which may be large: size, time of change, inode.
    Stat(u64, i64, i64, u64),
}

impl Print {
    /// As the file is now; of the same kind as an earlier one.
    fn like(&self, path: &Path) -> Self {
        match self {
            Self::Stat(..) => Self::stat(path),
            _ => Self::text(path),
        }
    }

    /// Of a text.
    pub(crate) fn text(path: &Path) -> Self {
        std::fs::read(path).map_or(Self::Missing, |bytes| Self::Text(Digest::of(&bytes)))
    }

    /// Of data.
    pub(crate) fn stat(path: &Path) -> Self {
        std::fs::metadata(path).map_or(Self::Missing, |m| {
            Self::Stat(m.len(), m.mtime(), m.mtime_nsec(), m.ino())
        })
    }
}

/// Files as they were read, by the path that the program names.
pub(crate) type Prints = BTreeMap<String, Print>;

enum Message {
    Follow(Prints),
    Touched,
}

/// Watches from a thread of its own.
pub(crate) struct Eyes {
    seen: Receiver<Vec<String>>,
    orders: Sender<Message>,
}

impl Eyes {
    /// Looks at nothing yet.  `poll` is the time between two looks where the system is not to be asked; the second value says why it
    /// looks by itself although it was not asked to.
    pub(crate) fn open(poll: Option<Duration>) -> (Self, Option<String>) {
        let (orders, messages) = mpsc::channel();
        let (tell, seen) = mpsc::channel();
        let names: Arc<Mutex<BTreeSet<OsString>>> = Arc::default();
        let (touched, known) = (orders.clone(), Arc::clone(&names));
        let on_event = move |event: notify::Result<notify::Event>| {
            let ours = match &event {
                Ok(e) if matches!(e.kind, EventKind::Access(_)) => false,
                // A lost event may have been any.
                Ok(e) if e.need_rescan() => true,
                Ok(e) => known.lock().is_ok_and(|names| {
                    let mut files = e.paths.iter().filter_map(|p| p.file_name());
                    files.any(|name| names.contains(name))
                }),
                Err(_) => true,
            };
            if ours {
                // Nobody listens any more when the command ends.
                let _ = touched.send(Message::Touched);
            }
        };
        let (mut watcher, mut every, mut why) = (None, poll, None);
        if poll.is_none() {
            match notify::recommended_watcher(on_event) {
                Ok(w) => watcher = Some(w),
                Err(e) => {
                    every = Some(MOST);
                    why = Some(format!(
                        "the system tells no changes ({e}): looking twice a second"
                    ));
                }
            }
        }
        let gaze = Gaze {
            messages,
            tell,
            watcher,
            every,
            names,
            folders: BTreeSet::new(),
            known: Prints::new(),
        };
        std::thread::spawn(move || gaze.run());
        (Self { seen, orders }, why)
    }

    /// Looks at these from now on; a file that is another one already is told at once.
    pub(crate) fn follow(&self, files: Prints) {
        // The thread ends with this struct.
        let _ = self.orders.send(Message::Follow(files));
    }

    /// The files that changed, if any did within this time.
    pub(crate) fn wait(&self, pause: Duration) -> Option<Vec<String>> {
        self.seen.recv_timeout(pause).ok()
    }
}

struct Gaze {
    messages: Receiver<Message>,
    tell: Sender<Vec<String>>,
    watcher: Option<RecommendedWatcher>,
    /// Time between two looks, where the system tells nothing.
    every: Option<Duration>,
    names: Arc<Mutex<BTreeSet<OsString>>>,
    folders: BTreeSet<PathBuf>,
    known: Prints,
}

impl Gaze {
    fn run(mut self) {
        loop {
            let message = match self.every {
                None => self
                    .messages
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
                Some(pause) => self.messages.recv_timeout(pause),
            };
            let alive = match message {
                Ok(Message::Follow(files)) => {
                    self.follow(files);
                    self.compare()
                }
                Ok(Message::Touched) => self.settle() && self.compare(),
                // A look of our own: only a change is worth waiting for its end.
                Err(RecvTimeoutError::Timeout) => {
                    self.changed().is_empty() || (self.settle() && self.compare())
                }
                Err(RecvTimeoutError::Disconnected) => false,
            };
            if !alive {
                return;
            }
        }
    }

    /// Waits until a save is over; false when nobody listens any more.
    fn settle(&mut self) -> bool {
        let begun = Instant::now();
        loop {
            let left = MOST.saturating_sub(begun.elapsed()).min(QUIET);
            match self.messages.recv_timeout(left) {
                Ok(Message::Follow(files)) => self.follow(files),
                Ok(Message::Touched) => {}
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
            if begun.elapsed() >= MOST {
                return true;
            }
        }
    }

    fn follow(&mut self, files: Prints) {
        let folders: BTreeSet<PathBuf> = files.keys().map(|f| folder(Path::new(f))).collect();
        if let Ok(mut names) = self.names.lock() {
            *names = files
                .keys()
                .filter_map(|f| Path::new(f).file_name().map(OsString::from))
                .collect();
            // A folder that is made anew brings its files with it.
            names.extend(
                folders
                    .iter()
                    .filter_map(|f| f.file_name().map(OsString::from)),
            );
        }
        if let Some(watcher) = &mut self.watcher {
            for old in self.folders.difference(&folders) {
                // It may be gone.
                let _ = watcher.unwatch(old);
            }
            for new in &folders {
                // Again even where it is watched: it may have been removed and made anew.
                if watcher.watch(new, RecursiveMode::NonRecursive).is_err() {
                    self.every = Some(MOST);
                }
            }
        }
        self.folders = folders;
        self.known = files;
    }

    fn changed(&self) -> Vec<(String, Print)> {
        let now = self.known.iter().map(|(file, old)| {
            let print = old.like(Path::new(file));
            (file, old, print)
        });
        now.filter(|(_, old, print)| *old != print)
            .map(|(file, _, print)| (file.clone(), print))
            .collect()
    }

    /// Tells what changed; false when nobody listens any more.
    fn compare(&mut self) -> bool {
        let changed = self.changed();
        if changed.is_empty() {
            return true;
        }
        let files = changed.iter().map(|(file, _)| file.clone()).collect();
        self.known.extend(changed);
        self.tell.send(files).is_ok()
    }
}

/// The folder of a file, or the nearest one above it that is there.
fn folder(file: &Path) -> PathBuf {
    let mut at = file.parent();
    while let Some(folder) = at {
        if folder.as_os_str().is_empty() {
            break;
        }
        if folder.is_dir() {
            return folder.to_path_buf();
        }
        at = folder.parent();
    }
    PathBuf::from(".")
}
