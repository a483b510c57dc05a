//! What should the message say at the place where pest stopped?  Words for people, and repairs of common mistakes.

use crate::ast::SyntaxError;
use crate::lex::{self, Kind, Token};
use crate::map::Map;
use crate::recover::Fragment;
use crate::tree::{Failure, Rule};

/// An explanation, in bytes of the fragment.
#[derive(Clone, Debug)]
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
    /// A repair that is certain: a range and what stands there instead.
    pub repair: Option<(usize, usize, String)>,
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
                .map(|(start, end, text)| (map.span(*start, *end), text.clone())),
        }
    }
}

/// Explains a failure.
pub fn explain(text: &str, what: Fragment, failure: &Failure) -> Advice {
    let _ = what;
    let tokens = lex::lex(text);
    let found = tokens
        .iter()
        .find(|t| t.start >= failure.at && !t.is_trivia());
    let (start, end) = found.map_or((failure.at, failure.at), |t| (t.start, t.end));
    Advice {
        code: "A0001",
        start,
        end,
        message: format!("unexpected {}", describe(text, found.copied())),
        label: wanted(&failure.wanted),
        help: None,
        repair: None,
    }
}

fn describe(text: &str, token: Option<Token>) -> String {
    match token {
        None => "end".to_owned(),
        Some(t) if t.kind == Kind::Text => "text".to_owned(),
        Some(t) => format!("`{}`", t.text(text)),
    }
}

fn wanted(rules: &[Rule]) -> String {
    format!("{rules:?}")
}
