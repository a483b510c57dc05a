//! Files by content: written once, whole and durable, and checked when they are read.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use align_plan::Digest;
use serde::Serialize;
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
        let (head, rest) = digest.0.split_at_checked(2).unwrap_or(("", &digest.0));
        self.root().join("blobs").join(head).join(rest)
    }

    /// Puts files in; all are durable when it returns.  What is there already is checked, not written again.
    pub fn put(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<BTreeMap<String, Digest>, StoreError> {
        let mut digests = BTreeMap::new();
        let mut missing: Vec<(PathBuf, &[u8])> = Vec::new();
        for (name, bytes) in files {
            let digest = Digest::of(bytes);
            let path = self.blob(&digest);
            let there = digest_file(&path).is_ok_and(|d| d == digest);
            if !there && !missing.iter().any(|(p, _)| *p == path) {
                missing.push((path, bytes));
            }
            digests.insert(name.clone(), digest);
        }
        for (path, _) in &missing {
            if let Some(folder) = path.parent()
                && !folder.exists()
            {
                disk::make_dirs(folder).map_err(|e| StoreError::io(folder, e))?;
                let blobs = self.root().join("blobs");
                disk::sync_dir(&blobs).map_err(|e| StoreError::io(&blobs, e))?;
            }
        }
        disk::publish(&self.tmp(), &missing).map_err(|e| StoreError::io(self.root(), e))?;
        Ok(digests)
    }

    /// Puts a record in as JSON.
    pub fn put_record<T: Serialize>(&self, record: &T) -> Result<Digest, StoreError> {
        let bytes = serde_json::to_vec(record)
            .map_err(|e| StoreError::io(self.root(), io::Error::other(e)))?;
        let digest = Digest::of(&bytes);
        self.put(&BTreeMap::from([(String::new(), bytes)]))?;
        Ok(digest)
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

    /// Whether all files are there (their content is checked when they are used).
    pub fn has<'a>(&self, digests: impl IntoIterator<Item = &'a Digest>) -> bool {
        digests.into_iter().all(|d| self.blob(d).exists())
    }
}
