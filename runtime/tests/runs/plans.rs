//! Plans by hand, as the compiler would write them.

use std::collections::BTreeMap;

use align_plan::{
    Arm, Better, Budget, Carry, Condition, EvalSpec, Field, Gate, KeepRule, KeepSpec, Lane,
    MetricRef, Need, Node, NodeId, NodeKind, Place, Plan, VERSION,
};
use align_schema::{Call, Dim, Effect, Port, Quantity, Value};

pub fn plan(nodes: Vec<Node>) -> Plan {
    let mut lanes: Vec<Lane> = Vec::new();
    for node in &nodes {
        if !lanes.iter().any(|l| l.id == node.lane) {
            lanes.push(Lane {
                id: node.lane.clone(),
                pipeline: String::new(),
                sweep: None,
                axes: Vec::new(),
                seed: node.seed,
            });
        }
    }
    Plan {
        version: VERSION,
        edition: 1,
        file: "toy.align".into(),
        lanes,
        nodes,
        reports: Vec::new(),
        parallel: 0,
        sweeps: Vec::new(),
    }
}

fn node(name: &str, kind: NodeKind) -> Node {
    Node {
        id: NodeId(format!("main/{name}")),
        lane: "main".into(),
        name: name.into(),
        round: 1,
        kind,
        needs: Vec::new(),
        fields: BTreeMap::new(),
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

pub fn steps(n: u64) -> Quantity {
    Quantity::new(n as f64, Dim::Steps)
}

pub fn score() -> MetricRef {
    MetricRef {
        name: "score".into(),
        better: Better::Up,
    }
}

pub fn plateau(improve: f64, patience: u64) -> Condition {
    Condition::Plateau {
        metric: score(),
        improve: Quantity::new(improve, Dim::Score),
        patience,
        warmup: None,
    }
}

/// Small changes to a node, in the order that reads well.
pub trait With: Sized {
    fn field(self, name: &str, value: Value, effect: Effect) -> Self;
    fn need(self, role: &str, name: &str, port: Port) -> Self;
    fn arm(self, arm: Arm) -> Self;
    fn lr(self, lr: f64) -> Self;
    fn budget(self, n: u64) -> Self;
    fn until(self, rule: Condition) -> Self;
    fn every(self, eval: u64, keep: u64) -> Self;
    fn pause(self, ms: i64) -> Self;
    fn round(self, round: u32, sequence: &str) -> Self;
    fn lane(self, lane: &str) -> Self;
}

impl With for Node {
    fn field(mut self, name: &str, value: Value, effect: Effect) -> Self {
        let place = Place::default();
        self.fields.insert(
            name.into(),
            Field {
                value,
                effect,
                place,
            },
        );
        self
    }
    fn need(mut self, role: &str, name: &str, port: Port) -> Self {
        self.needs.push(Need {
            role: role.into(),
            node: NodeId(format!("{}/{name}", self.lane)),
            port,
        });
        self
    }
    fn arm(mut self, arm: Arm) -> Self {
        self.arms.push(arm);
        self
    }
    fn lr(self, lr: f64) -> Self {
        let call = Call {
            name: "sgd".into(),
            args: vec![("lr".into(), Value::Float(lr))],
        };
        self.field("optim", Value::from(call), Effect::Identity)
    }
    fn budget(mut self, n: u64) -> Self {
        self.budget = Some(Budget {
            any: vec![steps(n)],
            read: false,
        });
        self
    }
    fn until(mut self, rule: Condition) -> Self {
        self.until = Some(rule);
        self
    }
    fn every(mut self, eval: u64, keep: u64) -> Self {
        self.eval = Some(EvalSpec {
            every: steps(eval),
            episodes: 5,
        });
        self.keep = Some(KeepSpec {
            every: steps(keep),
            rules: vec![
                KeepRule::Best {
                    metric: "score".into(),
                    better: Better::Up,
                },
                KeepRule::Last(2),
            ],
        });
        self
    }
    fn pause(self, ms: i64) -> Self {
        self.field("pause", Value::Int(ms), Effect::Inert)
    }
    fn round(mut self, round: u32, sequence: &str) -> Self {
        self.round = round;
        self.id = NodeId(format!("{}/{}#{round}", self.lane, self.name));
        self.gate = Some(Gate {
            sequence: NodeId(format!("{}/{sequence}", self.lane)),
            round,
        });
        self
    }
    fn lane(mut self, lane: &str) -> Self {
        self.id = NodeId(self.id.0.replacen(&self.lane, lane, 1));
        for need in &mut self.needs {
            need.node = NodeId(need.node.0.replacen(&self.lane, lane, 1));
        }
        self.lane = lane.into();
        self
    }
}

pub fn data(name: &str, rows: i64) -> Node {
    node(name, NodeKind::Dataset).field("count", Value::Int(rows), Effect::Identity)
}

/// A stage on `rows`: 400 steps, evaluated and kept every 50.
pub fn stage(name: &str) -> Node {
    node(name, NodeKind::Stage)
        .need("data", "rows", Port::Data)
        .lr(0.004)
        .budget(400)
        .every(50, 50)
}

pub fn from(name: &str, base: &str) -> Node {
    stage(name).need("from", base, Port::Best)
}

pub fn cascade(name: &str, a: &str, b: &str) -> Node {
    node(name, NodeKind::Cascade)
        .need("member.0", a, Port::Best)
        .need("member.1", b, Port::Best)
}

/// `name = member`, for as many rounds; later rounds' members are `member#K`.
pub fn sequence(name: &str, member: &str, rounds: u32, rule: Condition) -> Node {
    let mut out = node(name, NodeKind::Sequence).until(rule);
    out.carry = Some(Carry {
        metric: "score".into(),
        better: Better::Up,
        port: Port::Best,
    });
    for k in 0..rounds {
        let id = if k == 0 {
            member.to_owned()
        } else {
            format!("{member}#{}", k + 1)
        };
        out = out.need(&format!("member.{k}"), &id, Port::Best);
    }
    out
}
