//! What is wrong with a fragment that does not parse, and what of it is still usable?
//!
//! The fragment is parsed again alone; the place where pest stops becomes one message.  Where the message knows a certain repair, the repaired
//! fragment takes the place of the broken one, so that nothing else is reported for it.

use std::rc::Rc;

use crate::advice;
use crate::ast::{Arm, Expr, ExprKind, Item, ItemKind, Name, Path, Span, Stmt, StmtKind, UNNAMED};
use crate::lex::{self, Kind, Token};
use crate::lower::Lower;
use crate::map::{Edit, Map};
use crate::salvage;
use crate::tree::{self, Arena, Node, Rule};

/// What a fragment should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// An item of a file.
    Item,
    /// An item of a pipeline.
    ItemIn,
    /// A statement of a block.
    Statement,
    /// An arm of a policy.
    Arm,
}

impl Fragment {
    /// What it parses as, alone.
    pub fn rule(self) -> Rule {
        match self {
            Fragment::Item => Rule::only_item,
            Fragment::ItemIn => Rule::only_item_in,
            Fragment::Statement => Rule::only_stmt,
            Fragment::Arm => Rule::only_arm,
        }
    }
}

/// Repairs tried for one fragment.
const TRIES: usize = 6;

/// A broken item.
pub fn item(lower: &mut Lower<'_>, node: Node, what: Fragment) -> Option<Item> {
    let repaired = repair(lower, node, what);
    if let Some(Repaired {
        arena,
        text,
        map,
        unnamed,
    }) = repaired
        && let Some(mut item) = inside(lower, &arena, &text, &map).lone_item()
    {
        if unnamed {
            hide_name(&mut item);
        }
        return Some(item);
    }
    if let Some(item) = salvage::item(lower, node, what) {
        return Some(item);
    }
    let text = lower.source(node);
    let tokens = said(text);
    let start = node.start as usize;
    let span_of = |t: &Token| lower.map.span(start + t.start, start + t.end);
    let first = tokens.first()?;
    let word = first.text(text);
    let is_word = lex::ITEM_WORDS.contains(&word);
    // What follows `use` is where names come from, and none itself.
    let name = tokens
        .get(1)
        .filter(|t| t.kind == Kind::Word && word != "use");
    Some(Item {
        docs: Vec::new(),
        kind: ItemKind::Broken {
            word: is_word.then(|| word.to_owned()),
            name: name.map(|t| Name {
                text: t.text(text).to_owned(),
                span: span_of(t),
            }),
        },
        span: tokens
            .last()
            .map_or(span_of(first), |t| span_of(first).to(span_of(t))),
        word: span_of(first),
    })
}

/// A broken statement, or several if a separator was missing: a field without its value where its name can be read.
pub fn statement(lower: &mut Lower<'_>, node: Node) -> Vec<Stmt> {
    if let Some(Repaired {
        arena, text, map, ..
    }) = repair(lower, node, Fragment::Statement)
    {
        return inside(lower, &arena, &text, &map).lone_statements();
    }
    field(lower, node).into_iter().collect()
}

/// A field whose value does not parse.
fn field(lower: &Lower<'_>, node: Node) -> Option<Stmt> {
    let text = lower.source(node);
    let tokens = said(text);
    let start = node.start as usize;
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at).filter(|t| t.kind == Kind::Word) {
        parts.push(Name {
            text: token.text(text).to_owned(),
            span: lower.map.span(start + token.start, start + token.end),
        });
        at += 1;
        if tokens.get(at).is_none_or(|t| t.text(text) != ".") {
            break;
        }
        at += 1;
    }
    let (first, last) = (parts.first()?.span, parts.last()?.span);
    let alone =
        |p: &Name| lex::is_reserved(&p.text) || lex::STATEMENT_WORDS.contains(&p.text.as_str());
    let end = tokens.last()?.end;
    let rest = lower.map.span(start + end, start + end);
    if parts.len() == 1 && parts.first().is_some_and(alone) {
        return clause(&parts.first()?.text, first, rest);
    }
    Some(Stmt {
        docs: Vec::new(),
        kind: StmtKind::Field {
            path: Path {
                parts,
                span: first.to(last),
            },
            value: error_value(rest),
        },
        span: first.to(rest),
    })
}

/// A clause whose value does not parse: it stands there, so that it is not missing, and says nothing.
fn clause(word: &str, span: Span, rest: Span) -> Option<Stmt> {
    let value = error_value(rest);
    let kind = match word {
        "until" => StmtKind::Until(value),
        "expect" => StmtKind::Expect(value),
        "eval" => StmtKind::Eval {
            every: Some(value),
            body: Vec::new(),
        },
        "checkpoint" => StmtKind::Checkpoint {
            every: value,
            body: Vec::new(),
        },
        _ => return None,
    };
    Some(Stmt {
        docs: Vec::new(),
        kind,
        span: span.to(rest),
    })
}

