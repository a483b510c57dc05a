//! Runs that a guard watches: a metric that falls behind its reference, a signal that is dead.

use align_plan::{Action, EventKind, Plan};
use align_runtime::{forecast, status};
use align_runtime_api::{NodeState, PlanAction, RunEvent};
use align_schema::{Dim, Quantity};
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
