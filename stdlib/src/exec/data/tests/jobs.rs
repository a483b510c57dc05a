//! Dataset jobs from node to files: collected, filtered, paired; and what is refused before anything runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use align_plan::{Field, Need, Node, NodeId, NodeKind, Place};
use align_runtime_api::{Files, Job, Made};
use align_schema::{Call, Dim, Effect, Port, Quantity, Ref, Value};

use super::*;

fn node(fields: Vec<(&str, Value)>) -> Node {
    let field = |value| Field {
        value,
        effect: Effect::Identity,
        place: Place::default(),
    };
    Node {
        id: NodeId("main/data".into()),
        lane: "main".into(),
        name: "data".into(),
        round: 1,
        kind: NodeKind::Dataset,
        needs: Vec::new(),
        fields: fields
            .into_iter()
            .map(|(n, v)| (n.to_owned(), field(v)))
            .collect(),
        seed: 0,
        budget: None,
        until: None,
        eval: None,
        keep: None,
        arms: Vec::new(),
        gate: None,
        carry: None,
        place: Place::default(),
    }
}

/// Runs a dataset job on earlier artifacts: (role, files).
fn run(fields: Vec<(&str, Value)>, needs: &[(&str, &Files)]) -> Result<Made, JobError> {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(fields);
    let mut inputs = Vec::new();
    for (i, (role, files)) in needs.iter().enumerate() {
        let need = Need {
            role: (*role).into(),
            node: NodeId(format!("main/{i}")),
            port: Port::Data,
        };
        let mut paths = BTreeMap::<String, PathBuf>::new();
        for (name, bytes) in *files {
            let path = folder.path().join(format!("{i}-{name}"));
            std::fs::write(&path, bytes).unwrap();
            paths.insert(name.clone(), path);
        }
        node.needs.push(need.clone());
        inputs.push(Input {
            need,
            kind: NodeKind::Stage,
            digest: Digest("d".into()),
            files: paths,
            metrics: BTreeMap::new(),
        });
    }
    let job = Job {
        key: key("job"),
        node,
        inputs,
        numeric: "cpu-f32".into(),
        device: "cpu".into(),
        simulator: None,
    };
    make(&job, &Known, &mut |_, _| ())
}

fn call(name: &str, args: &[(&str, Value)]) -> Value {
    Value::from(Call {
        name: name.into(),
        args: args
            .iter()
            .map(|(n, v)| ((*n).to_owned(), v.clone()))
            .collect(),
    })
}

fn steps(n: f64) -> Value {
    Value::Quantity(Quantity::new(n, Dim::Steps))
}

fn collected(horizon: f64, episodes: i64) -> Vec<(&'static str, Value)> {
    let source = call(
        "collect",
        &[
            ("task", Value::Str("maze2d-umaze-v1".into())),
            ("by", Value::Name("waypoint".into())),
            ("episodes", Value::Int(episodes)),
            ("ends", Value::Name("limit".into())),
            ("noise", Value::Float(0.0)),
        ],
    );
    vec![
        ("source", source),
        ("horizon", steps(horizon)),
        ("stride", steps(4.0)),
    ]
}

fn prefer(name: &str, margin: Value) -> Value {
    let mut args = vec![("margin", margin), ("candidates", Value::Int(4))];
    if name == "by_value" {
        args.insert(0, ("critic", Value::Ref(Ref { need: 1 })));
    }
    call(name, &args)
}

fn share(x: f64) -> Value {
    Value::Quantity(Quantity::new(x, Dim::Share))
}

fn on_disk<T>(made: &Made, load: impl Fn(&BTreeMap<String, PathBuf>) -> Result<T, JobError>) -> T {
    let folder = tempfile::tempdir().unwrap();
    let paths: BTreeMap<String, PathBuf> = made
        .files
        .iter()
        .map(|(name, bytes)| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            (name.clone(), path)
        })
        .collect();
    load(&paths).unwrap()
}

#[test]
fn demonstrations_have_no_return_to_show() {
    let shown = |rewards: bool| {
        let path = Value::Str("../tests/fixtures/d4rl/small.hdf5".into());
        let args = [
            ("path", path),
            ("task", Value::Str("hopper-medium-v2".into())),
            ("rewards", Value::Bool(rewards)),
        ];
        let fields = vec![("source", call("file", &args)), ("horizon", steps(4.0))];
        let made = run(fields, &[]).unwrap();
        let kept = run(Vec::new(), &[("data", &made.files)]).unwrap();
        [made, kept].map(|m| {
            let has = |name: &str| m.metrics.contains_key(name);
            (has("return"), has("score"), has("episodes"))
        })
    };
    assert_eq!(shown(true), [(true, true, true); 2]);
    assert_eq!(shown(false), [(false, false, true); 2]);
}

