//! What is the key of a node?  Its parts come from the plan; files outside the store are read here.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use align_plan::{Digest, Key, Node, NodeKind, Part};
use align_runtime_api::{Library, device};
use serde::{Deserialize, Serialize};

use crate::disk;
use crate::record::Turn;
use crate::store::{Store, digest_file, read_json, sealed};

/// A file outside the store as it was when it was last read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Seen {
    size: u64,
    modified: (i64, i64),
    inode: u64,
    digest: Digest,
    /// It had changed just before: another write in the same tick of the clock would look the same, so this is for this run only.
    #[serde(skip)]
    young: bool,
}

/// A change this long ago has a time that no later one shares, on any file system.
const SETTLED: Duration = Duration::from_secs(2);

/// More files than this are one part of a key: nobody reads a list of thousands.
const MANY: usize = 8;

/// Numbers of the processor, which no device makes.
const HOST: &str = "cpu-f32";

/// Computes keys, and remembers the digests of files outside.
pub struct Keys<'a> {
    store: &'a Store,
    library: &'a dyn Library,
    numeric: String,
    seen: RefCell<Option<BTreeMap<String, Seen>>>,
    /// Something was read that is not written down yet.
    unwritten: Cell<bool>,
}

impl<'a> Keys<'a> {
    /// For a numeric class such as `cpu-f32`.
    pub fn new(store: &'a Store, library: &'a dyn Library, numeric: &str) -> Self {
        Self {
            store,
            library,
            numeric: numeric.to_owned(),
            seen: RefCell::new(None),
            unwritten: Cell::new(false),
        }
    }

    /// Parts of a node's key, given the content digests of its inputs.  The error names a file that cannot be read.
    pub fn parts(&self, node: &Node, inputs: &[Digest]) -> Result<Vec<Part>, String> {
        let semantics = self.library.semantics(node);
        // What is simulated or read is the same on every device.
        let simulated = node.kind == NodeKind::Dataset && node.needs.is_empty();
        let general = if simulated { HOST } else { &self.numeric };
        let numeric = device::class(node, general);
        let mut parts = align_plan::parts(node, inputs, &numeric, &semantics);
        if let Some(simulator) = self.library.simulator(node) {
            parts.push(Part {
                name: "simulator".into(),
                digest: Digest::of(simulator.as_bytes()),
                value: simulator,
            });
        }
        let paths = self.library.sources(node);
        let digests = paths.iter().map(|path| self.look(path));
        let digests: Result<Vec<Digest>, String> = digests.collect();
        self.remember();
        let digests = digests.map_err(|why| {
            if self.library.fetches(node) {
                "its data is not here yet: a run fetches it".to_owned()
            } else {
                why
            }
        })?;
        if paths.len() > MANY {
            parts.push(together(&paths, &digests));
            return Ok(parts);
        }
        for (i, (path, digest)) in paths.iter().zip(digests).enumerate() {
            parts.push(Part {
                name: format!("file {i}"),
                value: path.display().to_string(),
                digest,
            });
        }
        Ok(parts)
    }

    /// The digest of a file outside the store; the error names it.
    pub fn file(&self, path: &Path) -> Result<Digest, String> {
        let digest = self.look(path);
        self.remember();
        digest
    }

    /// [`Self::file`], remembered by this process only.
    fn look(&self, path: &Path) -> Result<Digest, String> {
        let wrong = |e| format!("cannot read `{}`: {e}", path.display());
        let meta = fs::metadata(path).map_err(wrong)?;
        let name = fs::canonicalize(path).map_err(wrong)?.display().to_string();
        let now = (meta.len(), (meta.mtime(), meta.mtime_nsec()), meta.ino());
        let mut seen = self.seen.borrow_mut();
        let seen = seen.get_or_insert_with(|| {
            // One that is damaged is none: the files are read again.
            read_json(&self.list()).ok().flatten().unwrap_or_default()
        });
        if let Some(old) = seen.get(&name)
            && (old.size, old.modified, old.inode) == now
        {
            return Ok(old.digest.clone());
        }
        let changed = meta.modified().ok();
        let young = changed.is_none_or(|t| t.elapsed().map_or(true, |age| age < SETTLED));
        let digest = digest_file(path).map_err(wrong)?;
        seen.insert(
            name,
            Seen {
                young,
                size: now.0,
                modified: now.1,
                inode: now.2,
                digest: digest.clone(),
            },
        );
        self.unwritten.set(true);
        Ok(digest)
    }

    /// Where the digests are kept from one run to the next.
    fn list(&self) -> PathBuf {
        self.store.root().join("sources.json")
    }

    /// Writes what was read since the last time: once for a whole set of files.
    fn remember(&self) {
        if !self.unwritten.take() {
            return;
        }
        let seen = self.seen.borrow();
        let all = seen.iter().flatten();
        let lasting: BTreeMap<_, _> = all.filter(|(_, s)| !s.young).collect();
        if let Ok(bytes) = sealed(&lasting) {
            // Only a memory of work done; losing it costs a second reading.
            let _ = disk::place(&self.store.tmp(), &self.list(), &bytes);
        }
    }
}

/// One part for a set of files: where the set is does not matter, what its files are called does.
fn together(paths: &[PathBuf], digests: &[Digest]) -> Part {
    let mut folder = paths
        .first()
        .and_then(|p| p.parent())
        .unwrap_or(Path::new(""));
    while let Some(above) = folder.parent() {
        if paths.iter().all(|p| p.starts_with(folder)) {
            break;
        }
        folder = above;
    }
    let mut text = String::new();
    for (path, digest) in paths.iter().zip(digests) {
        let name = path.strip_prefix(folder).unwrap_or(path);
        text += &format!("{}\0{}\n", name.display(), digest.0);
    }
    Part {
        name: "files".to_owned(),
        value: format!("{} files in {}", paths.len(), folder.display()),
        digest: Digest::of(text.as_bytes()),
    }
}

/// The key that random streams derive from: after a change of course they are others, so that the same accident is not met
/// again.
pub fn course(key: &Key, turns: &[Turn]) -> Key {
    if turns.is_empty() {
        return key.clone();
    }
    let text = serde_json::to_string(turns).unwrap_or_default();
    Key(Digest::of(format!("{key}\0{text}").as_bytes()))
}
