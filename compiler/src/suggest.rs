//! Which names did a misspelt one mean?

use align_grammar::ast::Span;

use crate::diag::Diagnostic;

/// At most three near names, the nearest first: equal but for case, then within a Damerau-Levenshtein distance of 1 (under 3
/// letters) or a third of the length.
pub fn near<'a>(name: &str, among: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let length = name.chars().count();
    let limit = if length < 3 { 1 } else { (length / 3).max(1) };
    let lower = name.to_lowercase();
    let mut found: Vec<(usize, &str)> = among
        .into_iter()
        .filter(|other| *other != name)
        .filter_map(|other| {
            // A cheap bound first: the distance is at least the difference of the lengths.
            if other.len().abs_diff(name.len()) > limit.max(2) * 2 {
                return None;
            }
            if other.to_lowercase() == lower {
                return Some((0, other));
            }
            let distance = strsim::damerau_levenshtein(name, other);
            (distance <= limit).then_some((distance, other))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found.truncate(3);
    found.into_iter().map(|(_, name)| name).collect()
}

/// `did you mean `a`, `b` or `c`?`; nothing when nothing is near.
pub fn did_you_mean(near: &[&str]) -> Option<String> {
    (!near.is_empty()).then(|| format!("did you mean {}?", one_of(near)))
}

/// Adds the near names to a diagnostic; a single one becomes a fix of `span`.
pub fn suggested(mut diagnostic: Diagnostic, span: Span, near: &[&str]) -> Diagnostic {
    if let Some(help) = did_you_mean(near) {
        diagnostic.help = Some(help);
    }
    match near {
        [only] => diagnostic.with_replacement(span, *only),
        _ => diagnostic,
    }
}

/// `` `a`, `b` or `c` ``.
pub fn one_of(words: &[&str]) -> String {
    join(words, "or")
}

/// `` `a`, `b` and `c` ``.
pub fn all_of(words: &[&str]) -> String {
    join(words, "and")
}

fn join(words: &[&str], last: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, start)) => format!("{} {last} {end}", start.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_near_few_and_sorted() {
        let words = ["steps", "epochs", "env_steps", "evals", "s"];
        assert_eq!(near("stpes", words), ["steps"]);
        assert_eq!(near("Steps", words), ["steps"]);
        assert!(near("parsecs", words).is_empty());
        assert_eq!(near("adamw", ["adam", "sgd"]), ["adam"]);
        assert_eq!(
            did_you_mean(&["a", "b"]).as_deref(),
            Some("did you mean `a` or `b`?")
        );
        assert_eq!(did_you_mean(&[]), None);
    }
}
