//! `align/graph`: the graph of a program with its states, as a picture and as data.

use align_compiler::graph::{States, svg};
use serde_json::{Value, json};

use super::{asked, plan::no_plan};
use crate::message::{Answer, InFile, Refusal, read};
use crate::position::Lines;
use crate::server::Server;

pub(super) fn graph(server: &Server<'_>, params: Value) -> Answer {
    let file: InFile = read(params)?;
    let program = asked(server, &file.text_document.uri);
    let Some(plan) = &program.analysis.plan else {
        return Err(Refusal::failed(no_plan(&program.analysis)));
    };
    let known = server.host.known(plan).map_or(Vec::new(), |k| k.nodes);
    let states: States = known.iter().map(|n| (n.id.clone(), n.state)).collect();
    let nodes: Vec<Value> = plan
        .nodes
        .iter()
        .enumerate()
        .map(|(i, n)| {
            // In the order of the plan, where anything ran.
            let known = known.get(i);
            let source = program.analysis.file(&n.place.file).and_then(|f| program.analysis.sources.get(f));
            let range = source.and_then(|s| {
                let at = s.line_start(n.place.line)? as u32;
                let end = at + s.line(n.place.line).len() as u32;
                Some(Lines::new(&s.text, server.encoding).range(align_grammar::ast::Span { start: at, end }))
            });
            json!({
                "id": n.id,
                "label": n.name,
                "lane": n.lane,
                "round": n.round,
                "kind": n.kind,
                "state": known.map_or("waiting", |k| if k.cached { "cached" } else { k.state.word() }),
                "detail": known.map_or("", |k| k.detail.as_str()),
                "uri": server.uri(&n.place.file),
                "range": range,
            })
        })
        .collect();
    let edges: Vec<Value> = plan
        .nodes
        .iter()
        .flat_map(|n| {
            n.needs
                .iter()
                .map(|need| json!({ "from": need.node, "to": n.id, "role": need.role }))
        })
        .collect();
    Ok(json!({ "svg": svg(plan, &states), "nodes": nodes, "edges": edges }))
}
