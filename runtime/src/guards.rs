//! What an evaluation gives away about a stage that learns the wrong thing: plans that have become one, a critic that is pleased while the
//! score falls.  Pure functions of the evaluations, so that they can be asked again of stored ones.
//!
//! They decide nothing: an arm of the failure policy answers, or a warning is written down.

use align_plan::{Arm, EventKind};
use align_runtime_api::EventRecord;

use crate::record::{Entry, Event, Point};
use crate::words::{number, steps};

/// The `action` in the record of a guard that no arm answers.
pub const WARNING: &str = "warning";

/// The events that are looked for at every evaluation, with or without an arm; `else` does not answer them.
pub const GUARDS: &[&str] = &["collapse", "overoptimised"];

/// Under this share of its first value a diversity is a collapse.
const COLLAPSED: f64 = 0.05;

/// Under this it is one whatever it was at first: plans this near to each other are the same in single precision.
const SAME: f64 = 1e-6;

/// So many standard errors make it certain that the score fell.
const ERRORS: f64 = 2.0;

/// Whether an event of this kind is one of them.
pub fn is_guard(kind: &str) -> bool {
    GUARDS.contains(&kind)
}

/// What the newest of these evaluations gives away; `points` are those that count, oldest first, of so many episodes each.
pub fn found(points: &[Point], episodes: u64) -> Vec<Event> {
    let Some((now, before)) = points.split_last() else {
        return Vec::new();
    };
    if now.at.step == 0 {
        return Vec::new();
    }
    collapse(before, now)
        .into_iter()
        .chain(overoptimised(before, now, episodes))
        .collect()
}

/// The first warning of each kind in all these evaluations, of those that these arms do not answer.
pub fn warnings(arms: &[Arm], points: &[Point], episodes: u64, attempt: u32) -> Vec<EventRecord> {
    let mut out: Vec<EventRecord> = Vec::new();
    for n in 1..=points.len() {
        for event in found(points.get(..n).unwrap_or_default(), episodes) {
            if !answered(arms, &event) && !out.iter().any(|r| r.event == event.kind) {
                out.push(warning(event, attempt));
            }
        }
    }
    out
}

/// Warnings in the journal of an attempt.
pub fn told(entries: &[Entry]) -> impl Iterator<Item = &EventRecord> {
    entries.iter().filter_map(|entry| match entry {
        Entry::Warned { record } => Some(record),
        _ => None,
    })
}

/// Adds warnings to a record; of each kind the first stays.
pub fn add<'a>(events: &mut Vec<EventRecord>, warned: impl IntoIterator<Item = &'a EventRecord>) {
    for record in warned {
        let same = |e: &EventRecord| e.event == record.event && e.action == WARNING;
        if !events.iter().any(same) {
            events.push(record.clone());
        }
    }
}

/// Whether one of these arms is for this event.
pub fn answered(arms: &[Arm], event: &Event) -> bool {
    arms.iter().any(|arm| match arm.event {
        EventKind::Collapse => event.kind == "collapse",
        EventKind::Overoptimised => event.kind == "overoptimised",
        _ => false,
    })
}

/// The record of a guard that no arm answers.
pub fn warning(event: Event, attempt: u32) -> EventRecord {
    EventRecord {
        event: event.kind,
        detail: event.detail,
        step: event.step,
        action: WARNING.into(),
        to_step: None,
        from: event.from,
        to: event.to,
        attempt,
    }
}

fn metric(point: &Point, name: &str) -> Option<f64> {
    point.metrics.get(name).copied().filter(|v| v.is_finite())
}

