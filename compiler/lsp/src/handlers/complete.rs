//! `textDocument/completion`.

use align_compiler::ide::complete::{Sort, complete as proposals};
use serde_json::{Value, json};

use super::{Asked, asked};
use crate::message::{Answer, InPlace, markdown, read};
use crate::position::Lines;
use crate::server::Server;

pub(super) fn complete(server: &Server<'_>, params: Value) -> Answer {
    let place: InPlace = read(params)?;
    let program = asked(server, &place.text_document.uri);
    let lines = Lines::new(program.text(), server.encoding);
    let found = proposals(&program.analysis, Asked::FILE, lines.offset(place.position));
    let range = lines.range(found.typed);
    let items: Vec<Value> = found
        .list
        .iter()
        .enumerate()
        .map(|(at, p)| {
            let text = if server.client.snippets {
                p.snippet.clone()
            } else {
                plain(&p.snippet)
            };
            let mut item = json!({
                "label": p.label,
                "kind": kind(p.sort),
                "detail": p.detail,
                "sortText": format!("{:02}{at:04}", p.rank),
                "filterText": p.label,
                "insertTextFormat": if server.client.snippets { 2 } else { 1 },
                "textEdit": { "range": range, "newText": text },
            });
            if !p.docs.is_empty() {
                item["documentation"] = markdown(&p.docs);
            }
            if p.more {
                item["command"] =
                    json!({ "title": "suggest", "command": "editor.action.triggerSuggest" });
            }
            item
        })
        .collect();
    Ok(json!({ "isIncomplete": false, "items": items }))
}

/// The protocol's number of a sort.
fn kind(sort: Sort) -> u8 {
    match sort {
        Sort::Keyword => 14,
        Sort::Field | Sort::Argument => 5,
        Sort::Builtin => 3,
        Sort::Word | Sort::Task => 20,
        Sort::Metric | Sort::Value => 6,
        Sort::Unit => 11,
        Sort::Stage => 2,
        Sort::Model => 7,
        Sort::Dataset => 22,
        Sort::Checkpoint => 18,
        Sort::Policy | Sort::Pipeline => 9,
        Sort::Event => 23,
        Sort::File => 17,
    }
}

/// A snippet as plain text: `${1:32 steps}` is `32 steps`.
fn plain(snippet: &str) -> String {
    let mut out = String::new();
    let mut rest = snippet.chars().peekable();
    let mut depth = 0;
    while let Some(c) = rest.next() {
        match c {
            '\\' => out.extend(rest.next()),
            '$' if rest.peek() == Some(&'{') => {
                depth += 1;
                while rest.next().is_some_and(|c| c != ':' && c != '}') {}
            }
            '$' => while rest.next_if(char::is_ascii_digit).is_some() {},
            '}' if depth > 0 => depth -= 1,
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_snippet_without_its_places_is_plain_text() {
        assert_eq!(super::plain("batch = ${1:32}"), "batch = 32");
        assert_eq!(
            super::plain("split = ${1:{ train: 90% \\}} $0"),
            "split = { train: 90% } "
        );
    }
}
