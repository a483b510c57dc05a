//! Runs in good order: a whole pipeline, reuse, edits, resumption.

use align_plan::{Condition, Plan};
use align_runtime::{forecast, status};
use align_runtime_api::{NodeState, PlanAction, RunEvent};
use align_schema::{Effect, Value};
use libtest_mimic::Trial;

use crate::plans::{With, cascade, data, from, plan, plateau, score, sequence, stage};
use crate::toy::Toy;
use crate::{Bench, Test, check, same, trial};

pub fn all() -> Vec<Trial> {
    vec![
        trial("pipeline_runs_and_is_reused", pipeline),
        trial("sequence_stops_by_its_rule", sequence_stops),
        trial("checkpoints_that_nothing_needs_are_removed", garbage),
        trial("equal_runs_give_equal_checkpoints", equal_runs),
        trial("larger_budget_equals_one_from_the_start", extension),
        trial("smaller_budget_and_stricter_rule_cut_back", cut_back),
        trial("an_edit_reruns_and_says_why", edits),
        trial("early_cutoff_by_content", cutoff),
        trial("more_episodes_reevaluate", reevaluate),
        trial("another_cadence_is_replayed", cadence),
        trial("only_until_force", selection),
        trial("checkpoint_at_a_step", pinned),
        trial("file_outside_is_part_of_the_key", outside),
        trial("two_lanes_share_equal_nodes", lanes),
    ]
}

fn pipeline_plan() -> Plan {
    plan(vec![
        data("rows", 64),
        stage("pretrain"),
        from("rl", "pretrain").lr(0.002).budget(200),
        from("rl", "rl").lr(0.002).budget(200).round(2, "aligned"),
        sequence("aligned", "rl", 2, plateau(1000.0, 2)),
        cascade("controller", "pretrain", "aligned"),
    ])
}

fn pipeline() -> Test {
    let bench = Bench::new()?;
    let plan = pipeline_plan();
    let first = bench.run(&plan)?;
    same("exit", first.outcome.exit_code(), 0)?;
    same("started", first.outcome.started, 5)?;
    for node in &first.outcome.nodes {
        same(&node.id.0, node.state, NodeState::Done)?;
        check(
            node.checkpoint.is_some(),
            format!("{} has no digest", node.id),
        )?;
    }
    let pretrain = first.node("pretrain")?;
    same("steps", pretrain.steps, 400)?;
    same(
        "stop",
        pretrain.stopped_by.as_deref(),
        Some("budget of 400 steps"),
    )?;
    check(pretrain.best["score"] > 90.0, "least squares is easy")?;
    same("episodes", pretrain.episodes.len(), 5)?;
    check(pretrain.history["loss"].len() > 50, "training curve")?;
    same("evaluations", pretrain.history["score"].len(), 9)?;
    same("first evaluation", pretrain.history["score"][0].0, 0)?;
    let text = first.decisions().join("\n");
    check(
        text.contains("pretrain stopped at 400 steps: budget of 400 steps"),
        &text,
    )?;

    let second = bench.run(&plan)?;
    same("started again", second.outcome.started, 0)?;
    same("reused", second.outcome.reused, plan.nodes.len())?;
    for (a, b) in first.outcome.nodes.iter().zip(&second.outcome.nodes) {
        same("status", b, a)?;
    }
    // A worker that another test is just starting may hold our lock for a moment, which is noted.
    let decided = |e: &RunEvent| matches!(e, RunEvent::Decision { .. });
    check(!second.events.iter().any(decided), second.explain())?;
    let entries = forecast(&plan, &bench.store, &Toy, "cpu-f32")?;
    check(
        entries.iter().all(|e| e.action == PlanAction::Reuse),
        "all from the store",
    )
}

