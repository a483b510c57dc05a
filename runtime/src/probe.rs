//! How fast would stages be that never ran?  A few steps of each, and one evaluation, in a store of their own that is thrown away.

use align_plan::{Budget, NodeKind, Plan};
use align_runtime_api::{Library, RunEvent};
use align_schema::{Dim, Quantity};

use crate::driver::{RunError, RunOptions, run};
use crate::forecast::outlook;
use crate::store::Store;
use crate::timing::Paces;

/// Steps of a stage; fewer where they take long.
const STEPS: f64 = 20.0;
/// Seconds after which a stage ends at its next step.
const SECONDS: f64 = 20.0;

/// The plan with every stage cut to a few steps: same data, networks, losses and evaluations.  Results are no use for anything else.
fn short(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    let steps = Quantity::new(STEPS, Dim::Steps);
    for node in plan.nodes.iter_mut().filter(|n| n.kind == NodeKind::Stage) {
        node.budget = Some(Budget {
            any: vec![steps, Quantity::new(SECONDS, Dim::Time)],
            read: false,
        });
        node.until = None;
        node.arms.clear();
        if let Some(eval) = &mut node.eval {
            eval.every = steps;
        }
        if let Some(keep) = &mut node.keep {
            keep.every = steps;
            keep.rules.clear();
        }
    }
    for need in plan.nodes.iter_mut().flat_map(|n| &mut n.needs) {
        if let align_schema::Port::At(_) = need.port {
            need.port = align_schema::Port::Last;
        }
    }
    for sweep in &mut plan.sweeps {
        sweep.prune = None;
    }
    plan
}

/// Runs a little of each node of the first lane in `scratch`, one after the other; what fails or waits for others stays unknown.
///
/// Errors: a store that cannot be written, workers that cannot be started.
pub fn probe(
    plan: &Plan,
    scratch: &Store,
    library: &dyn Library,
    options: &RunOptions,
    on_event: &mut dyn FnMut(RunEvent),
) -> Result<Paces, RunError> {
    let short = short(plan);
    let first = plan.lanes.first().map(|lane| lane.id.clone());
    let lane = plan
        .nodes
        .iter()
        .filter(|n| Some(&n.lane) == first.as_ref());
    let options = RunOptions {
        until: lane.map(|n| n.id.0.clone()).collect(),
        only: Vec::new(),
        force: Vec::new(),
        // Beside each other they would slow each other down; what a worker of the real run has is what it has here.
        jobs: 1,
        threads: Some(options.threads.unwrap_or_else(|| {
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            (cores / options.jobs.min(plan.lanes.len()).max(1)).clamp(1, 8)
        })),
        keep_going: true,
        fail_fast: false,
        ..options.clone()
    };
    run(&short, scratch, library, &options, on_event)?;
    let found = outlook(&short, scratch, library, &options.numeric)?;
    Ok(Paces::of(&short, &found))
}
