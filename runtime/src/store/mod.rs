//! Where do results live?  A folder, `.align`, of content-addressed blobs and one folder for each node's key.
//!
//! ```text
//! format                    version of this layout
//! driver.lock               held (flock) by the run that is at work: its process, and the edition that it works by
//! blobs/<digest>            a file by its BLAKE3
//! names/<digest>            newest key of a node, by its name, so that a miss can be explained
//! damaged/                  what a check moved aside
//! exports/<digest>          content of the file that a run wrote for `export`, by the file's path
//! sources.json              digests of files outside, by size and time, so that they are not read again
//! nodes/<key>/node.json     the node as planned
//! nodes/<key>/parts.json    parts of the key
//! nodes/<key>/log           journal of the driver's decisions
//! nodes/<key>/attempts/<n>/ job.json, journal, lock (held by the worker), stderr
//! nodes/<key>/done/<extent> result
//! ```
//!
//! It decides nothing: it says what is there and puts things there.

mod blob;
mod collect;
mod gc;
pub mod journal;
mod node;
mod survey;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::disk;

pub use blob::digest_file;
pub use gc::{Collected, Gone, Waste};
pub use node::NodeFolder;
pub(crate) use node::{read_json, sealed};
pub use survey::{Damage, Survey};

/// Version of the layout.
const FORMAT: u32 = 1;

/// What can be wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk says no.
    #[error("cannot use `{path}`: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Bytes are not what was written.
    #[error("`{path}` is damaged: {what}")]
    Damaged {
        /// Where.
        path: PathBuf,
        /// How.
        what: String,
    },
    /// Written by a newer tool.
    #[error(
        "the store `{path}` was written by a newer `align`: it has format {found}, this one knows up to {FORMAT}"
    )]
    Newer {
        /// Where.
        path: PathBuf,
        /// Its format.
        found: String,
    },
    /// Another run holds it, and means other things by the same words.
    #[error("another run{} is at work in `{path}` by {theirs}, and this one would work by {ours}", process(*pid))]
    Edition {
        /// Where.
        path: PathBuf,
        /// Who.
        pid: Option<u32>,
        /// Its edition.
        theirs: String,
        /// Ours.
        ours: String,
    },
    /// Another run holds it.
    #[error("another run{} is at work in `{path}`", process(*pid))]
    Busy {
        /// Where.
        path: PathBuf,
        /// Who.
        pid: Option<u32>,
    },
}

fn process(pid: Option<u32>) -> String {
    pid.map(|p| format!(" (process {p})")).unwrap_or_default()
}

impl StoreError {
    /// An IO error with its place.
    pub fn io(path: &Path, source: io::Error) -> Self {
        StoreError::Io {
            path: path.to_path_buf(),
            source,
        }
    }
}

/// A store on disk.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// Held while a run is at work; the kernel drops it with the process.
#[derive(Debug)]
pub struct DriverLock {
    _file: File,
}

