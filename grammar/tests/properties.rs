//! Does the parser hold on any text?  Mutations of the corpus, made by a generator that gives the same every time.

#![allow(clippy::unwrap_used)]

use align_grammar::ast::{Expr, ExprKind, Item, ItemKind, Span, Stmt, StmtKind};
use align_grammar::{Reader, lex, parse, tree};

/// SplitMix64: small, and the same on every machine.
struct Stream(u64);

impl Stream {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

const CORPUS: [&str; 3] = [
    include_str!("../../tests/corpus/valid/specification.align"),
    include_str!("../../tests/corpus/valid/lab/failure.align"),
    include_str!("../../tests/corpus/everything.align"),
];

const JUNK: [&str; 34] = [
    "{", "}", "(", ")", "[", "]", "\"", "\\", "/*", "*/", "//", "///", "\n", "=", ":", "->", "=>",
    "..<", "1.2.3", "5k", ".", ",", ";", "é", "🦀", "\u{feff}", "\u{a0}", "'", "stage", "until",
    "from", "align 2", "\r\n", "<",
];

fn mutate(text: &str, stream: &mut Stream) -> String {
    let tokens = lex::lex(text);
    let cut = |stream: &mut Stream| {
        let mut at = stream.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at += 1;
        }
        at
    };
    match stream.below(6) {
        0 => {
            let token = tokens[stream.below(tokens.len())];
            format!("{}{}", &text[..token.start], &text[token.end..])
        }
        1 => text[..cut(stream)].to_owned(),
        2 => text[cut(stream)..].to_owned(),
        3 => {
            let at = cut(stream);
            let junk = JUNK[stream.below(JUNK.len())];
            format!("{}{junk}{}", &text[..at], &text[at..])
        }
        4 => {
            let (a, b) = (
                tokens[stream.below(tokens.len())],
                tokens[stream.below(tokens.len())],
            );
            format!(
                "{}{}{}",
                &text[..a.start],
                &text[b.start..b.end],
                &text[a.end..]
            )
        }
        _ => {
            let (a, b) = (cut(stream), cut(stream));
            format!("{}{}", &text[..a.min(b)], &text[a.max(b)..])
        }
    }
}

fn hold(text: &str) {
    let parse = parse(text);
    let inside = |span: Span, what: &str| {
        let (start, end) = (span.start as usize, span.end as usize);
        assert!(
            start <= end && end <= text.len(),
            "{what}: {span:?} of {} in {text:?}",
            text.len()
        );
        assert!(
            text.is_char_boundary(start) && text.is_char_boundary(end),
            "{what}: {span:?} cuts a character of {text:?}"
        );
    };
    for error in &parse.errors {
        inside(error.span, error.code);
        for (span, _) in &error.related {
            inside(*span, error.code);
        }
        if let Some((span, _)) = &error.fix {
            inside(*span, error.code);
        }
        assert!(
            !error.message.is_empty() && !error.label.is_empty(),
            "{error:?}"
        );
        assert!(!error.message.ends_with('.'), "{error:?}");
    }
    let mut spans = Vec::new();
    for item in &parse.file.items {
        item_spans(item, &mut spans);
    }
    for span in spans {
        inside(span, "tree");
    }
    assert_eq!(tree(text).text().to_string(), text);
}

fn item_spans(item: &Item, spans: &mut Vec<Span>) {
    spans.extend([item.span, item.word]);
    match &item.kind {
        ItemKind::Pipeline(p) => {
            for item in &p.items {
                item_spans(item, spans);
            }
        }
        ItemKind::Dataset(b)
        | ItemKind::Model(b)
        | ItemKind::Stage(b)
        | ItemKind::Sequence(b)
        | ItemKind::Cascade(b)
        | ItemKind::Sweep(b)
        | ItemKind::Report(b) => {
            spans.push(b.body_span);
            spans.extend(b.name.iter().map(|n| n.span));
            for expr in [&b.trains, &b.on, &b.env, &b.from].into_iter().flatten() {
                expr_spans(expr, spans);
            }
            for stmt in &b.body {
                stmt_spans(stmt, spans);
            }
        }
        ItemKind::Policy(p) => {
            for arm in &p.arms {
                spans.extend([arm.span, arm.event.span]);
                expr_spans(&arm.action, spans);
            }
        }
        ItemKind::Param(f) | ItemKind::Let(f) => {
            spans.push(f.name.span);
            if let Some(value) = &f.value {
                expr_spans(value, spans);
            }
        }
        ItemKind::Use(_) | ItemKind::Broken { .. } => {}
    }
}

