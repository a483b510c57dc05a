//! Pictures of a plan, pinned: a plan made by hand, so that a change of the checker does not hide here.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use align_compiler::graph::{State, States, dot, mermaid, svg, text};
use align_plan::{
    Budget, Field, Gate, Lane, Need, Node, NodeId, NodeKind, Place, Plan, Report, VERSION,
};
use align_schema::{Call, Dim, Effect, Port, Quantity, Value};
use align_tests::{pinned::pinned, root};

fn call(name: &str) -> Value {
    Value::from(Call {
        name: name.to_owned(),
        args: Vec::new(),
    })
}

fn field(name: &str, value: Value) -> (String, Field) {
    let field = Field {
        value,
        effect: Effect::Identity,
        place: Place::default(),
    };
    (name.to_owned(), field)
}

/// One node; needs as `role node.port`.
fn node(
    lane: &str,
    name: &str,
    kind: NodeKind,
    round: u32,
    does: (&str, &str),
    needs: &[&str],
) -> Node {
    let id = |name: &str| NodeId(format!("{lane}/{name}"));
    let need = |text: &&str| {
        let (role, rest) = text.split_once(' ').unwrap();
        let (node, port) = rest.split_once('.').unwrap_or((rest, "data"));
        Need {
            role: role.to_owned(),
            node: id(node),
            port: match port {
                "best" => Port::Best,
                "last" => Port::Last,
                _ => Port::Data,
            },
        }
    };
    let mut fields = BTreeMap::new();
    if !does.0.is_empty() {
        fields.extend([field(does.0, call(does.1))]);
    }
    Node {
        id: id(&if round > 1 {
            format!("{name}#{round}")
        } else {
            name.to_owned()
        }),
        lane: lane.to_owned(),
        name: name.to_owned(),
        round,
        kind,
        needs: needs.iter().map(need).collect(),
        fields,
        seed: 0,
        budget: (kind == NodeKind::Stage).then(|| Budget {
            any: vec![
                Quantity::new(8000.0, Dim::Steps),
                Quantity::new(600.0, Dim::Time),
            ],
            read: false,
        }),
        until: None,
        eval: None,
        keep: None,
        arms: Vec::new(),
        gate: (round > 1).then(|| Gate {
            sequence: id("aligned"),
            round,
        }),
        carry: None,
        place: Place::default(),
    }
}

fn lane_nodes(lane: &str) -> Vec<Node> {
    use NodeKind::{Cascade, Dataset, Sequence, Stage};
    let mut out = vec![
        node(lane, "rollouts", Dataset, 1, ("source", "collect"), &[]),
        node(
            lane,
            "elite",
            Dataset,
            1,
            ("keep", ">="),
            &["data rollouts"],
        ),
        node(lane, "value", Stage, 1, ("loss", "iql"), &["data rollouts"]),
        node(
            lane,
            "pretrain",
            Stage,
            1,
            ("loss", "denoise"),
            &["data rollouts"],
        ),
    ];
    for round in 1..=2 {
        let suffix = if round == 1 {
            String::new()
        } else {
            format!("#{round}")
        };
        let start = if round == 1 {
            "from pretrain.best".to_owned()
        } else {
            "from sft.best".to_owned()
        };
        let same = |text: &str| text.replace('!', &suffix);
        let rl = [
            "data rollouts",
            &start,
            "loss.critic value.best",
            "loss.reference pretrain.best",
        ];
        out.push(node(lane, "rl", Stage, round, ("loss", "ppo"), &rl));
        let pairs = [&same("from rl!.best"), "prefer.critic value.best"];
        out.push(node(
            lane,
            "pairs",
            Dataset,
            round,
            ("prefer", "by_value"),
            &pairs,
        ));
        let dpo = [
            &*same("data pairs!"),
            &same("from rl!.best"),
            &same("loss.reference rl!.best"),
        ];
        out.push(node(
            lane,
            "dpo",
            Stage,
            round,
            ("loss", "diffusion_dpo"),
            &dpo,
        ));
        let sft = ["data elite", &*same("from dpo!.best")];
        out.push(node(lane, "sft", Stage, round, ("loss", "denoise"), &sft));
    }
    out.push(node(
        lane,
        "aligned",
        Sequence,
        1,
        ("", ""),
        &["member.0 sft.best", "member.1 sft#2.best"],
    ));
    let controller = [
        "member.0 pretrain.best",
        "member.1 aligned.best",
        "pick.critic value.best",
    ];
    out.push(node(
        lane,
        "controller",
        Cascade,
        1,
        ("pick", "best_of"),
        &controller,
    ));
    out
}

