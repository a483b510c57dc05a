//! What is allowed, but likely not wise?  One file a rule, and a page for each, with an example that it finds and the same put right.
//!
//! A rule says nothing that a diagnostic code says already.  `// align: allow(NAME) why` above a line, or on it, silences a rule there.

mod allow;
mod program;
mod rules;

use crate::codes::{Example, examples};
use crate::diag::{self, Diagnostic, Severity, Sources};
use crate::{Checked, Options, World, check};
use align_grammar::ast::File;
use align_plan::Plan;

pub use program::Program;
pub use rules::ALL;

/// A rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Such as `few-seeds`.
    pub name: &'static str,
    /// What it finds, one line, lower case.
    pub summary: &'static str,
    /// How bad it is unless an option says otherwise.
    pub level: Severity,
    /// Markdown: why it matters, an example that it finds, the same put right.
    pub page: &'static str,
    /// Finds.
    pub find: fn(&Program<'_>, &mut Vec<Diagnostic>),
}

impl Rule {
    /// The programs of its page.
    pub fn examples(&self) -> Vec<Example> {
        examples(self.page)
    }

    /// Its page with its title.
    pub fn explain(&self) -> String {
        format!("# {}: {}\n\n{}", self.name, self.summary, self.page)
    }
}

/// A rule by its name.
pub fn rule(name: &str) -> Option<&'static Rule> {
    ALL.iter().find(|r| r.name.eq_ignore_ascii_case(name))
}

/// Which rules are asked.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Only these; all where it is empty.
    pub only: Vec<String>,
    /// Not these.
    pub allow: Vec<String>,
}

impl Choice {
    fn has(&self, rule: &Rule) -> bool {
        let named = |list: &[String]| list.iter().any(|n| n == rule.name);
        (self.only.is_empty() || named(&self.only)) && !named(&self.allow)
    }
}

/// Checks a program and asks every chosen rule about its main file: the errors of the check, and what the rules find.
///
/// Rules that need a plan say nothing of a program that has none.
pub fn lint(
    world: &dyn World,
    main: &str,
    options: &Options,
    choice: &Choice,
) -> (Sources, Vec<Diagnostic>) {
    let mut checked = check(world, main, options);
    let plan = checked.take_plan();
    let main = checked
        .sources
        .iter()
        .next()
        .map(|(_, source)| align_grammar::parse(&source.text).file);
    let mut out = main.map_or(Vec::new(), |ast| {
        chosen(&checked, &ast, plan.as_ref(), choice)
    });
    out.extend(checked.diagnostics.into_iter().filter(Diagnostic::is_error));
    diag::sort(&mut out);
    (checked.sources, out)
}

/// What all rules find in a program that is checked: in the syntax of its main file, and in its plan if it has one.
pub fn findings(checked: &Checked, main: &File, plan: Option<&Plan>) -> Vec<Diagnostic> {
    chosen(checked, main, plan, &Choice::default())
}

fn chosen(checked: &Checked, main: &File, plan: Option<&Plan>, choice: &Choice) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    let Some((file, source)) = checked.sources.iter().next() else {
        return out;
    };
    let program = Program::new(&checked.sources, file, main, plan);
    let mut found = Vec::new();
    for rule in ALL.iter().filter(|r| choice.has(r)) {
        (rule.find)(&program, &mut found);
    }
    let allowed = allow::Allowed::of(&source.text);
    // What an error hides from a rule is not idle.
    if !checked.has_errors() && rule("idle-allow").is_some_and(|r| choice.has(r)) {
        out.extend(rules::idle(&program, &allowed, choice, &found));
    }
    found.retain(|d| !allowed.covers(d.code, program.line(d.span)));
    out.extend(found);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_sorted_and_in_house_style() {
        assert!(ALL.windows(2).all(|w| w[0].name < w[1].name));
        assert!(ALL.len() >= 12, "{}", ALL.len());
        for rule in ALL {
            assert!(!rule.summary.ends_with('.'), "{}", rule.name);
            assert!(
                rule.name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'-'),
                "{}",
                rule.name
            );
            let kinds = rule.examples();
            for kind in ["fail", "ok"] {
                assert!(kinds.iter().any(|e| e.is(kind)), "{}: {kind}", rule.name);
            }
        }
    }

    #[test]
    fn a_choice_names_rules() {
        let all = Choice::default();
        let only = Choice {
            only: vec!["few-seeds".to_owned()],
            ..Choice::default()
        };
        let allow = Choice {
            allow: vec!["few-seeds".to_owned()],
            ..Choice::default()
        };
        let count = |c: &Choice| ALL.iter().filter(|r| c.has(r)).count();
        assert_eq!(
            (count(&all), count(&only), count(&allow)),
            (ALL.len(), 1, ALL.len() - 1)
        );
    }
}
