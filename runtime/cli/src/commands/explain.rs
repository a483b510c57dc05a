//! `align explain CODE`: the page of an error code, or of a rule of `align lint`.

use align_compiler::codes;
use align_compiler::lint::{self, Rule};
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{Exit, Suggested};
use crate::ui::markdown;
use crate::ui::term::{Look, Tone, fail, out, outln};

const AFTER: &str = "\
Examples:
  align explain A5003
  align explain a5003 --format markdown
  align explain few-seeds                  a rule of `align lint`
  align explain                            lists every code and rule
  align explain --format json | jq '.[] | select(.group == \"units\")'";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct ExplainArgs {
    /// Such as `A5003` or `few-seeds`; without it, every code and rule with its title.
    #[arg(value_parser = Suggested(words), hide_possible_values = true)]
    code: Option<String>,
    /// How a page is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal, in colour where it has any.
    Text,
    /// The page as it is kept.
    Markdown,
    /// One object (an array without a code), for programs.
    Json,
}

fn words() -> Vec<PossibleValue> {
    let all = codes::ALL.iter();
    let codes = all.map(|c| PossibleValue::new(c.code).help(c.title));
    let rules = lint::ALL.iter();
    let rules = rules.map(|r| PossibleValue::new(r.name).help(r.summary));
    codes.chain(rules).collect()
}

/// A code for programs.
#[derive(Serialize)]
struct Entry<'a> {
    code: &'a str,
    severity: &'a str,
    group: &'a str,
    title: &'a str,
    /// Whether this version of the tool reports it.
    reported: bool,
    markdown: String,
    examples: Vec<ExampleEntry>,
}

#[derive(Serialize)]
struct ExampleEntry {
    kind: &'static str,
    file: Option<String>,
    text: String,
}

pub(crate) fn run(args: &ExplainArgs) -> Exit {
    let look = Look::out();
    let Some(code) = &args.code else {
        match args.format {
            Format::Text => list(&look),
            Format::Markdown => table(),
            Format::Json => {
                let rules = lint::ALL.iter().map(rule_entry);
                write(
                    &codes::ALL
                        .iter()
                        .map(entry)
                        .chain(rules)
                        .collect::<Vec<_>>(),
                );
            }
        }
        return Exit::Fine;
    };
    let wanted = bare(code);
    if let Some(found) = codes::find(wanted) {
        let page = codes::explain(wanted).unwrap_or_default();
        match args.format {
            Format::Text => out(&markdown::render(&page, &look)),
            Format::Markdown => out(&page),
            Format::Json => write(&entry(found)),
        }
        return Exit::Fine;
    }
    if let Some(rule) = lint::rule(wanted) {
        match args.format {
            Format::Text => out(&markdown::render(&rule.explain(), &look)),
            Format::Markdown => out(&rule.explain()),
            Format::Json => write(&rule_entry(rule)),
        }
        return Exit::Fine;
    }
    let help = match near(wanted) {
        Some((name, title)) => {
            format!("did you mean `{name}` ({title})? `align explain` lists all")
        }
        None => "`align explain` lists all codes and rules".to_owned(),
    };
    fail(&format!("`{code}` is no code and no rule"), Some(&help));
    Exit::Usage
}

/// The code in what people paste: `error[A5003]:`.
fn bare(text: &str) -> &str {
    let text = text.trim();
    let inner = text.split_once('[').map_or(text, |(_, rest)| rest);
    inner.trim_end_matches(':').trim_end_matches(']')
}

/// The code or the rule that was likely meant, with its title.
pub(crate) fn near(wanted: &str) -> Option<(&'static str, &'static str)> {
    let wanted = wanted.to_ascii_lowercase();
    let codes = codes::ALL.iter().map(|c| (c.code, c.title));
    let rules = lint::ALL.iter().map(|r| (r.name, r.summary));
    let far = |name: &str| strsim::damerau_levenshtein(&name.to_ascii_lowercase(), &wanted);
    let best = codes.chain(rules).min_by_key(|(name, _)| far(name))?;
    (far(best.0) <= 2).then_some(best)
}

fn entry(code: &codes::Code) -> Entry<'_> {
    let page = codes::page(code.code);
    let examples = page.map(codes::Page::examples).unwrap_or_default();
    Entry {
        code: code.code,
        severity: code.severity.word(),
        group: code.group(),
        title: code.title,
        reported: page.is_some(),
        markdown: codes::explain(code.code).unwrap_or_default(),
        examples: examples.into_iter().map(example).collect(),
    }
}

fn rule_entry(rule: &Rule) -> Entry<'static> {
    let examples = rule.examples();
    Entry {
        code: rule.name,
        severity: rule.level.word(),
        group: "lint",
        title: rule.summary,
        reported: true,
        markdown: rule.explain(),
        examples: examples.into_iter().map(example).collect(),
    }
}

fn example(e: codes::Example) -> ExampleEntry {
    ExampleEntry {
        kind: match (e.is("fail"), e.is("ok")) {
            (true, _) => "fails",
            (_, true) => "fixed",
            _ => "beside",
        },
        file: e.get("file").map(str::to_owned),
        text: e.text,
    }
}

fn write<T: Serialize>(value: &T) {
    out(&(serde_json::to_string_pretty(value).unwrap_or_default() + "\n"));
}

fn table() {
    outln("| code | severity | group | what it says |\n|---|---|---|---|");
    for code in codes::ALL {
        outln(&format!(
            "| {} | {} | {} | {} |",
            code.code,
            code.severity.word(),
            code.group(),
            code.title
        ));
    }
    for rule in lint::ALL {
        let level = rule.level.word();
        outln(&format!(
            "| {} | {level} | lint | {} |",
            rule.name, rule.summary
        ));
    }
}

fn list(look: &Look) {
    let mut group = "";
    for code in codes::ALL {
        if code.group() != group {
            if !group.is_empty() {
                outln("");
            }
            group = code.group();
            outln(&look.paint(Tone::Bold, group));
        }
        let page = if codes::page(code.code).is_some() {
            ""
        } else {
            "  (reserved)"
        };
        let line = format!("{:<7}  {}{page}", code.severity.word(), code.title);
        outln(&format!(
            "  {}  {line}",
            look.paint(Tone::Accent, code.code)
        ));
    }
    outln(&format!("\n{}", look.paint(Tone::Bold, "lint")));
    for rule in lint::ALL {
        let name = look.paint(Tone::Accent, &format!("{:<19}", rule.name));
        outln(&format!(
            "  {name}  {:<7}  {}",
            rule.level.word(),
            rule.summary
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_code() {
        assert_eq!(near("A503").map(|c| c.0), Some("A5003"));
        assert_eq!(near("a5003").map(|c| c.0), Some("A5003"));
        assert_eq!(near("hello world"), None);
        assert_eq!(near("few-seed").map(|c| c.0), Some("few-seeds"));
    }

    #[test]
    fn what_people_paste_is_a_code() {
        for text in [
            "A5003",
            "error[A5003]",
            "error[A5003]:",
            " warning[A5003]: ",
            "[A5003]",
        ] {
            assert_eq!(bare(text), "A5003", "{text}");
        }
    }

    #[test]
    fn the_json_of_every_code_is_as_published() {
        for code in codes::ALL {
            let text = serde_json::to_value(entry(code)).unwrap();
            crate::ui::schema::assert_keys("explain", &text);
        }
        for rule in lint::ALL {
            let text = serde_json::to_value(rule_entry(rule)).unwrap();
            crate::ui::schema::assert_keys("explain", &text);
        }
    }
}
