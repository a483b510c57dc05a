//! The newest attempt at a node: what did it leave, and where does the next one start?

use align_plan::Node;

use super::{How, Start};
use crate::converge::{History, first};
use crate::extent;
use crate::guards;
use crate::record::{Assignment, Done, Ending, Entry, Logged, Manifest, Restore};
use crate::store::{NodeFolder, Store};
use crate::words::steps;

/// Checkpoints of an attempt, newest first, then those that it started from.
pub fn candidates(assignment: &Assignment, entries: &[Entry]) -> Vec<Restore> {
    let mut out: Vec<Restore> = entries
        .iter()
        .rev()
        .filter_map(|e| match e {
            Entry::Kept {
                at,
                manifest,
                seconds,
                ..
            } => Some(Restore {
                manifest: manifest.clone(),
                at: *at,
                seconds: *seconds,
            }),
            _ => None,
        })
        .collect();
    for restore in &assignment.resume {
        if !out.iter().any(|r| r.manifest == restore.manifest) {
            out.push(restore.clone());
        }
    }
    out
}

/// Seconds that an attempt took, as far as its journal says.
pub fn took(entries: &[Entry]) -> f64 {
    entries
        .iter()
        .rev()
        .find_map(|e| match e {
            Entry::Beat { seconds, .. } | Entry::Ended { seconds, .. } => Some(*seconds),
            _ => None,
        })
        .unwrap_or(0.0)
}

/// What the newest attempt left to do, if it is of this extent or nothing is finished yet; and why it gave up.
pub(super) fn newest(
    store: &Store,
    folder: &NodeFolder,
    node: &Node,
    extent: &str,
    intact: &dyn Fn(&Done) -> bool,
) -> (Option<How>, Option<String>) {
    let mut assigned = None;
    for n in folder.attempts().into_iter().rev() {
        if folder.held(n) {
            return (Some(How::Busy(n)), None);
        }
        // One without a job never began: its driver died, and what the one before left is still what there is.
        if let Ok(Some(assignment)) = folder.assignment(n) {
            assigned = Some((n, assignment));
            break;
        }
    }
    let Some((n, assignment)) = assigned else {
        return (None, None);
    };
    let entries = folder.sound_entries(n);
    let log = folder.log().unwrap_or_default();
    if log
        .iter()
        .any(|l| matches!(l, Logged::Forced { attempt } if *attempt >= n))
    {
        return (None, None);
    }
    let finished = entries.iter().any(|e| {
        matches!(
            e,
            Entry::Ended {
                ending: Ending::Done,
                ..
            }
        )
    });
    // A finished attempt has its result elsewhere, and one at another extent is older news than a result.  But when the
    // results are gone, its checkpoints are what is left.
    let results = folder.all_done().iter().any(intact);
    if results && (finished || assignment.extent != extent) {
        return (None, None);
    }
    let gave_up = log.iter().rev().find_map(|l| match l {
        Logged::GaveUp { note, attempt, .. } if *attempt >= n => Some(note.clone()),
        _ => None,
    });
    let handled = log.iter().rev().find_map(|l| match l {
        Logged::Handled {
            record,
            turn,
            resume,
            ..
        } if record.attempt == n => Some((record, turn, resume)),
        _ => None,
    });
    let mut start = Start {
        resume: Vec::new(),
        turns: assignment.turns.clone(),
        history: assignment.history.clone(),
        events: assignment.events.clone(),
        spent: assignment.spent + took(&entries),
        reason: String::new(),
    };
    guards::add(&mut start.events, guards::told(&entries));
    if let Some((record, turn, resume)) = handled {
        start.resume.clone_from(resume);
        start.turns.extend(turn.clone());
        start.events.push(record.clone());
        start.reason = format!("{} at {}", record.event, steps(record.step));
    } else {
        let ended = entries.iter().rev().find_map(|e| match e {
            Entry::Ended {
                ending: Ending::Event(event),
                ..
            } => Some(event.clone()),
            _ => None,
        });
        if let (Some(event), None) = (ended, &gave_up) {
            return (Some(How::Pending(n, event)), None);
        }
        start.resume = candidates(&assignment, &entries);
    }
    fit(store, node, &mut start);
    if start.reason.is_empty() {
        let at = start.resume.first().map_or(0, |r| r.at.step);
        let word = if gave_up.is_some() {
            "failed"
        } else {
            "interrupted"
        };
        start.reason = format!("{word}, goes on from {}", steps(at));
    }
    (Some(How::Resume(start)), gave_up)
}

/// When budget or rule were shortened since, or while the attempt was at work, checkpoints beyond their end must not be used.
fn fit(store: &Store, node: &Node, start: &mut Start) {
    let limit = node
        .budget
        .iter()
        .flat_map(|b| &b.any)
        .filter(|q| q.dim == align_schema::Dim::Steps)
        .map(|q| q.amount as u64)
        .min()
        .unwrap_or(u64::MAX);
    let fires = start
        .resume
        .first()
        .and_then(|r| store.get_record::<Manifest>(&r.manifest).ok())
        .and_then(|m| {
            let history =
                extent::counted(&m.progress.history, node.need("from").is_none()).to_vec();
            let (i, _) = first(node.until.as_ref()?, &History::evals(&history))?;
            history.get(i).map(|p| p.at.step)
        })
        .unwrap_or(u64::MAX);
    let end = limit.min(fires);
    start.resume.retain(|r| r.at.step <= end);
}
