//! Does a run that was killed anywhere come to the bytes of an unbroken one?

use std::collections::BTreeMap;
use std::sync::OnceLock;

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
