//! What of a block is usable whose head does not parse?  Its statements or items: they are read as if the head were right.
//!
//! What the head would say is unknown then, and poison for the checker.

use std::rc::Rc;

use crate::ast::{Block, Expr, ExprKind, Formal, Item, ItemKind, Name, Span, TypeExpr};
use crate::lex::{self, Kind, Token};
use crate::lower::Lower;
use crate::map::{Edit, Map};
use crate::recover::{Fragment, inside};
use crate::tree::{self, Node};

/// An item with a block, read without its head; `None` if it has no name or no block.
pub fn item(lower: &mut Lower<'_>, node: Node, what: Fragment) -> Option<Item> {
    let text = lower.source(node).trim_end().to_owned();
    let mut tokens = lex::lex(&text);
    tokens.retain(|t| !t.is_trivia() && t.kind != Kind::Doc);
    let [word, name, ..] = tokens.as_slice() else {
        return None;
    };
    let head = head(word.text(&text))?;
    if name.kind != Kind::Word || lex::is_reserved(name.text(&text)) {
        return None;
    }
    let brace = block(&tokens)?;
    let edit = Edit {
        start: name.end,
        end: tokens.get(brace)?.start,
        text: head.to_owned(),
    };
    let (fixed, step) = Map::repair(&text, &[edit]);
    let map = step.within(0, &Map::default().within(node.start as usize, lower.map));
    let arena = tree::run(what.rule(), &fixed).ok()?;
    let before = tokens.get(2..brace).unwrap_or(&[]);
    let at = |t: &Token| {
        let start = node.start as usize;
        lower.map.span(start + t.start, start + t.end)
    };
    let formals = formals(&text, before, at);
    let mut item = inside(lower, &arena, &fixed, &map).lone_item()?;
    match &mut item.kind {
        ItemKind::Pipeline(pipeline) => pipeline.formals = formals,
        ItemKind::Policy(_) => {}
        ItemKind::Dataset(b)
        | ItemKind::Model(b)
        | ItemKind::Stage(b)
        | ItemKind::Sweep(b)
        | ItemKind::Report(b) => forget(Rc::make_mut(b)),
        _ => return None,
    }
    Some(item)
}

/// The shortest head that parses; `None` for an item without a block, or one that says nothing without its head.
fn head(word: &str) -> Option<&'static str> {
    Some(match word {
        "pipeline" | "dataset" | "model" | "policy" | "report" => " ",
        "stage" => " trains x ",
        "sweep" => " of x ",
        _ => return None,
    })
}

/// Index of the `{` that the item's last `}` closes.
fn block(tokens: &[Token]) -> Option<usize> {
    if tokens.last()?.kind != Kind::Close(b'}') {
        return None;
    }
    let mut depth = 0usize;
    for (i, token) in tokens.iter().enumerate().rev() {
        match token.kind {
            Kind::Close(_) => depth += 1,
            Kind::Open(byte) => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return (byte == b'{').then_some(i);
                }
            }
            _ => {}
        }
    }
    None
}

/// The parameters that a head seems to have.
fn formals(text: &str, head: &[Token], at: impl Fn(&Token) -> Span) -> Vec<Formal> {
    let word = |i: usize| head.get(i).map_or("", |t| t.text(text));
    let name = |t: &Token| Name {
        text: t.text(text).to_owned(),
        span: at(t),
    };
    let mut found = Vec::new();
    for (i, token) in head.iter().enumerate() {
        let begins = i
            .checked_sub(1)
            .is_some_and(|b| matches!(word(b), "(" | ","));
        let names = begins || word(i + 1) == ":";
        if token.kind != Kind::Word || lex::is_reserved(token.text(text)) || !names {
            continue;
        }
        let ty = head
            .get(i + 2)
            .filter(|t| word(i + 1) == ":" && t.kind == Kind::Word && word(i + 3) != "<");
        let span = at(token);
        found.push(Formal {
            name: name(token),
            ty: ty.map(|t| TypeExpr {
                name: name(t),
                args: Vec::new(),
                span: at(t),
            }),
            value: (ty.is_none() || word(i + 3) == "=").then_some(unknown(span)),
        });
    }
    found
}

fn unknown(span: Span) -> Expr {
    Expr {
        kind: ExprKind::Error,
        span,
    }
}

/// Makes everything that the head says unknown.
fn forget(block: &mut Block) {
    let span = Span {
        start: block.body_span.start,
        end: block.body_span.start,
    };
    for part in [
        &mut block.trains,
        &mut block.on,
        &mut block.env,
        &mut block.from,
    ] {
        *part = Some(unknown(span));
    }
    block.chain.clear();
    block.of = None;
}
