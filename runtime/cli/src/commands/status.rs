//! `align status FILE`: what is known of each node.

use align_runtime_api::NodeStatus;
use clap::Args;
use serde::Serialize;

use super::{Exit, ProgramArgs, StoreArgs};
use crate::host;
use crate::ui::status_table;
use crate::ui::term::{Look, out};

const AFTER: &str = "\
Examples:
  align status study.align
  align status study.align --json | jq '.nodes[] | {id, state, score: .best.score}'";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    program: ProgramArgs,
    /// One JSON document, for programs.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(args: &StatusArgs) -> Exit {
    let planned = match host::plan(&args.program) {
        Ok(planned) => planned,
        Err(exit) => return exit,
    };
    let statuses = match host::statuses(&planned.plan, &args.store.store) {
        Ok(statuses) => statuses,
        Err(exit) => return exit,
    };
    if args.json {
        out(&as_json(&statuses));
    } else {
        out(&status_table::render(
            &planned.plan,
            &statuses,
            &Look::out(),
        ));
    }
    Exit::Fine
}

/// The order of its fields is part of the contract.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    nodes: &'a [NodeStatus],
}

fn as_json(statuses: &[NodeStatus]) -> String {
    let document = Document {
        version: 1,
        nodes: statuses,
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
    use align_runtime_api::{EventRecord, NodeState};

    #[test]
    fn the_document_has_the_keys_of_its_schema() {
        let status = NodeStatus {
            id: NodeId("main/rl".into()),
            kind: NodeKind::Stage,
            state: NodeState::Done,
            steps: 120,
            best: [("score".to_owned(), 61.2)].into(),
            last: [].into(),
            stopped_by: Some("plateau of score".into()),
            events: vec![EventRecord {
                event: "nan".into(),
                detail: "loss".into(),
                step: 60,
                action: "rollback".into(),
                to_step: Some(40),
                from: None,
                to: None,
                attempt: 1,
            }],
            checkpoint: None,
            key: None,
            seconds: 3.5,
            episodes: vec![60.0, 62.4],
            returns: Vec::new(),
            history: [("score".to_owned(), vec![(40, 55.0)])].into(),
            note: None,
            outputs: [].into(),
        };
        let document: serde_json::Value = serde_json::from_str(&as_json(&[status])).unwrap();
        crate::ui::schema::assert_keys("status", &document);
    }
}
