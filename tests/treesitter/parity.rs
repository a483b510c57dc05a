//! Is a text wrong for tree-sitter if and only if `align check` has a syntax error for it?
//!
//! Asked of every program that the repository has, of cuts of them, of programs with planted slips, and of programs broken at random.

use align_compiler::codes::examples;
use align_grammar::lex;
use align_tests::stream::Stream;
use align_tests::text_files;
use tree_sitter::{InputEdit, Parser, Point};

use crate::mutate::mutated;
use crate::plant::{CUT, KINDS, Program, Slip};
use crate::{fault, parser, tree};

/// Slips of each kind in each program.
const SLIPS: usize = 8;

/// Programs broken at random.
const INPUTS: usize = 4000;

/// What the two say of a text, if they do not agree.
fn difference(parser: &mut Parser, text: &str) -> Option<String> {
    let errors = align_grammar::parse(text).errors;
    let tree = parser.parse(text, None)?;
    let root = tree.root_node();
    let near = |at: usize| {
        let before = text.get(..at).unwrap_or("");
        let from = before.rfind('\n').map_or(0, |n| n + 1);
        let line = text.get(from..).unwrap_or("").lines().next().unwrap_or("");
        format!("line {}: {line}", before.matches('\n').count() + 1)
    };
    match (errors.first(), root.has_error()) {
        (None, false) | (Some(_), true) => None,
        (Some(error), false) => Some(format!(
            "tree-sitter takes it; the compiler: {}\n    {}",
            error.message,
            near(error.span.start as usize)
        )),
        (None, true) => {
            let node = fault(root).unwrap_or(root);
            Some(format!(
                "the compiler takes it; tree-sitter: {}\n    {}",
                node.to_sexp(),
                near(node.start_byte())
            ))
        }
    }
}

/// Asks of every text, by name; how many there were, and how many of them are wrong.
fn agree(texts: impl IntoIterator<Item = (String, String)>) -> (usize, usize) {
    let mut parser = parser();
    let (mut seen, mut broken, mut differences) = (0, 0, Vec::new());
    for (name, text) in texts {
        seen += 1;
        broken += usize::from(!align_grammar::parse(&text).errors.is_empty());
        differences.extend(difference(&mut parser, &text).map(|d| format!("{name}: {d}")));
    }
    let shown: Vec<&str> = differences.iter().take(30).map(String::as_str).collect();
    assert!(
        shown.is_empty(),
        "{} of {seen} texts:\n{}",
        differences.len(),
        shown.join("\n")
    );
    (seen, broken)
}

/// Every program of the repository, and every one in a fence of a document.
fn programs() -> Vec<(String, String)> {
    let mut out = Vec::new();
    for file in text_files() {
        match file.extension() {
            "align" => out.push((file.path, file.text)),
            "md" => {
                let examples = examples(&file.text).into_iter().enumerate();
                let path = &file.path;
                out.extend(examples.map(|(n, e)| (format!("{path}, program {}", n + 1), e.text)));
            }
            _ => {}
        }
    }
    out
}

/// Programs of some length that the compiler takes.
fn bases() -> Vec<(String, String)> {
    let sound = |path: &str| {
        let long = align_tests::sound(path) && !path.starts_with("stdlib/");
        long || path == "tests/corpus/everything.align"
    };
    let mut files = programs();
    files.retain(|(path, _)| sound(path));
    files
}

/// Each program with one slip of each kind, several times; what it was, and what was done to it.
fn slips() -> Vec<(String, String, Slip)> {
    let mut out = Vec::new();
    for (path, text) in bases() {
        let program = Program::new(&text);
        for kind in KINDS.iter().chain([&CUT]) {
            let mut stream = Stream(1);
            for n in 0..SLIPS {
                if let Some(slip) = program.slip(kind, &mut stream) {
                    out.push((format!("{path}, {kind} {n}"), text.clone(), slip));
                }
            }
        }
    }
    out
}

fn with(text: &str, slip: &Slip) -> String {
    let mut broken = text.to_owned();
    broken.replace_range(slip.edit.start..slip.edit.end, &slip.edit.text);
    broken
}

#[test]
fn programs_of_the_repository() {
    let (seen, broken) = agree(programs());
    assert!(
        seen > 400 && broken > 30,
        "only {seen} programs, {broken} of them broken"
    );
}

#[test]
fn programs_cut_at_every_line() {
    let mut cuts = Vec::new();
    for (path, text) in bases() {
        let mut ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        if path.ends_with("specification.align") {
            ends.extend(lex::lex(&text).into_iter().map(|t| t.end));
        }
        let cut = |at: usize| (format!("{path} up to {at}"), text[..at].to_owned());
        cuts.extend(ends.into_iter().map(cut));
    }
    let (seen, broken) = agree(cuts);
    assert!(
        seen > 2000 && broken > 1000,
        "only {seen} cuts, {broken} of them broken"
    );
}

#[test]
fn programs_with_a_slip() {
    let slips = slips();
    let texts = slips.iter().map(|(n, t, s)| (n.clone(), with(t, s)));
    let (seen, broken) = agree(texts);
    assert!(
        seen > 1000 && broken > 500,
        "only {seen} slips, {broken} of them syntax errors"
    );
}

