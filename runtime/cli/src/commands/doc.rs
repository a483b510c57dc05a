//! `align doc`: pages of the standard library, made from the definitions that the checker reads.

use align_schema::{Block, Builtin, Group, Param, Ty};
use clap::Args;

use super::Exit;
use crate::ui::markdown;
use crate::ui::term::{Look, Tone, fail, out, outln};

const AFTER: &str = "\
Examples:
  align doc                  lists every name
  align doc ppo              a loss
  align doc stage            the fields of a block";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct DocArgs {
    /// A builtin (`ppo`) or a block (`stage`); without it, all of them.
    name: Option<String>,
}

/// Groups in the order in which a program meets them, with their headings.
const GROUPS: &[(Group, &str)] = &[
    (Group::Source, "data sources"),
    (Group::Filter, "filters"),
    (Group::Preference, "preferences"),
    (Group::Env, "environments"),
    (Group::Net, "networks"),
    (Group::Sampler, "samplers"),
    (Group::Loss, "losses"),
    (Group::Optimiser, "optimisers"),
    (Group::Schedule, "schedules"),
    (Group::StopRule, "stop rules"),
    (Group::Action, "failure actions"),
    (Group::Keep, "checkpoint rules"),
    (Group::Join, "cascade: join"),
    (Group::Pick, "cascade: pick"),
    (Group::Statistic, "statistics of a report"),
    (Group::Prune, "sweep control"),
];

pub(crate) fn run(args: &DocArgs) -> Exit {
    let look = Look::out();
    let Some(name) = &args.name else {
        list(&look);
        return Exit::Fine;
    };
    let mut pages: Vec<String> = Vec::new();
    pages.extend(
        align_stdlib::builtins()
            .filter(|b| b.name == name)
            .map(builtin_page),
    );
    pages.extend(
        align_stdlib::blocks::LIST
            .iter()
            .filter(|b| b.word == name)
            .map(block_page),
    );
    if pages.is_empty() {
        let help = match near(name) {
            Some(near) => format!("did you mean `{near}`? `align doc` lists all"),
            None => "`align doc` lists all names".to_owned(),
        };
        fail(
            &format!("`{name}` is no name of the standard library"),
            Some(&help),
        );
        return Exit::Usage;
    }
    out(&markdown::render(&pages.join("\n\n"), &look));
    Exit::Fine
}

fn near(name: &str) -> Option<&'static str> {
    let names = align_stdlib::builtins()
        .map(|b| b.name)
        .chain(align_stdlib::blocks::LIST.iter().map(|b| b.word));
    let best = names.min_by_key(|n| strsim::damerau_levenshtein(n, name))?;
    (strsim::damerau_levenshtein(best, name) <= (name.chars().count() / 3).max(1)).then_some(best)
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
    for (group, heading) in GROUPS {
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
}

fn first_line(docs: &str) -> &str {
    docs.trim_start().lines().next().unwrap_or("")
}

fn builtin_page(builtin: &Builtin) -> String {
    let heading = GROUPS
        .iter()
        .find(|(g, _)| *g == builtin.group)
        .map_or("", |(_, h)| h);
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
        Ty::Call(group) => {
            let heading = GROUPS
                .iter()
                .find(|(g, _)| *g == group)
                .map_or("builtins", |(_, h)| h);
            format!("one of the {heading}")
        }
        Ty::RecordOf(of) => format!("a record, each {}", takes(*of)),
        Ty::Checkpoint => "a checkpoint such as `pretrain.best`".to_owned(),
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
                GROUPS.iter().any(|(g, _)| *g == builtin.group),
                "{}",
                builtin.name
            );
        }
    }

    #[test]
    fn a_slip_finds_its_name() {
        assert_eq!(near("ppoo"), Some("ppo"));
        assert_eq!(near("staeg"), Some("stage"));
        assert_eq!(near("zzzzzz"), None);
    }
}
