//! Does a run that was killed anywhere come to the bytes of an unbroken one?

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use crate::scene::{Running, Scene, of_kind};

/// Digests of an unbroken run.
fn unbroken() -> &'static BTreeMap<String, String> {
    static DIGESTS: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    DIGESTS.get_or_init(|| {
        let scene = Scene::new("tiny.align");
        scene.run_well(&[]);
        scene.digests()
    })
}

/// Reads on to a checkpoint in the middle of the training.
fn checkpoint_of_pretrain(run: &mut Running) {
    while run.until("checkpointed", "pretrain")["step"].as_u64() < Some(40) {}
}

#[test]
fn a_killed_worker_is_replaced_and_the_bytes_are_the_same() {
    let scene = Scene::new("tiny.align");
    // One worker at a time, so that it is this one that dies.
    let mut run = scene.start(&["--jobs", "1"]);
    checkpoint_of_pretrain(&mut run);
    assert!(run.signal_workers("KILL") > 0, "no worker was there");
    let handled = run.until("handled", "pretrain");
    assert_eq!(handled["record"]["event"], "crash", "{handled}");
    let (code, events) = run.finish();
    assert_eq!(code, 0, "{events:?}");
    assert_eq!(&scene.digests(), unbroken());
}

#[test]
fn a_killed_driver_leaves_nothing_that_the_next_run_cannot_continue() {
    let scene = Scene::new("tiny.align");
    for (kind, node) in [
        ("started", "rollouts"),
        ("checkpointed", "pretrain"),
        ("started", "rl"),
        ("started", "dpo"),
        ("started", "controller"),
    ] {
        let mut run = scene.start(&[]);
        run.until(kind, node);
        run.signal("KILL");
        let (code, _) = run.finish();
        assert_eq!(code, 137);
    }
    let done = scene.run_well(&[]);
    assert!(done.out.contains("controller"), "{}", done.out);
    assert_eq!(&scene.digests(), unbroken());
}

#[test]
fn an_interrupt_writes_checkpoints_and_the_next_run_goes_on() {
    let scene = Scene::new("tiny.align");
    let mut run = scene.start(&[]);
    checkpoint_of_pretrain(&mut run);
    run.signal("INT");
    let (code, _) = run.finish();
    assert_eq!(code, 130);

    let (code, events) = scene.start(&[]).finish();
    assert_eq!(code, 0, "{events:?}");
    let resumed = of_kind(&events, "started")
        .into_iter()
        .find(|e| e["id"].as_str().is_some_and(|id| id.ends_with("pretrain")))
        .unwrap_or_else(|| panic!("pretrain was not taken up again: {events:?}"));
    assert!(resumed["from_step"].as_u64() >= Some(40), "{resumed}");
    assert_eq!(&scene.digests(), unbroken());
}

/// Three seeds of the study of the edits, without its report's axis.
fn pruned_study(prune: &str) -> Scene {
    let text = include_str!("study.align");
    let sweep = format!("sweep study of lane {{\n    seed in 0..<3\n{prune}}}");
    let text = text.replace("sweep study of lane { seed in 0..<1 }", &sweep);
    assert!(text.contains("0..<3"), "the study is another");
    Scene::of(&text)
}

const PRUNE: &str = "    prune = halving(base.valid.loss, keep: 1/3, at: [50%])\n";

/// `valid.loss` of `base` at 20 of its 40 steps, in the lane of a seed.
fn loss(scene: &Scene, seed: u64) -> f64 {
    let all = scene.status();
    let curve = &all[&format!("study[seed={seed}]/base")]["history"]["valid.loss"];
    let points = curve.as_array().expect("a curve");
    let at = points.iter().find(|p| p[0] == 20).expect("an evaluation");
    at[1].as_f64().expect("a number")
}

#[test]
fn lanes_that_are_behind_are_stopped_and_the_best_is_what_it_would_have_been() {
    let whole = pruned_study("");
    whole.run_well(&[]);
    let best = (0..3)
        .min_by(|a, b| loss(&whole, *a).total_cmp(&loss(&whole, *b)))
        .expect("three lanes");

    let scene = pruned_study(PRUNE);
    let mut first = scene.start(&[]);
    first.until("evaluated", "/base");
    first.signal("KILL");
    first.wait();
    let done = scene.run_well(&[]);
    assert!(done.out.contains("(2 pruned)"), "{}", done.out);
    assert!(!done.err.contains("is checked only"), "{}", done.err);

    let (found, wanted) = (scene.status(), whole.status());
    for seed in 0..3 {
        for name in ["base", "timed", "tuned"] {
            let id = format!("study[seed={seed}]/{name}");
            let node = &found[&id];
            if seed == best {
                assert_eq!(node["state"], "done", "{node}");
                assert_eq!(node["outputs"], wanted[&id]["outputs"], "{id}");
            } else {
                assert_eq!(node["state"], "pruned", "{node}");
                assert_eq!(node["checkpoint"], Value::Null, "{node}");
                let steps = if name == "base" { 20 } else { 0 };
                assert_eq!(node["steps"], steps, "{node}");
                let note = node["note"].as_str().unwrap_or_default();
                assert!(
                    note.starts_with("pruned at 50% of base: valid.loss "),
                    "{note}"
                );
            }
        }
    }
    // Without the clause those that were stopped go on, and come to the bytes of the others.
    let text = std::fs::read_to_string(scene.path().join("main.align")).expect("the program");
    scene.write(&text.replace(PRUNE, ""));
    scene.run_well(&[]);
    assert_eq!(scene.digests(), whole.digests());
}
