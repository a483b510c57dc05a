//! `align lint`: what is allowed, but likely not wise.

use align_compiler::Options;
use align_compiler::diag::Severity;
use align_compiler::lint::{self, Choice, Rule};
use clap::Args;

use super::Exit;
use super::repair::FixArgs;
use super::shown::{self, OutputArgs};
use crate::host::Desk;
use crate::ui::markdown;
use crate::ui::term::{Look, Tone, fail, out, outln};

const AFTER: &str = "\
Examples:
  align lint study.align
  align lint --list                        every rule with what it finds
  align lint --explain few-seeds           why, with an example put right
  align lint study.align --allow snake-case
  align lint study.align --only few-seeds,small-claim --deny warnings

A comment above a line, or on it, silences a rule there: `// align: allow(few-seeds) a first look`.";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct LintArgs {
    /// Programs; `-` is standard input.
    #[arg(value_name = "FILE", required_unless_present_any = ["list", "explain"])]
    files: Vec<String>,
    /// The path that the text of standard input stands for, in messages and for its `use`s.
    #[arg(long, value_name = "PATH", default_value = shown::STDIN)]
    stdin_filename: String,
    /// Give a `param` of the programs a value; may be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = super::name_value)]
    sets: Vec<(String, String)>,
    /// Ask only these rules.
    #[arg(long, value_name = "RULE", value_delimiter = ',', value_parser = named)]
    only: Vec<String>,
    /// Do not ask these rules.
    #[arg(long, value_name = "RULE", value_delimiter = ',', value_parser = named)]
    allow: Vec<String>,
    /// List every rule.
    #[arg(long)]
    list: bool,
    /// Show the page of a rule.
    #[arg(long, value_name = "RULE", value_parser = named)]
    explain: Option<String>,
    #[command(flatten)]
    fix: FixArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: &LintArgs) -> Exit {
    let look = Look::out();
    if let Some(rule) = args.explain.as_deref().and_then(lint::rule) {
        out(&markdown::render(&rule.explain(), &look));
        return Exit::Fine;
    }
    if args.list {
        list(&look);
        return Exit::Fine;
    }
    if args.files.is_empty() {
        fail("no program was named", None);
        return Exit::Usage;
    }
    let options = Options {
        sets: args.sets.clone(),
        allow_unset: true,
        ..Options::default()
    };
    let choice = Choice {
        only: args.only.clone(),
        allow: args.allow.clone(),
    };
    let ask = |desk: &Desk, main: &str| lint::lint(desk, main, &options, &choice);
    shown::run(
        &args.files,
        &args.stdin_filename,
        &ask,
        &args.fix,
        &args.output,
    )
}

/// Reads the name of a rule.
fn named(text: &str) -> Result<String, String> {
    if let Some(rule) = lint::rule(text) {
        return Ok(rule.name.to_owned());
    }
    let near = lint::ALL
        .iter()
        .min_by_key(|r| strsim::damerau_levenshtein(r.name, text))
        .filter(|r| strsim::damerau_levenshtein(r.name, text) <= 4)
        .map_or_else(String::new, |r| format!("; did you mean `{}`?", r.name));
    Err(format!(
        "found `{text}`, wanted the name of a rule, as `align lint --list` shows them{near}"
    ))
}

fn list(look: &Look) {
    let widest = lint::ALL.iter().map(|r| r.name.len()).max().unwrap_or(0);
    let level = |rule: &Rule| match rule.level {
        Severity::Note => "note",
        Severity::Warning | Severity::Error => "warning",
    };
    for rule in lint::ALL {
        let name = format!("{:<widest$}", rule.name);
        outln(&format!(
            "{}  {:<7}  {}",
            look.paint(Tone::Accent, &name),
            level(rule),
            rule.summary
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_rule() {
        assert_eq!(named("few-seeds").as_deref(), Ok("few-seeds"));
        assert!(named("few-seed").is_err_and(|e| e.contains("`few-seeds`")));
        assert!(named("hello world of words").is_err_and(|e| !e.contains("mean")));
    }
}
