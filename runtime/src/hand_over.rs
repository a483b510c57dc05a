//! How does a checkpoint leave the store as a folder that runs alone?  Found by its node, made by the library, written whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use align_plan::{Digest, Plan};
use align_runtime_api::{Files, Library, NodeState};
use align_schema::Port;

use crate::board::Look;
use crate::disk;
use crate::forecast::outlook;
use crate::store::{Store, StoreError};

/// What kept a folder from being made.
#[derive(Debug, thiserror::Error)]
pub enum HandOver {
    /// The plan has no such node.
    #[error("no node is called `{0}`")]
    NoNode(String),
    /// Its result is not there.
    #[error("`{0}` is not done: there is no checkpoint to export")]
    NotDone(String),
    /// Several lanes have one.
    #[error("`{0}` is in several lanes: {1}")]
    Several(String, String),
    /// The library made no folder of it.
    #[error("{0}")]
    Library(String),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something is there already.
    #[error("`{0}` is there already and is no empty folder")]
    There(String),
    /// It cannot be written.
    #[error("`{0}` cannot be written: {1}")]
    Write(String, std::io::Error),
}

/// The files that make the checkpoint of node `id` (its name or its full id) run alone.
pub fn portable(
    plan: &Plan,
    store: &Store,
    library: &dyn Library,
    numeric: &str,
    (id, port): (&str, &Port),
) -> Result<Files, HandOver> {
    let found: Vec<usize> = (0..plan.nodes.len())
        .filter(|i| plan.nodes[*i].id.0 == id || plan.nodes[*i].name == id)
        .collect();
    let exact = found.iter().find(|i| plan.nodes[**i].id.0 == id);
    let at = match (&found[..], exact) {
        ([], _) => return Err(HandOver::NoNode(id.to_owned())),
        ([at], _) | (_, Some(at)) => *at,
        (many, None) => {
            let ids = many
                .iter()
                .take(4)
                .map(|i| format!("`{}`", plan.nodes[*i].id.0));
            let ids: Vec<String> = ids.collect();
            return Err(HandOver::Several(id.to_owned(), ids.join(", ")));
        }
    };
    let outlook = outlook(plan, store, library, numeric)?;
    let known = outlook.settled.get(at).cloned().flatten();
    let done = match known.map(|s| Look::Settled(Box::new(s))) {
        Some(Look::Settled(settled)) if settled.state == NodeState::Done => settled.done,
        _ => None,
    };
    let output = done.as_ref().and_then(|d| d.output(port));
    let output = output.ok_or_else(|| HandOver::NotDone(id.to_owned()))?;
    let paths: BTreeMap<String, PathBuf> = output
        .files
        .iter()
        .map(|(name, digest): (&String, &Digest)| (name.clone(), store.blob(digest)))
        .collect();
    library.portable(&paths).map_err(HandOver::Library)
}

/// Writes files into a new folder, or one that is empty or holds these very files.
pub fn write(folder: &Path, files: &Files) -> Result<(), HandOver> {
    let shown = || folder.display().to_string();
    let wrong = |e| HandOver::Write(shown(), e);
    let same = |name: &String, bytes: &Vec<u8>| {
        fs::read(folder.join(name)).is_ok_and(|found| found == *bytes)
    };
    match fs::read_dir(folder) {
        Ok(entries) => {
            let mut foreign = false;
            for entry in entries {
                let name = entry.map_err(wrong)?.file_name();
                let name = name.to_string_lossy().into_owned();
                // What Python leaves beside its sources is nobody's.
                if name == "__pycache__" {
                    continue;
                }
                foreign |= !files.get(&name).is_some_and(|bytes| same(&name, bytes));
            }
            if foreign {
                return Err(HandOver::There(shown()));
            }
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            disk::make_dirs(&[folder]).map_err(wrong)?;
        }
        Err(e) => return Err(wrong(e)),
    }
    for (name, bytes) in files {
        disk::deliver(&folder.join(name), bytes).map_err(wrong)?;
    }
    Ok(())
}
