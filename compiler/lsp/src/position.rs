//! Lines and columns as the editor counts them, and bytes.

use align_grammar::ast::Span;
use gen_lsp_types::{Position, Range};

/// What a column counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Bytes.
    Utf8,
    /// Units of UTF-16, which every editor knows.
    #[default]
    Utf16,
}

impl Encoding {
    /// As the protocol names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Utf16 => "utf-16",
        }
    }

    fn width(self, c: char) -> usize {
        match self {
            Encoding::Utf8 => c.len_utf8(),
            Encoding::Utf16 => c.len_utf16(),
        }
    }
}

/// The lines of a text.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
    encoding: Encoding,
}

impl<'t> Lines<'t> {
    /// Of a text.
    pub(crate) fn new(text: &'t str, encoding: Encoding) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
        let starts = std::iter::once(0).chain(breaks.map(|(i, _)| i + 1));
        Self {
            text,
            starts: starts.collect(),
            encoding,
        }
    }

    /// The byte of a position; one outside of the text is moved to the nearest inside.
    pub(crate) fn offset(&self, position: Position) -> u32 {
        let Some(&start) = self.starts.get(position.line as usize) else {
            return self.text.len() as u32;
        };
        let end = self.starts.get(position.line as usize + 1).copied();
        let line = self
            .text
            .get(start..end.unwrap_or(self.text.len()))
            .unwrap_or("");
        let line = line.trim_end_matches(['\n', '\r']);
        let mut column = 0;
        for (at, c) in line.char_indices() {
            // A column inside of a character is its start.
            if column + self.encoding.width(c) > position.character as usize {
                return (start + at) as u32;
            }
            column += self.encoding.width(c);
        }
        (start + line.len()) as u32
    }

    /// The position of a byte.
    pub(crate) fn position(&self, offset: u32) -> Position {
        let mut at = (offset as usize).min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let line = self.starts.partition_point(|s| *s <= at).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or(0);
        let before = self.text.get(start..at).unwrap_or("");
        let column: usize = match self.encoding {
            Encoding::Utf8 => before.len(),
            _ if before.is_ascii() => before.len(),
            Encoding::Utf16 => before.chars().map(char::len_utf16).sum(),
        };
        Position {
            line: line as u32,
            character: column as u32,
        }
    }

    /// The range of a span.
    pub(crate) fn range(&self, span: Span) -> Range {
        Range {
            start: self.position(span.start),
            end: self.position(span.end.max(span.start)),
        }
    }

    /// The span of a range; one whose ends are the wrong way round is turned.
    pub(crate) fn span(&self, range: Range) -> Span {
        let (a, b) = (self.offset(range.start), self.offset(range.end));
        Span {
            start: a.min(b),
            end: a.max(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Emoji (two units of UTF-16), CJK (one), a combining letter, Windows line ends.
    const TEXT: &str = "a🚀b\r\n学習e\u{301}x\n\nlast";

    #[test]
    fn every_byte_goes_to_a_position_and_back() {
        for encoding in [Encoding::Utf8, Encoding::Utf16] {
            let lines = Lines::new(TEXT, encoding);
            for (at, c) in TEXT.char_indices() {
                if c == '\n' && TEXT[..at].ends_with('\r') {
                    continue;
                }
                let there = lines.position(at as u32);
                assert_eq!(
                    lines.offset(there),
                    at as u32,
                    "{encoding:?} {at} {there:?}"
                );
            }
            assert_eq!(lines.position(9999), lines.position(TEXT.len() as u32));
        }
    }

    #[test]
    fn columns_count_what_was_agreed_on() {
        let at = |encoding| Lines::new(TEXT, encoding).position(5).character;
        assert_eq!((at(Encoding::Utf8), at(Encoding::Utf16)), (5, 3));
        let cjk = TEXT.find('e').unwrap_or(0) as u32;
        let at = |encoding| Lines::new(TEXT, encoding).position(cjk).character;
        assert_eq!((at(Encoding::Utf8), at(Encoding::Utf16)), (6, 2));
    }

    #[test]
    fn what_lies_outside_or_inside_of_a_character_is_moved() {
        let lines = Lines::new(TEXT, Encoding::Utf16);
        let offset = |line, character| lines.offset(Position { line, character });
        assert_eq!(offset(0, 2), 1, "between the halves of the rocket");
        assert_eq!(offset(0, 99), 6, "before the line's end");
        assert_eq!(offset(99, 0), TEXT.len() as u32);
    }
}
