//! The graph of a plan as a picture: text, DOT, Mermaid and SVG.
//!
//! What is drawn is the program that a person wrote: lanes of one shape are one drawing, and the rounds of a sequence are one
//! set of nodes with a dashed edge back.  Every output is a pure function of plan and states.  Must not change a plan.

mod dot;
mod layout;
mod mermaid;
mod svg;
mod text;

use std::collections::BTreeMap;

use align_plan::{Need, Node, NodeId, NodeKind, Plan};
use align_schema::{Port, Value};

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;
pub use text::text;

/// Where a node stands in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Not started.
    Waiting,
    /// A worker is at it.
    Running,
    /// Its result is in the store.
    Done,
    /// Given up.
    Failed,
    /// Not needed, or not possible.
    Skipped,
}

impl State {
    /// As `align status --json` writes it.
    pub fn word(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Running => "running",
            State::Done => "done",
            State::Failed => "failed",
            State::Skipped => "skipped",
        }
    }
    /// The state of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        use State::{Done, Failed, Running, Skipped, Waiting};
        let all = [Waiting, Running, Done, Failed, Skipped];
        all.into_iter().find(|s| s.word() == word)
    }
}

/// States of some or all nodes.
pub type States = BTreeMap<NodeId, State>;

/// What an edge carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Flow {
    /// Data to learn from.
    Data,
    /// Weights to start from, or a member of a sequence or cascade.
    Weights,
    /// A checkpoint that is only looked at: a critic, a reference.
    Aside,
    /// From one round of a sequence to the next.
    Again,
}

/// A node of the drawing.
#[derive(Clone, Debug)]
struct Spot {
    name: String,
    kind: NodeKind,
    /// What it does, such as `ppo` or `collect`.
    does: String,
    /// How long at most, such as `8k steps`.
    limit: String,
    /// The state over all lanes and rounds, with a word for people.
    state: Option<(State, String)>,
}

/// An edge of the drawing.
#[derive(Clone, Debug)]
struct Line {
    from: usize,
    to: usize,
    flow: Flow,
    /// `.best`, `.last`; empty for data.
    port: String,
    /// What the target uses it for, such as `critic`; empty when the kind of edge says it.
    uses: Vec<String>,
}

/// One drawing: every lane of one shape.
#[derive(Clone, Debug)]
struct Drawing {
    title: String,
    spots: Vec<Spot>,
    lines: Vec<Line>,
}

/// The word for a kind.
fn kind_word(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Dataset => "dataset",
        NodeKind::Stage => "stage",
        NodeKind::Sequence => "sequence",
        NodeKind::Cascade => "cascade",
    }
}

/// Groups the lanes by shape and draws each shape once.
fn drawings(plan: &Plan, states: &States) -> Vec<Drawing> {
    let mut by_lane: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
    for node in &plan.nodes {
        by_lane.entry(&node.lane).or_default().push(node);
    }
    let mut groups: Vec<(Vec<String>, Vec<&str>)> = Vec::new();
    for lane in &plan.lanes {
        let shape = shape(
            lane,
            by_lane.get(lane.id.as_str()).map_or(&[], Vec::as_slice),
        );
        match groups.iter_mut().find(|(s, _)| *s == shape) {
            Some((_, lanes)) => lanes.push(&lane.id),
            None => groups.push((shape, vec![&lane.id])),
        }
    }
    let groups = groups.into_iter();
    groups
        .map(|(_, lanes)| drawing(plan, &by_lane, &lanes, states))
        .filter(|d| !d.spots.is_empty())
        .collect()
}

fn shape(lane: &align_plan::Lane, nodes: &[&Node]) -> Vec<String> {
    let mut out = vec![format!("{:?} {}", lane.sweep, lane.pipeline)];
    for n in nodes {
        let needs: Vec<_> = n.needs.iter().map(|e| (base(&e.node), &e.role)).collect();
        out.push(format!("{} {} {:?} {needs:?}", n.name, n.round, n.kind));
    }
    out
}

/// Name of a node without its lane and its round.
fn base(id: &NodeId) -> &str {
    let name = id.0.rsplit('/').next().unwrap_or(&id.0);
    name.split('#').next().unwrap_or(name)
}

