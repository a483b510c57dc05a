//! The TextMate grammar: colours for VS Code, Sublime Text, `bat`, GitHub and others, from the keyword tables of the grammar and the names of
//! the standard library.

use std::collections::BTreeSet;

use align_grammar::lex;
use align_schema::{Group, UNITS};
use align_stdlib::builtins;
use align_tests::{pinned::pinned, root};
use serde_json::{Value, json};

/// Where the grammar is kept: for everybody, and inside the extension, which must be whole by itself.
const FILES: [&str; 2] = [
    "editors/textmate/align.tmLanguage.json",
    "editors/vscode/syntaxes/align.tmLanguage.json",
];

/// Names of types, which no table holds.
pub const TYPES: [&str; 15] = [
    "int",
    "float",
    "bool",
    "string",
    "Task",
    "Seed",
    "Range",
    "Dataset",
    "Model",
    "Checkpoint",
    "Metric",
    "Loss",
    "StopRule",
    "Action",
    "Map",
];

/// An alternation, longest word first, so that no word hides a longer one.
fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let unique: BTreeSet<&str> = words.into_iter().collect();
    let mut sorted: Vec<&str> = unique.into_iter().collect();
    sorted.sort_by_key(|w| (usize::MAX - w.len(), *w));
    sorted.join("|")
}

fn group(group: Group) -> impl Iterator<Item = &'static str> {
    builtins().filter(move |b| b.group == group).map(|b| b.name)
}

fn rule(name: &str, regex: &str) -> Value {
    json!({ "name": format!("{name}.align"), "match": regex })
}

/// A rule whose groups have names of their own.
fn captures(regex: &str, names: &[&str]) -> Value {
    let captures: serde_json::Map<String, Value> = names
        .iter()
        .enumerate()
        .map(|(i, name)| {
            (
                (i + 1).to_string(),
                json!({ "name": format!("{name}.align") }),
            )
        })
        .collect();
    json!({ "match": regex, "captures": captures })
}

fn include(names: &[&str]) -> Vec<Value> {
    let names = names.iter();
    names
        .map(|n| json!({ "include": format!("#{n}") }))
        .collect()
}

fn comments() -> Value {
    json!({ "patterns": [
        rule("comment.line.documentation", "///.*$"),
        rule("comment.line.double-slash", "//.*$"),
        { "name": "comment.block.align", "begin": r"/\*", "end": r"\*/" },
    ]})
}

/// `stage rl trains planner`: the word, and the name that it defines.
fn items() -> Value {
    let defining = words(
        lex::ITEM_WORDS
            .into_iter()
            .filter(|w| !matches!(*w, "use" | "report")),
    );
    let name = r"([A-Za-z_]\w*)";
    json!({ "patterns": [
        captures(
            r"^\s*(align)\s+(\d+)\b",
            &["keyword.control.edition", "constant.numeric"],
        ),
        captures(r"^\s*(use)\b", &["keyword.control.import"]),
        captures(
            &format!(r"^\s*({defining})\s+{name}"),
            &["storage.type", "entity.name.type"],
        ),
        captures(
            &format!(r"^\s*(report)\s+{name}"),
            &["storage.type", "variable.other"],
        ),
    ]})
}

fn statements() -> Value {
    let statements = words(lex::STATEMENT_WORDS);
    let operators = words(["and", "or", "not", "by"]);
    let head = words(
        lex::HEAD_WORDS
            .into_iter()
            .chain(lex::RESERVED)
            .filter(|w| !matches!(*w, "align" | "and" | "or" | "not" | "by" | "until")),
    );
    json!({ "patterns": [
        rule(
            "support.type",
            &format!(r"(?<=[:<\[,]|[:<\[,] )(?:{})\b(?!\s*[(:.])", words(TYPES)),
        ),
        // What stands before a sign is a name, whatever the word.
        captures(r"\b([A-Za-z_]\w*)\s*(=>)", &["constant.other.event", "keyword.operator.arrow"]),
        captures(
            r"\b([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*(=)(?![=>])",
            &["variable.other.property", "keyword.operator.assignment"],
        ),
        captures(
            r"\b([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*(:)(?!:)",
            &["variable.parameter", "punctuation.separator.key-value"],
        ),
        captures(r"^\s*(on)\s+([A-Za-z_]\w*)", &["keyword.control", "constant.other.event"]),
        rule("keyword.control", &format!(r"\b(?:{statements})\b(?!\.)")),
        rule("keyword.operator.word", &format!(r"\b(?:{operators})\b")),
        rule("keyword.other", &format!(r"(?<!\.)\b(?:{head})\b(?![.(])")),
    ]})
}

