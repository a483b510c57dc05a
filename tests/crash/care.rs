//! `align fsck` and `align gc`: is damage found, named and put right, and does nothing go that is needed?

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use align_tests::binary::{Done, align};
use serde_json::Value;

use crate::scene::{Ran, Results, Scene, differ, unbroken};

/// Bytes before a record's payload in a journal: length and checksum.
const HEAD: usize = 8;

fn ask(scene: &Scene, args: &[&str]) -> Done {
    align(scene.path(), args)
}

fn json(done: &Done) -> Result<Value, String> {
    serde_json::from_str(&done.out).map_err(|e| format!("{e}: {}{}", done.out, done.err))
}

/// Files below a folder of the store, by their paths in the store.
fn files(store: &Path) -> BTreeSet<PathBuf> {
    let mut out = BTreeSet::new();
    let mut todo = vec![store.to_path_buf()];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                todo.push(path);
            } else if let Ok(path) = path.strip_prefix(store) {
                out.insert(path.to_path_buf());
            }
        }
    }
    out
}

fn started(ran: &Ran) -> BTreeSet<String> {
    ran.events
        .iter()
        .filter(|e| e["event"] == "started")
        .filter_map(|e| Some(e["id"].as_str()?.to_owned()))
        .collect()
}

fn run_well(scene: &Scene) -> Result<BTreeSet<String>, String> {
    let ran = scene.run(&[]);
    if ran.code == 0 {
        Ok(started(&ran))
    } else {
        Err(format!("the run ended with {}: {}", ran.code, ran.err))
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Result<(), String> {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{what}: found {found:?}, wanted {wanted:?}"))
    }
}

/// Where the last record of a journal begins: what is damaged from there on cannot be told from an unfinished write.
fn last_record(bytes: &[u8]) -> usize {
    let (mut at, mut last) = (0, 0);
    while let Some(head) = bytes.get(at..at + 4).and_then(|b| b.try_into().ok()) {
        last = at;
        at += HEAD + u32::from_le_bytes(head) as usize;
    }
    last
}

/// A byte of a file to damage.
#[derive(Clone, Debug)]
pub struct Spot {
    path: PathBuf,
    byte: usize,
}

/// Spots in every file of a store that a finished run left, but in those that hold nothing: locks, a worker's words, the page.
pub fn spots(scene: &Scene) -> Vec<Spot> {
    let store = scene.path().join(".align");
    let mut out = Vec::new();
    for path in files(&store) {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let bytes = std::fs::read(store.join(&path)).unwrap_or_default();
        let outside = path == Path::new("format");
        if name.ends_with("lock") || name == "stderr" || name == "report.html" || outside {
            continue;
        }
        let end = match name.as_str() {
            "journal" | "log" => last_record(&bytes),
            _ => bytes.len(),
        };
        let places = [0, end / 3, end / 2, end.saturating_sub(1)];
        let places: BTreeSet<usize> = places.into_iter().filter(|p| *p < end).collect();
        out.extend(places.into_iter().map(|byte| Spot {
            path: path.clone(),
            byte,
        }));
    }
    out
}

/// Damages a spot: it must be found and named, and after a repair the next run makes again what depended on it and nothing else.
pub fn repaired(whole: &Scene, spot: &Spot, wanted: &Results) -> Result<(), String> {
    damage(whole, spot, wanted)
        .map_err(|why| format!("{}, byte {}: {why}", spot.path.display(), spot.byte))
}

fn damage(whole: &Scene, spot: &Spot, wanted: &Results) -> Result<(), String> {
    let scene = whole.twin();
    let path = scene.path().join(".align").join(&spot.path);
    let mut bytes = std::fs::read(&path).map_err(|e| e.to_string())?;
    let byte = bytes.get_mut(spot.byte).ok_or("no such byte")?;
    // Another letter is no hexadecimal digit either.
    *byte ^= 0x40;
    std::fs::write(&path, bytes).map_err(|e| e.to_string())?;

    let done = ask(&scene, &["fsck", "--json"]);
    same("exit code", done.code, 1)?;
    let found = json(&done)?;
    let damaged: Vec<&Value> = found["damaged"].as_array().into_iter().flatten().collect();
    let paths: Vec<&str> = damaged.iter().filter_map(|d| d["path"].as_str()).collect();
    same("damaged", paths, vec![&*spot.path.to_string_lossy()])?;
    let nodes: BTreeSet<String> = damaged
        .iter()
        .flat_map(|d| d["nodes"].as_array().into_iter().flatten())
        .filter_map(|n| n.as_str().map(str::to_owned))
        .collect();

    let done = ask(&scene, &["fsck", "--repair"]);
    same("exit code of the repair", done.code, 0)?;
    // Of a journal, what stands before the damage stays.
    let journal = path.ends_with("journal") || path.ends_with("log");
    if (path.exists() && !journal) || !done.out.contains("moved to damaged/") {
        return Err(format!("it was not moved aside: {}", done.out));
    }
    let again = run_well(&scene)?;
    if !again.is_subset(&nodes) {
        return Err(format!("{again:?} ran again, and {nodes:?} depended on it"));
    }
    differ(&scene.results()?, wanted)?;
    let done = ask(&scene, &["fsck"]);
    same("after it", (done.code, &*done.err), (0, ""))
}

/// A missing file of a result is damage, too.
pub fn missing() -> Result<(), String> {
    let scene = Scene::new();
    run_well(&scene)?;
    let results = scene.results()?;
    let store = scene.path().join(".align");
    let blobs = files(&store.join("blobs"));
    let mut found = 0;
    for blob in &blobs {
        let scene = scene.twin();
        let path = scene.path().join(".align/blobs").join(blob);
        std::fs::remove_file(path).map_err(|e| e.to_string())?;
        let done = ask(&scene, &["fsck"]);
        same("exit code", done.code, 1)?;
        found += usize::from(done.out.contains("it is missing") && done.out.contains("needed by"));
        run_well(&scene)?;
        differ(&scene.results()?, &results)?;
        same("exit code after a run", ask(&scene, &["fsck"]).code, 0)?;
    }
    same("files that were missed", found, blobs.len())
}

fn rewrite(scene: &Scene, from: &str, to: &str) -> Result<(), String> {
    let path = scene.path().join("main.align");
    let text = std::fs::read_to_string(&path).map_err(|e| e.to_string())?;
    if !text.contains(from) {
        return Err(format!("no `{from}` in the program"));
    }
    std::fs::write(path, text.replacen(from, to, 1)).map_err(|e| e.to_string())
}

const OLD: &str = "budget = 10 steps";
const NEW: &str = "batch  = 16\n    budget = 10 steps";

/// A store with a result that an edit made needless.
fn edited() -> Result<Scene, String> {
    let scene = Scene::new();
    run_well(&scene)?;
    rewrite(&scene, OLD, NEW)?;
    let ran = run_well(&scene)?;
    same("after the edit", ran, ["main/tuned".to_owned()].into())?;
    Ok(scene)
}

fn gone(scene: &Scene, args: &[&str]) -> Result<Vec<String>, String> {
    let done = ask(scene, &[&["gc", "--json"], args].concat());
    same("exit code of gc", (done.code, &*done.err), (0, ""))?;
    let found = json(&done)?;
    let list = found["gone"].as_array().into_iter().flatten();
    Ok(list
        .filter_map(|g| Some(g["id"].as_str()?.to_owned()))
        .collect())
}

/// An edit's old result goes, when it is old enough and not only asked about; what stays is all that is needed.
pub fn collected() -> Result<(), String> {
    let scene = edited()?;
    let (before, results) = (files(scene.path()), scene.results()?);
    let tuned = || vec!["main/tuned".to_owned()];
    same("dry run", gone(&scene, &["--dry-run"])?, tuned())?;
    same("young", gone(&scene, &["--older-than", "1h"])?, Vec::new())?;
    let now = files(scene.path());
    same("nothing was removed", &now, &before)?;

    same("gc", gone(&scene, &[])?, tuned())?;
    let after = files(scene.path());
    let blobs = |files: &BTreeSet<PathBuf>| {
        let blobs = files.iter().filter(|f| f.starts_with(".align/blobs"));
        blobs.count()
    };
    if after.len() >= before.len() || blobs(&after) >= blobs(&before) {
        return Err(format!("nothing was removed: {after:?}"));
    }
    same("gc again", gone(&scene, &[])?, Vec::new())?;
    same("files after it", &files(scene.path()), &after)?;
    differ(&scene.results()?, &results)?;
    same("a run", run_well(&scene)?, BTreeSet::new())?;
    same("fsck", ask(&scene, &["fsck"]).code, 0)?;

    // What stays can be gone on from.
    rewrite(&scene, "budget = 20 steps", "budget = 25 steps")?;
    let ran = scene.run(&["--only", "base"]);
    let from = ran.events.iter().find(|e| e["event"] == "started");
    let from = from.map(|e| e["from_step"].clone());
    same("a larger budget", from, Some(20.into()))?;
    rewrite(&scene, "budget = 25 steps", "budget = 20 steps")?;

    // What went is made again, from what stayed.
    rewrite(&scene, NEW, OLD)?;
    same(
        "put back",
        run_well(&scene)?,
        ["main/tuned".to_owned()].into(),
    )?;
    differ(&scene.results()?, &unbroken())
}

/// What the plan of a named program would use stays, and what its last run made for a stage that it no longer has goes.
pub fn collected_for_a_program() -> Result<(), String> {
    let scene = edited()?;
    // Both the last run's and that of the program as it is now.
    rewrite(&scene, NEW, OLD)?;
    same("put back", gone(&scene, &["main.align"])?, Vec::new())?;
    same("a run of it", run_well(&scene)?, BTreeSet::new())?;

    let path = scene.path().join("main.align");
    let text = std::fs::read_to_string(&path).map_err(|e| e.to_string())?;
    let without = text.split("stage tuned").next().unwrap_or_default();
    std::fs::write(&path, without).map_err(|e| e.to_string())?;
    let tuned = "main/tuned".to_owned();
    // Without the file it is not known that the stage is no more: only the result of the edit goes.
    same("no file", gone(&scene, &[])?, vec![tuned.clone()])?;
    same("the file", gone(&scene, &["main.align"])?, vec![tuned])?;
    same("a run", run_well(&scene)?, BTreeSet::new())?;
    let done = ask(&scene, &["gc", "nothing.align"]);
    same("a program that is not there", done.code, 1)
}

/// Beside a run, and in a store with damage, nothing goes.
pub fn refused() -> Result<(), String> {
    let scene = edited()?;
    let before = files(scene.path());
    let lock = scene.path().join(".align/driver.lock");
    let held = std::fs::File::open(lock).map_err(|e| e.to_string())?;
    held.try_lock().map_err(|e| e.to_string())?;
    for args in [["gc", "--json"], ["fsck", "--repair"]] {
        let done = ask(&scene, &args);
        same("beside a run", done.code, 2)?;
        if !done.err.contains("another run") {
            return Err(done.err);
        }
    }
    drop(held);
    // Of a result that the program needs: what nothing needs may go, whole or not.
    let status = json(&ask(&scene, &["status", "main.align", "--json"]))?;
    let nodes = status["nodes"].as_array().or(status.as_array());
    let key = nodes
        .and_then(|n| n.first()?["key"].as_str())
        .ok_or("no key")?;
    let record = before.iter().find(|f| {
        f.parent().is_some_and(|p| p.ends_with("done")) && f.to_string_lossy().contains(key)
    });
    let record = scene.path().join(record.ok_or("no result")?);
    let mut bytes = std::fs::read(&record).map_err(|e| e.to_string())?;
    bytes.truncate(bytes.len() / 2);
    std::fs::write(record, bytes).map_err(|e| e.to_string())?;
    let done = ask(&scene, &["gc"]);
    same("with damage", done.code, 2)?;
    if !done.err.contains("is damaged") {
        return Err(done.err);
    }
    same("files", files(scene.path()), before)
}

/// Killed at each of its writes, a collection leaves a store that is whole, and the next one ends its work.
pub fn killed(stride: usize) -> Result<usize, String> {
    let whole = edited()?;
    let results = whole.results()?;
    let mut points = 0;
    for call in [
        "write",
        "openat",
        "ftruncate",
        "rename",
        "unlink",
        "unlinkat",
        "fsync",
        "rmdir",
    ] {
        for nth in (1..).step_by(stride) {
            let scene = whole.twin();
            let status = std::process::Command::new("strace")
                .args(["-o", "/dev/null", "-e"])
                .arg(format!("inject={call}:signal=SIGKILL:when={nth}"))
                .arg(align_tests::binary::path())
                .args(["gc", "--json"])
                .current_dir(scene.path())
                .env_remove("ALIGN_STORE")
                .stdout(std::process::Stdio::null())
                .status()
                .map_err(|e| e.to_string())?;
            if status.success() {
                break;
            }
            points += 1;
            let why = |e| format!("killed at {call} {nth}: {e}");
            differ(&scene.results().map_err(why)?, &results).map_err(why)?;
            same("fsck", ask(&scene, &["fsck"]).code, 0).map_err(why)?;
            gone(&scene, &[]).map_err(why)?;
            let left = files(&scene.path().join(".align/tmp"));
            same("left in tmp", left, BTreeSet::new()).map_err(why)?;
            same("a run", run_well(&scene).map_err(why)?, BTreeSet::new()).map_err(why)?;
        }
    }
    Ok(points)
}
