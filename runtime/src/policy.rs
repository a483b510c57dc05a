//! What is done about a failure event?  A pure state machine: event, arms and how often each has acted, to an action.
//!
//! The first arm that matches and has turns left acts.  An arm that has used up its `times` is passed over, so that `else`
//! can follow it; when no arm is left, the stage fails.

use std::collections::BTreeMap;

use align_plan::{Action, Arm, EventKind, FailScope, Target};
use align_runtime_api::{EventRecord, Input};

use crate::converge::{at_least, gain, margin};
use crate::extent::counted;
use crate::guards::{WARNING, answered, found, is_guard};
use crate::record::{Done, Event, Point, Pos};
use crate::words::{number, steps};

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// A new attempt from the newest good checkpoint.
    Retry {
        /// Seconds to wait first.
        wait: f64,
        /// Factors on fields.
        scale: Vec<(String, f64)>,
        /// Which time this is, from 1.
        nth: u64,
        /// Of how many.
        times: u64,
    },
    /// A new attempt from an older checkpoint, or an end with it.
    Rollback {
        /// Which checkpoint.
        to: Target,
        /// Factors on fields.
        scale: Vec<(String, f64)>,
        /// Which time this is, from 1.
        nth: u64,
        /// Of how many.
        times: u64,
        /// What follows: training goes on unless this says otherwise.
        then: Option<Box<Act>>,
    },
    /// The stage hands its input checkpoint on.
    Skip,
    /// Give up.
    Fail(FailScope),
    /// Wait for a person.
    Pause,
}

impl Act {
    /// The action's word in records.
    pub fn word(&self) -> &'static str {
        match self {
            Act::Retry { .. } => "retry",
            Act::Rollback { .. } => "rollback",
            Act::Skip => "skip",
            Act::Fail(_) => "fail",
            Act::Pause => "pause",
        }
    }
}

/// An action with the label of the arm that asked for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Such as `nan` or `regression(score)`; `none` when no arm was left.
    pub arm: String,
    /// What to do.
    pub act: Act,
}

/// Name of an arm that survives edits of the others.
pub fn label(event: &EventKind) -> String {
    match event {
        EventKind::Nan => "nan".into(),
        EventKind::Oom => "oom".into(),
        EventKind::Crash => "crash".into(),
        EventKind::Timeout => "timeout".into(),
        EventKind::Data => "data".into(),
        EventKind::DeadSignal => "dead_signal".into(),
        EventKind::Collapse => "collapse".into(),
        EventKind::Overoptimised => "overoptimised".into(),
        EventKind::Regression { metric, .. } => format!("regression({})", metric.name),
        EventKind::Else => "else".into(),
    }
}

fn matches(arm: &Arm, index: usize, event: &Event) -> bool {
    match &arm.event {
        EventKind::Regression { .. } => event.arm == Some(index),
        // Without an arm of its own a guard is a warning, and nothing to act on.
        EventKind::Else => !is_guard(&event.kind),
        kind => label(kind) == event.kind,
    }
}

/// Decides.  `counts` says how often the arm of each label has acted since the node's last fresh start.
pub fn decide(arms: &[Arm], event: &Event, counts: &BTreeMap<String, u64>) -> Verdict {
    for (i, arm) in arms.iter().enumerate() {
        if !matches(arm, i, event) {
            continue;
        }
        let name = label(&arm.event);
        let before = counts.get(&name).copied().unwrap_or(0);
        if let Some(act) = act(&arm.action, before) {
            return Verdict { arm: name, act };
        }
    }
    Verdict {
        arm: "none".into(),
        act: Act::Fail(FailScope::Stage),
    }
}

/// The action for its next turn; none when its turns are used up.
fn act(action: &Action, before: u64) -> Option<Act> {
    let turn = |times: u64| {
        let times = times.max(1);
        (before < times).then_some((before + 1, times))
    };
    Some(match action {
        Action::Retry {
            times,
            wait,
            backoff,
            scale,
        } => {
            let (nth, times) = turn(*times)?;
            Act::Retry {
                wait: wait * backoff.powi(before.min(60) as i32),
                scale: scale.clone(),
                nth,
                times,
            }
        }
        Action::Rollback {
            to,
            scale,
            times,
            then,
        } => {
            let (nth, times) = turn(*times)?;
            Act::Rollback {
                to: to.clone(),
                scale: scale.clone(),
                nth,
                times,
                then: then.as_ref().and_then(|a| act(a, 0)).map(Box::new),
            }
        }
        Action::Skip => Act::Skip,
        Action::Fail(scope) => Act::Fail(*scope),
        Action::Pause => Act::Pause,
    })
}

