//! `textDocument/inlayHint`, and the words for what the store knows.

use align_compiler::graph::State;
use align_compiler::ide::hints::hints as found;
use serde_json::{Value, json};

use super::{Asked, asked};
use crate::host::NodeKnown;
use crate::message::{Answer, InRange, markdown, read};
use crate::position::Lines;
use crate::server::Server;

pub(super) fn hints(server: &Server<'_>, params: Value) -> Answer {
    let range: InRange = read(params)?;
    let program = asked(server, &range.text_document.uri);
    let lines = Lines::new(program.text(), server.encoding);
    let span = lines.span(range.range);
    let mut out: Vec<Value> = Vec::new();
    let here = |at: u32| span.start <= at && at <= span.end;
    for hint in found(&program.analysis, Asked::FILE)
        .iter()
        .filter(|h| here(h.at))
    {
        let (text, docs) = match &hint.node {
            None => (hint.text.clone(), hint.docs.clone()),
            Some(node) => match stands(server, &program.path, node) {
                Some(text) => (text, last(server, &program.path, node).unwrap_or_default()),
                None => continue,
            },
        };
        out.push(json!({
            "position": lines.position(hint.at),
            "label": text,
            "tooltip": markdown(&docs),
            "paddingLeft": true,
        }));
    }
    Ok(out.into())
}

/// The nodes of a definition: one for each lane and round.
fn nodes<'k>(server: &'k Server<'_>, main: &str, name: &str) -> Vec<&'k NodeKnown> {
    let known = server.told.known.get(main).and_then(|k| k.as_ref());
    let of = |n: &&NodeKnown| {
        let id = n.id.0.rsplit('/').next().unwrap_or("");
        id.split('#').next() == Some(name)
    };
    known.map_or(Vec::new(), |k| k.nodes.iter().filter(of).collect())
}

/// `cached`, `would run, 12 min`, `2 of 5 cached`; with the steps that a budget comes to.
fn stands(server: &Server<'_>, main: &str, name: &str) -> Option<String> {
    let all = nodes(server, main, name);
    let cached = all.iter().filter(|n| n.cached).count();
    let mut text = match (cached, all.len()) {
        (_, 0) => return None,
        (c, n) if c == n => "cached".to_owned(),
        (0, 1) => "would run".to_owned(),
        (0, n) => format!("{n} would run"),
        (c, n) => format!("{c} of {n} cached"),
    };
    if all.iter().any(|n| n.state == State::Running) {
        text = "running".into();
    }
    let seconds: f64 = all
        .iter()
        .filter(|n| !n.cached)
        .filter_map(|n| n.seconds)
        .sum();
    if cached < all.len() && seconds > 0.0 {
        text.push_str(&format!(", {}", time(seconds)));
    }
    if let Some(steps) = common(&all, |n| n.steps) {
        text.push_str(&format!(", {steps} steps"));
    }
    if let Some(epochs) = common(&all, |n| n.epochs) {
        let digits = usize::from(epochs < 9.95);
        text.push_str(&format!(", {epochs:.digits$} epochs"));
    }
    Some(text)
}

/// What is the same of all nodes: lanes that ended at different steps have no common number.
fn common<T: PartialEq>(all: &[&NodeKnown], of: impl Fn(&NodeKnown) -> Option<T>) -> Option<T> {
    let first = of(all.first()?)?;
    all.iter()
        .all(|n| of(n).as_ref() == Some(&first))
        .then_some(first)
}

/// What the store knows of a definition's nodes, in words.
pub(super) fn last(server: &Server<'_>, main: &str, name: &str) -> Option<String> {
    let all = nodes(server, main, name);
    let scores: Vec<f64> = all.iter().filter_map(|n| n.score).collect();
    let ran = all.iter().any(|n| n.state != State::Waiting);
    match (scores.as_slice(), all.as_slice()) {
        _ if !ran => None,
        ([one], [node]) => Some(format!("{one:.1} points ({})", node.detail)),
        ([], [node]) => Some(node.detail.clone()),
        ([], all) => Some(format!(
            "{} of {} done",
            all.iter().filter(|n| n.state == State::Done).count(),
            all.len()
        )),
        (many, all) => {
            let mean = many.iter().sum::<f64>() / many.len() as f64;
            Some(format!(
                "{mean:.1} points, the mean of {} of {}",
                many.len(),
                all.len()
            ))
        }
    }
}

/// Seconds for people.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}
