//! `align why FILE NODE`: what a run would do with a node, and the parts of its key, then and now.

use align_runtime::report::columns;
use align_runtime::{PartChange, Why};
use align_runtime_api::PlanAction;
use clap::Args;

use super::{Exit, ProgramArgs, StoreArgs};
use crate::host;
use crate::machine;
use crate::ui::plan_table::words;
use crate::ui::term::{Look, Tone, fail, out, outln};

const AFTER: &str = "\
Examples:
  align why study.align dpo
  align why study.align dpo --json";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct WhyArgs {
    #[command(flatten)]
    program: ProgramArgs,
    /// Its name in the program, or its full id.
    node: String,
    /// Show the parts that are the same, too.
    #[arg(long)]
    all: bool,
    /// One JSON document, for programs.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(args: &WhyArgs) -> Exit {
    let planned = match host::plan(&args.program) {
        Ok(planned) => planned,
        Err(exit) => return exit,
    };
    let found = host::with_store(&args.store.store, |store, library| {
        align_runtime::why(
            &planned.plan,
            store,
            library,
            machine::numeric(),
            &args.node,
        )
    });
    let why = match found {
        Ok(Some(why)) => why,
        Ok(None) => {
            fail(
                &format!("no node is called `{}`", args.node),
                Some("`align status FILE` lists them"),
            );
            return Exit::Usage;
        }
        Err(exit) => return exit,
    };
    if args.json {
        let mut document = serde_json::to_value(&why).unwrap_or_default();
        if let Some(fields) = document.as_object_mut() {
            fields.insert("version".to_owned(), 1.into());
        }
        let text = serde_json::to_string_pretty(&document).unwrap_or_default();
        out(&format!("{text}\n"));
        return Exit::Fine;
    }
    show(&why, args.all);
    Exit::Fine
}

fn show(why: &Why, all: bool) {
    let look = Look::out();
    let action = words(why.action);
    let verdict = match why.action {
        PlanAction::Reuse => why.reason.clone(),
        PlanAction::Unknown => format!("not known yet: {}", why.reason),
        _ => format!("{action}: {}", why.reason),
    };
    outln(&look.paint(Tone::Bold, &format!("`{}`: {verdict}", why.node)));
    if let Some(stop) = &why.status.stopped_by {
        outln(&format!("  ended at {} steps: {stop}", why.status.steps));
    }
    for event in &why.status.events {
        let back = event
            .to_step
            .map_or_else(String::new, |n| format!(" to step {n}"));
        outln(&format!(
            "  • {} at step {} ({}) → {}{back}, attempt {}",
            event.event, event.step, event.detail, event.action, event.attempt
        ));
    }
    if let Some(note) = why.status.note.as_ref().filter(|n| **n != why.reason) {
        outln(&format!("  {note}"));
    }
    let changed = |parts: &[PartChange]| parts.iter().filter(|p| !p.same).count();
    let same = changed(&why.parts) == 0;
    outln("");
    outln(&match (why.parts.len(), changed(&why.parts)) {
        (n, 0) if why.key.is_none() => format!("it has no key yet; {n} parts of it:"),
        (n, k) if why.key.is_none() => {
            format!("it has no key yet; {k} of {n} parts of it changed or are not there yet:")
        }
        (n, 0) => format!("its key is what it was, {n} parts:"),
        (n, k) => format!("{k} of {n} parts of its key changed:"),
    });
    table(&why.parts, all || same);
    if !why.beside.is_empty() {
        outln("beside the key:");
        table(&why.beside, true);
    }
}

fn table(parts: &[PartChange], all: bool) {
    let rows: Vec<Vec<String>> = parts
        .iter()
        .filter(|p| all || !p.same)
        .map(|p| {
            let old = p.old.clone().unwrap_or_else(|| "–".to_owned());
            let new = p.new.clone().unwrap_or_else(|| "–".to_owned());
            let (sign, value) = match p.same {
                true => (" ", new),
                false if old == new => ("±", new),
                false => ("±", format!("{old} → {new}")),
            };
            let place = p.place.clone().unwrap_or_default();
            vec![format!("  {sign}"), p.name.clone(), value, place]
        })
        .collect();
    if let Some((first, rest)) = rows.split_first() {
        for line in columns(first, rest) {
            outln(line.trim_end());
        }
    }
}
