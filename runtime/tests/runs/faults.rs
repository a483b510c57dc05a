//! Runs in which something goes wrong: kills, faults, damage, two drivers, Ctrl-C.

use std::time::{Duration, Instant};

use align_plan::{Action, Arm, EventKind, FailScope, Plan, Sweep, Target};
use align_runtime::{Interrupt, RunOptions, status};
use align_runtime_api::{NodeState, RunEvent};
use align_schema::{Dim, Effect, Quantity, Value};
use libtest_mimic::{Failed, Trial};
use rustix::process::{Pid, Signal, kill_process};

use crate::plans::{With, data, from, plan, stage};
use crate::toy::Toy;
use crate::{Bench, Test, check, same, trial};

pub fn all() -> Vec<Trial> {
    vec![
        trial("worker_killed_at_any_step_gives_equal_bytes", worker_killed),
        trial("driver_killed_at_any_time_gives_equal_bytes", driver_killed),
        trial("interrupt_checkpoints_and_resumes", interrupt),
        trial("nan_rolls_back_with_scale", nan),
        trial("arms_used_up_fall_to_else", used_up),
        trial("an_arm_that_fired_is_part_of_the_result", fired),
        trial("crash_is_retried", crash),
        trial("skip_hands_the_input_on", skip),
        trial("failure_ends_its_lane_only", fail_lane),
        trial("a_fast_sweep_ends_with_its_first_failure", fast_sweep),
        trial("two_drivers_take_turns", two_drivers),
        trial("torn_journal_is_no_obstacle", torn),
        trial("damaged_checkpoint_is_passed_over", damaged_checkpoint),
        trial("damaged_input_is_made_again", damaged_input),
        trial(
            "what_cannot_be_made_is_found_before_anything_starts",
            impossible,
        ),
        trial("clock_budget_is_marked", clock),
    ]
}

pub fn retry(times: u64) -> Action {
    Action::Retry {
        times,
        wait: 0.0,
        backoff: 1.0,
        scale: Vec::new(),
    }
}

pub fn rollback(times: u64, then: Option<Action>) -> Action {
    Action::Rollback {
        to: Target::Best,
        scale: vec![("optim.lr".into(), 0.5)],
        times,
        then: then.map(Box::new),
    }
}

pub fn on(event: EventKind, action: Action) -> Arm {
    Arm { event, action }
}

fn fit(stage: align_plan::Node) -> Plan {
    plan(vec![data("rows", 64), stage])
}

fn worker_killed() -> Test {
    let calm = Bench::new()?.run(&fit(stage("fit")))?;
    // Before the first checkpoint, between, on an evaluation, at the last step.
    for step in [0, 7, 50, 149, 200, 399] {
        let bench = Bench::new()?;
        let killed = bench.run_faulty(&fit(stage("fit")), &format!("fit:kill@{step}"))?;
        same("no arm: it fails", killed.outcome.exit_code(), 3)?;
        let note = killed.node("fit")?.note.clone().unwrap_or_default();
        check(note.contains("signal 9"), note)?;
        let now = status(&fit(stage("fit")), &bench.store, &Toy, "cpu-f32")?;
        same("status", now[1].state, NodeState::Failed)?;
        let again = bench.run(&fit(stage("fit")))?;
        same("exit", again.outcome.exit_code(), 0)?;
        let (a, b) = (calm.node("fit")?, again.node("fit")?);
        same("outputs", &a.outputs, &b.outputs)?;
        same("history", &a.history, &b.history)?;
        if step > 50 {
            let text = again.decisions().join("\n");
            check(text.contains("goes on from"), text)?;
        }
    }
    Ok(())
}

fn kill(child: &mut std::process::Child, signal: Signal) -> Test {
    let pid = Pid::from_raw(child.id() as i32).ok_or("no pid")?;
    kill_process(pid, signal)?;
    Ok(())
}

