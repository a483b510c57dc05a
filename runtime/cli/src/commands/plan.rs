//! `align plan FILE`: what a run would do, and why.

use std::path::PathBuf;

use align_compiler::estimate::Memory;
use align_plan::Plan;
use align_runtime::{Interrupt, Paces, RunOptions, Saved, Scratch, Store, Timing};
use align_runtime_api::{PlanEntry, RunEvent};
use clap::Args;
use serde::Serialize;

use super::{Exit, MachineArgs, ProgramArgs, StoreArgs};
use crate::host;
use crate::machine;
use crate::ui::plan_table;
use crate::ui::term::{Look, errln, fail, out};

const AFTER: &str = "\
Signs:
  = from the store   ~ goes on   ± runs again   ◦ evaluated again   + new

Examples:
  align plan study.align
  align plan study.align --exit-code || echo 'there is work to do'
  align plan study.align --memory 8GiB --budget 2h
  align plan study.align -o plan.json && align run plan.json";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    program: ProgramArgs,
    /// Write the plan as one JSON document, for programs.
    #[arg(long)]
    json: bool,
    /// Exit with 4 when a run would do something, with 0 when it would do nothing.
    #[arg(long)]
    exit_code: bool,
    /// Write the whole plan to a file that `align run` takes.
    #[arg(short = 'o', long = "output", value_name = "PLAN.json")]
    output: Option<PathBuf>,
    /// Nodes that run at the same time, for the estimate (default: as many as the cores allow).
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Run 20 steps and one evaluation of each node of the first lane, in a store that is thrown away, to know how long what never ran would take.
    #[arg(long)]
    probe: bool,
    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(args: &PlanArgs) -> Exit {
    let machine = args.machine.machine();
    let cores = machine.cores.unwrap_or(1) as usize;
    let jobs = args.jobs.map_or(cores, |n| n as usize);
    let planned = match host::plan_on(&args.program, machine) {
        Ok(planned) => planned,
        Err(exit) => return exit,
    };
    let plan = &planned.plan;
    let probed = match args.probe.then(|| probe(plan, args.machine.memory, jobs)) {
        None => Paces::default(),
        Some(Ok(Some(paces))) => paces,
        Some(Ok(None)) => {
            errln(
                "interrupted while probing: nothing is known that a plan could tell, and nothing was kept",
            );
            return Exit::Interrupted;
        }
        Some(Err(text)) => {
            fail(&format!("the probe did not come to its end: {text}"), None);
            return Exit::Usage;
        }
    };
    let asked = host::with_store(&args.store.store, |store, library| {
        let outlook = align_runtime::outlook(plan, store, library, machine::numeric())?;
        let foreseen = host::foresee(
            &planned,
            store,
            &outlook,
            args.machine.budget,
            jobs,
            &probed,
        )
        .map(|timing| (outlook, timing));
        let wanted = foreseen.as_ref().ok().filter(|_| args.output.is_some());
        let saved = wanted.map(|(outlook, _)| {
            let files = planned.files.clone();
            Saved::new(plan.clone(), files, &outlook.entries, store, library)
        });
        Ok((foreseen, saved))
    });
    let (outlook, timing, saved) = match asked {
        Ok((Ok((outlook, timing)), saved)) => (outlook, timing, saved),
        Ok((Err(exit), _)) | Err(exit) => return exit,
    };
    if let (Some(path), Some(saved)) = (&args.output, saved) {
        let text = serde_json::to_string_pretty(&saved).unwrap_or_default();
        if let Err(e) = super::repair::write(path, &text) {
            fail(
                &format!(
                    "`{}` cannot be written: {}",
                    path.display(),
                    host::reason(&e)
                ),
                None,
            );
            return Exit::Usage;
        }
        errln(&format!("wrote {}", path.display()));
    }
    let entries = &outlook.entries;
    let memory = align_compiler::estimate::memory(plan);
    if args.json {
        out(&as_json(entries, &memory, &timing));
    } else {
        let look = Look::out();
        out(&plan_table::render(plan, entries, &look));
        out(&plan_table::needs(plan, entries, &memory, &timing, jobs));
    }
    if args.exit_code && entries.iter().any(|e| plan_table::works(e.action)) {
        Exit::WouldRun
    } else {
        Exit::Fine
    }
}

