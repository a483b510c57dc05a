//! `align run FILE`: from a program to a table and a page.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use align_compiler::graph;
use align_plan::{NodeId, Plan};
use align_runtime::{Interrupt, RunOptions, Store, report};
use align_runtime_api::{NodeState, NodeStatus, RunEvent};
use align_schema::{Dim, Quantity};
use clap::Args;

use super::{Exit, MachineArgs, ProgramArgs, StoreArgs};
use crate::host::{self, Planned};
use crate::ui::progress::Progress;
use crate::ui::term::{Look, Tone, errln, fail, outln};

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
  rl:kill@60               the worker gets SIGKILL at step 60; also crash, oom
  rl:worsen=score@3        from evaluation 3 on the score is worse by half
  rl:kill@60*              in every attempt, not only the first";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    program: ProgramArgs,
    /// Nodes that run at the same time (default: as many as the cores allow).
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    #[command(flatten)]
    machine: MachineArgs,
    /// When a node fails, go on with all that does not need it, whatever the file says.
    #[arg(long, conflicts_with = "fail_fast")]
    keep_going: bool,
    /// Stop everything when a node fails.
    #[arg(long)]
    fail_fast: bool,
    /// Run this node and nothing else; may be repeated.
    #[arg(long, value_name = "NODE", conflicts_with = "until")]
    only: Vec<String>,
    /// Run up to this node, and what it needs; may be repeated.
    #[arg(long, value_name = "NODE")]
    until: Vec<String>,
    /// Run this node again although its result is in the store; may be repeated.
    #[arg(long, value_name = "NODE")]
    force: Vec<String>,
    /// Write events as JSON lines to standard output, in place of the table.
    #[arg(long)]
    json: bool,
    /// Where the page goes (default: `report.html` in the store).
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Make faults happen, for tests; see below.
    #[arg(long, value_name = "SPEC", env = "ALIGN_INJECT")]
    inject: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
}

/// What came out of the runtime.
struct Ended {
    statuses: Vec<NodeStatus>,
    reused: BTreeSet<NodeId>,
    interrupted: bool,
    /// Exports that were not written.
    unwritten: Vec<String>,
    /// The budget of the command line ended it.
    timed_out: bool,
}

