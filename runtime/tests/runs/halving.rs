//! Successive halving: which lanes of a sweep go on, where they wait, and what an edit or a crash leaves of that.

use align_plan::{Node, Plan, Sweep};
use align_runtime::{RunOptions, forecast, status};
use align_runtime_api::{NodeState, NodeStatus, PlanAction, RunEvent};
use align_schema::{Call, Dim, Quantity, Value};
use libtest_mimic::Trial;

use crate::plans::{With, data, from, plan, plateau, stage};
use crate::toy::Toy;
use crate::{Bench, Ran, Test, check, same, trial};

pub fn all() -> Vec<Trial> {
    vec![
        trial("halving_keeps_the_best_and_their_bytes", best_go_on),
        trial("lanes_wait_for_each_other_with_one_worker", one_worker),
        trial("halving_is_decided_again_the_same_after_a_crash", killed),
        trial("an_edit_of_prune_decides_from_what_is_stored", edited),
        trial("of_equal_lanes_the_first_goes_on", equal),
        trial("a_lane_that_failed_comes_last", failed),
        trial("a_stage_that_ends_before_the_point_counts", early),
        trial("a_metric_without_a_stage_compares_in_each", bare),
    ]
}

/// Six lanes that learn at different speeds.
const RATES: [f64; 6] = [0.0005, 0.004, 0.001, 0.006, 0.0001, 0.002];

fn lane(name: &str, lr: f64, change: &dyn Fn(Node) -> Node) -> Vec<Node> {
    vec![
        data("rows", 64).lane(name),
        change(stage("fit").lr(lr)).lane(name),
        from("tune", "fit").budget(100).lane(name),
        // It does not lead to `fit`, and may be done or not when the lane is stopped.  Its rate is that of no `fit`, whose folder it would share.
        stage("beside").lr(lr * 0.3).budget(50).lane(name),
    ]
}

fn halving(metric: &str, keep: f64, at: &[f64]) -> Value {
    let at = at
        .iter()
        .map(|s| Value::Quantity(Quantity::new(*s, Dim::Share)));
    Value::from(Call {
        name: "halving".into(),
        args: vec![
            ("metric".into(), Value::Name(metric.into())),
            ("keep".into(), Value::Float(keep)),
            ("at".into(), Value::List(at.collect())),
        ],
    })
}

fn sweep(lanes: &[Vec<Node>], prune: Option<Value>) -> Plan {
    let mut plan = plan(lanes.concat());
    for lane in &mut plan.lanes {
        lane.sweep = Some("study".into());
    }
    plan.sweeps = vec![Sweep {
        name: "study".into(),
        fail_fast: false,
        prune,
    }];
    plan
}

fn names() -> impl Iterator<Item = String> {
    (0..RATES.len()).map(|i| format!("study[i={i}]"))
}

fn study(prune: Option<Value>, change: &dyn Fn(Node) -> Node) -> Plan {
    let lanes: Vec<Vec<Node>> = names()
        .zip(RATES)
        .map(|(name, lr)| lane(&name, lr, change))
        .collect();
    sweep(&lanes, prune)
}

fn twice() -> Value {
    halving("fit.score", 1.0 / 3.0, &[0.25, 0.5])
}

fn same_node(node: Node) -> Node {
    node
}

/// Lanes from the best to the worst at a step, by a run that was not pruned.
fn ranking(whole: &Ran, step: u64) -> Result<Vec<String>, libtest_mimic::Failed> {
    let mut all = Vec::new();
    for name in names() {
        let score = &whole.node(&format!("{name}/fit"))?.history["score"];
        let value = score.iter().find(|p| p.0 == step).map_or(0.0, |p| p.1);
        all.push((name, value));
    }
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(all.into_iter().map(|(name, _)| name).collect())
}

