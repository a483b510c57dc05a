//! What does a saved plan promise, and does it still hold?
//!
//! `align plan -o` writes down what would be done and on what grounds: the program's files, the data files, the store.  A run of it
//! compares first.  Work of the plan that is done meanwhile is no change: the same command again goes on after an interrupt.

use std::collections::BTreeMap;

use align_plan::{Digest, Key, NodeId, Plan};
use align_runtime_api::{Library, PlanAction, PlanEntry};
use serde::{Deserialize, Serialize};

use crate::keys::Keys;
use crate::store::Store;

/// A plan in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Saved {
    /// [`Saved::VERSION`].
    pub saved: u32,
    /// The program's files and the digests of their texts.
    pub files: BTreeMap<String, Digest>,
    /// Files of data and their digests; none for one that could not be read.
    pub data: BTreeMap<String, Option<Digest>>,
    /// What was to be done with each node.
    pub predicted: Vec<Predicted>,
    /// The plan.
    pub plan: Plan,
}

/// What was to be done with a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Predicted {
    /// Which.
    pub id: NodeId,
    /// What.
    pub action: PlanAction,
    /// Its key, when its inputs were known.
    pub key: Option<Key>,
}

impl Saved {
    /// Version of the form.
    pub const VERSION: u32 = 1;

    /// A plan with its grounds.
    pub fn new(
        plan: Plan,
        files: BTreeMap<String, Digest>,
        entries: &[PlanEntry],
        store: &Store,
        library: &dyn Library,
    ) -> Self {
        let predicted = |e: &PlanEntry| Predicted {
            id: e.id.clone(),
            action: e.action,
            key: e.key.clone(),
        };
        Self {
            saved: Self::VERSION,
            files,
            data: data(&plan, store, library),
            predicted: entries.iter().map(predicted).collect(),
            plan,
        }
    }

    /// What changed since, one line for people each; nothing when the plan holds.  `text` reads a file of the program.
    pub fn changes(
        &self,
        entries: &[PlanEntry],
        text: impl Fn(&str) -> Option<String>,
        store: &Store,
        library: &dyn Library,
    ) -> Vec<String> {
        let mut out = Vec::new();
        for (path, digest) in &self.files {
            match text(path).map(|t| Digest::of(t.as_bytes())) {
                Some(now) if now == *digest => {}
                Some(_) => out.push(format!("`{path}` was edited")),
                None => out.push(format!("`{path}` cannot be read any more")),
            }
        }
        let now = data(&self.plan, store, library);
        for (path, digest) in &self.data {
            match (digest, now.get(path).cloned().flatten()) {
                (then, now) if *then == now => {}
                (_, None) => out.push(format!("data `{path}` cannot be read any more")),
                (None, Some(_)) => out.push(format!("data `{path}` was not there")),
                (Some(_), Some(_)) => out.push(format!("data `{path}` has other content")),
            }
        }
        if !out.is_empty() {
            // What follows for single nodes needs no saying.
            return out;
        }
        for (then, now) in self.predicted.iter().zip(entries) {
            let (id, name) = (&then.id, word(now.action));
            if matches!((&then.key, &now.key), (Some(a), Some(b)) if a != b) {
                out.push(format!(
                    "`{id}` has another key, so that it would be another result"
                ));
            } else if !covers(then.action, now.action) {
                let why = if now.reason == name {
                    String::new()
                } else {
                    format!(" ({})", now.reason)
                };
                out.push(format!(
                    "`{id}` was {}, and is now {name}{why}",
                    word(then.action)
                ));
            }
        }
        out
    }
}

/// Whether what is to be done now is what was planned, or what is left of it.
fn covers(then: PlanAction, now: PlanAction) -> bool {
    use PlanAction::{Cut, New, Reevaluate, Rerun, Resume, Reuse, Unknown};
    match then {
        // What depended on others may have become anything.
        Unknown => true,
        New | Rerun => now != Reevaluate,
        Resume => matches!(now, Resume | Reuse),
        Cut => matches!(now, Cut | Resume | Reuse),
        Reevaluate => matches!(now, Reevaluate | Reuse),
        Reuse => now == Reuse,
    }
}

fn word(action: PlanAction) -> &'static str {
    match action {
        PlanAction::Reuse => "from the store",
        PlanAction::Resume => "to resume",
        PlanAction::Cut => "to be cut back",
        PlanAction::Rerun => "to run again",
        PlanAction::Reevaluate => "to be evaluated again",
        PlanAction::New => "new",
        PlanAction::Unknown => "open",
    }
}

/// Digests of every data file that the plan reads.
fn data(plan: &Plan, store: &Store, library: &dyn Library) -> BTreeMap<String, Option<Digest>> {
    let keys = Keys::new(store, library, "");
    let mut out = BTreeMap::new();
    for node in &plan.nodes {
        for path in library.sources(node) {
            let name = path.display().to_string();
            out.entry(name).or_insert_with(|| keys.file(&path).ok());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_is_done_meanwhile_is_no_change() {
        use PlanAction::{New, Rerun, Resume, Reuse, Unknown};
        assert!(covers(New, Resume) && covers(New, Reuse) && covers(Rerun, Resume));
        assert!(covers(Unknown, Rerun) && covers(Resume, Reuse));
        assert!(!covers(Reuse, New) && !covers(Reuse, Rerun) && !covers(Resume, Rerun));
    }
}
