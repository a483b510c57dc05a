//! `textDocument/semanticTokens`.

use align_compiler::ide::tokens::{Colour, Coloured, tokens};
use serde_json::{Value, json};

use super::{Asked, asked};
use crate::message::{Answer, InFile, InRange, read};
use crate::position::Lines;
use crate::server::Server;

/// The protocol's standard names, in the order of their numbers.
const TYPES: &[&str] = &[
    "keyword",
    "comment",
    "string",
    "number",
    "type",
    "function",
    "property",
    "parameter",
    "enumMember",
    "variable",
    "event",
    "class",
    "method",
    "namespace",
];

const MODIFIERS: &[&str] = &["declaration", "defaultLibrary", "documentation", "readonly"];

/// What the numbers mean.
pub(super) fn legend() -> Value {
    json!({ "tokenTypes": TYPES, "tokenModifiers": MODIFIERS })
}

pub(super) fn full(server: &Server<'_>, params: Value) -> Answer {
    let file: InFile = read(params)?;
    let program = asked(server, &file.text_document.uri);
    Ok(encoded(
        server,
        program.text(),
        &tokens(&program.analysis, Asked::FILE),
    ))
}

pub(super) fn range(server: &Server<'_>, params: Value) -> Answer {
    let range: InRange = read(params)?;
    let program = asked(server, &range.text_document.uri);
    let span = Lines::new(program.text(), server.encoding).span(range.range);
    let mut all = tokens(&program.analysis, Asked::FILE);
    all.retain(|t| t.span.end > span.start && t.span.start < span.end);
    Ok(encoded(server, program.text(), &all))
}

/// Five numbers a token, places relative to the one before.
fn encoded(server: &Server<'_>, text: &str, all: &[Coloured]) -> Value {
    let lines = Lines::new(text, server.encoding);
    let mut data: Vec<u32> = Vec::with_capacity(all.len() * 5);
    let (mut line, mut column) = (0, 0);
    for token in all {
        let range = lines.range(token.span);
        if range.start.line != range.end.line {
            continue;
        }
        let (start, length) = (range.start, range.end.character - range.start.character);
        let (name, library) = of(token.colour);
        let kind = TYPES.iter().position(|t| *t == name).unwrap_or(0) as u32;
        let modifiers =
            u32::from(token.defines) | u32::from(library) << 1 | u32::from(token.docs) << 2;
        let delta = if start.line == line {
            start.character - column
        } else {
            start.character
        };
        data.extend([start.line - line, delta, length, kind, modifiers]);
        (line, column) = (start.line, start.character);
    }
    json!({ "data": data })
}

fn of(colour: Colour) -> (&'static str, bool) {
    match colour {
        Colour::Keyword => ("keyword", false),
        Colour::Comment => ("comment", false),
        Colour::Text => ("string", false),
        Colour::Number => ("number", false),
        Colour::Unit => ("type", true),
        Colour::Builtin => ("function", true),
        Colour::Field => ("property", false),
        Colour::Argument => ("parameter", false),
        Colour::Word => ("enumMember", false),
        Colour::Metric => ("variable", true),
        Colour::Event => ("event", false),
        Colour::Data => ("class", false),
        Colour::Stage => ("method", false),
        Colour::Group => ("namespace", false),
        Colour::Value => ("variable", false),
    }
}
