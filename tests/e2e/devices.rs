//! What can compute: what is listed, and what is refused.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use align_tests::binary::{align, command};
use align_tests::processes::send;
use serde_json::Value;

use crate::scene::{Scene, of_kind};

#[test]
fn devices_are_listed_with_reasons_for_those_that_are_missing() {
    let scene = Scene::new("tiny.align");
    let ran = align(scene.path(), &["devices", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let document: Value = serde_json::from_str(&ran.out).expect("JSON");
    let names = |list: &str| -> Vec<String> {
        let all = document[list].as_array().expect("an array");
        let names = all.iter().filter_map(|d| d["name"].as_str());
        names.map(ToOwned::to_owned).collect()
    };
    let (there, missing) = (names("devices"), names("missing"));
    assert!(there.contains(&"cpu".to_owned()), "{document}");
    for name in ["libtorch", "libtorch:cuda:0"] {
        let (here, gone) = (
            there.iter().any(|n| n == name),
            missing.iter().any(|n| n == name),
        );
        assert!(here != gone, "`{name}` is either here or not: {document}");
    }
    let chosen = document["devices"].as_array().into_iter().flatten();
    assert_eq!(chosen.filter(|d| d["chosen"] == true).count(), 1);
    let shown = align(scene.path(), &["devices"]);
    assert!(
        shown.out.contains("cpu") && shown.out.contains(" free"),
        "{}",
        shown.out
    );
}

#[test]
fn a_device_that_is_not_there_is_an_error_and_never_replaced() {
    let scene = Scene::new("one.align");
    let refused = scene.run(&["--device", "libtorch:cuda:63"]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(
        refused.err.contains("A8003") && refused.err.contains("`libtorch:cuda:63`"),
        "{}",
        refused.err
    );
    assert!(!scene.path().join(".align/nodes").exists());
    let unknown = scene.run(&["--device", "gpu"]);
    assert_eq!(unknown.code, 2, "{}", unknown.err);
    assert!(unknown.err.contains("wanted `auto`"), "{}", unknown.err);
}

#[test]
fn a_stage_names_its_device_and_its_key_is_that_of_the_numbers() {
    let scene = Scene::new("one.align");
    scene.run_well(&[]);
    // The embedded kernels by name are what computed it.
    let text = std::fs::read_to_string(scene.path().join("main.align")).expect("the program");
    let on = |device: &str| {
        let line = format!("    device = {device}\n    loss   = denoise()");
        text.replacen("    loss   = denoise()", &line, 1)
    };
    scene.write(&on("cpu"));
    let (code, events) = scene.start(&[]).finish();
    assert_eq!(code, 0, "{events:?}");
    assert!(of_kind(&events, "started").is_empty(), "{events:?}");
    scene.write(&on("cuda"));
    let refused = scene.run(&[]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(
        refused.err.contains("A8003") && refused.err.contains("`base` computes on `cuda`"),
        "{}",
        refused.err
    );
}

/// A binary with libtorch, which the default build is not: `ALIGN_TEST_LIBTORCH` names one.
fn libtorch() -> Option<String> {
    std::env::var("ALIGN_TEST_LIBTORCH").ok()
}

#[test]
fn libtorch_trains_under_keys_of_its_own_and_needs_no_variable() {
    let Some(binary) = libtorch() else {
        println!(
            "left out: training by libtorch: no binary that has it (ALIGN_TEST_LIBTORCH names one)"
        );
        return;
    };
    let scene = Scene::new("one.align");
    let call = |command: &str, more: &[&str]| {
        let mut run = Command::new(&binary);
        run.current_dir(scene.path())
            .env_remove("LIBTORCH")
            .env_remove("LD_LIBRARY_PATH")
            .args([command, "main.align"])
            .args(more);
        let done = run.output().expect("it starts");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        done.stdout
    };
    let nodes = |device: &str| -> Vec<Value> {
        call("run", &["--device", device]);
        let text = call("status", &["--json", "--device", device]);
        let document: Value = serde_json::from_slice(&text).expect("JSON");
        document["nodes"].as_array().cloned().expect("nodes")
    };
    let (own, other) = (nodes("cpu"), nodes("libtorch"));
    assert_eq!(other, nodes("libtorch"), "a second run changes nothing");
    for (a, b) in own.iter().zip(&other) {
        assert_eq!((&a["id"], &a["state"]), (&b["id"], &b["state"]));
        // Data is made by no device.
        let data = a["kind"] == "dataset";
        assert_eq!(a["key"] == b["key"], data, "{}", a["id"]);
        if !data {
            let loss = |n: &Value| n["last"]["valid.loss"].as_f64().unwrap_or(f64::NAN);
            let (a, b) = (loss(a), loss(b));
            assert!((a / b - 1.0).abs() < 0.1, "{a} and {b}");
        }
    }
}

/// `one.align` whose first stage says so too.
fn with(lines: &str) -> String {
    let text = include_str!("one.align");
    let said = text.replacen(
        "    loss   = denoise()",
        &format!("{lines}    loss   = denoise()"),
        1,
    );
    assert_ne!(said, text);
    said
}

#[test]
fn a_precision_that_a_device_has_not_is_an_error_before_anything_runs() {
    let scene = Scene::of(&with("    precision = bf16\n    device = cpu\n"));
    let refused = scene.run(&[]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(
        refused.err.contains("A8003") && refused.err.contains("`base` multiplies in `bf16`"),
        "{}",
        refused.err
    );
    assert!(!scene.path().join(".align/nodes").exists());
    // As where the device is the run's.
    scene.write(&with("    precision = bf16\n"));
    let refused = scene.run(&["--device", "cpu"]);
    assert!(refused.err.contains("A8003"), "{}", refused.err);
    // What is there already by name is the same node.
    scene.write(include_str!("one.align"));
    scene.run_well(&["--device", "cpu"]);
    scene.write(&with("    precision = f32\n"));
    let (code, events) = scene.start(&["--device", "cpu"]).finish();
    assert_eq!(code, 0, "{events:?}");
    assert!(of_kind(&events, "started").is_empty(), "{events:?}");
}

#[test]
fn a_precision_has_keys_of_its_own_and_learns() {
    let Some(binary) = libtorch() else {
        println!(
            "left out: training in bf16: no binary that has libtorch (ALIGN_TEST_LIBTORCH names one)"
        );
        return;
    };
    let trained = |precision: &str| -> (Value, Vec<f64>) {
        let scene = Scene::of(&with(&format!("    precision = {precision}\n")));
        let call = |words: &[&str]| {
            let mut run = Command::new(&binary);
            run.current_dir(scene.path()).args(words);
            let done = run
                .args(["--device", "libtorch"])
                .output()
                .expect("it starts");
            let told = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(done.status.success(), "{told}");
            done.stdout
        };
        call(&["run", "main.align", "--until", "base"]);
        let status = call(&["status", "main.align", "--json"]);
        let document: Value = serde_json::from_slice(&status).expect("JSON");
        let base = &document["nodes"][1];
        let points = base["history"]["valid.loss"].as_array().expect("a curve");
        let losses = points.iter().filter_map(|p| p[1].as_f64()).collect();
        (base["key"].clone(), losses)
    };
    let ((of_single, _), (of_half, half)) = (trained("f32"), trained("bf16"));
    assert_ne!(of_single, of_half);
    assert!(half.len() > 1 && half.last() < half.first(), "{half:?}");
}

#[test]
fn a_probe_tells_time_and_memory_of_what_never_ran_and_leaves_nothing() {
    let scene = Scene::new("one.align");
    let ran = align(scene.path(), &["plan", "main.align", "--probe", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let document: Value = serde_json::from_str(&ran.out).expect("JSON");
    for node in document["nodes"].as_array().expect("nodes") {
        let seconds = node["seconds"].as_f64().unwrap_or(-1.0);
        assert!(seconds > 0.0, "{node}");
        let peak = node["peak"].as_u64().unwrap_or(0);
        assert!((1 << 20..1 << 34).contains(&peak), "{node}");
    }
    // What is told is for the whole budget of each.
    assert_eq!(document["nodes"][1]["steps"], 40, "{document}");
    assert_eq!(document["nodes"][2]["steps"], 120, "{document}");
    assert!(!scene.path().join(".align").exists(), "nothing was kept");
    let told = align(scene.path(), &["plan", "main.align", "--probe"]);
    assert!(
        told.out.contains("up to") && told.out.contains("MiB"),
        "{}",
        told.out
    );
}

#[test]
fn a_probe_that_is_interrupted_tells_no_half_of_a_plan_and_leaves_nothing() {
    let scene = Scene::new("one.align");
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let mut probing = command(scene.path(), &["plan", "main.align", "--probe"])
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut told = BufReader::new(probing.stderr.take().expect("a pipe"));
    let mut line = String::new();
    told.read_line(&mut line).expect("a line");
    assert!(line.starts_with("probe: "), "{line}");
    send("INT", probing.id());
    told.read_to_string(&mut line).expect("the rest");
    let done = probing.wait_with_output().expect("it ends");
    assert_eq!(done.status.code(), Some(130), "{line}");
    assert!(line.contains("interrupted"), "{line}");
    assert_eq!(String::from_utf8_lossy(&done.stdout), "");
    let left = std::fs::read_dir(temporary.path()).expect("a folder");
    assert_eq!(left.count(), 0, "the probe's store is gone");
}
