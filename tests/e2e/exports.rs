//! What leaves the store, and what stands around a run: exports, saved plans, budgets of the command line.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use align_tests::binary::align;
use serde_json::Value;

use crate::scene::{Scene, of_kind};

/// The program of one stage with a line put into its first stage.
fn one(line: &str) -> String {
    let text = fs::read_to_string(align_tests::root().join("tests/e2e/one.align"));
    let text = text.expect("the program");
    let stage = text.find("stage tuned").expect("a second stage");
    text[..stage].replace(
        "budget = 40 steps",
        &format!("budget = 40 steps\n    {line}"),
    )
}

/// Names and shapes of the tensors in a safetensors file: a length, a JSON header, then the bytes that the header speaks of.
fn tensors(path: &Path) -> BTreeMap<String, Value> {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let length: [u8; 8] = bytes[..8].try_into().expect("eight bytes");
    let end = 8 + u64::from_le_bytes(length) as usize;
    let header: BTreeMap<String, Value> =
        serde_json::from_slice(&bytes[8..end]).expect("a header in JSON");
    let last = header
        .values()
        .filter_map(|t| t["data_offsets"][1].as_u64())
        .max();
    assert_eq!(last, Some((bytes.len() - end) as u64));
    header
}

#[test]
fn an_export_is_there_after_every_run_and_only_ours_is_replaced() {
    let scene = Scene::of(&one("export = \"out/base.safetensors\""));
    let file: PathBuf = scene.path().join("out/base.safetensors");
    let first = scene.run_well(&[]);
    assert!(
        first.err.contains("exported to out/base.safetensors"),
        "{}",
        first.err
    );
    let names = tensors(&file);
    assert!(names.contains_key("final_conv.1.weight"), "{names:?}");
    let bytes = fs::read(&file).expect("the file");

    // From the store alone.
    fs::remove_file(&file).expect("it was there");
    scene.run_well(&[]);
    assert_eq!(fs::read(&file).expect("it is there again"), bytes);

    // Another result of ours replaces it; a person's file stays.
    scene.write(&one("export = \"out/base.safetensors\"\n    batch = 8"));
    scene.run_well(&[]);
    let other = fs::read(&file).expect("the new one");
    assert_ne!(other, bytes);
    fs::write(&file, "mine").expect("a person writes");
    let refused = scene.run(&[]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(
        refused.err.contains("no run of this store wrote"),
        "{}",
        refused.err
    );
    assert_eq!(fs::read_to_string(&file).expect("still there"), "mine");

    // The name is in no key.
    scene.write(&one("export = \"b.safetensors\"\n    batch = 8"));
    let (code, events) = scene.start(&[]).finish();
    assert_eq!(code, 0, "{events:?}");
    assert!(of_kind(&events, "started").is_empty(), "{events:?}");
    assert_eq!(
        fs::read(scene.path().join("b.safetensors")).expect("moved"),
        other
    );
}

#[test]
fn another_program_begins_with_the_weights_that_one_exported() {
    let scene = Scene::of(&one("export = \"base.safetensors\""));
    scene.run_well(&[]);
    // A file that is not there, before anything trains.
    let begun = one("").replace(
        "sampler =",
        "weights = \"begin.safetensors\"\n    sampler =",
    );
    assert_ne!(begun, one(""));
    scene.write(&begun);
    let missing = scene.run(&[]);
    assert_eq!(missing.code, 3, "{}", missing.err);
    let why = "base failed: cannot read `begin.safetensors`";
    assert!(missing.err.contains(why), "{}", missing.err);
    let base = scene.path().join("base.safetensors");
    let begin = scene.path().join("begin.safetensors");
    fs::copy(&base, &begin).expect("a copy");
    let ran = |scene: &Scene| {
        let (code, events) = scene.start(&[]).finish();
        assert_eq!(code, 0, "{events:?}");
        of_kind(&events, "started").len()
    };
    assert_eq!(ran(&scene), 1, "its data is in the store");
    assert_eq!(ran(&scene), 0);
    // Other weights under the same name are another stage.
    let mut bytes = fs::read(&begin).expect("the file");
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&0.5_f32.to_le_bytes());
    fs::write(&begin, bytes).expect("written");
    assert_eq!(ran(&scene), 1);
}

