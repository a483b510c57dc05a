//! A folder with the program, runs in it, and what may be asked of a run that came after a broken one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use align_tests::binary::{self, align, code};
use align_tests::{copy, root};
use serde_json::Value;
use tempfile::TempDir;

/// Seconds after which a run counts as hung.
const PATIENCE: &str = "120";

/// Nodes of the program.
pub const NODES: [&str; 3] = ["main/rollouts", "main/base", "main/tuned"];

/// A folder with the program and a store.
pub struct Scene {
    folder: TempDir,
}

/// What a run gave.
pub struct Ran {
    /// Exit code; 124 when it hung.
    pub code: i32,
    /// Events, as far as they were written.
    pub events: Vec<Value>,
    /// Standard error.
    pub err: String,
}

/// What a node's result is, in all that a user can see of it.
pub type Results = BTreeMap<String, Value>;

/// What a run told its user, and must therefore still know after a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Results of nodes, by name: they never run again.
    pub done: BTreeMap<String, String>,
    /// Newest checkpoint of a node: it goes on from there.
    pub kept: BTreeMap<String, u64>,
}

impl Told {
    /// Takes an event up.
    pub fn hear(&mut self, event: &Value) {
        let id = event["id"]
            .as_str()
            .or_else(|| event["status"]["id"].as_str())
            .unwrap_or_default()
            .to_owned();
        if event["event"] == "finished" {
            if let Some(digest) = event["status"]["checkpoint"].as_str()
                && event["status"]["state"] == "done"
            {
                self.done.insert(id, digest.to_owned());
            }
        } else if event["event"] == "checkpointed"
            && let Some(step) = event["step"].as_u64()
        {
            let newest = self.kept.entry(id).or_default();
            *newest = step.max(*newest);
        }
    }
}

impl Ran {
    /// What it told.
    pub fn told(&self) -> Told {
        let mut told = Told::default();
        for event in &self.events {
            told.hear(event);
        }
        told
    }
}

fn program() -> PathBuf {
    root().join("tests/crash/small.align")
}

impl Scene {
    /// With the program, and no store yet.
    pub fn new() -> Self {
        let scene = Self::bare();
        std::fs::copy(program(), scene.path().join("main.align")).expect("the program");
        scene
    }

    /// An empty folder.
    pub fn bare() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder }
    }

    /// Writes the program.
    pub fn write(&self, text: &str) {
        std::fs::write(self.path().join("main.align"), text).expect("a program is written");
    }

    /// A copy with everything in it.
    pub fn twin(&self) -> Self {
        let scene = Self::bare();
        copy(self.path(), scene.path()).expect("a copy");
        scene
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the program under these words (`strace ..`), with its workers under others.
    pub fn run_under(&self, words: &[String], workers: Option<&str>, more: &[&str]) -> Ran {
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after", "5", PATIENCE])
            .args(words)
            .arg(binary::path())
            .args(["run", "main.align", "--json"])
            .args(more)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .env("NO_COLOR", "1")
            .env_remove("ALIGN_STORE")
            .env_remove("ALIGN_WORKER_WRAPPER");
        if let Some(workers) = workers {
            command.env("ALIGN_WORKER_WRAPPER", workers);
        }
        let out = command.output().expect("`timeout` starts");
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        Ran {
            code: code(out.status),
            // The last line may be torn.
            events: text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect(),
            err: String::from_utf8_lossy(&out.stderr).into_owned(),
        }
    }

    /// Runs the program as a user does.
    pub fn run(&self, more: &[&str]) -> Ran {
        self.run_under(&[], None, more)
    }

    /// Digests of every node by `align status`, and of the exported file.
    pub fn results(&self) -> Result<Results, String> {
        let done = align(self.path(), &["status", "main.align", "--json"]);
        let all: Value = serde_json::from_str(&done.out)
            .map_err(|e| format!("status is no JSON ({e}): {}{}", done.out, done.err))?;
        let mut results = Results::new();
        for node in all["nodes"].as_array().into_iter().flatten() {
            let id = node["id"].as_str().unwrap_or_default().to_owned();
            let seen = serde_json::json!({
                "state": node["state"],
                "steps": node["steps"],
                "checkpoint": node["checkpoint"],
                "outputs": node["outputs"],
                "history": node["history"],
            });
            results.insert(id, seen);
        }
        let export = std::fs::read(self.path().join("planner.safetensors"))
            .map_err(|e| format!("the export: {e}"))?;
        let digest = align_plan::Digest::of(&export);
        results.insert("export".into(), digest.0.into());
        Ok(results)
    }

    /// Runs the program again after a crash: it must end well, with the results of an unbroken run, and do nothing again that
    /// was told to be done.
    pub fn recovers(&self, told: &Told, wanted: &Results) -> Result<(), String> {
        let again = self.run(&[]);
        if again.code != 0 {
            return Err(format!(
                "the next run ended with {}: {}",
                again.code, again.err
            ));
        }
        let found = self.results()?;
        differ(&found, wanted)?;
        for event in again.events.iter().filter(|e| e["event"] == "started") {
            let id = event["id"].as_str().unwrap_or_default();
            if told.done.contains_key(id) {
                return Err(format!("{id} was done and ran again: {event}"));
            }
            let kept = told.kept.get(id).copied().unwrap_or(0);
            if event["from_step"].as_u64().unwrap_or(0) < kept {
                return Err(format!(
                    "{id} had a checkpoint at {kept} and trained again: {event}"
                ));
            }
        }
        Ok(())
    }

    /// Panics that anyone left behind: in the run's own words or in those of its workers.
    pub fn panics(&self, ran: &Ran) -> Option<String> {
        let mut words = vec![ran.err.clone()];
        let nodes = self.path().join(".align/nodes");
        for node in folders(&nodes) {
            for attempt in folders(&node.join("attempts")) {
                words.extend(std::fs::read_to_string(attempt.join("stderr")));
            }
        }
        words.into_iter().find(|text| text.contains("panicked"))
    }
}

/// Says where results differ.
pub fn differ(found: &Results, wanted: &Results) -> Result<(), String> {
    for (id, wanted) in wanted {
        let found = found.get(id).unwrap_or(&Value::Null);
        if found == wanted {
            continue;
        }
        let field = |name: &str| {
            let same = found[name] == wanted[name] || name == "history";
            (!same).then(|| format!("{name} {} and not {}", found[name], wanted[name]))
        };
        let fields = ["state", "steps", "checkpoint", "outputs", "history"];
        let fields: Vec<String> = fields.into_iter().filter_map(field).collect();
        return Err(format!("another result of {id}: {}", fields.join(", ")));
    }
    Ok(())
}

fn folders(path: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}

/// Results of a run that nothing disturbed.
pub fn unbroken() -> Results {
    let scene = Scene::new();
    let ran = scene.run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let results = scene.results().expect("results");
    assert_eq!(results.len(), NODES.len() + 1, "{results:#?}");
    results
}
