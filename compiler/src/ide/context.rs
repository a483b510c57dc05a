//! What could stand at the cursor?
//!
//! Decided from the tokens before it and not from the tree, for a text is broken while it is being written: which brackets are open and what
//! opened them, and how far the statement has come.

use align_grammar::ast::Span;
use align_grammar::lex::{INNER_ITEM_WORDS, ITEM_WORDS, Kind, STATEMENT_WORDS, Token, lex};
use align_schema::{Block, BlockKind, Builtin, Group, Ty};

use super::index::block;
use super::wanted::{Wanted, arms, is_word, param, past_name, trimmed, value};
use crate::events::EVENTS;

/// What an open bracket belongs to.
#[derive(Debug)]
pub(super) struct Frame<'t> {
    /// `{`, `(` or `[`.
    open: u8,
    /// The statement that it stands in, up to the bracket.
    before: Vec<&'t str>,
    /// Commas since the bracket.
    index: usize,
    /// Names of the fields or arguments in it, those behind the cursor as well.
    given: Vec<&'t str>,
}

/// Where the cursor stands.
#[derive(Debug)]
pub(super) struct Context<'t> {
    /// Open brackets, the outermost first.
    frames: Vec<Frame<'t>>,
    /// The statement at the cursor, without the word that is being typed.
    statement: Vec<&'t str>,
    /// The word that is being typed; empty between words.
    pub(super) typed: Span,
    /// Inside a comment.
    comment: bool,
    /// Inside quotes; `typed` is what stands in them so far.
    text: bool,
}

impl<'t> Context<'t> {
    /// Of a byte of a text.
    pub(super) fn at(text: &'t str, cursor: usize) -> Self {
        let tokens = lex(text);
        let mut out = Context {
            frames: Vec::new(),
            statement: Vec::new(),
            typed: Span::new(cursor, cursor),
            comment: false,
            text: false,
        };
        let mut broken = false;
        let mut last: Option<Token> = None;
        let mut upto = tokens.len();
        for (i, token) in tokens.iter().enumerate() {
            if token.start >= cursor {
                upto = i;
                break;
            }
            if token.end >= cursor && out.ends_at(text, token, cursor) {
                upto = i + 1;
                break;
            }
            let word = text.get(token.start..token.end.min(cursor)).unwrap_or("");
            match token.kind {
                Kind::Blank => broken |= word.contains('\n'),
                Kind::Comment | Kind::Doc | Kind::OpenComment => {}
                _ => {
                    if broken && out.starts(word, last, text) {
                        out.statement.clear();
                    }
                    broken = false;
                    out.take(token, word);
                    last = Some(*token);
                }
            }
        }
        let typed = text.get(out.typed.start as usize..cursor).unwrap_or("");
        if broken && (out.starts(typed, last, text) || typed.is_empty() && out.ended(last, text)) {
            out.statement.clear();
        }
        out.look_ahead(text, tokens.get(upto..).unwrap_or(&[]));
        out
    }

