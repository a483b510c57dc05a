//! Is an injected fault handled as the program says, and is it in the record?

use serde_json::Value;

use crate::scene::Scene;

/// Runs `one.align` with a fault; what the record says of the stage.
fn with_fault(fault: &str) -> (Scene, Value) {
    let scene = Scene::new("one.align");
    scene.run_well(&["--inject", fault]);
    let mut status = scene.status();
    let name = status
        .keys()
        .find(|id| id.ends_with("tuned"))
        .cloned()
        .unwrap_or_default();
    let node = status.remove(&name).unwrap_or_default();
    (scene, node)
}

fn only_event(node: &Value) -> Value {
    let events = node["events"].as_array().cloned().unwrap_or_default();
    assert_eq!(events.len(), 1, "{node}");
    events.into_iter().next().unwrap_or_default()
}

#[test]
fn a_loss_that_is_not_finite_rolls_back() {
    let (_scene, node) = with_fault("tuned:nan@60");
    let event = only_event(&node);
    assert_eq!(event["event"], "nan", "{event}");
    assert_eq!(event["action"], "rollback", "{event}");
    assert_eq!(event["step"], 60, "{event}");
    assert!(event["to_step"].as_u64() < Some(60), "{event}");
    assert_eq!(node["state"], "done", "{node}");
    assert_eq!(node["steps"], 120, "{node}");
}

#[test]
fn a_worker_that_dies_is_tried_again() {
    let (scene, node) = with_fault("tuned:kill@60");
    let event = only_event(&node);
    assert_eq!(event["event"], "crash", "{event}");
    assert_eq!(event["action"], "retry", "{event}");
    assert_eq!(node["state"], "done", "{node}");

    // A crash changes nothing of what is computed.
    let unbroken = Scene::new("one.align");
    unbroken.run_well(&[]);
    assert_eq!(scene.digests(), unbroken.digests());
}

#[test]
fn a_metric_that_worsens_ends_the_stage_with_its_best() {
    let (_scene, node) = with_fault("tuned:worsen=score*100@2");
    let event = only_event(&node);
    assert_eq!(event["event"], "regression", "{event}");
    assert!(
        event["from"].is_number() && event["to"].is_number(),
        "{event}"
    );
    assert!(
        event["action"]
            .as_str()
            .is_some_and(|a| a.contains("rollback") || a.contains("skip")),
        "{event}"
    );
}

#[test]
fn faults_over_the_allowed_number_fail_the_lane() {
    let text = std::fs::read_to_string(align_tests::root().join("tests/e2e/one.align"))
        .expect("the program");
    // No arm for what happens: the last one gives the lane up.
    let scene = Scene::of(&text.replace("        crash => retry(times: 2)\n", ""));
    let done = scene.run(&["--inject", "tuned:kill@60"]);
    assert_eq!(done.code, 3, "stdout:\n{}\nstderr:\n{}", done.out, done.err);
    let status = scene.status();
    let tuned = status.iter().find(|(id, _)| id.ends_with("tuned"));
    assert_eq!(
        tuned.map(|(_, n)| n["state"].clone()),
        Some("failed".into())
    );
}

#[test]
fn a_fault_that_cannot_be_read_is_refused() {
    let scene = Scene::new("one.align");
    let done = scene.run(&["--inject", "tuned:burn@3"]);
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(done.err.contains("tuned:burn@3"), "{}", done.err);
}

/// Ends the worker of `tuned` in its middle by a signal; what the record says of it, and whether the results are those of an unbroken run.
fn struck(text: &str, signal: &str, more: &[&str]) -> (Value, bool) {
    let scene = Scene::of(text);
    let mut run = scene.start(more);
    run.find("a checkpoint of it", |e| {
        e["event"] == "checkpointed" && e["id"] == "main/tuned" && e["step"].as_u64() >= Some(40)
    });
    assert_eq!(run.signal_workers(signal), 1);
    if signal == "SEGV" {
        // The first is taken for an overflow of the stack, which another fault would follow.
        std::thread::sleep(std::time::Duration::from_millis(20));
        run.signal_workers(signal);
    }
    let (code, events) = run.finish();
    assert_eq!(code, 0, "{events:?}");
    let unbroken = Scene::of(text);
    unbroken.run_well(&[]);
    let same = scene.digests() == unbroken.digests();
    (only_event(&scene.status()["main/tuned"]), same)
}

#[test]
fn a_worker_that_faults_aborts_or_hangs_harms_nothing_but_its_attempt() {
    let text = std::fs::read_to_string(align_tests::root().join("tests/e2e/one.align"))
        .expect("the program")
        .replace(
            "budget = 120 steps",
            "budget = 400 steps
    checkpoint every 40 steps { keep = [best(score), last(1)] }",
        )
        .replace("else  => fail(lane)", "timeout => retry(times: 1)");
    for (signal, kind, words) in [
        ("SEGV", "crash", "signal 11"),
        ("ABRT", "crash", "signal 6"),
        ("STOP", "timeout", "no sign of life for 3 s"),
    ] {
        let (event, same) = struck(&text, signal, &["--stall", "3 s"]);
        assert_eq!(event["event"], kind, "{signal}: {event}");
        let detail = event["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(words), "{signal}: {event}");
        assert_eq!(event["action"], "retry", "{signal}: {event}");
        assert!(event["to_step"].as_u64() >= Some(40), "{signal}: {event}");
        assert!(same, "{signal}: another result");
    }
}

#[test]
fn a_worker_that_gets_no_memory_is_an_event_and_what_was_done_stays() {
    let limited = std::process::Command::new("prlimit")
        .arg("--version")
        .output();
    if limited.is_err() {
        println!("left out: `prlimit` is not here");
        return;
    }
    let scene = Scene::new("one.align");
    scene.run_well(&["--until", "base"]);
    // Room for the program itself, none for its tensors.
    let few = "prlimit --as=50000000";
    let done = scene.run(&["--wrap-workers", few]);
    assert_eq!(done.code, 3, "stdout:\n{}\nstderr:\n{}", done.out, done.err);
    let status = scene.status();
    let tuned = &status["main/tuned"];
    assert_eq!(tuned["state"], "failed", "{tuned}");
    let note = tuned["note"].as_str().unwrap_or_default();
    assert!(note.starts_with("oom at"), "{tuned}");
    assert_eq!(status["main/base"]["state"], "done");
    scene.run_well(&[]);
}
