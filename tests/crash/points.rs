//! Which system calls of a process change the disk, and what happens when one of them is the last, or fails?

use std::path::Path;

use crate::scene::{NODES, Results, Scene, Told};

/// Calls that change files, folders or locks.  `openat` is one where it makes a file.
pub const CALLS: &[&str] = &[
    "openat",
    "open",
    "creat",
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "ftruncate",
    "truncate",
    "fallocate",
    "flock",
    "utimensat",
    "copy_file_range",
    "sendfile",
];

/// The process that is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// The one that the user started.
    Driver,
    /// The worker of this node; those before it are done.
    Worker(usize),
    /// The driver of the next run, after a worker died between its checkpoints.
    NextDriver,
    /// The worker that goes on from there.
    NextWorker,
}

/// The node whose worker died.
const BROKEN: usize = 1;

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// The process dies.
    Kill,
    /// The call fails with this error.
    Error(&'static str),
}

/// One call of a process.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: String,
    /// It is the nth of its name.
    pub nth: usize,
    /// The text of the log, for people.
    pub shown: String,
}

/// One call of one process.
#[derive(Clone, Debug)]
pub struct Point {
    pub victim: Victim,
    pub call: Call,
}

/// Where each victim starts: an empty store, one in which the nodes before are done, or one that a broken run left.
pub struct Stage {
    pub victim: Victim,
    pub start: Scene,
    /// What was told before.
    told: Told,
    pub points: Vec<Point>,
}

/// The words of `strace` that trace what changes the disk.
pub fn words(log: &Path, more: &[&str]) -> Vec<String> {
    let trace = format!("trace={}", CALLS.join(","));
    let mut words: Vec<String> = ["strace", "-A", "-o"].map(str::to_owned).to_vec();
    words.push(log.display().to_string());
    words.extend(["-e".to_owned(), trace]);
    words.extend(more.iter().map(|w| (*w).to_owned()));
    words
}

/// The victims, each with the calls that it makes in a run that nothing disturbs.
pub fn stages() -> Vec<Stage> {
    let mut victims = vec![Victim::Driver, Victim::NextDriver, Victim::NextWorker];
    victims.extend((0..NODES.len()).map(Victim::Worker));
    victims
        .into_iter()
        .map(|victim| {
            let start = Scene::new();
            let told = match victim {
                Victim::Driver | Victim::Worker(0) => Told::default(),
                Victim::Worker(n) => {
                    let ran = start.run(&["--until", NODES[n - 1]]);
                    assert_eq!(ran.code, 0, "{}", ran.err);
                    ran.told()
                }
                Victim::NextDriver | Victim::NextWorker => broken(&start),
            };
            let points = points(victim, &start);
            Stage {
                victim,
                start,
                told,
                points,
            }
        })
        .collect()
}

/// Makes a run whose worker dies after its second checkpoint.
fn broken(scene: &Scene) -> Told {
    let logs = Scene::bare();
    let inject = "inject=fdatasync:signal=SIGKILL:when=3";
    let under = words(&logs.path().join("log"), &["-e", inject]);
    let ran = scene.run_under(&[], Some(&under.join(" ")), &[]);
    let told = ran.told();
    let kept = told.kept.get(NODES[BROKEN]).copied().unwrap_or(0);
    assert!(
        ran.code == 3 && kept > 0,
        "{}, {told:?}: {}",
        ran.code,
        ran.err
    );
    told
}

fn points(victim: Victim, start: &Scene) -> Vec<Point> {
    let scene = start.twin();
    let logs = Scene::bare();
    let log = logs.path().join("log");
    let under = words(&log, &[]);
    let ran = match victim {
        Victim::Driver | Victim::NextDriver => scene.run_under(&under, None, &[]),
        Victim::Worker(n) => scene.run_under(&[], Some(&under.join(" ")), &["--until", NODES[n]]),
        Victim::NextWorker => {
            scene.run_under(&[], Some(&under.join(" ")), &["--until", NODES[BROKEN]])
        }
    };
    assert_eq!(ran.code, 0, "under strace: {}", ran.err);
    let text = std::fs::read_to_string(&log).expect("a log of strace");
    let out: Vec<Point> = calls(&text)
        .into_iter()
        .map(|call| Point { victim, call })
        .collect();
    assert!(out.len() > 10, "{victim:?} writes nothing:\n{text}");
    out
}

/// The calls of a log that change the disk.
pub fn calls(text: &str) -> Vec<Call> {
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    let mut out = Vec::new();
    for line in text.lines() {
        let Some((call, _)) = line.split_once('(') else {
            continue;
        };
        if !CALLS.contains(&call) {
            continue;
        }
        let nth = counts.entry(call.to_owned()).or_default();
        *nth += 1;
        if call.starts_with("open") && !line.contains("O_CREAT") {
            continue;
        }
        out.push(Call {
            name: call.to_owned(),
            nth: *nth,
            shown: line.chars().take(120).collect(),
        });
    }
    out
}

/// The words of `strace` that strike at a call.
pub fn inject(log: &Path, call: &Call, blow: Blow) -> Vec<String> {
    let what = match blow {
        Blow::Kill => "signal=SIGKILL".to_owned(),
        Blow::Error(name) => format!("error={name}"),
    };
    let inject = format!("inject={}:{what}:when={}", call.name, call.nth);
    words(log, &["-e", &inject])
}

/// Whether the blow fell, by the log.
pub fn reached(log: &Path, blow: Blow) -> bool {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    match blow {
        Blow::Kill => text.contains("+++ killed by SIGKILL"),
        Blow::Error(_) => text.contains("(INJECTED)"),
    }
}

/// Strikes at a point and runs the program again; whether the point was reached, or what went wrong.
pub fn strike(stage: &Stage, point: &Point, blow: Blow, wanted: &Results) -> Result<bool, String> {
    let scene = stage.start.twin();
    let logs = Scene::bare();
    let log = logs.path().join("log");
    let under = inject(&log, &point.call, blow);
    let ran = match point.victim {
        Victim::Driver | Victim::NextDriver => scene.run_under(&under, None, &[]),
        Victim::Worker(_) | Victim::NextWorker => scene.run_under(&[], Some(&under.join(" ")), &[]),
    };
    let struck = reached(&log, blow);
    let fail = |why: String| {
        let (victim, Call { nth, shown, .. }) = (point.victim, &point.call);
        format!("{victim:?}, {blow:?} at call {nth}, {shown}\n  {why}")
    };
    if let Some(text) = scene.panics(&ran) {
        return Err(fail(format!("a panic: {text}")));
    }
    let driver = matches!(point.victim, Victim::Driver | Victim::NextDriver);
    let killed = blow == Blow::Kill && driver && struck;
    match ran.code {
        137 if killed => {}
        0 => {}
        2 | 3 if struck && (ran.err.contains("error: ") || mute(&point.call)) => {}
        code => return Err(fail(format!("it ended with {code} and said `{}`", ran.err))),
    }
    let mut told = stage.told.clone();
    ran.events.iter().for_each(|event| told.hear(event));
    scene.recovers(&told, wanted).map_err(fail)?;
    Ok(struck)
}

/// Whether the point is where the run says something: then it may not be able to.
pub fn mute(call: &Call) -> bool {
    let shown = &call.shown;
    shown.starts_with("write(1,") || shown.starts_with("write(2,")
}
