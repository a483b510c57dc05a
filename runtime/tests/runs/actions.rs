//! Each failure action does what it says, as often as it says, and is in the record.

use align_plan::{Action, EventKind, FailScope, Node, Plan, Sweep};
use align_runtime::status;
use align_runtime_api::{NodeState, RunEvent};
use libtest_mimic::Trial;

use crate::faults::{on, retry};
use crate::plans::{With, data, from, plan, stage};
use crate::toy::Toy;
use crate::{Bench, Ran, Test, check, same, trial};

pub fn all() -> Vec<Trial> {
    vec![
        trial("pause_waits_for_a_person_and_the_next_run_goes_on", pause),
        trial("each_retry_waits_longer", backoff),
        trial("a_failure_may_end_its_sweep", sweep),
        trial("unusable_data_is_skipped", unusable),
        trial("every_action_is_bounded", bounded),
    ]
}

fn fit(arms: impl IntoIterator<Item = (EventKind, Action)>) -> Plan {
    let arms = arms.into_iter();
    let fit = arms.fold(stage("fit"), |fit: Node, (event, action)| {
        fit.arm(on(event, action))
    });
    plan(vec![data("rows", 64), fit])
}

/// Events that were answered, with the action.
fn handled(ran: &Ran) -> Vec<(String, String)> {
    ran.events
        .iter()
        .filter_map(|e| match e {
            RunEvent::Handled { record, .. } => Some((record.event.clone(), record.action.clone())),
            _ => None,
        })
        .collect()
}

fn pause() -> Test {
    let bench = Bench::new()?;
    let plan = fit([(EventKind::Nan, Action::Pause)]);
    let ran = bench.run_faulty(&plan, "fit:nan@130")?;
    same("exit", ran.outcome.exit_code(), 3)?;
    same(
        "handled",
        handled(&ran),
        vec![("nan".into(), "pause".into())],
    )?;
    let note = ran.node("fit")?.note.clone().unwrap_or_default();
    check(
        note.contains("it waits for a person, run again to go on"),
        &note,
    )?;
    let now = status(&plan, &bench.store, &Toy, "cpu-f32")?;
    same("note", now[1].note.as_deref(), Some(note.as_str()))?;
    same("event", now[1].events[0].action.as_str(), "pause")?;
    // Running again is the answer of the person; what was trained is not lost.
    let again = bench.run(&plan)?;
    same("exit", again.outcome.exit_code(), 0)?;
    let text = again.decisions().join("\n");
    check(text.contains("goes on from 100 steps"), &text)
}

fn backoff() -> Test {
    let slower = Action::Retry {
        times: 3,
        wait: 0.02,
        backoff: 2.0,
        scale: Vec::new(),
    };
    let plan = fit([(EventKind::Crash, slower)]);
    let ran = Bench::new()?.run_faulty(&plan, "fit:crash@60*")?;
    same("exit", ran.outcome.exit_code(), 3)?;
    let text = ran.decisions().join("\n");
    for (n, wait) in [(1, "20 ms"), (2, "40 ms"), (3, "80 ms")] {
        let words = format!("retry {n} of 3 from 50 steps in {wait}");
        check(text.contains(&words), format!("no `{words}` in {text}"))?;
    }
    check(!text.contains("retry 4"), &text)
}

fn sweep() -> Test {
    let lane = |name: &str, rows: i64| {
        vec![
            data("rows", rows).lane(name),
            stage("fit")
                .arm(on(EventKind::Nan, Action::Fail(FailScope::Sweep)))
                .lane(name),
            from("tune", "fit").lane(name),
        ]
    };
    let mut plan = plan([lane("a", 32), lane("b", 48), lane("c", 64)].concat());
    for lane in &mut plan.lanes {
        lane.sweep = Some(if lane.id == "c" { "other" } else { "one" }.to_owned());
    }
    plan.parallel = 1;
    plan.sweeps = ["one", "other"]
        .map(|name| Sweep {
            name: name.to_owned(),
            fail_fast: false,
            prune: None,
        })
        .to_vec();
    let ran = Bench::new()?.run_faulty(&plan, "a/fit:nan@60")?;
    same("a/fit", ran.node("a/fit")?.state, NodeState::Failed)?;
    for name in ["a/tune", "b/fit", "b/tune"] {
        same(name, ran.node(name)?.state, NodeState::Skipped)?;
    }
    same("c/tune", ran.node("c/tune")?.state, NodeState::Done)
}

fn unusable() -> Test {
    let bench = Bench::new()?;
    let plan = plan(vec![
        data("rows", 64),
        stage("pretrain"),
        from("rl", "pretrain").arm(on(EventKind::Data, Action::Skip)),
        from("sft", "rl").budget(50),
    ]);
    let ran = bench.run_faulty(&plan, "rl:data@60")?;
    same("exit", ran.outcome.exit_code(), 0)?;
    same(
        "handled",
        handled(&ran),
        vec![("data".into(), "skip".into())],
    )?;
    same("rl", ran.node("rl")?.state, NodeState::Skipped)?;
    same("sft", ran.node("sft")?.state, NodeState::Done)
}

fn bounded() -> Test {
    // Every event in every attempt, and arms that would try again.
    for fault in ["nan", "oom", "data", "crash", "kill"] {
        let plan = fit([(EventKind::Else, retry(2))]);
        let ran = Bench::new()?.run_faulty(&plan, &format!("fit:{fault}@60*"))?;
        same(fault, ran.outcome.exit_code(), 3)?;
        same(fault, ran.outcome.started, 1 + 1 + 2)?;
        let kept = &ran.node("fit")?.note;
        check(kept.is_some(), "a reason")?;
        let actions: Vec<String> = handled(&ran).into_iter().map(|(_, a)| a).collect();
        same(
            fault,
            actions,
            vec!["retry".into(), "retry".into(), "fail".into()],
        )?;
    }
    Ok(())
}
