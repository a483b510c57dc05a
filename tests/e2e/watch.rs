//! Does a save change what runs, and only that?  Real editors' ways to save, edits in the middle of training.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::scene::{Running, SMALL, Scene};

/// One stage of so many steps, with this as its other line.
fn program(budget: u32, line: &str) -> String {
    format!(
        "align 1
{SMALL}
stage base trains planner on rollouts {{
    loss   = denoise()
    {line}
    budget = {budget} steps
    eval every 25 steps {{ episodes = 2 }}
    until reaches(score, 1000 points)
}}
"
    )
}

/// What an unbroken run of a program comes to.
fn unbroken(text: &str) -> String {
    let scene = Scene::of(text);
    scene.run_well(&[]);
    scene.digests()["main/base"].clone()
}

fn says(event: &Value, words: &str) -> bool {
    event["text"]
        .as_str()
        .is_some_and(|text| text.contains(words))
}

/// Reads on to a step of `base`.
fn reach(run: &mut Running, step: u64) {
    run.find("an evaluation", |e| {
        e["event"] == "evaluated" && e["step"].as_u64() >= Some(step)
    });
}

fn started(run: &mut Running) -> u64 {
    run.until("started", "base")["from_step"]
        .as_u64()
        .unwrap_or(u64::MAX)
}

#[test]
fn a_larger_budget_is_taken_over_by_the_worker_that_is_at_work() {
    let scene = Scene::of(&program(600, ""));
    let mut run = scene.watch(&[]);
    assert_eq!(started(&mut run), 0);
    reach(&mut run, 100);
    scene.write(&program(800, ""));
    run.until("edited", "");
    run.find("the change", |e| says(e, "budget, 600 steps → 800 steps"));
    let again = run.find("the end, and no second start", |e| {
        e["event"] == "settled" || e["event"] == "started"
    });
    assert_eq!(again["event"], "settled", "{again}");
    run.end();
    assert_eq!(scene.digests()["main/base"], unbroken(&program(800, "")));
}

#[test]
fn another_cadence_and_another_rule_are_taken_over_at_the_next_step() {
    let text = program(4000, "");
    let scene = Scene::of(&text);
    let mut run = scene.watch(&[]);
    started(&mut run);
    reach(&mut run, 50);
    let rarer = text.replace("eval every 25 steps", "eval every 100 steps");
    scene.write(&rarer);
    run.find("the change", |e| {
        says(
            e,
            "eval, every 25 steps, 2 episodes → every 100 steps, 2 episodes",
        )
    });
    reach(&mut run, 300);
    let looser = rarer.replace("reaches(score, 1000 points)", "steps >= 1200 steps");
    scene.write(&looser);
    run.find("the change", |e| says(e, "until, reaches(score, 1000) → "));
    let again = run.find("the end, and no second start", |e| {
        e["event"] == "settled" || e["event"] == "started"
    });
    assert_eq!(again["event"], "settled", "{again}");
    run.end();
    let base = &scene.status()["main/base"];
    assert_eq!(base["state"], "done", "{base}");
    let steps = base["steps"].as_u64().unwrap_or(0);
    assert!(
        (1200..4000).contains(&steps) && steps.is_multiple_of(100),
        "{base}"
    );
    let scores = base["history"]["score"].as_array().map_or(0, Vec::len);
    // Those of before at the old cadence, then one for each 100 steps.
    assert!(scores < steps as usize / 25, "{base}");
    let text = base["stopped_by"].as_str().unwrap_or_default();
    assert!(text.contains("steps >= 1"), "{base}");
}

#[test]
fn a_budget_that_is_passed_already_goes_back() {
    let scene = Scene::of(&program(4000, ""));
    let mut run = scene.watch(&[]);
    reach(&mut run, 150);
    scene.write(&program(75, ""));
    run.until("edited", "");
    run.until("settled", "");
    run.end();
    assert_eq!(scene.digests()["main/base"], unbroken(&program(75, "")));
}

