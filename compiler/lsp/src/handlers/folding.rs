//! `textDocument/foldingRange`.

use align_compiler::ide::fold::{Hides, folds as found};
use serde_json::{Value, json};

use super::asked;
use crate::message::{Answer, InFile, read};
use crate::position::Lines;
use crate::server::Server;

pub(super) fn folds(server: &Server<'_>, params: Value) -> Answer {
    let file: InFile = read(params)?;
    let program = asked(server, &file.text_document.uri);
    let lines = Lines::new(program.text(), server.encoding);
    let all: Vec<Value> = found(program.text())
        .iter()
        .map(|fold| {
            let range = lines.range(fold.span);
            // The line of the closing bracket stays in sight.
            let last = match fold.hides {
                Hides::Block => range.end.line.saturating_sub(1).max(range.start.line),
                _ => range.end.line,
            };
            let mut out = json!({ "startLine": range.start.line, "endLine": last });
            match fold.hides {
                Hides::Block => {}
                Hides::Comment => out["kind"] = "comment".into(),
                Hides::Imports => out["kind"] = "imports".into(),
            }
            out
        })
        .collect();
    Ok(all.into())
}
