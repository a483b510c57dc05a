//! What can be folded away, and what does a selection grow to?

use align_grammar::ast::Span;
use align_grammar::lex::{Kind, lex};
use align_grammar::tree;

/// What a fold hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hides {
    /// A block or a list.
    Block,
    /// Comments.
    Comment,
    /// `use` lines.
    Imports,
}

/// A fold: from the end of the line of its start to the line of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    /// Where.
    pub span: Span,
    /// What.
    pub hides: Hides,
}

/// Everything of more than one line that a bracket encloses, runs of comment lines, runs of `use`s.
pub fn folds(text: &str) -> Vec<Fold> {
    let mut out = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    // The run of comment lines at hand, and whether its last line has ended.
    let mut run: Option<Span> = None;
    let lines = |span: Span| {
        text.get(span.start as usize..span.end as usize)
            .is_some_and(|t| t.contains('\n'))
    };
    let mut fresh = true;
    for token in lex(text) {
        match token.kind {
            Kind::Blank => {
                let breaks = token.text(text).matches('\n').count();
                fresh |= breaks > 0;
                if breaks > 1 {
                    out.extend(run.take().filter(|s| lines(*s)).map(|span| Fold {
                        span,
                        hides: Hides::Comment,
                    }));
                }
                continue;
            }
            Kind::Comment | Kind::Doc if fresh => {
                let span = Span::new(token.start, token.end);
                run = Some(run.map_or(span, |r| r.to(span)));
            }
            _ => {
                out.extend(run.take().filter(|s| lines(*s)).map(|span| Fold {
                    span,
                    hides: Hides::Comment,
                }));
                match token.kind {
                    Kind::Open(_) => open.push(token.start),
                    Kind::Close(_) => {
                        let span = open.pop().map(|start| Span::new(start, token.end));
                        out.extend(span.filter(|s| lines(*s)).map(|span| Fold {
                            span,
                            hides: Hides::Block,
                        }));
                    }
                    _ => {}
                }
            }
        }
        fresh = token.text(text).ends_with('\n');
    }
    out.extend(run.filter(|s| lines(*s)).map(|span| Fold {
        span,
        hides: Hides::Comment,
    }));
    out.extend(imports(text).filter(|s| lines(*s)).map(|span| Fold {
        span,
        hides: Hides::Imports,
    }));
    out.sort_by_key(|f| (f.span.start, f.span.end));
    out
}

/// The lines that begin with `use`, where nothing but blank lines stands between them.
fn imports(text: &str) -> impl Iterator<Item = Span> {
    let mut runs: Vec<Span> = Vec::new();
    let mut at = 0;
    let mut going = false;
    for line in text.split_inclusive('\n') {
        let end = at + line.trim_end().len();
        if line.starts_with("use ") {
            let span = Span::new(at, end);
            match runs.last_mut().filter(|_| going) {
                Some(run) => *run = run.to(span),
                None => runs.push(span),
            }
            going = true;
        } else if !line.trim().is_empty() {
            going = false;
        }
        at += line.len();
    }
    runs.into_iter()
}

/// Ever larger pieces of the text around a byte, the smallest first.
pub fn selections(text: &str, offset: u32) -> Vec<Span> {
    let root = tree(text);
    let offset = offset.min(text.len() as u32);
    let token = match root.token_at_offset(offset.into()) {
        align_grammar::TokenAtOffset::None => return vec![Span::new(0, text.len())],
        align_grammar::TokenAtOffset::Single(token) => token,
        // A word rather than the blank beside it.
        align_grammar::TokenAtOffset::Between(left, right) => {
            if right.text().trim().is_empty() {
                left
            } else {
                right
            }
        }
    };
    let span = |range: align_grammar::TextRange| Span {
        start: range.start().into(),
        end: range.end().into(),
    };
    let mut out = vec![span(token.text_range())];
    let nodes = token.parent_ancestors();
    for node in nodes {
        let next = solid(text, span(node.text_range()));
        if out.last() != Some(&next) {
            out.push(next);
        }
    }
    out
}

/// A span without the blanks at its ends.
fn solid(text: &str, span: Span) -> Span {
    let inner = text
        .get(span.start as usize..span.end as usize)
        .unwrap_or("");
    let left = inner.len() - inner.trim_start().len();
    let right = inner.trim_end().len();
    if right <= left {
        return span;
    }
    Span::new(span.start as usize + left, span.start as usize + right)
}