/// What a probe finds of a plan; nothing where it was interrupted.
fn probe(plan: &Plan, memory: Option<u64>, jobs: usize) -> Result<Option<Paces>, String> {
    let Some(library) = host::trainer() else {
        return Err("this build cannot train".into());
    };
    let folder = Scratch::new("align-probe").map_err(|e| e.to_string())?;
    let interrupt = Interrupt::listen().map_err(|e| e.to_string())?;
    let options = RunOptions {
        jobs,
        interrupt: interrupt.clone(),
        ..host::options(memory)
    };
    let scratch = Store::open(folder.path()).map_err(|e| e.to_string())?;
    let mut tell = |event: RunEvent| {
        if let RunEvent::Started { id, .. } = event {
            errln(&format!("probe: {id}"));
        }
    };
    let found = align_runtime::probe(plan, &scratch, library, &options, &mut tell);
    let found = found.map_err(|e| e.to_string())?;
    Ok((!interrupt.asked()).then_some(found))
}

/// The order of its fields is part of the contract.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    nodes: Vec<Entry<'a>>,
    summary: Summary,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    planned: &'a PlanEntry,
    /// Bytes that it needs at least; null when nothing is known.
    memory: Option<u64>,
    /// Steps that `seconds` is for; null when they are not known.
    steps: Option<u64>,
    /// Bytes that it, or its like, was seen to hold at most; null when none has run.
    peak: Option<u64>,
    /// Seconds that its work takes at most; null when it has none, or never ran.
    seconds: Option<f64>,
}

#[derive(Serialize)]
struct Summary {
    reuse: usize,
    resume: usize,
    rerun: usize,
    reevaluate: usize,
    new: usize,
}

fn as_json(entries: &[PlanEntry], memory: &[Memory], timing: &Timing) -> String {
    let counts = plan_table::counts(entries);
    let count = |key: &str| counts.get(key).copied().unwrap_or(0);
    let document = Document {
        version: 1,
        nodes: entries
            .iter()
            .enumerate()
            .map(|(i, planned)| Entry {
                planned,
                memory: memory
                    .get(i)
                    .map(|m| m.bytes() as u64)
                    .filter(|bytes| *bytes > 0),
                steps: timing.steps.get(i).copied().flatten(),
                peak: timing.peaks.get(i).copied().flatten(),
                seconds: timing.nodes.get(i).copied().flatten(),
            })
            .collect(),
        summary: Summary {
            reuse: count("reuse"),
            resume: count("resume"),
            rerun: count("rerun"),
            reevaluate: count("reevaluate"),
            new: count("new"),
        },
    };
    format!(
        "{}\n",
        serde_json::to_string_pretty(&document).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use align_plan::{NodeId, NodeKind};
    use align_runtime_api::PlanAction;

    #[test]
    fn the_document_has_the_keys_of_its_schema() {
        let entries = [PlanEntry {
            id: NodeId("main/sft".into()),
            kind: NodeKind::Stage,
            action: PlanAction::Rerun,
            reason: "optim.lr 3e-4 → 1e-4".into(),
            key: None,
            needs: vec![NodeId("main/pretrain".into())],
        }];
        let document: serde_json::Value =
            serde_json::from_str(&as_json(&entries, &[Memory::default()], &Timing::default()))
                .unwrap();
        crate::ui::schema::assert_keys("plan", &document);
        assert_eq!(document["nodes"][0]["action"], "rerun");
        assert_eq!(document["summary"]["rerun"], 1);
    }
}
