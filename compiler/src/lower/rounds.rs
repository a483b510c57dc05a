//! Unrolls sequences: round 1 is the plain nodes, each later round instantiates the members and what lies between them again.

use align_plan::{Gate, Need, Node, NodeId, NodeKind};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::check::Draft;

/// The nodes of one lane with all their rounds.
pub fn unroll(drafts: Vec<Draft>) -> Vec<Node> {
    let mut out: Vec<Node> = Vec::with_capacity(drafts.len());
    let mut sequences = Vec::new();
    for (at, draft) in drafts.into_iter().enumerate() {
        sequences.extend(
            draft
                .sequence
                .map(|(members, rounds)| (at, members, rounds)),
        );
        out.push(draft.node);
    }
    if sequences.is_empty() {
        return out;
    }
    let mut taken: FxHashSet<NodeId> = out.iter().map(|n| n.id.clone()).collect();
    let index: FxHashMap<NodeId, usize> = out
        .iter()
        .enumerate()
        .map(|(i, n)| (n.id.clone(), i))
        .collect();
    let plain = out.len();
    for (at, members, rounds) in sequences {
        let sequence = out[at].clone();
        let again = repeated(&out[..plain], &index, &members);
        let mut needs = std::mem::take(&mut out[at].needs);
        for round in 2..=rounds {
            let Some(last) = instantiate(
                &mut out,
                plain,
                &again,
                (&sequence, &members),
                round,
                &mut taken,
            ) else {
                break;
            };
            needs.push(Need {
                role: format!("member.{}", round - 1),
                node: last,
                port: sequence
                    .carry
                    .as_ref()
                    .map_or(align_plan_best(), |c| c.port.clone()),
            });
        }
        out[at].needs = needs;
    }
    out
}

fn align_plan_best() -> align_schema::Port {
    align_schema::Port::Best
}

/// Indices of what is instantiated again: the members, and what depends on one of them and is needed by another.
fn repeated(nodes: &[Node], index: &FxHashMap<NodeId, usize>, members: &[NodeId]) -> Vec<usize> {
    let member: FxHashSet<&NodeId> = members.iter().collect();
    let mut users: FxHashMap<&NodeId, Vec<usize>> = FxHashMap::default();
    for (i, node) in nodes.iter().enumerate() {
        for need in &node.needs {
            users.entry(&need.node).or_default().push(i);
        }
    }
    let start = || members.iter().filter_map(|m| index.get(m).copied());
    let walk = |next: &dyn Fn(usize) -> Vec<usize>| {
        let mut seen: FxHashSet<usize> = FxHashSet::default();
        let mut queue: Vec<usize> = start().collect();
        while let Some(at) = queue.pop() {
            if seen.insert(at) {
                queue.extend(next(at));
            }
        }
        seen
    };
    let below = walk(&|i| {
        nodes
            .get(i)
            .and_then(|n| users.get(&n.id))
            .cloned()
            .unwrap_or_default()
    });
    let above = walk(&|i| {
        let needs = nodes.get(i).map(|n| n.needs.as_slice()).unwrap_or_default();
        needs
            .iter()
            .filter_map(|n| index.get(&n.node).copied())
            .collect()
    });
    let mut out: Vec<usize> = below
        .intersection(&above)
        .copied()
        .filter(|i| {
            nodes.get(*i).is_some_and(|n| {
                member.contains(&n.id) || matches!(n.kind, NodeKind::Dataset | NodeKind::Stage)
            })
        })
        .collect();
    out.sort_unstable();
    out
}

/// Adds the nodes of one round; returns its last member.
fn instantiate(
    out: &mut Vec<Node>,
    plain: usize,
    again: &[usize],
    (sequence, members): (&Node, &[NodeId]),
    round: u32,
    taken: &mut FxHashSet<NodeId>,
) -> Option<NodeId> {
    let carry = sequence.carry.as_ref()?;
    let first = members.first()?;
    let last = members.last()?;
    let mut names: FxHashMap<NodeId, NodeId> = FxHashMap::default();
    for i in again {
        let node = out.get(*i)?;
        let mut id = NodeId(format!("{}#{round}", node.id));
        if taken.contains(&id) {
            // Another sequence has the same member.
            id = NodeId(format!(
                "{}/{}.{}#{round}",
                node.lane, sequence.name, node.name
            ));
        }
        taken.insert(id.clone());
        names.insert(node.id.clone(), id);
    }
    let before = if round == 2 {
        last.clone()
    } else {
        // The copies of the round before stand at the end.
        let name = out
            .get(
                *again
                    .iter()
                    .find(|i| out.get(**i).is_some_and(|n| n.id == *last))?,
            )?
            .name
            .clone();
        out.get(plain..)?
            .iter()
            .rev()
            .find(|n| {
                n.round == round - 1
                    && n.name == name
                    && n.gate.as_ref().is_some_and(|g| g.sequence == sequence.id)
            })?
            .id
            .clone()
    };
    for i in again {
        let mut node = out.get(*i)?.clone();
        let start = node.id == *first;
        for need in &mut node.needs {
            if start && need.role == "from" {
                need.node = before.clone();
                need.port = carry.port.clone();
            } else if let Some(name) = names.get(&need.node) {
                need.node = name.clone();
            }
        }
        if start && !node.needs.iter().any(|n| n.role == "from") {
            node.needs.push(Need {
                role: "from".into(),
                node: before.clone(),
                port: carry.port.clone(),
            });
        }
        // A member's export is that of round 1, the plain stage; the sequence's own is the best of all rounds.
        node.fields.remove("export");
        node.id = names.get(&node.id)?.clone();
        node.round = round;
        node.gate = Some(Gate {
            sequence: sequence.id.clone(),
            round,
        });
        out.push(node);
    }
    names.get(last).cloned()
}
