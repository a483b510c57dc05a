//! Which comments belong to which token?
//!
//! A comment on the line of a token, with nothing after it, trails that token; any other leads the next one.  So every comment is
//! printed with some token, and none can be lost.

use std::ops::Range;

use align_grammar::lex::{Kind, Token, lex};

/// A comment.
#[derive(Clone, Copy, Debug)]
pub struct Comment<'a> {
    /// As written, blanks at its end left out.
    pub text: &'a str,
    /// First byte.
    pub start: usize,
    /// Whether a line begins with it.
    pub own_line: bool,
    /// Whether an empty line stands before it.
    pub blank: bool,
}

/// A token that says something, with its comments as ranges of [`Trivia::comments`].
#[derive(Clone, Debug)]
pub struct Word<'a> {
    /// As written.
    pub text: &'a str,
    /// First byte.
    pub start: usize,
    /// Comments before it.
    pub lead: Range<usize>,
    /// Comments behind it on its line.
    pub trail: Range<usize>,
    /// Whether a line ends between the token before and this one.
    pub new_line: bool,
    /// Whether an empty line stands before it (after its comments).
    pub blank: bool,
}

impl Word<'_> {
    /// One past the last byte.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// The tokens of a text with their comments; the last token is the end of the text.
#[derive(Debug)]
pub struct Trivia<'a> {
    /// Tokens that say something.
    pub words: Vec<Word<'a>>,
    /// Comments, in order.
    pub comments: Vec<Comment<'a>>,
}

impl<'a> Trivia<'a> {
    /// Of a text.
    pub fn new(text: &'a str) -> Self {
        let mut out = Trivia {
            words: Vec::with_capacity(text.len() / 5 + 1),
            comments: Vec::new(),
        };
        let mut gap = Gap::default();
        for token in lex(text) {
            match token.kind {
                Kind::Blank => gap.blank(token.text(text)),
                Kind::Comment | Kind::OpenComment => out.comment(text, token, &mut gap),
                _ => out.word(token.text(text), token.start, token.kind, &mut gap),
            }
        }
        out.word("", text.len(), Kind::Blank, &mut gap);
        out
    }

    /// The token at a place; the end of the text for one that nothing is.
    pub fn at(&self, index: usize) -> Option<&Word<'a>> {
        self.words.get(index).or(self.words.last())
    }

    /// Index of the first token that begins at or after a byte.
    pub fn index(&self, byte: usize) -> usize {
        self.words.partition_point(|w| w.start < byte)
    }

    /// Whether an empty line stands before a token and its comments.
    pub fn blank_before(&self, index: usize) -> bool {
        let Some(word) = self.at(index) else {
            return false;
        };
        match self.comments.get(word.lead.start) {
            Some(first) if !word.lead.is_empty() => first.blank,
            _ => word.blank,
        }
    }

    fn comment(&mut self, text: &'a str, token: Token, gap: &mut Gap) {
        self.comments.push(Comment {
            text: token.text(text).trim_end(),
            start: token.start,
            own_line: gap.lines > 0 || self.words.is_empty(),
            blank: gap.lines > 1,
        });
        gap.lines = 0;
    }

    /// Which comments have lines of their own: those of several lines, and those that no token follows on their line.
    fn settle(&mut self, all: Range<usize>, followed: bool) {
        let mut followed = followed;
        for comment in self
            .comments
            .get_mut(all)
            .unwrap_or(&mut [])
            .iter_mut()
            .rev()
        {
            let first = comment.own_line;
            if comment.text.contains('\n') || comment.text.starts_with("//") {
                comment.own_line = true;
            } else if followed {
                comment.own_line = false;
            }
            followed &= !first;
        }
    }

    fn word(&mut self, text: &'a str, start: usize, kind: Kind, gap: &mut Gap) {
        let all = gap.first..self.comments.len();
        let said = self.comments.get(all.clone()).unwrap_or(&[]);
        let beside = said.iter().take_while(|c| !c.own_line).count();
        // `a /* b */ c`: what another token follows on its line leads that one.
        let inline = beside == said.len() && gap.lines == 0 && kind != Kind::Blank;
        let cut = all.start + if inline { 0 } else { beside };
        self.settle(all.clone(), gap.lines == 0 && kind != Kind::Blank);
        if let Some(last) = self.words.last_mut() {
            last.trail = all.start..cut;
        }
        self.words.push(Word {
            text,
            start,
            lead: cut..all.end,
            trail: 0..0,
            new_line: gap.any,
            blank: gap.lines > 1,
        });
        *gap = Gap {
            first: all.end,
            ..Gap::default()
        };
    }
}

/// What was seen since the last token.
#[derive(Debug, Default)]
struct Gap {
    /// Line ends since the last token or comment.
    lines: usize,
    /// Whether there is any line end.
    any: bool,
    /// The first comment.
    first: usize,
}

impl Gap {
    fn blank(&mut self, text: &str) {
        self.lines += text.bytes().filter(|b| *b == b'\n').count();
        self.any |= self.lines > 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each token with what leads it and what trails it.
    fn shown(text: &str) -> Vec<String> {
        let trivia = Trivia::new(text);
        let list = |range: &Range<usize>| {
            let comments = trivia.comments.get(range.clone()).unwrap_or(&[]);
            comments.iter().map(|c| c.text).collect::<Vec<_>>().join("")
        };
        let word = |w: &Word<'_>| format!("{}<{}>{}", list(&w.lead), w.text, list(&w.trail));
        trivia.words.iter().map(word).collect()
    }

    #[test]
    fn a_comment_trails_what_stands_before_it_on_its_line_and_leads_otherwise() {
        assert_eq!(
            shown("// a\nx /* b */ = 1 /* c */ // d\n\n// e\n/* f */ y // g"),
            [
                "// a<x>",
                "/* b */<=>",
                "<1>/* c */// d",
                "// e/* f */<y>// g",
                "<>"
            ]
        );
        let trivia = Trivia::new("x\n\n// e\n\ny");
        assert!(trivia.blank_before(1) && trivia.at(1).is_some_and(|w| w.blank));
        assert!(!Trivia::new("x\n// e\n\ny").blank_before(1));
    }
}
