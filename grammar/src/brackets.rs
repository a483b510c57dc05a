//! Are all brackets and texts closed, and is nothing nested too deep?  Asked before pest sees the text.
//!
//! pest would answer an open bracket with an error somewhere after it, and deep nesting with long work.  So the tokens are scanned once; what
//! is missing is put into a copy, and each repair is reported where the cause is: at the opener, guessed from lines and indentation.

use std::borrow::Cow;

use crate::ast::{Span, SyntaxError};
use crate::balance::{Balancer, OPENED};
use crate::lex::{self, Kind, Token, Tokens};
use crate::map::{Edit, Map};
use crate::quotes;

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
    /// First bytes of the brackets that the end of the file leaves open.
    pub unclosed: Vec<usize>,
    /// What was replaced, in the user's text; an empty span where something was put in.
    pub repaired: Vec<Span>,
}

/// What the scan finds.
#[derive(Debug, Default)]
pub struct Scan {
    /// Repairs, in any order.
    pub edits: Vec<Edit>,
    /// What was wrong.
    pub errors: Vec<SyntaxError>,
    /// Openers that the end of the file leaves open.
    pub unclosed: Vec<usize>,
    bad_numbers: Vec<Span>,
}

/// Scans a text, and repairs a copy where that is needed.  The tokens of a text without a slip are never held all at once.
pub fn prepare_text(source: &str) -> Prepared<'_> {
    if is_sound(source) {
        return Prepared {
            text: Cow::Borrowed(source),
            ..Prepared::default()
        };
    }
    prepare(source, &lex::lex(source))
}

/// Whether [`prepare`] would certainly find nothing.
pub fn is_sound(source: &str) -> bool {
    let (mut open, mut angles) = (Vec::new(), 0);
    let sound = |token: Token| {
        match token.kind {
            Kind::OpenText | Kind::OpenComment | Kind::BadNumber => return false,
            Kind::Punct if token.text(source) == "<" => angles += 1,
            Kind::Open(byte) => open.push(byte),
            Kind::Close(byte) => return open.pop() == Some(partner(byte)),
            _ => {}
        }
        angles <= DEPTH && open.len() <= DEPTH
    };
    !source.starts_with('\u{feff}') && Tokens::of(source).all(sound) && open.is_empty()
}

/// Whether a sound text ends with the `}` of a block, so that what follows can belong to no token of it.
pub fn is_ended(sound: &str) -> bool {
    let last = Tokens::of(sound).last();
    last.is_some_and(|token| token.kind == Kind::Close(b'}'))
}

/// The same for a text that is cut into tokens already.
pub fn prepare<'a>(source: &'a str, tokens: &[Token]) -> Prepared<'a> {
    let mut scan = Scan::default();
    let cut = quotes::cut_open_texts(source, tokens);
    let tokens = cut.as_deref().unwrap_or(tokens);
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
        unclosed: scan.unclosed,
        repaired: Vec::new(),
    };
    if !scan.edits.is_empty() {
        scan.edits.sort_by_key(|e| e.start);
        let spans = scan.edits.iter().map(|e| Span::new(e.start, e.end));
        prepared.repaired.extend(spans);
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

/// The other one of a pair.
pub fn partner(byte: u8) -> u8 {
    match byte {
        b'{' => b'}',
        b'(' => b')',
        b'[' => b']',
        b'}' => b'{',
        b')' => b'(',
        _ => b'[',
    }
}

/// An error at a token.
pub fn error(code: &'static str, token: Token, message: String, label: &str) -> SyntaxError {
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
                let rest = source.get(token.start..).unwrap_or("");
                let line = rest.split('\n').next().unwrap_or("").trim_end();
                let whole = Token {
                    end: token.start + line.len().max(1),
                    ..token
                };
                let mut e = error(
                    "A0003",
                    whole,
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
                let mut e = error("A0002", opener, "`/*` is never closed".to_owned(), OPENED);
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
        let spans = cuts.iter().map(|c| prepared.map.span(c.start, c.end));
        prepared.repaired.extend(spans);
        let (text, map) = Map::repair(&prepared.text, &cuts);
        prepared.map = map.within(0, &prepared.map);
        prepared.text = Cow::Owned(text);
    }
}
