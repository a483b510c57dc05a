//! Diagnostics for people: the lines of the program with everything that matters marked in them, then the ways out.
//!
//! miette draws the marked lines through one adapter type, a frame for each file; head and foot are ours.

use std::fmt;

use align_grammar::ast::Span;
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode, SourceSpan, ThemeStyles,
};

use super::excerpt::{Excerpt, shown};
use super::{SHOWN, more, summary};
use crate::diag::{Diagnostic, FileId, Severity, Source, Sources};

/// Longest marked range, in lines; of a longer one only the first line is marked.
const TALL: u32 = 8;

/// Columns before a line of the program.
const GUTTER: usize = 9;

/// What the terminal can do.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Whether to write ANSI colours.
    pub colour: bool,
    /// Columns.
    pub width: usize,
}

/// Every diagnostic, at most [`SHOWN`], then the summary.  Expects sorted diagnostics; empty when there is none.
pub fn full(sources: &Sources, diagnostics: &[Diagnostic], look: Look) -> String {
    let mut out = String::new();
    for d in diagnostics.iter().take(SHOWN) {
        head(&mut out, d, look);
        frames(&mut out, sources, d, look);
        foot(&mut out, d, look);
        out.push('\n');
    }
    if let Some(line) = summary(diagnostics) {
        out.push_str(&line);
        out.push('\n');
    }
    out
}

fn head(out: &mut String, d: &Diagnostic, look: Look) {
    let tag = format!("{}[{}]", d.severity.word(), d.code);
    let message: String = format!(": {}", d.message).chars().map(shown).collect();
    out.push_str(&paint(&tag, tone(d.severity), look));
    // The head line wraps under its message.
    let text = wrap(&message, look.width, tag.chars().count(), 4);
    out.push_str(&paint(&text, BOLD, look));
    out.push('\n');
}

fn foot(out: &mut String, d: &Diagnostic, look: Look) {
    let mut line = |tag: &str, text: &str| {
        let indent = tag.chars().count() + 3;
        out.push_str("  ");
        out.push_str(&paint(tag, CYAN, look));
        let text: String = text.chars().map(shown).collect();
        out.push_str(&wrap(&format!(" {text}"), look.width, indent - 1, indent));
        out.push('\n');
    };
    if let Some(help) = &d.help {
        line("help:", help);
    }
    if let Some(fix) = &d.fix {
        let said = |text: &str| {
            let ticked = format!("`{}`", text.trim());
            d.help.as_deref().is_some_and(|help| help.contains(&ticked))
        };
        // A fix that the help already spells out is not said again.
        if !matches!(fix.edits.as_slice(), [one] if said(&one.text)) {
            let tag = if fix.safe {
                "fix (safe):"
            } else {
                "fix (a guess):"
            };
            line(tag, &fix.title);
        }
    }
    line("more:", &more(d.code));
}

