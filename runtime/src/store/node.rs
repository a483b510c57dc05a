//! The folder of one node's key: attempts, decisions, results.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use align_plan::{Key, Node, Part};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::journal::{self, Journal};
use super::{Store, StoreError, read_record};
use crate::disk;
use crate::record::{Assignment, Done, Entry, Logged};

/// The folder `nodes/<key>`.
#[derive(Clone, Debug)]
pub struct NodeFolder {
    path: PathBuf,
    tmp: PathBuf,
}

impl Store {
    /// The folder of a key, which need not exist yet.
    pub fn node(&self, key: &Key) -> NodeFolder {
        NodeFolder {
            path: self.root().join("nodes").join(&key.0.0),
            tmp: self.tmp(),
        }
    }
}

/// Stands before the checksum, on the second line of a record; the line is JSON as well.
const CHECKSUM: &str = "\n\"crc32 ";

/// A record with its checksum.
pub(crate) fn sealed<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(value)?;
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(format!("{CHECKSUM}{sum:08x}\"\n").as_bytes());
    Ok(bytes)
}

/// The record without its checksum, when that is right or there is none.
fn unsealed(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let Some(at) = bytes.iter().position(|b| *b == b'\n') else {
        return Ok(bytes);
    };
    let (record, seal) = bytes.split_at(at);
    let sum = crc32fast::hash(record);
    if seal == format!("{CHECKSUM}{sum:08x}\"\n").as_bytes() {
        Ok(record)
    } else {
        Err("wrong checksum")
    }
}

pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    let damaged = |what: String| StoreError::Damaged {
        path: path.to_path_buf(),
        what,
    };
    match read_record(path) {
        Ok(bytes) => {
            let record = unsealed(&bytes).map_err(|why| damaged(why.to_owned()))?;
            serde_json::from_slice(record)
                .map(Some)
                .map_err(|e| damaged(e.to_string()))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(StoreError::io(path, e)),
    }
}

impl NodeFolder {
    /// Makes the folder and writes down what it is for.
    pub fn prepare(&self, node: &Node, parts: &[Part]) -> Result<(), StoreError> {
        let (attempts, done) = (self.path.join("attempts"), self.path.join("done"));
        disk::make_dirs(&[&self.path, &attempts, &done])
            .map_err(|e| StoreError::io(&self.path, e))?;
        self.publish("node.json", node)?;
        self.publish("parts.json", &parts)
    }

