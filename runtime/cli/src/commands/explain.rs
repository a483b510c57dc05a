//! `align explain CODE`: the page of an error code.

use align_compiler::codes;
use clap::Args;

use super::Exit;
use crate::ui::markdown;
use crate::ui::term::{Look, Tone, fail, out, outln};

const AFTER: &str = "\
Examples:
  align explain A5003
  align explain            lists every code";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct ExplainArgs {
    /// Such as `A5003`; without it, every code with its title.
    code: Option<String>,
}

pub(crate) fn run(args: &ExplainArgs) -> Exit {
    let look = Look::out();
    let Some(code) = &args.code else {
        list(&look);
        return Exit::Fine;
    };
    let wanted = code
        .trim()
        .trim_start_matches("error")
        .trim_matches(['[', ']', ':']);
    if let Some(page) = codes::explain(wanted) {
        out(&markdown::render(&page, &look));
        return Exit::Fine;
    }
    let help = match near(wanted) {
        Some(best) => format!(
            "did you mean `{}` ({})? `align explain` lists all",
            best.code, best.title
        ),
        None => "`align explain` lists all codes".to_owned(),
    };
    fail(&format!("`{code}` is not a code"), Some(&help));
    Exit::Usage
}

pub(crate) fn near(wanted: &str) -> Option<&'static codes::Code> {
    let wanted = wanted.to_ascii_uppercase();
    let best = codes::ALL
        .iter()
        .min_by_key(|c| strsim::damerau_levenshtein(c.code, &wanted))?;
    (strsim::damerau_levenshtein(best.code, &wanted) <= 2).then_some(best)
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_code() {
        assert_eq!(near("A503").map(|c| c.code), Some("A5003"));
        assert_eq!(near("a5003").map(|c| c.code), Some("A5003"));
        assert_eq!(near("hello world").map(|c| c.code), None);
    }
}
