//! Which checkpoints does nothing need any more?  What no result and no unfinished attempt names is removed.
//!
//! Called by the driver only, under its lock.  Workers may be writing meanwhile: a file that was written or counted on in the last
//! seconds stays.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use align_plan::{Digest, Key};

use super::{NodeFolder, Store, StoreError};
use crate::disk;
use crate::record::{Ending, Entry, Manifest, Output};

/// How long a file is left alone after its last use while workers run.
const QUIET: Duration = Duration::from_secs(10);

impl Store {
    /// Removes the checkpoints of these nodes that nothing needs; tells how many files went.
    pub fn collect(&self, keys: &[Key], workers: bool) -> usize {
        let mut candidates: HashSet<Digest> = HashSet::new();
        for key in keys {
            let folder = self.node(key);
            for n in folder.attempts() {
                for entry in folder.entries(n).unwrap_or_default() {
                    if let Entry::Kept { manifest, .. } = entry {
                        candidates.insert(manifest);
                    }
                }
            }
        }
        let Some((manifests, mut files)) = self.needed() else {
            return 0;
        };
        candidates.retain(|m| !manifests.contains(m));
        files.extend(manifests);
        let mut gone = 0;
        for id in candidates {
            let Ok(manifest) = self.get_record::<Manifest>(&id) else {
                continue;
            };
            for digest in manifest.files.values().chain([&id]) {
                let path = self.blob(digest);
                let quiet = fs::metadata(&path)
                    .and_then(|m| m.modified())
                    .is_ok_and(|t| t.elapsed().is_ok_and(|age| age > QUIET));
                let free = !files.contains(digest) && (quiet || !workers);
                if free && path.exists() && disk::remove(&path).is_ok() {
                    gone += 1;
                }
            }
        }
        gone
    }

    /// Manifests and files that results and unfinished attempts name; none when a folder cannot be read, for then nothing may go.
    fn needed(&self) -> Option<(HashSet<Digest>, HashSet<Digest>)> {
        let mut manifests = HashSet::new();
        let mut files = HashSet::new();
        for entry in fs::read_dir(self.root().join("nodes")).ok()? {
            let name = entry.ok()?.file_name().to_string_lossy().into_owned();
            let folder = self.node(&Key(Digest(name)));
            for done in folder.all_done() {
                for output in done.kept.iter().chain(&done.best).chain(&done.last) {
                    keep(output, &mut manifests, &mut files);
                }
            }
            self.unfinished(&folder, &mut manifests, &mut files)?;
        }
        Some((manifests, files))
    }

    /// Blobs that a node's results and its unfinished attempt name; an error when one of them cannot be read.
    pub(super) fn needs(
        &self,
        folder: &NodeFolder,
        needed: &mut HashSet<Digest>,
    ) -> Result<(), StoreError> {
        let mut manifests = HashSet::new();
        for done in folder.every_done()? {
            for output in done.kept.iter().chain(&done.best).chain(&done.last) {
                keep(output, &mut manifests, needed);
            }
        }
        if let Some(n) = folder.begun() {
            // Asked for its error: what cannot be read may name anything.
            folder.assignment(n)?;
            folder.entries(n)?;
        }
        self.unfinished(folder, &mut manifests, needed);
        needed.extend(manifests);
        Ok(())
    }

    /// What the newest attempt may be continued from, unless it has its result.
    fn unfinished(
        &self,
        folder: &NodeFolder,
        manifests: &mut HashSet<Digest>,
        files: &mut HashSet<Digest>,
    ) -> Option<()> {
        let Some(n) = folder.begun() else {
            return Some(());
        };
        let entries = folder.entries(n).ok()?;
        let mut named: Vec<Digest> = Vec::new();
        if let Some(assignment) = folder.assignment(n).ok()? {
            named.extend(assignment.resume.into_iter().map(|r| r.manifest));
        }
        for entry in entries {
            match entry {
                Entry::Kept { manifest, .. } => named.push(manifest),
                Entry::Ended {
                    ending: Ending::Done,
                    ..
                } => return Some(()),
                _ => {}
            }
        }
        for id in named {
            if let Ok(manifest) = self.get_record::<Manifest>(&id) {
                files.extend(manifest.files.into_values());
                for output in &manifest.progress.kept {
                    keep(output, manifests, files);
                }
            }
            manifests.insert(id);
        }
        Some(())
    }
}

fn keep(output: &Output, manifests: &mut HashSet<Digest>, files: &mut HashSet<Digest>) {
    files.extend(output.files.values().cloned());
    manifests.extend(output.manifest.clone());
}
