//! `textDocument/selectionRange`.

use align_compiler::ide::fold::selections as around;
use gen_lsp_types::Position;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked;
use crate::message::{Answer, File, read};
use crate::position::Lines;
use crate::server::Server;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Selections {
    text_document: File,
    positions: Vec<Position>,
}

pub(super) fn selections(server: &Server<'_>, params: Value) -> Answer {
    let asked_for: Selections = read(params)?;
    let program = asked(server, &asked_for.text_document.uri);
    let lines = Lines::new(program.text(), server.encoding);
    let all: Vec<Value> = asked_for
        .positions
        .iter()
        .map(|position| {
            let spans = around(program.text(), lines.offset(*position));
            // From the outside in, each around the next.
            let mut out = Value::Null;
            for span in spans.iter().rev() {
                let range = lines.range(*span);
                out = match out {
                    Value::Null => json!({ "range": range }),
                    parent => json!({ "range": range, "parent": parent }),
                };
            }
            out
        })
        .collect();
    Ok(all.into())
}
