//! `align why FILE NODE`: the parts of a node's key, then and now.

use align_runtime::report::columns;
use clap::Args;

use super::{Exit, ProgramArgs, StoreArgs};
use crate::host;
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
    let plan = &planned.plan;
    if !plan
        .nodes
        .iter()
        .any(|n| n.id.0 == args.node || n.name == args.node)
    {
        fail(
            &format!("no node is called `{}`", args.node),
            Some("`align status FILE` lists them"),
        );
        return Exit::Usage;
    }
    let found = host::with_store(&args.store.store, |store, library| {
        Ok(align_runtime::why(
            plan,
            store,
            library,
            host::NUMERIC,
            &args.node,
        ))
    });
    let changes = match found {
        Ok(Some(changes)) => changes,
        Ok(None) => {
            outln(&format!(
                "`{}` has no key yet: what it needs has not run",
                args.node
            ));
            return Exit::Fine;
        }
        Err(exit) => return exit,
    };
    if args.json {
        let document = serde_json::json!({ "version": 1, "node": args.node, "parts": changes });
        out(&format!(
            "{}\n",
            serde_json::to_string_pretty(&document).unwrap_or_default()
        ));
        return Exit::Fine;
    }
    let look = Look::out();
    let changed = changes.iter().filter(|c| !c.same).count();
    let all = changes.len();
    outln(&look.paint(
        Tone::Bold,
        &match changed {
            0 => format!("`{}`: its key is what it was; its {all} parts:", args.node),
            n => format!("`{}`: {n} of {all} parts of its key changed", args.node),
        },
    ));
    let shown = changes
        .iter()
        .filter(|c| args.all || changed == 0 || !c.same);
    let rows: Vec<Vec<String>> = shown
        .map(|c| {
            let old = c.old.clone().unwrap_or_else(|| "–".to_owned());
            let new = c.new.clone().unwrap_or_else(|| "–".to_owned());
            let sign = if c.same { " " } else { "±" };
            let value = if c.same {
                new
            } else {
                format!("{old} → {new}")
            };
            vec![format!("  {sign}"), c.name.clone(), value]
        })
        .collect();
    if let Some((first, rest)) = rows.split_first() {
        for line in columns(first, rest) {
            outln(&line);
        }
    }
    Exit::Fine
}
