//! How are tokens and rules called in a message, and which word was meant?

use crate::lex::{Kind, Token};
use crate::recover::Fragment;
use crate::tree::Rule;

/// A token as a message names it.
pub fn describe(text: &str, token: Option<Token>, what: Fragment) -> String {
    match token {
        None => match what {
            Fragment::Item | Fragment::ItemIn => "end of this item".to_owned(),
            Fragment::Statement => "end of this statement".to_owned(),
            Fragment::Arm => "end of this arm".to_owned(),
        },
        Some(t) => match t.kind {
            Kind::Text | Kind::OpenText => format!("text {}", short(t.text(text))),
            Kind::Number | Kind::BadNumber => format!("number `{}`", t.text(text)),
            _ => format!("`{}`", t.text(text)),
        },
    }
}

fn short(text: &str) -> String {
    if text.chars().count() <= 24 {
        return format!("`{text}`");
    }
    let cut: String = text.chars().take(20).collect();
    format!("`{cut}…\"`")
}

/// What a rule asks for, in words; none for what a message does not name.
fn wanted(rule: Rule) -> Option<String> {
    let words = match rule {
        Rule::ident | Rule::path | Rule::event_else => "a name",
        Rule::number => "a number",
        Rule::string => "a text",
        Rule::type_ => "a type",
        Rule::unit => "a unit",
        Rule::open | Rule::body | Rule::arms | Rule::record => "`{`",
        Rule::formals => "`(`",
        Rule::eq => "`=`",
        Rule::colon => "`:`",
        Rule::arrow => "`->`",
        Rule::then => "`=>`",
        Rule::field => "a field",
        Rule::from => "`from`",
        Rule::on => "`on`",
        Rule::env => "`in`",
        Rule::every => "`every`",
        rule if starts_value(rule) => "a value",
        rule => return keyword(rule).map(|word| format!("`{word}`")),
    };
    Some(words.to_owned())
}

/// The word of a keyword rule.
pub fn keyword(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::kw_align => "align",
        Rule::kw_use => "use",
        Rule::kw_as => "as",
        Rule::kw_param => "param",
        Rule::kw_let => "let",
        Rule::kw_pipeline => "pipeline",
        Rule::kw_dataset => "dataset",
        Rule::kw_model => "model",
        Rule::kw_stage => "stage",
        Rule::kw_trains => "trains",
        Rule::kw_on | Rule::on => "on",
        Rule::kw_in | Rule::env => "in",
        Rule::kw_of => "of",
        Rule::kw_from | Rule::from => "from",
        Rule::kw_sequence => "sequence",
        Rule::kw_cascade => "cascade",
        Rule::kw_sweep => "sweep",
        Rule::kw_policy => "policy",
        Rule::kw_report => "report",
        Rule::kw_until => "until",
        Rule::kw_eval => "eval",
        Rule::kw_every | Rule::every => "every",
        Rule::kw_checkpoint => "checkpoint",
        Rule::kw_without => "without",
        Rule::kw_expect => "expect",
        _ => return None,
    })
}

/// Whether a value could begin where this rule was tried.
pub fn starts_value(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::expr
            | Rule::quantity
            | Rule::bool
            | Rule::ref_
            | Rule::list
            | Rule::paren
            | Rule::neg
            | Rule::not
            | Rule::arg
    )
}

/// Whether a value was complete where this rule was tried.
pub fn goes_on(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::compare
            | Rule::range
            | Rule::add
            | Rule::mul
            | Rule::and
            | Rule::or
            | Rule::by
            | Rule::args
            | Rule::member
            | Rule::index
    )
}

/// `expected a name, `=` or `{``.
pub fn expected(rules: &[Rule], closer: Option<u8>, what: Fragment) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut add = |word: String| {
        if !words.contains(&word) {
            words.push(word);
        }
    };
    let complete = rules.iter().any(|&r| goes_on(r));
    let value = rules.iter().any(|&r| starts_value(r));
    for &rule in rules {
        let part = matches!(
            rule,
            Rule::record | Rule::number | Rule::string | Rule::ident | Rule::path
        );
        if value && part {
            continue;
        }
        if !complete || keyword(rule).is_some() || matches!(rule, Rule::open | Rule::body) {
            wanted(rule).into_iter().for_each(&mut add);
        }
    }
    if complete {
        match closer {
            Some(byte) => {
                add("`,`".to_owned());
                add(format!("`{}`", char::from(byte)));
            }
            None if what == Fragment::Statement || what == Fragment::Arm => {
                add("the end of the line".to_owned());
            }
            None => {}
        }
    }
    match list(&words, "or") {
        Some(list) => format!("expected {list}"),
        None => "not expected here".to_owned(),
    }
}

/// `a, b or c`.
pub fn list(words: &[String], last: &str) -> Option<String> {
    match words.split_last() {
        None => None,
        Some((one, [])) => Some(one.clone()),
        Some((end, rest)) => Some(format!("{} {last} {end}", rest.join(", "))),
    }
}

/// `a`, `b` or `c` of plain words.
pub fn quoted(words: &[&str], last: &str) -> String {
    let words: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
    list(&words, last).unwrap_or_default()
}

/// Words of other tools, and what they are called here.
const OTHER_WORDS: [(&str, &str); 12] = [
    ("import", "use"),
    ("include", "use"),
    ("const", "let"),
    ("var", "let"),
    ("def", "let"),
    ("parameter", "param"),
    ("workflow", "pipeline"),
    ("data", "dataset"),
    ("network", "model"),
    ("train", "stage"),
    ("step", "stage"),
    ("grid", "sweep"),
];

/// The word that was meant: the same but for case, or one near enough.
pub fn nearest(word: &str, among: &[&'static str]) -> Option<&'static str> {
    let lower = word.to_lowercase();
    if let Some(same) = among.iter().find(|w| **w == lower) {
        return Some(same);
    }
    let length = word.chars().count();
    let limit = if length < 3 { 1 } else { (length / 3).max(1) };
    let mut best: Option<(usize, &'static str)> = None;
    for candidate in among {
        let distance = strsim::damerau_levenshtein(&lower, candidate);
        if distance <= limit
            && distance < length.min(candidate.len())
            && best.is_none_or(|b| distance < b.0)
        {
            best = Some((distance, candidate));
        }
    }
    if best.is_none() {
        let other = OTHER_WORDS.iter().find(|(theirs, _)| *theirs == lower);
        return other
            .map(|(_, ours)| *ours)
            .filter(|ours| among.contains(ours));
    }
    best.map(|b| b.1)
}
