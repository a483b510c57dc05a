//! Minari and LeRobot sets: what their own packages wrote, and every way in which a set can be unusable.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::*;
use crate::envs::task;
use crate::exec::data::read::{Foreign, Place};

pub(super) fn fixtures() -> PathBuf {
    PathBuf::from("../tests/fixtures")
}

pub(super) fn minari(folder: PathBuf) -> Foreign {
    Foreign {
        place: Place::Minari(folder),
        task: None,
        rewards: true,
    }
}

pub(super) fn lerobot(folder: PathBuf, rewards: bool) -> Foreign {
    Foreign {
        place: Place::Lerobot(folder),
        task: None,
        rewards,
    }
}

fn load(foreign: &Foreign) -> Result<Rollouts, JobError> {
    foreign.check()?;
    foreign.read(&mut |_| ())
}

/// What numpy found.
fn known(name: &str) -> Value {
    let text = std::fs::read_to_string(fixtures().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn sum(values: &[f32]) -> f64 {
    values.iter().map(|x| f64::from(*x)).sum()
}

fn offsets(lengths: &Value) -> Vec<usize> {
    let lengths = lengths.as_array().unwrap().iter();
    let mut out = vec![0];
    for n in lengths {
        out.push(out.last().unwrap() + n.as_u64().unwrap() as usize);
    }
    out
}

#[track_caller]
fn same(rollouts: &Rollouts, known: &Value) {
    for (name, found) in [
        ("observations", sum(&rollouts.observations)),
        ("actions", sum(&rollouts.actions)),
        ("rewards", sum(&rollouts.rewards)),
    ] {
        let wanted = known[name].as_f64().unwrap();
        assert!(
            (found - wanted).abs() < 1e-9,
            "{name}: {found} and {wanted}"
        );
    }
}

/// A copy of a set that a test may spoil.
pub(super) fn copied(from: &Path) -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let (path, target) = {
                let entry = entry.unwrap();
                (entry.path(), to.join(entry.file_name()))
            };
            if path.is_dir() {
                copy(&path, &target);
            } else {
                std::fs::copy(&path, &target).unwrap();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    copy(from, folder.path());
    folder
}

#[track_caller]
fn says(foreign: &Foreign, wanted: &[&str]) {
    let error = load(foreign).unwrap_err();
    assert!(matches!(error, JobError::Data(_)), "{error}");
    let text = error.to_string();
    assert!(wanted.iter().all(|w| text.contains(w)), "{text}");
}

/// Changes a file as text.
fn edit(path: &Path, change: impl Fn(&str) -> String) {
    let text = std::fs::read_to_string(path).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed);
    std::fs::write(path, changed).unwrap();
}

#[test]
fn every_storage_of_minari_gives_the_same_episodes() {
    let known = known("minari/sums.json");
    for set in ["hopper", "maze"] {
        let mut all = Vec::new();
        for storage in ["hdf5", "arrow", "parquet"] {
            let name = format!("{set}/{storage}-v0");
            let foreign = minari(fixtures().join("minari/sets").join(&name));
            let rollouts = load(&foreign).unwrap();
            same(&rollouts, &known[&name]);
            assert_eq!(
                rollouts.offsets,
                offsets(&known[&name]["lengths"]),
                "{name}"
            );
            for (e, terminated) in known[&name]["terminated"]
                .as_array()
                .unwrap()
                .iter()
                .enumerate()
            {
                let last = rollouts.range(e).end - 1;
                let ends = (rollouts.terminals[last], rollouts.timeouts[last]);
                let terminated = terminated.as_bool().unwrap();
                assert_eq!(ends, (terminated, !terminated), "{name}, episode {e}");
            }
            assert!(foreign.files().len() > 1);
            all.push(rollouts);
        }
        assert!(all[0] == all[1] && all[1] == all[2], "{set}");
        let sizes = (all[0].obs, all[0].act);
        // Of the maze's dictionary only the state is read, not the goals.
        assert_eq!(sizes, if set == "maze" { (4, 2) } else { (11, 3) });
    }
}

#[test]
fn a_minari_set_of_an_old_release_has_no_metadata() {
    for set in ["hopper", "maze"] {
        let whole = fixtures().join(format!("minari/sets/{set}/hdf5-v0"));
        let folder = copied(&whole);
        std::fs::remove_file(folder.path().join("data/metadata.json")).unwrap();
        let old = load(&minari(folder.path().into())).unwrap();
        assert_eq!(old, load(&minari(whole)).unwrap());
    }
}

#[test]
fn every_version_of_lerobot_gives_the_same_episodes() {
    let known = known("lerobot/sums.json");
    let read = |name: &str| {
        let foreign = lerobot(fixtures().join("lerobot").join(name), name != "demos");
        let rollouts = load(&foreign).unwrap();
        assert_eq!(rollouts.offsets, offsets(&known["lengths"]));
        rollouts
    };
    let (two, three) = (read("v2"), read("v3"));
    same(&two, &known["v2"]);
    assert_eq!(two, three);
    let last = |e: usize| two.range(e).end - 1;
    assert_eq!(
        [0, 1, 2].map(|e| two.terminals[last(e)]),
        [true, false, true]
    );
    assert_eq!(
        [0, 1, 2].map(|e| two.timeouts[last(e)]),
        [false, true, false]
    );
    let demos = read("demos");
    assert_eq!(
        (demos.observations, sum(&demos.rewards)),
        (two.observations, 0.0)
    );
    says(
        &lerobot(fixtures().join("lerobot/demos"), true),
        &["no column `next.reward`", "rewards: false"],
    );
}

#[test]
fn each_way_in_which_a_minari_set_is_unusable_is_named() {
    let sets = fixtures().join("minari/sets");
    says(
        &minari(sets.join("pole/discrete-v0")),
        &["actions are of the space Discrete", "continuous"],
    );
    says(&minari("/no/such".into()), &["/no/such", "no such set"]);
    let mut other = minari(sets.join("hopper/arrow-v0"));
    other.task = task("walker2d-medium-v2");
    says(&other, &["11", "`walker2d-medium-v2` has 17 and 6"]);
    for storage in ["hdf5", "arrow", "parquet"] {
        let whole = sets.join(format!("hopper/{storage}-v0"));
        let folder = copied(&whole);
        let about = folder.path().join("data/metadata.json");
        edit(&about, |t| {
            t.replace("\"total_steps\": 73", "\"total_steps\": 80")
        });
        says(
            &minari(folder.path().into()),
            &["say 80 steps", "files hold 73"],
        );
        std::fs::write(&about, "{").unwrap();
        says(
            &minari(folder.path().into()),
            &["metadata.json", "not JSON"],
        );
        std::fs::copy(whole.join("data/metadata.json"), &about).unwrap();
        edit(&about, |t| t.replace("[11]", "[64, 64, 3]"));
        says(
            &minari(folder.path().into()),
            &["observations have shape [64, 64, 3]", "row of numbers"],
        );
        std::fs::write(folder.path().join("data/.fetching"), "").unwrap();
        says(&minari(folder.path().into()), &["not fetched to its end"]);
    }
    let folder = copied(&sets.join("hopper/parquet-v0"));
    std::fs::remove_dir_all(folder.path().join("data/1")).unwrap();
    says(
        &minari(folder.path().into()),
        &["say 3 episodes", "files hold 2"],
    );
    let folder = copied(&sets.join("maze/arrow-v0"));
    edit(&folder.path().join("data/metadata.json"), |t| {
        t.replace("\\\"observation\\\": {", "\\\"state\\\": {")
    });
    says(
        &minari(folder.path().into()),
        &["dictionary of `achieved_goal`, `desired_goal`, `state`"],
    );
}

#[test]
fn a_number_that_is_not_finite_is_counted_and_placed() {
    let folder = copied(&fixtures().join("minari/sets/hopper/arrow-v0"));
    let foreign = minari(folder.path().into());
    let rollouts = load(&foreign).unwrap();
    // The second episode's fourth reward, as the file has it: in double precision, on a multiple of eight.
    let start = rollouts.range(1).start;
    let wanted = rollouts.rewards[start + 3];
    let path = folder.path().join("data/1/part-0.arrow");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = (0..bytes.len() - 8)
        .step_by(8)
        .find(|i| {
            let number: [u8; 8] = bytes[*i..i + 8].try_into().unwrap();
            f64::from_le_bytes(number) as f32 == wanted
        })
        .unwrap();
    bytes[at..at + 8].copy_from_slice(&f64::NAN.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    says(
        &foreign,
        &[
            "1 of the numbers in `rewards`",
            &format!("first at step {} (step 3 of episode 1)", start + 3),
        ],
    );
}

#[test]
fn an_episode_without_steps_is_named() {
    let mut builder = hdf5_pure::FileBuilder::new();
    for (e, steps) in [(0, 4u64), (1, 0)] {
        let mut group = builder.create_group(&format!("episode_{e}"));
        for (name, rows, width) in [
            ("observations", steps + 1, Some(2)),
            ("actions", steps, Some(1)),
            ("rewards", steps, None),
            ("terminations", steps, None),
            ("truncations", steps, None),
        ] {
            let shape: Vec<u64> = [rows].into_iter().chain(width).collect();
            let values = vec![0.5f32; shape.iter().product::<u64>() as usize];
            let set = group.create_dataset(name);
            set.with_f32_data(&values).with_shape(&shape);
        }
        builder.add_group(group.finish());
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let path = folder.path().join("data/main_data.hdf5");
    builder.write(&path).unwrap();
    says(&minari(folder.path().into()), &["episode 1 has no steps"]);
}

#[test]
fn each_way_in_which_a_lerobot_set_is_unusable_is_named() {
    let sets = fixtures().join("lerobot");
    says(
        &lerobot("/no/such".into(), true),
        &["/no/such", "no such set"],
    );
    let folder = copied(&sets.join("v2"));
    let file = |n: usize| {
        folder
            .path()
            .join(format!("data/chunk-000/episode_00000{n}.parquet"))
    };
    std::fs::copy(file(0), file(1)).unwrap();
    says(
        &lerobot(folder.path().into(), true),
        &[
            "episode_000001.parquet",
            "episode 0 goes on in another place",
        ],
    );
    std::fs::remove_file(file(1)).unwrap();
    says(
        &lerobot(folder.path().into(), true),
        &["say 3 episodes", "files hold 2"],
    );
    let folder = copied(&sets.join("v3"));
    let info = folder.path().join("meta/info.json");
    edit(&info, |t| {
        t.replace("\"total_frames\": 18", "\"total_frames\": 20")
    });
    says(
        &lerobot(folder.path().into(), true),
        &["say 20 steps", "files hold 18"],
    );
    let mut other = lerobot(sets.join("v3"), true);
    other.task = task("hopper-medium-v2");
    says(&other, &["observations have 4 numbers", "has 11 and 3"]);
}
