//! `textDocument/signatureHelp`.

use align_compiler::ide::signature::signature as call;
use serde_json::{Value, json};

use super::{Asked, asked};
use crate::message::{Answer, InPlace, markdown, read};
use crate::position::Lines;
use crate::server::Server;

pub(super) fn signature(server: &Server<'_>, params: Value) -> Answer {
    let place: InPlace = read(params)?;
    let program = asked(server, &place.text_document.uri);
    let lines = Lines::new(program.text(), server.encoding);
    let Some(found) = call(&program.analysis, Asked::FILE, lines.offset(place.position)) else {
        return Ok(Value::Null);
    };
    // A label's places are counted in units of UTF-16 whatever a column counts.
    let units = |at: usize| found.label.get(..at).unwrap_or("").encode_utf16().count();
    let params: Vec<Value> = found
        .params
        .iter()
        .map(|((start, end), docs)| json!({ "label": [units(*start), units(*end)], "documentation": markdown(docs) }))
        .collect();
    let mut one = json!({
        "label": found.label,
        "documentation": markdown(&found.docs),
        "parameters": params,
    });
    if let Some(active) = found.active {
        one["activeParameter"] = active.into();
    }
    Ok(json!({ "signatures": [one], "activeSignature": 0, "activeParameter": found.active }))
}