#[test]
fn lanes_and_members_have_files_of_their_own() {
    let text = one("export = \"base.safetensors\"");
    let (head, body) = text.split_once("dataset rollouts").expect("a dataset");
    let text = format!(
        "{head}pipeline lane(seed: Seed) {{\ndataset rollouts{body}\
         cascade both = base.best -> base.last {{\n    export = \"both\"\n    eval {{ episodes = 1 }}\n}}\n}}\n\
         sweep study of lane {{ seed in [3, 4] }}\n"
    );
    let scene = Scene::of(&text);
    scene.run_well(&[]);
    for seed in ["3", "4"] {
        let file = scene.path().join(format!("base-seed={seed}.safetensors"));
        let members = scene.path().join(format!("both-seed={seed}"));
        let base = fs::read(file).expect("the lane's file");
        let first = fs::read(members.join("1-base.safetensors")).expect("its first member");
        assert_eq!(base, first, "both are the best of the stage");
        tensors(&members.join("2-base.safetensors"));
    }
}

#[test]
fn a_saved_plan_does_what_it_says_or_nothing() {
    let text = one("");
    let scene = Scene::of(&text);
    let plan = |args: &[&str]| align(scene.path(), args);
    assert_eq!(plan(&["plan", "main.align", "-o", "p.json"]).code, 0);

    // An edit that means the same is still an edit.
    scene.write(&format!("{text}\n// A comment.\n"));
    let edited = plan(&["run", "p.json"]);
    assert_eq!(edited.code, 1, "{}", edited.err);
    assert!(edited.err.contains("A8005") && edited.err.contains("`main.align` was edited"));
    assert!(
        !scene
            .path()
            .join(".align/nodes")
            .read_dir()
            .is_ok_and(|mut d| d.next().is_some())
    );

    // Put back, it runs; and again, for its own work is no change.
    scene.write(&text);
    for _ in 0..2 {
        let done = plan(&["run", "p.json"]);
        assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    }

    // A result that was to come from the store and is gone.
    assert_eq!(plan(&["plan", "main.align", "-o", "q.json"]).code, 0);
    fs::remove_dir_all(scene.path().join(".align")).expect("the store goes");
    let gone = plan(&["run", "q.json"]);
    assert_eq!(gone.code, 1, "{}", gone.err);
    assert!(
        gone.err.contains("was from the store, and is now new"),
        "{}",
        gone.err
    );

    // What is no saved plan says so.
    fs::write(scene.path().join("r.json"), "{}").expect("written");
    let wrong = plan(&["run", "r.json"]);
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.err.contains("not a plan that can run"),
        "{}",
        wrong.err
    );
}

#[test]
fn a_budget_of_the_command_line_ends_a_run_with_a_checkpoint() {
    let text = one("").replace("budget = 40 steps", "budget = 400k steps");
    let scene = Scene::of(&text.replace("every 20 steps", "every 20k steps"));
    let done = scene.run(&["--budget", "2s", "--json"]);
    assert_eq!(done.code, 130, "{}{}", done.out, done.err);
    assert!(
        done.err.contains("the budget of 2 s is used up"),
        "{}",
        done.err
    );
    let plan = align(scene.path(), &["plan", "main.align", "--json"]);
    let plan: Value = serde_json::from_str(&plan.out).expect("a plan in JSON");
    let base = &plan["nodes"][1];
    assert_eq!(base["action"], "resume", "{plan}");
    assert!(base["seconds"].as_f64().is_some_and(|s| s > 0.0), "{plan}");
    assert!(
        base["memory"].as_u64().is_some_and(|m| m > 10_000),
        "{plan}"
    );
}

