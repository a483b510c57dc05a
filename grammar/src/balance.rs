//! Which bracket is missing, and where?  Guessed from lines and indentation, in a text whose brackets do not match.
//!
//! Nothing here is asked of a text whose brackets match, however it is indented.

use crate::ast::Span;
use crate::brackets::{Scan, error, partner};
use crate::lex::{self, Kind, Token};
use crate::map::Edit;

/// Label of an opener.
pub const OPENED: &str = "opened here";

/// How many tokens after a closer say what it closes.
const NEAR: usize = 64;

/// An opened bracket.
#[derive(Clone, Copy)]
struct Opener {
    token: Token,
    byte: u8,
    /// Columns before the first token of its line.
    indent: usize,
    line: usize,
    /// Whether its line begins with `pipeline`.
    pipeline: bool,
    /// Whether it is inside a value: a round or square bracket, or the brace of a record.
    inside: bool,
}

/// Finds what is missing by lines and indentation, in a text whose brackets do not match.
pub struct Balancer<'a> {
    source: &'a str,
    tokens: &'a [Token],
    scan: &'a mut Scan,
    stack: Vec<Opener>,
    /// End of the last token that says something.
    last: usize,
    /// Lines with a text that does not end: it may have taken a bracket with it, so that brackets there are repaired silently.
    quiet: Vec<usize>,
}

impl<'a> Balancer<'a> {
    /// Over the tokens of a text.
    pub fn new(source: &'a str, tokens: &'a [Token], scan: &'a mut Scan) -> Self {
        Self {
            source,
            tokens,
            scan,
            stack: Vec::new(),
            last: 0,
            quiet: Vec::new(),
        }
    }

    /// Writes errors and repairs.
    pub fn run(&mut self) {
        let said: Vec<(usize, Token)> = self.lines();
        self.quiet = said
            .iter()
            .filter(|(_, t)| t.kind == Kind::OpenText)
            .map(|(line, _)| *line)
            .collect();
        let mut before = "";
        let mut indent = 0;
        let mut pipeline = false;
        let mut line = usize::MAX;
        for (i, &(at_line, token)) in said.iter().enumerate() {
            let first = at_line != line;
            if first {
                self.head_ends(said.get(..i).unwrap_or(&[]), token);
                line = at_line;
                indent = self.column(token.start);
                pipeline = token.text(self.source) == "pipeline";
                self.line_begins(said.get(i..).unwrap_or(&[]), indent);
            }
            match token.kind {
                Kind::Open(byte) => self.stack.push(Opener {
                    token,
                    byte,
                    indent,
                    line,
                    pipeline,
                    inside: byte != b'{'
                        || matches!(before, ":" | "=" | "(" | "[" | "," | "without"),
                }),
                Kind::Close(byte) => {
                    let (before, after) = said.split_at(i);
                    if byte == b'}' && !first {
                        self.head_closes(before, indent);
                    }
                    // A look at a few tokens is enough, and keeps a file of one endless line fast.
                    let after = after.get(1..).unwrap_or(&[]);
                    let after = after.get(..NEAR.min(after.len())).unwrap_or(&[]);
                    let next = after.iter().find(|(l, _)| *l != line).map(|(_, t)| *t);
                    let after = after.iter().take_while(|(l, _)| *l == line);
                    let closers: Vec<u8> = after
                        .filter_map(|(_, t)| match t.kind {
                            Kind::Close(byte) => Some(byte),
                            _ => None,
                        })
                        .collect();
                    let early = closers.is_empty() && !first && self.too_early(byte, line, next);
                    if early {
                        self.closes_early(token);
                    } else if closers.is_empty() && !first && self.instead(byte, line, next) {
                        self.closes_other(token, byte);
                    } else {
                        self.close(token, byte, (first, indent, line), &closers);
                    }
                }
                _ => {}
            }
            before = token.text(self.source);
            self.last = token.end;
        }
        // What is open where a comment swallows the rest may be closed in there.
        if self.tokens.iter().any(|t| t.kind == Kind::OpenComment) {
            self.quiet.extend(self.stack.iter().map(|o| o.line));
        }
        self.end(said.last().map(|(_, t)| *t));
    }