/// Plans drawn for one state that have become one.
fn collapse(before: &[Point], now: &Point) -> Option<Event> {
    let value = metric(now, "diversity")?;
    let first = before
        .iter()
        .find_map(|p| Some((p.at.step, metric(p, "diversity")?)));
    let lost = first.is_some_and(|(_, first)| value < COLLAPSED * first);
    if !lost && value >= SAME {
        return None;
    }
    let since = first.map_or_else(String::new, |(step, first)| {
        format!(", from {} at {}", number(first), steps(step))
    });
    Some(Event {
        kind: "collapse".into(),
        arm: None,
        detail: format!(
            "the plans drawn for one state have become one: diversity is {}{since}",
            number(value)
        ),
        step: now.at.step,
        from: first.map(|(_, first)| first),
        to: Some(value),
    })
}

/// A critic that is pleased more than at the best score, while the score fell by more than chance explains.
fn overoptimised(before: &[Point], now: &Point, episodes: u64) -> Option<Event> {
    let read = |p: &Point| {
        Some((
            metric(p, "score")?,
            metric(p, "value")?,
            metric(p, "spread")?,
        ))
    };
    let (score, value, spread) = read(now)?;
    let (at, (best, valued, spread_then)) = before
        .iter()
        .filter_map(|p| Some((p.at.step, read(p)?)))
        .reduce(|a, b| if b.1.0 > a.1.0 { b } else { a })?;
    let error = ((spread.powi(2) + spread_then.powi(2)) / episodes.max(1) as f64).sqrt();
    (value > valued && best - score > ERRORS * error).then(|| Event {
        kind: "overoptimised".into(),
        arm: None,
        detail: format!(
            "the critic's value rose from {} to {} since {} while score fell from {} to {}",
            number(valued),
            number(value),
            steps(at),
            number(best),
            number(score)
        ),
        step: now.at.step,
        from: Some(best),
        to: Some(score),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Pos;

    fn points(rows: &[&[(&str, f64)]]) -> Vec<Point> {
        rows.iter()
            .enumerate()
            .map(|(i, row)| Point {
                at: Pos {
                    step: 100 * i as u64,
                    env_steps: 0,
                },
                metrics: row.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect(),
            })
            .collect()
    }
    fn kinds(rows: &[&[(&str, f64)]]) -> Vec<String> {
        let found = found(&points(rows), 25);
        found.into_iter().map(|e| e.kind).collect()
    }

    #[test]
    fn a_collapse_is_a_twentieth_of_the_first_diversity_or_nothing_at_all() {
        let fell = |to: f64| kinds(&[&[("diversity", 2.0)], &[("diversity", to)]]);
        assert_eq!(fell(0.11), Vec::<String>::new());
        assert_eq!(fell(0.09), ["collapse"]);
        assert_eq!(kinds(&[&[], &[("diversity", 1e-7)]]), ["collapse"]);
        // A stage that has no such metric, and one that has not begun.
        assert_eq!(kinds(&[&[], &[("score", 1.0)]]), Vec::<String>::new());
        assert_eq!(kinds(&[&[("diversity", 0.0)]]), Vec::<String>::new());
    }

    #[test]
    fn a_pleased_critic_is_held_against_the_best_score_and_chance() {
        let row = |score: f64, value: f64| [("score", score), ("value", value), ("spread", 10.0)];
        // Two standard errors of 25 episodes each are 2 * 10 * sqrt(2 / 25) = 5.66.
        let (best, worse) = (row(60.0, 12.0), row(50.0, 11.0));
        let fell = |to: [(&str, f64); 3]| kinds(&[&row(40.0, 9.0), &best, &worse, &to]);
        assert_eq!(fell(row(54.0, 13.0)), ["overoptimised"]);
        assert_eq!(fell(row(55.0, 13.0)), Vec::<String>::new());
        assert_eq!(fell(row(54.0, 11.9)), Vec::<String>::new());
        let event = found(&points(&[&row(61.25, 12.5), &row(40.0, 15.0)]), 25).remove(0);
        assert_eq!(
            event.detail,
            "the critic's value rose from 12.5 to 15 since 0 steps while score fell from 61.25 to 40"
        );
    }
}
