//! An append-only file of records, each `length, CRC-32, JSON`; one writer, any number of readers.
//!
//! A record that a crash left unfinished at the end is dropped; a bad record before the end means that the file was damaged
//! later, and is refused with its place.  It does not know what the records say.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use crate::disk;

/// Longest record; a larger length can only be damage.
const LONGEST: usize = 64 << 20;
const HEAD: usize = 8;

/// What stands at the start of some bytes.
enum Next<'a> {
    Record(&'a [u8]),
    /// Not (yet) whole.
    Open,
    Bad(&'static str),
}

fn next(bytes: &[u8]) -> Next<'_> {
    let word = |at: usize| {
        bytes
            .get(at..at + 4)
            .and_then(|b| b.try_into().ok())
            .map(u32::from_le_bytes)
    };
    let (Some(len), Some(crc)) = (word(0), word(4)) else {
        return Next::Open;
    };
    let len = len as usize;
    if len > LONGEST {
        return Next::Bad("impossible length");
    }
    let Some(payload) = bytes.get(HEAD..HEAD + len) else {
        // Nothing can stand behind an unfinished write: the length itself is damaged.
        let follows = (1..bytes.len()).any(|at| bytes.get(at..).is_some_and(is_record));
        return if follows {
            Next::Bad("wrong length")
        } else {
            Next::Open
        };
    };
    if len == 0 || crc32fast::hash(payload) != crc {
        // At the very end (or before nothing but zeros, as after a power loss) it is an unfinished write.
        let rest = bytes.get(HEAD + len..).unwrap_or_default();
        return if rest.iter().all(|b| *b == 0) {
            Next::Open
        } else {
            Next::Bad("wrong checksum")
        };
    }
    Next::Record(payload)
}

/// Whether a whole record stands at the start of some bytes.
fn is_record(bytes: &[u8]) -> bool {
    let Some((head, rest)) = bytes.split_at_checked(HEAD) else {
        return false;
    };
    let (len, crc) = head.split_at(4);
    let len = len.try_into().map_or(0, u32::from_le_bytes) as usize;
    len > 0
        && rest
            .get(..len)
            .is_some_and(|payload| crc == crc32fast::hash(payload).to_le_bytes())
}

/// Reads all whole records, and tells how many bytes they take.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<(Vec<T>, u64), StoreError> {
    let mut tail = Tail::new(path.to_path_buf());
    let records = tail.poll()?;
    Ok((records, tail.offset))
}

/// Reads the whole records before the first damage, and tells how many bytes they take.
pub fn read_sound<T: DeserializeOwned>(path: &Path) -> (Vec<T>, u64) {
    let mut tail = Tail::new(path.to_path_buf());
    let mut out = Vec::new();
    // That it ends in damage or cannot be read is for a check of the store to say.
    let _ = tail.gather(&mut out);
    (out, tail.offset)
}

/// Reads a journal as it grows.
pub struct Tail {
    path: PathBuf,
    offset: u64,
}

impl Tail {
    /// From the beginning.
    pub fn new(path: PathBuf) -> Self {
        Self { path, offset: 0 }
    }

    /// What came since the last time; a file that is not there yet has no records.
    pub fn poll<T: DeserializeOwned>(&mut self) -> Result<Vec<T>, StoreError> {
        let mut out = Vec::new();
        self.gather(&mut out)?;
        Ok(out)
    }

    fn gather<T: DeserializeOwned>(&mut self, out: &mut Vec<T>) -> Result<(), StoreError> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(StoreError::io(&self.path, e)),
        };
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(self.offset))
            .and_then(|_| file.read_to_end(&mut bytes))
            .map_err(|e| StoreError::io(&self.path, e))?;
        let mut rest = bytes.as_slice();
        loop {
            match next(rest) {
                Next::Record(payload) => {
                    let record = serde_json::from_slice(payload);
                    out.push(record.map_err(|e| self.damaged(&e.to_string()))?);
                    let taken = HEAD + payload.len();
                    rest = rest.get(taken..).unwrap_or_default();
                    self.offset += taken as u64;
                }
                Next::Open => return Ok(()),
                Next::Bad(why) => return Err(self.damaged(why)),
            }
        }
    }

    fn damaged(&self, why: &str) -> StoreError {
        StoreError::Damaged {
            path: self.path.clone(),
            what: format!("record at byte {}: {why}", self.offset),
        }
    }
}

