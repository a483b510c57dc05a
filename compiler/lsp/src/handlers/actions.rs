//! `textDocument/codeAction`.

use std::collections::BTreeMap;

use align_compiler::ide::actions::{Action, Does, actions as found, repair_all};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asked, asked};
use crate::message::{Answer, InRange, read};
use crate::position::Lines;
use crate::server::Server;
use crate::tell::Shown;

#[derive(Deserialize)]
struct Actions {
    #[serde(flatten)]
    range: InRange,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    only: Option<Vec<String>>,
}

pub(super) fn actions(server: &Server<'_>, params: Value) -> Answer {
    let Actions { range, context } = read(params)?;
    let program = asked(server, &range.text_document.uri);
    let span = Lines::new(program.text(), server.encoding).span(range.range);
    let mut all = found(&program.analysis, Asked::FILE, span);
    all.sort_by_key(|a| !a.preferred);
    let mut out: Vec<Value> = all
        .iter()
        .map(|a| action(server, &program, a, kind(a)))
        .collect();
    if let Some(all) = repair_all(&program.analysis, Asked::FILE) {
        out.push(action(server, &program, &all, "source.fixAll"));
    }
    let wanted = |kind: &str| {
        context.only.as_ref().is_none_or(|only| {
            only.iter().any(|o| {
                o.is_empty()
                    || kind == o
                    || kind
                        .strip_prefix(o.as_str())
                        .is_some_and(|r| r.starts_with('.'))
            })
        })
    };
    out.retain(|a| a["kind"].as_str().is_some_and(wanted));
    Ok(out.into())
}

fn kind(action: &Action) -> &'static str {
    match action.does {
        Does::Repairs => "quickfix",
        Does::Extracts => "refactor.extract",
        Does::Rewrites => "refactor.rewrite",
    }
}

fn action(server: &Server<'_>, program: &Asked, action: &Action, kind: &str) -> Value {
    let mut changes: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (file, change) in &action.changes {
        let path = program.analysis.sources.path(*file);
        let lines = Lines::new(program.analysis.text(*file), server.encoding);
        let edits = changes.entry(server.uri(path).0).or_default();
        edits.push(json!({ "range": lines.range(change.span), "newText": change.text }));
    }
    let mut out = json!({ "title": action.title, "kind": kind, "edit": { "changes": changes } });
    if action.preferred {
        out["isPreferred"] = true.into();
    }
    if let Some(d) = action
        .repairs
        .and_then(|at| program.analysis.diagnostics.get(at))
    {
        out["diagnostics"] = json!([Shown::new(server, &program.analysis).diagnostic(d)]);
    }
    out
}
