//! Files by content: written once, whole and durable, and checked when they are read.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use align_plan::Digest;
use serde::de::DeserializeOwned;

use super::{Store, StoreError};
use crate::disk;

/// The BLAKE3 of a file, read in pieces.
pub fn digest_file(path: &Path) -> io::Result<Digest> {
    let mut file = fs::File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok(Digest(hasher.finalize().to_hex().to_string()));
        }
        hasher.update(buffer.get(..n).unwrap_or_default());
    }
}

impl Store {
    /// Where the blob of a digest lies.
    pub fn blob(&self, digest: &Digest) -> PathBuf {
        self.root().join("blobs").join(&digest.0)
    }

    /// Puts files in; all are durable when it returns.  What is there already is checked, not written again.
    pub fn put(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<BTreeMap<String, Digest>, StoreError> {
        Ok(self.put_with(files, |_| None)?.0)
    }

    /// Puts files in together with one more that is made from their digests, such as a manifest.
    pub fn put_with(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        more: impl FnOnce(&BTreeMap<String, Digest>) -> Option<Vec<u8>>,
    ) -> Result<(BTreeMap<String, Digest>, Option<Digest>), StoreError> {
        let digests: BTreeMap<String, Digest> = files
            .iter()
            .map(|(name, bytes)| (name.clone(), Digest::of(bytes)))
            .collect();
        let more = more(&digests).map(|bytes| (Digest::of(&bytes), bytes));
        let pairs = digests.values().zip(files.values());
        let extra = more.iter().map(|(digest, bytes)| (digest, bytes));
        let mut missing: Vec<(PathBuf, &[u8])> = Vec::new();
        let mut found = false;
        for (digest, bytes) in pairs.chain(extra) {
            let path = self.blob(digest);
            // The touch tells a collector that someone counts on it.
            let there =
                digest_file(&path).is_ok_and(|d| d == *digest) && disk::touch(&path).is_ok();
            found |= there;
            if !there && !missing.iter().any(|(p, _)| *p == path) {
                missing.push((path, bytes));
            }
        }
        let mut written = disk::publish(&self.tmp(), &missing);
        if found && missing.is_empty() {
            // Whoever put it there may have died before its name was durable.
            written = written.and_then(|()| disk::sync_dir(&self.root().join("blobs")));
        }
        written.map_err(|e| StoreError::io(self.root(), e))?;
        Ok((digests, more.map(|m| m.0)))
    }

    /// Reads a blob and checks it.
    pub fn get(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let path = self.blob(digest);
        let bytes = fs::read(&path).map_err(|e| StoreError::io(&path, e))?;
        if Digest::of(&bytes) == *digest {
            Ok(bytes)
        } else {
            Err(StoreError::Damaged {
                path,
                what: "its content does not match its name".into(),
            })
        }
    }

    /// Reads a record.
    pub fn get_record<T: DeserializeOwned>(&self, digest: &Digest) -> Result<T, StoreError> {
        let bytes = self.get(digest)?;
        serde_json::from_slice(&bytes).map_err(|e| StoreError::Damaged {
            path: self.blob(digest),
            what: e.to_string(),
        })
    }

    /// Checks that files are there with the content that their names promise.
    pub fn verify<'a>(
        &self,
        digests: impl IntoIterator<Item = &'a Digest>,
    ) -> Result<(), StoreError> {
        for digest in digests {
            let path = self.blob(digest);
            let found = digest_file(&path).map_err(|e| StoreError::io(&path, e))?;
            if found != *digest {
                return Err(StoreError::Damaged {
                    path,
                    what: "its content does not match its name".into(),
                });
            }
        }
        Ok(())
    }

    /// The names of all blobs, unless there are more than `most`: for asking after many of them at once.
    pub(crate) fn blobs(&self, most: usize) -> Option<HashSet<String>> {
        let entries = fs::read_dir(self.root().join("blobs")).ok()?;
        let mut out = HashSet::new();
        for entry in entries.flatten() {
            if out.len() == most {
                return None;
            }
            out.insert(entry.file_name().into_string().unwrap_or_default());
        }
        Some(out)
    }

    /// Whether all files are there (their content is checked when they are used).
    pub fn has<'a>(&self, digests: impl IntoIterator<Item = &'a Digest>) -> bool {
        digests.into_iter().all(|d| self.blob(d).exists())
    }
}
