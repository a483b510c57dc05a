//! `textDocument/prepareRename` and `rename`.

use std::collections::BTreeMap;

use align_compiler::ide::navigate::{refuses, renamed, renames};
use serde::Deserialize;
use serde_json::{Value, json};

use super::navigate::everywhere;
use super::{Asked, asked};
use crate::message::{Answer, InPlace, Refusal, read};
use crate::position::Lines;
use crate::server::Server;

pub(super) fn prepare(server: &Server<'_>, params: Value) -> Answer {
    let place: InPlace = read(params)?;
    let program = asked(server, &place.text_document.uri);
    let lines = Lines::new(program.text(), server.encoding);
    let offset = lines.offset(place.position);
    let (span, _) = renamed(&program.analysis, Asked::FILE, offset).map_err(Refusal::failed)?;
    let word = program.analysis.sources.slice(Asked::FILE, span);
    Ok(json!({ "range": lines.range(span), "placeholder": word }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rename {
    #[serde(flatten)]
    place: InPlace,
    new_name: String,
}

pub(super) fn rename(server: &Server<'_>, params: Value) -> Answer {
    let Rename { place, new_name } = read(params)?;
    let program = asked(server, &place.text_document.uri);
    let offset = Lines::new(program.text(), server.encoding).offset(place.position);
    let (span, target) =
        renamed(&program.analysis, Asked::FILE, offset).map_err(Refusal::failed)?;
    let word = program.analysis.sources.slice(Asked::FILE, span).to_owned();
    if new_name == word {
        return Ok(Value::Null);
    }
    if let Some(why) = refuses(&program.analysis, &target, &new_name) {
        return Err(Refusal::failed(why));
    }
    let from = (program.path.as_str(), span, word.as_str());
    let spots = everywhere(server, &program.path, &target, |a| {
        renames(a, &target, from)
    });
    let mut changes: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for spot in &spots {
        let range = server.with_text(&spot.path, |text| {
            Lines::new(text, server.encoding).range(spot.span)
        });
        let edits = changes.entry(server.uri(&spot.path).0).or_default();
        edits.push(json!({ "range": range, "newText": new_name }));
    }
    Ok(json!({ "changes": changes }))
}
