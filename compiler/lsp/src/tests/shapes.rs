//! Every answer has the shape that the protocol's own model gives it.

use gen_lsp_types as lsp;
use lsp::Request;
use serde_json::{Value, json};

use super::session::{Editor, LAB, STUDY, behind, desk, uri};

/// Reads an answer as the type of its request.
fn check<R: Request>(method: &str, answer: &Value)
where
    R::Result: serde::de::DeserializeOwned,
{
    let read: Result<R::Result, _> = serde_json::from_value(answer.clone());
    assert!(read.is_ok(), "{method}: {:?}\n{answer:#}", read.err());
}

#[test]
fn answers_read_as_the_types_of_the_protocol() {
    let capabilities = json!({
        "textDocument": { "documentSymbol": { "hierarchicalDocumentSymbolSupport": true }, "diagnostic": {} },
    });
    let mut editor = Editor::raw(desk(&[("lab.align", LAB), ("study.align", STUDY)]));
    let hello = editor
        .ask(
            "initialize",
            json!({ "capabilities": capabilities, "rootUri": "file:///lab", "processId": null }),
        )
        .expect("hello");
    check::<lsp::InitializeRequest>("initialize", &hello);
    let broken = STUDY.replace("budget = 3k", "budgt = 3k");
    editor.open("study.align", &broken);
    let file = json!({ "textDocument": { "uri": uri("study.align") } });
    let place = json!({ "textDocument": { "uri": uri("study.align") }, "position": behind(&broken, "trains plan") });
    let range =
        json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 40, "character": 0 } });
    let with = |base: &Value, more: Value| {
        let mut all = base.clone();
        if let (Some(all), Some(more)) = (all.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        all
    };
    let in_range = with(&file, json!({ "range": range }));
    macro_rules! asks {
        ($($request:ty, $method:literal, $params:expr;)*) => { $(
            let answer = editor.ask($method, $params).unwrap_or_else(|e| panic!("{}: {e:?}", $method));
            assert!(!answer.is_null(), "{} has nothing to say", $method);
            check::<$request>($method, &answer);
        )* };
    }
    asks! {
        lsp::CompletionRequest, "textDocument/completion", place.clone();
        lsp::HoverRequest, "textDocument/hover", place.clone();
        lsp::SignatureHelpRequest, "textDocument/signatureHelp", with(&file, json!({ "position": behind(&broken, "ddim(train: 2") }));
        lsp::DefinitionRequest, "textDocument/definition", place.clone();
        lsp::ReferencesRequest, "textDocument/references", with(&place, json!({ "context": { "includeDeclaration": true } }));
        lsp::DocumentHighlightRequest, "textDocument/documentHighlight", place.clone();
        lsp::PrepareRenameRequest, "textDocument/prepareRename", place.clone();
        lsp::RenameRequest, "textDocument/rename", with(&place, json!({ "newName": "other" }));
        lsp::DocumentSymbolRequest, "textDocument/documentSymbol", file.clone();
        lsp::WorkspaceSymbolRequest, "workspace/symbol", json!({ "query": "sta" });
        lsp::SemanticTokensRequest, "textDocument/semanticTokens/full", file.clone();
        lsp::SemanticTokensRangeRequest, "textDocument/semanticTokens/range", in_range.clone();
        lsp::InlayHintRequest, "textDocument/inlayHint", in_range.clone();
        lsp::FoldingRangeRequest, "textDocument/foldingRange", file.clone();
        lsp::SelectionRangeRequest, "textDocument/selectionRange", with(&file, json!({ "positions": [place["position"]] }));
        lsp::DocumentLinkRequest, "textDocument/documentLink", file.clone();
        lsp::DocumentFormattingRequest, "textDocument/formatting", with(&file, json!({ "options": { "tabSize": 4, "insertSpaces": true } }));
        lsp::DocumentRangeFormattingRequest, "textDocument/rangeFormatting", with(&in_range, json!({ "options": { "tabSize": 4, "insertSpaces": true } }));
        lsp::CodeActionRequest, "textDocument/codeAction", with(&in_range, json!({ "context": { "diagnostics": [] } }));
        lsp::CodeLensRequest, "textDocument/codeLens", file.clone();
        lsp::DocumentDiagnosticRequest, "textDocument/diagnostic", file.clone();
    }
    editor.quit();
}
