//! `align run FILE`: from a program to a table and a page.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Instant;

use align_plan::NodeId;
use align_runtime::{Interrupt, Outlook, Paces, RunOptions, Store, report};
use align_runtime_api::{NodeState, NodeStatus, RunEvent};
use align_schema::{Dim, Quantity};
use clap::Args;

use super::drive::DriveArgs;
use super::ended::{Ended, show, write_page};
use super::{Exit, ProgramArgs};
use crate::host::{self, Planned};
use crate::machine;
use crate::ui::progress::Progress;
use crate::ui::term::{errln, fail, outln};

const AFTER: &str = "\
The same command again runs only what changed; after an interrupt or a crash it goes on from the
last checkpoint.  Ctrl-C once writes checkpoints and stops, twice stops at once.

Examples:
  align run study.align
  align run study.align --set beta=200 --jobs 2
  align run study.align --until pretrain        and what it needs
  align run study.align --json | jq -c 'select(.event == \"evaluated\")'

Faults for tests (--inject, also the variable ALIGN_INJECT), as a list `NODE:WHAT@N,..`:
  pretrain:nan@120         the loss of step 120 is not a number
  rl:kill@60               the worker gets SIGKILL at step 60; also crash, oom, data
  rl:worsen=score@3        from evaluation 3 on the score is worse by half
  rl:silent=grad_norm@60   from step 60 on the gradient reads zero
  rl:kill@60*              in every attempt, not only the first";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    program: ProgramArgs,
    #[command(flatten)]
    drive: DriveArgs,
    /// Run this node and nothing else; may be repeated.
    #[arg(long, value_name = "NODE", conflicts_with = "until")]
    only: Vec<String>,
    /// Run up to this node, and what it needs; may be repeated.
    #[arg(long, value_name = "NODE")]
    until: Vec<String>,
    /// Run this node again although its result is in the store; may be repeated.
    #[arg(long, value_name = "NODE")]
    force: Vec<String>,
}

pub(crate) fn run(args: &RunArgs) -> Exit {
    let begun = Instant::now();
    let planned = match host::plan_on(&args.program, args.drive.machine.machine()) {
        Ok(planned) => planned,
        Err(exit) => return exit,
    };
    let ended = match drive(args, &planned) {
        Ok(ended) => ended,
        Err(exit) => return exit,
    };
    let claims = report::claims(&planned.plan, &ended.statuses);
    let (page, around) = (args.drive.page(), args.drive.around());
    let written = write_page(
        &page,
        &around,
        &planned.plan,
        planned.program.as_deref(),
        &ended,
        &claims,
        begun.elapsed().as_secs_f64(),
    );
    if !args.drive.json {
        show(&planned.plan, &ended, &claims);
        if written {
            outln(&format!("report: {}", page.display()));
        }
    }
    verdict(args, &ended, &claims)
}