#[test]
fn a_collected_dataset_is_the_same_each_time_and_is_filtered_by_another_job() {
    let made = run(collected(32.0, 20), &[]).unwrap();
    assert_eq!(made.files, run(collected(32.0, 20), &[]).unwrap().files);
    assert_eq!(
        (
            made.metrics["episodes"],
            made.metrics["transitions"],
            made.metrics["valid.episodes"]
        ),
        (20.0, 6000.0, 2.0)
    );
    let data = on_disk(&made, Dataset::load);
    assert_eq!(
        (data.meta.horizon, data.meta.stride, data.meta.goal.clone()),
        (32, 4, Some(vec![1.0, 1.0, 0.0, 0.0]))
    );
    let above = call(
        ">=",
        &[
            ("left", Value::Name("score".into())),
            ("right", call("percentile", &[("share", share(0.8))])),
        ],
    );
    let elite = run(vec![("keep", above)], &[("data", &made.files)]).unwrap();
    assert!(
        (4.0..=5.0).contains(&elite.metrics["episodes"]),
        "a fifth, or a tie more"
    );
    assert!(elite.metrics["score"] > made.metrics["score"]);
    assert_eq!(
        on_disk(&elite, Dataset::load).meta.normaliser,
        data.meta.normaliser
    );
}

#[test]
fn a_window_longer_than_every_episode_is_refused_with_the_numbers() {
    let error = run(collected(80.0, 2), &[]).unwrap_err().to_string();
    assert!(
        error.contains("spans 317") && error.contains("has 300"),
        "{error}"
    );
}

#[test]
fn a_filter_that_leaves_nothing_or_nothing_long_enough_is_refused() {
    let file = |horizon: f64| {
        let path = Value::Str("../tests/fixtures/d4rl/small.hdf5".into());
        let source = call("file", &[("path", path)]);
        run(vec![("source", source), ("horizon", steps(horizon))], &[]).unwrap()
    };
    let refused = |data: &Made, cmp: &str, steps: i64| {
        let args = [
            ("left", Value::Name("length".into())),
            ("right", Value::Int(steps)),
        ];
        let keep = vec![("keep", call(cmp, &args))];
        run(keep, &[("data", &data.files)]).unwrap_err().to_string()
    };
    // Its episodes have 40, 30 and 10 steps.
    let error = refused(&file(32.0), "<=", 35);
    assert!(
        error.contains("spans 32") && error.contains("longest of 2 episodes has 30"),
        "{error}"
    );
    let error = refused(&file(8.0), ">=", 41);
    assert!(error.contains("keeps none of 3 episodes"), "{error}");
}

#[test]
fn pairs_of_a_model_prefer_what_reached_the_goal() {
    let data = run(collected(32.0, 10), &[]).unwrap();
    let fields = |margin| {
        vec![
            ("prefer", prefer("by_return", margin)),
            ("count", Value::Quantity(Quantity::new(100.0, Dim::Pairs))),
        ]
    };
    let made = run(fields(share(0.05)), &[("from", &data.files)]).unwrap();
    assert_eq!(
        made.files,
        run(fields(share(0.05)), &[("from", &data.files)])
            .unwrap()
            .files
    );
    let pairs = on_disk(&made, Pairs::load);
    assert_eq!((pairs.len(), made.metrics["pairs"]), (100, 100.0));
    assert!(pairs.values.iter().all(|(w, l)| w > l));
    assert_eq!(pairs.part(Part::Valid).len(), 10);
    // Both trajectories begin at one state; winners end at the goal (but for starts too far away), losers where they began.
    let (mut winners, mut losers) = pairs.batch(&(0..100).collect::<Vec<_>>());
    pairs.meta.normaliser.invert(&mut winners);
    pairs.meta.normaliser.invert(&mut losers);
    let state = |plan: &[f32], point: usize| [plan[point * 6 + 2], plan[point * 6 + 3]];
    let near = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).hypot(a[1] - b[1]) < 0.6;
    let (mut arrived, mut stayed) = (0, 0);
    for (winner, loser) in winners.chunks(192).zip(losers.chunks(192)) {
        assert_eq!(state(winner, 0), state(loser, 0));
        arrived += usize::from(near(state(winner, 31), [1.0, 1.0]));
        stayed += usize::from(near(state(loser, 31), state(loser, 0)));
    }
    assert!(
        arrived > 60 && stayed > 90,
        "{arrived} arrived, {stayed} stayed"
    );
    let score = Value::Quantity(Quantity::new(500.0, Dim::Score));
    let error = run(fields(score), &[("from", &data.files)])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no pair is left: 512 starts with 4 candidates") && error.contains("690."),
        "{error}"
    );
}

#[test]
fn pairs_by_value_follow_the_critic() {
    let data = run(collected(32.0, 10), &[]).unwrap();
    let fields = vec![
        ("prefer", prefer("by_value", share(0.05))),
        ("count", Value::Quantity(Quantity::new(30.0, Dim::Pairs))),
    ];
    let made = run(
        fields,
        &[("from", &data.files), ("prefer.critic", &data.files)],
    )
    .unwrap();
    let pairs = on_disk(&made, Pairs::load);
    // This critic values a plan by where it ends along x.
    let (mut winners, mut losers) = pairs.batch(&(0..30).collect::<Vec<_>>());
    pairs.meta.normaliser.invert(&mut winners);
    pairs.meta.normaliser.invert(&mut losers);
    for ((winner, loser), (w, l)) in winners
        .chunks(192)
        .zip(losers.chunks(192))
        .zip(&pairs.values)
    {
        assert!(winner[188] > loser[188] && w > l);
    }
}

