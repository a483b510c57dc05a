//! `align gc`: removes results that nothing needs, and says what went.

use std::time::Duration;

use align_plan::Plan;
use align_runtime::report::format::{count, duration};
use align_runtime::{Collected, Waste};
use clap::{Args, ValueHint};
use serde::Serialize;

use super::{Exit, ProgramArgs, StoreArgs};
use crate::host;
use crate::machine;
use crate::ui::term::{Look, Tone, out, outln};

const AFTER: &str = "\
What the last run of every program made stays, and so does what the current plan of a FILE would use.
What runs before that made goes (so that putting an old value back trains again); with a FILE also
what its last run made for stages and lanes that it no longer has.  Nothing is asked.

Examples:
  align gc --dry-run
  align gc --older-than 30d
  align gc study.align";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct GcArgs {
    /// Programs that use the store; without one, what each program's last run made is what counts.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    files: Vec<String>,
    /// Give a `param` of the programs a value; may be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = super::name_value)]
    sets: Vec<(String, String)>,
    /// Only show what would go.
    #[arg(long)]
    dry_run: bool,
    /// Leave alone what was used in this time, such as `30d` or `12h`.
    #[arg(long, value_name = "TIME", value_parser = super::duration)]
    older_than: Option<f64>,
    /// One JSON document, for programs.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(args: &GcArgs) -> Exit {
    let mut plans: Vec<Plan> = Vec::new();
    for file in &args.files {
        let program = ProgramArgs {
            file: file.clone(),
            sets: args.sets.clone(),
            max_lanes: 10_000,
        };
        match host::plan(&program) {
            Ok(planned) => plans.push(planned.plan),
            Err(exit) => return exit,
        }
    }
    // A time beyond what a clock counts is older than everything.
    let older = Duration::try_from_secs_f64(args.older_than.unwrap_or(0.0));
    let plans: Vec<&Plan> = plans.iter().collect();
    let found = host::with_store(&args.store.store, |store, library| {
        store.gc(&Waste {
            plans: &plans,
            library,
            numeric: machine::numeric(),
            older: older.unwrap_or(Duration::MAX),
            dry: args.dry_run,
        })
    });
    match found {
        Ok(found) if args.json => out(&as_json(&found, args.dry_run)),
        Ok(found) => show(&found, args.dry_run, &args.store.store),
        Err(exit) => return exit,
    }
    Exit::Fine
}

/// The order of its fields is part of the contract.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    dry_run: bool,
    #[serde(flatten)]
    collected: &'a Collected,
}

fn as_json(collected: &Collected, dry_run: bool) -> String {
    let document = Document {
        version: 1,
        dry_run,
        collected,
    };
    let text = serde_json::to_string_pretty(&document);
    format!("{}\n", text.unwrap_or_default())
}

fn show(found: &Collected, dry: bool, store: &std::path::Path) {
    let look = Look::out();
    let width = found.gone.iter().map(|g| g.id.chars().count()).max();
    let width = width.unwrap_or(0);
    for gone in &found.gone {
        let key = look.paint(Tone::Dim, gone.key.0.short());
        outln(&format!(
            "{}  {:<width$}  {key}  used {} ago",
            look.paint(Tone::Warn, if dry { "would go" } else { "removed " }),
            gone.id,
            duration(gone.age),
        ));
    }
    let plural = |n: usize, what: &str| match n {
        1 => format!("1 {what}"),
        n => format!("{} {what}s", count(n as f64)),
    };
    let (stay, verb) = match found.kept {
        1 => ("1 result".to_owned(), "stays"),
        n => (plural(n, "result"), "stay"),
    };
    let text = if found.gone.is_empty() && found.files == 0 {
        format!(
            "gc: nothing to remove in {}, {stay} {verb}",
            store.display()
        )
    } else {
        format!(
            "gc: {} and {} {}, {} {}; {stay} {verb}",
            plural(found.gone.len(), "result"),
            plural(found.files, "file"),
            if dry { "would go" } else { "removed" },
            bytes(found.bytes),
            if dry { "to be freed" } else { "freed" },
        )
    };
    outln(&look.paint(Tone::Bold, &text));
}

/// `300 bytes`, `1.2 KiB`, `34.0 MiB`.
pub(crate) fn bytes(n: u64) -> String {
    let n = n as f64;
    match n {
        n if n < 1024.0 => format!("{n:.0} bytes"),
        n if n < 1_048_576.0 => format!("{:.1} KiB", n / 1024.0),
        n if n < 1_073_741_824.0 => format!("{:.1} MiB", n / 1_048_576.0),
        n => format!("{:.1} GiB", n / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use align_plan::{Digest, Key};

    #[test]
    fn the_document_has_the_keys_of_its_schema() {
        let gone = align_runtime::Gone {
            id: "main/rl".into(),
            key: Key(Digest("00".into())),
            age: 3.5,
        };
        let collected = Collected {
            gone: vec![gone],
            kept: 3,
            files: 4,
            bytes: 2_000,
        };
        let document = serde_json::from_str(&as_json(&collected, true)).unwrap();
        crate::ui::schema::assert_keys("gc", &document);
    }

    #[test]
    fn sizes_are_read_at_a_glance() {
        let all = [0, 1023, 1536, 5 << 20, 3 << 30].map(bytes);
        assert_eq!(
            all,
            ["0 bytes", "1023 bytes", "1.5 KiB", "5.0 MiB", "3.0 GiB"]
        );
    }
}
