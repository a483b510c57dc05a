//! `textDocument/hover`.

use align_compiler::ide::hover::hover as said;
use serde_json::{Value, json};

use super::{Asked, asked};
use crate::message::{Answer, InPlace, markdown, read};
use crate::position::Lines;
use crate::server::Server;

pub(super) fn hover(server: &Server<'_>, params: Value) -> Answer {
    let place: InPlace = read(params)?;
    let program = asked(server, &place.text_document.uri);
    let lines = Lines::new(program.text(), server.encoding);
    let Some(mut found) = said(&program.analysis, Asked::FILE, lines.offset(place.position)) else {
        return Ok(Value::Null);
    };
    if let Some(node) = &found.node
        && let Some(last) = super::hints::last(server, &program.path, node)
    {
        found.text.push_str(&format!("\n\nIn the store: {last}."));
    }
    Ok(json!({ "contents": markdown(&found.text), "range": lines.range(found.span) }))
}