#[test]
fn a_store_of_a_newer_tool_is_not_touched() {
    let scene = Scene::of(&one(""));
    let store = scene.path().join(".align");
    fs::create_dir(&store).expect("a folder");
    fs::write(store.join("format"), "7 align 9.1\n").expect("written");
    for command in ["run", "plan", "status", "why"] {
        let more: &[&str] = if command == "why" { &["base"] } else { &[] };
        let done = align(scene.path(), &[&[command, "main.align"], more].concat());
        assert_eq!(done.code, 2, "{command}: {}", done.err);
        assert!(done.err.contains("A8007"), "{command}: {}", done.err);
    }
    let left = fs::read_dir(&store).expect("the store").count();
    assert_eq!(left, 1, "nothing but the format");
}

/// Exports `pretrain` of a program that has run; the result is the exit code and what was said.
fn export(scene: &Scene, more: &[&str]) -> (i32, String) {
    let args = [&["export", "main.align"], more].concat();
    let done = align(scene.path(), &args);
    (done.code, format!("{}{}", done.out, done.err))
}

/// A Python that has torch and safetensors, if there is one.
fn torch() -> Option<String> {
    let named = std::env::var("ALIGN_TEST_TORCH").ok();
    let python = named.unwrap_or_else(|| "python3".to_owned());
    let found = std::process::Command::new(&python)
        .args(["-c", "import torch, safetensors"])
        .output();
    found.is_ok_and(|o| o.status.success()).then_some(python)
}

#[test]
fn a_checkpoint_is_a_folder_that_pytorch_loads() {
    let python = torch();
    for net in [
        "nets/inverse_dynamics",
        "nets/dit1d",
        "nets/ln_resnet",
        "nets/temporal_unet",
        "samplers/dpm_solver",
        "guidance",
    ] {
        let text = align_tests::root().join(format!("stdlib/src/{net}/example.align"));
        let text = fs::read_to_string(text).expect("the example");
        let scene = Scene::of(&text);
        let (code, said) = export(&scene, &["pretrain"]);
        assert_eq!(code, 4, "nothing is there yet: {said}");
        scene.run_well(&[]);
        let nodes: &[&str] = if net == "guidance" {
            &["pretrain", "told"]
        } else {
            &["pretrain"]
        };
        for node in nodes {
            let (code, said) = export(&scene, &[node, "--to", node]);
            assert_eq!(code, 0, "{net}: {said}");
            let folder = scene.path().join(node);
            for file in [
                "config.json",
                "loader.py",
                "networks.py",
                "sampling.py",
                "weights.safetensors",
            ] {
                assert!(folder.join(file).is_file(), "{net}: no {file}: {said}");
            }
            // Once more is the same; a stranger's file stays.
            assert_eq!(export(&scene, &[node, "--to", node]).0, 0);
            if let Some(python) = &python {
                let out = std::process::Command::new(python)
                    .arg(folder.join("loader.py"))
                    .output()
                    .expect("python");
                let text = String::from_utf8_lossy(&out.stderr).into_owned();
                assert!(out.status.success(), "{net}: {text}");
                // What Python leaves behind is nobody's.
                assert_eq!(export(&scene, &[node, "--to", node]).0, 0);
            }
            fs::write(folder.join("config.json"), "{}").expect("a file");
            let (code, said) = export(&scene, &[node, "--to", node]);
            assert!(code == 2 && said.contains("is no empty folder"), "{said}");
        }
        let (code, said) = export(&scene, &["pretrane"]);
        assert!(code == 2 && said.contains("no node is called"), "{said}");
    }
    if python.is_none() {
        println!(
            "left out: exported folders loaded by PyTorch: no torch here (ALIGN_TEST_TORCH names a Python that has it)"
        );
    }
}
