//! Where was the `"` meant that is missing?  Guessed for a line with a text that does not end, so that its brackets and commas are read.
//!
//! A text of the language is a name, a path or a pattern: it holds no bracket, and rarely a comma.

use crate::lex::{self, Kind, Token};

/// The tokens with each text that does not end cut where its `"` belongs; nothing if every text ends.
pub fn cut_open_texts(source: &str, tokens: &[Token]) -> Option<Vec<Token>> {
    if !tokens.iter().any(|t| t.kind == Kind::OpenText) {
        return None;
    }
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len() + 16);
    for &token in tokens {
        if token.kind != Kind::OpenText {
            out.push(token);
            continue;
        }
        let line = source
            .get(..token.start)
            .and_then(|s| s.rfind('\n'))
            .map_or(0, |at| at + 1);
        // With a `"` missing early in a line, all later ones open what they should close.
        let from = out.partition_point(|t| t.start < line);
        let first = (from..out.len()).find(|&i| {
            let next = out.get(i + 1).unwrap_or(&token);
            out.get(i).is_some_and(|t| t.kind == Kind::Text)
                && matches!(next.kind, Kind::Word | Kind::Number)
        });
        let (keep, start) = match first.and_then(|i| Some((i, out.get(i)?.start))) {
            Some(found) => found,
            None => (out.len(), token.start),
        };
        let rest = source.get(start..token.end).unwrap_or("");
        let before = out.get(..keep).unwrap_or(&[]);
        let used = before.iter().rev().find(|t| !t.is_trivia());
        let length = text_length(rest, used.is_some_and(|t| t.text(source) == "use"));
        let tail = rest.get(length..).unwrap_or("");
        if length == rest.len() || tail.contains("/*") {
            out.push(token);
            continue;
        }
        out.truncate(keep);
        out.push(Token {
            kind: Kind::OpenText,
            start,
            end: start + length,
        });
        out.extend(lex::lex(tail).into_iter().map(|t| Token {
            start: t.start + start + length,
            end: t.end + start + length,
            ..t
        }));
    }
    Some(out)
}

/// How much of the rest of a line, from its `"` on, is the text.
fn text_length(rest: &str, file: bool) -> usize {
    const NAME: &str = ".align";
    if file && let Some(at) = rest.find(NAME) {
        return at + NAME.len();
    }
    let inner = rest.get(1..).unwrap_or("");
    let end = inner.find([',', ';', '{', '}', '(', ')', '[', ']', '"']);
    let end = end.unwrap_or(inner.len());
    1 + inner.get(..end).unwrap_or("").trim_end().len()
}