    fn publish<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<(), StoreError> {
        let path = self.path.join(name);
        let bytes = sealed(value).map_err(|e| StoreError::io(&path, e.into()))?;
        disk::publish(&self.tmp, &[(path.clone(), &bytes)]).map_err(|e| StoreError::io(&path, e))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Parts of the key.
    pub fn parts(&self) -> Option<Vec<Part>> {
        read_json(&self.path.join("parts.json")).ok().flatten()
    }

    /// The node as it was planned when it last started.
    pub fn planned(&self) -> Option<Node> {
        read_json(&self.path.join("node.json")).ok().flatten()
    }

    /// Whether anything was ever written for this key.
    pub fn is_there(&self) -> bool {
        self.path.exists()
    }

    /// Numbers of the attempts, in order.
    pub fn attempts(&self) -> Vec<u32> {
        let Ok(entries) = fs::read_dir(self.path.join("attempts")) else {
            return Vec::new();
        };
        let mut out: Vec<u32> = entries
            .flatten()
            .filter_map(|e| e.file_name().to_str().and_then(|n| n.parse().ok()))
            .collect();
        out.sort_unstable();
        out
    }

    /// Folder of an attempt.
    pub fn attempt(&self, n: u32) -> PathBuf {
        self.path.join("attempts").join(n.to_string())
    }

    /// Claims the next attempt and writes its job.
    pub fn claim(&self, assignment: &Assignment) -> Result<u32, StoreError> {
        let mut n = self.attempts().last().map_or(1, |n| n + 1);
        loop {
            let path = self.attempt(n);
            if disk::claim_dir(&path).map_err(|e| StoreError::io(&path, e))? {
                break;
            }
            n += 1;
        }
        self.publish(&format!("attempts/{n}/job.json"), assignment)?;
        Ok(n)
    }

    /// Gives an attempt that is at work another assignment.
    pub fn reassign(&self, n: u32, assignment: &Assignment) -> Result<(), StoreError> {
        self.publish(&format!("attempts/{n}/job.json"), assignment)
    }

    /// What an attempt was to do.
    pub fn assignment(&self, n: u32) -> Result<Option<Assignment>, StoreError> {
        read_json(&self.attempt(n).join("job.json"))
    }

    /// The newest attempt that has a job: one without never began.
    pub(super) fn begun(&self) -> Option<u32> {
        let has_job = |n: &u32| self.attempt(*n).join("job.json").exists();
        self.attempts().into_iter().rev().find(has_job)
    }

    /// Path of an attempt's journal.
    pub fn journal(&self, n: u32) -> PathBuf {
        self.attempt(n).join("journal")
    }

    /// What an attempt wrote down.
    pub fn entries(&self, n: u32) -> Result<Vec<Entry>, StoreError> {
        Ok(journal::read(&self.journal(n))?.0)
    }

    /// What an attempt wrote down before any damage: all that may still be relied on.
    pub fn sound_entries(&self, n: u32) -> Vec<Entry> {
        journal::read_sound(&self.journal(n)).0
    }

    /// The worker's claim on its attempt; none when another process holds it.
    pub fn hold(&self, n: u32) -> Result<Option<File>, StoreError> {
        let path = self.attempt(n).join("lock");
        let file = disk::open_lock(&path).map_err(|e| StoreError::io(&path, e))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(e)) => Err(StoreError::io(&path, e)),
        }
    }

    /// Whether a worker is on an attempt.
    pub fn held(&self, n: u32) -> bool {
        File::open(self.attempt(n).join("lock"))
            .is_ok_and(|f| matches!(f.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
    }

    /// Decisions of the driver, in order.
    pub fn log(&self) -> Result<Vec<Logged>, StoreError> {
        Ok(journal::read(&self.path.join("log"))?.0)
    }

    /// Writes a decision down, durably.
    pub fn decide(&self, record: &Logged) -> Result<(), StoreError> {
        let mut journal = Journal::open(&self.path.join("log"))?;
        journal.append(record)?;
        journal.sync()
    }

    /// The result of an extent.
    pub fn done(&self, extent: &str) -> Result<Option<Done>, StoreError> {
        read_json(&self.path.join("done").join(extent))
    }

    /// Every result, newest first.
    pub fn all_done(&self) -> Vec<Done> {
        let Ok(entries) = fs::read_dir(self.path.join("done")) else {
            return Vec::new();
        };
        let mut found: Vec<(std::time::SystemTime, PathBuf)> = entries
            .flatten()
            .filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path())))
            .collect();
        found.sort();
        found
            .iter()
            .rev()
            .filter_map(|(_, path)| read_json(path).ok().flatten())
            .collect()
    }

    /// Every result; an error when one cannot be read.
    pub(super) fn every_done(&self) -> Result<Vec<Done>, StoreError> {
        let folder = self.path.join("done");
        let mut out = Vec::new();
        for name in super::survey::names_in(&folder)? {
            out.extend(read_json(&folder.join(name))?);
        }
        Ok(out)
    }

    /// Publishes a result, unless a newer attempt than `attempt` exists; false then.
    pub fn finish(&self, extent: &str, attempt: u32, done: &Done) -> Result<bool, StoreError> {
        if self.attempts().last().is_some_and(|n| *n > attempt) {
            return Ok(false);
        }
        self.publish(&format!("done/{extent}"), done)?;
        Ok(true)
    }

    /// Takes results back, for a forced new start.
    pub fn forget(&self) -> Result<(), StoreError> {
        let folder = self.path.join("done");
        let Ok(entries) = fs::read_dir(&folder) else {
            return Ok(());
        };
        for entry in entries.flatten() {
            disk::remove(&entry.path()).map_err(|e| StoreError::io(&folder, e))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_of_a_record_is_found() {
        let whole = sealed(&[1, 22, 333]).unwrap();
        assert_eq!(unsealed(&whole), Ok(&b"[1,22,333]"[..]));
        // Without a checksum, as written by hand.
        assert_eq!(unsealed(b"[1]"), Ok(&b"[1]"[..]));
        for i in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[i] ^= 1;
            let read = unsealed(&bytes).map(serde_json::from_slice::<Vec<u32>>);
            assert!(!matches!(read, Ok(Ok(_))), "byte {i}");
        }
    }
}
