//! `textDocument/diagnostic`: diagnostics for an editor that asks.

use std::hash::{Hash, Hasher};

use serde::Deserialize;
use serde_json::{Value, json};

use super::asked;
use crate::message::{Answer, InFile, read};
use crate::server::Server;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pull {
    #[serde(flatten)]
    file: InFile,
    previous_result_id: Option<String>,
}

pub(super) fn pull(server: &Server<'_>, params: Value) -> Answer {
    let Pull {
        file,
        previous_result_id,
    } = read(params)?;
    let program = asked(server, &file.text_document.uri);
    let items = server.diagnostics(&program.path);
    let mut hasher = rustc_hash::FxHasher::default();
    Value::from(items.clone()).to_string().hash(&mut hasher);
    let id = format!("{:016x}", hasher.finish());
    if previous_result_id.as_deref() == Some(id.as_str()) {
        return Ok(json!({ "kind": "unchanged", "resultId": id }));
    }
    Ok(json!({ "kind": "full", "resultId": id, "items": items }))
}
