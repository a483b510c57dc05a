//! Does each form of the language become the right tree?

#![allow(clippy::unwrap_used)]

use align_grammar::ast::{BinaryOp, Expr, ExprKind, ItemKind, StmtKind, UnaryOp};
use align_grammar::{SyntaxKind, parse, tree};

/// A value as a Lisp, so that its shape is seen.
fn lisp(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Number { number, unit } => match unit {
            Some(unit) => format!("{}_{}", number.value, unit.text),
            None => number.value.to_string(),
        },
        ExprKind::Str(text) => format!("{text:?}"),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::List(list) => {
            format!("[{}]", list.iter().map(lisp).collect::<Vec<_>>().join(" "))
        }
        ExprKind::Record(entries) => {
            let entries = entries
                .iter()
                .map(|(p, e)| format!("{}:{}", p.text(), lisp(e)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
        }
        ExprKind::Ref(name) => name.text.clone(),
        ExprKind::Member { base, field } => format!("{}.{}", lisp(base), field.text),
        ExprKind::Call { callee, args, .. } => {
            let args = args.iter().map(|a| match &a.name {
                Some(name) => format!(" {}:{}", name.text, lisp(&a.value)),
                None => format!(" {}", lisp(&a.value)),
            });
            format!("({}{})", lisp(callee), args.collect::<String>())
        }
        ExprKind::Index { base, index } => format!("{}@{}", lisp(base), lisp(index)),
        ExprKind::Unary { op, operand } => {
            let op = if *op == UnaryOp::Neg { "-" } else { "not" };
            format!("({op} {})", lisp(operand))
        }
        ExprKind::Binary {
            op, left, right, ..
        } => {
            let op = match op {
                BinaryOp::By => "by",
                BinaryOp::Or => "or",
                BinaryOp::And => "and",
                BinaryOp::Eq => "==",
                BinaryOp::Ne => "!=",
                BinaryOp::Ge => ">=",
                BinaryOp::Le => "<=",
                BinaryOp::Gt => ">",
                BinaryOp::Lt => "<",
                BinaryOp::Range => "..<",
                BinaryOp::RangeInclusive => "..=",
                BinaryOp::Add => "+",
                BinaryOp::Sub => "-",
                BinaryOp::Mul => "*",
                BinaryOp::Div => "/",
            };
            format!("({op} {} {})", lisp(left), lisp(right))
        }
        ExprKind::Error => "error".to_owned(),
    }
}

fn value(text: &str) -> String {
    let parse = parse(&format!("align 1\nlet x = {text}\n"));
    assert_eq!(parse.errors, [], "{text}");
    match &parse.file.items[0].kind {
        ItemKind::Let(f) => lisp(f.value.as_ref().unwrap()),
        _ => panic!(),
    }
}

#[test]
fn precedence() {
    assert_eq!(value("1 + 2 * 3 - 4"), "(- (+ 1 (* 2 3)) 4)");
    assert_eq!(value("-a.b(1) * 2"), "(* (- (a.b 1)) 2)");
    assert_eq!(
        value("a or b and not c >= 1 + 2"),
        "(or a (and b (not (>= c (+ 1 2)))))"
    );
    assert_eq!(value("a or b by [c, d]"), "(by (or a b) [c d])");
    assert_eq!(value("0..<n + 1"), "(..< 0 (+ n 1))");
    assert_eq!(value("(1 + 2) * 3"), "(* (+ 1 2) 3)");
    assert_eq!(
        value("{ train: 90% } by episode"),
        "(by {train:90_%} episode)"
    );
    assert_eq!(value("200k steps or 40 min"), "(or 200000_steps 40_min)");
    assert_eq!(value("a[1].b(c)(d)"), "((a@1.b c) d)");
    assert_eq!(value("1/3"), "(/ 1 3)");
}

#[test]
fn literals() {
    assert_eq!(value("4.1k"), "4100");
    assert_eq!(value("1_000"), "1000");
    assert_eq!(value("2.5e-4"), "0.00025");
    assert_eq!(value("3M"), "3000000");
    assert_eq!(value("10ms"), "10_ms");
    assert_eq!(
        value(r#""a \"b\" \\ \n""#),
        format!("{:?}", "a \"b\" \\ \n")
    );
    assert_eq!(value("off"), "false");
    assert_eq!(value("offset"), "offset");
}

#[test]
fn a_unit_stands_on_the_line_of_its_number() {
    let text = "align 1\nmodel m {\n    a = 5\n    steps = 3\n    b = 5 steps\n}\n";
    let parse = parse(text);
    assert_eq!(parse.errors, []);
    let ItemKind::Model(block) = &parse.file.items[0].kind else {
        panic!()
    };
    assert_eq!(block.body.len(), 3);
}

#[test]
fn spans_end_at_the_last_token() {
    let text = "align 1\nmodel m { // one\n    net = mlp(1) // two\n    /* three */\n    ema = 0.9 // four\n}\n";
    let file = parse(text).file;
    let ItemKind::Model(block) = &file.items[0].kind else {
        panic!()
    };
    let spans: Vec<_> = block
        .body
        .iter()
        .map(|s| &text[s.span.start as usize..s.span.end as usize])
        .collect();
    assert_eq!(spans, ["net = mlp(1)", "ema = 0.9"]);
    let StmtKind::Field { value, .. } = &block.body[1].kind else {
        panic!()
    };
    assert_eq!(
        &text[value.span.start as usize..value.span.end as usize],
        "0.9"
    );
}

#[test]
fn heads_and_clauses() {
    let text = "align 1\n/// One.\n/// Two.\nstage rl trains planner on rollouts in env(task) from pretrain.at(20k steps) { }\n";
    let file = parse(text).file;
    assert_eq!(file.items[0].docs, ["One.", "Two."]);
    assert_eq!(
        file.items[0].word.start as usize,
        text.find("stage").unwrap()
    );
    let ItemKind::Stage(b) = &file.items[0].kind else {
        panic!()
    };
    let part = |e: &Option<Expr>| lisp(e.as_ref().unwrap());
    assert_eq!(
        (part(&b.trains), part(&b.on), part(&b.env), part(&b.from)),
        (
            "planner".into(),
            "rollouts".into(),
            "(env task)".into(),
            "(pretrain.at 20000_steps)".into()
        )
    );
    let file = parse(
        "align 1\nuse \"a.align\".{x, y}\nuse std.losses.denoise as fit\nuse \"b.align\".z as w\n",
    )
    .file;
    let uses: Vec<_> = file
        .items
        .iter()
        .map(|i| match &i.kind {
            ItemKind::Use(u) => (
                u.file.as_ref().map(|f| f.text.clone()),
                u.path.as_ref().map(align_grammar::ast::Path::text),
                u.names
                    .iter()
                    .map(|n| n.text.as_str())
                    .collect::<Vec<_>>()
                    .join(","),
                u.alias.as_ref().map(|n| n.text.clone()),
            ),
            _ => panic!(),
        })
        .collect();
    let some = |s: &str| Some(s.to_owned());
    assert_eq!(
        uses,
        [
            (some("a.align"), None, "x,y".to_owned(), None),
            (None, some("std.losses.denoise"), String::new(), some("fit")),
            (some("b.align"), None, "z".to_owned(), some("w")),
        ]
    );
}

#[test]
fn the_lossless_tree_has_the_nodes_of_the_grammar() {
    let root = tree("align 1\nmodel m {\n    net = mlp(width: 2 * 3) // why\n    x y\n}\n");
    let has = |kind| root.descendants().any(|n| n.kind() == kind);
    for kind in [
        SyntaxKind::Edition,
        SyntaxKind::Model,
        SyntaxKind::Field,
        SyntaxKind::Postfix,
        SyntaxKind::Argument,
        SyntaxKind::Infix,
        SyntaxKind::BadStatement,
    ] {
        assert!(has(kind), "{kind:?}");
    }
    let field = root
        .descendants()
        .find(|n| n.kind() == SyntaxKind::Field)
        .unwrap();
    assert_eq!(field.text().to_string(), "net = mlp(width: 2 * 3)");
}