fn sequence_stops() -> Test {
    let bench = Bench::new()?;
    // The second round cannot improve by 1000 points: no third.
    let member = |base: &str| from("rl", base).lr(0.002).budget(100);
    let plan = plan(vec![
        data("rows", 64),
        stage("pretrain").budget(50),
        member("pretrain"),
        member("rl").round(2, "aligned"),
        member("rl#2").round(3, "aligned"),
        sequence("aligned", "rl", 3, plateau(1000.0, 1)),
    ]);
    let before = forecast(&plan, &bench.store, &Toy, "cpu-f32")?;
    same("before", before[0].action, PlanAction::New)?;
    same("before", before[1].action, PlanAction::New)?;
    let ran = bench.run(&plan)?;
    same("round 3", ran.node("rl#3")?.state, NodeState::Skipped)?;
    let note = ran.node("rl#3")?.note.clone().unwrap_or_default();
    check(
        note.contains("aligned stopped after round 2: plateau of score"),
        &note,
    )?;
    let sequence = ran.node("aligned")?;
    same("state", sequence.state, NodeState::Done)?;
    same("rounds", sequence.steps, 2)?;
    let best = [ran.node("rl")?, ran.node("rl#2")?]
        .iter()
        .map(|n| n.best["score"])
        .fold(0.0, f64::max);
    check(
        (sequence.best["score"] - best).abs() < 1e-12,
        "takes its best round",
    )?;
    let again = bench.run(&plan)?;
    same("started again", again.outcome.started, 0)
}

fn garbage() -> Test {
    let bench = Bench::new()?;
    let ran = bench.run(&stages(stage("fit").every(10, 10)))?;
    // 40 checkpoints of three files were made; the newest two and the best stay, and the dataset.
    let kept = bench.files("/blobs/").len();
    check((7..=10).contains(&kept), format!("{kept} files"))?;
    let fit = ran.node("fit")?;
    check(fit.history["score"].len() == 41, "all evaluations")?;
    // What stays is enough to go on from.
    let longer = bench.run(&stages(stage("fit").every(10, 10).budget(450)))?;
    let whole = Bench::new()?.run(&stages(stage("fit").every(10, 10).budget(450)))?;
    same(
        "outputs",
        &longer.node("fit")?.outputs,
        &whole.node("fit")?.outputs,
    )
}

fn equal_runs() -> Test {
    let (a, b) = (Bench::new()?, Bench::new()?);
    let plan = pipeline_plan();
    let (a, b) = (a.run(&plan)?, b.run(&plan)?);
    for (x, y) in a.outcome.nodes.iter().zip(&b.outcome.nodes) {
        same(&x.id.0, &x.outputs, &y.outputs)?;
        same(&x.id.0, &x.history, &y.history)?;
        same(&x.id.0, &x.key, &y.key)?;
    }
    Ok(())
}

fn stages(stage: align_plan::Node) -> Plan {
    plan(vec![data("rows", 64), stage])
}

fn extension() -> Test {
    // 430 is on no cadence: its last evaluation and checkpoint must leave no trace in what follows.
    for short in [400, 430, 40] {
        let bench = Bench::new()?;
        let plan = |n| stages(stage("fit").budget(n));
        bench.run(&plan(short))?;
        let entries = forecast(&plan(600), &bench.store, &Toy, "cpu-f32")?;
        same("action", entries[1].action, PlanAction::Resume)?;
        same(
            "reason",
            entries[1].reason.as_str(),
            &format!("budget {short} → 600 steps"),
        )?;
        let longer = bench.run(&plan(600))?;
        let whole = Bench::new()?.run(&plan(600))?;
        let (a, b) = (longer.node("fit")?, whole.node("fit")?);
        same("outputs", &a.outputs, &b.outputs)?;
        same("history", &a.history, &b.history)?;
        same("best", &a.best, &b.best)?;
        // Put back: a hit.
        same("put back", bench.run(&plan(short))?.outcome.started, 0)?;
    }
    Ok(())
}

fn cut_back() -> Test {
    let bench = Bench::new()?;
    bench.run(&stages(stage("fit").budget(400)))?;
    // 350 is kept (the newest two are): no training.
    let cut = bench.run(&stages(stage("fit").budget(350)))?;
    same("started", cut.outcome.started, 0)?;
    let fresh = Bench::new()?.run(&stages(stage("fit").budget(350)))?;
    same(
        "outputs",
        &cut.node("fit")?.outputs["last"],
        &fresh.node("fit")?.outputs["last"],
    )?;
    same("steps", cut.node("fit")?.steps, 350)?;
    // 120 is not: again from before it.
    let back = bench.run(&stages(stage("fit").budget(120)))?;
    let fresh = Bench::new()?.run(&stages(stage("fit").budget(120)))?;
    same(
        "outputs",
        &back.node("fit")?.outputs,
        &fresh.node("fit")?.outputs,
    )?;
    // A rule that would have stopped it earlier.
    let reaches = Condition::Reaches {
        metric: score(),
        value: 50.0,
    };
    let strict = stages(stage("fit").budget(400).until(reaches));
    let back = bench.run(&strict)?;
    let fresh = Bench::new()?.run(&strict)?;
    same(
        "outputs",
        &back.node("fit")?.outputs,
        &fresh.node("fit")?.outputs,
    )?;
    same(
        "stop",
        &back.node("fit")?.stopped_by,
        &fresh.node("fit")?.stopped_by,
    )?;
    let stop = fresh.node("fit")?.stopped_by.clone().unwrap_or_default();
    check(stop.contains("score reached"), stop)?;
    // A larger budget changes nothing for a stage that its rule ended.
    let reaches = Condition::Reaches {
        metric: score(),
        value: 50.0,
    };
    let wide = bench.run(&stages(stage("fit").budget(900).until(reaches)))?;
    same("started", wide.outcome.started, 0)
}