    /// Whether the cursor's own token is this one, which is then not a token before it.
    fn ends_at(&mut self, text: &str, token: &Token, cursor: usize) -> bool {
        match token.kind {
            Kind::Comment | Kind::Doc | Kind::OpenComment
                if token.end > cursor || !text[..cursor].ends_with("*/") =>
            {
                // A line comment goes on at its end.
                self.comment = true;
                true
            }
            Kind::Word => {
                self.typed = Span::new(token.start, cursor);
                true
            }
            Kind::Text if token.end > cursor => {
                self.text = true;
                self.typed = Span::new(token.start + 1, cursor);
                true
            }
            Kind::OpenText => {
                self.text = true;
                self.typed = Span::new(token.start + 1, cursor);
                true
            }
            // `32st`: a unit that is being typed to its number.
            Kind::BadNumber if token.end == cursor => {
                let word = token.text(text);
                let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '_');
                self.typed = Span::new(token.start + digits.len(), cursor);
                false
            }
            _ => false,
        }
    }

    /// Whether a word on a new line begins a statement.
    fn starts(&self, word: &str, last: Option<Token>, text: &str) -> bool {
        let joins = matches!(
            word,
            "or" | "and" | "by" | "->" | "=" | "{" | "." | "," | "=>"
        );
        match self.frames.last().map(|f| f.open) {
            Some(b'(' | b'[') => false,
            _ if joins => false,
            _ if self.in_items() => {
                ITEM_WORDS.contains(&word) || self.ended(last, text) && !self.in_head(word)
            }
            _ => self.ended(last, text),
        }
    }

    /// Whether a head goes on with this word on the next line.
    fn in_head(&self, word: &str) -> bool {
        matches!(word, "trains" | "on" | "in" | "from" | "of" | "as")
            || (word.is_empty() && matches!(self.statement.first(), Some(&("stage" | "dataset"))))
    }

    /// Whether what was written so far can be a whole statement.
    fn ended(&self, last: Option<Token>, text: &str) -> bool {
        let bare = matches!(
            self.statement.as_slice(),
            [.., "until" | "expect" | "=" | "every" | "=>"]
        );
        last.is_none_or(|t| t.ends_value(text)) && !bare
    }

    /// Whether items stand at this level.
    fn in_items(&self) -> bool {
        self.frames
            .last()
            .is_none_or(|f| f.open == b'{' && f.before.first() == Some(&"pipeline"))
    }

    fn take(&mut self, token: &Token, word: &'t str) {
        match token.kind {
            Kind::Open(open) => {
                let before = self.statement.clone();
                self.statement.clear();
                self.frames.push(Frame {
                    open,
                    before,
                    index: 0,
                    given: Vec::new(),
                });
            }
            Kind::Close(_) => {
                let Some(frame) = self.frames.pop() else {
                    return self.statement.clear();
                };
                // A body ends its statement, unless it is a value.
                let value = frame.open != b'{' || frame.before.contains(&"=");
                self.statement.clear();
                if value || frame.before.first() == Some(&"without") {
                    self.statement = frame.before;
                    self.statement.push(word);
                }
            }
            _ if matches!(word, "," | ";") => {
                self.statement.clear();
                if let Some(frame) = self.frames.last_mut() {
                    frame.index += 1;
                }
            }
            _ => {
                let named = self.statement.len() == 1 && matches!(word, ":" | "=" | "=>");
                if let (true, Some(frame)) = (named, self.frames.last_mut()) {
                    frame.given.extend(self.statement.first());
                }
                self.statement.push(word);
            }
        }
    }

    /// Names behind the cursor in the innermost bracket.
    fn look_ahead(&mut self, text: &'t str, tokens: &[Token]) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        let mut depth = 0usize;
        let mut before = "";
        let solid = tokens
            .iter()
            .filter(|t| !t.is_trivia() && t.kind != Kind::Doc);
        for token in solid {
            let word = token.text(text);
            match token.kind {
                Kind::Open(_) => depth += 1,
                Kind::Close(_) => match depth.checked_sub(1) {
                    Some(less) => depth = less,
                    None => break,
                },
                Kind::Punct if depth == 0 && matches!(word, ":" | "=" | "=>") => {
                    frame.given.push(before);
                }
                _ => {}
            }
            before = word;
        }
    }

    /// The name of the block whose body the cursor stands in, with its kind; the innermost one that has a name.
    pub(super) fn owner(&self) -> Option<(BlockKind, &'t str)> {
        self.frames.iter().rev().find_map(|f| {
            let kind = opened(f)?.kind;
            let named = !matches!(kind, BlockKind::Eval | BlockKind::Checkpoint);
            named.then_some(())?;
            Some((kind, *f.before.get(1)?))
        })
    }

    /// The name of the pipeline around the cursor.
    pub(super) fn pipeline(&self) -> Option<&'t str> {
        let first = self.frames.first()?;
        (first.before.first() == Some(&"pipeline")).then_some(())?;
        first.before.get(1).copied()
    }

    /// What the sweep or report around the cursor is of.
    pub(super) fn of(&self) -> Option<&'t str> {
        let first = self.frames.first()?;
        match first.before.as_slice() {
            ["sweep", _, "of", name, ..] | ["report", name, ..] => Some(name),
            _ => None,
        }
    }

    /// What can stand here.
    pub(super) fn wanted(&self) -> Wanted<'t> {
        if self.comment {
            return Wanted::Nothing;
        }
        if self.text {
            return match self.statement.first() {
                Some(&"use") => Wanted::Import(vec!["\""]),
                _ => Wanted::Value(Some(
                    self.expected(self.frames.len(), &self.statement)
                        .unwrap_or(Ty::Str),
                )),
            };
        }
        self.in_statement(self.frames.len(), &self.statement)
    }

    /// The innermost call around the cursor: its builtin's name, the type that is wanted of it, the argument at hand.
    pub(super) fn call(&self) -> Option<Call<'t>> {
        let depth = self
            .frames
            .iter()
            .rposition(|f| f.open == b'(' && f.before.last().is_some_and(|w| is_word(w)))?;
        let frame = self.frames.get(depth)?;
        let named = match (depth + 1 == self.frames.len(), self.frames.get(depth + 1)) {
            (true, _) => self.statement.as_slice(),
            (false, Some(inner)) => inner.before.as_slice(),
            (false, None) => &[],
        };
        let name = match named {
            [name, ":", ..] => Some(*name),
            _ => None,
        };
        Some(Call {
            callee: frame.before.last()?,
            wanted: self.expected(depth, &frame.before),
            index: frame.index,
            name,
        })
    }

    /// The builtin of a call's frame.
    fn builtin(&self, depth: usize) -> Option<&'static Builtin> {
        let frame = self.frames.get(depth)?;
        let name = frame.before.last()?;
        match self.expected(depth, &frame.before) {
            Some(Ty::Call(group)) => align_stdlib::builtin(group, name),
            _ => align_stdlib::builtins().find(|b| b.name == *name),
        }
    }

    /// The type of the value that a statement at a depth of brackets is in the middle of.
    fn expected(&self, depth: usize, statement: &[&'t str]) -> Option<Ty> {
        match self.in_statement(depth, trimmed(statement)) {
            Wanted::Value(ty) | Wanted::Arguments { next: ty, .. } | Wanted::Units(ty) => ty,
            _ => None,
        }
    }

    fn in_statement(&self, depth: usize, statement: &[&'t str]) -> Wanted<'t> {
        let Some(frame) = depth.checked_sub(1).and_then(|d| self.frames.get(d)) else {
            return in_file(statement, false);
        };
        match frame.open {
            b'(' => self.in_call(depth, frame, statement),
            b'[' => {
                let outer = self.expected(depth - 1, &frame.before);
                let inner = match outer {
                    Some(Ty::List(of)) => Some(*of),
                    other => other,
                };
                value(statement, inner)
            }
            _ => match frame.before.first() {
                Some(&"pipeline") => in_file(statement, true),
                Some(&"use") => Wanted::Import(frame.before.clone()),
                Some(&("policy" | "on")) if !frame.before.contains(&"=") => {
                    arms(statement, &frame.given)
                }
                Some(&"without") => match statement {
                    [] => Wanted::Axis,
                    _ => Wanted::Value(None),
                },
                _ => match opened(frame) {
                    Some(of) => in_block(of, frame, statement),
                    None => {
                        let inner = match self.expected(depth - 1, &frame.before) {
                            Some(Ty::RecordOf(of)) => Some(*of),
                            _ => None,
                        };
                        match statement {
                            [] => Wanted::Nothing,
                            _ => value(statement, inner),
                        }
                    }
                },
            },
        }
    }

    fn in_call(&self, depth: usize, frame: &Frame<'t>, statement: &[&'t str]) -> Wanted<'t> {
        if frame.before.first() == Some(&"pipeline") && frame.before.len() == 2 {
            return match statement {
                [_, ":"] => Wanted::Type,
                [_, ":", "Task", "="] => Wanted::Value(Some(Ty::Task)),
                _ => Wanted::Nothing,
            };
        }
        if !frame.before.last().is_some_and(|w| is_word(w)) {
            // Brackets around a value.
            return value(statement, self.expected(depth - 1, &frame.before));
        }
        let event = match frame.before.as_slice() {
            ["on", event] => EVENTS.iter().find(|e| e.name == *event),
            _ => None,
        };
        if let Some(event) = event {
            let param = param(event.params, statement, frame.index);
            return value(past_name(statement), param.map(|p| p.ty));
        }
        let Some(of) = self.builtin(depth - 1) else {
            return value(past_name(statement), None);
        };
        let param = param(of.params, statement, frame.index);
        match statement {
            [] => Wanted::Arguments {
                of,
                given: frame.given.clone(),
                next: param.map(|p| p.ty),
            },
            _ => value(past_name(statement), param.map(|p| p.ty)),
        }
    }
}

