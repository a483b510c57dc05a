//! Is everything in the store what was written?  Every journal record, manifest, record and blob is read and checked.
//!
//! It repairs nothing by itself: what is damaged can be moved aside, and the next run makes again what depended on it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use align_plan::{Digest, Key, Node, Part};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::node::read_json;
use super::{NodeFolder, Store, StoreError, digest_file, journal};
use crate::disk;
use crate::record::{Assignment, Done, Ending, Entry, Logged, Manifest, Output, content};

/// Something that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Where, below the store's folder.
    pub path: PathBuf,
    /// What is wrong.
    pub what: String,
    /// Names of the nodes that depend on it.
    pub nodes: Vec<String>,
    /// Where it was moved to, below the store's folder.
    pub moved: Option<PathBuf>,
}

/// What a look at everything found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Survey {
    /// Nodes.
    pub nodes: usize,
    /// Records in journals, and records in files of their own.
    pub records: usize,
    /// Blobs.
    pub blobs: usize,
    /// Bytes of the blobs.
    pub bytes: u64,
    /// What is wrong.
    pub damaged: Vec<Damage>,
}

/// What the walk over the nodes gathers.
#[derive(Default)]
struct Walk {
    survey: Survey,
    /// Nodes that use a blob.
    uses: BTreeMap<Digest, BTreeSet<String>>,
    /// Blobs without which a result is none.
    required: BTreeSet<Digest>,
    manifests: BTreeSet<Digest>,
}

impl Store {
    /// Reads and checks everything.  What another process removes meanwhile is no damage.
    pub fn survey(&self) -> Result<Survey, StoreError> {
        let mut walk = Walk::default();
        let nodes = self.root().join("nodes");
        for name in names_in(&nodes)? {
            let key = Key(Digest(name));
            self.check_node(&key, &mut walk);
        }
        for id in walk.manifests.clone() {
            self.check_manifest(&id, &mut walk);
        }
        self.check_blobs(&mut walk)?;
        self.check_names("names", &mut walk)?;
        self.check_names("exports", &mut walk)?;
        let sources = self.root().join("sources.json");
        self.read::<serde::de::IgnoredAny>(&sources, "", &mut walk);
        let mut survey = walk.survey;
        survey.damaged.sort_by(|a, b| a.path.cmp(&b.path));
        survey.damaged.dedup_by(|a, b| a.path == b.path);
        Ok(survey)
    }

    /// Moves what is damaged into the folder `damaged`, so that nothing trusts it any more.
    pub fn set_aside(&self, survey: &mut Survey) -> Result<(), StoreError> {
        let aside = self.root().join("damaged");
        for damage in &mut survey.damaged {
            let path = self.root().join(&damage.path);
            if !path.exists() {
                continue;
            }
            disk::make_dirs(&[&aside]).map_err(|e| StoreError::io(&aside, e))?;
            let words: Vec<_> = damage.path.iter().map(|w| w.to_string_lossy()).collect();
            let name = words.join("-");
            let mut to = aside.join(&name);
            let mut n = 1;
            while to.exists() {
                n += 1;
                to = aside.join(format!("{name}.{n}"));
            }
            let at = |e| StoreError::io(&path, e);
            // What a journal says before the damage stays.
            let sound = if path.ends_with("journal") || path.ends_with("log") {
                journal::read_sound::<serde::de::IgnoredAny>(&path).1
            } else {
                0
            };
            let bytes = match sound {
                0 => Vec::new(),
                n => fs::read(&path)
                    .map_err(at)?
                    .into_iter()
                    .take(n as usize)
                    .collect(),
            };
            disk::move_to(&path, &to).map_err(at)?;
            if !bytes.is_empty() {
                disk::publish(&self.tmp(), &[(path.clone(), &bytes)]).map_err(at)?;
            }
            damage.moved = to.strip_prefix(self.root()).ok().map(Path::to_path_buf);
        }
        Ok(())
    }

    fn check_node(&self, key: &Key, walk: &mut Walk) {
        let folder = self.node(key);
        walk.survey.nodes += 1;
        let node: Option<Node> = self.read(&folder.path().join("node.json"), "", walk);
        let id = node.map_or_else(|| format!("key {}", key.0.short()), |n| n.id.0);
        let path = folder.path().join("parts.json");
        if let Some(parts) = self.read::<Vec<Part>>(&path, &id, walk)
            && align_plan::key(&parts) != *key
        {
            self.wrong(
                &path,
                "its parts make another key".into(),
                [id.clone()],
                walk,
            );
        }
        self.journal::<Logged>(&folder.path().join("log"), &id, walk);
        for n in folder.attempts() {
            let assignment =
                self.read::<Assignment>(&folder.attempt(n).join("job.json"), &id, walk);
            let entries = self.journal::<Entry>(&folder.journal(n), &id, walk);
            if folder.begun() == Some(n) {
                note_unfinished(assignment, &entries, &id, walk);
            }
        }
        self.check_results(&folder, &id, walk);
    }

    fn check_results(&self, folder: &NodeFolder, id: &str, walk: &mut Walk) {
        let results = folder.path().join("done");
        for name in names_in(&results).unwrap_or_default() {
            let path = results.join(name);
            let Some(done) = self.read::<Done>(&path, id, walk) else {
                continue;
            };
            for output in done.kept.iter().chain(&done.best).chain(&done.last) {
                if output.digest.as_ref() != Some(&content(&output.files)) {
                    let what = "an artifact's digest is not that of its files".into();
                    self.wrong(&path, what, [id.to_owned()], walk);
                }
                note(output, id, walk);
                walk.required.extend(output.files.values().cloned());
                walk.required.extend(output.manifest.clone());
            }
        }
    }

