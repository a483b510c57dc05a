//! What does a file define, as an outline?

use align_grammar::ast::{File, Item, ItemKind, Span};

use super::Analysis;
use super::complete::Sort;
use crate::diag::FileId;

/// An entry of the outline.
#[derive(Clone, Debug)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// What it is in a few words: `trains planner on rollouts`.
    pub detail: String,
    /// What it is.
    pub sort: Sort,
    /// All of it.
    pub whole: Span,
    /// Its name.
    pub span: Span,
    /// What it contains.
    pub children: Vec<Symbol>,
}

/// The outline of a file.
pub fn symbols(analysis: &Analysis, file: FileId) -> Vec<Symbol> {
    let text = analysis.text(file);
    analysis.ast(file).map_or(Vec::new(), |ast| {
        ast.items.iter().filter_map(|i| symbol(text, i)).collect()
    })
}

/// Every entry of a syntax tree without its details, in no nesting.
pub(super) fn flat(ast: &File) -> Vec<Symbol> {
    let mut out = Vec::new();
    for item in &ast.items {
        if let Some(mut s) = symbol("", item) {
            out.append(&mut s.children);
            out.push(s);
        }
    }
    out
}

/// The name that an item of a file defines.
pub(super) fn name(item: &Item) -> Option<&str> {
    let name = match &item.kind {
        ItemKind::Param(f) | ItemKind::Let(f) => &f.name,
        ItemKind::Pipeline(p) => &p.name,
        ItemKind::Policy(p) => &p.name,
        _ => super::hints::body(item)?.1.name.as_ref()?,
    };
    Some(&name.text)
}

fn symbol(text: &str, item: &Item) -> Option<Symbol> {
    let mut children = Vec::new();
    let (name, sort) = match &item.kind {
        ItemKind::Param(f) | ItemKind::Let(f) => (Some(&f.name), Sort::Value),
        ItemKind::Pipeline(p) => {
            children = p.items.iter().filter_map(|i| symbol(text, i)).collect();
            (Some(&p.name), Sort::Pipeline)
        }
        ItemKind::Dataset(b) => (b.name.as_ref(), Sort::Dataset),
        ItemKind::Model(b) => (b.name.as_ref(), Sort::Model),
        ItemKind::Stage(b) | ItemKind::Sequence(b) | ItemKind::Cascade(b) => {
            (b.name.as_ref(), Sort::Stage)
        }
        ItemKind::Sweep(b) => (b.name.as_ref(), Sort::Pipeline),
        ItemKind::Policy(p) => (Some(&p.name), Sort::Policy),
        ItemKind::Report(b) => {
            let of = b.of.as_ref()?;
            return Some(Symbol {
                name: format!("report {}", of.text()),
                detail: String::new(),
                sort: Sort::Value,
                whole: item.span,
                span: of.span,
                children,
            });
        }
        ItemKind::Broken { name, .. } => (name.as_ref(), Sort::Value),
        ItemKind::Use(_) => return None,
    };
    let name = name?;
    let head = super::prose::head(text, item.word.start as usize);
    let detail = head.split_once(&name.text).map_or("", |(_, rest)| rest);
    Some(Symbol {
        name: name.text.clone(),
        detail: detail.trim_start_matches([':', '=', ' ']).trim().to_owned(),
        sort,
        whole: item.span,
        span: name.span,
        children,
    })
}