fn stmt_spans(stmt: &Stmt, spans: &mut Vec<Span>) {
    spans.push(stmt.span);
    match &stmt.kind {
        StmtKind::Field { path, value } => {
            spans.push(path.span);
            expr_spans(value, spans);
        }
        StmtKind::Until(e) | StmtKind::Without(e) | StmtKind::Expect(e) => expr_spans(e, spans),
        StmtKind::Axis { values, .. } => expr_spans(values, spans),
        StmtKind::On { action, arms, .. } => {
            if let Some(e) = action {
                expr_spans(e, spans);
            }
            for arm in arms {
                expr_spans(&arm.action, spans);
            }
        }
        StmtKind::Eval { every, body } => {
            if let Some(e) = every {
                expr_spans(e, spans);
            }
            for s in body {
                stmt_spans(s, spans);
            }
        }
        StmtKind::Checkpoint { every, body } => {
            expr_spans(every, spans);
            for s in body {
                stmt_spans(s, spans);
            }
        }
    }
}

fn expr_spans(expr: &Expr, spans: &mut Vec<Span>) {
    spans.push(expr.span);
    match &expr.kind {
        ExprKind::List(list) => {
            for e in list {
                expr_spans(e, spans);
            }
        }
        ExprKind::Record(entries) => {
            for (_, e) in entries {
                expr_spans(e, spans);
            }
        }
        ExprKind::Member { base, field } => {
            spans.push(field.span);
            expr_spans(base, spans);
        }
        ExprKind::Call {
            callee,
            args,
            args_span,
        } => {
            spans.push(*args_span);
            expr_spans(callee, spans);
            for arg in args {
                expr_spans(&arg.value, spans);
            }
        }
        ExprKind::Index { base, index } => {
            expr_spans(base, spans);
            expr_spans(index, spans);
        }
        ExprKind::Unary { operand, .. } => expr_spans(operand, spans),
        ExprKind::Binary {
            left,
            right,
            op_span,
            ..
        } => {
            spans.push(*op_span);
            expr_spans(left, spans);
            expr_spans(right, spans);
        }
        _ => {}
    }
}

#[test]
fn the_corpus_parses_without_an_error() {
    for text in CORPUS {
        assert_eq!(parse(text).errors, []);
        hold(text);
    }
}

#[test]
fn one_mutation_of_the_corpus_never_breaks_the_parser() {
    let mut stream = Stream(1);
    for text in CORPUS {
        for _ in 0..250 {
            hold(&mutate(text, &mut stream));
        }
    }
}

#[test]
fn many_mutations_on_top_of_each_other_never_break_the_parser() {
    let mut stream = Stream(2);
    for text in CORPUS {
        for _ in 0..12 {
            let mut text = text.to_owned();
            for _ in 0..10 {
                text = mutate(&text, &mut stream);
                if text.is_empty() {
                    break;
                }
                hold(&text);
            }
        }
    }
}

#[test]
fn soup_of_tokens_never_breaks_the_parser() {
    let mut stream = Stream(3);
    for _ in 0..300 {
        let mut text = String::from("align 1\nstage a trains b {\n");
        for _ in 0..stream.below(60) {
            text.push_str(JUNK[stream.below(JUNK.len())]);
            if stream.below(3) == 0 {
                text.push(' ');
            }
        }
        hold(&text);
    }
}