/// The writing end.
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens for appending, after dropping an unfinished record at the end.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let (_, len) = read::<serde::de::IgnoredAny>(path)?;
        let file = disk::open_append(path, len).map_err(|e| StoreError::io(path, e))?;
        // Without a record its name may not be durable yet, even when it is there: its maker may have died.
        if len == 0
            && let Some(parent) = path.parent()
        {
            disk::sync_dir(parent).map_err(|e| StoreError::io(parent, e))?;
        }
        Ok(Self {
            file,
            path: path.to_path_buf(),
        })
    }

    /// Appends a record; readers see it at once, the disk has it after [`Journal::sync`].
    pub fn append<T: Serialize>(&mut self, record: &T) -> Result<(), StoreError> {
        let payload =
            serde_json::to_vec(record).map_err(|e| StoreError::io(&self.path, e.into()))?;
        let mut bytes = Vec::with_capacity(HEAD + payload.len());
        bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
        bytes.extend_from_slice(&payload);
        disk::append(&mut self.file, &bytes).map_err(|e| StoreError::io(&self.path, e))
    }

    /// Makes what was appended durable.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        disk::sync_file(&self.file).map_err(|e| StoreError::io(&self.path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(records: &[u32]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let mut journal = Journal::open(&path).unwrap();
        for r in records {
            journal.append(r).unwrap();
        }
        journal.sync().unwrap();
        (dir, path)
    }

    #[test]
    fn every_torn_tail_is_dropped_and_writing_goes_on() {
        let (_dir, path) = written(&[1, 22, 333]);
        let whole = std::fs::read(&path).unwrap();
        let last = HEAD + 3;
        for cut in 1..last {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            assert_eq!(read::<u32>(&path).unwrap().0, [1, 22], "cut {cut}");
            let mut journal = Journal::open(&path).unwrap();
            journal.append(&4u32).unwrap();
            assert_eq!(read::<u32>(&path).unwrap().0, [1, 22, 4], "cut {cut}");
        }
        std::fs::write(&path, [&whole[..], &[0; 100]].concat()).unwrap();
        assert_eq!(read::<u32>(&path).unwrap().0, [1, 22, 333]);
    }

    #[test]
    fn damage_in_the_middle_is_refused_with_its_place() {
        let (_dir, path) = written(&[1, 22, 333]);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[HEAD + 1 + HEAD] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let error = read::<u32>(&path).unwrap_err().to_string();
        assert!(error.contains("at byte 9"), "{error}");
        assert_eq!(read_sound::<u32>(&path), (vec![1], 9));
    }

    #[test]
    fn a_damaged_length_is_no_torn_tail() {
        let (_dir, path) = written(&[1, 22, 333]);
        let whole = std::fs::read(&path).unwrap();
        for byte in 0..HEAD + 1 + HEAD + 2 {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[byte] ^= 1 << bit;
                std::fs::write(&path, &bytes).unwrap();
                assert!(read::<u32>(&path).is_err(), "byte {byte}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_reader_follows_a_writer() {
        let (_dir, path) = written(&[1]);
        let mut tail = Tail::new(path.clone());
        assert_eq!(tail.poll::<u32>().unwrap(), [1]);
        assert!(tail.poll::<u32>().unwrap().is_empty());
        Journal::open(&path).unwrap().append(&2u32).unwrap();
        assert_eq!(tail.poll::<u32>().unwrap(), [2]);
    }
}
