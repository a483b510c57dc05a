//! `align doc`: pages of the standard library, made from the definitions that the checker reads.

use align_compiler::events::Event;
use align_compiler::language::{self, EVENTS, GROUPS};
use align_schema::{Block, Builtin, Param, Ty};
use clap::Args;
use clap::builder::PossibleValue;
use serde::Serialize;

use super::{Exit, Suggested};
use crate::ui::markdown;
use crate::ui::term::{Look, Tone, fail, out, outln};

const AFTER: &str = "\
Examples:
  align doc                  lists every name
  align doc ppo              a loss
  align doc stage            the fields of a block
  align doc --json | jq '.[] | select(.group == \"loss\") | .name'";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct DocArgs {
    /// A builtin (`ppo`), a block (`stage`) or a failure event (`nan`); without it, all of them.
    #[arg(value_parser = Suggested(words), hide_possible_values = true)]
    name: Option<String>,
    /// Pages as one array, for programs.
    #[arg(long)]
    json: bool,
}

/// A block or a builtin for programs.
#[derive(Serialize)]
struct Entry {
    name: &'static str,
    /// `block`, `event`, or the group of a builtin.
    group: &'static str,
    summary: &'static str,
    docs: String,
    since: u32,
    params: Vec<ParamEntry>,
    data: Vec<String>,
    needs_env: bool,
    metrics: &'static [&'static str],
}

/// A field or an argument for programs.
#[derive(Serialize)]
struct ParamEntry {
    name: &'static str,
    takes: String,
    required: bool,
    default: Option<&'static str>,
    bounds: Option<String>,
    effect: &'static str,
    docs: String,
}

