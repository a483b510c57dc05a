//! Requests in the order in which a person makes them.

use align_compiler::graph::State;
use serde_json::{Value, json};

use super::session::{Editor, LAB, STUDY, behind, desk, edited, uri};

fn study() -> Editor {
    let editor = Editor::new(&[("study.align", STUDY), ("lab.align", LAB)]);
    editor.open("study.align", STUDY);
    editor
}

fn codes(params: &Value) -> Vec<String> {
    let all = params["diagnostics"].as_array().expect("a list");
    all.iter()
        .map(|d| d["code"].as_str().unwrap_or("").to_owned())
        .collect()
}

#[test]
fn diagnostics_come_at_once_and_then_when_the_keys_rest() {
    let broken = STUDY.replace("denoise()", "denoize()");
    let mut editor = Editor::new(&[("lab.align", LAB)]);
    editor.open("study.align", &broken);
    let first = editor.hear("textDocument/publishDiagnostics");
    assert_eq!(
        (first["uri"].as_str(), first["version"].as_i64()),
        (Some(uri("study.align").as_str()), Some(1))
    );
    assert!(codes(&first).contains(&"A1001".to_owned()), "{first:#}");
    let miss = first["diagnostics"]
        .as_array()
        .and_then(|all| all.iter().find(|d| d["code"] == "A1001"))
        .expect("A1001");
    // Columns are counted in UTF-16: two for the rocket, one for the letter.
    assert_eq!(miss["range"]["end"], behind(&broken, "denoize"));
    assert!(
        miss["message"]
            .as_str()
            .is_some_and(|m| m.contains("did you mean `denoise`")),
        "{miss:#}"
    );
    editor.write("study.align", 2, STUDY);
    let second = editor.hear("textDocument/publishDiagnostics");
    assert!(!codes(&second).contains(&"A1001".to_owned()));
    assert_eq!(second["version"], 2);
    assert!(editor.quit());
}

#[test]
fn a_mistake_in_a_used_file_is_shown_there_and_goes_with_it() {
    let mut editor = Editor::new(&[(
        "lab.align",
        "align 1\npolicy standard {\n    nan => retri(times: 2)\n}\n",
    )]);
    editor.open("study.align", STUDY);
    let lab = loop {
        let told = editor.hear("textDocument/publishDiagnostics");
        if told["uri"] == uri("lab.align").as_str() {
            break told;
        }
    };
    assert_eq!(codes(&lab), ["A1001"]);
    // Opened and put right in the editor, before it is saved.
    editor.open("lab.align", LAB);
    let lab = loop {
        let told = editor.hear("textDocument/publishDiagnostics");
        if told["uri"] == uri("lab.align").as_str() && codes(&told).is_empty() {
            break told;
        }
    };
    assert_eq!(lab["version"], 1);
    editor.quit();
}

#[test]
fn an_editor_that_asks_gets_diagnostics_once_and_then_that_nothing_changed() {
    let files = [("lab.align", LAB)];
    let mut editor = Editor::with(
        desk(&files),
        json!({ "textDocument": { "diagnostic": {} } }),
    );
    editor.open("study.align", &STUDY.replace("denoise()", "denoize()"));
    let pull = |editor: &mut Editor, before: Value| {
        let mut params = json!({ "textDocument": { "uri": uri("study.align") } });
        params["previousResultId"] = before;
        editor
            .ask("textDocument/diagnostic", params)
            .expect("diagnostics")
    };
    let first = pull(&mut editor, Value::Null);
    assert_eq!(first["kind"], "full");
    assert!(
        first["items"]
            .as_array()
            .is_some_and(|i| i.iter().any(|d| d["code"] == "A1001"))
    );
    let second = pull(&mut editor, first["resultId"].clone());
    assert_eq!(
        second,
        json!({ "kind": "unchanged", "resultId": first["resultId"] })
    );
    editor.write("study.align", 2, STUDY);
    assert_eq!(pull(&mut editor, first["resultId"].clone())["kind"], "full");
    // Nothing is pushed as well.
    assert!(
        editor
            .heard
            .iter()
            .all(|(m, _)| m != "textDocument/publishDiagnostics")
    );
    editor.quit();
}