fn plan(lanes: &[&str]) -> Plan {
    Plan {
        version: VERSION,
        edition: 1,
        file: "study.align".into(),
        lanes: lanes
            .iter()
            .map(|id| Lane {
                id: (*id).to_owned(),
                pipeline: if lanes.len() > 1 {
                    "lane".into()
                } else {
                    String::new()
                },
                sweep: (lanes.len() > 1).then(|| "study".to_owned()),
                axes: Vec::new(),
                seed: 0,
            })
            .collect(),
        nodes: lanes.iter().flat_map(|l| lane_nodes(l)).collect(),
        reports: Vec::<Report>::new(),
        parallel: 0,
        sweeps: Vec::new(),
    }
}

fn states(plan: &Plan) -> States {
    let state = |n: &Node| match (n.name.as_str(), n.round) {
        ("pretrain", _) if n.lane.ends_with("0]") => State::Failed,
        ("rollouts" | "elite" | "value" | "pretrain", _) => State::Done,
        ("rl", 1) => State::Running,
        (_, 2) => State::Skipped,
        _ => State::Waiting,
    };
    plan.nodes
        .iter()
        .map(|n| (n.id.clone(), state(n)))
        .collect()
}

fn pin(name: &str, text: &str) {
    pinned(&root().join("tests/lang/snapshots").join(name), text).unwrap();
}

#[test]
fn a_single_lane_is_drawn_as_pinned() {
    let plan = plan(&["main"]);
    let none = States::new();
    pin("graph.txt", &text(&plan, &none));
    pin("graph.dot", &dot(&plan, &none));
    pin("graph.mmd", &mermaid(&plan, &none));
    pin("graph.svg", &svg(&plan, &none));
}

#[test]
fn lanes_of_one_shape_are_one_drawing_with_counted_states() {
    let plan = plan(&["study[seed=0]", "study[seed=1]", "study[seed=2]"]);
    let states = states(&plan);
    let list = text(&plan, &states);
    assert_eq!(list.matches("pretrain ").count(), 1, "{list}");
    assert!(list.contains("1 of 3 failed"), "{list}");
    pin("graph.states.txt", &list);
    pin("graph.states.mmd", &mermaid(&plan, &states));
    pin("graph.states.svg", &svg(&plan, &states));
}

#[test]
fn every_edge_of_the_plan_is_in_every_picture() {
    let plan = plan(&["main"]);
    let dot = dot(&plan, &States::new());
    // By name: rounds are one node, so that an edge between names is one line.
    let base = |id: &NodeId| id.0.split(['/', '#']).nth(1).unwrap().to_owned();
    let mut wanted: Vec<(String, String)> = plan
        .nodes
        .iter()
        .flat_map(|n| n.needs.iter().map(|e| (base(&e.node), n.name.clone())))
        .collect();
    wanted.sort();
    wanted.dedup();
    let lines = dot.lines().filter(|l| l.contains(" -> ")).count();
    assert_eq!(lines, wanted.len(), "{dot}\n{wanted:?}");
}

/// The program of the specification, checked for real.
#[test]
fn the_specification_is_drawn_as_pinned() {
    struct Disk;
    impl align_compiler::World for Disk {
        fn read(&self, path: &str) -> Result<String, String> {
            std::fs::read_to_string(root().join(path)).map_err(|e| e.to_string())
        }
    }
    let main = "tests/corpus/valid/specification.align";
    let checked = align_compiler::check(&Disk, main, &align_compiler::Options::default());
    let plan = align_compiler::plan(&checked).unwrap();
    let none = States::new();
    pin("graph.specification.txt", &text(&plan, &none));
    pin("graph.specification.svg", &svg(&plan, &none));
}

#[test]
fn an_empty_plan_is_an_empty_picture() {
    let mut plan = plan(&["main"]);
    plan.nodes.clear();
    plan.lanes.clear();
    assert_eq!(text(&plan, &States::new()), "");
    assert!(svg(&plan, &States::new()).ends_with("</svg>\n"));
}
