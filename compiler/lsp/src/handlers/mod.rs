//! One file for each request: its parameters, a question to `align_compiler::ide`, the answer in the protocol's form.

mod actions;
mod complete;
mod diagnostics;
mod folding;
mod format;
mod graph;
mod hints;
mod hover;
mod lenses;
mod links;
mod navigate;
mod plan;
mod rename;
mod selection;
mod signature;
mod symbols;
mod tokens;

use std::rc::Rc;

use align_compiler::diag::FileId;
use align_compiler::ide::{Analysis, MAIN};
use gen_lsp_types::Uri;
use lsp_server::ErrorCode;
use serde_json::{Value, json};

use crate::message::{Answer, Refusal};
use crate::server::Server;

/// Answers a request.
pub(crate) fn answer(server: &mut Server<'_>, method: &str, params: Value) -> Answer {
    match method {
        "textDocument/completion" => complete::complete(server, params),
        "textDocument/hover" => hover::hover(server, params),
        "textDocument/signatureHelp" => signature::signature(server, params),
        "textDocument/definition" => navigate::definition(server, params),
        "textDocument/references" => navigate::references(server, params),
        "textDocument/documentHighlight" => navigate::highlights(server, params),
        "textDocument/prepareRename" => rename::prepare(server, params),
        "textDocument/rename" => rename::rename(server, params),
        "textDocument/documentSymbol" => symbols::document(server, params),
        "workspace/symbol" => symbols::workspace(server, params),
        "textDocument/semanticTokens/full" => tokens::full(server, params),
        "textDocument/semanticTokens/range" => tokens::range(server, params),
        "textDocument/inlayHint" => hints::hints(server, params),
        "textDocument/foldingRange" => folding::folds(server, params),
        "textDocument/selectionRange" => selection::selections(server, params),
        "textDocument/documentLink" => links::links(server, params),
        "textDocument/formatting" => format::whole(server, params),
        "textDocument/rangeFormatting" => format::range(server, params),
        "textDocument/codeAction" => actions::actions(server, params),
        "textDocument/codeLens" => lenses::lenses(server, params),
        "textDocument/diagnostic" => diagnostics::pull(server, params),
        "align/plan" => plan::plan(server, params),
        "align/graph" => graph::graph(server, params),
        _ => Err(Refusal {
            code: ErrorCode::MethodNotFound as i32,
            message: format!("`{method}` is not known here"),
        }),
    }
}

/// A program, and its own file in it.
pub(crate) struct Asked {
    /// Its path.
    pub(crate) path: String,
    /// The program.
    pub(crate) analysis: Rc<Analysis>,
}

impl Asked {
    /// The file that was asked about.
    pub(crate) const FILE: FileId = MAIN;

    /// Its text.
    pub(crate) fn text(&self) -> &str {
        self.analysis.text(MAIN)
    }
}

/// The program of a file.
pub(crate) fn asked(server: &Server<'_>, uri: &Uri) -> Asked {
    let path = server.root.path(uri);
    let analysis = server.documents.analysis(server.host, &path);
    Asked { path, analysis }
}

/// What the server can do.
pub(crate) fn capabilities(server: &Server<'_>) -> Value {
    let mut all = json!({
        "positionEncoding": server.encoding.name(),
        "textDocumentSync": { "openClose": true, "change": 2, "save": { "includeText": false } },
        "completionProvider": {
            "triggerCharacters": [".", "=", "(", ",", ":", "\"", " ", ">"],
            "resolveProvider": false,
        },
        "hoverProvider": true,
        "signatureHelpProvider": { "triggerCharacters": ["(", ","], "retriggerCharacters": [":"] },
        "definitionProvider": true,
        "referencesProvider": true,
        "documentHighlightProvider": true,
        "documentSymbolProvider": true,
        "workspaceSymbolProvider": true,
        "codeActionProvider": {
            "codeActionKinds": ["quickfix", "refactor.extract", "refactor.rewrite", "source.fixAll"],
        },
        "codeLensProvider": { "resolveProvider": false },
        "documentLinkProvider": { "resolveProvider": false },
        "documentFormattingProvider": true,
        "documentRangeFormattingProvider": true,
        "renameProvider": { "prepareProvider": true },
        "foldingRangeProvider": true,
        "selectionRangeProvider": true,
        "inlayHintProvider": true,
        "semanticTokensProvider": { "legend": tokens::legend(), "full": true, "range": true },
        "experimental": { "align/plan": true, "align/graph": true, "align/runState": true },
    });
    if server.client.pulls {
        all["diagnosticProvider"] = json!({
            "identifier": "align",
            "interFileDependencies": true,
            "workspaceDiagnostics": false,
        });
    }
    json!({
        "capabilities": all,
        "serverInfo": { "name": "align", "version": env!("CARGO_PKG_VERSION") },
    })
}
