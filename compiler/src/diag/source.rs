//! The text that diagnostics point into, and where a byte stands for people.

use align_grammar::ast::Span;

/// A file of the program; the first one read is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A place for people: both count from 1, columns in Unicode characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// One file.
#[derive(Clone, Debug)]
pub struct Source {
    /// As named on the command line or by `use`.
    pub path: String,
    /// Its text.
    pub text: String,
    /// First byte of each line.
    lines: Vec<u32>,
    /// Whether every character is a byte, so that columns need no counting.
    ascii: bool,
}

impl Source {
    /// Indexes a text.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let breaks = text.match_indices('\n');
        let lines = std::iter::once(0)
            .chain(breaks.map(|(at, _)| at as u32 + 1))
            .collect();
        Self {
            path: path.into(),
            ascii: text.is_ascii(),
            text,
            lines,
        }
    }

    /// Where a byte stands; one beyond the end, or inside a character, is moved back.
    pub fn place(&self, offset: u32) -> Place {
        let offset = self.clamp_offset(offset);
        let line = self
            .lines
            .partition_point(|start| *start as usize <= offset)
            .max(1);
        let start = self.lines.get(line - 1).map_or(0, |s| *s as usize);
        let before = self.text.get(start..offset).unwrap_or("");
        let columns = if self.ascii {
            before.len()
        } else {
            before.chars().count()
        };
        Place {
            line: line as u32,
            column: columns as u32 + 1,
        }
    }

    /// Where a byte stands when columns count bytes instead of characters.
    pub fn place_in_bytes(&self, offset: u32) -> Place {
        let offset = self.clamp_offset(offset);
        let line = self.place(offset as u32).line;
        let start = self.lines.get(line as usize - 1).map_or(0, |s| *s as usize);
        Place {
            line,
            column: (offset - start) as u32 + 1,
        }
    }

    /// First byte of a line (from 1).
    pub fn line_start(&self, line: u32) -> Option<usize> {
        let index = (line as usize).checked_sub(1)?;
        self.lines.get(index).map(|start| *start as usize)
    }

    /// Whether this is a file, and not the text of a `--set`.
    pub fn is_file(&self) -> bool {
        !self.path.starts_with("--")
    }

    /// The text of a line (from 1) without its end.
    pub fn line(&self, line: u32) -> &str {
        let index = (line as usize).saturating_sub(1);
        let Some(start) = self.lines.get(index) else {
            return "";
        };
        let end = self
            .lines
            .get(index + 1)
            .map_or(self.text.len(), |e| *e as usize);
        let text = self.text.get(*start as usize..end).unwrap_or("");
        text.trim_end_matches(['\n', '\r'])
    }

    /// A span moved inside the text and onto character borders.
    pub fn clamp(&self, span: Span) -> Span {
        let start = self.clamp_offset(span.start);
        Span::new(start, self.clamp_offset(span.end).max(start))
    }

    /// The text of a span; empty when it lies outside.
    pub fn slice(&self, span: Span) -> &str {
        let span = self.clamp(span);
        self.text
            .get(span.start as usize..span.end as usize)
            .unwrap_or("")
    }

    fn clamp_offset(&self, offset: u32) -> usize {
        let mut at = (offset as usize).min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// Every file that a check has read.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// Adds a file.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<String>) -> FileId {
        self.push(Source::new(path, text))
    }

    /// Adds a file that is already indexed.
    pub fn push(&mut self, source: Source) -> FileId {
        self.files.push(source);
        FileId(self.files.len() as u32 - 1)
    }

    /// The file, if it is one of these.
    pub fn get(&self, file: FileId) -> Option<&Source> {
        self.files.get(file.0 as usize)
    }

    /// The file of this path.
    pub fn find(&self, path: &str) -> Option<FileId> {
        let at = self.files.iter().position(|f| f.path == path)?;
        Some(FileId(at as u32))
    }

    /// Every file with its id, in the order read.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &Source)> {
        self.files
            .iter()
            .enumerate()
            .map(|(i, f)| (FileId(i as u32), f))
    }

    /// Path of a file; empty for one that is not here.
    pub fn path(&self, file: FileId) -> &str {
        self.get(file).map_or("", |f| f.path.as_str())
    }

    /// Start and end of a span for people.
    pub fn places(&self, file: FileId, span: Span) -> (Place, Place) {
        let origin = Place { line: 1, column: 1 };
        self.get(file).map_or((origin, origin), |source| {
            let span = source.clamp(span);
            (source.place(span.start), source.place(span.end))
        })
    }

    /// The text of a span.
    pub fn slice(&self, file: FileId, span: Span) -> &str {
        self.get(file).map_or("", |source| source.slice(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_and_survive_offsets_outside_the_text() {
        let source = Source::new("a.align", "x = \"é\"\r\nβ = 2\n");
        let at = |o| {
            let p = source.place(o);
            (p.line, p.column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(7), (1, 7), "after the two bytes of the letter");
        assert_eq!(at(6), (1, 6), "inside a letter is its start");
        assert_eq!(at(10), (2, 1));
        assert_eq!(at(12), (2, 2));
        assert_eq!(at(18), (3, 1), "the end stands on the empty last line");
        assert_eq!(at(999), (3, 1));
        assert_eq!(
            (source.line(1), source.line(2), source.line(9)),
            ("x = \"é\"", "β = 2", "")
        );
        assert_eq!(source.slice(Span::new(10, 12)), "β");
        assert_eq!(source.slice(Span::new(10, 9999)), "β = 2\n");
    }
}
