//! `textDocument/documentLink`.

use align_compiler::ide::links::links as found;
use serde_json::{Value, json};

use super::{Asked, asked};
use crate::message::{Answer, InFile, read};
use crate::position::Lines;
use crate::server::Server;

pub(super) fn links(server: &Server<'_>, params: Value) -> Answer {
    let file: InFile = read(params)?;
    let program = asked(server, &file.text_document.uri);
    let lines = Lines::new(program.text(), server.encoding);
    let all: Vec<Value> = found(&program.analysis, Asked::FILE)
        .iter()
        .map(|link| json!({ "range": lines.range(link.span), "target": server.uri(&link.target) }))
        .collect();
    Ok(all.into())
}
