//! Runs that a guard watches: a metric that falls behind its reference, a signal that is dead.

use align_plan::{Action, EventKind, FailScope, Plan};
use align_runtime::{forecast, status};
use align_runtime_api::{NodeState, PlanAction, RunEvent};
use align_schema::{Dim, Effect, Quantity, Value};
use libtest_mimic::Trial;

use crate::faults::{on, retry, rollback};
use crate::plans::{With, data, from, plan, score, stage};
use crate::toy::Toy;
use crate::{Bench, Test, check, same, trial};

pub fn all() -> Vec<Trial> {
    vec![
        trial("regression_rolls_back_then_skips", regression),
        trial("a_new_regression_arm_is_asked_of_what_is_stored", new_arm),
        trial("a_dead_signal_ends_the_stage_or_is_answered", dead),
        trial(
            "a_guard_without_an_arm_is_a_warning_with_its_numbers",
            warned,
        ),
        trial("a_guard_with_an_arm_is_answered", answered),
        trial(
            "a_guard_that_is_added_later_is_asked_of_what_is_stored",
            asked_later,
        ),
    ]
}

fn guarded(then: Option<Action>) -> Plan {
    let regression = EventKind::Regression {
        metric: score(),
        worse: Quantity::new(0.1, Dim::Share),
        than: 1,
    };
    plan(vec![
        data("rows", 64),
        stage("pretrain"),
        from("rl", "pretrain")
            .budget(300)
            .arm(on(regression, rollback(1, then))),
        from("sft", "rl").budget(50),
    ])
}

fn regression() -> Test {
    let bench = Bench::new()?;
    let plan = guarded(Some(Action::Skip));
    // The first evaluation (before training) and the second are fine.
    let ran = bench.run_faulty(&plan, "rl:worsen=score@3")?;
    same("exit", ran.outcome.exit_code(), 0)?;
    let rl = ran.node("rl")?;
    same("state", rl.state, NodeState::Done)?;
    same("events", rl.events.len(), 1)?;
    let event = &rl.events[0];
    same(
        "event",
        (event.event.as_str(), event.step),
        ("regression", 100),
    )?;
    let (before, after) = (event.from.unwrap_or(0.0), event.to.unwrap_or(0.0));
    check(after < 0.6 * before, "the score was halved")?;
    check(
        rl.steps <= 50,
        format!("ends with an earlier checkpoint, not {}", rl.steps),
    )?;
    check(rl.best["score"] > 0.9 * before, "a good one")?;
    same("what follows runs", ran.node("sft")?.state, NodeState::Done)?;
    same("again", bench.run(&plan)?.outcome.started, 0)?;
    // Without `then` training goes on from there, and the fault is over.
    let on = Bench::new()?.run_faulty(&guarded(None), "rl:worsen=score@3")?;
    same("steps", on.node("rl")?.steps, 300)?;
    same("events", on.node("rl")?.events.len(), 1)
}

fn new_arm() -> Test {
    let bench = Bench::new()?;
    let rl = || from("rl", "pretrain").budget(300);
    let unguarded = |rl| {
        plan(vec![
            data("rows", 64),
            stage("pretrain").budget(50),
            rl,
            from("sft", "rl").budget(50),
        ])
    };
    // The faulty scores stay in the store.
    let first = bench.run_faulty(&unguarded(rl()), "rl:worsen=score@3")?;
    same("events", first.node("rl")?.events.len(), 0)?;
    let watch = |worse| EventKind::Regression {
        metric: score(),
        worse: Quantity::new(worse, Dim::Share),
        than: 1,
    };
    // One that would not have acted changes nothing.
    let calm = unguarded(rl().arm(on(watch(5.0), Action::Skip)));
    same("started", bench.run(&calm)?.outcome.started, 0)?;
    let guarded = unguarded(rl().arm(on(watch(0.1), rollback(1, None))));
    let entries = forecast(&guarded, &bench.store, &Toy, "cpu-f32")?;
    same("action", entries[2].action, PlanAction::Cut)?;
    same(
        "reason",
        entries[2].reason.as_str(),
        "`on regression(score)` would have acted at 100 steps",
    )?;
    // The fault is over: it goes on from before, finds other scores, and nothing acts.
    let again = bench.run(&guarded)?;
    same("events", again.node("rl")?.events.len(), 0)?;
    let text = again.decisions().join("\n");
    check(text.contains("rl goes on from 50 steps"), &text)?;
    check(
        again.node("rl")?.best["score"] > first.node("rl")?.last["score"],
        "true scores",
    )?;
    same("started", bench.run(&guarded)?.outcome.started, 0)
}

fn dead() -> Test {
    let plan = |arm: Option<Action>| {
        let mut rl = from("rl", "pretrain").budget(300);
        if let Some(action) = arm {
            rl = rl.arm(on(EventKind::DeadSignal, action));
        }
        plan(vec![data("rows", 64), stage("pretrain"), rl])
    };
    let bench = Bench::new()?;
    let failed = bench.run_faulty(&plan(None), "rl:silent=grad_norm@60*")?;
    same("exit", failed.outcome.exit_code(), 3)?;
    let note = failed.node("rl")?.note.clone().unwrap_or_default();
    same(
        "note",
        note.as_str(),
        "dead_signal at 150 steps: the gradient is zero: grad_norm was 0 in all 10 readings since 100 steps",
    )?;
    let now = status(&plan(None), &bench.store, &Toy, "cpu-f32")?;
    same(
        "kept in status",
        now[2].note.as_deref(),
        Some(note.as_str()),
    )?;
    // Other random numbers: the second attempt is well.
    let bench = Bench::new()?;
    let ran = bench.run_faulty(&plan(Some(retry(2))), "rl:silent=grad_norm@60")?;
    same("exit", ran.outcome.exit_code(), 0)?;
    let rl = ran.node("rl")?;
    let event = &rl.events[0];
    same(
        "event",
        (event.event.as_str(), event.step),
        ("dead_signal", 150),
    )?;
    same("steps", rl.steps, 300)?;
    // In every attempt: the retries are used up.
    let ran = Bench::new()?.run_faulty(&plan(Some(retry(2))), "rl:silent=grad_norm@60*")?;
    same("exit", ran.outcome.exit_code(), 3)?;
    let told = |e: &&RunEvent| matches!(e, RunEvent::Handled { .. });
    same("handled", ran.events.iter().filter(told).count(), 3)
}

