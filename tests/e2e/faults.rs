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
