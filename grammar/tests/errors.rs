//! Which code, which place, which words and which repair does each mistake get?

#![allow(clippy::unwrap_used)]

use align_grammar::ast::{ItemKind, SyntaxError};
use align_grammar::parse;

fn line_of(text: &str, error: &SyntaxError) -> usize {
    text[..error.span.start as usize].matches('\n').count() + 1
}

/// The only error of a text.
fn only(text: &str) -> SyntaxError {
    let errors = parse(text).errors;
    assert_eq!(errors.len(), 1, "{errors:#?} of {text}");
    errors.into_iter().next().unwrap()
}

/// A statement in a stage.
fn stage(statement: &str) -> String {
    format!("align 1\n\nstage s trains m on d {{\n    {statement}\n    budget = 5 steps\n}}\n")
}

/// Code, marked text, message, and the line after the repair (empty: none is offered).
fn expect(text: &str, code: &str, marked: &str, message: &str, repaired: &str) {
    let e = only(text);
    let (start, end) = (e.span.start as usize, e.span.end as usize);
    assert_eq!(
        (e.code, &text[start..end], e.message.as_str()),
        (code, marked, message),
        "{text}"
    );
    match &e.fix {
        None => assert_eq!(repaired, "", "no repair is offered for {text}"),
        Some((span, new)) => {
            let fixed = format!(
                "{}{new}{}",
                &text[..span.start as usize],
                &text[span.end as usize..]
            );
            assert!(
                !repaired.is_empty(),
                "a repair is offered for {text}: {new:?}"
            );
            assert!(fixed.contains(repaired), "{repaired} is not in {fixed}");
            assert_eq!(
                parse(&fixed).errors,
                [],
                "the repair of {text} does not parse: {fixed}"
            );
        }
    }
}

fn expect_in_stage(statement: &str, code: &str, marked: &str, message: &str, repaired: &str) {
    expect(&stage(statement), code, marked, message, repaired);
}

#[test]
fn a0001_signs_of_other_languages() {
    let e = expect_in_stage;
    e(
        "loss : denoise()",
        "A0001",
        ":",
        "`:` is written `=` here: a field is `loss = value`",
        "loss = denoise()",
    );
    e(
        "loss := denoise()",
        "A0001",
        ":=",
        "`:=` is written `=` here: a field is `loss = value`",
        "loss = denoise()",
    );
    e(
        "loss == denoise()",
        "A0001",
        "==",
        "`==` is written `=` here: a field is `loss = value`",
        "loss = denoise()",
    );
    e(
        "ema = True",
        "A0001",
        "True",
        "`True` is written `true` here",
        "ema = true",
    );
    e(
        "loss = iql(expectile = 0.7)",
        "A0001",
        "=",
        "an argument is named with `:`, as in `expectile: value`",
        "iql(expectile : 0.7)",
    );
    e(
        "split = { train = 90% }",
        "A0001",
        "=",
        "`=` is written `:` here",
        "{ train : 90% }",
    );
    e(
        "until a && b",
        "A0001",
        "&&",
        "`&&` is written `and` here",
        "a and b",
    );
    e(
        "until a||b",
        "A0001",
        "||",
        "`||` is written `or` here",
        "a or b",
    );
    e(
        "until !a",
        "A0001",
        "!",
        "`!` is written `not` here",
        "not a",
    );
    e(
        "net = 'mlp'",
        "A0001",
        "'mlp'",
        "a text stands between `\"` and `\"`",
        "\"mlp\"",
    );
    e(
        "net = “mlp”",
        "A0001",
        "“mlp”",
        "a text stands between `\"` and `\"`",
        "\"mlp\"",
    );
    e(
        "batch = 3 # three",
        "A0001",
        "#",
        "a comment begins with `//`",
        "// three",
    );
    e(
        "on failure { nan -> skip }",
        "A0001",
        "->",
        "`->` is written `=>` here",
        "nan => skip",
    );
    e(
        "on failure = standard",
        "A0001",
        "=",
        "`=` is written `=>` here",
        "failure => standard",
    );
    e(
        "seeds = 0..5",
        "A0001",
        "..",
        "`..` does not say whether the end belongs to the range",
        "0..<5",
    );
    e(
        "until score = 70",
        "A0001",
        "=",
        "values are compared with `==`, `>=` or `<=`",
        "score == 70",
    );
    e(
        "until score ≥ 70",
        "A0001",
        "≥",
        "`≥` is written `>=` here",
        "score >= 70",
    );
}

