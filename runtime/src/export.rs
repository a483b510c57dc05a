//! How does a file get out of the store?  Whole or not at all, and never over a file that is not ours.
//!
//! Ours is what a run of this store wrote and nobody changed since: its content is noted under `exports/`, before it is written, so that
//! a run that dies in between leaves nothing that the next one takes for a stranger's.

use std::fs;
use std::io;
use std::path::Path;

use align_plan::Digest;

use crate::disk;
use crate::store::{Store, digest_file};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The file was there with this content.
    Same,
    /// It is there now.
    New,
}

/// Puts a blob at a path outside the store; the error says why not.
pub fn put(store: &Store, path: &Path, digest: &Digest) -> Result<Written, String> {
    let wrong = |e: io::Error| match e.kind() {
        io::ErrorKind::PermissionDenied => "no permission".to_owned(),
        _ => e.to_string(),
    };
    let note = note(store, path).map_err(wrong)?;
    let mut before = None;
    match fs::metadata(path) {
        Ok(about) if about.is_dir() => return Err("it is a folder".to_owned()),
        Ok(_) => {
            let found = digest_file(path).map_err(wrong)?;
            let noted = fs::read_to_string(&note).unwrap_or_default();
            if found == *digest {
                if noted != found.0 {
                    remember(store, &note, &[digest]).map_err(wrong)?;
                }
                return Ok(Written::Same);
            }
            if !noted.lines().any(|ours| ours == found.0) {
                return Err(
                    "a file with other content is there that no run of this store wrote; move it away, or export to another path"
                        .to_owned(),
                );
            }
            before = Some(found);
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(wrong(e)),
    }
    let bytes = store.get(digest).map_err(|e| e.to_string())?;
    let either: Vec<&Digest> = before.iter().chain([digest]).collect();
    remember(store, &note, &either).map_err(wrong)?;
    disk::deliver(path, &bytes).map_err(wrong)?;
    if before.is_some() {
        remember(store, &note, &[digest]).map_err(wrong)?;
    }
    Ok(Written::New)
}

/// Notes that a file is ours when it has one of these contents.
fn remember(store: &Store, note: &Path, digests: &[&Digest]) -> io::Result<()> {
    if let Some(folder) = note.parent()
        && !folder.exists()
    {
        disk::make_dirs(&[folder])?;
    }
    let lines: Vec<&str> = digests.iter().map(|d| d.0.as_str()).collect();
    disk::publish(
        &store.tmp(),
        &[(note.to_path_buf(), lines.join("\n").as_bytes())],
    )
}

/// Where it is noted what a run wrote to a path.
fn note(store: &Store, path: &Path) -> io::Result<std::path::PathBuf> {
    let path = std::path::absolute(path)?;
    let name = Digest::of(path.as_os_str().as_encoded_bytes());
    Ok(store.root().join("exports").join(&name.0[..32]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn blob(store: &Store, text: &str) -> Digest {
        let files = BTreeMap::from([("a".to_owned(), text.as_bytes().to_vec())]);
        store.put(&files).unwrap()["a"].clone()
    }

    #[test]
    fn only_what_is_ours_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        let (one, two) = (blob(&store, "one"), blob(&store, "two"));
        let path = dir.path().join("new/deep/w.safetensors");
        assert_eq!(put(&store, &path, &one), Ok(Written::New));
        assert_eq!(put(&store, &path, &one), Ok(Written::Same));
        assert_eq!(put(&store, &path, &two), Ok(Written::New));
        // A run that died before the file or after it: either is still ours.
        let noted = note(&store, &path).unwrap();
        for there in ["one", "two"] {
            fs::write(&noted, format!("{one}\n{two}")).unwrap();
            fs::write(&path, there).unwrap();
            let three = blob(&store, &format!("three after {there}"));
            assert_eq!(put(&store, &path, &three), Ok(Written::New));
            assert_eq!(fs::read_to_string(&noted).unwrap(), three.0);
        }
        assert_eq!(put(&store, &path, &two), Ok(Written::New));
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        // A person changed it.
        fs::write(&path, "mine").unwrap();
        let refused = put(&store, &path, &one).unwrap_err();
        assert!(refused.contains("no run of this store wrote"), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        // Equal content is left alone, whoever wrote it.
        fs::write(&path, "one").unwrap();
        assert_eq!(put(&store, &path, &one), Ok(Written::Same));
        assert!(
            put(&store, dir.path(), &one)
                .unwrap_err()
                .contains("folder")
        );
        let left = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(left, 1, "no temporary file stays");
    }
}