fn values() -> Value {
    let units = words(UNITS.iter().map(|u| u.name).filter(|u| *u != "%"));
    let number = r"\b\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?(?:[kMG]\b)?";
    let calls = words(
        builtins()
            .filter(|b| !matches!(b.group, Group::Action | Group::StopRule))
            .map(|b| b.name),
    );
    let rules = words(group(Group::StopRule).chain(group(Group::Action)));
    json!({ "patterns": [
        captures(
            &format!(r"({number})[ \t]*({units})\b"),
            &["constant.numeric", "keyword.other.unit"],
        ),
        captures(&format!("({number})(%)"), &["constant.numeric", "keyword.other.unit"]),
        rule("constant.numeric", number),
        rule("constant.language", r"\b(?:true|false|off)\b"),
        {
            "name": "string.quoted.double.align",
            "begin": "\"",
            "end": "\"|$",
            "patterns": [rule("constant.character.escape", r"\\.")],
        },
        rule("keyword.control.rule", &format!(r"(?<!\.)\b(?:{rules})\b(?=\s*\()")),
        rule("support.function", &format!(r"(?<!\.)\b(?:{calls})\b(?=\s*\()")),
        rule("entity.name.function", r"\b[A-Za-z_]\w*(?=\()"),
        captures(r"(\.)(best|last|at)\b", &["punctuation.accessor", "support.constant.checkpoint"]),
        captures(r"(\.)([A-Za-z_]\w*)", &["punctuation.accessor", "variable.other.member"]),
        rule("keyword.operator", r"->|=>|\.\.<|\.\.=|==|!=|>=|<=|[<>+\-*/=]"),
        rule("punctuation.separator", "[,;:]"),
    ]})
}

fn grammar() -> String {
    let grammar = json!({
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "information_for_contributors": [
            "Made by tests/generated/textmate.rs from the tables of the grammar and of the standard library.",
            "Change it there, then: ALIGN_BLESS=1 cargo test --release -p align-tests --test generated",
        ],
        "name": "Align",
        "scopeName": "source.align",
        "fileTypes": ["align"],
        "patterns": include(&["comments", "items", "statements", "values"]),
        "repository": {
            "comments": comments(),
            "items": items(),
            "statements": statements(),
            "values": values(),
        },
    });
    let mut text = serde_json::to_string_pretty(&grammar).unwrap_or_default();
    text.push('\n');
    text
}

#[test]
fn the_textmate_grammar_is_what_the_tables_say() -> Result<(), String> {
    let text = grammar();
    for file in FILES {
        pinned(&root().join(file), &text)?;
    }
    Ok(())
}

#[test]
fn every_word_of_the_language_has_a_colour() {
    let text = grammar();
    let words = lex::ITEM_WORDS
        .into_iter()
        .chain(lex::STATEMENT_WORDS)
        .chain(lex::HEAD_WORDS)
        .chain(lex::RESERVED)
        .chain(builtins().map(|b| b.name))
        .chain(UNITS.iter().map(|u| u.name));
    for word in words {
        let alone = |at: usize| {
            let around = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_');
            around(text.get(..at).and_then(|t| t.chars().next_back()))
                && around(text.get(at + word.len()..).and_then(|t| t.chars().next()))
        };
        assert!(
            text.match_indices(word).any(|(at, _)| alone(at)),
            "`{word}` is not in the grammar for editors"
        );
    }
}
