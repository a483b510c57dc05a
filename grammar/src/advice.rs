//! What should the message say at the place where pest stopped?  Common mistakes first, each with its own advice and repair, then what could
//! stand there.
//!
//! It works on the tokens of the fragment and on the rules that pest tried; it does not parse.

use crate::ast::SyntaxError;
use crate::lex::{self, Kind, Token};
use crate::map::Map;
use crate::recover::Fragment;
use crate::tree::{Failure, Rule};
use crate::words::{describe, expected};

/// An explanation, in bytes of the fragment.
#[derive(Clone, Debug, Default)]
pub struct Advice {
    /// A0001 and others.
    pub code: &'static str,
    /// First byte.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// One sentence.
    pub message: String,
    /// What is said at the place.
    pub label: String,
    /// A way out.
    pub help: Option<String>,
    /// A likely repair: a range and what stands there instead.
    pub repair: Option<(usize, usize, String)>,
    /// Whether the repair is a name that only the author can give, and so no fix.
    pub unnamed: bool,
}

impl Advice {
    /// The message in the user's text.
    pub fn error(&self, map: &Map) -> SyntaxError {
        SyntaxError {
            code: self.code,
            span: map.span(self.start, self.end),
            message: self.message.clone(),
            label: self.label.clone(),
            related: Vec::new(),
            help: self.help.clone(),
            fix: self
                .repair
                .as_ref()
                .filter(|_| !self.unnamed)
                .map(|(start, end, text)| (map.span(*start, *end), text.clone())),
        }
    }

    pub fn at(token: Token, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            code: "A0001",
            start: token.start,
            end: token.end,
            message: message.into(),
            label: label.into(),
            help: None,
            repair: None,
            unnamed: false,
        }
    }

    pub fn between(
        start: usize,
        end: usize,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        Self {
            code: "A0001",
            start,
            end,
            message: message.into(),
            label: label.into(),
            help: None,
            repair: None,
            unnamed: false,
        }
    }

    pub fn code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Replaces the place itself.
    pub fn replace(mut self, text: impl Into<String>) -> Self {
        self.repair = Some((self.start, self.end, text.into()));
        self
    }

    pub fn repair(mut self, start: usize, end: usize, text: impl Into<String>) -> Self {
        self.repair = Some((start, end, text.into()));
        self
    }
}

/// The place where pest stopped.
pub struct Place<'a> {
    pub text: &'a str,
    pub what: Fragment,
    /// Tokens that say something.
    pub tokens: Vec<Token>,
    /// Index of the token that was not taken.
    pub found: usize,
    pub wanted: &'a [Rule],
    /// Byte of the innermost open bracket, and whether it opens arguments.
    pub bracket: Option<(u8, bool)>,
    /// What stands before the fragment on its line.
    pub before: Option<&'a str>,
}

/// Explains a failure; `before` is the last word before the fragment if it is on the same line.
pub fn explain(text: &str, what: Fragment, failure: &Failure, before: Option<&str>) -> Advice {
    let mut tokens = lex::lex(text);
    tokens.retain(|t| !t.is_trivia() && t.kind != Kind::Doc);
    let found = tokens.partition_point(|t| t.start < failure.at);
    let place = Place {
        text,
        what,
        bracket: bracket(text, tokens.get(..found).unwrap_or(&[])),
        tokens,
        found,
        wanted: &failure.wanted,
        before,
    };
    place
        .strange()
        .or_else(|| place.body_for_value())
        .or_else(|| place.opening())
        .or_else(|| place.parameters())
        .or_else(|| place.swallowed())
        .or_else(|| place.sign())
        .or_else(|| place.no_name())
        .or_else(|| place.name())
        .or_else(|| place.value())
        .or_else(|| place.after_value())
        .or_else(|| place.head())
        .unwrap_or_else(|| place.plain())
}

/// The innermost bracket that is open after some tokens.
fn bracket(text: &str, tokens: &[Token]) -> Option<(u8, bool)> {
    let mut open = Vec::new();
    let mut before: Option<Token> = None;
    for &token in tokens {
        match token.kind {
            Kind::Open(byte) => {
                let call = byte == b'('
                    && before.is_some_and(|t| t.kind == Kind::Word || t.text(text) == ")");
                open.push((byte, call));
            }
            Kind::Close(_) => {
                open.pop();
            }
            _ => {}
        }
        before = Some(token);
    }
    open.pop()
}

impl Place<'_> {
    pub fn token(&self, at: usize) -> Option<Token> {
        self.tokens.get(at).copied()
    }

    pub fn word(&self, at: usize) -> &str {
        self.token(at).map_or("", |t| t.text(self.text))
    }

    pub fn here(&self) -> Option<Token> {
        self.token(self.found)
    }

    pub fn previous(&self) -> Option<Token> {
        self.token(self.found.checked_sub(1)?)
    }

    pub fn previous_text(&self) -> &str {
        self.previous().map_or("", |t| t.text(self.text))
    }

    /// End of the last token before the place.
    pub fn edge(&self) -> usize {
        self.previous().map_or(0, |t| t.end)
    }

    pub fn wants(&self, test: impl Fn(Rule) -> bool) -> bool {
        self.wanted.iter().any(|&r| test(r))
    }

    pub fn closer(&self) -> Option<u8> {
        self.bracket.map(|(byte, _)| match byte {
            b'{' => b'}',
            b'(' => b')',
            _ => b']',
        })
    }

    /// `stage rl`, `field `batch``: what the fragment defines, for a message.
    pub fn subject(&self) -> Option<String> {
        let (first, second) = (self.token(0)?, self.token(1));
        let word = first.text(self.text);
        match self.what {
            Fragment::Item | Fragment::ItemIn => {
                let name = second.filter(|t| t.kind == Kind::Word)?;
                lex::ITEM_WORDS
                    .contains(&word)
                    .then(|| format!("`{word} {}`", name.text(self.text)))
            }
            _ => (first.kind == Kind::Word).then(|| format!("`{word}`")),
        }
    }

    /// What could stand here.
    fn plain(&self) -> Advice {
        let shown = describe(self.text, self.here(), self.what);
        let label = expected(self.wanted, self.closer(), self.what);
        if let Some(here) = self.here() {
            return Advice::at(here, format!("unexpected {shown}"), label);
        }
        let edge = self.edge();
        Advice::between(edge, edge, format!("unexpected {shown}"), label)
    }
}
