//! How do the tokens inside a statement or a head follow each other?  Blanks, breaks of long lists and of long conditions.

use align_grammar::ast::Span;
use align_grammar::{SyntaxElement, SyntaxKind, SyntaxNode};

use super::blocks::Section;
use super::page::{Op, Ops};
use super::trivia::Trivia;

/// Columns of a step to the right.
pub const STEP: usize = 4;

/// The token before, as far as blanks depend on it.
#[derive(Clone, Copy, Debug)]
struct Seen<'a> {
    text: &'a str,
    parent: SyntaxKind,
}

/// Walks the tree and writes operations.
pub struct Writer<'a> {
    /// The text.
    pub text: &'a str,
    /// Its tokens.
    pub trivia: Trivia<'a>,
    /// Where the tree is a guess.
    pub repaired: Vec<Span>,
    /// What was written.
    pub ops: Ops<'a>,
    /// Items of the file.
    pub sections: Vec<Section>,
    /// The next token.
    pub at: usize,
    /// Comments before this byte are written.
    pub done: usize,
    /// Comments that trail the token before; they are written once the groups that end with it are closed.
    held: std::ops::Range<usize>,
    seen: Option<Seen<'a>>,
    /// Whether the next token joins the one before.
    tight: bool,
    /// Blanks before the next `=` or `=>`.
    pub pad: usize,
    /// Whether an item of the file that is broken anywhere stays as it is, whole.
    pub coarse: bool,
    /// Whether comments were moved or broken parts kept, so that the new text may be laid out otherwise.
    pub unsettled: bool,
}

impl<'a> Writer<'a> {
    /// Before the first token.
    pub fn new(text: &'a str, repaired: Vec<Span>) -> Self {
        Self {
            text,
            trivia: Trivia::new(text),
            repaired,
            ops: Ops::default(),
            sections: Vec::new(),
            at: 0,
            done: 0,
            held: 0..0,
            seen: None,
            tight: false,
            pad: 0,
            coarse: false,
            unsettled: false,
        }
    }

    /// Writes an operation, after comments that are due.
    pub fn push(&mut self, op: Op<'a>) {
        let ends = matches!(op, Op::Line(_) | Op::Hard | Op::Blank | Op::Own(_));
        if ends {
            self.seen = None;
        }
        if !matches!(op, Op::Close | Op::Out(_) | Op::In(_) | Op::IfBroken(_)) {
            self.flush(ends);
        }
        self.ops.push(op);
    }

    /// Writes the comments that trail the token before.
    ///
    /// Where no line ends, they go to the end of the line that comes of it.
    pub fn flush(&mut self, ends: bool) {
        for i in std::mem::take(&mut self.held) {
            if let Some(comment) = self.trivia.comments.get(i) {
                self.unsettled |= !ends;
                self.ops.push(Op::Trail(comment.text, ends));
            }
        }
    }

    /// Writes the comments that lead the next token.
    pub fn lead(&mut self) {
        let Some(word) = self.trivia.at(self.at) else {
            return;
        };
        let (lead, blank, start) = (word.lead.clone(), word.blank, word.start);
        let mut after_own = false;
        for i in lead.clone() {
            let Some(comment) = self.trivia.comments.get(i).copied() else {
                continue;
            };
            if comment.start < self.done {
                continue;
            }
            if after_own && comment.blank {
                self.push(Op::Blank);
            }
            if comment.own_line {
                self.push(Op::Own(comment.text));
            } else {
                self.inline_comment(comment.text);
            }
            after_own = comment.own_line;
        }
        if after_own && blank {
            self.push(Op::Blank);
        }
        self.done = self.done.max(start);
    }

    fn inline_comment(&mut self, text: &'a str) {
        if self
            .seen
            .is_some_and(|s| !matches!(s.text, "(" | "[" | "."))
        {
            self.push(Op::Text(" "));
        }
        self.push(Op::Inside(text));
        self.seen = Some(Seen {
            text,
            parent: SyntaxKind::Comment,
        });
    }

