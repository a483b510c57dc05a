//! Are all brackets and texts closed, and is nothing nested too deep?  Asked before pest sees the text.
//!
//! pest would answer an open bracket with an error somewhere after it, and deep nesting with long work.  So the tokens are scanned once; what
//! is missing is put into a copy, and each repair is reported where the cause is: at the opener, guessed from lines and indentation.

use std::borrow::Cow;

use crate::ast::{Span, SyntaxError};
use crate::lex::{self, Kind, Token};
use crate::map::{Edit, Map};

/// How deep brackets may be nested.
pub const DEPTH: usize = 64;

/// A text that pest can take.
#[derive(Debug, Default)]
pub struct Prepared<'a> {
    /// With every bracket closed.
    pub text: Cow<'a, str>,
    /// Back to the user's text.
    pub map: Map,
    /// What was wrong.
    pub errors: Vec<SyntaxError>,
    /// Numbers that are none; their values must not be used.
    pub bad_numbers: Vec<Span>,
}

/// What the scan finds.
#[derive(Debug, Default)]
struct Scan {
    edits: Vec<Edit>,
    errors: Vec<SyntaxError>,
    bad_numbers: Vec<Span>,
}

/// Label of an opener.
const OPENED: &str = "opened here";

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

/// Scans a text, and repairs a copy where that is needed.
pub fn prepare<'a>(source: &'a str, tokens: &[Token]) -> Prepared<'a> {
    let mut scan = Scan::default();
    // A byte order mark is no part of the text.
    if source.starts_with('\u{feff}') {
        scan.edits.push(Edit {
            start: 0,
            end: '\u{feff}'.len_utf8(),
            text: String::new(),
        });
    }
    single_tokens(source, tokens, &mut scan);
    let balance = balance(tokens);
    if balance.is_none() {
        Balancer::new(source, tokens, &mut scan).run();
    }
    let deep = balance.is_none_or(|deepest| deepest > DEPTH);
    let mut prepared = Prepared {
        text: Cow::Borrowed(source),
        map: Map::default(),
        errors: scan.errors,
        bad_numbers: scan.bad_numbers,
    };
    if !scan.edits.is_empty() {
        scan.edits.sort_by_key(|e| e.start);
        let (text, map) = Map::repair(source, &scan.edits);
        prepared.text = Cow::Owned(text);
        prepared.map = map;
    }
    if deep {
        cut_too_deep(&mut prepared);
    }
    prepared
}

/// The deepest level, if all brackets match: the fast answer for a file without a slip.
fn balance(tokens: &[Token]) -> Option<usize> {
    let mut open = Vec::new();
    let mut deepest = 0;
    for token in tokens {
        match token.kind {
            Kind::Open(byte) => {
                open.push(byte);
                deepest = deepest.max(open.len());
            }
            Kind::Close(byte) if open.pop() != Some(partner(byte)) => return None,
            _ => {}
        }
    }
    open.is_empty().then_some(deepest)
}

fn partner(byte: u8) -> u8 {
    match byte {
        b'{' => b'}',
        b'(' => b')',
        b'[' => b']',
        b'}' => b'{',
        b')' => b'(',
        _ => b'[',
    }
}

fn error(code: &'static str, token: Token, message: String, label: &str) -> SyntaxError {
    SyntaxError {
        code,
        span: Span::new(token.start, token.end),
        message,
        label: label.to_owned(),
        related: Vec::new(),
        help: None,
        fix: None,
    }
}

/// Texts and comments that do not end, numbers that are none, types nested too deep.
fn single_tokens(source: &str, tokens: &[Token], scan: &mut Scan) {
    let mut before = ["", ""];
    let mut angles = 0;
    for &token in tokens {
        let text = token.text(source);
        match token.kind {
            Kind::OpenText => {
                let mut e = error(
                    "A0003",
                    token,
                    "this text is not ended".to_owned(),
                    "no `\"` before the end of the line",
                );
                e.help = Some("close it with `\"`".to_owned());
                e.fix = Some((Span::new(token.end, token.end), "\"".to_owned()));
                scan.errors.push(e);
                // A backslash at the end would hide the quote that is put there.
                let slashes = text.bytes().rev().take_while(|&b| b == b'\\').count();
                let quote = if slashes % 2 == 1 { "\\\"" } else { "\"" };
                scan.edits.push(Edit::insert(token.end, quote));
            }
            Kind::OpenComment => {
                let opener = Token {
                    end: token.start + 2,
                    ..token
                };
                let mut e = error(
                    "A0002",
                    opener,
                    "`/*` is never closed".to_owned(),
                    "opened here",
                );
                e.help = Some("end the comment with `*/`".to_owned());
                scan.errors.push(e);
                scan.edits.push(Edit::insert(token.end, "*/"));
            }
            Kind::BadNumber => {
                scan.errors.push(bad_number(source, token));
                scan.bad_numbers.push(Span::new(token.start, token.end));
                scan.edits.push(Edit {
                    start: token.start,
                    end: token.end,
                    text: "1".repeat(text.len()),
                });
            }
            Kind::Punct if text == "<" => {
                angles = if before[0] == "<" { angles + 1 } else { 1 };
                if angles == DEPTH + 1 {
                    scan.errors.push(deep(token));
                }
                if angles > DEPTH {
                    scan.edits.push(Edit {
                        start: token.start,
                        end: token.end,
                        text: ",".to_owned(),
                    });
                }
            }
            _ => {}
        }
        if !token.is_trivia() {
            before = [before[1], text];
        }
    }
}