/// The first event of a result that these arms would answer otherwise than the ones it was made under.
pub fn disputed(arms: &[Arm], done: &Done) -> Option<usize> {
    if done.events.is_empty() || *arms == *done.arms {
        return None;
    }
    let (mut then, mut now) = (BTreeMap::new(), BTreeMap::new());
    done.events.iter().position(|record| {
        let answer = |arms: &[Arm], counts: &mut BTreeMap<String, u64>| {
            let verdict = decide(arms, &replayed(arms, record), counts);
            *counts.entry(verdict.arm).or_default() += 1;
            verdict.act
        };
        // Files damaged in the store are no one's policy.
        record.event != "damaged"
            && record.action != WARNING
            && !same_course(&answer(&done.arms, &mut then), &answer(arms, &mut now))
    })
}

/// The event of a metric that fell behind its reference.
pub fn regression(arms: &[Arm], inputs: &[Input], point: &Point) -> Option<Event> {
    if point.at.step == 0 {
        return None;
    }
    arms.iter().enumerate().find_map(|(i, arm)| {
        let EventKind::Regression {
            metric,
            worse,
            than,
        } = &arm.event
        else {
            return None;
        };
        let reference = *inputs.get(*than)?.metrics.get(&metric.name)?;
        let now = *point.metrics.get(&metric.name)?;
        let lost = -gain(metric.better, now, reference);
        (lost > 0.0 && at_least(lost, margin(*worse, reference))).then(|| Event {
            kind: "regression".into(),
            arm: Some(i),
            detail: format!("{} {} → {}", metric.name, number(reference), number(now)),
            step: point.at.step,
            from: Some(reference),
            to: Some(now),
        })
    })
}

/// Training metrics without which nothing is learned, and what each of them measures.
const SIGNALS: &[(&str, &str)] = &[
    ("reward.spread", "the rewards of a batch do not differ"),
    ("grad_norm", "the gradient is zero"),
];

/// Under this a signal is dead: what is smaller does not move weights in single precision.
const DEAD: f64 = 1e-8;

/// So many readings make it certain.
const READINGS: u64 = 3;

/// The event of a signal that was near zero in every reading since the evaluation before; `window` has sum and number of the readings of
/// each metric, and a signal is never negative.
pub fn dead_signal(window: &BTreeMap<String, (f64, u64)>, at: Pos, since: Pos) -> Option<Event> {
    SIGNALS.iter().find_map(|(metric, why)| {
        let (sum, n) = *window.get(*metric)?;
        (n >= READINGS && sum <= DEAD * n as f64).then(|| Event {
            kind: "dead_signal".into(),
            arm: None,
            detail: format!(
                "{why}: {metric} was {} in all {n} readings since {}",
                number(sum / n as f64),
                steps(since.step)
            ),
            step: at.step,
            from: None,
            to: Some(sum / n as f64),
        })
    })
}

/// The first event in the evaluations of a result (of so many episodes) that it was not made to heed, for its policy had no such arm.
pub fn overlooked(arms: &[Arm], inputs: &[Input], episodes: u64, done: &Done) -> Option<Event> {
    let heeded = |event: &EventKind| done.arms.iter().any(|a| a.event == *event);
    let watches = |e: &EventKind| {
        matches!(
            e,
            EventKind::Regression { .. } | EventKind::Collapse | EventKind::Overoptimised
        )
    };
    let is_new = |a: &Arm| watches(&a.event) && !heeded(&a.event);
    if done.skipped || !arms.iter().any(is_new) {
        return None;
    }
    let news: Vec<Arm> = arms.iter().filter(|a| is_new(a)).cloned().collect();
    let points = counted(&done.history, !inputs.iter().any(|i| i.need.role == "from"));
    (1..=points.len()).find_map(|n| {
        let points = points.get(..n)?;
        regression(&news, inputs, points.last()?).or_else(|| {
            let mut events = found(points, episodes).into_iter();
            events.find(|event| answered(&news, event))
        })
    })
}

/// Whether two actions lead to the same weights: waits and how often they may act do not matter.
fn same_course(a: &Act, b: &Act) -> bool {
    match (a, b) {
        (Act::Retry { scale: a, .. }, Act::Retry { scale: b, .. }) => a == b,
        (
            Act::Rollback {
                to: to_a,
                scale: scale_a,
                then: then_a,
                ..
            },
            Act::Rollback {
                to: to_b,
                scale: scale_b,
                then: then_b,
                ..
            },
        ) => (to_a, scale_a, then_a) == (to_b, scale_b, then_b),
        _ => a == b,
    }
}

