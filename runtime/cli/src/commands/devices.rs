//! `align devices`: what can compute here, and why something cannot.

use align_compiler::estimate::bytes;
use clap::Args;
use serde::Serialize;

use super::Exit;
use crate::machine::{self, Missing, Seen};
use crate::ui::term::{Look, Tone, out, outln};

const AFTER: &str = "\
Examples:
  align devices
  align run maze.align --device libtorch
  align devices --json | jq '.devices[].name'";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct DevicesArgs {
    /// One JSON document, for programs.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &DevicesArgs) -> Exit {
    let (there, missing) = machine::devices();
    if args.json {
        out(&as_json(&there, &missing));
    } else {
        show(&there, &missing);
    }
    Exit::Fine
}

/// The order of its fields is part of the contract.
#[derive(Serialize)]
struct Document {
    version: u32,
    devices: Vec<Device>,
    missing: Vec<Absent>,
}

#[derive(Serialize)]
struct Device {
    name: String,
    chosen: bool,
    what: String,
    memory: Option<u64>,
    free: Option<u64>,
}

#[derive(Serialize)]
struct Absent {
    name: &'static str,
    why: String,
}

fn as_json(there: &[Seen], missing: &[Missing]) -> String {
    let chosen = machine::chosen();
    let device = |seen: &Seen| Device {
        name: seen.device.to_string(),
        chosen: seen.device == chosen,
        what: seen.what.clone(),
        memory: seen.memory.map(|m| m.0),
        free: seen.memory.map(|m| m.1),
    };
    let absent = |missing: &Missing| Absent {
        name: missing.name,
        why: missing.why.clone(),
    };
    let document = Document {
        version: 1,
        devices: there.iter().map(device).collect(),
        missing: missing.iter().map(absent).collect(),
    };
    let text = serde_json::to_string_pretty(&document);
    format!("{}\n", text.unwrap_or_default())
}

fn show(there: &[Seen], missing: &[Missing]) {
    let look = Look::out();
    let chosen = machine::chosen();
    let names = there.iter().map(|s| s.device.to_string());
    let names: Vec<String> = names.chain(missing.iter().map(|m| m.name.into())).collect();
    let width = names.iter().map(String::len).max().unwrap_or(0);
    let bytes = |n: u64| bytes(n as f64);
    for seen in there {
        let memory = seen.memory.map_or_else(String::new, |(all, free)| {
            format!(", {} of {} free", bytes(free), bytes(all))
        });
        let name = format!("{:<width$}", seen.device.to_string());
        let mark = if seen.device == chosen {
            "computes"
        } else {
            ""
        };
        outln(&format!(
            "{}  {}{memory}  {}",
            look.paint(Tone::Good, &name),
            seen.what,
            look.paint(Tone::Dim, mark)
        ));
    }
    for missing in missing {
        let name = format!("{:<width$}", missing.name);
        let text = format!("{name}  not here: {}", missing.why);
        outln(&look.paint(Tone::Dim, &text));
    }
}
