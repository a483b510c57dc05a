//! After a power loss at any moment: does the next run come to the same results, and is everything known that was told before?

use std::collections::BTreeMap;

use serde_json::Value;

use crate::disk::{Disk, Loss, State, build};
use crate::record::{Op, record};
use crate::scene::{Results, Scene, Told};

/// A state of the disk, and what was told before the power went.
pub struct Outage {
    pub state: State,
    pub told: Told,
    /// Which cut, for people.
    pub shown: String,
}

/// Names of the nodes by key.
fn keys(ops: &[Op]) -> BTreeMap<String, String> {
    let said = ops.iter().filter_map(|op| match op {
        Op::Say(bytes) => serde_json::from_slice::<Value>(bytes).ok(),
        _ => None,
    });
    said.filter_map(|event| {
        let status = &event["status"];
        Some((
            status["key"].as_str()?.to_owned(),
            status["id"].as_str()?.to_owned(),
        ))
    })
    .collect()
}

/// Steps of the checkpoints in a piece of a journal.
fn kept(bytes: &[u8]) -> Option<u64> {
    let entry: Value = serde_json::from_slice(bytes.get(8..)?).ok()?;
    (entry["entry"] == "kept").then(|| entry["at"]["step"].as_u64())?
}

/// What is promised: results that the run reported, and checkpoints whose record in the journal was synced.
#[derive(Default)]
struct Promises {
    told: Told,
    open: BTreeMap<std::path::PathBuf, u64>,
}

impl Promises {
    fn see(&mut self, op: &Op, keys: &BTreeMap<String, String>) {
        match op {
            Op::Say(bytes) => {
                let event: Value = serde_json::from_slice(bytes).unwrap_or_default();
                // A checkpoint is shown as soon as it is seen, and promised when it is synced.
                if event["event"] == "finished" {
                    self.told.hear(&event);
                }
            }
            Op::Write(path, bytes) if path.ends_with("journal") => {
                if let Some(step) = kept(bytes) {
                    self.open.insert(path.clone(), step);
                }
            }
            Op::Sync(path) => {
                if let Some(step) = self.open.remove(path)
                    && let Some(key) = path.iter().nth(2)
                    && let Some(id) = keys.get(&*key.to_string_lossy())
                {
                    let newest = self.told.kept.entry(id.clone()).or_default();
                    *newest = step.max(*newest);
                }
            }
            _ => {}
        }
    }
}

/// Every state that a power loss may leave of these runs, each once, with the most that was told before it.
pub fn outages(ops: &[Op], name: &str, seeds: u64) -> Vec<Outage> {
    let program = std::fs::read(align_tests::root().join("tests/crash/small.align"));
    let mut disk = Disk::with("main.align", program.expect("the program"));
    let keys = keys(ops);
    let mut promises = Promises::default();
    let mut out: Vec<Outage> = Vec::new();
    let mut seen: BTreeMap<State, usize> = BTreeMap::new();
    for (k, op) in ops.iter().enumerate() {
        disk.apply(op);
        promises.see(op, &keys);
        let chances = (0..seeds).map(|s| Loss::Chance(k as u64 * 1000 + s));
        for loss in [Loss::All, Loss::Bytes, Loss::Nothing]
            .into_iter()
            .chain(chances)
        {
            let shown = format!("{name}, after call {k} ({}), lost: {loss:?}", brief(op));
            let state = disk.after(loss);
            let told = promises.told.clone();
            if let Some(old) = seen.get(&state).and_then(|n| out.get_mut(*n)) {
                (old.told, old.shown) = (told, shown);
            } else {
                seen.insert(state.clone(), out.len());
                out.push(Outage { state, told, shown });
            }
        }
    }
    out
}

fn brief(op: &Op) -> String {
    match op {
        Op::Write(path, bytes) => format!("write {} bytes to {}", bytes.len(), path.display()),
        Op::Say(bytes) => format!("say {} bytes", bytes.len()),
        other => format!("{other:?}"),
    }
}

/// Runs the program on what a power loss left.
pub fn recover(outage: &Outage, wanted: &Results) -> Result<(), String> {
    let scene = Scene::bare();
    build(&outage.state, scene.path()).map_err(|e| e.to_string())?;
    scene
        .recovers(&outage.told, wanted)
        .map_err(|why| format!("{}\n  {why}", outage.shown))
}

/// Runs, each with what it did to the disk: an unbroken one, and some that died once and were run again.
pub fn recordings() -> Vec<(String, Vec<Op>)> {
    let scene = Scene::new();
    let (ran, ops) = record(&scene, &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let mut out = vec![("an unbroken run".to_owned(), ops)];
    for (call, nth) in [("rename", 2), ("fsync", 5), ("fdatasync", 2), ("fsync", 9)] {
        let scene = Scene::new();
        let inject = format!("inject={call}:signal=SIGKILL:when={nth}");
        let (_, mut ops) = record(&scene, &["-e", &inject]);
        let (ran, rest) = record(&scene, &[]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ops.extend(rest);
        out.push((format!("killed at {call} {nth}, then run again"), ops));
    }
    out
}