    /// What is open at the end of the file.  A file that just stops, as one that is being typed, is one mistake.
    fn end(&mut self, last: Option<Token>) {
        let before = self.scan.errors.len();
        let stops = last.is_some_and(|t| t.kind != Kind::Close(b'}'));
        let unclosed: Vec<usize> = self.stack.iter().map(|o| o.token.start).collect();
        self.scan.unclosed = unclosed;
        while !self.stack.is_empty() {
            self.unclosed();
        }
        if !stops || self.scan.errors.len() < before + 2 {
            return;
        }
        let others = self.scan.errors.split_off(before + 1);
        if let Some(inner) = self.scan.errors.last_mut() {
            let places = others.iter().take(3);
            inner
                .related
                .extend(places.map(|e| (e.span, "not closed either".to_owned())));
            inner.help =
                Some("the file ends before the blocks do: close them, innermost first".to_owned());
            inner.fix = None;
        }
    }

    /// Whether a `}` at the end of a line closes a block that goes on in the next one.
    fn too_early(&self, byte: u8, line: usize, next: Option<Token>) -> bool {
        let Some((top, next)) = self.stack.last().zip(next) else {
            return false;
        };
        let column = self.column(next.start);
        let goes_on = column > top.indent;
        let closed_there = next.kind == Kind::Close(b'}') && column == top.indent;
        byte == b'}' && top.byte == b'{' && top.line < line && (goes_on || closed_there)
    }

    /// Whether a `}` stands where the bracket of a value should end: `source = f(a }` in a block that goes on in the next line.
    fn instead(&self, byte: u8, line: usize, next: Option<Token>) -> bool {
        let Some((top, next)) = self.stack.last().zip(next) else {
            return false;
        };
        let block = self.stack.iter().rev().find(|o| !o.inside);
        let goes_on = block.is_some_and(|o| o.line < line && self.column(next.start) > o.indent);
        byte == b'}' && top.byte != b'{' && top.line == line && goes_on
    }

    /// A `}` that closes a block too early.
    fn closes_early(&mut self, token: Token) {
        let mut e = error(
            "A0001",
            token,
            "this `}` closes a block that goes on below".to_owned(),
            "one `}` too many",
        );
        e.help = Some("remove it".to_owned());
        e.fix = Some((e.span, String::new()));
        if let Some(top) = self.stack.last() {
            e.related
                .push((Span::new(top.token.start, top.token.end), OPENED.to_owned()));
        }
        self.scan.errors.push(e);
        self.scan.edits.push(Edit {
            start: token.start,
            end: token.end,
            text: " ".to_owned(),
        });
    }

    /// The tokens that say something, with their lines.
    fn lines(&self) -> Vec<(usize, Token)> {
        let mut line = 0;
        let mut said = Vec::with_capacity(self.tokens.len() / 2);
        for &token in self.tokens {
            if !token.is_trivia() && token.kind != Kind::Doc {
                said.push((line, token));
            }
            line += token
                .text(self.source)
                .bytes()
                .filter(|&b| b == b'\n')
                .count();
        }
        said
    }

    fn column(&self, at: usize) -> usize {
        let before = self.source.get(..at).unwrap_or("");
        at - before.rfind('\n').map_or(0, |i| i + 1)
    }

