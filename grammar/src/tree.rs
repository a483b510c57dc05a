//! What does pest say about a text?  The only file that sees a `pest::Pair`.
//!
//! Pairs become an arena of nodes at once: owned, with precedence resolved, with spans that end at the last token (pest's own spans
//! swallow blanks and comments after an optional part).  Nothing is judged here.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{LazyLock, Once};

use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};
use pest::iterators::{Pair, Pairs};
use pest::pratt_parser::{Assoc, Op, PrattParser};

use crate::lex::{ITEM_WORDS, Kind, Tokens};

// The derived parser has undocumented items by nature.
#[allow(missing_docs, clippy::pedantic)]
mod generated {
    /// The parser of `align.pest`.
    #[derive(pest_derive::Parser)]
    #[grammar = "align.pest"]
    pub struct AlignParser;
}

pub use generated::Rule;

/// Work that one call of pest may do before it gives up: some seconds.  Files up to tens of megabytes stay under it.
const CALL_LIMIT: usize = 200_000_000;

/// Operators and postfixes in one expression and those around it.
const LONGEST: usize = 400;

/// Index of a node.
pub type Id = u32;

/// A node of the arena.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// What it is.  `prefix`, `postfix` and `infix` are expressions whose precedence is resolved.
    pub rule: Rule,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    first: u32,
    next: u32,
}

/// The nodes of one text.
#[derive(Debug)]
pub struct Arena {
    nodes: Vec<Node>,
    roots: Vec<Id>,
}

const NONE: u32 = u32::MAX;

impl Arena {
    /// The nodes at the top.
    pub fn roots(&self) -> &[Id] {
        &self.roots
    }

    /// A node.
    pub fn node(&self, id: Id) -> Node {
        self.nodes.get(id as usize).copied().unwrap_or(Node {
            rule: Rule::EOI,
            start: 0,
            end: 0,
            first: NONE,
            next: NONE,
        })
    }

    /// Its children in order.
    pub fn children(&self, id: Id) -> Children<'_> {
        Children {
            arena: self,
            at: self.node(id).first,
        }
    }

    pub fn for_text(bytes: usize) -> Self {
        Self {
            nodes: Vec::with_capacity(bytes / 8 + 8),
            roots: Vec::new(),
        }
    }

    /// Adds the nodes of a part of a text.
    fn parse(&mut self, rule: Rule, text: &str, part: Range<usize>) -> Result<(), Failure> {
        init();
        let slice = text.get(part.clone()).unwrap_or_default();
        let pairs = generated::AlignParser::parse(rule, slice).map_err(|e| {
            let failure = failure(e);
            Failure {
                at: part.start + failure.at,
                ..failure
            }
        })?;
        let first = self.nodes.len();
        for pair in pairs {
            if pair.as_rule() == Rule::EOI && part.end < text.len() {
                continue;
            }
            let id = convert(pair, self, slice, 0);
            self.roots.push(id);
        }
        for node in self.nodes.iter_mut().skip(first) {
            node.start += part.start as u32;
            node.end += part.start as u32;
        }
        Ok(())
    }

    /// The same in place of what it holds.
    pub fn reparse(&mut self, rule: Rule, text: &str, part: Range<usize>) -> Result<(), Failure> {
        self.nodes.clear();
        self.roots.clear();
        self.parse(rule, text, part)
    }

    fn add(&mut self, rule: Rule, start: usize, end: usize) -> Id {
        let id = self.nodes.len() as u32;
        self.nodes.push(Node {
            rule,
            start: start as u32,
            end: end as u32,
            first: NONE,
            next: NONE,
        });
        id
    }

    /// Links children under a parent.
    fn link(&mut self, parent: Id, children: impl IntoIterator<Item = Id>) {
        let mut last: Option<Id> = None;
        for child in children {
            match last {
                None => self.set(parent, |n| n.first = child),
                Some(last) => self.set(last, |n| n.next = child),
            }
            last = Some(child);
        }
    }

    fn set(&mut self, id: Id, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(id as usize) {
            change(node);
        }
    }
}

/// The children of a node.
pub struct Children<'a> {
    arena: &'a Arena,
    at: u32,
}

impl Iterator for Children<'_> {
    type Item = (Id, Node);

    fn next(&mut self) -> Option<(Id, Node)> {
        if self.at == NONE {
            return None;
        }
        let id = self.at;
        let node = self.arena.node(id);
        self.at = node.next;
        Some((id, node))
    }
}

