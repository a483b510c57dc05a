//! The words for builtins, fields, metrics and tasks, in Markdown, as hover, completion and signatures show them.

use align_grammar::lex::Kind;
use align_schema::{Block, Builtin, Dim, Effect, Param, Ty, UNITS, Unit};
use align_stdlib::envs::Task;
use align_stdlib::rules::Metric;

use crate::check::{group_word, wanted};
use crate::events::Event;
use crate::language::prose;

/// The type of a parameter in few words: `steps`, `int`, `a loss`.
pub fn kind(ty: Ty) -> String {
    match ty {
        Ty::Int => "int".into(),
        Ty::Float => "float".into(),
        Ty::Bool => "bool".into(),
        Ty::Str => "text".into(),
        Ty::Quantity(dims) | Ty::QuantityOrBudget(dims) => dimensions(dims),
        Ty::Amount(dims) => format!("number or {}", dimensions(dims)),
        Ty::Enum(words) => words.join(" | "),
        Ty::List(of) => format!("[{}]", kind(*of)),
        Ty::Call(group) => group_word(group).into(),
        Ty::RecordOf(of) => format!("{{ field: {} }}", kind(*of)),
        Ty::Checkpoint | Ty::CriticOf(_) => "checkpoint".into(),
        Ty::CheckpointOr(words) => format!("{} | checkpoint", words.join(" | ")),
        Ty::Target => "best | last | checkpoint".into(),
        Ty::Metric => "metric".into(),
        Ty::Condition => "condition".into(),
        Ty::Budget => "budget".into(),
        Ty::Filter => "filter".into(),
        Ty::Task => "task".into(),
        Ty::Dataset(_) => "dataset".into(),
        Ty::Split => "split".into(),
    }
}

fn dimensions(dims: &[Dim]) -> String {
    let mut names: Vec<&str> = dims.iter().map(|d| d.unit_name()).collect();
    names.retain(|n| !n.is_empty());
    names.join(" | ")
}

/// The units that a type takes.
pub fn units(ty: Ty) -> Vec<&'static Unit> {
    let dims: &[Dim] = match ty {
        Ty::Quantity(d) | Ty::Amount(d) | Ty::QuantityOrBudget(d) => d,
        Ty::Budget => &[Dim::Steps, Dim::EnvSteps, Dim::Epochs, Dim::Time],
        Ty::Condition | Ty::Filter => {
            &[Dim::Share, Dim::Score, Dim::Return, Dim::Steps, Dim::Evals]
        }
        Ty::List(of) => return units(*of),
        _ => &[],
    };
    UNITS.iter().filter(|u| dims.contains(&u.dim)).collect()
}

/// What a change of a field means for results that are there.
pub fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Identity => "identity: a change trains again",
        Effect::Extent => "extent: more goes on from the last checkpoint, less cuts back",
        Effect::Observe => "observe: a change evaluates again and trains nothing",
        Effect::Inert => "inert: a change runs nothing again",
    }
}

/// One line: `lr: float = 2e-4`.
pub fn declared(param: &Param) -> String {
    let default = match (param.default, param.required) {
        (Some(default), _) => format!(" = {default}"),
        (None, true) => String::new(),
        (None, false) => " (optional)".into(),
    };
    format!("{}: {}{default}", param.name, kind(param.ty))
}

/// What a field or an argument is.
pub fn param(param: &Param) -> String {
    let mut out = format!("{}\n\nWants {}", prose(param.docs), wanted(param.ty));
    if let Some(bounds) = &param.bounds {
        out.push_str(&format!(", {bounds}"));
    }
    out.push_str(
        match (param.default, param.required) {
            (Some(default), _) => format!("; by default `{default}`."),
            (None, true) => "; required.".into(),
            (None, false) => "; may be left out.".into(),
        }
        .as_str(),
    );
    out.push_str(&format!("\n\n*{}*", effect(param.effect)));
    out
}

/// `ppo(clip: float = 0.2, critic: checkpoint, ..)`.
pub fn signature(builtin: &Builtin) -> String {
    let params: Vec<String> = builtin.params.iter().map(declared).collect();
    format!("{}({})", builtin.name, params.join(", "))
}

/// A signature that is broken over lines when it is long.
fn signature_lines(builtin: &Builtin) -> String {
    let one = signature(builtin);
    if one.len() <= 80 {
        return one;
    }
    let params: Vec<String> = builtin
        .params
        .iter()
        .map(|p| format!("    {},\n", declared(p)))
        .collect();
    format!("{}(\n{})", builtin.name, params.concat())
}

