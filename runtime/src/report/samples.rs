//! A small plan and its statuses, for the tests of this folder.

use std::collections::BTreeMap;

use align_plan::{Digest, Gate, Lane, Node, NodeId, NodeKind, Place, Plan, VERSION};
use align_runtime_api::{EventRecord, NodeState, NodeStatus, Paths, Profile, Range, Spread};
use align_schema::{Call, Effect, Value};

/// One lane: a dataset, two stages, a sequence of up to two rounds (the second was not needed), a cascade.
pub(super) fn plan() -> Plan {
    let node = |name: &str, kind, round, gate| Node {
        id: NodeId(if round > 1 {
            format!("main/{name}#{round}")
        } else {
            format!("main/{name}")
        }),
        lane: "main".into(),
        name: name.into(),
        round,
        kind,
        needs: Vec::new(),
        fields: BTreeMap::from([(
            "optim".to_owned(),
            align_plan::Field {
                value: Value::from(Call {
                    name: "adamw".into(),
                    args: vec![("lr".into(), Value::Float(2e-4))],
                }),
                effect: Effect::Identity,
                place: Place::default(),
            },
        )]),
        seed: 0,
        budget: None,
        until: None,
        eval: None,
        keep: None,
        arms: Vec::new(),
        gate,
        carry: None,
        place: Place {
            file: "study.align".into(),
            line: 3,
        },
    };
    let second = Some(Gate {
        sequence: NodeId("main/aligned".into()),
        round: 2,
    });
    Plan {
        version: VERSION,
        edition: 1,
        file: "study.align".into(),
        lanes: vec![Lane {
            id: "main".into(),
            pipeline: String::new(),
            sweep: None,
            axes: Vec::new(),
            seed: 0,
        }],
        nodes: vec![
            node("rollouts", NodeKind::Dataset, 1, None),
            node("pretrain", NodeKind::Stage, 1, None),
            node("rl", NodeKind::Stage, 1, None),
            node("rl", NodeKind::Stage, 2, second),
            node("aligned", NodeKind::Sequence, 1, None),
            node("controller", NodeKind::Cascade, 1, None),
        ],
        reports: Vec::new(),
        parallel: 0,
        sweeps: Vec::new(),
    }
}

/// A profile of three episodes in a maze of one corridor.
pub(super) fn profile() -> Profile {
    Profile {
        source: "collect(\"maze\")".into(),
        task: Some("maze".into()),
        episodes: 3,
        steps: 60,
        ended: 1,
        lengths: Spread::of(&[10.0, 20.0, 30.0], 5).unwrap_or_default(),
        returns: Spread::of(&[-1.0, 0.5, 2.0], 3),
        score: Some(12.5),
        observations: vec![Range::default(); 2],
        actions: vec![Range::default()],
        rewards: Some(Range::default()),
        maze: Some(Paths {
            size: [3, 3],
            walls: vec![true, true, true, false, false, false, true, true, true],
            goal: Some([1.0, 2.0]),
            paths: vec![vec![[1.0, 0.0], [1.0, 1.5]]],
        }),
    }
}

/// A status with scores of three episodes about `mean`, `std` apart.
fn status(id: &str, kind: NodeKind, scored: Option<(f64, f64)>) -> NodeStatus {
    let mut best = BTreeMap::new();
    let mut episodes = Vec::new();
    let mut history = BTreeMap::new();
    if let Some((mean, std)) = scored {
        best.insert("score".to_owned(), mean);
        best.insert("spread".to_owned(), std);
        episodes = vec![mean - std, mean, mean + std];
        let rising: Vec<_> = (0..6)
            .map(|i| (i * 2000, mean - 20.0 + 4.0 * i as f64))
            .collect();
        history.insert(
            "spread".to_owned(),
            rising.iter().map(|(s, _)| (*s, std)).collect(),
        );
        history.insert("score".to_owned(), rising);
        let falling = (1..200).map(|i| (i * 50, 1.0 / i as f64));
        history.insert("loss".to_owned(), falling.collect());
        history.insert(
            "valid.loss".to_owned(),
            (1..6).map(|i| (i * 2000, 0.4 / i as f64)).collect(),
        );
    }
    NodeStatus {
        id: NodeId(id.into()),
        kind,
        state: NodeState::Done,
        steps: 12_000,
        best,
        last: BTreeMap::new(),
        stopped_by: None,
        events: Vec::new(),
        outputs: BTreeMap::new(),
        checkpoint: Some(Digest::of(id.as_bytes())),
        key: None,
        seconds: 130.0,
        returns: Vec::new(),
        episodes,
        history,
        note: None,
    }
}

/// Statuses of [`plan`].
pub(super) fn statuses() -> Vec<NodeStatus> {
    let mut data = status("main/rollouts", NodeKind::Dataset, None);
    data.steps = 0;
    data.last.insert("episodes".into(), 500.0);
    let mut pretrain = status("main/pretrain", NodeKind::Stage, Some((52.0, 30.0)));
    pretrain.stopped_by = Some("plateau of score, 5 evals under +1 points".into());
    let mut rl = status("main/rl", NodeKind::Stage, Some((68.0, 20.0)));
    rl.stopped_by = Some("budget of 12k steps".into());
    rl.events.push(EventRecord {
        event: "nan".into(),
        detail: "loss is not finite".into(),
        step: 3000,
        action: "rollback".into(),
        to_step: Some(2000),
        from: None,
        to: None,
        attempt: 1,
    });
    let mut unneeded = status("main/rl#2", NodeKind::Stage, None);
    unneeded.state = NodeState::Skipped;
    unneeded.steps = 0;
    let mut aligned = status("main/aligned", NodeKind::Sequence, Some((68.0, 20.0)));
    aligned.steps = 1;
    aligned.history.clear();
    aligned.stopped_by = Some("plateau of score, 1 round under +1 points".into());
    let mut controller = status("main/controller", NodeKind::Cascade, Some((74.0, 12.0)));
    controller.history.clear();
    vec![data, pretrain, rl, unneeded, aligned, controller]
}

/// A call with these arguments.
pub fn call(name: &str, args: &[(&str, Value)]) -> Value {
    let args = args.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
    Value::from(Call {
        name: name.into(),
        args: args.collect(),
    })
}

/// A bare word.
pub fn name(n: &str) -> Value {
    Value::Name(n.into())
}
