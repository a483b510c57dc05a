//! `textDocument/codeLens`.

use align_compiler::ide::hints::lenses as found;
use serde_json::{Value, json};

use super::{Asked, asked};
use crate::message::{Answer, InFile, read};
use crate::position::Lines;
use crate::server::Server;

pub(super) fn lenses(server: &Server<'_>, params: Value) -> Answer {
    let file: InFile = read(params)?;
    let uri = &file.text_document.uri;
    let program = asked(server, uri);
    let lines = Lines::new(program.text(), server.encoding);
    let mut out: Vec<Value> = Vec::new();
    for lens in found(&program.analysis, Asked::FILE) {
        let range = {
            let at = lines.position(lens.at);
            json!({ "start": at, "end": at })
        };
        let mut add = |title: &str, command: &str| {
            out.push(json!({
                "range": range,
                "command": { "title": title, "command": command, "arguments": [uri, lens.node] },
            }));
        };
        add(
            if lens.node.is_none() {
                "▶ run all"
            } else {
                "▶ run"
            },
            "align.run",
        );
        if lens.node.is_none() {
            add("plan", "align.plan");
            add("graph", "align.show");
        }
        if let Some(last) = lens
            .node
            .as_ref()
            .and_then(|n| super::hints::last(server, &program.path, n))
        {
            add(&format!("last: {last}"), "align.show");
        }
    }
    Ok(out.into())
}