/// State and steps of the stage that is compared in each lane.
fn fits(nodes: &[NodeStatus]) -> Vec<(String, NodeState, u64)> {
    let fits = nodes.iter().filter(|n| n.id.0.ends_with("/fit"));
    fits.map(|n| (n.id.0.clone(), n.state, n.steps)).collect()
}

/// What a run of `study(twice())` must come to.
fn check_study(ran: &Ran, whole: &Ran) -> Test {
    same("exit", ran.outcome.exit_code(), 0)?;
    let first = ranking(whole, 100)?;
    let (ahead, behind) = first.split_at(2);
    for name in behind {
        let fit = ran.node(&format!("{name}/fit"))?;
        same(name, (fit.state, fit.steps), (NodeState::Pruned, 100))?;
        let curve = &whole.node(&format!("{name}/fit"))?.history["score"];
        same("reached", fit.last["score"], curve[2].1)?;
        let note = fit.note.clone().unwrap_or_default();
        check(
            note.contains("pruned at 25% of fit: score ") && note.contains("of 6 lanes, 2 go on"),
            &note,
        )?;
        let tune = ran.node(&format!("{name}/tune"))?;
        same("tune", (tune.state, tune.steps), (NodeState::Pruned, 0))?;
        let beside = ran.node(&format!("{name}/beside"))?;
        same(
            "beside",
            (beside.state, beside.steps),
            (NodeState::Pruned, 0),
        )?;
        let rows = ran.node(&format!("{name}/rows"))?;
        same("rows", rows.state, NodeState::Done)?;
    }
    let second = ranking(whole, 200)?;
    let winner = second.iter().find(|n| ahead.contains(n));
    for name in ahead {
        let fit = ran.node(&format!("{name}/fit"))?;
        if Some(name) == winner {
            same(name, (fit.state, fit.steps), (NodeState::Done, 400))?;
            for node in ["fit", "tune"] {
                let id = format!("{name}/{node}");
                same("bytes", &ran.node(&id)?.outputs, &whole.node(&id)?.outputs)?;
                same("curves", &ran.node(&id)?.history, &whole.node(&id)?.history)?;
            }
        } else {
            same(name, (fit.state, fit.steps), (NodeState::Pruned, 200))?;
        }
    }
    Ok(())
}

fn best_go_on() -> Test {
    let whole = Bench::new()?.run(&study(None, &same_node))?;
    let bench = Bench::new()?;
    let plan = study(Some(twice()), &same_node);
    let ran = bench.run(&plan)?;
    check_study(&ran, &whole)?;
    let told = ran.decisions().join("\n");
    check(
        told.contains("study at 25% of fit: 2 of 6 lanes go on by score (i="),
        &told,
    )?;
    // Once more: all of it is in the store.
    let again = bench.run(&plan)?;
    same("started", again.outcome.started, 0)?;
    check_study(&again, &whole)?;
    let noted = |e: &RunEvent| matches!(e, RunEvent::Decision { .. });
    check(!again.events.iter().any(noted), again.explain())?;
    let now = status(&plan, &bench.store, &Toy, "cpu-f32")?;
    same("status", fits(&now), fits(&ran.outcome.nodes))?;
    for entry in forecast(&plan, &bench.store, &Toy, "cpu-f32")? {
        same(&entry.id.0, entry.action, PlanAction::Reuse)?;
    }
    Ok(())
}