pub(crate) fn run(args: &DocArgs) -> Exit {
    let look = Look::out();
    let wanted = |name: &str| args.name.as_deref().is_none_or(|w| w == name);
    let blocks = || align_stdlib::blocks::LIST.iter().filter(|b| wanted(b.word));
    let builtins = || align_stdlib::builtins().filter(|b| wanted(b.name));
    let events = || EVENTS.iter().filter(|e| wanted(e.name));
    if let Some(name) = &args.name
        && blocks().next().is_none()
        && builtins().next().is_none()
        && events().next().is_none()
    {
        let help = match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`? `align doc` lists all"),
            None => "`align doc` lists all names".to_owned(),
        };
        fail(
            &format!("`{name}` is no name of the standard library"),
            Some(&help),
        );
        return Exit::Usage;
    }
    if args.json {
        let entries: Vec<Entry> = blocks()
            .map(block_entry)
            .chain(builtins().map(builtin_entry))
            .chain(events().map(event_entry))
            .collect();
        out(&(serde_json::to_string_pretty(&entries).unwrap_or_default() + "\n"));
    } else if args.name.is_none() {
        list(&look);
    } else {
        let pages: Vec<String> = builtins()
            .map(builtin_page)
            .chain(blocks().map(block_page))
            .chain(events().map(event_page))
            .collect();
        out(&markdown::render(&pages.join("\n\n"), &look));
    }
    Exit::Fine
}

/// Every name that has a page.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let builtins = align_stdlib::builtins().map(|b| b.name);
    builtins
        .chain(align_stdlib::blocks::LIST.iter().map(|b| b.word))
        .chain(EVENTS.iter().map(|e| e.name))
}

fn words() -> Vec<PossibleValue> {
    let mut all: Vec<&str> = names().collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().map(PossibleValue::new).collect()
}

/// The name that was likely meant.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let best = names.min_by_key(|n| strsim::damerau_levenshtein(n, wanted))?;
    let most = (wanted.chars().count() / 3).max(1);
    (strsim::damerau_levenshtein(best, wanted) <= most).then_some(best)
}

fn builtin_entry(builtin: &Builtin) -> Entry {
    Entry {
        name: builtin.name,
        group: language::group(builtin.group).0,
        summary: builtin.summary().trim(),
        docs: language::prose(builtin.docs),
        since: builtin.since,
        params: builtin.params.iter().map(param_entry).collect(),
        data: builtin
            .data
            .iter()
            .map(|k| format!("{k:?}").to_lowercase())
            .collect(),
        needs_env: builtin.needs_env,
        metrics: builtin.metrics,
    }
}

fn block_entry(block: &Block) -> Entry {
    plain_entry(block.word, "block", block.docs, block.fields)
}

fn event_entry(event: &Event) -> Entry {
    plain_entry(event.name, "event", event.docs, event.params)
}

/// What learns from nothing and measures nothing.
fn plain_entry(
    name: &'static str,
    group: &'static str,
    docs: &'static str,
    params: &[Param],
) -> Entry {
    Entry {
        name,
        group,
        summary: first_line(docs).trim(),
        docs: language::prose(docs),
        since: 1,
        params: params.iter().map(param_entry).collect(),
        data: Vec::new(),
        needs_env: false,
        metrics: &[],
    }
}

fn param_entry(param: &Param) -> ParamEntry {
    ParamEntry {
        name: param.name,
        takes: takes(param.ty),
        required: param.required,
        default: param.default,
        bounds: param.bounds.map(|b| b.to_string()),
        effect: language::effect(param.effect),
        docs: param.docs.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

fn list(look: &Look) {
    let line = |name: &str, docs: &str| {
        outln(&format!(
            "  {}  {docs}",
            look.paint(Tone::Accent, &format!("{name:<26}"))
        ));
    };
    outln(&look.paint(Tone::Bold, "blocks"));
    for block in align_stdlib::blocks::LIST {
        line(block.word, first_line(block.docs));
    }
    for (group, _, heading) in GROUPS {
        let mut of_group = align_stdlib::builtins()
            .filter(|b| b.group == *group)
            .peekable();
        if of_group.peek().is_some() {
            outln("");
            outln(&look.paint(Tone::Bold, heading));
        }
        for builtin in of_group {
            line(builtin.name, builtin.summary());
        }
    }
    outln("");
    outln(&look.paint(Tone::Bold, "failure events"));
    for event in EVENTS {
        line(event.name, first_line(event.docs));
    }
}

fn first_line(docs: &str) -> &str {
    docs.trim_start().lines().next().unwrap_or("")
}

fn builtin_page(builtin: &Builtin) -> String {
    let (_, heading) = language::group(builtin.group);
    let args: Vec<String> = builtin.params.iter().map(signature).collect();
    let mut page = format!(
        "# {}({})\n\n{heading}, since edition {}\n\n",
        builtin.name,
        args.join(", "),
        builtin.since
    );
    page += builtin.docs.trim();
    page += "\n";
    if !builtin.params.is_empty() {
        page += "\n## Arguments\n\n";
        page += &params(builtin.params);
    }
    if !builtin.data.is_empty() {
        let kinds: Vec<String> = builtin
            .data
            .iter()
            .map(|k| format!("{k:?}").to_lowercase())
            .collect();
        page += &format!(
            "\nLearns from {}{}.\n",
            kinds.join(" or "),
            if builtin.needs_env {
                ", and acts in an environment"
            } else {
                ""
            }
        );
    }
    if !builtin.metrics.is_empty() {
        let names: Vec<String> = builtin.metrics.iter().map(|m| format!("`{m}`")).collect();
        page += &format!("\nReports {}.\n", names.join(", "));
    }
    page
}

fn block_page(block: &Block) -> String {
    let mut page = format!("# {}\n\n{}\n", block.word, block.docs.trim());
    if !block.fields.is_empty() {
        page += "\n## Fields\n\n";
        page += &params(block.fields);
    }
    page
}

fn event_page(event: &Event) -> String {
    let mut page = format!(
        "# {}\n\nfailure event, since edition 1\n\n{}\n",
        event.name,
        event.docs.trim()
    );
    if !event.params.is_empty() {
        page += "\n## Arguments\n\n";
        page += &params(event.params);
    }
    page
}

fn signature(param: &Param) -> String {
    match (param.default, param.required) {
        (Some(default), _) => format!("{}: {default}", param.name),
        (None, true) => param.name.to_owned(),
        (None, false) => format!("{}?", param.name),
    }
}

fn params(params: &[Param]) -> String {
    let mut out = String::new();
    for param in params {
        let mut facts = vec![takes(param.ty)];
        facts.extend(param.bounds.map(|b| b.to_string()));
        match (param.default, param.required) {
            (Some(default), _) => facts.push(format!("default `{default}`")),
            (None, true) => facts.push("required".to_owned()),
            (None, false) => facts.push("optional".to_owned()),
        }
        let docs = param.docs.split_whitespace().collect::<Vec<_>>().join(" ");
        out += &format!(
            "- `{}`: {} ({})\n",
            param.name,
            docs.trim_end_matches('.'),
            facts.join(", ")
        );
    }
    out
}

/// A type in words.
fn takes(ty: Ty) -> String {
    let units = |dims: &[align_schema::Dim]| {
        let names: Vec<&str> = dims.iter().map(|d| d.unit_name()).collect();
        format!("in {}", names.join(", "))
    };
    match ty {
        Ty::Int => "a whole number".to_owned(),
        Ty::Float => "a number".to_owned(),
        Ty::Bool => "`true` or `false`".to_owned(),
        Ty::Str => "a text".to_owned(),
        Ty::Quantity(dims) => units(dims),
        Ty::Amount(dims) => format!("a number, or {}", units(dims)),
        Ty::Enum(words) => words
            .iter()
            .map(|w| format!("`{w}`"))
            .collect::<Vec<_>>()
            .join(" or "),
        Ty::List(of) => format!("a list of {}", takes(*of)),
        Ty::Call(group) => format!("one of the {}", language::group(group).1),
        Ty::RecordOf(of) => format!("a record, each {}", takes(*of)),
        Ty::Checkpoint => "a checkpoint such as `pretrain.best`".to_owned(),
        Ty::CriticOf(nets) => format!("a checkpoint of a critic with `{}`", nets.join("` or `")),
        Ty::Metric => "a metric".to_owned(),
        Ty::Condition => "a condition".to_owned(),
        Ty::Budget => "quantities joined by `or`".to_owned(),
        Ty::Filter => "a filter of episodes".to_owned(),
        Ty::Task => "a task".to_owned(),
        Ty::Dataset(_) => "a dataset".to_owned(),
        Ty::Split => "shares by episode".to_owned(),
        Ty::CheckpointOr(words) => {
            let words: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
            format!("{}, or a checkpoint", words.join(", "))
        }
        Ty::QuantityOrBudget(dims) => format!("{}, or `budget`", units(dims)),
        Ty::Target => "`best`, `last` or a checkpoint".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_and_block_has_a_page_with_its_arguments() {
        for builtin in align_stdlib::builtins() {
            let page = builtin_page(builtin);
            assert!(!builtin.summary().is_empty(), "{}", builtin.name);
            for param in builtin.params {
                assert!(page.contains(&format!("- `{}`: ", param.name)), "{page}");
                assert!(
                    !param.docs.trim().is_empty(),
                    "{}.{}",
                    builtin.name,
                    param.name
                );
            }
        }
        for block in align_stdlib::blocks::LIST {
            assert!(block_page(block).contains(block.word));
        }
    }

    #[test]
    fn every_group_is_listed() {
        for builtin in align_stdlib::builtins() {
            assert!(
                GROUPS.iter().any(|(g, _, _)| *g == builtin.group),
                "{}",
                builtin.name
            );
        }
    }

    #[test]
    fn a_slip_finds_its_name() {
        assert_eq!(nearest("ppoo", names()), Some("ppo"));
        assert_eq!(nearest("staeg", names()), Some("stage"));
        assert_eq!(nearest("zzzzzz", names()), None);
    }

    #[test]
    fn the_json_of_every_page_is_as_published() {
        let all: Vec<Entry> = align_stdlib::builtins()
            .map(builtin_entry)
            .chain(align_stdlib::blocks::LIST.iter().map(block_entry))
            .chain(EVENTS.iter().map(event_entry))
            .collect();
        crate::ui::schema::assert_keys("doc", &serde_json::to_value(all).unwrap());
    }
}
