//! Is the parser that is committed the one of the grammar beside it?  No test makes it: the command that does is not built here.
//!
//! `generate.sh` writes down what it read and what it wrote; whatever was changed since then differs.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use align_grammar::lex;
use align_tests::root;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::tree;

fn folder() -> PathBuf {
    root().join("editors/tree-sitter-align")
}

fn read(path: &str) -> String {
    fs::read_to_string(folder().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn the_generated_files_are_those_of_the_grammar() {
    let sums = read("src/SHA256SUMS");
    let mut files = Vec::new();
    for line in sums.lines() {
        let (sum, path) = line.split_once("  ").expect("a sum and a path");
        let found = format!("{:x}", Sha256::digest(read(path)));
        assert_eq!(
            found, sum,
            "{path} was changed: run editors/tree-sitter-align/generate.sh"
        );
        files.push(path);
    }
    assert_eq!(
        files,
        [
            "grammar.js",
            "src/grammar.json",
            "src/node-types.json",
            "src/parser.c"
        ]
    );
}

#[test]
fn editors_of_some_years_ago_read_the_parser() {
    let language = tree_sitter::Language::new(tree_sitter_align::LANGUAGE);
    assert_eq!(language.abi_version(), 14);
}

/// The words that no name may be are written in three places: here the grammar's and the lexer's, in C the scanner's.
#[test]
fn the_reserved_words_are_those_of_the_lexer() {
    let grammar = json("src/grammar.json");
    let externals = grammar["externals"].as_array().into_iter().flatten();
    let words: BTreeSet<&str> = externals
        .filter_map(|e| e["value"].as_str())
        .filter(|w| w.starts_with(|c: char| c.is_ascii_alphabetic()))
        .collect();
    assert_eq!(words, BTreeSet::from(lex::RESERVED));
    let scanner = read("src/scanner.c");
    let list: Vec<String> = lex::RESERVED.iter().map(|w| format!("\"{w}\"")).collect();
    assert!(
        scanner.contains(&list.join(", ")),
        "the scanner's list is not {list:?}"
    );
}

#[test]
fn the_manifests_have_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(json("tree-sitter.json")["metadata"]["version"], version);
    assert_eq!(json("package.json")["version"], version);
    for list in ["highlights", "locals", "folds", "injections"] {
        let path = json("tree-sitter.json")["grammars"][0][list].clone();
        read(path.as_str().unwrap_or(list));
    }
}

/// A case of `test/corpus`: its title, whether it wants an error, the text, and the tree.
struct Case {
    title: String,
    error: bool,
    text: String,
    tree: String,
}

fn cases(corpus: &str) -> Vec<Case> {
    let bar = "=".repeat(80);
    let line = "-".repeat(80);
    let parts: Vec<&str> = corpus.split(&bar).skip(1).collect();
    parts
        .chunks(2)
        .map(|pair| {
            let [head, rest] = pair else {
                panic!("a title without a case: {pair:?}");
            };
            let (text, tree) = rest.split_once(&line).expect("a text and a tree");
            Case {
                title: head.trim().to_owned(),
                error: head.contains(":error"),
                text: text.trim_start_matches('\n').to_owned(),
                tree: tree.split_whitespace().collect::<Vec<_>>().join(" "),
            }
        })
        .collect()
}

/// What `tree-sitter test` does, for those who do not have it.
#[test]
fn trees_are_those_of_the_corpus() {
    let mut seen = 0;
    for file in ["files", "items", "statements", "values"] {
        for case in cases(&read(&format!("test/corpus/{file}.txt"))) {
            let tree = tree(&case.text);
            let root = tree.root_node();
            assert_eq!(root.has_error(), case.error, "{file}: {}", case.title);
            if !case.error {
                let found = root.to_sexp();
                assert_eq!(
                    found.replace(" )", ")"),
                    case.tree,
                    "{file}: {}",
                    case.title
                );
            }
            seen += 1;
        }
    }
    assert!(seen > 15, "only {seen} cases were found");
}
