//! Whole runs of the driver with real worker processes: this test binary is its own worker, and its own driver to be killed.

mod actions;
mod cases;
mod faults;
mod guards;
mod halving;
mod plans;
mod toy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use align_plan::Plan;
use align_runtime::{Interrupt, Outcome, RunOptions, Store, run};
use align_runtime_api::{NodeStatus, RunEvent};
use libtest_mimic::{Arguments, Failed, Trial};

type Test = Result<(), Failed>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let word = |i: usize| args.get(i).map(String::as_str).unwrap_or_default();
    match word(1) {
        // worker KEY --store DIR --attempt N
        "worker" => {
            let attempt = word(6).parse().unwrap_or(0);
            align_runtime::worker(Path::new(word(4)), word(2), attempt, &toy::Toy).into()
        }
        // drive PLAN STORE
        "drive" => drive(Path::new(word(2)), Path::new(word(3))).into(),
        _ => {
            let arguments = Arguments::from_args();
            let mut trials = cases::all();
            trials.extend(faults::all());
            trials.extend(guards::all());
            trials.extend(halving::all());
            trials.extend(actions::all());
            libtest_mimic::run(&arguments, trials).exit_code()
        }
    }
}

fn drive(plan: &Path, store: &Path) -> u8 {
    let result = std::fs::read(plan)
        .map_err(|e| e.to_string())
        .and_then(|b| serde_json::from_slice::<Plan>(&b).map_err(|e| e.to_string()))
        .and_then(|plan| {
            let store = Store::open(store).map_err(|e| e.to_string())?;
            let options = RunOptions {
                interrupt: Interrupt::listen().map_err(|e| e.to_string())?,
                ..RunOptions::default()
            };
            run(&plan, &store, &toy::Toy, &options, &mut |_| {}).map_err(|e| e.to_string())
        });
    result.map_or(9, |o| o.exit_code())
}

/// A folder with a store, and everything that a run in it told.
struct Bench {
    dir: tempfile::TempDir,
    store: Store,
}

struct Ran {
    outcome: Outcome,
    events: Vec<RunEvent>,
}

impl Bench {
    fn new() -> Result<Self, Failed> {
        let dir = tempfile::tempdir()?;
        let store = Store::open(&dir.path().join(".align"))?;
        Ok(Self { dir, store })
    }

    fn run(&self, plan: &Plan) -> Result<Ran, Failed> {
        self.run_with(plan, RunOptions::default())
    }

    fn run_faulty(&self, plan: &Plan, faults: &str) -> Result<Ran, Failed> {
        let options = RunOptions {
            faults: align_runtime::inject::parse(faults)?,
            ..RunOptions::default()
        };
        self.run_with(plan, options)
    }

    fn run_with(&self, plan: &Plan, options: RunOptions) -> Result<Ran, Failed> {
        let mut events = Vec::new();
        let outcome = run(plan, &self.store, &toy::Toy, &options, &mut |e| {
            events.push(e);
        })?;
        Ok(Ran { outcome, events })
    }

    /// Starts a driver in a process of its own.
    fn spawn(&self, plan: &Plan) -> Result<std::process::Child, Failed> {
        let path = self.dir.path().join("plan.json");
        std::fs::write(&path, serde_json::to_vec(plan)?)?;
        Ok(std::process::Command::new(std::env::current_exe()?)
            .arg("drive")
            .arg(path)
            .arg(self.store.root())
            .spawn()?)
    }

    /// Files below the store whose path contains some text.
    fn files(&self, part: &str) -> Vec<PathBuf> {
        let mut out = Vec::new();
        let mut todo = vec![self.store.root().to_path_buf()];
        while let Some(folder) = todo.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    todo.push(path);
                } else if path.to_string_lossy().contains(part) {
                    out.push(path);
                }
            }
        }
        out
    }
}

impl Ran {
    fn node(&self, name: &str) -> Result<&NodeStatus, Failed> {
        let id = format!("main/{name}");
        self.outcome
            .nodes
            .iter()
            .find(|n| n.id.0 == id || n.id.0 == name)
            .ok_or_else(|| format!("no node {name}").into())
    }

    fn decisions(&self) -> Vec<&str> {
        self.events
            .iter()
            .filter_map(|e| match e {
                RunEvent::Decision { text, .. } | RunEvent::Note { text } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }
}

impl Ran {
    /// What was told, for the message of a failing test.
    fn explain(&self) -> String {
        let notes = self.outcome.nodes.iter().filter_map(|n| {
            let note = n.note.as_ref()?;
            Some(format!("{} {:?}: {note}", n.id, n.state))
        });
        let told = self.decisions().into_iter().map(ToOwned::to_owned);
        told.chain(notes).collect::<Vec<_>>().join("\n")
    }
}

/// Fails with a message unless the two are equal.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Test {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{what}: found {found:?}, wanted {wanted:?}").into())
    }
}

fn check(holds: bool, what: impl Into<String>) -> Test {
    if holds {
        Ok(())
    } else {
        Err(what.into().into())
    }
}

fn trial(name: &str, test: fn() -> Test) -> Trial {
    Trial::test(name.to_owned(), test)
}
