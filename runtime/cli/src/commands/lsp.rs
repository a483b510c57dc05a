//! `align lsp`: the language server, over standard input and output.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use align_compiler::World;
use align_compiler::graph::State;
use align_compiler::machine::Machine;
use align_lsp::{Host, Known, NodeKnown};
use align_plan::Plan;
use align_runtime::{Paces, Store};
use align_runtime_api::{NodeState, NodeStatus, PlanAction, PlanEntry};
use align_schema::Dim;
use clap::Args;

use super::fmt::programs;
use super::{Exit, graph};
use crate::host::{Disk, library};
use crate::machine;
use crate::ui::plan_table;
use crate::ui::term::{Look, fail};

const AFTER: &str = "\
Editors start it; `editors/README.md` says how for each.

Examples:
  align lsp                         over standard input and output
  align lsp --store /data/results   shows what a run in that store did";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct LspArgs {
    /// Said by some editors; there is no other way.
    #[arg(long, hide = true)]
    stdio: bool,
    /// Folder that holds every result; a relative one is in the folder that the editor has open.
    #[arg(
        long,
        value_name = "DIR",
        env = "ALIGN_STORE",
        default_value = ".align"
    )]
    store: PathBuf,
}

pub(crate) fn run(args: &LspArgs) -> Exit {
    let _ = args.stdio;
    let here = Here {
        store: args.store.clone(),
        machine: RefCell::new(None),
        listed: RefCell::new(None),
        inside: Cell::new(false),
    };
    match align_lsp::serve_stdio(&here) {
        Ok(true) => Exit::Fine,
        // The protocol asks for 1 where `exit` comes without `shutdown`.
        Ok(false) => Exit::Diagnostics,
        Err(error) => {
            fail(&format!("the editor cannot be read: {error}"), None);
            Exit::Usage
        }
    }
}

/// How long a list of the folder's programs is good for.
const FRESH: Duration = Duration::from_secs(5);

/// Programs that are searched for uses of a name; of more than these the others are left out.
const MOST: usize = 2_000;

/// This machine, as the server sees it.
struct Here {
    store: PathBuf,
    machine: RefCell<Option<Machine>>,
    listed: RefCell<Option<(Instant, Vec<String>)>>,
    /// Whether the editor has a folder open; without one nothing is searched.
    inside: Cell<bool>,
}

impl Host for Here {
    fn enter(&self, folder: &Path) {
        self.inside.set(std::env::set_current_dir(folder).is_ok());
    }

    fn read(&self, path: &str) -> Result<String, String> {
        Disk.read(path)
    }

    fn programs(&self) -> Vec<String> {
        if !self.inside.get() {
            return Vec::new();
        }
        let mut listed = self.listed.borrow_mut();
        if let Some((when, all)) = listed.as_ref()
            && when.elapsed() < FRESH
        {
            return all.clone();
        }
        let mut all = programs(Path::new("."));
        all.truncate(MOST);
        *listed = Some((Instant::now(), all.clone()));
        all
    }

    fn machine(&self) -> Machine {
        self.machine
            .borrow_mut()
            .get_or_insert_with(|| machine::this(None))
            .clone()
    }

    fn known(&self, plan: &Plan) -> Option<Known> {
        if !self.store.is_dir() {
            return None;
        }
        let store = Store::open(&self.store).ok()?;
        let statuses = align_runtime::status(plan, &store, library(), machine::numeric()).ok()?;
        let outlook = align_runtime::outlook(plan, &store, library(), machine::numeric()).ok()?;
        let cores = self.machine().cores.unwrap_or(1) as usize;
        let timing = align_runtime::timing(plan, &store, &outlook, cores, &Paces::default());
        let states = graph::states(&statuses);
        // Both are in the order of the plan.
        let nodes = plan.nodes.iter().enumerate().filter_map(|(i, node)| {
            let status = statuses.get(i)?;
            let entry = outlook.entries.get(i)?;
            let epoch = timing.epochs.get(i).copied().flatten();
            let limits = || node.budget.iter().flat_map(|b| &b.any);
            let limit = |dim: Dim| limits().find(|q| q.dim == dim).map(|q| q.amount);
            Some(NodeKnown {
                id: node.id.clone(),
                state: states.get(&node.id).copied().unwrap_or(State::Waiting),
                detail: detail(status, entry),
                cached: entry.action == PlanAction::Reuse,
                score: status.best.get("score").copied(),
                steps: match (limit(Dim::Steps), limit(Dim::Epochs).zip(epoch)) {
                    _ if node.budget.is_none() => None,
                    // What says it in steps needs no other word for it.
                    (Some(_), _) => None,
                    _ if status.state == NodeState::Done => Some(status.steps),
                    (_, Some((passes, steps))) => Some((passes * steps).ceil() as u64),
                    _ => timing.steps.get(i).copied().flatten(),
                },
                epochs: limit(Dim::Steps).zip(epoch).map(|(all, one)| all / one),
                seconds: timing.nodes.get(i).copied().flatten(),
            })
        });
        Some(Known {
            nodes: nodes.collect(),
        })
    }

    fn plan(&self, plan: &Plan) -> String {
        let asked = crate::host::with_store(&self.store, |store, library| {
            let outlook = align_runtime::outlook(plan, store, library, machine::numeric())?;
            let cores = self.machine().cores.unwrap_or(1) as usize;
            let timing = align_runtime::timing(plan, store, &outlook, cores, &Paces::default());
            Ok((outlook.entries, timing, cores))
        });
        let Ok((entries, timing, cores)) = asked else {
            return "the store cannot be read: `align plan` in a terminal says why\n".to_owned();
        };
        let memory = align_compiler::estimate::memory(plan);
        let look = Look {
            terminal: false,
            colour: false,
            width: 100,
        };
        let table = plan_table::render(plan, &entries, &look);
        table + &plan_table::needs(plan, &entries, &memory, &timing, cores)
    }
}

/// A node's state in few words.
fn detail(status: &NodeStatus, entry: &PlanEntry) -> String {
    let mut text = match status.state {
        NodeState::Waiting => plan_table::words(entry.action).to_owned(),
        NodeState::Running => format!("step {}", status.steps),
        NodeState::Done => "done".to_owned(),
        NodeState::Failed => "failed".to_owned(),
        NodeState::Skipped => "skipped".to_owned(),
        NodeState::Pruned => "stopped early".to_owned(),
    };
    if status.state == NodeState::Done && status.steps > 0 {
        text.push_str(&format!(" after {} steps", status.steps));
    }
    let newest = status.last.get("score").or(status.best.get("score"));
    if let Some(score) = newest.filter(|_| status.state == NodeState::Running) {
        text.push_str(&format!(", score {score:.1}"));
    }
    if let Some(note) = &status.note {
        text.push_str(&format!(": {note}"));
    }
    text
}
