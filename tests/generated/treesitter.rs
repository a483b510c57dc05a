//! The names of the standard library in the colours of the tree-sitter grammar: the end of a file whose beginning is written by hand.

use std::collections::BTreeSet;
use std::fs;

use align_grammar::lex;
use align_stdlib::builtins;
use align_tests::{pinned::pinned, root};

use crate::textmate::TYPES;

const FILE: &str = "editors/tree-sitter-align/queries/highlights.scm";

/// The line after which all is made here.
const MARK: &str = "; What follows is made from the standard library: ALIGN_BLESS=1 cargo test --release -p align-tests --test generated\n";

fn file() -> String {
    fs::read_to_string(root().join(FILE)).unwrap_or_else(|e| panic!("{FILE}: {e}"))
}

/// A pattern whose capture holds for these names only.
fn among<'a>(pattern: &str, capture: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: BTreeSet<&str> = names.into_iter().collect();
    let lines: Vec<String> = names.iter().map(|n| format!("\n    \"{n}\"")).collect();
    format!(
        "\n(({pattern})\n  (#any-of? @{capture}{}))\n",
        lines.concat()
    )
}

#[test]
fn the_names_of_the_highlights_are_those_of_the_library() -> Result<(), String> {
    let text = file();
    let (by_hand, _) = text
        .split_once(MARK)
        .ok_or_else(|| format!("{FILE} has no line `{MARK}`"))?;
    let made = [
        by_hand,
        MARK,
        &among(
            "type\n  name: (identifier) @type.builtin",
            "type.builtin",
            TYPES,
        ),
        &among(
            "call\n  function: (ref\n    (identifier) @function.builtin)",
            "function.builtin",
            builtins().map(|b| b.name),
        ),
    ];
    pinned(&root().join(FILE), &made.concat())
}

#[test]
fn every_word_of_the_language_is_highlighted() {
    let text = file();
    let words = lex::ITEM_WORDS
        .into_iter()
        .chain(lex::STATEMENT_WORDS)
        .chain(lex::HEAD_WORDS)
        .chain(lex::RESERVED);
    for word in words {
        assert!(
            text.contains(&format!("\"{word}\"")),
            "`{word}` has no colour in {FILE}"
        );
    }
}