#[test]
fn pairs_of_data_alone_match_starts_and_rank_by_what_followed() {
    let data = run(collected(16.0, 60), &[]).unwrap();
    let fields = vec![
        ("prefer", prefer("by_return", share(0.1))),
        ("count", Value::Quantity(Quantity::new(50.0, Dim::Pairs))),
    ];
    let made = run(fields, &[("data", &data.files)]).unwrap();
    let pairs = on_disk(&made, Pairs::load);
    assert_eq!((pairs.len(), pairs.meta.horizon), (50, 16));
    assert!(made.metrics["winner"] > made.metrics["loser"] + made.metrics["margin"]);
    let (mut winners, mut losers) = pairs.batch(&(0..50).collect::<Vec<_>>());
    pairs.meta.normaliser.invert(&mut winners);
    pairs.meta.normaliser.invert(&mut losers);
    let far = winners
        .chunks(96)
        .zip(losers.chunks(96))
        .filter(|(w, l)| (w[2] - l[2]).hypot(w[3] - l[3]) > 0.5)
        .count();
    assert!(far < 5, "{far} of 50 pairs begin apart");
}

#[test]
fn what_cannot_work_is_known_before_anything_runs() {
    let source = |value| node(vec![("source", value)]);
    let file = |path: &str| call("file", &[("path", Value::Str(path.into()))]);
    let text = preflight(&source(file("/no/such.hdf5"))).unwrap_err();
    assert!(
        text.contains("/no/such.hdf5") && text.contains("no such file"),
        "{text}"
    );
    let good = "../tests/fixtures/d4rl/small.hdf5";
    assert_eq!(preflight(&source(file(good))), Ok(()));
    assert_eq!(sources(&source(file(good))), [PathBuf::from(good)]);
    assert_eq!(preflight(&node(collected(32.0, 5))), Ok(()));
    assert!(sources(&node(collected(32.0, 5))).is_empty());
    let collect = |task: &str, by: &str| {
        let args = [
            ("task", Value::Str(task.into())),
            ("by", Value::Name(by.into())),
            ("episodes", Value::Int(1)),
        ];
        let rest = [
            ("ends", Value::Name("limit".into())),
            ("noise", Value::Float(0.0)),
        ];
        source(call(
            "collect",
            &[args.as_slice(), rest.as_slice()].concat(),
        ))
    };
    assert!(preflight(&collect("hopper-medium-v2", "uniform")).is_ok());
    assert!(
        preflight(&collect("walker2d-v4", "linear"))
            .unwrap_err()
            .contains("only for `hopper-*`")
    );
    assert!(
        preflight(&collect("pendulum", "waypoint"))
            .unwrap_err()
            .contains("Maze2D only")
    );
    // D4RL's names of files.
    let cached = sources(&source(call(
        "d4rl",
        &[("task", Value::Str("hopper-medium-replay-v2".into()))],
    )));
    assert!(
        cached[0].ends_with("hopper_medium_replay-v2.hdf5"),
        "{cached:?}"
    );
    let cached = sources(&source(call(
        "d4rl",
        &[("task", Value::Str("maze2d-umaze-v1".into()))],
    )));
    assert!(
        cached[0].ends_with("maze2d-umaze-sparse-v1.hdf5"),
        "{cached:?}"
    );
}

/// What a report shows of collected data: every step is in a range, ways stay out of walls, the score is the task's.
#[test]
fn a_profile_says_what_is_in_the_data() {
    for task in ["maze2d-umaze-v1", "pointmaze-umaze-v3"] {
        let mut by = Collector::Waypoint { one_goal: false };
        let made = collect(task, &mut by, 12, 0.0, &key(task), &mut |_, _| ()).unwrap();
        let known = crate::envs::task(task);
        let profile = profile_of(&made, known, true, "test");
        assert_eq!((profile.episodes, profile.steps), (12, 12 * 300));
        assert_eq!(profile.ended, 0);
        let returns = profile.returns.as_ref().unwrap();
        assert_eq!(returns.bins.iter().sum::<usize>(), 12);
        let mean = (0..12).map(|e| made.ret(e)).sum::<f64>() / 12.0;
        assert!((profile.score.unwrap() - known.unwrap().score(mean)).abs() < 1e-9);
        let furthest = made.observations.iter().step_by(4).copied();
        let furthest = furthest.fold(f32::NEG_INFINITY, f32::max);
        assert_eq!(profile.observations[0].max, f64::from(furthest));
        let maze = profile.maze.unwrap();
        assert_eq!((maze.size, maze.paths.len()), ([5, 5], 12));
        assert_eq!(maze.goal.is_some(), task.starts_with("maze2d"));
        for [row, column] in maze.paths.iter().flatten() {
            let cell = row.round() as usize * 5 + column.round() as usize;
            assert!(
                !maze.walls[cell],
                "{task}: a way through a wall at {row}, {column}"
            );
        }
    }
}