/// A page of a builtin.
pub fn builtin(builtin: &Builtin) -> String {
    let mut out = format!(
        "```align\n{}\n```\n*{}*\n\n{}",
        signature_lines(builtin),
        group_word(builtin.group),
        prose(builtin.docs)
    );
    if !builtin.metrics.is_empty() {
        out.push_str(&format!("\n\nReports `{}`.", builtin.metrics.join("`, `")));
    }
    out
}

/// What a kind of block is, with its fields.
pub fn block(block: &Block) -> String {
    let fields: Vec<String> = block
        .fields
        .iter()
        .map(|f| format!("- `{}`", declared(f)))
        .collect();
    format!(
        "**{}**: {}\n\n{}",
        block.word,
        prose(block.docs),
        fields.join("\n")
    )
}

/// A field of a block.
pub fn field(block: &Block, field: &Param) -> String {
    format!(
        "```align\n{}\n```\n*field of `{}`*\n\n{}",
        declared(field),
        block.word,
        param(field)
    )
}

/// An argument.
pub fn argument(of: &str, argument: &Param) -> String {
    format!(
        "```align\n{}\n```\n*argument of `{of}`*\n\n{}",
        declared(argument),
        param(argument)
    )
}

/// A failure event.
pub fn event(event: &Event) -> String {
    let params: Vec<String> = event.params.iter().map(declared).collect();
    let head = match params.as_slice() {
        [] => event.name.to_owned(),
        all => format!("{}({})", event.name, all.join(", ")),
    };
    format!(
        "```align\n{head}\n```\n*failure event*\n\n{}",
        prose(event.docs)
    )
}

/// A metric.
pub fn metric(metric: &Metric) -> String {
    let unit = match metric.dim {
        Dim::Plain => String::new(),
        dim => format!(", in {}", dim.unit_name()),
    };
    let way = if metric.up {
        "larger is better"
    } else {
        "smaller is better"
    };
    format!(
        "`{}`: {}\n\n*metric{unit}; {way}*",
        metric.name, metric.docs
    )
}

/// A unit.
pub fn unit(unit: &Unit) -> String {
    let of = match unit.dim {
        Dim::Steps => "optimiser steps, or plan steps of a horizon",
        Dim::Epochs => "passes over the training part of the data",
        Dim::EnvSteps => "steps of the environment",
        Dim::Evals => "evaluations",
        Dim::Rounds => "rounds of a sequence",
        Dim::Episodes => "episodes",
        Dim::DenoiseSteps => "steps of the diffusion chain",
        Dim::Pairs => "preference pairs",
        Dim::Time => "time",
        Dim::Size => "memory",
        Dim::Share => "a share",
        Dim::Score => "normalised score: 0 is a random policy, 100 the reference expert",
        Dim::Return => "undiscounted return",
        Dim::Plain => "a plain number",
    };
    let scale = match unit.dim {
        Dim::Time if unit.name != "s" => format!(" ({} s)", unit.scale),
        Dim::Size => format!(" ({} bytes)", unit.scale),
        _ => String::new(),
    };
    format!("`{}`: {of}{scale}", unit.name)
}

/// A task.
pub fn task(task: &Task) -> String {
    format!(
        "**{}**\n\n{} numbers in an observation, {} in an action, at most {} steps an episode\n\nreturn {} is 0 points, {} is 100 points",
        task.name, task.obs, task.act, task.max_steps, task.min_score, task.max_score
    )
}

/// The comments that stand directly above a byte, without their slashes.
pub fn above(text: &str, start: usize) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text
        .get(..start)
        .unwrap_or("")
        .lines()
        .rev()
        .skip_while(|l| l.trim().is_empty() && !l.is_empty())
    {
        let line = line.trim();
        let Some(said) = line.strip_prefix("///").or_else(|| line.strip_prefix("//")) else {
            break;
        };
        lines.push(said.trim());
    }
    lines.reverse();
    lines.join("\n")
}

/// A head of an item on one line, up to its `{`.
pub fn head(text: &str, start: usize) -> String {
    let rest = text.get(start..).unwrap_or("");
    let mut depth = 0usize;
    let mut end = rest.len();
    for token in align_grammar::lex::Tokens::of(rest) {
        match token.kind {
            Kind::Open(b'{') if depth == 0 => {
                end = token.start;
                break;
            }
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth = depth.saturating_sub(1),
            Kind::Blank if depth == 0 && token.text(rest).contains("\n\n") => {
                end = token.start;
                break;
            }
            _ => {}
        }
    }
    rest.get(..end)
        .unwrap_or("")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
