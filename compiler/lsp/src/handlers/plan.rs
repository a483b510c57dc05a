//! `align/plan`: what a run would do, as `align plan` prints it.

use serde_json::{Value, json};

use super::asked;
use crate::message::{Answer, InFile, Refusal, read};
use crate::server::Server;

pub(super) fn plan(server: &Server<'_>, params: Value) -> Answer {
    let file: InFile = read(params)?;
    let program = asked(server, &file.text_document.uri);
    let Some(plan) = &program.analysis.plan else {
        return Err(Refusal::failed(no_plan(&program.analysis)));
    };
    let known = server.host.known(plan).map_or(Vec::new(), |k| k.nodes);
    Ok(json!({ "text": server.host.plan(plan), "nodes": known }))
}

/// Why there is no plan.
pub(super) fn no_plan(analysis: &align_compiler::ide::Analysis) -> String {
    match analysis.diagnostics.iter().filter(|d| d.is_error()).count() {
        0 => {
            "a `param` has no value: give it one with `align plan FILE --set NAME=VALUE`".to_owned()
        }
        1 => "the program has an error".to_owned(),
        n => format!("the program has {n} errors"),
    }
}