#[test]
fn what_makes_other_parsers_slow_or_overflow_is_answered() {
    let deep = [
        "f(".repeat(5000),
        "[".repeat(5000),
        "{".repeat(5000),
        format!("{}{}", "(".repeat(5000), ")".repeat(5000)),
        format!("{}1{}", "(".repeat(60), ")".repeat(60)),
        format!("{}1", "-".repeat(5000)),
        format!("{}x", "not ".repeat(5000)),
        format!("x{}", ".a".repeat(5000)),
        format!("x{}", "(1)".repeat(5000)),
        format!("1{}", " + 1".repeat(5000)),
        "f([".repeat(400),
        "a: {".repeat(400),
        "\"".repeat(5001),
        "/*".repeat(3000),
    ];
    for value in &deep {
        hold(&format!("align 1\nmodel m {{\n  net = {value}\n}}\n"));
        hold(&format!("align 1\nlet m = {value}"));
        hold(value);
    }
    hold(&format!("align 1\nparam x: {}", "a<".repeat(5000)));
    hold(&format!(
        "align 1\nparam x: {}a{}",
        "[".repeat(5000),
        "]".repeat(5000)
    ));
    let inside = |line: &str, times| format!("align 1\nmodel m {{\n{}\n}}\n", line.repeat(times));
    hold(&inside("a b, ", 20_000));
    hold(&inside("a = 1.2.3 x\n", 3000));
    hold(&inside("a = f(1 2 3 4 5 6 7 8)\n", 2000));
    hold(&inside("a = \"x\n", 5000));
    hold(&inside("a = (\n", 5000));
    hold(&"x".repeat(100_000));
    hold(&"\n".repeat(50_000));
    hold(&"stage\n".repeat(3000));
    hold(&format!("align 1\nmodel m {{\n{}}}", "a b\n".repeat(2000)));
}

#[test]
fn nesting_up_to_the_limit_is_fine_and_one_more_is_reported() {
    let nested = |n: usize| format!("align 1\nlet x = {}1{}\n", "(".repeat(n), ")".repeat(n));
    assert_eq!(parse(&nested(64)).errors, []);
    let errors = parse(&nested(65)).errors;
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].code, "A0007");
    assert_eq!(
        errors[0].span.start as usize,
        "align 1\nlet x = ".len() + 64
    );
}

#[test]
fn every_comment_is_in_the_tree() {
    for text in CORPUS {
        let written = text.matches("//").count();
        let kept = tree(text)
            .descendants_with_tokens()
            .filter_map(rowan::NodeOrToken::into_token)
            .filter(|t| {
                matches!(
                    t.kind(),
                    align_grammar::SyntaxKind::Comment | align_grammar::SyntaxKind::Doc
                ) && t.text().starts_with("//")
            })
            .count();
        assert_eq!(kept, written);
    }
}

/// A file of several parts, from the corpus; each piece once more with other names does no harm here.
fn long_text() -> String {
    let pieces = CORPUS.iter().cycle().take(9);
    let bodies: Vec<&str> = pieces
        .map(|t| t.split_once("align 1").map_or(*t, |(_, rest)| rest))
        .collect();
    format!("// A comment.\nalign 1{}", bodies.join("\n"))
}

#[test]
fn a_reader_that_remembers_reads_the_same_as_one_that_does_not() {
    let base = long_text();
    assert!(base.len() > 16_000, "several parts");
    let mut stream = Stream(11);
    let mut reader = Reader::default();
    let mut text = base.clone();
    for step in 0..400 {
        // On from where it was, or put back as by an undo.
        text = match stream.below(8) {
            0..=2 => base.clone(),
            3 => text,
            _ => mutate(&text, &mut stream),
        };
        let (again, anew) = (reader.parse(&text), parse(&text));
        assert_eq!(again.errors, anew.errors, "step {step}");
        assert_eq!(
            format!("{:?}", again.file),
            format!("{:?}", anew.file),
            "step {step}"
        );
    }
}

#[test]
fn a_reader_reads_on_where_one_letter_came_or_went() {
    let base = long_text();
    let mut stream = Stream(12);
    let mut reader = Reader::default();
    reader.parse(&base);
    for step in 0..200 {
        let mut at = stream.below(base.len());
        while !base.is_char_boundary(at) {
            at -= 1;
        }
        let text = format!(
            "{}{}{}",
            &base[..at],
            ["x", " ", "\n", "7", "/"][stream.below(5)],
            &base[at..]
        );
        for text in [&text, &base] {
            let (again, anew) = (reader.parse(text), parse(text));
            assert_eq!(again.errors, anew.errors, "step {step}");
            assert_eq!(
                format!("{:?}", again.file),
                format!("{:?}", anew.file),
                "step {step}"
            );
        }
    }
}
