//! The lines around the marks of one file, as they can be drawn: long lines shortened around what is marked, and nothing in them
//! that a terminal would obey.

use align_grammar::ast::Span;
use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::diag::Source;

/// Characters kept on both sides of a mark in a line that is too long.
const AROUND: usize = 16;

/// Least room for a line, however narrow the screen.
const LEAST: usize = 40;

/// A window of a file.
#[derive(Debug)]
pub(super) struct Excerpt {
    name: String,
    text: String,
    /// Lines of the file before the first one here.
    before: usize,
    /// Where pieces of the file stand in `text`, in order.
    pieces: Vec<Piece>,
    /// Start of each mark in `text`, and its column in the file from 0, in characters.
    columns: Vec<(usize, usize)>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    /// In the file.
    from: usize,
    /// In the text.
    to: usize,
    /// Whether it stands for something else, so that nothing inside it can be pointed at.
    solid: bool,
}

impl Excerpt {
    /// The lines of the marks with one more before and after, each at most about `room` columns.
    pub(super) fn new(source: &Source, marks: &[Span], room: usize) -> Self {
        let room = room.max(LEAST);
        let line = |offset| source.place(offset).line;
        let first = marks.iter().map(|m| line(m.start)).min().unwrap_or(1);
        let last = marks.iter().map(|m| line(m.end)).max().unwrap_or(1);
        let first = first.saturating_sub(1).max(1);
        let mut out = Self {
            name: source.path.chars().map(shown).collect(),
            text: String::new(),
            before: first as usize - 1,
            pieces: Vec::new(),
            columns: Vec::new(),
        };
        for n in first..=last + 1 {
            let Some(start) = source.line_start(n) else {
                break;
            };
            let text = source.line(n);
            // The empty last line after a final line break is none.
            if start == source.text.len() && n > last {
                break;
            }
            let end = start + text.len();
            let mut kept = Vec::new();
            for mark in marks {
                let (s, e) = (mark.start as usize, mark.end as usize);
                if s <= end && e >= start {
                    kept.push((s.max(start) - start, e.min(end) - start));
                }
            }
            out.line(start, text, &ranges(text, &kept, room));
        }
        out.columns = marks
            .iter()
            .map(|m| {
                (
                    out.at(m.start as usize),
                    source.place(m.start).column as usize - 1,
                )
            })
            .collect();
        out
    }

    /// Where an offset of the file stands in the text.
    pub(super) fn at(&self, offset: usize) -> usize {
        let after = self.pieces.partition_point(|p| p.from <= offset);
        let next = self.pieces.get(after).map_or(self.text.len(), |p| p.to);
        let Some(piece) = after.checked_sub(1).and_then(|i| self.pieces.get(i)) else {
            return 0;
        };
        match (piece.solid, offset - piece.from) {
            (_, 0) => piece.to,
            (true, _) => next,
            (false, further) => (piece.to + further).min(next),
        }
    }

    /// Adds a line of which only these ranges are kept.
    fn line(&mut self, start: usize, text: &str, ranges: &[(usize, usize)]) {
        let mut done = 0;
        for &(from, to) in ranges {
            self.skip(start, done, from);
            self.piece(start + from, false);
            for (at, c) in text.get(from..to).unwrap_or("").char_indices() {
                if shown(c) == c {
                    self.text.push(c);
                } else {
                    self.piece(start + from + at, true);
                    self.text.push(shown(c));
                    self.piece(start + from + at + c.len_utf8(), false);
                }
            }
            done = to;
        }
        self.skip(start, done, text.len());
        self.piece(start + text.len(), true);
        self.text.push('\n');
    }

    fn skip(&mut self, start: usize, from: usize, to: usize) {
        if from < to {
            self.piece(start + from, true);
            self.text.push('…');
        }
    }

    fn piece(&mut self, from: usize, solid: bool) {
        let to = self.text.len();
        self.pieces.push(Piece { from, to, solid });
    }
}

