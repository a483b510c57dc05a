//! `align schema`: the language as a JSON schema, and the published schemas of what `align` writes for programs.

use align_compiler::language;
use clap::Args;
use serde_json::Value;

use super::Exit;
use crate::ui::term::{Look, Tone, fail, out, outln};

const AFTER: &str = "\
Examples:
  align schema                   blocks and library of the language
  align schema stage             the fields of a block
  align schema ppo               the arguments of a builtin
  align schema check             what `align check --format json` writes
  align schema --list            every name of an output";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct SchemaArgs {
    /// An output (`check`), a block (`stage`) or a builtin (`ppo`); without it, the whole language.
    name: Option<String>,
    /// List the outputs that have a schema.
    #[arg(long, conflicts_with = "name")]
    list: bool,
}

/// A published schema.
pub(crate) struct Published {
    /// As `align schema NAME` calls it.
    pub(crate) name: &'static str,
    /// Which output it describes.
    pub(crate) of: &'static str,
    /// The schema.
    pub(crate) text: &'static str,
}

/// Every published schema.
pub(crate) const PUBLISHED: &[Published] = &[
    Published {
        name: "check",
        of: "align check --format json",
        text: include_str!("../../schema/check.json"),
    },
    Published {
        name: "check-line",
        of: "align check --format jsonl",
        text: include_str!("../../schema/check-line.json"),
    },
    Published {
        name: "statistics",
        of: "align check --statistics --format json",
        text: include_str!("../../schema/statistics.json"),
    },
    Published {
        name: "baseline",
        of: "align check --write-baseline",
        text: include_str!("../../schema/baseline.json"),
    },
    Published {
        name: "plan",
        of: "align plan --json",
        text: include_str!("../../schema/plan.json"),
    },
    Published {
        name: "status",
        of: "align status --json",
        text: include_str!("../../schema/status.json"),
    },
    Published {
        name: "events",
        of: "align run --json",
        text: include_str!("../../schema/events.json"),
    },
    Published {
        name: "devices",
        of: "align devices --json",
        text: include_str!("../../schema/devices.json"),
    },
    Published {
        name: "gc",
        of: "align gc --json",
        text: include_str!("../../schema/gc.json"),
    },
    Published {
        name: "fsck",
        of: "align fsck --json",
        text: include_str!("../../schema/fsck.json"),
    },
    Published {
        name: "explain",
        of: "align explain --format json",
        text: include_str!("../../schema/explain.json"),
    },
    Published {
        name: "doc",
        of: "align doc --json",
        text: include_str!("../../schema/doc.json"),
    },
];

pub(crate) fn run(args: &SchemaArgs) -> Exit {
    let look = Look::out();
    if args.list {
        for schema in PUBLISHED {
            let name = look.paint(Tone::Accent, &format!("{:<12}", schema.name));
            outln(&format!("{name}  {}", schema.of));
        }
        return Exit::Fine;
    }
    let Some(name) = &args.name else {
        write(&language::schema());
        return Exit::Fine;
    };
    if let Some(schema) = PUBLISHED.iter().find(|s| s.name == name) {
        out(schema.text);
        return Exit::Fine;
    }
    if let Some(schema) = language::schema_of(name) {
        write(&schema);
        return Exit::Fine;
    }
    let names = PUBLISHED.iter().map(|s| s.name).chain(super::doc::names());
    let help = match super::doc::nearest(name, names) {
        Some(near) => {
            format!("did you mean `{near}`? `align schema --list` and `align doc` list all names")
        }
        None => "`align schema --list` and `align doc` list all names".to_owned(),
    };
    fail(&format!("`{name}` has no schema"), Some(&help));
    Exit::Usage
}

fn write(schema: &Value) {
    out(&(serde_json::to_string_pretty(schema).unwrap_or_default() + "\n"));
}