/// A broken arm; its event where that can be read.
pub fn arm(lower: &mut Lower<'_>, node: Node) -> Option<Arm> {
    if let Some(Repaired {
        arena, text, map, ..
    }) = repair(lower, node, Fragment::Arm)
    {
        return inside(lower, &arena, &text, &map).lone_arm();
    }
    let text = lower.source(node);
    let tokens = said(text);
    let start = node.start as usize;
    let first = tokens.first().filter(|t| t.kind == Kind::Word)?;
    let span = lower.map.span(start + first.start, start + first.end);
    Some(Arm {
        event: Name {
            text: first.text(text).to_owned(),
            span,
        },
        action: error_value(span),
        span,
    })
}

fn error_value(span: Span) -> Expr {
    Expr {
        kind: ExprKind::Error,
        span,
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

/// The tokens that say something.
fn said(text: &str) -> Vec<Token> {
    let mut tokens = lex::lex(text);
    tokens.retain(|t| !t.is_trivia() && t.kind != Kind::Doc);
    tokens
}

/// A fragment that parses after repairs.
struct Repaired {
    arena: Arena,
    text: String,
    map: Map,
    /// Whether its name was made up.
    unnamed: bool,
}

/// Gives an item whose name was made up the name that nothing can have.
fn hide_name(item: &mut Item) {
    let name = match &mut item.kind {
        ItemKind::Param(f) | ItemKind::Let(f) => Some(&mut f.name),
        ItemKind::Pipeline(p) => Some(&mut p.name),
        ItemKind::Policy(p) => Some(&mut p.name),
        ItemKind::Dataset(b)
        | ItemKind::Model(b)
        | ItemKind::Stage(b)
        | ItemKind::Sequence(b)
        | ItemKind::Cascade(b)
        | ItemKind::Sweep(b) => Rc::make_mut(b).name.as_mut(),
        ItemKind::Report(b) => {
            Rc::make_mut(b).of = None;
            None
        }
        ItemKind::Use(_) | ItemKind::Broken { .. } => None,
    };
    if let Some(name) = name {
        UNNAMED.clone_into(&mut name.text);
    }
}

/// Reports what is wrong and tries its repair; the first repair that makes the fragment parse wins.
fn repair(lower: &mut Lower<'_>, node: Node, what: Fragment) -> Option<Repaired> {
    // Blanks of the language alone: another one at the end is what is wrong.
    let mut text = lower.source(node).trim_end_matches(is_blank).to_owned();
    let mut map = Map::default().within(node.start as usize, lower.map);
    let mut line = usize::MAX;
    let mut unnamed = false;
    let before = before(lower, node).map(str::to_owned);
    for _ in 0..TRIES {
        let failure = match tree::run(what.rule(), &text) {
            Ok(arena) => {
                return Some(Repaired {
                    arena,
                    text,
                    map,
                    unnamed,
                });
            }
            Err(failure) => failure,
        };
        let found = advice::explain(&text, what, &failure, before.as_deref());
        let at_line = text
            .get(..found.start)
            .unwrap_or("")
            .bytes()
            .filter(|&b| b == b'\n')
            .count();
        // One line, one message: what else it needs is repaired without a word.
        if at_line != line {
            lower.errors.push(found.error(&map));
            line = at_line;
        }
        unnamed |= found.unnamed;
        let (start, end, new) = found.repair?;
        let (next, step) = Map::repair(
            &text,
            &[Edit {
                start,
                end,
                text: new,
            }],
        );
        map = step.within(0, &map);
        text = next;
    }
    None
}

/// The last word before a fragment, if it is on the same line and does not separate.
fn before<'a>(lower: &'a Lower<'_>, node: Node) -> Option<&'a str> {
    // A look at a few words is enough, and keeps a file of one endless line fast.
    let mut from = (node.start as usize).saturating_sub(200);
    while !lower.text.is_char_boundary(from) {
        from += 1;
    }
    let line = lower
        .text
        .get(from..node.start as usize)?
        .rsplit('\n')
        .next()?;
    let last = said(line).pop()?.text(line);
    (!matches!(last, "{" | "}" | "," | ";" | "=>")).then_some(last)
}

/// The walk over a repaired fragment.
pub fn inside<'a>(
    lower: &'a mut Lower<'_>,
    arena: &'a Arena,
    text: &'a str,
    map: &'a Map,
) -> Lower<'a> {
    Lower {
        text,
        arena,
        map,
        bad_numbers: lower.bad_numbers,
        unclosed: lower.unclosed,
        errors: lower.errors,
        good: None,
    }
}