#[test]
fn a0001_what_is_missing_or_too_many() {
    let e = expect_in_stage;
    e(
        "batch 32",
        "A0001",
        " ",
        "`=` is missing after `batch`",
        "batch = 32",
    );
    e("batch =", "A0001", "", "`batch` has no value", "");
    e("until", "A0001", "", "a value is missing after `until`", "");
    e("loss = f(a:)", "A0001", "", "`a` has no value", "");
    e("loss = f(1,,2)", "A0001", ",", "one `,` too many", "f(1,2)");
    e(
        "loss = iql(expectile 0.7)",
        "A0001",
        " ",
        "`:` is missing after `expectile`",
        "iql(expectile: 0.7)",
    );
    e(
        "budget = 5 k steps",
        "A0001",
        "5 k",
        "a multiplier stands at its number: `5k`",
        "5k steps",
    );
    e(
        "clip-norm = 1.0",
        "A0001",
        "-",
        "a name has letters, digits and `_`",
        "clip_norm = 1.0",
    );
    e(
        "utnil plateau(score)",
        "A0001",
        "utnil",
        "unknown statement word `utnil`",
        "until plateau",
    );
    e("x = 1 + * 2", "A0001", "*", "unexpected `*`", "");
    e(
        "x = +2",
        "A0001",
        "+",
        "a value has no `+` before it",
        "x = 2",
    );
    e("x = 3)", "A0001", ")", "`)` closes nothing", "");
    e("batch = 32 64", "A0001", "64", "unexpected number `64`", "");
}

#[test]
fn a0001_heads_of_items() {
    let e = |item: &str, marked: &str, message: &str, repaired: &str| {
        expect(
            &format!("align 1\n{item}\n"),
            "A0001",
            marked,
            message,
            repaired,
        );
    };
    e(
        "stage s train m {}",
        "train",
        "unexpected `train`",
        "s trains m",
    );
    e("stage s trains m", "", "`stage s` has no block", "");
    e("model m", "", "`model m` has no block", "");
    e(
        "stage s trains m from a on d {}",
        "on",
        "`on` stands too late, or twice",
        "",
    );
    e(
        "stage pre-train trains m {}",
        "-",
        "a name has letters, digits and `_`",
        "pre_train",
    );
    e(
        "stage \"rl\" trains m {}",
        "\"rl\"",
        "a name is written without quotes",
        "stage rl",
    );
    e(
        "sequence s = a { rounds = 3 rounds }",
        "",
        "`sequence s` has only one member",
        "",
    );
    e("param beta = 3", "=", "parameter `beta` has no type", "");
    e(
        "pipeline p(task Task) {}",
        " ",
        "`:` is missing after `task`",
        "(task: Task)",
    );
    e(
        "batch = 32",
        "batch",
        "the field `batch` stands outside a block",
        "",
    );
}

#[test]
fn a0002_a_bracket_is_reported_where_it_was_opened() {
    let e = expect_in_stage;
    e(
        "loss = iql(expectile: 0.7",
        "A0002",
        "(",
        "`(` is never closed",
        "0.7)",
    );
    e("x = [1, 2", "A0002", "[", "`[` is never closed", "[1, 2]");
    e("x = [1, 2)", "A0002", ")", "`[` is closed by `)`", "[1, 2]");
    e(
        "eval every 5 steps { episodes = 3",
        "A0002",
        "{",
        "`{` is never closed",
        "",
    );
    e(
        "on failure {\n        nan => f(a\n        oom => skip\n    }",
        "A0002",
        "(",
        "`(` is never closed",
        "f(a)",
    );
    let text = "align 1\nmodel a {\n    net = mlp()\n\nmodel b { net = mlp() }\n/* open\n";
    let errors = parse(text).errors;
    let found: Vec<_> = errors.iter().map(|e| (e.code, line_of(text, e))).collect();
    assert_eq!(found, [("A0002", 2), ("A0002", 6)]);
    assert_eq!(
        parse(text).file.items.len(),
        2,
        "the model after it survives"
    );
}

#[test]
fn a0003_a_text_that_does_not_end() {
    expect_in_stage(
        "source = \"hopper",
        "A0003",
        "\"hopper",
        "this text is not ended",
        "\"hopper\"",
    );
    // The bracket after it went into the text: still one message.
    let e = only(&stage("source = d4rl(\"hopper)"));
    assert_eq!(e.code, "A0003");
}

#[test]
fn a0004_numbers() {
    let e = expect_in_stage;
    e("x = 1.2.3", "A0004", "1.2.3", "`1.2.3` is not a number", "");
    e("x = 5K", "A0004", "5K", "`5K` is not a number", "5k");
    e("x = 5.", "A0004", "5.", "`5.` is not a number", "x = 5\n");
    e("x = .5", "A0004", ".5", "`.5` is not a number", "0.5");
    e("x = 3e-", "A0004", "3e-", "`3e-` is not a number", "");
    e("x = 0x1F", "A0004", "0x1F", "`0x1F` is not a number", "");
    e(
        "x = 1e999",
        "A0004",
        "1e999",
        "this number is too large",
        "",
    );
}