fn broken_at_random(seed: u64, count: usize) {
    let pool: Vec<String> = bases().into_iter().map(|(_, text)| text).collect();
    let mut stream = Stream(seed);
    let inputs = (0..count).map(|n| (format!("seed {seed}, {n}"), mutated(&pool, &mut stream)));
    let (_, broken) = agree(inputs);
    assert!(broken > count / 2, "only {broken} are broken");
}

#[test]
fn programs_broken_at_random() {
    broken_at_random(1, INPUTS);
}

#[test]
#[ignore = "a look at many seeds, for development"]
fn over_many_seeds() {
    for seed in 2..60 {
        broken_at_random(seed, INPUTS);
    }
}

/// What a number may be, digit by digit, and what may be glued to it.
#[test]
fn numbers() {
    let heads = [
        "1", "1_000", "0.5", "1.", "1.5.", "1e5", "1E-5", "1e", "1e+", "1_", "5__",
    ];
    let heads = heads.into_iter().chain([
        "1e308",
        "2e308",
        "1.797e308",
        "1.7976931348623159e308",
        "0.0017976931348623157e311",
        "179769313486231570000e288",
        "1e9999999999999",
        "0e999",
        "1e299",
    ]);
    let tails = [
        "",
        "k",
        "K",
        "M",
        "G",
        "kk",
        "km",
        "k1",
        "e",
        "ev",
        "every",
        "else",
        "or",
        "x",
        "x2",
        "_x",
        "%",
        " %",
        " steps",
        "\tsteps",
        "\nsteps",
        " /* c */ steps",
        " or 2",
        " K",
        "..<2",
        ".x",
        "\n.x",
        ". x",
        "(1)",
        " by x",
    ];
    let mut texts = Vec::new();
    for head in heads {
        for tail in tails {
            for text in [
                format!("align 1\nlet a = {head}{tail}\n"),
                format!("align 1\nmodel m {{ a = {head}{tail}\nb = 1 }}\n"),
                format!("align {head}{tail}\n"),
            ] {
                texts.push((text.clone(), text));
            }
        }
    }
    let (_, broken) = agree(texts);
    assert!(broken > 500, "only {broken} are broken");
}

/// What may part two statements, two arms and two items.
#[test]
fn separators() {
    let gaps = [
        "",
        " ",
        "\n",
        ",",
        ";",
        ",,",
        ",;",
        ", \n",
        "\n,",
        "\r\n",
        "\r",
        "\u{b}",
        " // c\n",
        " // c, d\n",
        " /* c */ ",
        " /* , */ ",
        " /* c\n */ ",
        ", /* c */ ",
        " /* c */, ",
        "/**/\n",
        "//\n",
        " //\n//\n",
        "\n// c\n/* c */ ",
        " /// d\n",
        "\n/// d\n",
        ", /// d\n",
        " /// d\n, ",
        " /* c */ /// d\n",
        " // c\n /// d\n",
        " \u{a0}",
        "\u{a0}\n",
        "\n\u{a0}",
        "/* c */,/* d */",
        "/* c */ /* , */",
    ];
    let pairs = [
        ("model m { a = x", "b = y }"),
        ("model m { a = f()", "b = 1 }"),
        ("model m { a = 1", "b = y }"),
        ("model m { a = x", "}"),
        ("model m {", "a = x }"),
        ("stage s trains m { until x", "on f => skip }"),
        ("stage s trains m { checkpoint every x", "eval { } }"),
        ("stage s trains m { eval { }", "until x }"),
        ("model m { a = x", "or y }"),
        ("model m { a = x", "by y }"),
        ("model m { a = x", "not y }"),
        ("model m { a = x", "+ y }"),
        ("model m { a = x", "(y) }"),
        ("model m { a = x", ".y }"),
        ("model m { a = x", "order = y }"),
        ("policy p { a => x", "b => y }"),
        ("policy p { a => x", "else => y }"),
        ("policy p { a => x", "}"),
        ("policy p {", "a => x }"),
        ("let a = x", "let b = y"),
        ("use a", "use b"),
        ("param a: T", "let b = y"),
        ("pipeline p { let a = x", "let b = y }"),
        ("pipeline p { model m { }", "}"),
        ("model m { }", "model n { }"),
        ("let a = f(x,", "y)"),
        ("let a = { a: 1,", "b: 2 }"),
        ("let a = 1", "steps"),
    ];
    let mut texts = Vec::new();
    for (before, after) in pairs {
        for gap in gaps {
            let text = format!("align 1\n{before}{gap}{after}\n");
            texts.push((text.clone(), text));
        }
    }
    let (seen, broken) = agree(texts);
    assert!(broken > seen / 4, "only {broken} are broken");
}