fn in_block<'t>(of: &'static Block, frame: &Frame<'t>, statement: &[&'t str]) -> Wanted<'t> {
    let acts = Some(Ty::Call(Group::Action));
    match statement {
        [] => Wanted::Statements {
            of,
            given: frame.given.clone(),
        },
        ["until" | "expect", rest @ ..] => value(rest, Some(Ty::Condition)),
        ["eval" | "checkpoint"] => Wanted::Clauses(BlockKind::Eval, statement.to_vec()),
        ["eval" | "checkpoint", "every", rest @ ..] => value(rest, Some(EVERY)),
        ["on"] => Wanted::Events {
            on: true,
            given: Vec::new(),
        },
        ["on", .., "=>"] => Wanted::Value(acts),
        ["on", ..] => Wanted::Nothing,
        [name, "in", rest @ ..] if of.kind == BlockKind::Sweep => {
            let task = *name == "task";
            value(rest, task.then_some(Ty::Task))
        }
        _ => match statement.iter().position(|w| *w == "=") {
            Some(eq) => {
                let ty = statement
                    .first()
                    .and_then(|name| of.field(name))
                    .map(|f| f.ty);
                value(&statement[eq + 1..], ty)
            }
            None if of.kind == BlockKind::Sweep => Wanted::Axis,
            None => Wanted::Nothing,
        },
    }
}

