//! Which system calls of a process change the disk, and what happens when one of them is the last, or fails?

use std::path::Path;

use crate::scene::{NODES, Results, Scene};

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
}

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// The process dies.
    Kill,
    /// The call fails with this error.
    Error(&'static str),
}

/// One call of one process.
#[derive(Clone, Debug)]
pub struct Point {
    pub victim: Victim,
    pub call: String,
    /// It is the nth of its name.
    pub nth: usize,
    /// The text of the log, for people.
    pub shown: String,
}

/// Where each victim starts: an empty store, or one in which the nodes before are done.
pub struct Stage {
    pub victim: Victim,
    pub start: Scene,
    pub points: Vec<Point>,
}

fn words(log: &Path, more: &[&str]) -> Vec<String> {
    let trace = format!("trace={}", CALLS.join(","));
    let mut words: Vec<String> = ["strace", "-A", "-o"].map(str::to_owned).to_vec();
    words.push(log.display().to_string());
    words.extend(["-e".to_owned(), trace]);
    words.extend(more.iter().map(|w| (*w).to_owned()));
    words
}

/// The victims, each with the calls that it makes in a run that nothing disturbs.
pub fn stages() -> Vec<Stage> {
    let mut victims = vec![Victim::Driver];
    victims.extend((0..NODES.len()).map(Victim::Worker));
    victims
        .into_iter()
        .map(|victim| {
            let start = Scene::new();
            if let Victim::Worker(n) = victim
                && let Some(before) = n.checked_sub(1)
            {
                let ran = start.run(&["--until", NODES[before]]);
                assert_eq!(ran.code, 0, "{}", ran.err);
            }
            let points = points(victim, &start);
            Stage {
                victim,
                start,
                points,
            }
        })
        .collect()
}

fn points(victim: Victim, start: &Scene) -> Vec<Point> {
    let scene = start.twin();
    let logs = Scene::bare();
    let log = logs.path().join("log");
    let under = words(&log, &[]);
    let ran = match victim {
        Victim::Driver => scene.run_under(&under, None, &[]),
        Victim::Worker(n) => scene.run_under(&[], Some(&under.join(" ")), &["--until", NODES[n]]),
    };
    assert_eq!(ran.code, 0, "under strace: {}", ran.err);
    let text = std::fs::read_to_string(&log).expect("a log of strace");
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
        out.push(Point {
            victim,
            call: call.to_owned(),
            nth: *nth,
            shown: line.chars().take(120).collect(),
        });
    }
    assert!(out.len() > 10, "{victim:?} writes nothing:\n{text}");
    out
}

/// Strikes at a point and runs the program again; whether the point was reached, or what went wrong.
pub fn strike(stage: &Stage, point: &Point, blow: Blow, wanted: &Results) -> Result<bool, String> {
    let scene = stage.start.twin();
    let logs = Scene::bare();
    let log = logs.path().join("log");
    let what = match blow {
        Blow::Kill => "signal=SIGKILL".to_owned(),
        Blow::Error(name) => format!("error={name}"),
    };
    let inject = format!("inject={}:{what}:when={}", point.call, point.nth);
    let under = words(&log, &["-e", &inject]);
    let ran = match point.victim {
        Victim::Driver => scene.run_under(&under, None, &[]),
        Victim::Worker(_) => scene.run_under(&[], Some(&under.join(" ")), &[]),
    };
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    let struck = match blow {
        Blow::Kill => text.contains("+++ killed by SIGKILL"),
        Blow::Error(_) => text.contains("(INJECTED)"),
    };
    let fail = |why: String| {
        let Point {
            victim, nth, shown, ..
        } = point;
        format!("{victim:?}, {blow:?} at call {nth}, {shown}\n  {why}")
    };
    if let Some(text) = scene.panics(&ran) {
        return Err(fail(format!("a panic: {text}")));
    }
    let killed = blow == Blow::Kill && point.victim == Victim::Driver && struck;
    match ran.code {
        137 if killed => {}
        0 => {}
        2 | 3 if struck && (ran.err.contains("error: ") || mute(point)) => {}
        code => return Err(fail(format!("it ended with {code} and said `{}`", ran.err))),
    }
    scene.recovers(&ran.told(), wanted).map_err(fail)?;
    Ok(struck)
}

/// Whether the point is where the run says something: then it may not be able to.
fn mute(point: &Point) -> bool {
    point.call == "write" && (point.shown.contains("write(1,") || point.shown.contains("write(2,"))
}