#[test]
fn incremental_edits_are_made_in_units_of_the_editor() {
    let mut editor = study();
    // Between the rocket and the letter behind it, then the letter itself goes.
    let at = |p: &str| behind(STUDY, p);
    let range = json!({ "start": at("{\n    /* 🚀 "), "end": at("{\n    /* 🚀 学") });
    editor.change("study.align", 2, json!([{ "range": range, "text": "β🚀" }]));
    let text = STUDY.replacen("/* 🚀 学", "/* 🚀 β🚀", 1);
    let hover = editor
        .at(
            "textDocument/hover",
            "study.align",
            &text,
            "loss   = denoi",
            json!({}),
        )
        .expect("a hover");
    assert!(
        hover["contents"]["value"]
            .as_str()
            .is_some_and(|v| v.contains("denoise(")),
        "{hover:#}"
    );
    assert_eq!(hover["range"]["end"], behind(&text, "loss   = denoise"));
    editor.quit();
}

#[test]
fn columns_are_bytes_where_the_editor_knows_them() {
    let files = [("lab.align", LAB)];
    let mut editor = Editor::with(
        desk(&files),
        json!({ "general": { "positionEncodings": ["utf-16", "utf-8"] } }),
    );
    editor.open("study.align", STUDY);
    let line = STUDY
        .lines()
        .position(|l| l.contains("loss   ="))
        .unwrap_or(0);
    let column = STUDY
        .lines()
        .nth(line)
        .and_then(|l| l.find("denoise"))
        .unwrap_or(0);
    let params = json!({ "textDocument": { "uri": uri("study.align") }, "position": { "line": line, "character": column + 2 } });
    let hover = editor.ask("textDocument/hover", params).expect("a hover");
    assert_eq!(hover["range"]["start"]["character"], column);
    editor.quit();
}

#[test]
fn a_name_is_followed_and_changed_over_files() {
    let mut editor = study();
    let found = editor
        .at(
            "textDocument/definition",
            "study.align",
            STUDY,
            "=> stand",
            json!({}),
        )
        .expect("a place");
    assert_eq!(found["uri"], uri("lab.align"));
    assert_eq!(found["range"]["end"], behind(LAB, "policy standard"));
    let all = editor
        .at(
            "textDocument/references",
            "study.align",
            STUDY,
            "=> stand",
            json!({ "context": { "includeDeclaration": true } }),
        )
        .expect("places");
    assert_eq!(all.as_array().map(Vec::len), Some(3), "{all:#}");
    let ready = editor
        .at(
            "textDocument/prepareRename",
            "study.align",
            STUDY,
            "=> stand",
            json!({}),
        )
        .expect("a word");
    assert_eq!(ready["placeholder"], "standard");
    let edit = editor
        .at(
            "textDocument/rename",
            "study.align",
            STUDY,
            "=> stand",
            json!({ "newName": "usual" }),
        )
        .expect("edits");
    let study = edited(STUDY, &edit["changes"][uri("study.align")]);
    let lab = edited(LAB, &edit["changes"][uri("lab.align")]);
    assert_eq!(
        (study, lab),
        (
            STUDY.replace("standard", "usual"),
            LAB.replace("standard", "usual")
        )
    );
    // From the file that defines it, which does not know who uses it.
    editor.open("lab.align", LAB);
    let edit = editor
        .at(
            "textDocument/rename",
            "lab.align",
            LAB,
            "policy stand",
            json!({ "newName": "usual" }),
        )
        .expect("edits");
    assert_eq!(
        edited(STUDY, &edit["changes"][uri("study.align")]),
        STUDY.replace("standard", "usual")
    );
    let refused = editor
        .at(
            "textDocument/rename",
            "study.align",
            STUDY,
            "=> stand",
            json!({ "newName": "stage" }),
        )
        .expect_err("refused");
    assert!(refused.1.contains("word of the language"), "{refused:?}");
    editor.quit();
}

#[test]
fn completion_replaces_the_word_that_is_typed() {
    let text = STUDY.replace("loss   = denoise()", "loss   = den");
    let mut editor = Editor::with(
        desk(&[("lab.align", LAB)]),
        json!({ "textDocument": { "completion": { "completionItem": { "snippetSupport": true } } } }),
    );
    editor.open("study.align", &text);
    let found = editor
        .at(
            "textDocument/completion",
            "study.align",
            &text,
            "loss   = den",
            json!({}),
        )
        .expect("proposals");
    let items = found["items"].as_array().expect("items");
    let item = items
        .iter()
        .find(|i| i["label"] == "denoise")
        .expect("denoise");
    assert_eq!(
        item["textEdit"]["range"]["start"],
        behind(&text, "loss   = ")
    );
    assert_eq!(
        item["textEdit"]["range"]["end"],
        behind(&text, "loss   = den")
    );
    assert!(
        item["documentation"]["value"]
            .as_str()
            .is_some_and(|d| d.contains("a loss"))
    );
    editor.quit();
}