/// Where pest stopped, and what it would have taken there.
#[derive(Debug)]
pub struct Failure {
    /// Byte.
    pub at: usize,
    /// Rules that could begin there.
    pub wanted: Vec<Rule>,
    /// Whether it gave up for the amount of work.
    pub gave_up: bool,
}

/// The switches of pest that are process-wide, set once.  Error detail stays off: it slows every parse, and the grammar has a rule for
/// each token that a message asks for.
fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        pest::set_call_limit(NonZeroUsize::new(CALL_LIMIT));
        pest::set_error_detail(false);
    });
}

/// Parses a text by one of the entry rules.
pub fn run(rule: Rule, text: &str) -> Result<Arena, Failure> {
    let mut arena = Arena::for_text(text.len());
    let cuts = if rule == Rule::file {
        cuts(text, PART)
    } else {
        Vec::new()
    };
    for part in parts(&cuts, text) {
        arena.parse(rule, text, part)?;
    }
    Ok(arena)
}

/// Parses a file in parts, each handed over in an arena of its own: a large file then needs no more room than its largest part, which is
/// small enough for the caches.
pub fn file_in_parts(text: &str, each: impl FnMut(&Arena)) -> Result<(), Failure> {
    in_parts(text, PART, each)
}

fn in_parts(text: &str, part: usize, mut each: impl FnMut(&Arena)) -> Result<(), Failure> {
    let mut arena = Arena::for_text(text.len().min(2 * part));
    for range in ranges(text, part) {
        arena.reparse(Rule::file, text, range)?;
        each(&arena);
    }
    Ok(())
}

/// The parts of a file, of about so many bytes each; what stands in one says nothing about another.
pub fn ranges(text: &str, part: usize) -> Vec<Range<usize>> {
    parts(&cuts(text, part), text).collect()
}

/// The ranges between cuts.
fn parts(cuts: &[usize], text: &str) -> impl Iterator<Item = Range<usize>> {
    let starts = [0].into_iter().chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain([text.len()]);
    starts.zip(ends).map(|(start, end)| start..end)
}

/// Bytes of a part.
const PART: usize = 16 * 1024;

/// Where a file may be cut: right after a `}` outside all brackets that only blanks and comments part from an item's word at the start of a
/// line.
fn cuts(text: &str, part: usize) -> Vec<usize> {
    let mut out = Vec::new();
    if text.len() <= part {
        return out;
    }
    let (mut depth, mut last, mut begin) = (0_i64, None, 0);
    for token in Tokens::of(text) {
        let mut ended = None;
        match token.kind {
            Kind::Blank | Kind::Comment | Kind::Doc => continue,
            Kind::Open(_) => depth += 1,
            Kind::Close(byte) => {
                depth -= 1;
                ended = (byte == b'}' && depth == 0).then_some(token.end);
            }
            Kind::Word => {
                if let Some(cut) = last
                    && cut - begin >= part
                    && text.get(..token.start).is_some_and(|t| t.ends_with('\n'))
                    && ITEM_WORDS.contains(&token.text(text))
                {
                    out.push(cut);
                    begin = cut;
                }
            }
            _ => {}
        }
        last = ended;
    }
    out
}

fn failure(error: pest::error::Error<Rule>) -> Failure {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    match error.variant {
        ErrorVariant::ParsingError { positives, .. } => Failure {
            at,
            wanted: positives,
            gave_up: false,
        },
        ErrorVariant::CustomError { .. } => Failure {
            at,
            wanted: Vec::new(),
            gave_up: true,
        },
    }
}

/// Whether the rule's last token is its own, so that pest's end is right.
fn ends_itself(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::names
            | Rule::formals
            | Rule::body
            | Rule::pipeline
            | Rule::arms
            | Rule::paren
            | Rule::index
            | Rule::args
            | Rule::list
            | Rule::record
            | Rule::type_args
            | Rule::type_list
            | Rule::bad_item
            | Rule::bad_item_in
            | Rule::bad_stmt
            | Rule::bad_arm
    )
}

