//! `textDocument/formatting` and `rangeFormatting`.

use align_compiler::ide::edits::{Change, formatting, formatting_in};
use serde_json::{Value, json};

use super::asked;
use crate::message::{Answer, InFile, InRange, read};
use crate::position::Lines;
use crate::server::Server;

pub(super) fn whole(server: &Server<'_>, params: Value) -> Answer {
    let file: InFile = read(params)?;
    let program = asked(server, &file.text_document.uri);
    Ok(changes(
        &Lines::new(program.text(), server.encoding),
        &formatting(program.text()),
    ))
}

pub(super) fn range(server: &Server<'_>, params: Value) -> Answer {
    let range: InRange = read(params)?;
    let program = asked(server, &range.text_document.uri);
    let lines = Lines::new(program.text(), server.encoding);
    let span = lines.span(range.range);
    Ok(changes(&lines, &formatting_in(program.text(), span)))
}

fn changes(lines: &Lines<'_>, all: &[Change]) -> Value {
    let all: Vec<Value> = all
        .iter()
        .map(|c| json!({ "range": lines.range(c.span), "newText": c.text }))
        .collect();
    all.into()
}