impl Store {
    /// Opens the store in a folder (usually `.align`), and makes it when it is not there.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let at = |e| StoreError::io(root, e);
        let format = root.join("format");
        match fs::read_to_string(&format) {
            // What follows the number is for people, so that a later tool may add to it.
            Ok(text) => match text.split_whitespace().next().unwrap_or("").parse::<u32>() {
                Ok(n) if n <= FORMAT => {}
                Ok(_) => {
                    return Err(StoreError::Newer {
                        path: root.to_path_buf(),
                        found: text.trim().to_owned(),
                    });
                }
                Err(_) => {
                    return Err(StoreError::Damaged {
                        path: format,
                        what: format!("found `{}`, wanted the number of its format", text.trim()),
                    });
                }
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let folders = ["", "blobs", "nodes", "names", "tmp"].map(|f| root.join(f));
                disk::make_dirs(&folders.each_ref().map(PathBuf::as_path)).map_err(at)?;
                let text = format!("{FORMAT}\n");
                disk::publish(&root.join("tmp"), &[(format, text.as_bytes())]).map_err(at)?;
            }
            Err(e) => return Err(StoreError::io(&format, e)),
        }
        let root = root.canonicalize().map_err(at)?;
        Ok(Self { root })
    }

    /// Its folder, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Takes the lock while no run is at work, for what must be alone with the store.
    pub fn lock_alone(&self) -> Result<DriverLock, StoreError> {
        self.lock("").map_err(|e| match e {
            StoreError::Edition { path, pid, .. } => StoreError::Busy { path, pid },
            e => e,
        })
    }

    /// Takes the lock of the one run that may be at work; `edition` says by what meaning of its words it works.
    pub fn lock(&self, edition: &str) -> Result<DriverLock, StoreError> {
        let path = self.root.join("driver.lock");
        let mut file = disk::open_lock(&path).map_err(|e| StoreError::io(&path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let mut lines = text.lines();
                let pid = lines.next().and_then(|t| t.trim().parse().ok());
                let path = self.root.clone();
                // One that has not signed yet is asked again.
                return Err(match lines.next() {
                    Some(theirs) if theirs != edition && !theirs.is_empty() => {
                        StoreError::Edition {
                            path,
                            pid,
                            theirs: theirs.to_owned(),
                            ours: edition.to_owned(),
                        }
                    }
                    _ => StoreError::Busy { path, pid },
                });
            }
            Err(fs::TryLockError::Error(e)) => return Err(StoreError::io(&path, e)),
        }
        disk::sign_lock(&mut file, &format!("{}\n{edition}\n", std::process::id()))
            .map_err(|e| StoreError::io(&path, e))?;
        self.sweep_temporary();
        Ok(DriverLock { _file: file })
    }

    /// Removes temporary files of processes that are gone.
    fn sweep_temporary(&self) {
        let Ok(entries) = fs::read_dir(self.tmp()) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let owner = name
                .split('-')
                .next()
                .and_then(|p| p.parse::<i32>().ok())
                .and_then(rustix::process::Pid::from_raw);
            let alive = owner.is_some_and(|p| rustix::process::test_kill_process(p).is_ok());
            if !alive {
                // A stray that stays costs space only.
                let _ = disk::remove_all(&entry.path());
            }
        }
    }

    /// Whether no node was ever started, so that there is nothing to look up.
    pub fn is_empty(&self) -> bool {
        fs::read_dir(self.root().join("nodes")).map_or(true, |mut nodes| nodes.next().is_none())
    }

    /// Newest key recorded for a node's name in a file.
    pub fn named(&self, file: &str, id: &str) -> Option<String> {
        let bytes = read_record(&self.name_path(file, id)).ok()?;
        String::from_utf8(bytes).ok()
    }

    /// Records the newest key of a name.
    pub fn name(&self, file: &str, id: &str, key: &str) -> Result<(), StoreError> {
        if self.named(file, id).as_deref() == Some(key) {
            return Ok(());
        }
        let path = self.name_path(file, id);
        disk::place(&self.tmp(), &path, key.as_bytes()).map_err(|e| StoreError::io(&path, e))
    }

    fn name_path(&self, file: &str, id: &str) -> PathBuf {
        self.root.join("names").join(name_of(file, id))
    }
}

/// The bytes of a file that is small as a rule, with as few system calls as may be: a run asks for one or two of them for every node.
fn read_record(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut piece = [0; 8192];
    let mut bytes = Vec::new();
    loop {
        let got = file.read(&mut piece)?;
        bytes.extend_from_slice(piece.get(..got).unwrap_or_default());
        // A regular file gives less than was asked for only at its end.
        if got < piece.len() {
            return Ok(bytes);
        }
    }
}

/// What stands for a node's name in a file.
fn name_of(file: &str, id: &str) -> String {
    let mut digest = align_plan::Digest::of(format!("{file}\0{id}").as_bytes()).0;
    digest.truncate(32);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_format_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join(".align");
        Store::open(&root).unwrap();
        Store::open(&root).unwrap();
        std::fs::write(root.join("format"), "2 align 3.0\n").unwrap();
        let error = Store::open(&root).unwrap_err();
        assert!(matches!(error, StoreError::Newer { .. }), "{error}");
        assert!(error.to_string().contains("format 2 align 3.0"), "{error}");
        std::fs::write(root.join("format"), "1 align 0.9\n").unwrap();
        Store::open(&root).unwrap();
        std::fs::write(root.join("format"), "?").unwrap();
        let error = Store::open(&root).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }

    #[test]
    fn one_driver_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let lock = store.lock("edition 1").unwrap();
        let error = store.lock("edition 1").unwrap_err();
        assert!(
            matches!(error, StoreError::Busy { pid: Some(p), .. } if p == std::process::id()),
            "{error}"
        );
        let error = store.lock("edition 2").unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, StoreError::Edition { .. }), "{text}");
        assert!(
            text.contains("edition 1") && text.contains("edition 2"),
            "{text}"
        );
        drop(lock);
        store.lock("edition 2").unwrap();
    }
}