fn edits() -> Test {
    let bench = Bench::new()?;
    let plan = |lr| {
        plan(vec![
            data("rows", 64),
            stage("pretrain").budget(50),
            from("dpo", "pretrain").lr(lr).budget(100),
            from("sft", "dpo").budget(100),
        ])
    };
    bench.run(&plan(0.002))?;
    let entries = forecast(&plan(0.001), &bench.store, &Toy, "cpu-f32")?;
    let actions: Vec<PlanAction> = entries.iter().map(|e| e.action).collect();
    use PlanAction::{Rerun, Reuse, Unknown};
    same("actions", actions, vec![Reuse, Reuse, Rerun, Unknown])?;
    same(
        "reason",
        entries[2].reason.as_str(),
        "optim.lr 0.002 → 0.001",
    )?;
    same("reason", entries[3].reason.as_str(), "starts from dpo")?;
    same("started", bench.run(&plan(0.001))?.outcome.started, 2)?;
    same("put back", bench.run(&plan(0.002))?.outcome.started, 0)
}

fn cutoff() -> Test {
    let bench = Bench::new()?;
    // Another key of the data with the same content.
    let plan = |tag: i64, note: &str| {
        plan(vec![
            data("rows", 64)
                .field("fixed", Value::Bool(true), Effect::Identity)
                .field("tag", Value::Int(tag), Effect::Identity),
            stage("fit").field("note", Value::Str(note.into()), Effect::Inert),
        ])
    };
    bench.run(&plan(0, "a"))?;
    same("inert", bench.run(&plan(0, "b"))?.outcome.started, 0)?;
    let ran = bench.run(&plan(1, "b"))?;
    same("only the data ran", ran.outcome.started, 1)?;
    same("reused", ran.outcome.reused, 1)
}

fn reevaluate() -> Test {
    let bench = Bench::new()?;
    let plan = |episodes| {
        let mut fit = stage("fit");
        if let Some(eval) = &mut fit.eval {
            eval.episodes = episodes;
        }
        stages(fit)
    };
    let first = bench.run(&plan(5))?;
    let entries = forecast(&plan(20), &bench.store, &Toy, "cpu-f32")?;
    same("action", entries[1].action, PlanAction::Reevaluate)?;
    let again = bench.run(&plan(20))?;
    same("started", again.outcome.started, 1)?;
    let (a, b) = (first.node("fit")?, again.node("fit")?);
    same("weights", &a.outputs["last"], &b.outputs["last"])?;
    same("episodes", b.episodes.len(), 20)?;
    same("again", bench.run(&plan(20))?.outcome.started, 0)
}