    /// Writes the next token with its comments.
    pub fn token(&mut self, parent: SyntaxKind) {
        self.lead();
        let Some(word) = self.trivia.at(self.at) else {
            return;
        };
        let (text, trail, end) = (word.text, word.trail.clone(), word.end());
        let here = Seen { text, parent };
        if self.seen.is_some_and(|seen| gap(seen, here)) && !self.tight {
            self.push(Op::Text(" "));
        }
        self.tight = false;
        self.push(Op::Text(text));
        self.seen = Some(here);
        self.at += 1;
        self.done = self.done.max(end);
        self.held = trail;
    }

    /// A text for a group on one line; it stands before the comments that are due.
    pub fn if_flat(&mut self, text: &'static str) {
        self.ops.push(Op::IfFlat(text));
    }

    /// Leaves the next token out, but not its comments.
    pub fn drop_token(&mut self) {
        let seen = self.seen;
        self.lead();
        let Some(word) = self.trivia.at(self.at) else {
            return;
        };
        let (trail, end) = (word.trail.clone(), word.end());
        self.flush(true);
        self.held = trail;
        self.at += 1;
        self.done = self.done.max(end);
        self.seen = seen;
    }

    /// Says that a text was written as it is, up to a byte.
    pub fn raw(&mut self, start: usize, end: usize) {
        self.unsettled = true;
        self.lead();
        if let Some(text) = self.text.get(start..end) {
            self.push(Op::Raw(text));
        }
        self.at = self.trivia.index(end);
        self.done = self.done.max(end);
        if let Some(last) = self
            .at
            .checked_sub(1)
            .and_then(|i| self.trivia.words.get(i))
        {
            // Comments inside were written with the rest.
            let inside = |i: &usize| self.trivia.comments.get(*i).is_some_and(|c| c.start < end);
            let from = last.trail.clone().take_while(inside).count();
            self.held = last.trail.start + from..last.trail.end;
        }
        self.seen = None;
    }

    /// A node inside a line.
    pub fn inline(&mut self, node: &SyntaxNode) {
        match node.kind() {
            SyntaxKind::Infix => self.infix(node),
            SyntaxKind::Stage | SyntaxKind::Dataset => self.head(node),
            SyntaxKind::Sequence | SyntaxKind::Cascade => self.chain(node),
            SyntaxKind::Arguments | SyntaxKind::List | SyntaxKind::Formals | SyntaxKind::Record => {
                let elements: Vec<SyntaxElement> = node.children_with_tokens().collect();
                self.bracketed(&elements, node.kind());
            }
            SyntaxKind::Body | SyntaxKind::Arms => {
                let elements: Vec<SyntaxElement> = node.children_with_tokens().collect();
                self.block(&elements, node.kind());
            }
            SyntaxKind::Use => self.import(node),
            SyntaxKind::Pipeline => self.pipeline(node),
            kind => {
                for element in node.children_with_tokens() {
                    if matches!(kind, SyntaxKind::Field | SyntaxKind::Arm)
                        && matches!(&element, SyntaxElement::Token(t) if matches!(t.text(), "=" | "=>"))
                    {
                        let pad = std::mem::take(&mut self.pad);
                        self.push(Op::PadIfBroken(pad));
                    }
                    self.element(&element, kind);
                }
            }
        }
    }

    /// A child of a node inside a line.
    pub fn element(&mut self, element: &SyntaxElement, parent: SyntaxKind) {
        match element {
            SyntaxElement::Node(node) => self.inline(node),
            SyntaxElement::Token(token) if is_word(token.kind()) => {
                self.token(parent);
                if token.kind() == SyntaxKind::Doc {
                    self.push(Op::Hard);
                }
            }
            SyntaxElement::Token(_) => {}
        }
    }