/// Which bytes of a line are kept: all of a short one, what is around the marks of a long one.
fn ranges(text: &str, marks: &[(usize, usize)], room: usize) -> Vec<(usize, usize)> {
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    if starts.len() <= room {
        return vec![(0, text.len())];
    }
    let byte = |index: usize| starts.get(index).copied().unwrap_or(text.len());
    let index = |byte: usize| starts.partition_point(|at| *at < byte);
    if marks.is_empty() {
        return vec![(0, byte(room - 1))];
    }
    let mut kept: Vec<(usize, usize)> = marks
        .iter()
        .map(|&(s, e)| {
            let (s, e) = (index(s), index(e));
            let low = s.saturating_sub(AROUND);
            // What is left out must be longer than the sign that stands for it.
            let low = if low <= 4 { 0 } else { low };
            (low, (e + AROUND).min(low + room - 2))
        })
        .collect();
    kept.sort_unstable();
    let mut out: Vec<(usize, usize)> = Vec::new();
    for (low, high) in kept {
        match out.last_mut() {
            Some(last) if low <= last.1 + 4 => last.1 = last.1.max(high),
            _ => out.push((low, high)),
        }
    }
    // One mark near the start leaves room to its right.
    if let [only] = out.as_mut_slice() {
        only.1 = only.1.max(only.0 + room - 2);
    }
    out.into_iter()
        .map(|(low, high)| (byte(low), byte(high)))
        .collect()
}

/// A character as it may be written to a terminal: controls and marks that turn the direction of text are shown as signs.
pub(super) fn shown(c: char) -> char {
    match c {
        '\t' => '\t',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{2028}'
        | '\u{2029}' => '\u{fffd}',
        c => c,
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.text.read_span(span, before, after)?;
        // miette counts bytes of what is drawn; people count characters of the file.
        let column = match self.columns.iter().find(|(at, _)| *at == span.offset()) {
            Some((_, column)) if before == 0 => *column,
            _ => inner.column(),
        };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            inner.data(),
            *inner.span(),
            self.before + inner.line(),
            column,
            inner.line_count(),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(text: &str, word: &str, room: usize) -> (Excerpt, String) {
        let source = Source::new("a.align", text);
        let start = text.find(word).unwrap_or(0);
        let mark = Span::new(start, start + word.len());
        let out = Excerpt::new(&source, &[mark], room);
        let marked = out.text[out.at(start)..out.at(start + word.len())].to_owned();
        (out, marked)
    }

    #[test]
    fn a_mark_stays_on_its_word() {
        for text in [
            "one\r\ntwo β\u{1b}[0m word\r\nthree",
            "word",
            "\tword\n",
            "é\u{202e}word\u{0}",
        ] {
            let (out, marked) = excerpt(text, "word", 80);
            assert_eq!(marked, "word", "{text:?} {out:?}");
            assert!(!out.text.contains(['\u{1b}', '\r', '\u{202e}']), "{out:?}");
        }
    }

    #[test]
    fn a_long_line_is_shortened_around_its_mark() {
        let long = format!("{} word {}", "é".repeat(500), "x".repeat(500));
        let (out, marked) = excerpt(&long, "word", 60);
        assert_eq!(marked, "word");
        let line = out.text.lines().next().unwrap_or("");
        assert!(line.chars().count() <= 61, "{line}");
        assert!(line.starts_with('…') && line.ends_with('…'), "{line}");
        assert_eq!(out.columns, [(out.at(1001), 501)]);
        let (out, marked) = excerpt(&long, "é", 60);
        assert_eq!(marked, "é");
        assert!(out.text.starts_with('é'));
    }

    #[test]
    fn only_the_lines_around_are_taken() {
        let lines: Vec<String> = (0..1000).map(|n| format!("line {n}")).collect();
        let text = lines.join("\n");
        let (out, marked) = excerpt(&text, "line 500", 80);
        assert_eq!(marked, "line 500");
        assert_eq!(out.text, "line 499\nline 500\nline 501\n");
        assert_eq!(out.before, 499);
    }
}
