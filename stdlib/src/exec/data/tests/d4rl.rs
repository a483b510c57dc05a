//! D4RL's layout: a file that h5py wrote, files that cannot be used, and the project's larger files where they are.

use std::path::{Path, PathBuf};

use hdf5_pure::FileBuilder;

use super::*;
use crate::envs::{Task, task};
use crate::exec::data::read::d4rl::Source;

fn fixture() -> PathBuf {
    PathBuf::from("../tests/fixtures/d4rl/small.hdf5")
}

fn hopper() -> Option<&'static Task> {
    task("hopper-medium-v2")
}

fn load(path: &Path, task: Option<&Task>) -> Result<Rollouts, JobError> {
    Source::open(path, task, true)?.read(task)
}

#[test]
fn a_file_of_h5py_is_read_by_d4rls_rules() {
    let rollouts = load(&fixture(), hopper()).unwrap();
    assert_eq!(rollouts.offsets, [0, 40, 70, 80]);
    assert_eq!((rollouts.obs, rollouts.act), (11, 3));
    let sum = |v: &[f32]| v.iter().map(|x| f64::from(*x)).sum::<f64>();
    // Sums as numpy gives them.
    assert!((sum(&rollouts.observations) + 86.836_000_464_740_21).abs() < 1e-9);
    assert!((sum(&rollouts.actions) + 1.291_000_326_164_066_8).abs() < 1e-9);
    assert_eq!(
        (rollouts.ret(2), rollouts.observation(0)[1]),
        (745.0, 0.299)
    );
    assert!(rollouts.terminals[39] && !rollouts.timeouts[39]);
    assert!(
        rollouts.timeouts[69] && rollouts.timeouts[79],
        "the end of the file cuts"
    );
}