/// One frame for each file, the diagnostic's own first.
fn frames(out: &mut String, sources: &Sources, d: &Diagnostic, look: Look) {
    let mut files = vec![d.file];
    for label in &d.labels {
        if !files.contains(&label.file) {
            files.push(label.file);
        }
    }
    for file in files {
        let Some(source) = sources.get(file) else {
            continue;
        };
        // Of an empty file there is nothing to draw; the head names it.
        if source.text.trim().is_empty() {
            continue;
        }
        let frame = Frame::new(d, file, source, look);
        let mut text = String::new();
        let handler = GraphicalReportHandler::new_themed(theme(d, &frame, look))
            .with_width(look.width)
            .with_links(false)
            .with_context_lines(1)
            .with_cause_chain();
        if handler.render_report(&mut text, &frame).is_err() {
            continue;
        }
        // The adapter has no message of its own: what stands before the first frame is an empty line.
        let body = text.split_once('\n').map_or("", |(_, body)| body);
        for line in body.lines() {
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
}

/// Marks of one diagnostic in one file, as miette wants them.
#[derive(Debug)]
struct Frame {
    source: Excerpt,
    marks: Vec<(LabeledSpan, bool)>,
}

impl Frame {
    fn new(d: &Diagnostic, file: FileId, source: &Source, look: Look) -> Self {
        let mut labels: Vec<(Span, &str, bool)> = Vec::new();
        if file == d.file {
            labels.push((visible(source, d.span), &d.label, true));
        }
        for label in d.labels.iter().filter(|l| l.file == file) {
            labels.push((visible(source, label.span), &label.text, false));
        }
        let spans: Vec<Span> = labels.iter().map(|(span, _, _)| *span).collect();
        let excerpt = Excerpt::new(source, &spans, look.width.saturating_sub(GUTTER));
        let mut marks: Vec<(LabeledSpan, bool)> = labels
            .into_iter()
            .map(|(span, text, primary)| {
                let text: String = text.chars().map(shown).collect();
                let text = Some(text).filter(|t| !t.is_empty());
                let at = excerpt.at(span.start as usize)..excerpt.at(span.end as usize);
                let mark = if primary {
                    LabeledSpan::new_primary_with_span(text, SourceSpan::from(at))
                } else {
                    LabeledSpan::new_with_span(text, SourceSpan::from(at))
                };
                (mark, primary)
            })
            .collect();
        marks.sort_by_key(|(mark, primary)| (mark.offset(), !primary));
        Self {
            source: excerpt,
            marks,
        }
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Frame {}

impl miette::Diagnostic for Frame {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.marks.iter().map(|(mark, _)| mark.clone())))
    }
}

/// A span that can be seen: inside the text, at least one character wide, not too tall, and not on an empty last line.
fn visible(source: &Source, span: Span) -> Span {
    let mut span = source.clamp(span);
    let (first, last) = (source.place(span.start).line, source.place(span.end).line);
    if last - first > TALL {
        let tail = source.slice(span);
        let line = tail.lines().next().map_or(0, |l| l.trim_end().len());
        span.end = span.start + line as u32;
    }
    if span.start == span.end {
        let rest = source.text.get(span.start as usize..).unwrap_or("");
        match rest.chars().next() {
            Some(c) if !c.is_whitespace() => span.end += c.len_utf8() as u32,
            // At the end of a line or of the file, the last character before is marked.
            _ => {
                let before = source.text.get(..span.start as usize).unwrap_or("");
                let trimmed = before.trim_end();
                if let Some(c) = trimmed.chars().next_back() {
                    span = Span::new(trimmed.len() - c.len_utf8(), trimmed.len());
                }
            }
        }
    }
    span
}

fn theme(d: &Diagnostic, frame: &Frame, look: Look) -> GraphicalTheme {
    let mut theme = GraphicalTheme::unicode_nocolor();
    theme.characters.error = String::new();
    theme.characters.rarrow = '─';
    if look.colour {
        theme.styles = ThemeStyles::ansi();
        let plain = ThemeStyles::ansi();
        // miette hands its styles out to the marks in their order, so that this decides each mark's colour.
        theme.styles.highlights = frame
            .marks
            .iter()
            .map(|(_, primary)| match (primary, d.severity) {
                (true, Severity::Error) => plain.error.bold(),
                (true, Severity::Warning) => plain.warning.bold(),
                (true, Severity::Note) | (false, _) => plain.advice,
            })
            .collect();
        theme.styles.link = plain.linum;
    }
    theme
}

const BOLD: &str = "1";
const CYAN: &str = "36";

fn tone(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "1;31",
        Severity::Warning => "1;33",
        Severity::Note => "1;36",
    }
}

fn paint(text: &str, code: &str, look: Look) -> String {
    if look.colour {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// Breaks at blanks so that no line is wider than `width`, when `used` columns stand before it; later lines are indented.
///
/// Code between backticks stays on one line where it can.
fn wrap(text: &str, width: usize, used: usize, indent: usize) -> String {
    let mut out = String::new();
    let mut column = used;
    for (i, word) in words(text, width.saturating_sub(indent)).enumerate() {
        let size = word.chars().count();
        if i > 0 && column + 1 + size > width && column > indent {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if i > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += size;
    }
    out
}

/// Parts between blanks; code between backticks is one part unless it is wider than `most`.
fn words(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let left = rest?;
        let plain = left.find(' ');
        let whole = left.char_indices().scan(false, |code, (at, c)| {
            *code ^= c == '`';
            Some((at, c == ' ' && !*code))
        });
        let whole = whole.into_iter().find(|(_, end)| *end).map(|(at, _)| at);
        let fits = whole.map_or(left, |at| left.get(..at).unwrap_or(left));
        let end = if fits.chars().count() <= most {
            whole
        } else {
            plain
        };
        let (word, after) = match end {
            Some(at) => (left.get(..at)?, left.get(at + 1..)),
            None => (left, None),
        };
        rest = after;
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_stays_on_one_line_where_it_can() {
        let text = "make pairs: `dataset x { count = 1 pairs }` and go on";
        assert_eq!(
            wrap(text, 44, 6, 8),
            "make pairs:\n        `dataset x { count = 1 pairs }` and\n        go on"
        );
        assert_eq!(
            wrap("`far too long for one line`", 20, 0, 4),
            "`far too long for\n    one line`"
        );
        assert_eq!(wrap("an odd ` tick", 80, 0, 0), "an odd ` tick");
    }
}