#[test]
fn a0005_points_between_the_tokens() {
    let e = expect_in_stage;
    e(
        "batch = a clip = 1.0",
        "A0005",
        " ",
        "two statements on one line need a separator",
        "a; clip",
    );
    e(
        "batch = 32 clip = 1.0",
        "A0005",
        " ",
        "two statements on one line need a separator",
        "32; clip",
    );
    e(
        "x = [1, 2 3]",
        "A0005",
        " ",
        "two values of a list need a `,` between them",
        "2, 3",
    );
    e(
        "x = f(1 2)",
        "A0005",
        " ",
        "two arguments need a `,` between them",
        "1, 2",
    );
    e(
        "x = { a: f() b: 2 }",
        "A0005",
        " ",
        "two entries of a record need a `,` between them",
        "f(), b",
    );
    e(
        "on failure { nan => skip oom => skip }",
        "A0005",
        " ",
        "two statements on one line need a separator",
        "skip; oom",
    );
    for fine in [
        "batch = 32, clip = 1.0",
        "batch = 32; clip = 1.0",
        "batch = 32 /* , */; clip = 1.0",
    ] {
        assert_eq!(parse(&stage(fine)).errors, [], "{fine}");
    }
    assert_eq!(only(&stage("batch = a /* , */ clip = 1.0")).code, "A0005");
}

#[test]
fn a0006_names_the_word_that_was_meant_and_goes_on_with_it() {
    for (wrong, right) in [
        ("staeg", "stage"),
        ("Stage", "stage"),
        ("stages", "stage"),
        ("train", "stage"),
    ] {
        let text = format!("align 1\n{wrong} s trains m {{ loss = denoise() }}\n");
        expect(
            &text,
            "A0006",
            wrong,
            &format!("unknown item word `{wrong}`"),
            right,
        );
        let file = parse(&text).file;
        assert!(matches!(&file.items[0].kind, ItemKind::Stage(b) if b.body.len() == 1));
    }
    let e = only("align 1\npipeline p {\n    modle m { net = mlp() }\n}\n");
    assert_eq!(
        (e.code, e.label.as_str()),
        ("A0006", "did you mean `model`?")
    );
    let e = only("align 1\nfrobnicate x { a = 1 }\n");
    assert_eq!(e.code, "A0006");
    assert!(e.fix.is_none() && e.help.unwrap().contains("`stage`"));
}

#[test]
fn a0008_the_edition() {
    let e = only("model m { net = mlp() }\n");
    assert_eq!(
        (e.code, e.fix.unwrap().1.as_str()),
        ("A0008", "align 1\n\n")
    );
    expect(
        "align 2\n",
        "A0008",
        "2",
        "edition 2 is newer than this tool, which knows edition 1",
        "align 1",
    );
    expect(
        "align 0\n",
        "A0008",
        "0",
        "there is no such edition of the language",
        "align 1",
    );
    assert_eq!(only("").code, "A0008");
    assert_eq!(parse("/// About this file.\nalign 1\n").errors, []);
}

#[test]
fn a0009_what_may_not_stand_in_a_block() {
    let in_block = |block: &str, marked: &str, message: &str| {
        expect(&format!("align 1\n{block}\n"), "A0009", marked, message, "");
    };
    in_block(
        "dataset d { until x }",
        "until",
        "`until` cannot stand in a `dataset`",
    );
    in_block(
        "model m { expect x }",
        "expect",
        "`expect` cannot stand in a `model`",
    );
    in_block(
        "report r { on failure => skip }",
        "on",
        "`on` cannot stand in a `report`",
    );
    in_block(
        "sweep s of p { eval { a = 1 } }",
        "eval",
        "`eval` cannot stand in a `sweep`",
    );
    in_block(
        "cascade c = a -> b { until x }",
        "until",
        "`until` cannot stand in a `cascade`",
    );
    in_block(
        "stage s trains m { task in [1] }",
        "task in [1]",
        "an axis (`name in values`) cannot stand in a `stage`",
    );
    in_block(
        "stage s trains m { eval every 5 steps { until x } }",
        "until",
        "`until` cannot stand in an `eval`",
    );
    in_block(
        "pipeline p { sweep s of p { } }",
        "sweep",
        "`sweep` cannot stand inside a pipeline",
    );
    in_block("until x", "until", "`until` cannot stand outside a block");
    in_block(
        "stage s trains m {\n  model n { }\n}",
        "model",
        "`model` cannot stand inside this block",
    );
}

#[test]
fn a1010_reserved_words_are_no_names() {
    let text = "align 1\nstage from trains m {}\n";
    expect(
        text,
        "A1010",
        "from",
        "`from` is a reserved word and cannot name a stage",
        "",
    );
    expect_in_stage(
        "every = 3",
        "A1010",
        "every",
        "`every` is a reserved word and cannot name a field",
        "",
    );
    assert_eq!(parse(&stage("x = collect(task, by: waypoint)")).errors, []);
}