fn bad_number(source: &str, token: Token) -> SyntaxError {
    let text = token.text(source);
    let mut e = error(
        "A0004",
        token,
        format!("`{text}` is not a number"),
        "malformed",
    );
    let digits = text.trim_end_matches(['K', '.', 'e', 'E', '+', '-', '_']);
    let plain = digits
        .bytes()
        .all(|b| b.is_ascii_digit() || b == b'_' || b == b'.');
    if text.ends_with('K') && plain {
        e.help = Some("a thousand is a small `k`".to_owned());
        e.fix = Some((e.span, format!("{digits}k")));
    } else if text.matches('.').count() > 1 {
        e.help = Some("a number has one decimal point".to_owned());
    } else if text.ends_with('.') && plain {
        e.help = Some("digits follow the decimal point".to_owned());
        e.fix = Some((e.span, digits.to_owned()));
    } else if text.starts_with("0x") || text.starts_with("0b") || text.starts_with("0o") {
        e.help = Some("numbers are written in decimal".to_owned());
    } else if text.ends_with(['e', 'E', '+', '-']) {
        e.help = Some("an exponent needs digits, as in `3e-4`".to_owned());
    } else {
        e.help = Some("write it as in `32`, `0.5`, `3e-4` or `20k`".to_owned());
    }
    e
}

fn deep(token: Token) -> SyntaxError {
    let mut e = error(
        "A0007",
        token,
        format!("nested deeper than {DEPTH}"),
        "one level too many opens here",
    );
    e.help = Some("give the inner part a name with `let`".to_owned());
    e
}

/// Empties what is nested too deep, in a text whose brackets match.
fn cut_too_deep(prepared: &mut Prepared<'_>) {
    let tokens = lex::lex(&prepared.text);
    let mut depth = 0usize;
    let mut from = None;
    let mut cuts: Vec<Edit> = Vec::new();
    for token in tokens {
        match token.kind {
            Kind::Open(byte) => {
                depth += 1;
                if depth == DEPTH + 1 {
                    from = Some((token, byte));
                }
            }
            Kind::Close(_) => {
                if depth == DEPTH + 1
                    && let Some((opener, byte)) = from.take()
                {
                    if cuts.is_empty() {
                        let mut e = deep(opener);
                        e.span = prepared.map.span(opener.start, opener.end);
                        prepared.errors.push(e);
                    }
                    cuts.push(Edit {
                        start: opener.end,
                        end: token.start,
                        text: if byte == b'{' { "" } else { "0" }.to_owned(),
                    });
                }
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
    }
    if !cuts.is_empty() {
        let (text, map) = Map::repair(&prepared.text, &cuts);
        prepared.map = map.within(0, &prepared.map);
        prepared.text = Cow::Owned(text);
    }
}

/// Finds what is missing by lines and indentation, in a text whose brackets do not match.
struct Balancer<'a> {
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
    fn new(source: &'a str, tokens: &'a [Token], scan: &'a mut Scan) -> Self {
        Self {
            source,
            tokens,
            scan,
            stack: Vec::new(),
            last: 0,
            quiet: Vec::new(),
        }
    }

    fn run(&mut self) {
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
                Kind::Close(byte) => self.close(token, byte, first, indent),
                _ => {}
            }
            before = token.text(self.source);
            self.last = token.end;
        }
        // What is open where a comment swallows the rest may be closed in there.
        if self.tokens.iter().any(|t| t.kind == Kind::OpenComment) {
            self.quiet.extend(self.stack.iter().map(|o| o.line));
        }
        while !self.stack.is_empty() {
            self.unclosed();
        }
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
        let block = lex::ITEM_WORDS.contains(&word(0))
            && !matches!(word(0), "use" | "param" | "let")
            && head.get(1).is_some_and(|(_, t)| t.kind == Kind::Word);
        let open = head
            .iter()
            .any(|(_, t)| matches!(t.kind, Kind::Open(b'{') | Kind::Close(_)));
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
        let at = Token {
            start: last.end,
            end: last.end,
            ..last
        };
        let mut e = error(
            "A0001",
            at,
            format!("`{} {}` has no `{{`", word(0), word(1)),
            "expected `{` at the end of this line",
        );
        e.fix = Some((e.span, " {".to_owned()));
        self.scan.errors.push(e);
        self.scan.edits.push(Edit::insert(last.end, " {"));
        self.stack.push(Opener {
            token: at,
            byte: b'{',
            indent,
            line,
            pipeline: word(0) == "pipeline",
            inside: false,
        });
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

    fn close(&mut self, token: Token, byte: u8, first: bool, indent: usize) {
        let wanted = partner(byte);
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
                let right = char::from(partner(top.byte));
                let mut e = error(
                    "A0002",
                    token,
                    format!(
                        "`{}` is closed by `{}`",
                        char::from(top.byte),
                        char::from(byte)
                    ),
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
                self.stack.pop();
            }
            _ => {
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
        }
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
