//! Where do results live?  A folder, `.align`, of content-addressed blobs and one folder for each node's key.
//!
//! ```text
//! format                    version of this layout
//! driver.lock               held (flock) by the run that is at work
//! blobs/<digest>            a file by its BLAKE3
//! names/<digest>            newest key of a node, by its name, so that a miss can be explained
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
pub mod journal;
mod node;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::disk;

pub use blob::digest_file;
pub use node::NodeFolder;

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
        "the store `{path}` has format {found}, this tool knows up to {FORMAT}: use a newer `align`"
    )]
    Newer {
        /// Where.
        path: PathBuf,
        /// Its format.
        found: String,
    },
    /// Another run holds it.
    #[error("another run{} is at work in `{path}`", pid.map(|p| format!(" (process {p})")).unwrap_or_default())]
    Busy {
        /// Where.
        path: PathBuf,
        /// Who.
        pid: Option<u32>,
    },
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
            Ok(text) => match text.trim().parse::<u32>() {
                Ok(n) if n <= FORMAT => {}
                _ => {
                    return Err(StoreError::Newer {
                        path: root.to_path_buf(),
                        found: text.trim().to_owned(),
                    });
                }
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                for folder in ["blobs", "nodes", "names", "tmp"] {
                    disk::make_dirs(&root.join(folder)).map_err(at)?;
                }
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

    /// Takes the lock of the one run that may be at work.
    pub fn lock(&self) -> Result<DriverLock, StoreError> {
        let path = self.root.join("driver.lock");
        let mut file = disk::open_lock(&path).map_err(|e| StoreError::io(&path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&path)
                    .ok()
                    .and_then(|t| t.trim().parse().ok());
                return Err(StoreError::Busy {
                    path: self.root.clone(),
                    pid,
                });
            }
            Err(fs::TryLockError::Error(e)) => return Err(StoreError::io(&path, e)),
        }
        disk::sign_lock(&mut file, &format!("{}\n", std::process::id()))
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
                let _ = disk::remove(&entry.path());
            }
        }
    }

    /// Newest key recorded for a node's name in a file.
    pub fn named(&self, file: &str, id: &str) -> Option<String> {
        fs::read_to_string(self.name_path(file, id)).ok()
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
        let digest = align_plan::Digest::of(format!("{file}\0{id}").as_bytes());
        self.root.join("names").join(&digest.0[..32])
    }
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
        std::fs::write(root.join("format"), "2\n").unwrap();
        let error = Store::open(&root).unwrap_err().to_string();
        assert!(error.contains("format 2"), "{error}");
    }

    #[test]
    fn one_driver_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let lock = store.lock().unwrap();
        let error = store.lock().unwrap_err();
        assert!(
            matches!(error, StoreError::Busy { pid: Some(p), .. } if p == std::process::id()),
            "{error}"
        );
        drop(lock);
        store.lock().unwrap();
    }
}