fn replayed(arms: &[Arm], record: &EventRecord) -> Event {
    let watched = record.detail.split(' ').next().unwrap_or_default();
    let arm = arms.iter().position(|a| match &a.event {
        EventKind::Regression { metric, .. } => metric.name == watched,
        _ => false,
    });
    Event {
        kind: record.event.clone(),
        arm: arm.filter(|_| record.event == "regression"),
        detail: String::new(),
        step: record.step,
        from: None,
        to: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use align_plan::{Better, MetricRef};
    use align_schema::{Dim, Quantity};

    fn event(kind: &str, arm: Option<usize>) -> Event {
        Event {
            kind: kind.into(),
            arm,
            detail: String::new(),
            step: 7,
            from: None,
            to: None,
        }
    }
    fn arm(event: EventKind, action: Action) -> Arm {
        Arm { event, action }
    }
    fn retry(times: u64) -> Action {
        Action::Retry {
            times,
            wait: 10.0,
            backoff: 2.0,
            scale: vec![("batch".into(), 0.5)],
        }
    }
    fn rollback(times: u64, then: Option<Action>) -> Action {
        Action::Rollback {
            to: Target::Best,
            scale: vec![("optim.lr".into(), 0.5)],
            times,
            then: then.map(Box::new),
        }
    }
    fn regression() -> EventKind {
        EventKind::Regression {
            metric: MetricRef {
                name: "score".into(),
                better: Better::Up,
            },
            worse: Quantity::new(0.1, Dim::Share),
            than: 0,
        }
    }
    /// What the arms do when the same event comes again and again.
    fn course(arms: &[Arm], event: &Event, n: usize) -> Vec<String> {
        let mut counts = BTreeMap::new();
        (0..n)
            .map(|_| {
                let verdict = decide(arms, event, &counts);
                *counts.entry(verdict.arm.clone()).or_default() += 1;
                format!("{}:{}", verdict.arm, verdict.act.word())
            })
            .collect()
    }

    #[test]
    fn arms_act_in_order_until_their_turns_are_used_up() {
        let arms = [
            arm(EventKind::Nan, rollback(2, None)),
            arm(EventKind::Crash, retry(1)),
            arm(EventKind::Else, Action::Fail(FailScope::Lane)),
        ];
        assert_eq!(
            course(&arms, &event("nan", None), 3),
            ["nan:rollback", "nan:rollback", "else:fail"]
        );
        assert_eq!(
            course(&arms, &event("crash", None), 2),
            ["crash:retry", "else:fail"]
        );
        assert_eq!(course(&arms, &event("oom", None), 1), ["else:fail"]);
        assert_eq!(
            decide(&arms, &event("oom", None), &BTreeMap::new()).act,
            Act::Fail(FailScope::Lane)
        );
        assert_eq!(course(&[], &event("oom", None), 1), ["none:fail"]);
    }

    #[test]
    fn waits_grow_by_the_backoff() {
        let arms = [arm(EventKind::Crash, retry(3))];
        let wait = |n: u64| match decide(
            &arms,
            &event("crash", None),
            &BTreeMap::from([("crash".to_owned(), n)]),
        )
        .act
        {
            Act::Retry { wait, nth, .. } => (wait, nth),
            other => (f64::NAN, other.word().len() as u64),
        };
        assert_eq!(
            [wait(0), wait(1), wait(2)],
            [(10.0, 1), (20.0, 2), (40.0, 3)]
        );
    }

    #[test]
    fn a_regression_finds_its_own_arm() {
        let arms = [
            arm(EventKind::Nan, retry(1)),
            arm(regression(), rollback(1, Some(Action::Skip))),
        ];
        let verdict = decide(&arms, &event("regression", Some(1)), &BTreeMap::new());
        assert_eq!(verdict.arm, "regression(score)");
        match verdict.act {
            Act::Rollback { then, to, .. } => {
                assert_eq!(then.as_deref(), Some(&Act::Skip));
                assert_eq!(to, Target::Best);
            }
            other => assert_eq!(other.word(), "rollback"),
        }
        assert_eq!(
            decide(&arms, &event("regression", None), &BTreeMap::new()).arm,
            "none"
        );
    }
}