    /// The head of a block whose `{` is missing: a line that begins like one, has no brace, and is followed by a deeper line.
    fn head_ends(&mut self, before: &[(usize, Token)], next: Token) {
        let Some(&(line, last)) = before.last() else {
            return;
        };
        let from = before.partition_point(|(l, _)| *l < line);
        let head = before.get(from..).unwrap_or(&[]);
        let word = |i: usize| head.get(i).map_or("", |(_, t)| t.text(self.source));
        let named = head.get(1).is_some_and(|(_, t)| t.kind == Kind::Word);
        let item =
            lex::ITEM_WORDS.contains(&word(0)) && !matches!(word(0), "use" | "param" | "let");
        let statement = matches!(word(0), "on" | "eval" | "checkpoint")
            && (0..head.len()).all(|i| !matches!(word(i), "=>" | "="));
        let block = named && (item || statement);
        let open = head
            .iter()
            .any(|(_, t)| matches!(t.kind, Kind::Open(b'{') | Kind::Close(b'}')));
        let text = next.text(self.source);
        let goes_on = matches!(next.kind, Kind::Open(_) | Kind::Close(_) | Kind::Punct)
            || (lex::HEAD_WORDS.contains(&text) && text != "on");
        let Some((_, first)) = head.first() else {
            return;
        };
        let indent = self.column(first.start);
        if !block || open || goes_on || self.column(next.start) <= indent {
            return;
        }
        self.missing_brace(head, last.end, indent, line);
    }

    /// Opens the block of a head at a place where its `{` should be.
    fn missing_brace(&mut self, head: &[(usize, Token)], at: usize, indent: usize, line: usize) {
        let word = |i: usize| head.get(i).map_or("", |(_, t)| t.text(self.source));
        let token = Token {
            kind: Kind::Open(b'{'),
            start: at,
            end: at,
        };
        let pipeline = word(0) == "pipeline";
        let mut e = error(
            "A0001",
            token,
            format!("`{} {}` has no `{{`", word(0), word(1)),
            "expected `{` here",
        );
        e.fix = Some((e.span, " {".to_owned()));
        self.scan.errors.push(e);
        self.scan.edits.push(Edit::insert(at, " {"));
        self.stack.push(Opener {
            token,
            byte: b'{',
            indent,
            line,
            pipeline,
            inside: false,
        });
    }

    /// `model critic net = mlp() }`: a `}` at the end of a head whose `{` is missing.
    fn head_closes(&mut self, before: &[(usize, Token)], indent: usize) {
        let Some(&(line, _)) = before.last() else {
            return;
        };
        let from = before.partition_point(|(l, _)| *l < line);
        let head = before.get(from..).unwrap_or(&[]);
        let head = head.get(..NEAR.min(head.len())).unwrap_or(&[]);
        let word = |i: usize| head.get(i).map_or("", |(_, t)| t.text(self.source));
        let opens = head.iter().any(|(_, t)| t.kind == Kind::Open(b'{'));
        let block = lex::ITEM_WORDS.contains(&word(0)) || matches!(word(0), "eval" | "checkpoint");
        let field = (1..head.len()).find(|&i| word(i + 1) == "=");
        if let Some((_, last)) = field
            .and_then(|i| head.get(i - 1))
            .filter(|_| block && !opens)
        {
            self.missing_brace(head, last.end, indent, line);
        }
    }

