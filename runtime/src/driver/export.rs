//! Where do the weights go that a program exports?  Written when a node is done, also when it came from the store.

use std::path::{Path, PathBuf};

use align_plan::{Digest, NodeKind};
use align_runtime_api::NodeState;
use align_schema::{Port, Value};

use super::Driver;
use crate::export::{Written, put};
use crate::record::Output;
use crate::words::label;

impl Driver<'_> {
    /// Writes what the node at `i` exports, if it does.  What cannot be written harms nothing else and is told at the end.
    pub(super) fn export(&mut self, i: usize) {
        let Some(node) = self.plan.nodes.get(i) else {
            return;
        };
        let Some(Value::Str(path)) = node.value("export") else {
            return;
        };
        let shown = path.clone();
        let target = beside(&self.plan.file, path);
        for (path, digest) in self.exported(i, &target) {
            let digest = match digest {
                Ok(digest) => digest,
                Err(why) => {
                    self.unwritten
                        .push(format!("`{shown}` is not written: {why}"));
                    continue;
                }
            };
            let name = if path == target {
                shown.clone()
            } else {
                path.display().to_string()
            };
            match put(self.store, &path, &digest) {
                Ok(Written::Same) => {}
                Ok(Written::New) => {
                    self.decision(i, format!("{} is exported to {name}", label(node)));
                }
                Err(why) => self
                    .unwritten
                    .push(format!("`{name}` is not written: {why}")),
            }
        }
    }

    /// Files and what goes into them: of a cascade with a folder, one for each member.
    fn exported(&self, i: usize, target: &Path) -> Vec<(PathBuf, Result<Digest, String>)> {
        let Some(node) = self.plan.nodes.get(i) else {
            return Vec::new();
        };
        let done = |i: usize| {
            let settled = self.board.settled.get(i)?.as_ref()?;
            let done = settled.done.as_ref()?;
            (settled.state == NodeState::Done).then_some(done)
        };
        let Some(own) = done(i) else {
            return Vec::new();
        };
        let one_file = target
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("safetensors"));
        if node.kind != NodeKind::Cascade || one_file {
            let output = own.output(&Port::Best);
            return vec![(target.to_path_buf(), self.weights(output))];
        }
        let members = node.needs.iter().filter(|n| n.role.starts_with("member."));
        members
            .enumerate()
            .filter_map(|(k, need)| {
                let j = self.board.find(&need.node)?;
                let name = self.plan.nodes.get(j)?.name.clone();
                let file = target.join(format!("{}-{name}.safetensors", k + 1));
                let output = done(j).and_then(|d| d.output(&need.port));
                Some((file, self.weights(output)))
            })
            .collect()
    }

    /// The weights of a checkpoint that act.
    fn weights(&self, output: Option<&Output>) -> Result<Digest, String> {
        let files = output.map(|o| &o.files);
        let mut names = self.library.weights().iter();
        names
            .find_map(|name| files?.get(*name))
            .cloned()
            .ok_or_else(|| "its checkpoint has no weights".to_owned())
    }
}

/// A path that is relative to the folder of the program's file.
fn beside(file: &str, path: &str) -> PathBuf {
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    folder.join(path)
}