/// Runs the plan, showing what happens.
fn drive(args: &RunArgs, planned: &Planned) -> Result<Ended, Exit> {
    let plan = &planned.plan;
    let refuse = |message: &str| {
        fail(message, None);
        Exit::Usage
    };
    let Some(library) = host::trainer() else {
        return Err(refuse(
            "this `align` was built without the feature `exec`: it checks and plans, and cannot train",
        ));
    };
    let store = Store::open(&args.drive.store.store).map_err(|e| host::refuse_store(&e))?;
    let options = |interrupt| options(args, interrupt).map_err(|e| refuse(&e));
    let jobs = options(Interrupt::default())?.jobs;
    let interrupt =
        Interrupt::listen().map_err(|e| refuse(&format!("signals cannot be watched: {e}")))?;
    let over = args.drive.limit(&interrupt);
    let options = options(interrupt)?;
    let mut progress = Progress::new(plan.lanes.len() > 1, plan.nodes.iter().map(|n| &n.id));
    let mut reused = BTreeSet::new();
    let mut on_event = |event: RunEvent| {
        if let RunEvent::Finished {
            status,
            reused: true,
        } = &event
        {
            reused.insert(status.id.clone());
        }
        if args.drive.json {
            outln(&serde_json::to_string(&event).unwrap_or_default());
        } else {
            progress.on(&event);
        }
    };
    let fetched = args.drive.download.fetch(
        plan,
        library,
        &options,
        &options.interrupt,
        args.drive.json,
        &mut on_event,
    );
    let failed = fetched.map_err(|e| refuse(&e.to_string()))?;
    if options.interrupt.asked() || !failed.is_empty() {
        progress.close();
        return Err(unfetched(&failed, &options.interrupt));
    }
    let mut refused = Exit::Interrupted;
    let mut agree = |outlook: &Outlook| match host::foresee(
        planned,
        &store,
        outlook,
        args.drive.machine.budget,
        jobs,
        &Paces::default(),
    ) {
        Ok(_) => true,
        Err(exit) => {
            refused = exit;
            false
        }
    };
    let outcome =
        align_runtime::run_agreed(plan, &store, library, &options, &mut agree, &mut on_event);
    progress.close();
    let outcome = outcome.map_err(|e| match e {
        align_runtime::RunError::Store(e) => host::refuse_store(&e),
        e => refuse(&e.to_string()),
    })?;
    let Some(outcome) = outcome else {
        return Err(refused);
    };
    // After an interrupt the store knows more than the driver, which stopped asking.
    let statuses = if outcome.interrupted {
        align_runtime::status(plan, &store, library, machine::numeric()).unwrap_or(outcome.nodes)
    } else {
        outcome.nodes
    };
    Ok(Ended {
        statuses,
        reused,
        interrupted: outcome.interrupted,
        unwritten: outcome.unwritten,
        timed_out: over.load(Ordering::Relaxed),
    })
}

/// Says which nodes failed and why; what stops many for one reason is said once.
fn blame<'a>(failed: impl Iterator<Item = (&'a str, &'a str)>) {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (id, why) in failed {
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, ids)) => ids.push(id),
            None => reasons.push((why, vec![id])),
        }
    }
    for (why, ids) in reasons {
        let (first, more) = (ids.first().copied().unwrap_or_default(), ids.len() - 1);
        let who = match more {
            0 => format!("`{first}`"),
            1..=3 => format!("`{}`", ids.join("`, `")),
            _ => format!("`{first}` and {more} more"),
        };
        fail(&format!("{who} failed: {why}"), None);
    }
}

/// Data that could not be had: nothing has started.
fn unfetched(failed: &[(NodeId, String)], interrupt: &Interrupt) -> Exit {
    if interrupt.asked() {
        errln("interrupted while fetching: the same command goes on where it stopped");
        return Exit::Interrupted;
    }
    blame(failed.iter().map(|(id, why)| (id.0.as_str(), why.as_str())));
    Exit::NodeFailed
}

fn options(args: &RunArgs, interrupt: Interrupt) -> Result<RunOptions, String> {
    Ok(RunOptions {
        only: args.only.clone(),
        until: args.until.clone(),
        force: args.force.clone(),
        ..args.drive.options(interrupt)?
    })
}

fn verdict(args: &RunArgs, ended: &Ended, claims: &[report::Claim]) -> Exit {
    let failed: Vec<&NodeStatus> = ended
        .statuses
        .iter()
        .filter(|s| s.state == NodeState::Failed)
        .collect();
    let partial = !args.only.is_empty() || !args.until.is_empty();
    for why in &ended.unwritten {
        fail(why, None);
    }
    if ended.interrupted {
        let why = match args.drive.machine.budget {
            Some(seconds) if ended.timed_out => {
                let limit = Quantity::new(seconds, Dim::Time);
                format!("the budget of {limit} is used up")
            }
            _ => "interrupted".to_owned(),
        };
        errln(&format!(
            "{why}: checkpoints are written, the same command goes on from them"
        ));
        Exit::Interrupted
    } else if !failed.is_empty() {
        let told = failed.iter().map(|s| {
            let why = s.note.as_deref().unwrap_or("it gave up");
            (s.id.0.as_str(), why)
        });
        blame(told);
        Exit::NodeFailed
    } else if !ended.unwritten.is_empty() {
        Exit::Usage
    } else if claims
        .iter()
        .any(|c| c.met == Some(false) || (c.met.is_none() && !partial))
    {
        Exit::NotMet
    } else {
        Exit::Fine
    }
}
