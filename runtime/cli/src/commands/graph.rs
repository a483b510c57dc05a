//! `align graph FILE`: the graph of a program as text, DOT, Mermaid, SVG or JSON.

use align_compiler::graph::{self, State, States};
use align_plan::Plan;
use align_runtime_api::{NodeState, NodeStatus};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Exit, ProgramArgs, StoreArgs};
use crate::host;
use crate::ui::term::out;

const AFTER: &str = "\
Examples:
  align graph study.align
  align graph study.align --format svg --state > study.svg
  align graph study.align --format dot | dot -Tpdf > study.pdf";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    program: ProgramArgs,
    /// How it is drawn.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Mark what is done, running, failed or waiting.
    #[arg(long)]
    state: bool,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For a terminal.
    Text,
    /// For Graphviz.
    Dot,
    /// For Markdown.
    Mermaid,
    /// A picture.
    Svg,
    /// Nodes and edges, for programs.
    Json,
}

/// States as the graph's drawings take them.
pub(crate) fn states(statuses: &[NodeStatus]) -> States {
    let state = |s: NodeState| match s {
        NodeState::Waiting => State::Waiting,
        NodeState::Running => State::Running,
        NodeState::Done => State::Done,
        NodeState::Failed => State::Failed,
        NodeState::Skipped | NodeState::Pruned => State::Skipped,
    };
    statuses
        .iter()
        .map(|s| (s.id.clone(), state(s.state)))
        .collect()
}

pub(crate) fn run(args: &GraphArgs) -> Exit {
    let planned = match host::plan(&args.program) {
        Ok(planned) => planned,
        Err(exit) => return exit,
    };
    let states = if args.state {
        match host::statuses(&planned.plan, &args.store.store) {
            Ok(statuses) => states(&statuses),
            Err(exit) => return exit,
        }
    } else {
        States::new()
    };
    let plan = &planned.plan;
    let text = match args.format {
        Format::Text => graph::text(plan, &states),
        Format::Dot => graph::dot(plan, &states),
        Format::Mermaid => graph::mermaid(plan, &states),
        Format::Svg => graph::svg(plan, &states),
        Format::Json => as_json(plan, &states),
    };
    out(&format!("{}\n", text.trim_end()));
    Exit::Fine
}

fn as_json(plan: &Plan, states: &States) -> String {
    let nodes: Vec<_> = plan
        .nodes
        .iter()
        .map(|n| {
            json!({
                "id": n.id,
                "kind": n.kind,
                "lane": n.lane,
                "name": n.name,
                "round": n.round,
                "needs": n.needs.iter().map(|e| json!({
                    "role": e.role, "node": e.node, "port": e.port.to_string(),
                })).collect::<Vec<_>>(),
                "place": format!("{}:{}", n.place.file, n.place.line),
                "state": states.get(&n.id).map(|s| s.word()),
            })
        })
        .collect();
    serde_json::to_string_pretty(&json!({ "version": 1, "nodes": nodes })).unwrap_or_default()
}