/// Where a word may be a name, and where not.
#[test]
fn words() {
    let all = lex::ITEM_WORDS
        .into_iter()
        .chain(lex::STATEMENT_WORDS)
        .chain(lex::HEAD_WORDS)
        .chain(lex::RESERVED)
        .chain([
            "true", "false", "off", "True", "FALSE", "word", "_", "a1", "andx", "xand",
        ]);
    let places = [
        "let # = 1",
        "let a = #",
        "let a = # + 1",
        "let a = x.#",
        "let a = #.x",
        "let a = f(#: 1)",
        "let a = f(#)",
        "let a = f(# /* c */ : 1)",
        "let a = { #: 1 }",
        "let a = { x.#: 1 }",
        "let a = 1 #",
        "let a = 1# 1",
        "let a = x # y",
        "let a = f(x # y)",
        "let a = f(x #y)",
        "param #: T",
        "param a: #",
        "use #",
        "use a.#",
        "use a as #",
        "use a.{#}",
        "use \"a\".#",
        "pipeline #(#: T) { }",
        "stage # trains m { }",
        "stage s trains # { }",
        "stage s trains m on # { }",
        "stage s trains m # d { }",
        "sequence q = # -> a { }",
        "sequence # = a -> b.# { }",
        "sweep # of p { }",
        "sweep s of # { }",
        "sweep s of p { # in a }",
        "sweep s of p { # = a }",
        "report # { }",
        "report r { # = a }",
        "policy # { # => x }",
        "policy p { a => # }",
        "model m { # = 1 }",
        "model m { #.x = 1 }",
        "model m { x.# = 1 }",
        "model m { a = 1\n# = 1 }",
        "stage s trains m { # = 1 }",
        "stage s trains m { a = x\n# = 1 }",
        "stage s trains m { # x }",
        "stage s trains m { # every x { } }",
        "stage s trains m { # x => y }",
        "stage s trains m { on # => y }",
        "cascade c = a { # { } }",
        "#",
        "# x",
        "# x { }",
        "# x = a { }",
    ];
    let mut texts = Vec::new();
    for word in all {
        for place in places {
            let text = format!("align 1\n{}\n", place.replace('#', word));
            texts.push((text.clone(), text));
        }
    }
    let (seen, broken) = agree(texts);
    assert!(broken > seen / 4, "only {broken} are broken");
}

/// How deep brackets may be nested, and where a bracket that closes too much or too little is seen.
#[test]
fn brackets() {
    let mut texts = Vec::new();
    for depth in 60..70 {
        for (open, close) in [
            ("[", "]"),
            ("(", ")"),
            ("{ a: ", " }"),
            ("f(", ")"),
            ("x[", "]"),
        ] {
            for more in ["", " + [[x]]"] {
                let value = format!("{}1{}{more}", open.repeat(depth), close.repeat(depth));
                for text in [
                    format!("align 1\nlet a = {value}\n"),
                    format!("align 1\nmodel m {{ a = {value} }}\nlet b = {value}\n"),
                    format!("align 1\nlet a = {value}{close}\n"),
                ] {
                    texts.push((text.clone(), text));
                }
            }
        }
    }
    let (seen, broken) = agree(texts);
    assert!(
        broken > seen / 4 && broken < seen,
        "{broken} of {seen} are broken"
    );
}

/// All that the two do not agree on; no program of the repository is of these.
#[test]
fn exceptions() {
    let exceptions = [
        // A limit of the compiler's own recursion; tree-sitter has none and cannot count.
        format!("let a = x{}", " + x".repeat(401)),
        // The same limit, for types.
        format!("param a: {}T{}", "M<".repeat(65), ">".repeat(65)),
        // `align.pest` tries an axis first, and an axis cannot stand in a report; for tree-sitter this is a call of `in`.
        "report r { expect in(x) >= 1 }".to_owned(),
    ];
    let mut parser = parser();
    for text in exceptions {
        let text = format!("align 1\n{text}\n");
        assert!(
            difference(&mut parser, &text).is_some(),
            "no exception any more: {text}"
        );
    }
}

/// An edit and its undo lead back to the same tree, whatever the scanner remembers between.
#[test]
fn a_slip_undone_leaves_no_trace() {
    let mut parser = parser();
    let mut seen = 0;
    for (name, text, slip) in slips().into_iter().step_by(5) {
        let broken = with(&text, &slip);
        let mut tree_now = tree(&text);
        let whole = tree_now.root_node().to_sexp();
        let end = slip.edit.start + slip.edit.text.len();
        for (before, after, from, to) in [
            (&text, &broken, slip.edit.end, end),
            (&broken, &text, end, slip.edit.end),
        ] {
            tree_now.edit(&InputEdit {
                start_byte: slip.edit.start,
                old_end_byte: from,
                new_end_byte: to,
                start_position: point(before, slip.edit.start),
                old_end_position: point(before, from),
                new_end_position: point(after, to),
            });
            tree_now = parser.parse(after, Some(&tree_now)).unwrap_or(tree_now);
        }
        assert_eq!(tree_now.root_node().to_sexp(), whole, "{name}");
        seen += 1;
    }
    assert!(seen > 200, "only {seen} slips were undone");
}

fn point(text: &str, at: usize) -> Point {
    let before = text.get(..at).unwrap_or("");
    let line = before.rfind('\n').map_or(0, |n| n + 1);
    Point::new(before.matches('\n').count(), at - line)
}