/// A file with these arrays; what a test needs of them is changed first.
fn written(
    change: impl FnOnce(&mut Vec<(&'static str, Vec<u64>, Vec<f32>)>),
) -> tempfile::NamedTempFile {
    let n = 50;
    let mut arrays = vec![
        (
            "observations",
            vec![n, 11],
            (0..n * 11).map(|x| x as f32).collect(),
        ),
        ("actions", vec![n, 3], vec![0.5; n as usize * 3]),
        ("rewards", vec![n], vec![1.0; n as usize]),
        ("terminals", vec![n], vec![0.0; n as usize]),
    ];
    change(&mut arrays);
    let mut builder = FileBuilder::new();
    for (name, shape, values) in &arrays {
        builder
            .create_dataset(name)
            .with_f32_data(values)
            .with_shape(shape);
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    builder.write(file.path()).unwrap();
    file
}

#[test]
fn without_timeouts_episodes_are_cut_at_the_time_limit() {
    let short = Task {
        max_steps: 20,
        ..*hopper().unwrap()
    };
    let file = written(|a| a[3].2[29] = 1.0);
    // 20 steps, then 10 to the terminal, then 20 again.
    let rollouts = load(file.path(), Some(&short)).unwrap();
    assert_eq!(rollouts.offsets, [0, 20, 30, 50]);
    let ends = |v: &[bool]| (0..50).filter(|t| v[*t]).collect::<Vec<_>>();
    assert_eq!(
        (ends(&rollouts.timeouts), ends(&rollouts.terminals)),
        (vec![19, 49], vec![29])
    );
    assert_eq!(load(file.path(), None).unwrap().offsets, [0, 30, 50]);
}

#[test]
fn each_way_to_be_unusable_is_named() {
    let says = |result: Result<Rollouts, JobError>, wanted: &[&str]| {
        let error = result.unwrap_err();
        assert!(matches!(error, JobError::Data(_)));
        let text = error.to_string();
        assert!(wanted.iter().all(|w| text.contains(w)), "{text}");
    };
    says(
        load(Path::new("/no/such.hdf5"), None),
        &["/no/such.hdf5", "no such file"],
    );
    says(load(&std::env::temp_dir(), None), &["not a file"]);
    let file = written(|a| a[0].2[23] = f32::NAN);
    says(
        load(file.path(), None),
        &["1 of the numbers in `observations`", "first at step 2"],
    );
    let file = written(|a| a[2].2[7..9].fill(f32::INFINITY));
    says(
        load(file.path(), None),
        &["2 of the numbers in `rewards`", "step 7"],
    );
    let file = written(|a| a[1] = ("actions", vec![49, 3], vec![0.0; 147]));
    says(
        load(file.path(), None),
        &["`actions` has 49 rows", "`observations` has 50"],
    );
    let file = written(|a| a[2].1 = vec![25, 2]);
    says(
        load(file.path(), None),
        &["`rewards` has shape [25, 2]", "wanted [steps]"],
    );
    let file = written(|a| a[0].1 = vec![550]);
    says(
        load(file.path(), None),
        &["`observations` has shape [550]", "wanted [steps, numbers]"],
    );
    let file = written(|a| a.truncate(3));
    says(
        load(file.path(), None),
        &["no array `terminals`", "found", "`rewards`"],
    );
    let file = written(|_| ());
    says(
        load(file.path(), task("walker2d-medium-v2")),
        &["11", "`walker2d-medium-v2` has 17 and 6"],
    );
    let file = written(|a| {
        for (_, shape, values) in a.iter_mut() {
            shape[0] = 0;
            values.clear();
        }
    });
    says(load(file.path(), None), &["no data"]);
    let text = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(text.path(), "not hdf5").unwrap();
    says(load(text.path(), None), &["not a whole HDF5 file"]);
}

#[test]
fn a_file_in_pieces_is_read_as_one() {
    let n = 12;
    let mut builder = FileBuilder::new();
    let mut all = builder.create_group("virtual");
    // Ten comes after two.
    for (piece, first) in [("2", 0.0f32), ("10", 12.0)] {
        let mut group = all.create_group(piece);
        let numbers = |w: u64| {
            (0..n * w)
                .map(|x| first + (x / w) as f32)
                .collect::<Vec<f32>>()
        };
        for (name, shape) in [
            ("observations", vec![n, 2]),
            ("actions", vec![n, 1]),
            ("rewards", vec![n]),
            ("terminals", vec![n]),
        ] {
            let values = if name == "terminals" {
                vec![0.0; 12]
            } else {
                numbers(shape.get(1).copied().unwrap_or(1))
            };
            let set = group.create_dataset(name);
            set.with_f32_data(&values).with_shape(&shape);
        }
        let group = group.finish();
        all.add_group(group);
    }
    builder.add_group(all.finish());
    let file = tempfile::NamedTempFile::new().unwrap();
    builder.write(file.path()).unwrap();
    let rollouts = load(file.path(), None).unwrap();
    assert_eq!(rollouts.offsets, [0, 24]);
    let rewards: Vec<f32> = (0..24).map(|x| x as f32).collect();
    assert_eq!(rollouts.rewards, rewards);
    assert_eq!(rollouts.observation(13), [13.0, 13.0]);
}

#[test]
fn the_projects_larger_files_are_read_where_they_are() {
    let beside = PathBuf::from("../../shared/data");
    let Some(folder) = std::env::var_os("ALIGN_SHARED_DATA")
        .map(PathBuf::from)
        .or(beside.is_dir().then_some(beside))
    else {
        return;
    };
    // Each file stops within an episode, which is one more than those its own statistics are of.
    let known = [
        ("hopper-medium", 150_000, 367, 40.6),
        ("hopper-medium-replay", 200_000, 1_241, 14.0),
    ];
    for (name, steps, complete, score) in known {
        let rollouts = load(&folder.join(format!("{name}.hdf5")), hopper()).unwrap();
        assert_eq!(
            (rollouts.len(), rollouts.episodes()),
            (steps, complete + 1),
            "{name}"
        );
        let mean = (0..complete).map(|e| rollouts.ret(e)).sum::<f64>() / complete as f64;
        assert!(
            (hopper().unwrap().score(mean) - score).abs() < 0.1,
            "{name}: {mean}"
        );
    }
}