/// Waits until the store has this many files of a kind.
fn until_files(bench: &Bench, part: &str, n: usize) -> Test {
    let begun = Instant::now();
    while bench.files(part).len() < n {
        if begun.elapsed() > Duration::from_mins(1) {
            return Err(Failed::from(format!("no {n} files like {part}")));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn slow() -> Plan {
    plan(vec![
        data("rows", 64),
        stage("fit").pause(1),
        from("tune", "fit").budget(100).pause(1),
    ])
}

fn driver_killed() -> Test {
    let calm = Bench::new()?.run(&slow())?;
    let bench = Bench::new()?;
    for wait in [1, 60, 120, 250, 400, 150, 90] {
        let mut driver = bench.spawn(&slow())?;
        std::thread::sleep(Duration::from_millis(wait));
        kill(&mut driver, Signal::KILL)?;
        driver.wait()?;
    }
    let again = bench.run(&slow())?;
    same("exit", again.outcome.exit_code(), 0)?;
    for name in ["rows", "fit", "tune"] {
        same(name, &calm.node(name)?.outputs, &again.node(name)?.outputs)?;
        same(name, &calm.node(name)?.history, &again.node(name)?.history)?;
    }
    Ok(())
}

fn interrupt() -> Test {
    let calm = Bench::new()?.run(&slow())?;
    let bench = Bench::new()?;
    let mut driver = bench.spawn(&slow())?;
    until_files(&bench, "/journal", 2)?;
    std::thread::sleep(Duration::from_millis(120));
    kill(&mut driver, Signal::INT)?;
    same("exit", driver.wait()?.code(), Some(130))?;
    let now = status(&slow(), &bench.store, &Toy, "cpu-f32")?;
    same("state", now[1].state, NodeState::Waiting)?;
    check(now[1].steps > 0, "it had begun")?;
    check(now[1].checkpoint.is_some(), "a checkpoint was written")?;
    let at = now[1].steps;
    let again = bench.run(&slow())?;
    let resumed = again.events.iter().find_map(|e| match e {
        RunEvent::Started { id, from_step, .. } if id.0 == "main/fit" => Some(*from_step),
        _ => None,
    });
    same("goes on where it stopped", resumed, Some(at))?;
    for name in ["fit", "tune"] {
        same(name, &calm.node(name)?.outputs, &again.node(name)?.outputs)?;
    }
    // The second request does not wait.
    let interrupt = Interrupt::default();
    interrupt.raise();
    interrupt.raise();
    let options = RunOptions {
        interrupt,
        ..RunOptions::default()
    };
    let stopped = Bench::new()?.run_with(&slow(), options)?;
    same("exit", stopped.outcome.exit_code(), 130)
}

fn nan() -> Test {
    let bench = Bench::new()?;
    let plan = fit(stage("fit").arm(on(EventKind::Nan, rollback(3, None))));
    let ran = bench.run_faulty(&plan, "fit:nan@120")?;
    same("exit", ran.outcome.exit_code(), 0)?;
    let fit = ran.node("fit")?;
    same("events", fit.events.len(), 1)?;
    let event = &fit.events[0];
    same(
        "event",
        (event.event.as_str(), event.action.as_str()),
        ("nan", "rollback"),
    )?;
    same("step", (event.step, event.to_step), (120, Some(100)))?;
    let lr = &fit.history["lr"];
    same("before", lr.first().map(|p| p.1), Some(0.004))?;
    same("after", lr.last().map(|p| p.1), Some(0.002))?;
    let text = ran.decisions().join("\n");
    check(
        text.contains("fit: nan at 120 steps (loss is not finite at step 120 (injected)) → rolled back to 100 steps, optim.lr × 0.5 (1 of 3)"),
        text,
    )?;
    // The record stays, and nothing runs again.
    let again = bench.run(&plan)?;
    same("started", again.outcome.started, 0)?;
    same("events", again.node("fit")?.events.len(), 1)
}

fn used_up() -> Test {
    let bench = Bench::new()?;
    let fail = Action::Fail(FailScope::Stage);
    let plan = fit(stage("fit")
        .arm(on(EventKind::Nan, rollback(2, None)))
        .arm(on(EventKind::Else, fail)));
    let ran = bench.run_faulty(&plan, "fit:nan@120*")?;
    same("exit", ran.outcome.exit_code(), 3)?;
    let lines = ran
        .decisions()
        .iter()
        .filter(|t| t.contains("nan at"))
        .count();
    same("two rollbacks and an end", lines, 3)?;
    let now = status(&plan, &bench.store, &Toy, "cpu-f32")?;
    same("state", now[1].state, NodeState::Failed)?;
    same("events", now[1].events.len(), 3)?;
    same("last", now[1].events[2].action.as_str(), "fail")?;
    // Run again without the fault: from the newest checkpoint, learning rate quartered.
    let again = bench.run(&plan)?;
    same("exit", again.outcome.exit_code(), 0)?;
    let lr = again.node("fit")?.history["lr"].last().map(|p| p.1);
    same("scales accumulate", lr, Some(0.001))
}

fn fired() -> Test {
    let bench = Bench::new()?;
    let plan = |times, on_crash| {
        fit(stage("fit")
            .arm(on(EventKind::Nan, rollback(times, None)))
            .arm(on(EventKind::Crash, retry(on_crash))))
    };
    let first = bench.run_faulty(&plan(3, 1), "fit:nan@120")?;
    same("events", first.node("fit")?.events.len(), 1)?;
    // An arm that did not fire changes nothing, nor does how often one may.
    same("counts", bench.run(&plan(4, 5))?.outcome.started, 0)?;
    let harder = Action::Rollback {
        to: Target::Best,
        scale: vec![("optim.lr".into(), 0.25)],
        times: 3,
        then: None,
    };
    let other = fit(stage("fit").arm(on(EventKind::Nan, harder)));
    let ran = bench.run(&other)?;
    same(&ran.explain(), ran.outcome.started, 1)?;
    // It happened by a fault that is gone: this time nothing goes wrong.
    let calm = Bench::new()?.run(&fit(stage("fit")))?;
    same(
        "outputs",
        &ran.node("fit")?.outputs,
        &calm.node("fit")?.outputs,
    )
}

fn crash() -> Test {
    let calm = Bench::new()?.run(&fit(stage("fit")))?;
    for (fault, detail) in [("crash", "injected crash"), ("kill", "killed by signal 9")] {
        let bench = Bench::new()?;
        let plan = fit(stage("fit").arm(on(EventKind::Crash, retry(2))));
        let ran = bench.run_faulty(&plan, &format!("fit:{fault}@130"))?;
        let fit = ran.node("fit")?;
        same("exit", ran.outcome.exit_code(), 0)?;
        same("events", fit.events.len(), 1)?;
        let event = &fit.events[0];
        same(
            "what",
            (event.action.as_str(), event.to_step),
            ("retry", Some(100)),
        )?;
        check(event.detail.contains(detail), &event.detail)?;
        // A crash is not the training's fault: the weights are those of a calm run.
        same("outputs", &fit.outputs, &calm.node("fit")?.outputs)?;
    }
    Ok(())
}

fn skip() -> Test {
    let bench = Bench::new()?;
    let plan = plan(vec![
        data("rows", 64),
        stage("pretrain"),
        from("rl", "pretrain").arm(on(EventKind::Else, Action::Skip)),
        from("sft", "rl").budget(50),
    ]);
    let ran = bench.run_faulty(&plan, "rl:oom@60")?;
    same("exit", ran.outcome.exit_code(), 0)?;
    let (pretrain, rl) = (ran.node("pretrain")?, ran.node("rl")?);
    same("state", rl.state, NodeState::Skipped)?;
    same(
        "its checkpoint",
        &rl.outputs["best"],
        &pretrain.outputs["best"],
    )?;
    let told = ran.explain();
    same(&told, ran.node("sft")?.state, NodeState::Done)?;
    same("again", bench.run(&plan)?.outcome.started, 0)
}

fn fail_lane() -> Test {
    let lane = |name: &str, rows: i64| {
        vec![
            data("rows", rows).lane(name),
            stage("fit")
                .arm(on(EventKind::Nan, Action::Fail(FailScope::Lane)))
                .lane(name),
            stage("other").lr(0.002).pause(1).lane(name),
            from("tune", "fit").lane(name),
        ]
    };
    let plan = plan([lane("a", 32), lane("b", 48)].concat());
    let bench = Bench::new()?;
    let ran = bench.run_faulty(&plan, "a/fit:nan@60")?;
    same("exit", ran.outcome.exit_code(), 3)?;
    same("a/fit", ran.node("a/fit")?.state, NodeState::Failed)?;
    same("a/tune", ran.node("a/tune")?.state, NodeState::Skipped)?;
    same("a/other", ran.node("a/other")?.state, NodeState::Skipped)?;
    for name in ["b/fit", "b/other", "b/tune"] {
        same(name, ran.node(name)?.state, NodeState::Done)?;
    }
    // With `keep_going` only what needs it stops.
    let options = RunOptions {
        keep_going: true,
        faults: align_runtime::inject::parse("a/fit:nan@60")?,
        ..RunOptions::default()
    };
    let going = Bench::new()?.run_with(&plan, options)?;
    same("a/other", going.node("a/other")?.state, NodeState::Done)?;
    same("a/tune", going.node("a/tune")?.state, NodeState::Skipped)
}

fn fast_sweep() -> Test {
    let lane = |name: &str, rows: i64| vec![data("rows", rows).lane(name), stage("fit").lane(name)];
    let all = [lane("a", 32), lane("b", 48), lane("c", 64)].concat();
    let sweeps = |fail_fast: bool| {
        let mut plan = plan(all.clone());
        for lane in &mut plan.lanes {
            let of = if lane.id == "c" { "slow" } else { "fast" };
            lane.sweep = Some(of.to_owned());
        }
        plan.parallel = 1;
        plan.sweeps = ["fast", "slow"]
            .map(|name| Sweep {
                name: name.to_owned(),
                fail_fast: fail_fast && name == "fast",
                prune: None,
            })
            .to_vec();
        plan
    };
    let ran = Bench::new()?.run_faulty(&sweeps(true), "a/fit:nan@60")?;
    same("a/fit", ran.node("a/fit")?.state, NodeState::Failed)?;
    same("b/fit", ran.node("b/fit")?.state, NodeState::Skipped)?;
    let note = ran.node("b/rows")?.note.clone().unwrap_or_default();
    same(
        "its note",
        note,
        "`fit` failed, which ends `fast`".to_owned(),
    )?;
    // Another sweep of the file goes on.
    same("c/fit", ran.node("c/fit")?.state, NodeState::Done)?;
    let ran = Bench::new()?.run_faulty(&sweeps(false), "a/fit:nan@60")?;
    same("b/fit", ran.node("b/fit")?.state, NodeState::Done)
}

fn two_drivers() -> Test {
    let bench = Bench::new()?;
    let mut first = bench.spawn(&slow())?;
    until_files(&bench, "/job.json", 1)?;
    let refused = bench.run_with(
        &slow(),
        RunOptions {
            wait: false,
            ..RunOptions::default()
        },
    );
    let error = refused.err().map(|e| format!("{e:?}")).unwrap_or_default();
    check(error.contains("another run (process "), error)?;
    let second = bench.run(&slow())?;
    same("first", first.wait()?.code(), Some(0))?;
    same("nothing left for the second", second.outcome.started, 0)?;
    let text = second.decisions().join("\n");
    check(text.contains("waiting for it to end"), text)?;
    // One attempt each: nothing ran twice.
    same("attempts", bench.files("/job.json").len(), 3)
}

fn torn() -> Test {
    let calm = Bench::new()?.run(&fit(stage("fit")))?;
    for cut in [1, 5, 9, 40] {
        let bench = Bench::new()?;
        bench.run_faulty(&fit(stage("fit")), "fit:kill@130")?;
        for path in bench
            .files("/journal")
            .into_iter()
            .chain(bench.files("/log"))
        {
            let bytes = std::fs::read(&path)?;
            std::fs::write(&path, &bytes[..bytes.len().saturating_sub(cut)])?;
        }
        let again = bench.run(&fit(stage("fit")))?;
        same("exit", again.outcome.exit_code(), 0)?;
        same(
            "outputs",
            &again.node("fit")?.outputs,
            &calm.node("fit")?.outputs,
        )?;
    }
    Ok(())
}

/// Changes one byte of a file.
fn spoil(path: &std::path::Path) -> Test {
    let mut bytes = std::fs::read(path)?;
    let at = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 0x40;
    }
    std::fs::write(path, bytes)?;
    Ok(())
}

fn damaged_checkpoint() -> Test {
    let calm = Bench::new()?.run(&fit(stage("fit")))?;
    let bench = Bench::new()?;
    let killed = bench.run_faulty(&fit(stage("fit")), "fit:kill@130")?;
    let newest = killed
        .events
        .iter()
        .rev()
        .find_map(|e| match e {
            RunEvent::Checkpointed { step, .. } => Some(*step),
            _ => None,
        })
        .ok_or("no checkpoint")?;
    same("newest", newest, 100)?;
    // Every blob of the newest checkpoint's time: those written last.
    let mut blobs = bench.files("/blobs/");
    blobs.sort_by_key(|p| std::fs::metadata(p).and_then(|m| m.modified()).ok());
    for path in blobs.iter().rev().take(2) {
        spoil(path)?;
    }
    let again = bench.run(&fit(stage("fit")))?;
    let text = again.decisions().join("\n");
    check(text.contains("a checkpoint cannot be used"), &text)?;
    same(
        "outputs",
        &again.node("fit")?.outputs,
        &calm.node("fit")?.outputs,
    )
}

fn damaged_input() -> Test {
    let bench = Bench::new()?;
    let calm = bench.run(&fit(stage("fit")))?;
    let digest = calm.node("rows")?.outputs["data"].clone();
    let mut blobs = bench.files("/blobs/");
    // The dataset's file was written first.
    blobs.sort_by_key(|p| std::fs::metadata(p).and_then(|m| m.modified()).ok());
    spoil(blobs.first().ok_or("no blob")?)?;
    let edited = fit(stage("fit").lr(0.001));
    let ran = bench.run(&edited)?;
    let text = ran.decisions().join("\n");
    check(text.contains("damaged"), &text)?;
    same(&ran.explain(), ran.outcome.exit_code(), 0)?;
    same("made again", &ran.node("rows")?.outputs["data"], &digest)
}

fn impossible() -> Test {
    let bench = Bench::new()?;
    let nodes = |extra: Option<align_plan::Node>| {
        let all = [data("rows", 64), stage("fit")].into_iter().chain(extra);
        plan(all.collect())
    };
    let late = data("late", 8)
        .need("from", "fit", align_schema::Port::Best)
        .field("impossible", Value::Bool(true), Effect::Identity);
    let ran = bench.run(&nodes(Some(late.clone())))?;
    same("exit", ran.outcome.exit_code(), 3)?;
    same("started", ran.outcome.started, 0)?;
    same(
        "late",
        ran.node("late")?.note.as_deref(),
        Some("this data is of the wrong shape"),
    )?;
    same("rows", ran.node("rows")?.state, NodeState::Skipped)?;
    // What the store has is still shown.
    bench.run(&nodes(None))?;
    let again = bench.run(&nodes(Some(late)))?;
    same("fit", again.node("fit")?.state, NodeState::Done)?;
    same("late", again.node("late")?.state, NodeState::Failed)
}

fn clock() -> Test {
    let bench = Bench::new()?;
    let mut node = stage("fit").pause(2).budget(100_000);
    if let Some(budget) = &mut node.budget {
        budget.any.push(Quantity::new(0.3, Dim::Time));
    }
    let plan = fit(node.field("x", Value::Int(1), Effect::Inert));
    let ran = bench.run(&plan)?;
    let stop = ran.node("fit")?.stopped_by.clone().unwrap_or_default();
    check(stop.contains("the clock"), stop)?;
    same("again", bench.run(&plan)?.outcome.started, 0)?;
    let later: Vec<String> = ran
        .events
        .iter()
        .filter_map(|e| match e {
            RunEvent::Progress { nearest, used, .. } if *used > 0.0 => {
                nearest.clone().or(Some(String::new()))
            }
            _ => None,
        })
        .collect();
    check(!later.is_empty(), "progress was told")?;
    Ok(())
}
