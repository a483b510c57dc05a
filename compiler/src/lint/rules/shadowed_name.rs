//! Does a name mean one thing in a file?

use align_grammar::ast::{Item, ItemKind, Name, Span};
use rustc_hash::FxHashMap;

use super::super::program::Program;
use crate::diag::Diagnostic;

/// Compares the names of each pipeline with those of the file.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    let outer: FxHashMap<&str, Span> = program
        .ast
        .items
        .iter()
        .filter_map(name)
        .map(|n| (n.text.as_str(), n.span))
        .collect();
    for item in &program.ast.items {
        let ItemKind::Pipeline(pipeline) = &item.kind else {
            continue;
        };
        let formals = pipeline.formals.iter().map(|f| &f.name);
        for inner in formals.chain(pipeline.items.iter().filter_map(name)) {
            if let Some(&before) = outer.get(inner.text.as_str()) {
                let message = format!("`{}` hides a name of the file", inner.text);
                let found = program
                    .found("shadowed-name", inner.span, message)
                    .with_label("means this in here")
                    .with_help("call one of them something else");
                out.push(program.also(found, before, "and this around it"));
            }
        }
    }
}

fn name(item: &Item) -> Option<&Name> {
    match &item.kind {
        ItemKind::Let(f) | ItemKind::Param(f) => Some(&f.name),
        ItemKind::Dataset(b)
        | ItemKind::Model(b)
        | ItemKind::Stage(b)
        | ItemKind::Sequence(b)
        | ItemKind::Cascade(b) => b.name.as_ref(),
        ItemKind::Policy(p) => Some(&p.name),
        _ => None,
    }
}
