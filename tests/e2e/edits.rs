//! What does each edit re-run?  The table of the language's section on edits, row by row: a small study is run once, one edit is made to a
//! copy of it, `plan` says what would happen, and `run` does exactly that, counted in training steps.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use align_tests::binary::align;
use align_tests::copy;
use serde_json::Value;

use crate::scene::{Scene, of_kind};

const STUDY: &str = include_str!("study.align");

/// The study after its first run; tests work on copies.
fn ran() -> &'static Scene {
    static RAN: OnceLock<Scene> = OnceLock::new();
    RAN.get_or_init(|| {
        let scene = Scene::of(STUDY);
        scene.run_well(&[]);
        scene
    })
}

/// The study with its store, and another text.
fn edited(text: &str) -> Scene {
    assert_ne!(text, STUDY, "the edit changed nothing");
    let scene = Scene::of(text);
    copy(&ran().path().join(".align"), &scene.path().join(".align")).expect("the store is copied");
    scene
}

/// `plan --json`: action of each node that is not reused, by its name in the lane.
fn planned(scene: &Scene) -> BTreeMap<String, String> {
    let done = align(scene.path(), &["plan", "main.align", "--json"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let plan: Value = serde_json::from_str(&done.out).expect("a plan is JSON");
    let nodes = plan["nodes"].as_array().expect("nodes");
    nodes
        .iter()
        .filter(|n| n["action"] != "reuse")
        .map(|n| {
            (
                short(n),
                n["action"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

/// `seed=0/base` for a node of the study's lane.
fn short(node: &Value) -> String {
    let id = node["id"].as_str().unwrap_or_default();
    let id = id.strip_prefix("study[").unwrap_or(id).replace("]/", "/");
    id.strip_prefix("seed=0/").unwrap_or(&id).to_owned()
}

/// Training steps of each stage that a run started, by name.
fn trained(scene: &Scene) -> BTreeMap<String, u64> {
    let (code, events) = scene.start(&[]).finish();
    assert_eq!(code, 0, "{events:?}");
    let mut from = BTreeMap::new();
    for event in of_kind(&events, "started") {
        from.insert(short(event), event["from_step"].as_u64().unwrap_or(0));
    }
    let mut out = BTreeMap::new();
    for event in of_kind(&events, "finished") {
        let name = short(&event["status"]);
        if let Some(first) = from.get(&name) {
            let last = event["status"]["steps"].as_u64().unwrap_or(0);
            out.insert(name, last.saturating_sub(*first));
        }
    }
    out
}

/// One row: the edit, what `plan` says of the nodes that are not reused, and the steps that `run` trains.
fn row(text: &str, plan: &[(&str, &str)], run: &[(&str, u64)]) -> Scene {
    let scene = edited(text);
    let own = |list: &[(&str, &str)]| -> BTreeMap<String, String> {
        list.iter()
            .map(|(a, b)| ((*a).into(), (*b).into()))
            .collect()
    };
    assert_eq!(planned(&scene), own(plan), "the plan");
    let wanted: BTreeMap<String, u64> = run.iter().map(|(a, b)| ((*a).into(), *b)).collect();
    assert_eq!(trained(&scene), wanted, "the run");
    assert_eq!(trained(&scene), BTreeMap::new(), "a second run");
    scene
}

fn nothing(text: &str) {
    row(text, &[], &[]);
}

#[test]
fn comments_names_order_and_written_defaults_re_run_nothing() {
    nothing(&STUDY.replace(
        "    stage base",
        "\n    /// The first.\n    // A comment.\n    stage base",
    ));
    nothing(&STUDY.replace("base", "first").replace("tuned", "second"));
    nothing(&STUDY.replace("lane", "track").replace("rollouts", "data"));
    nothing(&STUDY.replace("optim  = adamw(lr: LR)", "optim  = adamw(lr: 0.0003)"));
    nothing(&STUDY.replace(
        "        optim  = adamw(lr: LR)\n        budget = 40 steps\n",
        "        budget = 40 steps\n        batch  = 32\n        optim  = adamw(lr: LR, weight_decay: 0.01)\n",
    ));
    // A stage that stands before another now stands after it.
    let (head, rest) = STUDY.split_once("    stage timed").expect("the stage");
    let (timed, tail) = rest.split_once("    stage tuned").expect("the next stage");
    let (tuned, end) = tail.split_once("\n}\n\nsweep").expect("the end");
    nothing(&format!(
        "{head}    stage tuned{tuned}\n\n    stage timed{}\n}}\n\nsweep{end}",
        timed.trim_end()
    ));
}

#[test]
fn a_field_of_identity_re_runs_its_stage_and_what_starts_from_it() {
    row(
        &STUDY.replace("let LR = 3e-4", "let LR = 1e-3"),
        &[("base", "rerun"), ("tuned", "unknown")],
        &[("base", 40), ("tuned", 20)],
    );
    row(
        &STUDY.replace("adamw(lr: 1e-4)", "adamw(lr: 2e-4)"),
        &[("tuned", "rerun")],
        &[("tuned", 20)],
    );
}

#[test]
fn put_back_everything_is_from_the_store() {
    let scene = edited(&STUDY.replace("adamw(lr: 1e-4)", "adamw(lr: 2e-4)"));
    assert_eq!(trained(&scene), BTreeMap::from([("tuned".into(), 20)]));
    scene.write(STUDY);
    assert_eq!(planned(&scene), BTreeMap::new());
    assert_eq!(trained(&scene), BTreeMap::new());
}

#[test]
fn a_larger_budget_trains_the_missing_steps_only() {
    let text = STUDY.replace("budget = 40 steps", "budget = 60 steps");
    let scene = row(
        &text,
        &[("base", "resume"), ("tuned", "unknown")],
        &[("base", 20), ("tuned", 20)],
    );
    let whole = Scene::of(&text);
    whole.run_well(&[]);
    assert_eq!(scene.digests(), whole.digests());
}

#[test]
fn a_smaller_budget_cuts_back_to_a_kept_checkpoint() {
    let text = STUDY.replace("budget = 40 steps", "budget = 20 steps");
    let scene = row(
        &text,
        &[("base", "cut"), ("tuned", "unknown")],
        &[("tuned", 20)],
    );
    let whole = Scene::of(&text);
    whole.run_well(&[]);
    assert_eq!(scene.digests(), whole.digests());
}

#[test]
fn a_budget_that_a_schedule_reads_is_identity() {
    let text = STUDY.replacen("budget = 20 steps\n        eval every 10 steps { episodes = 2 }\n        until reaches(score, 1000 points)\n    }\n\n    stage tuned", "budget = 30 steps\n        eval every 10 steps { episodes = 2 }\n        until reaches(score, 1000 points)\n    }\n\n    stage tuned", 1);
    row(&text, &[("timed", "rerun")], &[("timed", 30)]);
}

#[test]
fn evaluating_otherwise_trains_nothing() {
    let scene = edited(&STUDY.replacen("episodes = 2 }", "episodes = 3 }", 1));
    assert_eq!(
        planned(&scene).get("base").map(String::as_str),
        Some("reevaluate")
    );
    let steps = trained(&scene);
    assert_eq!(steps.get("base").copied().unwrap_or(0), 0, "{steps:?}");
    // The checkpoint that `tuned` starts from is the last one, which no evaluation moves.
    assert!(!steps.contains_key("tuned"), "{steps:?}");
}

#[test]
fn failure_arms_that_never_fired_re_run_nothing() {
    nothing(&STUDY.replace(
        "times: 2)\n            crash",
        "times: 5)\n            crash",
    ));
    nothing(&STUDY.replace("            crash => retry(times: 2)\n", ""));
    nothing(&STUDY.replace("crash => retry(times: 2)", "crash => retry(times: 9)"));
}

#[test]
fn a_new_seed_runs_its_own_lane_and_a_seed_taken_away_runs_nothing() {
    let more = STUDY.replace("seed in 0..<1", "seed in 0..<2");
    row(
        &more,
        &[
            ("seed=1/rollouts", "new"),
            ("seed=1/base", "new"),
            ("seed=1/timed", "new"),
            ("seed=1/tuned", "new"),
        ],
        &[
            ("seed=1/rollouts", 0),
            ("seed=1/base", 40),
            ("seed=1/timed", 20),
            ("seed=1/tuned", 20),
        ],
    );
    nothing(&STUDY.replace("seed in 0..<1", "seed in [0], parallel = 2"));
}

#[test]
fn a_report_is_written_again_without_any_training() {
    nothing(&STUDY.replace(
        "expect tuned.score >= 0 points",
        "expect tuned.score >= 0 points\n    expect base.score >= 0 points",
    ));
}

#[test]
fn a_stricter_rule_cuts_back_and_a_looser_one_goes_on() {
    // `steps >= 20` holds at the evaluation at 20 steps, of 40.
    let strict = STUDY.replacen(
        "until reaches(score, 1000 points)\n        on",
        "until steps >= 20 steps\n        on",
        1,
    );
    let scene = row(
        &strict,
        &[("base", "cut"), ("tuned", "unknown")],
        &[("tuned", 20)],
    );
    let whole = Scene::of(&strict);
    whole.run_well(&[]);
    assert_eq!(scene.digests(), whole.digests());
    // Back again: all of it is in the store.
    scene.write(STUDY);
    assert_eq!(planned(&scene), BTreeMap::new());
    assert_eq!(trained(&scene), BTreeMap::new());
    // From a store that knows the short run only, the rule that never holds goes on.
    whole.write(STUDY);
    assert_eq!(
        planned(&whole),
        BTreeMap::from([
            ("base".to_owned(), "resume".to_owned()),
            ("tuned".to_owned(), "unknown".to_owned())
        ])
    );
    assert_eq!(
        trained(&whole),
        BTreeMap::from([("base".to_owned(), 20), ("tuned".to_owned(), 20)])
    );
    assert_eq!(whole.digests(), ran().digests());
}

#[test]
fn another_model_re_runs_its_stages_and_no_dataset() {
    row(
        &STUDY.replace("temporal_unet(width: 8,", "temporal_unet(width: 16,"),
        &[("base", "rerun"), ("timed", "rerun"), ("tuned", "unknown")],
        &[("base", 40), ("timed", 20), ("tuned", 20)],
    );
}

#[test]
fn what_only_says_how_lanes_run_re_runs_nothing() {
    nothing(&STUDY.replace("seed in 0..<1", "seed in 0..<1, fail_fast = true"));
    nothing(&STUDY.replace(
        "seed in 0..<1",
        "seed in 0..<1, keep_going = true, parallel = 1",
    ));
}

#[test]
fn more_checkpoints_from_now_on_train_nothing() {
    nothing(&STUDY.replace("checkpoint every 20 steps", "checkpoint every 10 steps"));
    nothing(&STUDY.replace(
        "keep = [last(3), best(valid.loss)]",
        "keep = [last(5), best(valid.loss)]",
    ));
}

#[test]
fn a_data_file_that_was_only_touched_re_runs_nothing() {
    let text = "align 1

dataset rollouts {
    source  = file(\"small.hdf5\")
    horizon = 4 steps
}

model planner {
    net     = temporal_unet(width: 8, mults: [1, 2])
    sampler = ddim(train: 8 denoise_steps, act: 4 denoise_steps)
}

stage base trains planner on rollouts {
    loss   = denoise()
    budget = 10 steps
    until reaches(valid.loss, 0.001)
}
";
    let scene = Scene::of(text);
    let data = scene.path().join("small.hdf5");
    let bytes = std::fs::read(align_tests::root().join("tests/fixtures/d4rl/small.hdf5"))
        .expect("the file of the tests");
    std::fs::write(&data, &bytes).expect("data is written");
    scene.run_well(&[]);
    // Another time of change, another inode, the same content.
    std::fs::remove_file(&data).expect("data is removed");
    std::fs::write(&data, &bytes).expect("data is written");
    assert_eq!(planned(&scene), BTreeMap::new());
    assert_eq!(trained(&scene), BTreeMap::new());
    // One reward another, in place: what it is the reward of is made again, and nothing that does not read it.
    let at = bytes.len() - 1;
    let mut other = bytes.clone();
    other[at] ^= 1;
    std::fs::write(&data, &other).expect("data is written");
    assert_eq!(
        planned(&scene).get("main/rollouts").map(String::as_str),
        Some("rerun")
    );
}

/// `align why` of `tuned`, as text and as data.
fn why(scene: &Scene) -> (String, Value) {
    let text = align(scene.path(), &["why", "main.align", "tuned"]);
    let data = align(scene.path(), &["why", "main.align", "tuned", "--json"]);
    assert_eq!((text.code, data.code), (0, 0), "{}{}", text.err, data.err);
    (text.out, serde_json::from_str(&data.out).expect("JSON"))
}

/// Names of the parts in a list that are other than before.
fn changed(data: &Value, list: &str) -> Vec<String> {
    let parts = data[list].as_array().expect("a list");
    let other = parts.iter().filter(|p| p["same"] == false);
    other
        .filter_map(|p| p["name"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn why_tells_each_part_with_its_line_for_what_runs_and_for_what_does_not() {
    let scene = Scene::new("one.align");
    scene.run_well(&["--inject", "tuned:nan@60"]);
    let program = std::fs::read_to_string(scene.path().join("main.align")).expect("a program");
    let (text, data) = why(&scene);
    assert_eq!(data["action"], "reuse");
    assert!(changed(&data, "parts").is_empty() && changed(&data, "beside").is_empty());
    let says = |text: &str, line: &str| {
        let found = text
            .lines()
            .map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "));
        assert!(found.clone().any(|l| l == line), "no `{line}` in:\n{text}");
    };
    says(&text, "`main/tuned`: from the store");
    says(&text, "ended at 120 steps: budget of 120 steps");
    says(&text, "loss denoise main.align:24");
    says(&text, "budget 120 steps main.align:25");
    assert!(text.contains("• nan at step 60"), "{text}");

    scene.write(&program.replace("budget = 120 steps", "budget = 140 steps"));
    let (text, data) = why(&scene);
    assert_eq!(data["action"], "resume");
    assert_eq!(changed(&data, "beside"), ["budget"]);
    says(&text, "± budget 120 steps → 140 steps main.align:25");

    scene.write(&program.replace("budget = 120 steps", "budget = 120 steps, batch = 16"));
    let (text, data) = why(&scene);
    assert_eq!(data["action"], "rerun");
    assert_eq!(changed(&data, "parts"), ["batch"]);
    says(&text, "± batch 32 → 16 main.align:25");

    // What it needs runs again: what it will find there is not known.
    scene.write(&program.replace("budget = 40 steps", "budget = 40 steps, batch = 16"));
    let (text, data) = why(&scene);
    assert_eq!(data["action"], "unknown");
    assert!(
        changed(&data, "parts").contains(&"input from".to_owned()),
        "{data}"
    );
    says(&text, "`main/tuned`: not known yet: starts from base");
}
