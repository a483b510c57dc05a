//! Which checkpoints are kept, and which one is the best?  Pure, on data.

use align_plan::{Better, EventKind, KeepRule, Node};

use crate::converge::gain;
use crate::record::{Metrics, Output};

/// The metric that `best` means.
pub fn metric(node: &Node) -> Option<(&str, Better)> {
    node.keep
        .as_ref()?
        .rules
        .iter()
        .find_map(|rule| match rule {
            KeepRule::Best { metric, better } => Some((metric.as_str(), *better)),
            KeepRule::Last(_) => None,
        })
}

/// The value that ranks a checkpoint, when it is there and finite.
pub fn value(node: &Node, metrics: &Metrics) -> Option<f64> {
    let (name, _) = metric(node)?;
    metrics.get(name).copied().filter(|v| v.is_finite())
}

/// The best of some evaluations by the node's metric; of equal ones, the first.
pub fn best_of<'a>(
    node: &Node,
    points: impl Iterator<Item = (u64, &'a Metrics)>,
) -> Option<(u64, f64)> {
    let (_, better) = metric(node)?;
    let mut best: Option<(u64, f64)> = None;
    for (step, metrics) in points {
        if let Some(v) = value(node, metrics)
            && best.is_none_or(|(_, b)| gain(better, v, b) > 0.0)
        {
            best = Some((step, v));
        }
    }
    best
}

/// Splits checkpoints (oldest first) into kept and dropped by the node's rules.  Those at `pins`, the one at `best` and the two newest always stay: the
/// newest but one is the way back when the newest cannot be read.
pub fn prune(
    node: &Node,
    all: Vec<Output>,
    best: Option<u64>,
    pins: &[u64],
) -> (Vec<Output>, Vec<Output>) {
    let rules = node
        .keep
        .as_ref()
        .map(|k| k.rules.as_slice())
        .unwrap_or_default();
    let newest = rules
        .iter()
        .filter_map(|r| match r {
            KeepRule::Last(n) => Some(*n as usize),
            KeepRule::Best { .. } => None,
        })
        .max()
        .unwrap_or(1)
        .max(2);
    let mut wanted: Vec<u64> = rules
        .iter()
        .filter_map(|rule| match rule {
            KeepRule::Best { metric, better } => all
                .iter()
                .filter_map(|o| Some((o.at.step, *o.metrics.get(metric)?)))
                .reduce(|a, b| if gain(*better, b.1, a.1) > 0.0 { b } else { a })
                .map(|(step, _)| step),
            KeepRule::Last(_) => None,
        })
        .collect();
    wanted.extend(best);
    wanted.extend(pins);
    let from = all.len().saturating_sub(newest);
    let mut kept = Vec::new();
    let mut dropped = Vec::new();
    for (i, output) in all.into_iter().enumerate() {
        if i >= from || wanted.contains(&output.at.step) {
            kept.push(output);
        } else {
            dropped.push(output);
        }
    }
    (kept, dropped)
}

/// Which way a metric of this node is better, as far as the node says; larger otherwise.
pub fn direction(node: &Node, metric: &str) -> Better {
    let kept = node
        .keep
        .iter()
        .flat_map(|k| &k.rules)
        .find_map(|r| match r {
            KeepRule::Best { metric: m, better } if m == metric => Some(*better),
            _ => None,
        });
    let watched = || {
        node.arms.iter().find_map(|a| match &a.event {
            EventKind::Regression { metric: m, .. } if m.name == metric => Some(m.better),
            _ => None,
        })
    };
    kept.or_else(watched)
        .unwrap_or(if metric.ends_with("loss") {
            Better::Down
        } else {
            Better::Up
        })
}