#[test]
fn another_computation_stops_the_first_and_taking_the_edit_back_goes_on_with_it() {
    let scene = Scene::of(&program(4000, "batch = 32"));
    let mut run = scene.watch(&[]);
    reach(&mut run, 100);
    scene.write(&program(4000, "batch = 16"));
    run.find("why", |e| {
        says(e, "stops at its next step: batch 32 → 16 (main.align:16)")
    });
    assert_eq!(started(&mut run), 0);
    scene.write(&program(4000, "batch = 32"));
    let from = started(&mut run);
    assert!(from >= 100, "from step {from}");
    scene.write(&program(300, "batch = 32"));
    run.until("settled", "");
    run.end();
    assert_eq!(
        scene.digests()["main/base"],
        unbroken(&program(300, "batch = 32"))
    );
}

#[test]
fn a_half_typed_line_is_shown_and_training_goes_on() {
    let scene = Scene::of(&program(500, ""));
    let mut run = scene.watch(&[]);
    started(&mut run);
    reach(&mut run, 50);
    let whole = program(500, "");
    scene.write(whole.split("budget").next().unwrap_or(""));
    let refused = run.until("refused", "");
    assert!(refused["errors"].as_u64() >= Some(1), "{refused}");
    let text = refused["text"].as_str().unwrap_or("");
    assert!(text.contains("main.align"), "{text}");
    reach(&mut run, 100);
    scene.write(&whole);
    let again = run.find("the end", |e| {
        e["event"] == "settled" || e["event"] == "started"
    });
    assert_eq!(again["event"], "settled", "{again}");
    run.end();
    assert_eq!(scene.digests()["main/base"], unbroken(&whole));
}

#[test]
fn a_rename_and_a_comment_leave_the_worker_alone() {
    let scene = Scene::of(&program(500, ""));
    let mut run = scene.watch(&[]);
    started(&mut run);
    reach(&mut run, 50);
    let renamed = program(500, "").replace("stage base", "// the same\nstage first");
    scene.write(&renamed);
    run.until("edited", "");
    let end = run.find("the end", |e| {
        e["event"] == "settled" || e["event"] == "started"
    });
    assert_eq!(end["event"], "settled", "{end}");
    assert_eq!(end["done"], 2, "{end}");
    run.end();
}

/// Truncates and writes.
fn plain(path: &Path, text: &str) {
    fs::write(path, text).expect("the file is written");
}

/// Writes beside it and renames.
fn renamed(path: &Path, text: &str) {
    let beside = path.with_extension("tmp");
    fs::write(&beside, text).expect("the file is written");
    fs::rename(&beside, path).expect("the file is renamed");
}

/// Renames the old file, writes the new one, removes the old.
fn backed_up(path: &Path, text: &str) {
    let backup = path.with_extension("align~");
    fs::rename(path, &backup).expect("the file is renamed");
    fs::write(path, text).expect("the file is written");
    fs::remove_file(&backup).expect("the backup is removed");
}

/// Removes it, and writes it again a little later.
fn removed(path: &Path, text: &str) {
    fs::remove_file(path).expect("the file is removed");
    std::thread::sleep(std::time::Duration::from_millis(5));
    fs::write(path, text).expect("the file is written");
}

