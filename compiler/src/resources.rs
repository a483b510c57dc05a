//! Does the plan fit the machine that it is to run on?  Memory, cores, device.
//!
//! Must not change the plan: a machine is in no key.

use align_grammar::ast::Span;
use align_plan::{Node, Place, Plan};
use align_schema::Value;

use crate::diag::{Diagnostic, FileId, Sources};
use crate::estimate::{self, Memory, bytes, count};
use crate::hir::{Def, Kind, Program};
use crate::machine::{Device, Limit, Machine};

/// A8003: the device that was asked for is not there.
pub fn device(sources: &mut Sources, machine: &Machine) -> Option<Diagnostic> {
    let wanted = machine.device;
    if wanted == Device::Auto || machine.devices.is_empty() || machine.devices.contains(&wanted) {
        return None;
    }
    let there: Vec<String> = machine.devices.iter().map(ToString::to_string).collect();
    let there: Vec<&str> = there.iter().map(String::as_str).collect();
    let text = wanted.to_string();
    let file = sources.add("--device", text.clone());
    let help = match wanted {
        Device::Cuda(_) if machine.devices.iter().any(|d| matches!(d, Device::Cuda(_))) => {
            "cards are counted from 0; `auto` takes the first one"
        }
        Device::Cuda(_) | Device::Libtorch => {
            "`align devices` says what is there and why something is not; `--device cpu` is always there"
        }
        Device::Auto | Device::Cpu => "take `--device auto`, which is the best one there is",
    };
    Some(
        Diagnostic::error(
            "A8003",
            file,
            Span::new(0, text.len()),
            format!("there is no device `{text}`"),
        )
        .with_label(format!("there is {}", crate::suggest::all_of(&there)))
        .with_help(help),
    )
}

/// A8003: a stage names a device that is not there.
pub fn named(
    plan: &Plan,
    program: &Program,
    sources: &Sources,
    machine: &Machine,
) -> Vec<Diagnostic> {
    // `cuda` is the first card, which is there where any is.
    let there = |name: &str| {
        let device = name.parse::<Device>();
        machine.devices.is_empty() || device.is_ok_and(|d| machine.devices.contains(&d))
    };
    let help = "`align devices` says what is there and why something is not; without the field it computes on `--device`";
    refused(plan, program, sources, help, |node| {
        let name = word(node, "device")?;
        let text = format!("`{}` computes on `{name}`, which is not there", node.name);
        (!there(name)).then_some(text)
    })
}

/// A8003: a stage multiplies in a precision that its device has not.
pub fn precision(
    plan: &Plan,
    program: &Program,
    sources: &Sources,
    machine: &Machine,
) -> Vec<Diagnostic> {
    // Where nothing is known of the machine, neither is what `auto` is.
    let known = machine.device != Device::Auto || !machine.devices.is_empty();
    let embedded = |node: &Node| match word(node, "device") {
        Some(name) => name == "cpu",
        None => known && machine.chosen() == Device::Cpu,
    };
    let help = "`device = libtorch` and `device = cuda` have both, where `align devices` lists them; without the field it multiplies in `f32`";
    refused(plan, program, sources, help, |node| {
        let lower = word(node, "precision") == Some("bf16");
        let text = format!(
            "`{}` multiplies in `bf16`, and its device, `cpu`, in `f32` alone",
            node.name
        );
        (lower && embedded(node)).then_some(text)
    })
}

/// The word in a field of a node.
fn word<'a>(node: &'a Node, field: &str) -> Option<&'a str> {
    match node.value(field) {
        Some(Value::Name(name)) => Some(name),
        _ => None,
    }
}

/// A8003 for each stage that something is wrong with, said once for all of its lanes.
fn refused(
    plan: &Plan,
    program: &Program,
    sources: &Sources,
    help: &str,
    wrong: impl Fn(&Node) -> Option<String>,
) -> Vec<Diagnostic> {
    let mut out: Vec<Diagnostic> = Vec::new();
    let mut said: Vec<&Place> = Vec::new();
    for node in &plan.nodes {
        let Some(text) = wrong(node).filter(|_| !said.contains(&&node.place)) else {
            continue;
        };
        said.push(&node.place);
        let (file, span) = find(&node.place, program, sources, |def| {
            def.name.text == node.name
        });
        out.push(
            Diagnostic::error("A8003", file, span, text)
                .with_label("this stage")
                .with_help(help),
        );
    }
    out
}

/// A8004: more lanes at a time than cores.
pub fn parallel(given: &[(u64, FileId, Span)], machine: &Machine) -> Vec<Diagnostic> {
    let Some(cores) = machine.cores else {
        return Vec::new();
    };
    let above = given.iter().filter(|(lanes, ..)| *lanes > cores);
    above
        .map(|(lanes, file, span)| {
            Diagnostic::warning(
                "A8004",
                *file,
                *span,
                format!(
                    "{lanes} lanes at a time, and there are {}",
                    cores_text(cores)
                ),
            )
            .with_label("lanes share cores, and none is done sooner")
            .with_help(format!(
                "lower it to {cores}, or leave it out: as many run as there are cores"
            ))
        })
        .collect()
}

