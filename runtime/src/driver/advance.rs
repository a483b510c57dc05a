//! One look at the store and at what runs: what can be settled is settled, what is ready is started.

use std::collections::BTreeSet;

use align_runtime_api::NodeState;

use super::{Driver, RunError};
use crate::board::{How, Look, Settled, Work};

impl Driver<'_> {
    /// Settles what can be settled and starts what is ready.
    pub(super) fn advance(&mut self) -> Result<(), RunError> {
        let works = self.look_around();
        self.halve(&works);
        let lanes = self.active_lanes();
        for (i, work) in works {
            let Some(node) = self.plan.nodes.get(i) else {
                continue;
            };
            let settled = self.board.settled.get(i).is_none_or(Option::is_some);
            if !settled
                && !self.is_held(i)
                && self.stopping == 0
                && (lanes.contains(&node.lane) || matches!(work.how, How::Cut(..)))
                && !self.running.iter().any(|r| r.key == work.key)
            {
                self.begin(i, work)?;
            }
        }
        Ok(())
    }

    /// Looks at every node that nothing is done about: settles those that are at their end, and gives what the others need.
    fn look_around(&mut self) -> Vec<(usize, Box<Work>)> {
        let mut works = Vec::new();
        for i in 0..self.plan.nodes.len() {
            if self.board.settled.get(i).is_none_or(Option::is_some)
                || self.is_busy(i)
                || self.finished.contains_key(&i)
            {
                continue;
            }
            let known = self.foreseen.get_mut(i).and_then(Option::take);
            let look = match known.filter(|s| s.state != NodeState::Pruned) {
                Some(settled) => Look::Settled(Box::new(settled)),
                None => self.board.look(i, self.forced.contains(&i)),
            };
            match look {
                Look::Wait(_) => {}
                Look::Settled(settled) => self.settle(i, *settled),
                Look::Work(work) => match self.forbidden(i) {
                    Some(why) => self.settle(i, put_aside(why, &work)),
                    None => works.push((i, work)),
                },
            }
        }
        works
    }

    pub(super) fn is_busy(&self, i: usize) -> bool {
        self.running.iter().any(|r| r.node == i)
            || self.delayed.iter().any(|d| d.node == i)
            || self.orphans.iter().any(|o| o.0 == i)
    }

    /// Why a node must not start: state and reason.
    fn forbidden(&self, i: usize) -> Option<(NodeState, String)> {
        let node = self.plan.nodes.get(i)?;
        if !self.wanted.get(i).copied().unwrap_or(true) {
            return Some((NodeState::Waiting, "not asked for".into()));
        }
        if let Some(why) = &self.all_dead {
            return Some((NodeState::Skipped, why.clone()));
        }
        self.dead
            .iter()
            .find(|(lane, _)| *lane == node.lane)
            .map(|(_, why)| (NodeState::Skipped, why.clone()))
    }

    /// The first lanes with something left that do not wait for others, as many as may be at work together.
    fn active_lanes(&self) -> BTreeSet<String> {
        let most = match self.plan.parallel {
            0 => usize::MAX,
            n => n as usize,
        };
        let nodes = self.plan.nodes.iter().zip(&self.board.settled);
        let waits = |lane: &str| {
            let halved = self.halved.as_ref();
            halved.is_some_and(|h| h.waiting.contains_key(lane))
        };
        let open: BTreeSet<&str> = nodes
            .filter(|(_, settled)| settled.is_none())
            .map(|(node, _)| node.lane.as_str())
            .collect();
        let lanes = self.plan.lanes.iter().map(|lane| &lane.id);
        lanes
            .filter(|id| open.contains(id.as_str()) && !waits(id))
            .take(most)
            .cloned()
            .collect()
    }
}

/// A node that is not to start.
fn put_aside((state, why): (NodeState, String), work: &Work) -> Settled {
    Settled {
        done: None,
        state,
        note: Some(why),
        reused: true,
        key: Some(work.key.clone()),
    }
}
