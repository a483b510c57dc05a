//! What is allowed, but likely not wise?  One file a rule, and a page for each, with an example that it finds and the same put right.
//!
//! A rule says nothing that a diagnostic code says already.  `// align: allow(NAME) why` above a line, or on it, silences a rule there.

mod allow;
mod program;
mod rules;

use crate::codes::{Example, examples};
use crate::diag::{self, Diagnostic, Severity, Sources};
use crate::{Options, World, check, plan};

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
    let checked = check(world, main, options);
    let mut out: Vec<Diagnostic> = checked.diagnostics.clone();
    out.retain(Diagnostic::is_error);
    let Some((file, source)) = checked.sources.iter().next() else {
        return (checked.sources, out);
    };
    let parse = align_grammar::parse(&source.text);
    let plan = plan(&checked);
    let program = Program::new(&checked.sources, file, &parse.file, plan.as_ref());
    let mut found = Vec::new();
    for rule in ALL.iter().filter(|r| choice.has(r)) {
        (rule.find)(&program, &mut found);
    }
    let allowed = allow::Allowed::of(&source.text);
    // What an error hides from a rule is not idle.
    if out.is_empty() && rule("idle-allow").is_some_and(|r| choice.has(r)) {
        out.extend(rules::idle(&program, &allowed, choice, &found));
    }
    found.retain(|d| !allowed.covers(d.code, program.line(d.span)));
    out.extend(found);
    diag::sort(&mut out);
    (checked.sources, out)
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
