//! `textDocument/documentSymbol` and `workspace/symbol`.

use align_compiler::ide::complete::Sort;
use align_compiler::ide::symbols::{Symbol, symbols};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asked, asked};
use crate::message::{Answer, InFile, read};
use crate::position::Lines;
use crate::server::Server;

pub(super) fn document(server: &Server<'_>, params: Value) -> Answer {
    let file: InFile = read(params)?;
    let program = asked(server, &file.text_document.uri);
    let lines = Lines::new(program.text(), server.encoding);
    let all = symbols(&program.analysis, Asked::FILE);
    if server.client.nested_symbols {
        let nested: Vec<Value> = all.iter().map(|s| nested(&lines, s)).collect();
        return Ok(nested.into());
    }
    let mut flat = Vec::new();
    flatten(&all, "", &mut |s, container| {
        flat.push(json!({
            "name": s.name,
            "kind": kind(s.sort),
            "location": { "uri": file.text_document.uri, "range": lines.range(s.whole) },
            "containerName": container,
        }));
    });
    Ok(flat.into())
}

fn nested(lines: &Lines<'_>, s: &Symbol) -> Value {
    let children: Vec<Value> = s.children.iter().map(|c| nested(lines, c)).collect();
    json!({
        "name": s.name,
        "detail": s.detail,
        "kind": kind(s.sort),
        "range": lines.range(s.whole.to(s.span)),
        "selectionRange": lines.range(s.span),
        "children": children,
    })
}

fn flatten(all: &[Symbol], container: &str, each: &mut impl FnMut(&Symbol, &str)) {
    for s in all {
        each(s, container);
        flatten(&s.children, &s.name, each);
    }
}

#[derive(Deserialize)]
struct Query {
    query: String,
}

pub(super) fn workspace(server: &Server<'_>, params: Value) -> Answer {
    let Query { query } = read(params)?;
    let query = query.to_lowercase();
    let mut paths = server.host.programs();
    paths.extend(server.documents.paths().iter().cloned());
    paths.sort();
    paths.dedup();
    let mut out: Vec<Value> = Vec::new();
    for path in paths {
        let analysis = server.documents.analysis(server.host, &path);
        let lines = Lines::new(analysis.text(Asked::FILE), server.encoding);
        flatten(
            &symbols(&analysis, Asked::FILE),
            &path,
            &mut |s, container| {
                if within(&query, &s.name.to_lowercase()) {
                    out.push(json!({
                        "name": s.name,
                        "kind": kind(s.sort),
                        "location": { "uri": server.uri(&path), "range": lines.range(s.span) },
                        "containerName": container,
                    }));
                }
            },
        );
    }
    Ok(out.into())
}

/// Whether the letters of a query stand in a name in their order.
fn within(query: &str, name: &str) -> bool {
    let mut rest = name.chars();
    query.chars().all(|c| rest.any(|d| d == c))
}

/// The protocol's number of a sort.
fn kind(sort: Sort) -> u8 {
    match sort {
        Sort::Stage => 12,
        Sort::Model => 5,
        Sort::Dataset => 18,
        Sort::Pipeline => 2,
        Sort::Policy => 11,
        _ => 13,
    }
}