fn cores_text(cores: u64) -> String {
    if cores == 1 {
        "1 core".to_owned()
    } else {
        format!("{cores} cores")
    }
}

/// A8001: a node that needs more memory than it may have, said once for each definition, of the lane that needs most.
pub fn memory(
    plan: &Plan,
    program: &Program,
    sources: &Sources,
    machine: &Machine,
) -> Vec<Diagnostic> {
    let Some(limit) = machine.memory else {
        return Vec::new();
    };
    let mut worst: Vec<(&Node, Memory)> = Vec::new();
    for (node, need) in plan.nodes.iter().zip(estimate::memory(plan)) {
        if need.bytes() <= limit.amount as f64 {
            continue;
        }
        match worst.iter_mut().find(|(w, _)| w.place == node.place) {
            Some(old) if old.1.bytes() < need.bytes() => *old = (node, need),
            Some(_) => {}
            None => worst.push((node, need)),
        }
    }
    let mut out: Vec<Diagnostic> = worst
        .into_iter()
        .map(|(node, need)| too_large(node, need, program, sources, limit))
        .collect();
    out.extend(set_aside(plan, program, sources, limit));
    out
}

/// A8001: a stage that sets more aside than there is.  A card's memory is not the machine's, and is known where it runs.
fn set_aside(plan: &Plan, program: &Program, sources: &Sources, limit: Limit) -> Vec<Diagnostic> {
    let mut out: Vec<Diagnostic> = Vec::new();
    let mut said: Vec<&Place> = Vec::new();
    for node in &plan.nodes {
        let Some(Value::Quantity(wanted)) = node.value("memory") else {
            continue;
        };
        let on_card = word(node, "device") == Some("cuda");
        if on_card || wanted.amount <= limit.amount as f64 || said.contains(&&node.place) {
            continue;
        }
        said.push(&node.place);
        let (file, span) = find(&node.place, program, sources, |def| {
            def.name.text == node.name
        });
        let message = format!(
            "`{}` sets {} of memory aside, and {}",
            node.name,
            bytes(wanted.amount),
            limit_text(limit)
        );
        out.push(
            Diagnostic::error("A8001", file, span, message)
                .with_label("this stage")
                .with_help("lower its `memory`, or leave it out: what its like was seen to hold is set aside"),
        );
    }
    out
}

fn limit_text(limit: Limit) -> String {
    let most = bytes(limit.amount as f64);
    if limit.given {
        format!("the limit is {most}")
    } else {
        format!("this machine has {most}")
    }
}

fn too_large(
    node: &Node,
    need: Memory,
    program: &Program,
    sources: &Sources,
    limit: Limit,
) -> Diagnostic {
    let (file, span) = find(&node.place, program, sources, |def| {
        def.name.text == node.name
    });
    let limit_text = limit_text(limit);
    let mut out = Diagnostic::error(
        "A8001",
        file,
        span,
        format!(
            "`{}` needs at least {} of memory, and {limit_text}",
            node.name,
            bytes(need.bytes())
        ),
    )
    .with_label(parts(need).join(", "));
    if let Some(field) = node.fields.get("model") {
        let (file, span) = find(&field.place, program, sources, |def| {
            matches!(def.kind, Kind::Model(_))
        });
        out = out.with_place(file, span, format!("{} weights", count(need.parameters)));
    }
    let largest = [need.weights, need.others, need.data, need.batch]
        .into_iter()
        .fold(0.0, f64::max);
    let way = if largest <= need.batch {
        "lower `batch`"
    } else if largest <= need.data {
        "make fewer episodes or pairs"
    } else {
        "make the network smaller"
    };
    out.with_help(if limit.given {
        format!("{way}, or raise `--memory`")
    } else {
        format!("{way}, or run it on a larger machine (`--memory SIZE` sets the limit)")
    })
}

/// What the memory is for.
fn parts(need: Memory) -> Vec<String> {
    let mut out = Vec::new();
    let mut push = |amount: f64, what: String| {
        if amount > 0.0 {
            out.push(format!("{} {what}", bytes(amount)));
        }
    };
    push(
        need.weights,
        "for weights, gradient, moments and moving average".to_owned(),
    );
    push(need.others, "for other checkpoints".to_owned());
    push(need.data, "of data".to_owned());
    push(need.batch, "for a batch".to_owned());
    out
}

/// The name of a definition, by the place that a plan has of it.
fn find(
    place: &Place,
    program: &Program,
    sources: &Sources,
    meant: impl Fn(&Def) -> bool,
) -> (FileId, Span) {
    let file = sources.find(&place.file).unwrap_or_default();
    let here = |def: &Def| {
        def.at.file == file
            && meant(def)
            && sources.places(file, def.name.span).0.line == place.line
    };
    let found = program.iter().find(|(_, def)| here(def));
    (
        file,
        found.map_or_else(Span::default, |(_, def)| def.name.span),
    )
}
