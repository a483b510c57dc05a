//! `align plan FILE`: what a run would do, and why.

use std::path::PathBuf;

use align_runtime_api::PlanEntry;
use clap::Args;
use serde::Serialize;

use super::{Exit, ProgramArgs, StoreArgs};
use crate::host;
use crate::ui::plan_table;
use crate::ui::term::{Look, errln, fail, out};

const AFTER: &str = "\
Signs:
  = from the store   ~ goes on   ± runs again   ◦ evaluated again   + new

Examples:
  align plan study.align
  align plan study.align --exit-code || echo 'there is work to do'
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
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(args: &PlanArgs) -> Exit {
    let planned = match host::plan(&args.program) {
        Ok(planned) => planned,
        Err(exit) => return exit,
    };
    let plan = &planned.plan;
    let entries = match host::with_store(&args.store.store, |store, library| {
        align_runtime::forecast(plan, store, library, host::NUMERIC)
    }) {
        Ok(entries) => entries,
        Err(exit) => return exit,
    };
    if let Some(path) = &args.output {
        let text = serde_json::to_string_pretty(plan).unwrap_or_default();
        if let Err(e) = std::fs::write(path, text) {
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
    if args.json {
        out(&as_json(&entries));
    } else {
        out(&plan_table::render(plan, &entries, &Look::out()));
    }
    if args.exit_code && entries.iter().any(|e| plan_table::works(e.action)) {
        Exit::WouldRun
    } else {
        Exit::Fine
    }
}

/// The order of its fields is part of the contract.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    nodes: &'a [PlanEntry],
    summary: Summary,
}

#[derive(Serialize)]
struct Summary {
    reuse: usize,
    resume: usize,
    rerun: usize,
    reevaluate: usize,
    new: usize,
}

fn as_json(entries: &[PlanEntry]) -> String {
    let counts = plan_table::counts(entries);
    let count = |key: &str| counts.get(key).copied().unwrap_or(0);
    let document = Document {
        version: 1,
        nodes: entries,
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
        let document: serde_json::Value = serde_json::from_str(&as_json(&entries)).unwrap();
        crate::ui::schema::assert_keys("plan", &document);
        assert_eq!(document["nodes"][0]["action"], "rerun");
        assert_eq!(document["summary"]["rerun"], 1);
    }
}