fn in_file<'t>(statement: &[&'t str], inner: bool) -> Wanted<'t> {
    let kind = match statement.first() {
        None => return Wanted::Items { inner },
        Some(&"use") => return Wanted::Import(statement.to_vec()),
        Some(&("let" | "param")) => {
            return match statement.iter().position(|w| *w == "=") {
                Some(eq) => {
                    let task = statement[..eq].contains(&"Task");
                    value(&statement[eq + 1..], task.then_some(Ty::Task))
                }
                None if statement.last() == Some(&":") => Wanted::Type,
                None => Wanted::Nothing,
            };
        }
        Some(word) => {
            let found = align_stdlib::blocks::LIST.iter().find(|b| b.word == *word);
            match found {
                Some(of) => of.kind,
                None => return Wanted::Nothing,
            }
        }
    };
    match (kind, statement) {
        (_, [.., "trains"]) => Wanted::Model,
        (BlockKind::Stage, [.., "on"]) => Wanted::Dataset,
        (BlockKind::Stage, [.., "in"]) => Wanted::Value(Some(Ty::Call(Group::Env))),
        (_, [.., "from"]) => Wanted::From(kind),
        (BlockKind::Sweep, [_, _, "of"]) | (BlockKind::Report, [_]) => Wanted::Target,
        (BlockKind::Sequence | BlockKind::Cascade, [.., "=" | "->"]) => Wanted::Link,
        (_, [.., "."]) => value(statement, None),
        (_, [_]) => Wanted::Nothing,
        _ => Wanted::Clauses(kind, statement.to_vec()),
    }
}

/// How often an evaluation or a checkpoint is made.
const EVERY: Ty = Ty::Quantity(&[
    align_schema::Dim::Steps,
    align_schema::Dim::EnvSteps,
    align_schema::Dim::Epochs,
    align_schema::Dim::Time,
]);

/// A call around the cursor.
#[derive(Debug)]
pub(super) struct Call<'t> {
    /// The name before its bracket.
    pub(super) callee: &'t str,
    /// The type of the value that it makes.
    pub(super) wanted: Option<Ty>,
    /// Which argument the cursor stands in, from 0.
    pub(super) index: usize,
    /// The name of that argument, where one is written.
    pub(super) name: Option<&'t str>,
}

/// The block whose body a bracket opens.
fn opened(frame: &Frame<'_>) -> Option<&'static Block> {
    if frame.open != b'{' {
        return None;
    }
    let first = *frame.before.first()?;
    let word = INNER_ITEM_WORDS.contains(&first)
        || ITEM_WORDS.contains(&first)
        || STATEMENT_WORDS.contains(&first);
    let kind = align_stdlib::blocks::LIST
        .iter()
        .find(|b| b.word == first)?
        .kind;
    // `eval = ..` would be a field.
    (word && frame.before.get(1) != Some(&"=")).then(|| block(kind))
}