#[test]
fn a_repair_puts_right_what_its_diagnostic_says() {
    let broken = STUDY.replace("denoise()", "denoize()");
    let mut editor = Editor::new(&[("lab.align", LAB)]);
    editor.open("study.align", &broken);
    let range = json!({ "start": behind(&broken, "denoize"), "end": behind(&broken, "denoize") });
    let params = json!({ "textDocument": { "uri": uri("study.align") }, "range": range, "context": { "diagnostics": [], "only": ["quickfix"] } });
    let all = editor
        .ask("textDocument/codeAction", params)
        .expect("actions");
    let fix = &all[0];
    assert_eq!(
        (fix["isPreferred"].as_bool(), fix["kind"].as_str()),
        (Some(true), Some("quickfix"))
    );
    assert_eq!(fix["diagnostics"][0]["code"], "A1001");
    assert_eq!(
        edited(&broken, &fix["edit"]["changes"][uri("study.align")]),
        STUDY
    );
    editor.quit();
}

#[test]
fn formatting_is_a_few_edits_that_give_the_formatted_text() {
    let text = STUDY.replace("    budget = 3k steps", "  budget=3k steps");
    let mut editor = Editor::new(&[("lab.align", LAB)]);
    editor.open("study.align", &text);
    let params = json!({ "textDocument": { "uri": uri("study.align") }, "options": { "tabSize": 4, "insertSpaces": true } });
    let edits = editor
        .ask("textDocument/formatting", params)
        .expect("edits");
    assert!(
        edits.as_array().is_some_and(|e| (1..=3).contains(&e.len())),
        "{edits:#}"
    );
    assert_eq!(edited(&text, &edits), align_compiler::fmt::format(&text));
    editor.quit();
}

#[test]
fn a_run_is_seen_while_it_goes_on() {
    let desk = desk(&[("study.align", STUDY), ("lab.align", LAB)]);
    {
        let mut states = desk.states.lock().expect("no panic");
        states.insert("rollouts".into(), State::Done);
        states.insert("pretrain".into(), State::Running);
    }
    let mut editor = Editor::with(desk, json!({}));
    editor.open("study.align", STUDY);
    let state = editor.hear("align/runState");
    assert_eq!(
        (state["running"].as_bool(), state["uri"].as_str()),
        (Some(true), Some(uri("study.align").as_str()))
    );
    assert!(
        state["text"]
            .as_str()
            .is_some_and(|t| t.starts_with("1 of 2 done, pretrain")),
        "{state:#}"
    );
    assert_eq!(state["nodes"][0]["state"], "cached");
    let file = json!({ "textDocument": { "uri": uri("study.align") } });
    let graph = editor.ask("align/graph", file.clone()).expect("a graph");
    assert!(graph["svg"].as_str().is_some_and(|s| s.starts_with("<svg")));
    assert_eq!(graph["edges"][0]["from"], "main/rollouts");
    let plan = editor.ask("align/plan", file.clone()).expect("a plan");
    assert_eq!(plan["text"], "2 nodes\n");
    let whole =
        json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let hints = editor
        .ask(
            "textDocument/inlayHint",
            json!({ "textDocument": { "uri": uri("study.align") }, "range": whole }),
        )
        .expect("hints");
    let labels: Vec<&str> = hints
        .as_array()
        .expect("hints")
        .iter()
        .filter_map(|h| h["label"].as_str())
        .collect();
    assert!(
        labels.contains(&"cached") && labels.contains(&"running, 12 min, 13 epochs"),
        "{labels:?}"
    );
    let lenses = editor.ask("textDocument/codeLens", file).expect("lenses");
    let run = lenses
        .as_array()
        .and_then(|all| {
            all.iter()
                .find(|l| l["command"]["arguments"][1] == "pretrain")
        })
        .expect("a lens");
    assert_eq!(run["command"]["command"], "align.run");
    editor.quit();
}

#[test]
fn a_program_with_an_error_has_no_graph_and_says_why() {
    let mut editor = Editor::new(&[("lab.align", LAB)]);
    editor.open("study.align", &STUDY.replace("denoise()", "denoize()"));
    let refused = editor
        .ask(
            "align/graph",
            json!({ "textDocument": { "uri": uri("study.align") } }),
        )
        .expect_err("no graph");
    assert_eq!(refused.1, "the program has an error");
    editor.quit();
}
