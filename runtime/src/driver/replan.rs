//! Another plan while workers are at work: what goes on, what changes at its next step, what stops.
//!
//! Stopping loses nothing: the worker writes a checkpoint under its key, and the same key finds it again.

use std::io::Write;

use align_plan::{Key, Node, NodeId, NodeKind, Plan};
use align_runtime_api::RunEvent;
use rustix::process::Signal;

use super::watch::{Running, signal};
use super::{Driver, RunError, TICK};
use crate::board::{Board, Look};
use crate::extent::difference;
use crate::forecast::Outlook;
use crate::why::{beside, place};
use crate::words::label;

/// Work that a new plan would put aside.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// The node that would stop.
    pub id: NodeId,
    /// Seconds of training behind it.
    pub seconds: f64,
}

/// Where new plans come from, and who is told.
pub trait Orders {
    /// The newest plan, if there is one; waits for it at most so long.
    fn plan(&mut self, pause: std::time::Duration) -> Option<Plan>;
    /// What this plan would do, before it begins.
    fn foreseen(&mut self, plan: &Plan, outlook: &Outlook);
    /// Whether this work may be put aside for the plan that came last.  Asked again until it may, or until the work has ended by itself.
    fn may_stop(&mut self, losses: &[Loss]) -> bool;
    /// Nothing is left to do for now.
    fn settled(&mut self, plan: &Plan, outcome: &super::Outcome);
}

/// A plan that waits.
#[derive(Default)]
pub(super) struct Wish {
    plan: Option<Plan>,
    /// The workers that were held against it, each with whether it would stop.  Empty: none yet.
    doomed: Vec<(Key, bool)>,
}

/// What becomes of a worker under another plan.
enum Fate {
    /// It is on the right thing.
    Stays(usize),
    /// The same key, with another extent or policy.
    Changes(usize, String),
    /// Nothing wants it any more, and why.
    Stops(String),
}

impl Driver<'_> {
    /// The plan to go over to, once the work that it would stop may be stopped.
    pub(super) fn wanted_plan(&self, wish: &mut Wish, orders: &mut dyn Orders) -> Option<Plan> {
        // A worker that ends is heard of at the next look.
        if let Some(newer) = orders.plan(TICK) {
            wish.plan = (newer != *self.plan).then_some(newer);
            wish.doomed.clear();
        }
        let plan = wish.plan.as_ref()?;
        // The store is asked again only when others are at work, not at every look.
        let keys = self.running.iter().map(|r| &r.key);
        if !keys.eq(wish.doomed.iter().map(|(key, _)| key)) {
            let fates = fates(self.board_of(plan), &self.running);
            let all = self.running.iter().zip(&fates);
            wish.doomed = all
                .map(|(r, fate)| (r.key.clone(), matches!(fate, Fate::Stops(_))))
                .collect();
        }
        let losses = self.losses(&wish.doomed);
        if losses.is_empty() || orders.may_stop(&losses) {
            return wish.plan.take();
        }
        None
    }

    /// `doomed` is in the order of the workers.
    fn losses(&self, doomed: &[(Key, bool)]) -> Vec<Loss> {
        let all = self.running.iter().zip(doomed);
        all.filter(|(r, (_, stops))| *stops && !r.asked)
            .map(|(r, _)| Loss {
                id: r.planned.id.clone(),
                seconds: r.spent + r.since.elapsed().as_secs_f64(),
            })
            .collect()
    }

    fn board_of<'b>(&'b self, plan: &'b Plan) -> Board<'b> {
        Board::new(plan, self.store, self.library, &self.options.numeric)
    }

    /// The workers, for the next plan.
    pub(super) fn hand_over(self) -> Vec<Running> {
        let mut all = self.running;
        all.extend(self.leaving);
        all
    }

    /// Takes over the workers of the plan before.
    pub(super) fn take_over(&mut self, workers: Vec<Running>) -> Result<(), RunError> {
        if workers.is_empty() {
            return Ok(());
        }
        let fates = fates(self.board_of(self.plan), &workers);
        for (mut r, fate) in workers.into_iter().zip(fates) {
            match fate {
                Fate::Changes(i, extent) if !r.asked => {
                    r.node = i;
                    self.change(&mut r, extent)?;
                    self.running.push(r);
                }
                // One that ends already starts anew once it has.
                Fate::Stays(i) | Fate::Changes(i, _) => {
                    r.node = i;
                    self.running.push(r);
                }
                Fate::Stops(why) => {
                    if !r.asked {
                        (self.on_event)(RunEvent::Decision {
                            id: r.planned.id.clone(),
                            text: format!("{} stops at its next step: {why}", label(&r.planned)),
                        });
                        signal(&r.child, Signal::TERM);
                        r.asked = true;
                    }
                    self.leaving.push(r);
                }
            }
        }
        Ok(())
    }

    /// Another extent or policy for a worker: at its next step, or, where the work has no steps, from a new start.
    fn change(&mut self, r: &mut Running, extent: String) -> Result<(), RunError> {
        let Some(node) = self.plan.nodes.get(r.node).cloned() else {
            return Ok(());
        };
        let text = changes(&r.planned, &node);
        let folder = self.store.node(&r.key);
        let live = node.kind == NodeKind::Stage && observed(&node) == observed(&r.planned);
        let assignment = folder.assignment(r.attempt)?;
        if let Some(mut assignment) = assignment.filter(|a| live && a.again.is_none()) {
            assignment.job = self.job(&node, &r.work, &assignment.turns);
            assignment.extent.clone_from(&extent);
            assignment.pins = self.pins(&node);
            folder.reassign(r.attempt, &assignment)?;
            // A worker that has just ended reads no more; its end is seen at the next look.
            if let Some(pipe) = &mut r.child.stdin {
                let _ = pipe.write_all(b"r").and_then(|()| pipe.flush());
            }
            self.decision(
                r.node,
                format!("{} goes on with another {text}", label(&node)),
            );
            r.work.extent = extent;
        } else {
            self.decision(
                r.node,
                format!("{} starts anew from here: another {text}", label(&node)),
            );
            signal(&r.child, Signal::TERM);
            r.asked = true;
        }
        r.planned = node;
        Ok(())
    }
}

