//! `textDocument/definition`, `references`, `documentHighlight`.

use align_compiler::ide::navigate::{self, Spot, Target};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asked, asked};
use crate::message::{Answer, InPlace, read};
use crate::position::Lines;
use crate::server::Server;

pub(super) fn definition(server: &Server<'_>, params: Value) -> Answer {
    let place: InPlace = read(params)?;
    let program = asked(server, &place.text_document.uri);
    let offset = Lines::new(program.text(), server.encoding).offset(place.position);
    let Some(target) = navigate::definition(&program.analysis, Asked::FILE, offset) else {
        return Ok(Value::Null);
    };
    let text = program
        .analysis
        .file(&target.path)
        .map_or("", |f| program.analysis.text(f));
    let range = Lines::new(text, server.encoding).range(target.span);
    Ok(json!({ "uri": server.uri(&target.path), "range": range }))
}

#[derive(Deserialize)]
struct References {
    #[serde(flatten)]
    place: InPlace,
    context: Context,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    include_declaration: bool,
}

pub(super) fn references(server: &Server<'_>, params: Value) -> Answer {
    let References { place, context } = read(params)?;
    let program = asked(server, &place.text_document.uri);
    let offset = Lines::new(program.text(), server.encoding).offset(place.position);
    let Some(target) = navigate::definition(&program.analysis, Asked::FILE, offset) else {
        return Ok(Value::Null);
    };
    let mut found = everywhere(server, &program.path, &target, |a| {
        navigate::references(a, &target)
    });
    found.retain(|s| context.include_declaration || !s.defines);
    let all: Vec<Value> = found.iter().map(|s| server.location(s)).collect();
    Ok(all.into())
}

/// What is found in every program of the folder that reads the file of a definition, and in the one at hand.
pub(super) fn everywhere(
    server: &Server<'_>,
    main: &str,
    target: &Target,
    find: impl Fn(&align_compiler::ide::Analysis) -> Vec<Spot>,
) -> Vec<Spot> {
    let mut mains = server.host.programs();
    mains.extend(server.documents.paths().iter().cloned());
    mains.push(main.to_owned());
    mains.sort();
    mains.dedup();
    let mut out = Vec::new();
    for main in mains {
        let analysis = server.documents.analysis(server.host, &main);
        if analysis.file(&target.path).is_some() {
            out.extend(find(&analysis));
        }
    }
    out.sort();
    out.dedup();
    out
}

pub(super) fn highlights(server: &Server<'_>, params: Value) -> Answer {
    let place: InPlace = read(params)?;
    let program = asked(server, &place.text_document.uri);
    let lines = Lines::new(program.text(), server.encoding);
    let found = navigate::highlights(&program.analysis, Asked::FILE, lines.offset(place.position));
    let all: Vec<Value> = found
        .iter()
        .map(|s| json!({ "range": lines.range(s.span), "kind": if s.defines { 3 } else { 2 } }))
        .collect();
    Ok(all.into())
}

impl Server<'_> {
    /// A place in the protocol's form.
    pub(super) fn location(&self, spot: &Spot) -> Value {
        let range = self.with_text(&spot.path, |text| {
            Lines::new(text, self.encoding).range(spot.span)
        });
        json!({ "uri": self.uri(&spot.path), "range": range })
    }

    /// Looks at the text of a path, as it is open or else on the disk.
    pub(super) fn with_text<T>(&self, path: &str, look: impl FnOnce(&str) -> T) -> T {
        match self.documents.get(path) {
            Some(document) => look(&document.text),
            None => look(&self.host.read(path).unwrap_or_default()),
        }
    }
}
