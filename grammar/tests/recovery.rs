//! Does one mistake cost one message, and is the rest of the file still there?

#![allow(clippy::unwrap_used)]

use align_grammar::ast::{ExprKind, ItemKind, StmtKind, SyntaxError};
use align_grammar::parse;

fn line_of(text: &str, error: &SyntaxError) -> usize {
    text[..error.span.start as usize].matches('\n').count() + 1
}

const FIVE: &str = "align 1

staeg value trains critic on rollouts {
    loss   = iql(expectile: 0.7, discount: 0.99)
    budget : 100k steps
}

model planner {
    net     = temporal_unet(width: 32, mults: [1, 2, 4
    sampler =
    predict = noise
}

stage pretrain trains planner on rollouts {
    loss   = denoise()
    on failure {
        nan -> rollback(to: best)
        oom => retry(times: 2)
    }
}
";

#[test]
fn five_mistakes_are_five_messages_at_their_lines() {
    let parse = parse(FIVE);
    let found: Vec<_> = parse
        .errors
        .iter()
        .map(|e| (e.code, line_of(FIVE, e)))
        .collect();
    assert_eq!(
        found,
        [
            ("A0006", 3),
            ("A0001", 5),
            ("A0002", 9),
            ("A0001", 10),
            ("A0001", 17)
        ]
    );
}

#[test]
fn what_is_broken_is_still_there_so_that_nothing_else_is_reported_for_it() {
    let file = parse(FIVE).file;
    let [value, planner, pretrain] = &file.items[..] else {
        panic!("{file:#?}");
    };
    let ItemKind::Stage(value) = &value.kind else {
        panic!()
    };
    assert_eq!(value.body.len(), 2);
    let ItemKind::Model(planner) = &planner.kind else {
        panic!()
    };
    let fields: Vec<_> = planner
        .body
        .iter()
        .map(|s| match &s.kind {
            StmtKind::Field { path, value } => (path.text(), matches!(value.kind, ExprKind::Error)),
            _ => panic!(),
        })
        .collect();
    let want = [("net", false), ("sampler", true), ("predict", false)];
    assert_eq!(fields, want.map(|(n, e)| (n.to_owned(), e)));
    let ItemKind::Stage(pretrain) = &pretrain.kind else {
        panic!()
    };
    let StmtKind::On { arms, .. } = &pretrain.body[1].kind else {
        panic!()
    };
    assert_eq!(arms.len(), 2);

    let broken = parse(
        "align 1\nstage rl trains planner with fire { loss = ppo() }\nmodel m { net = mlp() }\n",
    );
    assert_eq!(broken.errors.len(), 1);
    // What its head says is unknown, and what its block says is there.
    let ItemKind::Stage(rl) = &broken.file.items[0].kind else {
        panic!("{:?}", broken.file.items[0])
    };
    assert_eq!(rl.name.as_ref().unwrap().text, "rl");
    assert!(matches!(rl.trains.as_ref().unwrap().kind, ExprKind::Error));
    assert_eq!(rl.body.len(), 1);
    assert!(matches!(&broken.file.items[1].kind, ItemKind::Model(_)));
    let broken = parse("align 1\nsequence s = { rounds = 2 rounds }\n");
    assert_eq!(broken.errors.len(), 1);
    assert!(matches!(
        &broken.file.items[0].kind,
        ItemKind::Broken { word: Some(word), name: Some(name) } if word == "sequence" && name.text == "s"
    ));
}

/// Code and line of each error.
fn places(text: &str) -> Vec<(&'static str, usize)> {
    let errors = parse(text).errors;
    errors.iter().map(|e| (e.code, line_of(text, e))).collect()
}

#[test]
fn a_brace_that_is_missing_after_a_head_is_one_message() {
    let text = "align 1\n\npipeline p {\n    stage s trains m on d\n        loss = f()\n        until x\n    }\n    model m { net = mlp() }\n}\n";
    assert_eq!(places(text), [("A0001", 4)]);
    let file = parse(text).file;
    let ItemKind::Pipeline(p) = &file.items[0].kind else {
        panic!()
    };
    assert_eq!(p.items.len(), 2);
    let ItemKind::Stage(s) = &p.items[0].kind else {
        panic!()
    };
    assert_eq!(s.body.len(), 2);
}

#[test]
fn a_value_that_is_missing_before_a_block_is_one_message() {
    let text = "align 1\nstage s trains m on {\n    loss = f()\n    budget = 5 steps\n}\nmodel m { net = mlp() }\n";
    assert_eq!(places(text), [("A0001", 2)]);
    assert_eq!(parse(text).file.items.len(), 2);
}

#[test]
fn the_edition_is_still_found_behind_something_else() {
    assert_eq!(
        places("/ What this is\nalign 1\nmodel m { net = mlp() }\n"),
        [("A0001", 1)]
    );
    assert_eq!(places("model m { net = mlp() }\nalign 1\n"), [("A0008", 2)]);
}