fn cadence() -> Test {
    let rule = |patience| plateau(1000.0, patience);
    let fit = |every, patience| stages(stage("fit").every(every, 50).until(rule(patience)));
    let bench = Bench::new()?;
    // No score is better by 1000 than the first: it ends with the third after it, at 200 steps.
    let first = bench.run(&fit(50, 3))?;
    same("steps", first.node("fit")?.steps, 200)?;
    // Every second evaluation: only two are there, so that training goes on until the fourth.
    let entries = forecast(&fit(100, 3), &bench.store, &Toy, "cpu-f32")?;
    same("action", entries[1].action, PlanAction::Reevaluate)?;
    let rarer = bench.run(&fit(100, 3))?;
    let whole = Bench::new()?.run(&fit(100, 3))?;
    let (a, b) = (rarer.node("fit")?, whole.node("fit")?);
    same("steps", a.steps, 400)?;
    same("outputs", &a.outputs, &b.outputs)?;
    same("history", &a.history["score"], &b.history["score"])?;
    same("stop", &a.stopped_by, &b.stopped_by)?;
    // Back again: the first result is still there.
    same("started", bench.run(&fit(50, 3))?.outcome.started, 0)?;
    // A budget decides: the same steps, fewer evaluations.
    let bench = Bench::new()?;
    bench.run(&stages(stage("fit").every(50, 50)))?;
    let rarer = bench.run(&stages(stage("fit").every(100, 50)))?;
    let whole = Bench::new()?.run(&stages(stage("fit").every(100, 50)))?;
    let (a, b) = (rarer.node("fit")?, whole.node("fit")?);
    same("outputs", &a.outputs, &b.outputs)?;
    same("history", &a.history["score"], &b.history["score"])?;
    check(
        !rarer
            .events
            .iter()
            .any(|e| matches!(e, RunEvent::Checkpointed { .. })),
        "no training",
    )
}

fn selection() -> Test {
    let bench = Bench::new()?;
    let plan = pipeline_plan();
    let options = |only: &[&str], until: &[&str], force: &[&str]| {
        let own = |l: &[&str]| l.iter().map(|s| (*s).to_owned()).collect();
        align_runtime::RunOptions {
            only: own(only),
            until: own(until),
            force: own(force),
            ..Default::default()
        }
    };
    let until = bench.run_with(&plan, options(&[], &["pretrain"], &[]))?;
    same("until", until.outcome.started, 2)?;
    same("rest", until.node("rl")?.state, NodeState::Waiting)?;
    let only = bench.run_with(&plan, options(&["rl"], &[], &[]))?;
    same("only", only.outcome.started, 2)?;
    let before = bench.run(&plan)?;
    let force = bench.run_with(&plan, options(&[], &[], &["pretrain"]))?;
    same("force", force.outcome.started, 1)?;
    same(
        "same",
        &force.node("pretrain")?.outputs,
        &before.node("pretrain")?.outputs,
    )?;
    let error = bench
        .run_with(&plan, options(&["pretrian"], &[], &[]))
        .err()
        .map(|e| format!("{e:?}"))
        .unwrap_or_default();
    check(error.contains("pretrian"), error)
}

fn pinned() -> Test {
    use align_schema::Port;
    let bench = Bench::new()?;
    let plan = plan(vec![
        data("rows", 64),
        stage("pretrain"),
        stage("sft")
            .budget(50)
            .need("from", "pretrain", Port::At(130)),
    ]);
    let ran = bench.run(&plan)?;
    same("state", ran.node("sft")?.state, NodeState::Done)
}

fn outside() -> Test {
    let bench = Bench::new()?;
    let path = bench.dir.path().join("raw.txt");
    let plan = plan(vec![data("rows", 8).field(
        "file",
        Value::Str(path.display().to_string()),
        Effect::Identity,
    )]);
    let missing = bench.run(&plan)?;
    same("missing", missing.outcome.exit_code(), 3)?;
    let note = missing.node("rows")?.note.clone().unwrap_or_default();
    check(note.contains("raw.txt"), note)?;
    std::fs::write(&path, "one")?;
    same("first", bench.run(&plan)?.outcome.started, 1)?;
    // Same content, new file: nothing.
    std::fs::remove_file(&path)?;
    std::fs::write(&path, "one")?;
    same("touched", bench.run(&plan)?.outcome.started, 0)?;
    std::fs::write(&path, "other")?;
    let entries = forecast(&plan, &bench.store, &Toy, "cpu-f32")?;
    check(
        entries[0].reason.contains("file 0 changed"),
        &entries[0].reason,
    )?;
    same("changed", bench.run(&plan)?.outcome.started, 1)
}

fn lanes() -> Test {
    let bench = Bench::new()?;
    let lane = |name: &str| {
        vec![
            data("rows", 64).lane(name),
            stage("fit").budget(100).lane(name),
        ]
    };
    let plan = plan([lane("a"), lane("b")].concat());
    let ran = bench.run(&plan)?;
    // Equal values: one node, run once.
    same("started", ran.outcome.started, 2)?;
    same(
        "equal",
        &ran.node("a/fit")?.outputs,
        &ran.node("b/fit")?.outputs,
    )?;
    let now = status(&plan, &bench.store, &Toy, "cpu-f32")?;
    same("status", now, ran.outcome.nodes)
}
