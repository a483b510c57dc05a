//! Does a program about a robot run in the MuJoCo that is there, and say how to get one where none is?

use std::path::PathBuf;

use align_tests::binary::align;
use serde_json::Value;

use crate::scene::Scene;

const PROGRAM: &str = "align 1

dataset rollouts {
    source  = file(\"\", task: \"hopper-v4\", otherwise: collect(\"hopper-v4\", by: linear, noise: 0.1, episodes: 6))
    horizon = 4 steps
}

model policy {
    net     = mlp(width: 16, depth: 1)
    sampler = ddpm(train: 4 denoise_steps)
    replan  = 2 steps
}

model critic { net = twin_q(width: 16, depth: 1) }

stage value trains critic on rollouts { loss = iql(), budget = 20 steps }

stage clone trains policy on rollouts {
    loss   = denoise()
    budget = 40 steps
    eval every 20 steps { episodes = 3 }
}

cascade picked = clone.last {
    pick = best_of(3, critic: value.last)
    eval { episodes = 4, replan = 1 steps }
}
";

/// The folder of the tests' MuJoCo, if there is one.
fn mujoco() -> Option<String> {
    let python = PathBuf::from(std::env::var_os("ALIGN_TEST_PYTHON")?);
    let say =
        "import importlib.util as u; print(u.find_spec('mujoco').submodule_search_locations[0])";
    let out = std::process::Command::new(python)
        .args(["-c", say])
        .output()
        .ok()?;
    let folder = String::from_utf8(out.stdout).ok()?.trim().to_owned();
    (!folder.is_empty()).then_some(folder)
}

#[test]
fn a_robot_is_simulated_and_its_simulator_is_in_every_key() {
    let Some(library) = mujoco() else {
        println!(
            "left out: a run with a robot: no Python with mujoco and gymnasium (`ALIGN_TEST_PYTHON`)"
        );
        return;
    };
    let scene = Scene::of(PROGRAM);
    let with = ["--mujoco", library.as_str()];
    scene.run_well(&with);
    let status = align(
        scene.path(),
        &[&["status", "main.align", "--json"], &with[..]].concat(),
    );
    let all: Value = serde_json::from_str(&status.out).expect("the status is JSON");
    let nodes = all["nodes"].as_array().or(all.as_array()).expect("nodes");
    let picked = nodes
        .iter()
        .find(|n| n["id"].as_str().is_some_and(|id| id.ends_with("picked")))
        .expect("the cascade");
    for list in ["episodes", "returns"] {
        assert_eq!(picked[list].as_array().map(Vec::len), Some(4), "{list}");
    }
    for node in ["rollouts", "clone", "picked"] {
        let why = align(
            scene.path(),
            &[&["why", "main.align", node], &with[..]].concat(),
        );
        assert!(
            why.out.contains("MuJoCo 3."),
            "{node}: {}{}",
            why.out,
            why.err
        );
    }
    let why = align(
        scene.path(),
        &[&["why", "main.align", "value"], &with[..]].concat(),
    );
    assert!(
        !why.out.contains("MuJoCo"),
        "a critic does not act: {}",
        why.out
    );
    // Again: nothing runs.
    let again = scene.run_well(&with);
    assert!(again.out.contains("from the store"), "{}", again.out);
    // With no MuJoCo in sight the run says what to do before anything starts.
    let without = scene.run(&["--mujoco", "nowhere"]);
    assert_eq!(without.code, 3);
    assert!(
        without.err.contains("`nowhere` (asked for)")
            && without.err.contains("pip install mujoco==3.3.7"),
        "{}",
        without.err
    );
}
