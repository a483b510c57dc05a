//! Lanes that are compared while they train: who waits, who goes on, who is stopped.
//!
//! What is decided is the board's, from what is in the store; this file starts, stops and tells.

use std::collections::BTreeMap;

use align_plan::Node;
use align_runtime_api::{NodeState, NodeStatus, RunEvent};
use align_schema::Quantity;

use super::Driver;
use crate::board::{Seen, Work};

impl Driver<'_> {
    /// Decides which lanes go on, as far as that can be known, and settles what follows from it.
    pub(super) fn halve(&mut self, works: &[(usize, Box<Work>)]) {
        if self.compared.is_empty() {
            return;
        }
        let mut seen: BTreeMap<usize, Seen> = works
            .iter()
            .map(|(i, work)| (*i, self.board.seen(work, self.compared.contains(i))))
            .collect();
        for r in self
            .running
            .iter()
            .filter(|r| self.compared.contains(&r.node))
        {
            seen.insert(r.node, self.board.at_work(&r.key, r.attempt));
        }
        for d in self
            .delayed
            .iter()
            .filter(|d| self.compared.contains(&d.node))
        {
            seen.insert(d.node, self.board.begun_with(&d.work.key, &d.start));
        }
        let halved = self.board.halve(&seen, &self.finished);
        // What was known before this run began is no news.
        if let Some(before) = &self.halved {
            for text in halved.told.iter().filter(|t| !before.told.contains(t)) {
                (self.on_event)(RunEvent::Note { text: text.clone() });
            }
        }
        let nodes = &self.plan.nodes;
        let pruned = |i: usize| {
            nodes
                .get(i)
                .is_some_and(|n| halved.pruned.contains_key(&n.lane))
        };
        self.delayed.retain(|d| !pruned(d.node));
        let lanes: Vec<String> = self
            .running
            .iter()
            .filter(|r| pruned(r.node) && !r.asked)
            .filter_map(|r| Some(nodes.get(r.node)?.lane.clone()))
            .collect();
        for lane in lanes {
            self.terminate(Some(&lane));
        }
        let mut finished = std::mem::take(&mut self.finished);
        let busy = |i: usize| self.is_busy(i);
        let news = self.board.stopped_by(&halved, &seen, &mut finished, &busy);
        self.finished = finished;
        self.halved = Some(halved);
        for (i, settled) in news {
            self.settle_now(i, settled);
        }
    }

    /// Whether a node waits where its lane is compared.
    pub(super) fn is_held(&self, i: usize) -> bool {
        self.halved.as_ref().is_some_and(|h| h.held.contains(&i))
    }

    /// Where a node is to wait for other lanes.
    pub(super) fn hold(&self, i: usize) -> Option<Quantity> {
        *self.halved.as_ref()?.hold.get(&i)?
    }

    /// A node that has not come to its end.
    pub(super) fn unsettled(&self, i: usize, node: &Node) -> NodeStatus {
        let mut status = crate::status::blank(node, NodeState::Waiting);
        if self.is_held(i) {
            let halved = self.halved.as_ref();
            status.note = halved.and_then(|h| h.waiting.get(&node.lane).cloned());
        }
        status
    }
}
