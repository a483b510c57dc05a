//! Sequences: which round is next, when the rule has ended them, and which round's checkpoint they hand on.

use align_plan::Node;
use align_runtime_api::{NodeState, Stop};
use align_schema::Port;

use super::{Board, Look, Settled, never};
use crate::converge::{History, first};
use crate::extent;
use crate::record::{Done, Output, Point, Pos};

/// Whether a later round may start.
pub(super) enum Gate {
    Open,
    Wait(usize),
    Closed(String),
}

impl Board<'_> {
    /// Last members of the rounds of a sequence, in order.
    fn members(&self, sequence: &Node) -> Vec<usize> {
        sequence
            .needs
            .iter()
            .filter_map(|n| self.find(&n.node))
            .collect()
    }

    /// Rounds that are settled with a result, as points of the carried metric; and the first member that is not settled.
    fn rounds(&self, sequence: &Node, upto: usize) -> (Vec<(Point, Output, usize)>, Option<usize>) {
        let mut out = Vec::new();
        for (k, j) in self.members(sequence).into_iter().take(upto).enumerate() {
            let Some(settled) = self.settled_at(j) else {
                return (out, Some(j));
            };
            let port = sequence
                .carry
                .as_ref()
                .map_or(Port::Best, |c| c.port.clone());
            let Some(output) = settled.done.as_ref().and_then(|d| d.output(&port)) else {
                break;
            };
            let at = Pos {
                step: k as u64 + 1,
                env_steps: 0,
            };
            let point = Point {
                at,
                metrics: output.metrics.clone(),
            };
            out.push((point, output.clone(), j));
        }
        (out, None)
    }

    /// The round after which a sequence's rule held, with the reason.
    fn verdict(sequence: &Node, points: &[Point]) -> Option<(usize, String)> {
        let rule = sequence.until.as_ref()?;
        first(rule, &History::rounds(points)).map(|(i, why)| (i + 1, why))
    }

    pub(super) fn gate(&self, node: &Node) -> Gate {
        let Some(gate) = &node.gate else {
            return Gate::Open;
        };
        let Some(sequence) = self.find(&gate.sequence).and_then(|j| self.node(j)) else {
            return Gate::Open;
        };
        let before = gate.round.saturating_sub(1) as usize;
        let (rounds, open) = self.rounds(sequence, before);
        let points: Vec<Point> = rounds.into_iter().map(|r| r.0).collect();
        if let Some((round, why)) = Self::verdict(sequence, &points) {
            return Gate::Closed(format!(
                "{} stopped after round {round}: {why}",
                sequence.name
            ));
        }
        match open {
            Some(j) => Gate::Wait(j),
            None if points.len() < before => Gate::Closed(format!(
                "round {} of {} has no result",
                points.len() + 1,
                sequence.name
            )),
            None => Gate::Open,
        }
    }

    /// A sequence is a choice among its rounds: made anew each time, never stored.
    pub(super) fn sequence(&self, node: &Node) -> Look {
        let total = self.members(node).len();
        let (rounds, open) = self.rounds(node, total);
        let points: Vec<Point> = rounds.iter().map(|r| r.0.clone()).collect();
        let verdict = Self::verdict(node, &points);
        if let (Some(j), None) = (open, &verdict) {
            return Look::Wait(j);
        }
        // Members of later rounds settle as skipped only after the verdict; wait for them, so that nothing is left over.
        if let Some(j) = self
            .members(node)
            .into_iter()
            .find(|j| self.settled_at(*j).is_none())
        {
            return Look::Wait(j);
        }
        let Some((_, last, _)) = rounds.last() else {
            return never("no round has a result".into());
        };
        let best = node
            .carry
            .as_ref()
            .filter(|c| c.port == Port::Best)
            .and_then(|carry| {
                rounds
                    .iter()
                    .filter_map(|r| Some((*r.1.metrics.get(&carry.metric)?, &r.1)))
                    .filter(|(v, _)| v.is_finite())
                    .reduce(|a, b| {
                        if crate::converge::gain(carry.better, b.0, a.0) > 0.0 {
                            b
                        } else {
                            a
                        }
                    })
                    .map(|(_, o)| o.clone())
            });
        let stop = match verdict {
            Some((round, why)) => Stop::Rule(format!("{why}, after round {round}")),
            None => Stop::Budget {
                limit: if total == 1 {
                    "1 round".into()
                } else {
                    format!("{total} rounds")
                },
                clock: false,
            },
        };
        let reused = rounds
            .iter()
            .all(|r| self.settled_at(r.2).is_some_and(|s| s.reused));
        let done = Done {
            version: Done::VERSION,
            id: node.id.clone(),
            kind: node.kind,
            extent: extent::extent(node),
            arms: Vec::new(),
            skipped: false,
            stop: Some(stop),
            at: Pos {
                step: rounds.len() as u64,
                env_steps: 0,
            },
            last_env: 0,
            samples: 0,
            best: best.or_else(|| Some(last.clone())),
            last: Some(last.clone()),
            kept: Vec::new(),
            history: points,
            curve: crate::record::Curve::default(),
            events: Vec::new(),
            seconds: 0.0,
            trained: 0.0,
            peak: 0,
            spans: crate::record::Spans::default(),
            note: None,
        };
        Look::Settled(Box::new(Settled {
            done: Some(done),
            state: NodeState::Done,
            note: None,
            reused,
            key: None,
        }))
    }
}
