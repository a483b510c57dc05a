//! `align watch` under blows: while a stage trains, its budget is raised, and the driver or the worker dies at one of its writes, or the
//! write fails.  The edited program must then come to the results of a run that was never broken.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use align_tests::binary;
use align_tests::processes::{below, sent};
use serde_json::Value;

use crate::points::{Blow, Call, calls, inject, reached, words};
use crate::scene::{Results, Scene, Told};

/// A stage that trains long enough to be edited, with this budget.
fn program(budget: u32) -> String {
    format!(
        "align 1

dataset rollouts {{
    source  = collect(\"maze2d-umaze-v1\", by: waypoint, episodes: 4)
    horizon = 8 steps
    stride  = 8 steps
}}

model planner {{
    net     = mlp(width: 8, depth: 1)
    sampler = ddim(train: 4 denoise_steps, act: 2 denoise_steps)
}}

stage base trains planner on rollouts {{
    loss   = denoise()
    budget = {budget} steps
    export = \"planner.safetensors\"
    eval every 50 steps {{ episodes = 1 }}
    checkpoint every 100 steps {{ keep = [best(score), last(1)] }}
    until reaches(score, 1000 points)
}}
"
    )
}

const BEFORE: u32 = 500;
const AFTER: u32 = 700;

/// Whom the blow falls on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    Driver,
    Worker,
}

/// A call of one of them.
#[derive(Debug)]
pub struct Point {
    pub victim: Victim,
    pub call: Call,
}

/// The dataset is there, the stage is new.
pub fn start() -> Scene {
    let scene = Scene::bare();
    scene.write(&program(BEFORE));
    let ran = scene.run(&["--until", "rollouts"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    scene
}

/// What the edited program comes to when nothing disturbs it.
pub fn unbroken() -> Results {
    let scene = Scene::bare();
    scene.write(&program(AFTER));
    let ran = scene.run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    scene.results().expect("results")
}

/// The calls of both in a session that nothing disturbs.
pub fn points(start: &Scene) -> Vec<Point> {
    [Victim::Driver, Victim::Worker]
        .into_iter()
        .flat_map(|victim| {
            let (scene, logs) = (start.twin(), Scene::bare());
            let log = logs.path().join("log");
            let told = session(&scene, victim, &words(&log, &[])).expect("a session");
            assert!(told.done.contains_key("main/base"), "{told:?}");
            let text = std::fs::read_to_string(&log).expect("a log of strace");
            let all = calls(&text).into_iter();
            all.map(move |call| Point { victim, call })
        })
        .collect()
}

/// Watches the program, raises the budget in the middle of its training, and ends when all is done; what was told of the edited program.
fn session(scene: &Scene, victim: Victim, under: &[String]) -> Result<Told, String> {
    let mut command = Command::new("timeout");
    command.args(["--kill-after", "5", "60"]);
    if victim == Victim::Driver {
        command.args(under);
    } else {
        command.env("ALIGN_WORKER_WRAPPER", under.join(" "));
    }
    let mut child = command
        .arg(binary::path())
        .args(["watch", "main.align", "--json", "--jobs", "1"])
        .current_dir(scene.path())
        .env_remove("ALIGN_STORE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("`timeout` starts");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let (mut told, mut edited, mut ended) = (Told::default(), false, false);
    for line in lines.map_while(Result::ok) {
        let Ok(event) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        let kind = event["event"].as_str().unwrap_or_default();
        if kind == "evaluated" && event["step"].as_u64() >= Some(50) && !edited {
            scene.write(&program(AFTER));
            edited = true;
        }
        match kind {
            // What the program before it came to, the edited one need not.
            "edited" => told.done.clear(),
            "settled" if edited && ended => {
                // The driver itself; `strace` does not hand signals on.
                let theirs = below(child.id());
                let driver = theirs.into_iter().find(|pid| binary::is(*pid));
                if let Some(pid) = driver {
                    // The blow may have ended it meanwhile.
                    sent("INT", pid);
                }
            }
            // The worker broke before the edit: it changes what is settled.
            "settled" if !edited => {
                scene.write(&program(AFTER));
                edited = true;
            }
            _ => {}
        }
        ended |= kind == "edited";
        told.hear(&event);
    }
    let status = child.wait().map_err(|e| e.to_string())?;
    scene.write(&program(AFTER));
    if !ended {
        // It never heard of the edit.
        told.done.clear();
    }
    if status.code() == Some(124) {
        return Err("it hung".to_owned());
    }
    Ok(told)
}

/// Strikes at a point and runs the edited program; whether the point was reached, or what went wrong.
pub fn strike(start: &Scene, point: &Point, blow: Blow, wanted: &Results) -> Result<bool, String> {
    let (scene, logs) = (start.twin(), Scene::bare());
    let log = logs.path().join("log");
    let fail = |why: String| {
        let Call { nth, shown, .. } = &point.call;
        format!(
            "{:?}, {blow:?} at call {nth}, {shown}\n  {why}",
            point.victim
        )
    };
    let told = session(&scene, point.victim, &inject(&log, &point.call, blow)).map_err(fail)?;
    scene.recovers(&told, wanted).map_err(fail)?;
    Ok(reached(&log, blow))
}