/// A stage whose diversity falls to nothing, and whose score gets worse from its fifth evaluation on by a fault.
fn pleased(arms: impl IntoIterator<Item = (EventKind, Action)>) -> Plan {
    let fit = stage("fit").field("guarded", Value::Int(1), Effect::Identity);
    let fit = arms
        .into_iter()
        .fold(fit, |fit, (event, action)| fit.arm(on(event, action)));
    plan(vec![data("rows", 64), fit])
}

const WORSE: &str = "fit:worsen=score@5*";

/// Events in the record of the stage: kind, step, action.
fn record(status: &align_runtime_api::NodeStatus) -> Vec<(String, u64, String)> {
    let events = status.events.iter();
    events
        .map(|e| (e.event.clone(), e.step, e.action.clone()))
        .collect()
}

fn warned() -> Test {
    let bench = Bench::new()?;
    // `else` is for what ends an attempt.
    let plan = pleased([(EventKind::Else, Action::Fail(FailScope::Lane))]);
    let ran = bench.run_faulty(&plan, WORSE)?;
    same("exit", ran.outcome.exit_code(), 0)?;
    let fit = ran.node("fit")?;
    same("steps", fit.steps, 400)?;
    let mut kinds = record(fit);
    kinds.sort();
    same("two warnings, once each", kinds.len(), 2)?;
    check(
        kinds[0].0 == "collapse" && kinds[0].2 == "warning",
        format!("{kinds:?}"),
    )?;
    same(
        "at the first evaluation that is worse",
        &kinds[1],
        &("overoptimised".to_owned(), 200, "warning".to_owned()),
    )?;
    let told: Vec<&str> = ran
        .events
        .iter()
        .filter_map(|e| match e {
            RunEvent::Warned { record, .. } => Some(record.detail.as_str()),
            _ => None,
        })
        .collect();
    same("told once each", told.len(), 2)?;
    let detail = fit.events.iter().find(|e| e.event == "overoptimised");
    let detail = detail.map(|e| e.detail.clone()).unwrap_or_default();
    check(
        detail.starts_with("the critic's value rose from 9.")
            && detail.contains(" since 150 steps while score fell from "),
        &detail,
    )?;
    // A run that was interrupted says and keeps the same.
    let other = Bench::new()?;
    let mut plan = plan;
    plan.nodes[1] = plan.nodes[1].clone().pause(2);
    let mut driver = other.spawn(&plan)?;
    std::thread::sleep(std::time::Duration::from_millis(400));
    driver.kill()?;
    driver.wait()?;
    let again = other.run_faulty(&plan, WORSE)?;
    same("exit", again.outcome.exit_code(), 0)?;
    let now = status(&plan, &other.store, &Toy, "cpu-f32")?;
    same("kept", record(&now[1]), record(again.node("fit")?))?;
    check(
        record(&now[1]).iter().any(|e| e.0 == "collapse"),
        "a collapse is kept",
    )
}

fn answered() -> Test {
    let arms = [
        (EventKind::Collapse, rollback(1, Some(Action::Skip))),
        (EventKind::Overoptimised, Action::Skip),
    ];
    let ran = Bench::new()?.run_faulty(&pleased(arms.clone()), WORSE)?;
    let fit = ran.node("fit")?;
    same("state", fit.state, NodeState::Done)?;
    let found = record(fit);
    same("one event ends it", found.len(), 1)?;
    same(
        "what",
        (found[0].0.as_str(), found[0].2.as_str()),
        ("collapse", "rollback"),
    )?;
    check(fit.steps < 400, "it ended there")?;
    // Only the critic is watched: skipped at the first evaluation that is worse.
    let ran = Bench::new()?.run_faulty(&pleased([arms[1].clone()]), "fit:worsen=score@3*")?;
    let fit = ran.node("fit")?;
    same("state", fit.state, NodeState::Skipped)?;
    check(
        record(fit).contains(&("overoptimised".to_owned(), 100, "skip".to_owned())),
        format!("{:?}", record(fit)),
    )
}

fn asked_later() -> Test {
    let bench = Bench::new()?;
    let first = bench.run(&pleased([]))?;
    let warned = record(first.node("fit")?);
    same("one warning", warned.len(), 1)?;
    let guarded = pleased([(EventKind::Collapse, rollback(1, Some(Action::Skip)))]);
    let entries = forecast(&guarded, &bench.store, &Toy, "cpu-f32")?;
    same("action", entries[1].action, PlanAction::Cut)?;
    check(
        entries[1]
            .reason
            .starts_with("`on collapse` would have acted at "),
        &entries[1].reason,
    )?;
    let again = bench.run(&guarded)?;
    same(
        "answered at the same step",
        record(again.node("fit")?),
        vec![("collapse".to_owned(), warned[0].1, "rollback".to_owned())],
    )?;
    same("then", bench.run(&guarded)?.outcome.started, 0)
}