    fn check_manifest(&self, id: &Digest, walk: &mut Walk) {
        let path = self.blob(id);
        let users = walk.uses.get(id).cloned().unwrap_or_default();
        // What does not match its name is found among the blobs.
        let Ok(bytes) = self.get(id) else { return };
        walk.survey.records += 1;
        match serde_json::from_slice::<Manifest>(&bytes) {
            Ok(manifest) if manifest.digest == content(&manifest.files) => {
                for digest in manifest.files.into_values() {
                    walk.uses.entry(digest).or_default().extend(users.clone());
                }
            }
            Ok(_) => self.wrong(
                &path,
                "its digest is not that of its files".into(),
                users,
                walk,
            ),
            Err(e) => self.wrong(&path, e.to_string(), users, walk),
        }
    }

    fn check_blobs(&self, walk: &mut Walk) -> Result<(), StoreError> {
        let folder = self.root().join("blobs");
        let mut there = BTreeSet::new();
        for name in names_in(&folder)? {
            let path = folder.join(&name);
            let digest = Digest(name);
            let users = walk.uses.get(&digest).cloned().unwrap_or_default();
            walk.survey.blobs += 1;
            walk.survey.bytes += fs::metadata(&path).map_or(0, |m| m.len());
            match digest_file(&path) {
                Ok(found) if found == digest => {}
                Ok(_) => {
                    let what = "its content does not match its name".into();
                    self.wrong(&path, what, users, walk);
                }
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => self.wrong(&path, e.to_string(), users, walk),
            }
            there.insert(digest);
        }
        for digest in walk.required.clone() {
            let path = self.blob(&digest);
            if !there.contains(&digest) && !path.exists() {
                let users = walk.uses.get(&digest).cloned().unwrap_or_default();
                self.wrong(&path, "it is missing".into(), users, walk);
            }
        }
        Ok(())
    }

    /// Files that hold a digest each.
    fn check_names(&self, folder: &str, walk: &mut Walk) -> Result<(), StoreError> {
        let folder = self.root().join(folder);
        for name in names_in(&folder)? {
            let path = folder.join(name);
            let text = fs::read_to_string(&path).unwrap_or_default();
            let whole = |l: &str| l.len() == 64 && l.bytes().all(|b| b.is_ascii_hexdigit());
            // An export that was under way names two.
            if text.is_empty() || !text.split('\n').all(whole) {
                self.wrong(&path, "it holds no digest".into(), [], walk);
            }
        }
        Ok(())
    }

    /// Reads a record in a file of its own; one that is not there is no damage, for whoever wrote it may have died before.
    fn read<T: DeserializeOwned>(&self, path: &Path, id: &str, walk: &mut Walk) -> Option<T> {
        match read_json(path) {
            Ok(found) => {
                walk.survey.records += usize::from(found.is_some());
                found
            }
            Err(e) => {
                let users = (!id.is_empty()).then(|| id.to_owned());
                self.wrong(path, plain(e), users, walk);
                None
            }
        }
    }

    fn journal<T: DeserializeOwned>(&self, path: &Path, id: &str, walk: &mut Walk) -> Vec<T> {
        match journal::read(path) {
            Ok((entries, _)) => {
                walk.survey.records += entries.len();
                entries
            }
            Err(e) => {
                self.wrong(path, plain(e), [id.to_owned()], walk);
                Vec::new()
            }
        }
    }

    fn wrong(
        &self,
        path: &Path,
        what: String,
        nodes: impl IntoIterator<Item = String>,
        walk: &mut Walk,
    ) {
        let path = path.strip_prefix(self.root()).unwrap_or(path);
        walk.survey.damaged.push(Damage {
            path: path.to_path_buf(),
            what,
            nodes: nodes.into_iter().collect(),
            moved: None,
        });
    }
}

/// What an error says, without the path.
fn plain(error: StoreError) -> String {
    match error {
        StoreError::Damaged { what, .. } => what,
        StoreError::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

/// Notes what an output uses.
fn note(output: &Output, id: &str, walk: &mut Walk) {
    walk.manifests.extend(output.manifest.clone());
    for digest in output.files.values().chain(&output.manifest) {
        let users = walk.uses.entry(digest.clone()).or_default();
        users.insert(id.to_owned());
    }
}

/// Notes the checkpoints that an attempt without a result may go on from.
fn note_unfinished(job: Option<Assignment>, entries: &[Entry], id: &str, walk: &mut Walk) {
    let done = |e: &Entry| {
        matches!(
            e,
            Entry::Ended {
                ending: Ending::Done,
                ..
            }
        )
    };
    if entries.iter().any(done) {
        return;
    }
    let mut live: BTreeSet<Digest> = job
        .into_iter()
        .flat_map(|job| job.resume)
        .map(|r| r.manifest)
        .collect();
    for entry in entries {
        match entry {
            Entry::Kept { manifest, .. } => live.insert(manifest.clone()),
            Entry::Dropped { manifest } => live.remove(manifest),
            _ => continue,
        };
    }
    for manifest in live {
        let users = walk.uses.entry(manifest.clone()).or_default();
        users.insert(id.to_owned());
        walk.manifests.insert(manifest);
    }
}

/// Names in a folder, sorted; none when it is not there.
pub(super) fn names_in(folder: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(StoreError::io(folder, e)),
    };
    let mut names: Vec<String> = entries
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}