    /// A line that begins like an item or a statement ends what cannot go on over it.
    fn line_begins(&mut self, rest: &[(usize, Token)], indent: usize) {
        let word = |i: usize| {
            rest.get(i)
                .filter(|(line, _)| Some(*line) == rest.first().map(|r| r.0))
                .map_or("", |(_, t)| t.text(self.source))
        };
        let (first, second) = (word(0), word(1));
        let named = second.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '"');
        let item = lex::ITEM_WORDS.contains(&first) && named;
        let inner = lex::INNER_ITEM_WORDS.contains(&first);
        let field = {
            let mut i = 1;
            while word(i) == "." {
                i += 2;
            }
            matches!(word(i), "=" | "=>")
                && first.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        };
        let statement = match first {
            "until" | "expect" => second != "=" && second != ":",
            "eval" | "checkpoint" => second == "every" || second == "{",
            "without" => second == "{",
            "on" => named,
            _ => false,
        };
        if !(item || field || statement) {
            return;
        }
        while let Some(top) = self.stack.last() {
            let left = indent < top.indent || indent == top.indent && !(inner && top.pipeline);
            let over = top.inside || left && (item || indent > 0);
            if !over {
                break;
            }
            self.unclosed();
        }
    }

    /// A closer; `closers` are those after it on its line.
    fn close(
        &mut self,
        token: Token,
        byte: u8,
        (first, indent, line): (bool, usize, usize),
        closers: &[u8],
    ) {
        let wanted = partner(byte);
        // `f(a: b }, c)`: the `}` would close the block around, but the `)` is still to come.
        let here = |o: &Opener| o.line == line && o.inside && closers.contains(&partner(o.byte));
        if byte == b'}'
            && self.stack.last().is_some_and(here)
            && !self.stack.iter().any(|o| o.byte == b'{' && o.line == line)
        {
            self.stray(token, byte);
            return;
        }
        // A `}` at the indentation of an outer block closes that one.
        if byte == b'}' && first {
            let same = |o: &Opener| o.byte == b'{' && o.indent == indent;
            if self
                .stack
                .last()
                .is_some_and(|o| o.byte != b'{' || o.indent > indent)
                && self.stack.iter().any(same)
            {
                while self.stack.last().is_some_and(|o| !same(o)) {
                    self.unclosed();
                }
            }
        }
        if self.stack.last().is_some_and(|o| o.byte == wanted) {
            self.stack.pop();
            return;
        }
        let reach = |o: &&Opener| byte == b'}' || o.inside;
        let found = self
            .stack
            .iter()
            .rev()
            .take_while(reach)
            .any(|o| o.byte == wanted);
        if found {
            while self.stack.last().is_some_and(|o| o.byte != wanted) {
                self.unclosed();
            }
            self.stack.pop();
            return;
        }
        match self.stack.last().copied() {
            Some(top) if byte != b'}' && top.inside && top.byte != b'{' => {
                self.closes_other(token, byte);
            }
            _ => self.stray(token, byte),
        }
    }

    /// A closer of another kind than the innermost opener.
    fn closes_other(&mut self, token: Token, byte: u8) {
        let Some(top) = self.stack.pop() else {
            return;
        };
        let right = char::from(partner(top.byte));
        let (opened, closed) = (char::from(top.byte), char::from(byte));
        let message = format!("`{opened}` is closed by `{closed}`");
        let mut e = error(
            "A0002",
            token,
            message,
            &format!("`{right}` is wanted here"),
        );
        e.related
            .push((Span::new(top.token.start, top.token.end), OPENED.to_owned()));
        e.fix = Some((e.span, right.to_string()));
        self.scan.errors.push(e);
        self.scan.edits.push(Edit {
            start: token.start,
            end: token.end,
            text: right.to_string(),
        });
    }

    /// A closer that closes nothing.
    fn stray(&mut self, token: Token, byte: u8) {
        let mut e = error(
            "A0001",
            token,
            format!("`{}` closes nothing", char::from(byte)),
            "no bracket is open here",
        );
        e.help = Some("remove it, or open the bracket that it belongs to".to_owned());
        self.scan.errors.push(e);
        self.scan.edits.push(Edit {
            start: token.start,
            end: token.end,
            text: " ".to_owned(),
        });
    }

    /// The innermost bracket ends here though nobody closed it.
    fn unclosed(&mut self) {
        let Some(top) = self.stack.pop() else {
            return;
        };
        let right = char::from(partner(top.byte));
        self.scan
            .edits
            .push(Edit::insert(self.last, &right.to_string()));
        if self.quiet.contains(&top.line) {
            return;
        }
        let mut e = error(
            "A0002",
            top.token,
            format!("`{}` is never closed", char::from(top.byte)),
            OPENED,
        );
        e.help = Some(format!("close it with `{right}`"));
        if top.byte != b'{' {
            e.related.push((
                Span::new(self.last, self.last),
                format!("`{right}` may be missing here"),
            ));
            e.fix = Some((Span::new(self.last, self.last), right.to_string()));
        }
        self.scan.errors.push(e);
    }
}