    /// `stage s trains m on d in e from c`, one clause a line where it is too long.
    fn head(&mut self, node: &SyntaxNode) {
        // Comments before it are no part of the group.
        self.lead();
        self.push(Op::Open(false));
        for element in node.children_with_tokens() {
            match element.kind() {
                SyntaxKind::Clause => {
                    self.push(Op::In(2 * STEP));
                    self.push(Op::Line(" "));
                    self.element(&element, node.kind());
                    self.push(Op::Out(2 * STEP));
                }
                SyntaxKind::Body => {
                    self.push(Op::Close);
                    self.element(&element, node.kind());
                    return;
                }
                _ => self.element(&element, node.kind()),
            }
        }
        self.push(Op::Close);
    }

    /// `sequence s = a -> b`, one arrow a line where it is too long.
    fn chain(&mut self, node: &SyntaxNode) {
        // Comments before it are no part of the group.
        self.lead();
        self.push(Op::Open(false));
        for element in node.children_with_tokens() {
            match &element {
                SyntaxElement::Token(token) if token.text() == "->" => {
                    self.push(Op::In(2 * STEP));
                    self.push(Op::Line(" "));
                    self.element(&element, node.kind());
                    self.push(Op::Out(2 * STEP));
                }
                SyntaxElement::Node(body) if body.kind() == SyntaxKind::Body => {
                    self.push(Op::Close);
                    self.element(&element, node.kind());
                    return;
                }
                _ => self.element(&element, node.kind()),
            }
        }
        self.push(Op::Close);
    }

    /// `use std.losses.{a, b}`.
    fn import(&mut self, node: &SyntaxNode) {
        let elements: Vec<SyntaxElement> = node.children_with_tokens().collect();
        let brace = |text: &str| {
            let found =
                |e: &SyntaxElement| matches!(e, SyntaxElement::Token(t) if t.text() == text);
            elements.iter().position(found)
        };
        let (open, close) = match (brace("{"), brace("}")) {
            (Some(open), Some(close)) if open < close => (open, close),
            _ => (elements.len(), elements.len()),
        };
        for (i, element) in elements.iter().enumerate() {
            if i == open {
                let names = elements.get(open..=close).unwrap_or(&[]);
                self.bracketed(names, SyntaxKind::Use);
            } else if i < open || i > close {
                self.element(element, SyntaxKind::Use);
            }
        }
    }

    /// What stands between brackets, parted by commas: on one line, or each on its own with a comma after the last, too.
    ///
    /// A comma that the author put after the last one keeps them on their own lines.
    fn bracketed(&mut self, elements: &[SyntaxElement], kind: SyntaxKind) {
        let inner: Vec<&SyntaxElement> = elements
            .iter()
            .filter(|e| matches!(e, SyntaxElement::Node(_)) || is_word(e.kind()))
            .collect();
        let [_, inside @ .., _] = inner.as_slice() else {
            return;
        };
        let blank = if kind == SyntaxKind::Record { " " } else { "" };
        self.token(kind);
        self.push(Op::Open(inside.len() > 1 && is_comma(inside.last())));
        self.push(Op::In(STEP));
        if !inside.is_empty() {
            self.push(Op::Line(blank));
        }
        for (i, element) in inside.iter().enumerate() {
            let last = i + 1 == inside.len();
            match (is_comma(Some(element)), last) {
                (true, false) => {
                    self.token(kind);
                    self.push(Op::Line(" "));
                }
                (true, true) => {
                    self.ops.push(Op::IfBroken(","));
                    self.drop_token();
                }
                (false, _) => {
                    self.element(element, kind);
                    if last {
                        self.push(Op::IfBroken(","));
                    }
                }
            }
        }
        self.close(kind, blank, !inside.is_empty());
    }

    /// The closing bracket, after comments that stand alone before it.
    pub fn close(&mut self, kind: SyntaxKind, blank: &'static str, filled: bool) {
        let comments = self.trivia.at(self.at).is_some_and(|w| !w.lead.is_empty());
        if comments {
            if filled && self.trivia.blank_before(self.at) {
                self.push(Op::Blank);
            }
            self.lead();
        }
        self.push(Op::Out(STEP));
        self.push(Op::Line(if filled || comments { blank } else { "" }));
        self.token(kind);
        self.push(Op::Close);
    }

