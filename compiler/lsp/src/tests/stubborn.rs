//! What no editor should send, and what it may send too fast.

use lsp_server::{Message, Notification};
use serde_json::{Value, json};

use super::session::{Editor, LAB, STUDY, behind, desk, uri};

#[test]
fn nothing_is_answered_before_the_greeting_and_nothing_but_exit_after_the_good_bye() {
    let mut editor = Editor::raw(desk(&[]));
    let early = editor
        .ask("textDocument/hover", json!({}))
        .expect_err("too early");
    assert_eq!(early.0, -32002);
    editor
        .ask("initialize", json!({ "capabilities": {} }))
        .expect("capabilities");
    assert_eq!(
        editor
            .ask("initialize", json!({ "capabilities": {} }))
            .expect_err("twice")
            .0,
        -32600
    );
    editor.ask("shutdown", Value::Null).expect("nothing");
    assert_eq!(
        editor
            .ask("textDocument/hover", json!({}))
            .expect_err("too late")
            .0,
        -32600
    );
    editor.tell("exit", Value::Null);
}

#[test]
fn an_editor_that_is_gone_ends_the_server() {
    let editor = Editor::new(&[]);
    assert!(!editor.vanish());
}

#[test]
fn garbage_gets_an_error_and_the_server_lives() {
    let mut editor = Editor::new(&[("lab.align", LAB), ("study.align", STUDY)]);
    editor.open("study.align", STUDY);
    let methods = [
        "textDocument/completion",
        "textDocument/hover",
        "textDocument/signatureHelp",
        "textDocument/definition",
        "textDocument/references",
        "textDocument/documentHighlight",
        "textDocument/prepareRename",
        "textDocument/rename",
        "textDocument/documentSymbol",
        "workspace/symbol",
        "textDocument/semanticTokens/full",
        "textDocument/semanticTokens/range",
        "textDocument/inlayHint",
        "textDocument/foldingRange",
        "textDocument/selectionRange",
        "textDocument/documentLink",
        "textDocument/formatting",
        "textDocument/rangeFormatting",
        "textDocument/codeAction",
        "textDocument/codeLens",
        "textDocument/diagnostic",
        "align/plan",
        "align/graph",
        "no/such/method",
    ];
    let rubbish = [
        Value::Null,
        json!([]),
        json!(7),
        json!({}),
        json!({ "textDocument": 3 }),
        json!({ "textDocument": { "uri": "\u{0}" }, "position": { "line": -1, "character": 0 } }),
        json!({ "textDocument": { "uri": uri("study.align") }, "position": { "line": 4_000_000_000u32, "character": 4_000_000_000u32 } }),
    ];
    for method in methods {
        for params in &rubbish {
            // An answer or an error, whichever; what matters is that one comes.
            let _ = editor.ask(method, params.clone());
        }
        editor.tell(method, json!({ "what": "ever" }));
    }
    for method in [
        "textDocument/didOpen",
        "textDocument/didChange",
        "textDocument/didClose",
        "textDocument/didSave",
    ] {
        for params in &rubbish {
            editor.tell(method, params.clone());
        }
    }
    editor.send(Message::Notification(Notification::new(
        "$/cancelRequest".into(),
        json!({ "id": { "x": 1 } }),
    )));
    editor.change("never-opened.align", 3, json!([{ "text": "align 1" }]));
    let hover = editor.at(
        "textDocument/hover",
        "study.align",
        STUDY,
        "loss   = denoi",
        json!({}),
    );
    assert!(hover.is_ok_and(|h| h["contents"].is_object()));
    assert!(editor.quit());
}

#[test]
fn edits_outside_of_the_text_or_the_wrong_way_round_change_what_is_inside() {
    let mut editor = Editor::new(&[]);
    editor.open("a.align", "align 1\n");
    let place = |line: u32, character: u32| json!({ "line": line, "character": character });
    editor.change(
        "a.align",
        2,
        json!([{ "range": { "start": place(90, 9), "end": place(99, 0) }, "text": "let x = 1\n" }]),
    );
    editor.change(
        "a.align",
        1,
        json!([{ "range": { "start": place(1, 5), "end": place(1, 4) }, "text": "y" }]),
    );
    let text = "align 1\nlet y = 1\n";
    let all = editor
        .ask(
            "textDocument/documentSymbol",
            json!({ "textDocument": { "uri": uri("a.align") } }),
        )
        .expect("symbols");
    assert_eq!(all[0]["name"], "y", "{text}: {all:#}");
    editor.quit();
}

#[test]
fn a_handler_that_fails_answers_an_error_and_the_next_one_works() {
    let mut editor = Editor::new(&[("lab.align", LAB)]);
    editor.open("study.align", &STUDY.replace("lab.align", "bomb.align"));
    let failed = editor
        .ask(
            "textDocument/documentSymbol",
            json!({ "textDocument": { "uri": uri("study.align") } }),
        )
        .expect_err("a fault");
    assert_eq!(failed.0, -32603);
    assert!(failed.1.contains("the disk is on fire"), "{failed:?}");
    editor.write("study.align", 2, STUDY);
    let symbols = editor
        .ask(
            "textDocument/documentSymbol",
            json!({ "textDocument": { "uri": uri("study.align") } }),
        )
        .expect("symbols");
    assert_eq!(symbols.as_array().map(Vec::len), Some(3));
    assert!(editor.quit());
}

#[test]
fn a_thousand_quick_edits_end_in_the_text_that_was_written() {
    let mut editor = Editor::new(&[("lab.align", LAB)]);
    editor.open("study.align", STUDY);
    editor.hear("textDocument/publishDiagnostics");
    let end = behind(STUDY, "denoise");
    let before = behind(STUDY, "denois");
    for n in 0..500 {
        // The last letter goes, and comes back.
        editor.change(
            "study.align",
            2 + 2 * n,
            json!([{ "range": { "start": before, "end": end }, "text": "" }]),
        );
        editor.change(
            "study.align",
            3 + 2 * n,
            json!([{ "range": { "start": before, "end": before }, "text": "e" }]),
        );
    }
    let hover = editor
        .at(
            "textDocument/hover",
            "study.align",
            STUDY,
            "loss   = denoi",
            json!({}),
        )
        .expect("a hover");
    assert!(
        hover["contents"]["value"]
            .as_str()
            .is_some_and(|v| v.contains("denoise("))
    );
    editor.write(
        "study.align",
        2000,
        &STUDY.replace("denoise()", "denoize()"),
    );
    let told = editor.hear("textDocument/publishDiagnostics");
    assert_eq!(
        told["version"], 2000,
        "what was typed on the way was not worth a message"
    );
    assert!(editor.quit());
}

#[test]
fn what_is_taken_back_in_time_is_not_worked_on() {
    let mut editor = Editor::new(&[("lab.align", LAB)]);
    editor.open("study.align", STUDY);
    let ids: Vec<i32> = (0..50)
        .map(|_| {
            editor.post(
                "textDocument/semanticTokens/full",
                json!({ "textDocument": { "uri": uri("study.align") } }),
            )
        })
        .collect();
    for id in &ids {
        editor.tell("$/cancelRequest", json!({ "id": id }));
    }
    // Each has an answer, be it that it was taken back.
    let mut open: std::collections::BTreeSet<i32> = ids.into_iter().collect();
    let mut back = 0;
    while let Some(id) = open.first().copied() {
        match editor.any_answer(&mut open) {
            Err((-32800, _)) => back += 1,
            Ok(_) => {}
            Err(other) => panic!("{id}: {other:?}"),
        }
    }
    assert!(back > 0, "all fifty were faster than fifty messages");
    editor.quit();
}