pub(crate) fn run(args: &RunArgs) -> Exit {
    let begun = Instant::now();
    let planned = match host::plan_on(&args.program, args.machine.machine()) {
        Ok(planned) => planned,
        Err(exit) => return exit,
    };
    let ended = match drive(args, &planned) {
        Ok(ended) => ended,
        Err(exit) => return exit,
    };
    let claims = report::claims(&planned.plan, &ended.statuses);
    let page = args
        .report
        .clone()
        .unwrap_or_else(|| args.store.store.join("report.html"));
    let written = write_page(
        &page,
        args,
        &planned,
        &ended,
        &claims,
        begun.elapsed().as_secs_f64(),
    );
    if !args.json {
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
    let store = Store::open(&args.store.store).map_err(|e| host::refuse_store(&e))?;
    let options = |interrupt| options(args, interrupt).map_err(|e| refuse(&e));
    let jobs = options(Interrupt::default())?.jobs;
    host::foresee(planned, &store, args.machine.budget, jobs)?;
    let interrupt =
        Interrupt::listen().map_err(|e| refuse(&format!("signals cannot be watched: {e}")))?;
    let over = Arc::new(AtomicBool::new(false));
    if let Some(seconds) = args.machine.budget {
        let (timer, over) = (interrupt.clone(), Arc::clone(&over));
        std::thread::spawn(move || {
            // A time beyond what a clock counts is no limit.
            if let Ok(pause) = Duration::try_from_secs_f64(seconds) {
                std::thread::sleep(pause);
                over.store(true, Ordering::Relaxed);
                timer.raise();
            }
        });
    }
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
        if args.json {
            outln(&serde_json::to_string(&event).unwrap_or_default());
        } else {
            progress.on(&event);
        }
    };
    let outcome = align_runtime::run(plan, &store, library, &options, &mut on_event);
    progress.close();
    let outcome = outcome.map_err(|e| match e {
        align_runtime::RunError::Store(e) => host::refuse_store(&e),
        e => refuse(&e.to_string()),
    })?;
    // After an interrupt the store knows more than the driver, which stopped asking.
    let statuses = if outcome.interrupted {
        align_runtime::status(plan, &store, library, host::NUMERIC).unwrap_or(outcome.nodes)
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

fn options(args: &RunArgs, interrupt: Interrupt) -> Result<RunOptions, String> {
    let mut options = RunOptions {
        only: args.only.clone(),
        until: args.until.clone(),
        force: args.force.clone(),
        keep_going: args.keep_going,
        fail_fast: args.fail_fast,
        interrupt,
        numeric: host::NUMERIC.to_owned(),
        device: args.machine.machine().chosen().to_string(),
        ..RunOptions::default()
    };
    if let Some(jobs) = args.jobs {
        options.jobs = jobs as usize;
    }
    if let Some(spec) = &args.inject {
        options.faults = align_runtime::inject::parse(spec)?;
    }
    Ok(options)
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
        let why = match args.machine.budget {
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
        for status in failed {
            let note = status
                .note
                .clone()
                .unwrap_or_else(|| "it gave up".to_owned());
            fail(&format!("`{}` failed: {note}", status.id), None);
        }
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

/// The table and the claims, on standard output.
fn show(plan: &Plan, ended: &Ended, claims: &[report::Claim]) {
    let look = Look::out();
    let rows = report::rows(plan, &ended.statuses, &ended.reused);
    for (i, line) in report::text_table(&rows, look.width).iter().enumerate() {
        outln(&if i == 0 {
            look.paint(Tone::Bold, line)
        } else {
            line.clone()
        });
    }
    if let Some((head, body)) = report::table_of(plan, &ended.statuses) {
        outln("");
        for line in report::columns(&head, &body) {
            outln(&line);
        }
    }
    if !claims.is_empty() {
        outln("");
    }
    for claim in claims {
        let (sign, tone) = match claim.met {
            Some(true) => ("✓ expect", Tone::Good),
            Some(false) => ("✗ expect", Tone::Bad),
            None => ("? expect", Tone::Warn),
        };
        outln(&format!(
            "{} {}: {}",
            look.paint(tone, sign),
            claim.text,
            claim.found
        ));
    }
}

/// Writes the page; a run is not in vain because of a full disk, so a failure is said and no more.
fn write_page(
    path: &Path,
    args: &RunArgs,
    planned: &Planned,
    ended: &Ended,
    claims: &[report::Claim],
    seconds: f64,
) -> bool {
    let plan = &planned.plan;
    let drawing = graph::svg(plan, &super::graph::states(&ended.statuses));
    let facts = [
        ("align".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("edition".to_owned(), plan.edition.to_string()),
        (
            "device".to_owned(),
            args.machine.machine().chosen().to_string(),
        ),
        (
            "system".to_owned(),
            format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        ),
        (
            "cores".to_owned(),
            std::thread::available_parallelism()
                .map_or(1, usize::from)
                .to_string(),
        ),
        ("store".to_owned(), args.store.store.display().to_string()),
        ("written".to_owned(), date()),
    ];
    let command: Vec<String> = std::env::args().skip(1).map(|a| quoted(&a)).collect();
    let page = report::render(&report::Page {
        plan,
        statuses: &ended.statuses,
        reused: &ended.reused,
        claims,
        graph: Some(&drawing),
        command: &format!("align {}", command.join(" ")),
        facts: &facts,
        program: planned.program.as_deref(),
        seconds,
    });
    match std::fs::write(path, page) {
        Ok(()) => true,
        Err(e) => {
            fail(
                &format!(
                    "the report `{}` cannot be written: {}",
                    path.display(),
                    host::reason(&e)
                ),
                None,
            );
            false
        }
    }
}

fn quoted(arg: &str) -> String {
    if arg.contains([' ', '"', '$', '*', '(']) {
        format!("'{arg}'")
    } else {
        arg.to_owned()
    }
}

/// Today as `2026-11-22 20:15 UTC`.
fn date() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    let minutes = seconds % 86_400 / 60;
    format!(
        "{year}-{month:02}-{day:02} {:02}:{:02} UTC",
        minutes / 60,
        minutes % 60
    )
}

/// Year, month and day of a number of days since 1970-01-01, by counting whole years and months.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(59), (1970, 3, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_779), (2026, 11, 22));
    }

    #[test]
    fn arguments_with_blanks_are_quoted() {
        assert_eq!(quoted("data=a b"), "'data=a b'");
        assert_eq!(quoted("--jobs"), "--jobs");
    }

    #[test]
    fn every_event_has_the_keys_of_its_schema() {
        use align_plan::{Digest, NodeKind};
        let id = || NodeId("main/rl".into());
        let events = [
            RunEvent::Started {
                id: id(),
                kind: NodeKind::Stage,
                attempt: 1,
                from_step: 0,
                total_steps: Some(10),
            },
            RunEvent::Progress {
                id: id(),
                step: 3,
                env_steps: 0,
                rate: 1.0,
                used: 0.3,
                left: None,
                metrics: [("loss".to_owned(), 0.5)].into(),
                nearest: Some("plateau of score 1/3 evals".into()),
            },
            RunEvent::Evaluated {
                id: id(),
                step: 5,
                metrics: [].into(),
                best: true,
            },
            RunEvent::Checkpointed {
                id: id(),
                step: 5,
                digest: Digest("00".into()),
            },
            RunEvent::Decision {
                id: id(),
                text: "stopped".into(),
            },
        ];
        for event in events {
            crate::ui::schema::assert_keys("events", &serde_json::to_value(event).unwrap());
        }
    }
}