/// The fate of each worker under the plan of a board, in their order.
fn fates(mut board: Board<'_>, workers: &[Running]) -> Vec<Fate> {
    let mut out: Vec<Option<Fate>> = workers.iter().map(|_| None).collect();
    for (i, node) in board.plan.nodes.iter().enumerate() {
        match board.look(i, false) {
            Look::Settled(settled) => {
                let why = match &settled.note {
                    Some(note) if settled.done.is_none() => note.clone(),
                    _ => "the result of the edit is in the store".into(),
                };
                stop(workers, &mut out, node, &why);
                if let Some(slot) = board.settled.get_mut(i) {
                    *slot = Some(*settled);
                }
            }
            Look::Work(work) => {
                let same = workers.iter().zip(&mut out);
                for (r, fate) in same.filter(|(r, _)| r.key == work.key) {
                    let unchanged = work.extent == r.work.extent && node.arms == r.planned.arms;
                    *fate = Some(if unchanged {
                        Fate::Stays(i)
                    } else {
                        Fate::Changes(i, work.extent.clone())
                    });
                }
                let old = workers.iter().find(|r| r.planned.id == node.id);
                let why = old.and_then(|r| difference(&r.work.parts, &work.parts));
                let why = why.map_or_else(
                    || "it is written otherwise".to_owned(),
                    |why| format!("{why}{}", at(node, &why)),
                );
                stop(workers, &mut out, node, &why);
            }
            Look::Wait(_) => stop(workers, &mut out, node, "what it needs is made anew"),
        }
    }
    out.into_iter()
        .map(|fate| {
            fate.unwrap_or_else(|| Fate::Stops("the program has no such node any more".into()))
        })
        .collect()
}

/// A worker on what was this node is not on it any more.
fn stop(workers: &[Running], fates: &mut [Option<Fate>], node: &Node, why: &str) {
    for (r, fate) in workers.iter().zip(fates) {
        if fate.is_none() && r.planned.id == node.id {
            *fate = Some(Fate::Stops(why.to_owned()));
        }
    }
}

/// ` (main.align:16)`, where the part stands that a difference begins with.
pub(super) fn at(node: &Node, difference: &str) -> String {
    place(node, difference).map_or_else(String::new, |place| format!(" ({place})"))
}

/// The fields that only evaluations read.
fn observed(node: &Node) -> Vec<(&String, &align_schema::Value)> {
    let fields = node.fields.iter();
    fields
        .filter(|(_, f)| f.effect == align_schema::Effect::Observe)
        .map(|(name, f)| (name, &f.value))
        .collect()
}

/// What differs beside the key, in words: `budget, 1k steps → 2k steps`.
fn changes(old: &Node, new: &Node) -> String {
    let parts = beside(old, new).into_iter().filter(|part| !part.same);
    let mut out: Vec<String> = parts
        .map(|part| match (part.old, part.new) {
            (Some(a), Some(b)) if a != b => format!("{}, {a} → {b}", part.name),
            _ => part.name,
        })
        .collect();
    if out.is_empty() {
        out.push("name".to_owned());
    }
    out.join(" and ")
}
