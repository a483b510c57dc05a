//! Does nothing run twice, and does an edit re-run exactly what it must?

use serde_json::Value;

use crate::scene::{Scene, of_kind};

/// Names of the nodes that a run started.
fn started(scene: &Scene) -> Vec<String> {
    let (code, events) = scene.start(&[]).finish();
    assert_eq!(code, 0, "{events:?}");
    let name = |e: &&Value| e["id"].as_str().unwrap_or_default().to_owned();
    let mut names: Vec<String> = of_kind(&events, "started").iter().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_second_run_takes_everything_from_the_store() {
    let scene = Scene::new("tiny.align");
    let first = scene.run_well(&[]);
    let digests = scene.digests();
    assert!(digests.len() >= 9, "{digests:?}");

    let second = scene.run_well(&[]);
    assert!(second.out.contains("from the store"), "{}", second.out);
    assert_eq!(scene.digests(), digests);
    assert_eq!(started(&scene), Vec::<String>::new());
    // Both show the table with each stage.
    for name in ["pretrain", "rl", "dpo", "sft", "controller"] {
        assert!(first.out.contains(name), "{name} is not in\n{}", first.out);
        assert!(
            second.out.contains(name),
            "{name} is not in\n{}",
            second.out
        );
    }
}

#[test]
fn two_stores_hold_the_same_bytes() {
    let (a, b) = (Scene::new("one.align"), Scene::new("one.align"));
    a.run_well(&[]);
    b.run_well(&[]);
    assert_eq!(a.digests(), b.digests());
}

#[test]
fn an_edit_runs_what_it_touches_and_nothing_else() {
    let scene = Scene::new("one.align");
    assert_eq!(started(&scene).len(), 3);
    let text = std::fs::read_to_string(scene.path().join("main.align")).expect("the program");

    // Comments, a written-out default and a longer name mean the same.
    let same = text
        .replace("// One stage", "// A comment\n\n// One stage")
        .replace("loss   = denoise()", "loss   = denoise()\n    batch  = 32");
    scene.write(&same);
    assert_eq!(started(&scene), Vec::<String>::new());
    scene.write(&text.replace("base", "first_stage"));
    assert_eq!(started(&scene), Vec::<String>::new());

    // The second stage's own field touches the second stage.
    let second = text.replacen(
        "budget = 120 steps",
        "budget = 120 steps\n    batch = 16",
        1,
    );
    scene.write(&second);
    let names = started(&scene);
    assert!(names.len() == 1 && names[0].ends_with("tuned"), "{names:?}");

    // Put back: all hits.
    scene.write(&text);
    assert_eq!(started(&scene), Vec::<String>::new());
}

#[test]
fn a_larger_budget_continues_from_the_last_checkpoint() {
    let scene = Scene::new("one.align");
    scene.run_well(&[]);
    let text = std::fs::read_to_string(scene.path().join("main.align")).expect("the program");
    scene.write(&text.replace("budget = 120 steps", "budget = 160 steps"));
    let (code, events) = scene.start(&[]).finish();
    assert_eq!(code, 0, "{events:?}");
    let started = of_kind(&events, "started");
    assert_eq!(started.len(), 1, "{started:?}");
    assert_eq!(started[0]["from_step"], 120, "{started:?}");

    let whole = Scene::of(&text.replace("budget = 120 steps", "budget = 160 steps"));
    whole.run_well(&[]);
    assert_eq!(scene.digests(), whole.digests());
}