fn convert(pair: Pair<'_, Rule>, arena: &mut Arena, text: &str, depth: usize) -> Id {
    let rule = pair.as_rule();
    let span = pair.as_span();
    if rule == Rule::expr {
        return expression(
            pair.into_inner(),
            arena,
            text,
            depth,
            (span.start(), span.end()),
        );
    }
    let id = arena.add(rule, span.start(), span.end());
    let mut last: Option<Id> = None;
    for pair in pair.into_inner() {
        let child = convert(pair, arena, text, depth + 1);
        match last {
            None => arena.set(id, |n| n.first = child),
            Some(last) => arena.set(last, |n| n.next = child),
        }
        last = Some(child);
    }
    if let Some(last) = last
        && !ends_itself(rule)
    {
        let end = arena.node(last).end;
        arena.set(id, |n| n.end = end);
    }
    id
}

/// Loosest first.
static PRATT: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    PrattParser::new()
        .op(Op::infix(Rule::by, Assoc::Left))
        .op(Op::infix(Rule::or, Assoc::Left))
        .op(Op::infix(Rule::and, Assoc::Left))
        .op(Op::prefix(Rule::not))
        .op(Op::infix(Rule::compare, Assoc::Left))
        .op(Op::infix(Rule::range, Assoc::Left))
        .op(Op::infix(Rule::add, Assoc::Left))
        .op(Op::infix(Rule::mul, Assoc::Left))
        .op(Op::prefix(Rule::neg))
        .op(Op::postfix(Rule::args) | Op::postfix(Rule::member) | Op::postfix(Rule::index))
});

/// An expression with its precedence resolved.  One that is too long for the recursion of those who walk it becomes a lone `expr`.
fn expression(
    pairs: Pairs<'_, Rule>,
    arena: &mut Arena,
    text: &str,
    depth: usize,
    (start, end): (usize, usize),
) -> Id {
    let count = pairs.len();
    if count <= 1 {
        if let Some(pair) = pairs.into_iter().next() {
            return convert(pair, arena, text, depth + 1);
        }
        return arena.add(Rule::expr, start, end);
    }
    let depth = depth + count;
    if depth > LONGEST {
        let end = text.get(..end).unwrap_or("").trim_end().len().max(start);
        return arena.add(Rule::expr, start, end);
    }
    let arena = std::cell::RefCell::new(arena);
    let join = |rule: Rule, parts: &[Id]| {
        let mut arena = arena.borrow_mut();
        let at = |id: Option<&Id>| id.map(|&id| arena.node(id));
        let start = at(parts.first()).map_or(0, |n| n.start);
        let end = at(parts.last()).map_or(0, |n| n.end);
        let id = arena.add(rule, start as usize, end as usize);
        arena.link(id, parts.iter().copied());
        id
    };
    let one = |pair: Pair<'_, Rule>| convert(pair, &mut arena.borrow_mut(), text, depth);
    PRATT
        .map_primary(one)
        .map_prefix(|op, operand| {
            let op = one(op);
            join(Rule::prefix, &[op, operand])
        })
        .map_postfix(|base, op| {
            let op = one(op);
            join(Rule::postfix, &[base, op])
        })
        .map_infix(|left, op, right| {
            let op = one(op);
            join(Rule::infix, &[left, op, right])
        })
        .parse(pairs)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Every node below the roots, with its place.
    fn shape(arena: &Arena) -> Vec<(Rule, u32, u32, usize)> {
        fn walk(arena: &Arena, id: Id, depth: usize, out: &mut Vec<(Rule, u32, u32, usize)>) {
            let node = arena.node(id);
            out.push((node.rule, node.start, node.end, depth));
            for (child, _) in arena.children(id) {
                walk(arena, child, depth + 1, out);
            }
        }
        let mut out = Vec::new();
        for &root in arena.roots() {
            walk(arena, root, 0, &mut out);
        }
        out
    }

    #[test]
    fn a_file_in_parts_is_the_file() {
        let mut cut = 0;
        for text in [
            include_str!("../../tests/corpus/valid/specification.align"),
            include_str!("../../tests/corpus/everything.align"),
            include_str!("../../examples/quickstart.align"),
            "align 1\nlet r = { a: 1 }\nstaeg x { }\n\nmodel m { net = \"}\" }\n// }\nstage s trains m { }\n/* } */\nlet a = [1]\nlet b = 2\n",
        ] {
            let text = text.repeat(2);
            let collect = |part: usize| {
                let mut out = Vec::new();
                in_parts(&text, part, |arena| out.extend(shape(arena))).unwrap();
                out
            };
            let whole = shape(&run(Rule::file, &text).unwrap());
            cut += cuts(&text, 1).len();
            for part in [1, 100, 1000] {
                assert_eq!(collect(part), whole, "{text}");
            }
        }
        assert!(cut > 15, "only {cut} cuts");
    }
}