fn one_worker() -> Test {
    let whole = Bench::new()?.run(&study(None, &same_node))?;
    let mut plan = study(Some(twice()), &same_node);
    plan.parallel = 1;
    let options = RunOptions {
        jobs: 1,
        ..RunOptions::default()
    };
    let ran = Bench::new()?.run_with(&plan, options)?;
    check_study(&ran, &whole)?;
    // Nobody trained past a point before all had come to it.
    let mut most = 0;
    let mut arrived = 0;
    for event in &ran.events {
        match event {
            RunEvent::Evaluated { id, step, .. } if id.0.ends_with("/fit") => {
                most = most.max(*step);
                arrived += u32::from(*step == 100);
                check(
                    most <= 100 || arrived == 6,
                    format!("{id} is at {step}, {arrived} lanes have come to 100"),
                )?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn killed() -> Test {
    let slow = |node: Node| node.pause(1);
    let whole = Bench::new()?.run(&study(None, &same_node))?;
    for pause in [150, 300, 450, 600] {
        let bench = Bench::new()?;
        let plan = study(Some(twice()), &slow);
        let mut driver = bench.spawn(&plan)?;
        std::thread::sleep(std::time::Duration::from_millis(pause));
        driver.kill()?;
        driver.wait()?;
        check_study(&bench.run(&plan)?, &whole)?;
    }
    Ok(())
}

fn edited() -> Test {
    let whole = Bench::new()?.run(&study(None, &same_node))?;
    let ranked = ranking(&whole, 100)?;
    let bench = Bench::new()?;
    let once = |keep: f64| study(Some(halving("fit.score", keep, &[0.25])), &same_node);
    bench.run(&once(1.0 / 6.0))?;
    // Three lanes instead of one: two go on from their checkpoints, and nothing begins anew.
    let half = bench.run(&once(0.5))?;
    for (k, name) in ranked.iter().enumerate() {
        let id = format!("{name}/fit");
        let state = if k < 3 {
            NodeState::Done
        } else {
            NodeState::Pruned
        };
        same(&id, half.node(&id)?.state, state)?;
        if k < 3 {
            same("bytes", &half.node(&id)?.outputs, &whole.node(&id)?.outputs)?;
        }
    }
    let from: Vec<u64> = half
        .events
        .iter()
        .filter_map(|e| match e {
            RunEvent::Started { id, from_step, .. } if id.0.ends_with("/fit") => Some(*from_step),
            _ => None,
        })
        .collect();
    same("started from", from, vec![100, 100])?;
    // One lane again: no training, and what is stored is left out.
    let tight = bench.run(&once(1.0 / 6.0))?;
    same("started", tight.outcome.started, 0)?;
    let pruned = tight.node(&format!("{}/fit", ranked[1]))?;
    same(
        "stops there",
        (pruned.state, pruned.steps),
        (NodeState::Pruned, 100),
    )?;
    // Without the clause every lane comes to its end.
    let free = bench.run(&study(None, &same_node))?;
    for (a, b) in free.outcome.nodes.iter().zip(&whole.outcome.nodes) {
        same(&a.id.0, a.state, NodeState::Done)?;
        same(&a.id.0, &a.outputs, &b.outputs)?;
    }
    // And with it again all is decided from what is stored.
    let last = bench.run(&study(Some(twice()), &same_node))?;
    same("started", last.outcome.started, 0)?;
    check_study(&last, &whole)
}

fn equal() -> Test {
    let lanes: Vec<Vec<Node>> = names()
        .take(4)
        .map(|name| lane(&name, 0.004, &same_node))
        .collect();
    let plan = sweep(&lanes, Some(halving("fit.score", 0.5, &[0.25])));
    let bench = Bench::new()?;
    let ran = bench.run(&plan)?;
    same("exit", ran.outcome.exit_code(), 0)?;
    for (k, name) in names().take(4).enumerate() {
        let state = if k < 2 {
            NodeState::Done
        } else {
            NodeState::Pruned
        };
        same(&name, ran.node(&format!("{name}/fit"))?.state, state)?;
    }
    same("again", bench.run(&plan)?.outcome.started, 0)
}

fn failed() -> Test {
    let whole = Bench::new()?.run(&study(None, &same_node))?;
    let ranked = ranking(&whole, 100)?;
    let bench = Bench::new()?;
    let plan = study(Some(halving("fit.score", 0.5, &[0.25])), &same_node);
    // The best one fails before the point: the next three go on.
    let ran = bench.run_faulty(&plan, &format!("{}/fit:nan@60*", ranked[0]))?;
    same("exit", ran.outcome.exit_code(), 3)?;
    same(
        "it failed",
        ran.node(&format!("{}/fit", ranked[0]))?.state,
        NodeState::Failed,
    )?;
    let states = |ran: &Ran| -> Result<Vec<NodeState>, libtest_mimic::Failed> {
        let rest = ranked.iter().skip(1);
        rest.map(|n| Ok(ran.node(&format!("{n}/fit"))?.state))
            .collect()
    };
    let (done, pruned) = (NodeState::Done, NodeState::Pruned);
    let wanted = vec![done, done, done, pruned, pruned];
    same("the others", states(&ran)?, wanted.clone())?;
    // A later run keeps what was decided.
    let again = bench.run(&plan)?;
    same("exit", again.outcome.exit_code(), 0)?;
    same("started", again.outcome.started, 0)?;
    same("the others", states(&again)?, wanted)?;
    let fit = again.node(&format!("{}/fit", ranked[0]))?;
    same("pruned", fit.state, pruned)?;
    let note = fit.note.clone().unwrap_or_default();
    check(note.contains("before which it failed"), note)
}

fn early() -> Test {
    // Every lane stops by its rule at 100 steps, before the point at 300.
    let stops = |node: Node| node.until(plateau(1e6, 1));
    let plan = study(Some(halving("fit.score", 0.5, &[0.75])), &stops);
    let bench = Bench::new()?;
    let ran = bench.run(&plan)?;
    let ranked = ranking(&ran, 100)?;
    for (k, name) in ranked.iter().enumerate() {
        let fit = ran.node(&format!("{name}/fit"))?;
        let tune = ran.node(&format!("{name}/tune"))?;
        let (state, next) = if k < 3 {
            (NodeState::Done, NodeState::Done)
        } else {
            (NodeState::Pruned, NodeState::Pruned)
        };
        same(name, (fit.state, tune.state), (state, next))?;
        same("steps", fit.steps, 100)?;
    }
    let tuned =
        |e: &&RunEvent| matches!(e, RunEvent::Started { id, .. } if id.0.ends_with("/tune"));
    same("only three", ran.events.iter().filter(tuned).count(), 3)?;
    same("again", bench.run(&plan)?.outcome.started, 0)
}

fn bare() -> Test {
    // By a loss, smaller is better; at 100% lanes are compared at their ends: `fit`, then `tune`.
    let lanes: Vec<Vec<Node>> = names()
        .zip(RATES)
        .map(|(name, lr)| {
            let mut nodes = lane(&name, lr, &same_node);
            nodes.pop();
            nodes
        })
        .collect();
    let plan = sweep(&lanes, Some(halving("valid.loss", 0.5, &[1.0])));
    let bench = Bench::new()?;
    let ran = bench.run(&plan)?;
    same("exit", ran.outcome.exit_code(), 0)?;
    let count = |name: &str, state| {
        let nodes = ran.outcome.nodes.iter();
        nodes
            .filter(|n| n.id.0.ends_with(name) && n.state == state)
            .count()
    };
    let at_end = |wanted| {
        let nodes = ran
            .outcome
            .nodes
            .iter()
            .filter(|n| n.id.0.ends_with("/fit"));
        let of = nodes.filter(move |n| n.state == wanted);
        of.map(|n| n.last["valid.loss"]).collect::<Vec<_>>()
    };
    let worst = at_end(NodeState::Done).into_iter().fold(0.0, f64::max);
    let best = at_end(NodeState::Pruned).into_iter().fold(9.0, f64::min);
    check(worst < best, format!("{worst} goes on, {best} does not"))?;
    same("fit", count("/fit", NodeState::Done), 3)?;
    same(
        "tune, then two of three",
        count("/tune", NodeState::Done),
        2,
    )?;
    same("again", bench.run(&plan)?.outcome.started, 0)
}