    /// Operands of one precedence with an operator before each but the first.
    fn infix(&mut self, node: &SyntaxNode) {
        let Some(class) = operator(node).map(|op| Class::of(&op)) else {
            for element in node.children_with_tokens() {
                self.element(&element, node.kind());
            }
            return;
        };
        // From the outermost to the innermost.
        let mut chain = vec![node.clone()];
        while let Some(left) = chain.last().and_then(SyntaxNode::first_child)
            && left.kind() == SyntaxKind::Infix
            && operator(&left).is_some_and(|op| Class::of(&op) == class && class.is_chain())
        {
            chain.push(left);
        }
        // Comments before it are no part of the group.
        self.lead();
        self.push(Op::Open(false));
        if let Some(first) = chain.last().and_then(SyntaxNode::first_child) {
            self.inline(&first);
        }
        let joined = class == Class::Range || is_ratio(node);
        self.push(Op::In(STEP));
        for node in chain.iter().rev() {
            for element in node.children_with_tokens() {
                match &element {
                    SyntaxElement::Token(token) if is_word(token.kind()) => {
                        self.tight = joined;
                        if !joined {
                            self.push(Op::Line(" "));
                        }
                        self.token(SyntaxKind::Infix);
                        self.tight = joined;
                    }
                    SyntaxElement::Node(child) if child.prev_sibling().is_some() => {
                        self.inline(child);
                    }
                    _ => {}
                }
            }
        }
        self.push(Op::Out(STEP));
        self.push(Op::Close);
    }
}

/// Whether a token is printed.
pub fn is_word(kind: SyntaxKind) -> bool {
    !matches!(kind, SyntaxKind::Blank | SyntaxKind::Comment)
}

fn is_comma(element: Option<&&SyntaxElement>) -> bool {
    matches!(element, Some(SyntaxElement::Token(t)) if t.text() == ",")
}

/// The operator of an infix node.
fn operator(node: &SyntaxNode) -> Option<String> {
    let tokens = node
        .children_with_tokens()
        .filter_map(SyntaxElement::into_token);
    let mut words = tokens.filter(|t| is_word(t.kind()));
    words.next().map(|t| t.text().to_owned())
}

/// `1/3`: a ratio is one number to its reader.
fn is_ratio(node: &SyntaxNode) -> bool {
    let plain = |side: Option<SyntaxNode>| {
        side.is_some_and(|n| {
            n.kind() == SyntaxKind::Quantity && n.text().to_string().parse::<f64>().is_ok()
        })
    };
    operator(node).as_deref() == Some("/") && plain(node.first_child()) && plain(node.last_child())
}

/// Operators of one precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    By,
    Or,
    And,
    Compare,
    Range,
    Add,
    Multiply,
}

impl Class {
    fn of(op: &str) -> Self {
        match op {
            "by" => Class::By,
            "or" => Class::Or,
            "and" => Class::And,
            "..<" | "..=" => Class::Range,
            "+" | "-" => Class::Add,
            "*" | "/" => Class::Multiply,
            _ => Class::Compare,
        }
    }

    /// Whether `a op b op c` is broken at all of its operators.
    fn is_chain(self) -> bool {
        !matches!(self, Class::Range | Class::Compare)
    }
}

/// Whether a blank stands between two tokens of a line.
fn gap(before: Seen<'_>, here: Seen<'_>) -> bool {
    if before.parent == SyntaxKind::Comment {
        return !matches!(here.text, ")" | "]" | ",");
    }
    let joins_next = match before.text {
        "(" | "[" | "." => true,
        "{" => here.text == "}",
        "-" => before.parent == SyntaxKind::Prefix,
        "<" => before.parent == SyntaxKind::Type,
        _ => false,
    };
    let joins_last = match here.text {
        ")" | "]" | "," | ";" | ":" | "." | "%" => true,
        "(" => matches!(here.parent, SyntaxKind::Arguments | SyntaxKind::Formals),
        "[" => here.parent == SyntaxKind::Postfix,
        "<" | ">" => here.parent == SyntaxKind::Type,
        _ => false,
    };
    !joins_next && !joins_last
}
