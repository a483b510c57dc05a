//! What an `.align` program means: names, types, units, diagnostics and the plan.  No input or output, no threads.
//!
//! ```text
//! files --hir--> definitions and scopes --check--> nodes of each lane --lower--> Plan
//! ```

pub mod codes;
pub mod diag;
pub mod estimate;
pub mod events;
pub mod fmt;
pub mod graph;
pub mod ide;
pub mod language;
pub mod lint;
pub mod machine;

mod check;
mod hir;
mod lower;
mod resources;
mod suggest;
#[cfg(test)]
mod testing;

use align_grammar::Parse;
use align_plan::Plan;
use align_schema::Value;

use crate::diag::{Diagnostic, Sources};
use crate::machine::Machine;

/// Where files come from; the only way in which the compiler reaches the outside.
pub trait World {
    /// The text of a file, or why it cannot be read (`no such file`).
    fn read(&self, path: &str) -> Result<String, String>;

    /// Parses a text that was read; a world that sees a text again and again may remember.
    fn parse(&self, path: &str, text: &str) -> Parse {
        let _ = path;
        align_grammar::parse(text)
    }
}

/// How a program is checked.
#[derive(Clone, Debug)]
pub struct Options {
    /// `--set name=value`: values of `param`s of the main file, in the language's own literals; a text needs no quotes.
    pub sets: Vec<(String, String)>,
    /// Whether a `param` without a value is fine (`align check`); there is no plan then.
    pub allow_unset: bool,
    /// What it is to run on.
    pub machine: Machine,
    /// How many lanes a sweep may have.
    pub max_lanes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sets: Vec::new(),
            allow_unset: false,
            machine: Machine::default(),
            max_lanes: 10_000,
        }
    }
}

/// A checked program.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Every file that was read, the main file first (texts of `--set` come last).
    pub sources: Sources,
    /// What is wrong, sorted by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// Values of the main file's `param`s, in the order written; `None` for one that has none.
    pub params: Vec<(String, Option<Value>)>,
    plan: Option<Plan>,
}

impl Checked {
    /// The plan, taken out: a large one is not worth a copy.
    pub fn take_plan(&mut self) -> Option<Plan> {
        self.plan.take()
    }

    /// Whether there is an error, so that there is no plan.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Checks a program: reads its files, resolves names, checks every block of every lane.
pub fn check(world: &dyn World, main: &str, options: &Options) -> Checked {
    examine(world, main, options, false).0
}

/// [`check`], with what an editor asks about as well: the names of the program, and the metrics of its stages.
fn examine(
    world: &dyn World,
    main: &str,
    options: &Options,
    keep: bool,
) -> (Checked, hir::Program, ide::MetricsOf) {
    let (mut program, mut sources, mut diagnostics) = hir::load(world, main, keep);
    let order = program.order(&mut diagnostics);
    let out = check::program(&program, &order, &mut sources, options);
    diagnostics.extend(out.diagnostics);
    diagnostics.extend(resources::device(&mut sources, &options.machine));
    diagnostics.extend(resources::parallel(&out.parallel, &options.machine));
    diag::sort(&mut diagnostics);
    diag::drop_follow_ups(&mut diagnostics);
    diag::join_repeats(&mut diagnostics);
    let complete = out.params.iter().all(|(_, v)| v.is_some());
    let parallel = out.parallel.iter().map(|p| p.0).max().unwrap_or(0);
    let mut plan = (complete && !diagnostics.iter().any(Diagnostic::is_error)).then(|| {
        lower::plan(
            program.edition,
            main,
            out.lanes,
            out.reports,
            parallel,
            out.sweeps,
        )
    });
    if let Some(made) = &plan {
        let mut more = resources::memory(made, &program, &sources, &options.machine);
        more.extend(resources::named(made, &program, &sources, &options.machine));
        more.extend(resources::precision(
            made,
            &program,
            &sources,
            &options.machine,
        ));
        if !more.is_empty() {
            diagnostics.extend(more);
            diag::sort(&mut diagnostics);
            plan = None;
        }
    }
    let checked = Checked {
        sources,
        diagnostics,
        params: out.params,
        plan,
    };
    (checked, program, out.metrics)
}

/// Whether a device is there, for what is run without a check (a saved plan): the diagnostic and the text it points into.
pub fn check_device(machine: &Machine) -> Option<(Sources, Diagnostic)> {
    let mut sources = Sources::default();
    let found = resources::device(&mut sources, machine)?;
    Some((sources, found))
}

/// The plan of a checked program; `None` when it has errors or a `param` without a value.
pub fn plan(checked: &Checked) -> Option<Plan> {
    checked.plan.clone()
}
