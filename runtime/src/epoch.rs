//! How many steps is one pass over a stage's data?  Known once the data has been made.

use std::collections::HashMap;

use align_plan::{Node, NodeId, NodeKind, Plan};
use align_schema::Value;

use crate::forecast::Outlook;
use crate::record::{Done, Metrics};

/// What a dataset is made of, as its own metrics count it: what a stage goes through in an epoch.
pub(crate) fn samples(of: &Metrics) -> Option<f64> {
    let names = ["samples", "windows", "pairs", "transitions"];
    let count = names.iter().find_map(|name| of.get(*name))?;
    Some(*count).filter(|n| *n > 0.0)
}

/// For each node of a plan: the steps of one epoch, where it is a stage whose data is in the store.
pub(crate) fn steps(plan: &Plan, outlook: &Outlook) -> Vec<Option<f64>> {
    let settled = plan.nodes.iter().zip(&outlook.settled);
    let done: HashMap<&NodeId, &Done> = settled
        .filter_map(|(node, settled)| Some((&node.id, settled.as_ref()?.done.as_ref()?)))
        .collect();
    let of = |node: &Node| {
        let data = node.needs.iter().find(|n| n.role == "data")?;
        let made = done.get(&data.node)?.last.as_ref()?;
        let each = match done.get(&node.id) {
            Some(done) if done.at.step > 0 => done.samples as f64 / done.at.step as f64,
            _ => number(node, "batch")? * number(node, "accumulate").unwrap_or(1.0),
        };
        Some(samples(&made.metrics)? / each.max(1.0))
    };
    let stages = |node: &Node| {
        Some(node)
            .filter(|n| n.kind == NodeKind::Stage)
            .and_then(of)
    };
    plan.nodes.iter().map(stages).collect()
}

fn number(node: &Node, field: &str) -> Option<f64> {
    node.value(field).and_then(Value::number)
}
