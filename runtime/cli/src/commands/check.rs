//! `align check`: every diagnostic of one or more programs.

use align_compiler::diag::Severity;
use align_compiler::diag::render;
use clap::{Args, ValueEnum};

use super::Exit;
use crate::host;
use crate::ui::term::{Look, Tone, errln, out};

const AFTER: &str = "\
Examples:
  align check study.align
  align check examples/*.align --format short
  align check study.align --format json | jq '.[].code'";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct CheckArgs {
    /// Programs to check.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// Give a `param` of the programs a value; may be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = super::name_value)]
    sets: Vec<(String, String)>,
    /// How diagnostics are written.
    #[arg(long, value_enum, default_value_t = Format::Full)]
    format: Format,
    /// Exit with 1 on warnings too.
    #[arg(long, value_enum, value_name = "WHAT")]
    deny: Option<Deny>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The lines of the program with every place marked.
    Full,
    /// One line each, `file:line:column: error[CODE]: message`.
    Short,
    /// One array, for programs.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Deny {
    /// Warnings fail too.
    Warnings,
}

pub(crate) fn run(args: &CheckArgs) -> Exit {
    let look = Look::out();
    let shown = render::Look {
        colour: look.colour,
        width: look.width.min(120),
    };
    let mut bad = false;
    let mut json = Vec::new();
    for file in &args.files {
        let checked = host::check(file, &args.sets, true);
        bad |= checked
            .diagnostics
            .iter()
            .any(|d| d.is_error() || (args.deny.is_some() && d.severity == Severity::Warning));
        match args.format {
            Format::Full => out(&render::full(&checked.sources, &checked.diagnostics, shown)),
            Format::Short => out(&render::short(&checked.sources, &checked.diagnostics)),
            Format::Json => {
                let text = render::json(&checked.sources, &checked.diagnostics);
                if let Ok(serde_json::Value::Array(entries)) = serde_json::from_str(&text) {
                    json.extend(entries);
                }
                // One file's array is passed on as it is, so that the order of its keys stays the contract's.
                if args.files.len() == 1 {
                    out(&text);
                }
            }
        }
        if checked.diagnostics.is_empty() && args.format == Format::Full {
            let ok = Look::err().paint(Tone::Good, "✓");
            errln(&format!("{ok} {file}"));
        }
    }
    if args.format == Format::Json && args.files.len() > 1 {
        let text = serde_json::to_string_pretty(&json).unwrap_or_default();
        out(&format!("{text}\n"));
    }
    if bad { Exit::Diagnostics } else { Exit::Fine }
}
