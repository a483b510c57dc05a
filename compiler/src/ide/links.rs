//! Which files does a file name?

use align_grammar::ast::{ItemKind, Span};

use super::Analysis;
use crate::diag::FileId;
use crate::hir::join;

/// A name of a file and the file, beside the one that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The text with its quotes.
    pub span: Span,
    /// The path, joined to that of the file.
    pub target: String,
}

/// The files of the `use`s of a file.
pub fn links(analysis: &Analysis, file: FileId) -> Vec<Link> {
    let from = analysis.sources.path(file);
    let items = analysis.ast(file).map_or(&[][..], |ast| &ast.items);
    let used = items.iter().filter_map(|item| match &item.kind {
        ItemKind::Use(u) => u.file.as_ref(),
        _ => None,
    });
    used.map(|f| Link {
        span: f.span,
        target: join(from, &f.text),
    })
    .collect()
}