#[test]
fn every_way_to_save_is_one_edit_and_own_writes_are_none() {
    let with_export = |budget| program(budget, "export = \"base.safetensors\"");
    for options in [&[][..], &["--poll", "20 ms"][..]] {
        let scene = Scene::of(&with_export(25));
        let mut run = scene.watch(options);
        run.until("settled", "");
        let path = scene.path().join("main.align");
        for (i, save) in [plain, renamed, backed_up, removed].into_iter().enumerate() {
            // The same text again is no edit.
            save(&path, &with_export(25 * (i as u32 + 1)));
            save(&path, &with_export(25 * (i as u32 + 2)));
            // One edit, one end: what is written beside the program wakes nobody.
            for kind in ["edited", "settled"] {
                let next = run.find(kind, |e| {
                    matches!(e["event"].as_str(), Some("edited" | "settled" | "refused"))
                });
                assert_eq!(next["event"], kind, "{i}: {next}");
            }
        }
        for n in 0..50 {
            plain(
                &path,
                &format!("{}// {n}\n", with_export(25 * (5 + n / 49))),
            );
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        run.find("the last of many saves", |e| says(e, "150 steps"));
        run.until("settled", "");
        let rest = run.end();
        assert!(rest.iter().all(|e| e["event"] != "edited"), "{rest:?}");
        assert!(scene.path().join("base.safetensors").exists());
        assert_eq!(scene.digests()["main/base"], unbroken(&with_export(150)));
    }
}

#[test]
fn a_file_that_is_gone_is_said_and_comes_back() {
    let scene = Scene::of(&program(400, ""));
    let mut run = scene.watch(&[]);
    started(&mut run);
    reach(&mut run, 25);
    let path = scene.path().join("main.align");
    fs::remove_file(&path).expect("the file is removed");
    let refused = run.until("refused", "");
    assert!(says(&refused, "cannot be read"), "{refused}");
    reach(&mut run, 50);
    scene.write(&program(450, ""));
    run.find("the change", |e| says(e, "→ 450 steps"));
    run.until("settled", "");
    run.end();
}

#[test]
fn long_work_is_not_stopped_without_asking() {
    let scene = Scene::of(&program(250, "batch = 32"));
    let mut run = scene.watch(&["--keep-over", "1 ms"]);
    started(&mut run);
    reach(&mut run, 50);
    scene.write(&program(250, "batch = 16"));
    run.find("that the edit waits", |e| {
        says(e, "the edit waits for its end")
    });
    let done = run.find("its end", |e| {
        e["event"] == "finished" && e["status"]["id"] == "main/base"
    });
    assert_eq!(done["status"]["steps"], 250, "{done}");
    assert_eq!(started(&mut run), 0);
    run.until("settled", "");
    run.end();
}

/// Gives a program a terminal of its own: what is typed comes from standard input.
const TERMINAL: &str = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";

#[test]
fn on_a_terminal_a_person_is_asked_before_work_is_stopped() {
    let scene = Scene::of(&program(4000, "batch = 32"));
    let mut run = scene.watch_under(&["python3", "-c", TERMINAL], &["--ask"]);
    started(&mut run);
    reach(&mut run, 50);
    scene.write(&program(4000, "batch = 16"));
    run.find("the question", |e| says(e, "y and Enter stops it now"));
    // Anything else leaves it at work.
    run.types("no\n");
    run.find("more of it", |e| e["event"] == "evaluated");
    run.types("y\n");
    run.find("why", |e| says(e, "batch 32 → 16 (main.align:16)"));
    assert_eq!(started(&mut run), 0);
    run.types("\u{3}");
    assert_eq!(run.wait(), 130);
}

#[test]
fn where_the_system_tells_no_changes_it_looks_by_itself() {
    let traced = std::process::Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .output();
    if !traced.is_ok_and(|out| out.status.success()) {
        println!("left out: strace cannot trace here");
        return;
    }
    for (call, error) in [("inotify_init1", "EMFILE"), ("inotify_add_watch", "ENOSPC")] {
        let (trace, fault) = (
            format!("trace={call}"),
            format!("inject={call}:error={error}"),
        );
        let strace = [
            "strace",
            "-f",
            "-o",
            "/dev/null",
            "-e",
            &trace,
            "-e",
            &fault,
        ];
        let scene = Scene::of(&program(25, ""));
        let mut run = scene.watch_under(&strace, &[]);
        if call == "inotify_init1" {
            run.find("that it does", |e| says(e, "looking twice a second"));
        }
        run.until("settled", "");
        scene.write(&program(50, ""));
        run.until("edited", "");
        run.until("settled", "");
        assert!(run.signal_workers("INT") > 0, "the driver below strace");
        assert_eq!(run.wait(), 0, "nothing was left to do");
    }
}

#[test]
fn a_broken_program_is_watched_until_it_is_whole() {
    let scene = Scene::of("align 1\nmodel m {");
    let mut run = scene.watch(&[]);
    run.until("refused", "");
    scene.write(&program(25, ""));
    run.until("settled", "");
    run.end();
}
