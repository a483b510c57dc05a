//! Which results does nothing need any more?  What the last run of every program made stays, and what a current plan would use.
//!
//! A result goes as one: its folder is moved away whole before any of its files is removed, so that a crash leaves it there or gone.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use align_plan::{Digest, Key, Plan};
use align_runtime_api::Library;
use serde::Serialize;

use super::survey::names_in;
use super::{NodeFolder, Store, StoreError, name_of};
use crate::board::{Board, Look};
use crate::disk;

/// How long a blob is left alone after its last use while a worker of an earlier run still ends.
const QUIET: Duration = Duration::from_mins(1);

/// What may go.
pub struct Waste<'a> {
    /// Current plans of programs: what they use stays, and what their last run made for nodes that they no longer have may go.
    pub plans: &'a [&'a Plan],
    /// The library, for the keys of the plans.
    pub library: &'a dyn Library,
    /// Numeric class, part of every key.
    pub numeric: &'a str,
    /// Only what was not used for so long.
    pub older: Duration,
    /// Only say what would go.
    pub dry: bool,
}

/// A result that goes.
#[derive(Clone, Debug, Serialize)]
pub struct Gone {
    /// Name of its node, when it was made.
    pub id: String,
    /// Its key.
    pub key: Key,
    /// Seconds since it was last used.
    pub age: f64,
}

/// What a collection did, or would do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Collected {
    /// Results that go.
    pub gone: Vec<Gone>,
    /// Results that stay.
    pub kept: usize,
    /// Blobs that go.
    pub files: usize,
    /// Bytes of all that.
    pub bytes: u64,
}

impl Store {
    /// Removes results that nothing needs, and files that no remaining result names.  No run may be at work; a damaged result is an
    /// error before anything is removed.
    pub fn gc(&self, waste: &Waste<'_>) -> Result<Collected, StoreError> {
        let _lock = self.lock_alone()?;
        let keep = self.roots(waste)?;
        let mut out = Collected::default();
        let mut stay: Vec<NodeFolder> = Vec::new();
        let mut go: Vec<NodeFolder> = Vec::new();
        let mut workers = false;
        for name in names_in(&self.root().join("nodes"))? {
            let key = Key(Digest(name));
            let folder = self.node(&key);
            let (bytes, used) = measure(folder.path());
            let age = used.elapsed().unwrap_or_default();
            let held = folder.attempts().last().is_some_and(|n| folder.held(*n));
            workers |= held;
            if held || keep.contains(&key) || age < waste.older {
                stay.push(folder);
                continue;
            }
            out.bytes += bytes;
            out.gone.push(Gone {
                id: folder.planned().map_or_else(String::new, |n| n.id.0),
                key,
                age: age.as_secs_f64(),
            });
            go.push(folder);
        }
        out.kept = stay.len();
        let quiet = if workers { QUIET } else { Duration::ZERO };
        let blobs = self.unneeded(&stay, waste.older.max(quiet))?;
        out.files = blobs.len();
        out.bytes += blobs.values().sum::<u64>();
        if !waste.dry {
            self.remove(&go, blobs.keys(), &out)?;
        }
        Ok(out)
    }

    /// Keys of results that are needed, whatever their age.
    fn roots(&self, waste: &Waste<'_>) -> Result<HashSet<Key>, StoreError> {
        let mut keep = HashSet::new();
        let mut wanted = BTreeSet::new();
        for plan in waste.plans {
            wanted.extend(plan.nodes.iter().map(|n| name_of(&plan.file, &n.id.0)));
            keep.extend(keys(plan, self, waste));
        }
        let folder = self.root().join("names");
        for name in names_in(&folder)? {
            let Ok(key) = fs::read_to_string(folder.join(&name)) else {
                continue;
            };
            let key = Key(Digest(key));
            let id = self.node(&key).planned().map(|n| n.id.0);
            // Of a program that was named, but its plan has no such node any more.
            let dropped = !wanted.contains(&name)
                && id.is_some_and(|id| {
                    let mut files = waste.plans.iter().map(|p| &p.file);
                    files.any(|file| name_of(file, &id) == name)
                });
            if !dropped {
                keep.insert(key);
            }
        }
        Ok(keep)
    }

    /// Blobs that none of these nodes names and that were not used for so long, with their sizes.
    fn unneeded(
        &self,
        nodes: &[NodeFolder],
        older: Duration,
    ) -> Result<BTreeMap<Digest, u64>, StoreError> {
        let mut needed = HashSet::new();
        for folder in nodes {
            self.needs(folder, &mut needed)?;
        }
        let folder = self.root().join("blobs");
        let mut out = BTreeMap::new();
        for name in names_in(&folder)? {
            let Ok(about) = fs::metadata(folder.join(&name)) else {
                continue;
            };
            let used = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let digest = Digest(name);
            if !needed.contains(&digest) && used.elapsed().unwrap_or_default() >= older {
                out.insert(digest, about.len());
            }
        }
        Ok(out)
    }

    fn remove<'a>(
        &self,
        nodes: &[NodeFolder],
        blobs: impl Iterator<Item = &'a Digest>,
        out: &Collected,
    ) -> Result<(), StoreError> {
        let at = |e| StoreError::io(self.root(), e);
        let mut moved = Vec::with_capacity(nodes.len());
        for folder in nodes {
            let to = disk::unused(&self.tmp());
            disk::move_to(folder.path(), &to).map_err(at)?;
            moved.push(to);
        }
        for folder in moved {
            disk::remove_all(&folder).map_err(at)?;
        }
        let names = self.root().join("names");
        let gone: HashSet<&str> = out.gone.iter().map(|g| g.key.0.0.as_str()).collect();
        for name in names_in(&names)? {
            let path = names.join(name);
            if fs::read_to_string(&path).is_ok_and(|key| gone.contains(key.as_str())) {
                disk::remove(&path).map_err(at)?;
            }
        }
        for digest in blobs {
            disk::remove(&self.blob(digest)).map_err(at)?;
        }
        disk::sync_dir(&self.root().join("blobs")).map_err(at)
    }
}

/// Keys of a plan's nodes, as far as their inputs are known.
fn keys(plan: &Plan, store: &Store, waste: &Waste<'_>) -> Vec<Key> {
    let mut board = Board::new(plan, store, waste.library, waste.numeric);
    let mut out = Vec::new();
    for i in 0..plan.nodes.len() {
        match board.look(i, false) {
            Look::Wait(_) => {}
            Look::Work(work) => out.push(work.key),
            Look::Settled(settled) => {
                out.extend(settled.key.clone());
                if let Some(slot) = board.settled.get_mut(i) {
                    *slot = Some(*settled);
                }
            }
        }
    }
    out
}

/// Bytes of a folder, and when something in it was last written.
fn measure(path: &Path) -> (u64, SystemTime) {
    let Ok(about) = fs::symlink_metadata(path) else {
        return (0, SystemTime::UNIX_EPOCH);
    };
    let used = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    if !about.is_dir() {
        return (about.len(), used);
    }
    let inside = names_in(path).unwrap_or_default();
    inside.iter().fold((0, used), |(bytes, used), name| {
        let (more, later) = measure(&path.join(name));
        (bytes + more, used.max(later))
    })
}
