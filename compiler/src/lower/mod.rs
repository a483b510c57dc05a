//! From checked lanes to the plan: rounds are unrolled, and nodes are put in order.

mod rounds;

use std::collections::BinaryHeap;

use align_plan::{Lane, Node, NodeId, Plan, Report, Sweep, VERSION};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use rustc_hash::FxHashMap;

use crate::check::Draft;

/// The plan of a program without errors.
pub fn plan(
    edition: u32,
    file: &str,
    lanes: Vec<(Lane, Vec<Draft>)>,
    reports: Vec<Report>,
    parallel: u64,
    sweeps: Vec<Sweep>,
) -> Plan {
    let mut nodes = Vec::with_capacity(lanes.iter().map(|(_, drafts)| drafts.len()).sum());
    let mut names = Vec::with_capacity(lanes.len());
    for (lane, drafts) in lanes {
        names.push(lane);
        nodes.extend(rounds::unroll(drafts));
    }
    Plan {
        version: VERSION,
        edition,
        file: file.to_owned(),
        lanes: names,
        nodes: sort(nodes),
        reports,
        parallel,
        sweeps,
    }
}

/// Each node after what it needs, otherwise in the order in which they came.
fn sort(nodes: Vec<Node>) -> Vec<Node> {
    let index: FxHashMap<&NodeId, usize> =
        nodes.iter().enumerate().map(|(i, n)| (&n.id, i)).collect();
    let before = |i: usize, n: &Node| {
        let known = n.needs.iter().filter_map(|d| index.get(&d.node));
        known.into_iter().all(|&j| j < i)
    };
    if nodes.iter().enumerate().all(|(i, n)| before(i, n)) {
        return nodes;
    }
    let mut graph: DiGraph<(), ()> = DiGraph::with_capacity(nodes.len(), nodes.len() * 2);
    for _ in &nodes {
        graph.add_node(());
    }
    let mut waiting = vec![0usize; nodes.len()];
    for (i, node) in nodes.iter().enumerate() {
        for need in &node.needs {
            if let Some(from) = index.get(&need.node) {
                graph.add_edge(NodeIndex::new(*from), NodeIndex::new(i), ());
                waiting[i] += 1;
            }
        }
    }
    drop(index);
    let mut ready: BinaryHeap<std::cmp::Reverse<usize>> = waiting
        .iter()
        .enumerate()
        .filter(|(_, n)| **n == 0)
        .map(|(i, _)| std::cmp::Reverse(i))
        .collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(std::cmp::Reverse(at)) = ready.pop() {
        order.push(at);
        for edge in graph.edges(NodeIndex::new(at)) {
            let to = edge.target().index();
            waiting[to] -= 1;
            if waiting[to] == 0 {
                ready.push(std::cmp::Reverse(to));
            }
        }
    }
    let mut slots: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    order
        .into_iter()
        .filter_map(|i| slots.get_mut(i)?.take())
        .collect()
}