fn drawing(
    plan: &Plan,
    by_lane: &BTreeMap<&str, Vec<&Node>>,
    lanes: &[&str],
    states: &States,
) -> Drawing {
    let all: BTreeMap<&NodeId, &Node> = plan.nodes.iter().map(|n| (&n.id, n)).collect();
    let mut spots: Vec<Spot> = Vec::new();
    let mut seen: Vec<Vec<State>> = Vec::new();
    let mut lines: Vec<Line> = Vec::new();
    let nodes = || lanes.iter().filter_map(|l| by_lane.get(l)).flatten();
    for node in nodes() {
        let at = spots.iter().position(|s| s.name == node.name);
        let at = at.unwrap_or_else(|| {
            spots.push(spot(node));
            seen.push(Vec::new());
            spots.len() - 1
        });
        if let Some(list) = seen.get_mut(at) {
            list.extend(states.get(&node.id));
        }
    }
    for node in nodes() {
        let Some(to) = spots.iter().position(|s| s.name == node.name) else {
            continue;
        };
        for need in &node.needs {
            let name = all
                .get(&need.node)
                .map_or(base(&need.node), |n| n.name.as_str());
            let round = all.get(&need.node).map_or(node.round, |n| n.round);
            if let Some(from) = spots.iter().position(|s| s.name == name) {
                add(&mut lines, from, to, need, round < node.round);
            }
        }
    }
    // An edge of a later round that the first round has as a plain one (its critic, its data) is drawn once.
    let plain: Vec<_> = lines
        .iter()
        .filter(|l| l.flow != Flow::Again)
        .map(|l| (l.from, l.to))
        .collect();
    lines.retain(|l| l.flow != Flow::Again || !plain.contains(&(l.from, l.to)) && l.from != l.to);
    for (spot, list) in spots.iter_mut().zip(&seen) {
        spot.state = together(list);
    }
    Drawing {
        title: title(plan, lanes),
        spots,
        lines,
    }
}

fn add(lines: &mut Vec<Line>, from: usize, to: usize, need: &Need, again: bool) {
    let flow = match need.role.as_str() {
        _ if again && need.role == "from" => Flow::Again,
        "data" => Flow::Data,
        "from" => Flow::Weights,
        role if role.starts_with("member.") => Flow::Weights,
        _ => Flow::Aside,
    };
    let uses = match flow {
        Flow::Aside => need.role.rsplit('.').next().unwrap_or("").to_owned(),
        _ => String::new(),
    };
    let port = match need.port {
        Port::Data => String::new(),
        ref other => format!(".{other}"),
    };
    let same =
        |l: &&mut Line| l.from == from && l.to == to && (l.flow == Flow::Again) == again_of(flow);
    match lines.iter_mut().find(same) {
        Some(line) => {
            line.flow = line.flow.min(flow);
            if !uses.is_empty() && !line.uses.contains(&uses) {
                line.uses.push(uses);
            }
        }
        None => lines.push(Line {
            from,
            to,
            flow,
            port,
            uses: Some(uses).filter(|u| !u.is_empty()).into_iter().collect(),
        }),
    }
}

fn again_of(flow: Flow) -> bool {
    flow == Flow::Again
}

fn spot(node: &Node) -> Spot {
    let call = |field: &str| match node.value(field) {
        Some(Value::Call(call)) => Some(call.name.clone()),
        _ => None,
    };
    let rounds = node
        .needs
        .iter()
        .filter(|n| n.role.starts_with("member."))
        .count();
    let does = match node.kind {
        NodeKind::Dataset => call("source")
            .or_else(|| call("prefer"))
            .or_else(|| call("keep").map(|name| if name == "top" { name } else { "keep".into() })),
        NodeKind::Stage => call("loss"),
        NodeKind::Sequence => None,
        NodeKind::Cascade => {
            let parts: Vec<_> = [call("join"), call("pick")].into_iter().flatten().collect();
            Some(parts.join(", ")).filter(|p| !p.is_empty())
        }
    };
    let limit = match node.kind {
        NodeKind::Sequence if rounds == 1 => "1 round".to_owned(),
        NodeKind::Sequence => format!("{rounds} rounds"),
        _ => node.budget.as_ref().map_or(String::new(), |b| {
            let limits: Vec<String> = b.any.iter().map(ToString::to_string).collect();
            limits.join(" or ")
        }),
    };
    Spot {
        name: node.name.clone(),
        kind: node.kind,
        does: does.unwrap_or_default(),
        limit,
        state: None,
    }
}

/// One state for many: what needs attention first; rounds that were not needed do not count beside others.
fn together(list: &[State]) -> Option<(State, String)> {
    let counted: Vec<State> = if list.iter().all(|s| *s == State::Skipped) {
        list.to_vec()
    } else {
        list.iter()
            .copied()
            .filter(|s| *s != State::Skipped)
            .collect()
    };
    let order = [
        State::Failed,
        State::Running,
        State::Waiting,
        State::Done,
        State::Skipped,
    ];
    let state = order.into_iter().find(|s| counted.contains(s))?;
    let same = counted.iter().filter(|s| **s == state).count();
    let word = if same == counted.len() {
        state.word().to_owned()
    } else {
        format!("{same} of {} {}", counted.len(), state.word())
    };
    Some((state, word))
}

fn title(plan: &Plan, lanes: &[&str]) -> String {
    let Some(lane) = plan
        .lanes
        .iter()
        .find(|l| Some(&l.id.as_str()) == lanes.first())
    else {
        return String::new();
    };
    match (&lane.sweep, lanes.len()) {
        (Some(sweep), n) => format!(
            "{sweep} of {}: {n} lane{}",
            lane.pipeline,
            if n == 1 { "" } else { "s" }
        ),
        (None, _) if lane.pipeline.is_empty() => plan.file.clone(),
        (None, _) => format!("{} of {}", lane.pipeline, plan.file),
    }
}
