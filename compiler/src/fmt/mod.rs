//! How should a program look?  One style, without options.
//!
//! Works on the lossless tree and never on the typed one, so that comments stay with their tokens and broken parts stay as they are.
//! [`format`] hands the input back rather than a text that says something else.

mod blocks;
mod inline;
mod page;
mod same;
mod trivia;

use align_grammar::ast::Span;
use align_grammar::lex::{Kind, lex};
use align_grammar::tree_with_repairs;

use inline::Writer;
pub use page::WIDTH;
pub use same::Damage;

/// Formats a text.  Never fails: a text that cannot be laid out safely comes back as it is.
///
/// Line ends stay what they are in the first line; a byte order mark is dropped.
pub fn format(text: &str) -> String {
    try_format(text).unwrap_or_else(|_| text.to_owned())
}

/// Formats a text, or says what a formatted one would lose.  An error here is a fault of the formatter, not of the program.
pub fn try_format(text: &str) -> Result<String, Damage> {
    // A second mark is no mark, but a character that does not belong there.
    let marked = text.strip_prefix('\u{feff}');
    let plain = marked
        .filter(|rest| !rest.starts_with('\u{feff}'))
        .unwrap_or(text);
    let windows = plain
        .split_once('\n')
        .is_some_and(|(first, _)| first.ends_with('\r'));
    let mut unix = std::borrow::Cow::Borrowed(plain);
    // More than one `\r` before a line's end would be one less each time.
    while unix.contains("\r\n") {
        unix = unix.replace("\r\n", "\n").into();
    }
    let plain = unix.as_ref();
    let out = if unended(plain) {
        plain.to_owned()
    } else {
        safest(plain)?
    };
    Ok(if windows {
        out.replace('\n', "\r\n")
    } else {
        out
    })
}

/// Whether a comment has no end, so that nothing is known of what follows.
fn unended(text: &str) -> bool {
    text.contains("/*") && lex(text).iter().any(|t| t.kind == Kind::OpenComment)
}

/// The laid out text; where the shape of a broken item is too much of a guess, with such items as they are.
fn safest(text: &str) -> Result<String, Damage> {
    let mut last = Damage::default();
    for coarse in [false, true] {
        let out = settled(text, coarse);
        match if out == text {
            Ok(())
        } else {
            same::compare(text, &out)
        } {
            Ok(()) => return Ok(out),
            Err(damage) => last = damage,
        }
    }
    Err(last)
}

/// Layouts of odd texts until one stays as it is: a comment that had to move, or a broken part, may settle only then.
const ROUNDS: usize = 4;

fn settled(text: &str, coarse: bool) -> String {
    let (mut out, mut unsettled) = lay_out(text, coarse);
    for _ in 1..ROUNDS {
        if !unsettled {
            break;
        }
        let (next, _) = lay_out(&out, coarse);
        unsettled = next != out;
        out = next;
    }
    out
}

/// The laid out text, unchecked, and whether another layout may differ.
fn lay_out(text: &str, coarse: bool) -> (String, bool) {
    let (root, mut repaired) = tree_with_repairs(text);
    if root.first_child().is_none() && root.text().to_string().trim().is_empty() {
        return (String::new(), false);
    }
    repaired.sort_by_key(|s: &Span| (s.start, s.end));
    let mut writer = Writer::new(text, repaired);
    writer.coarse = coarse;
    writer.file(&root);
    let (sections, unsettled) = (writer.sections, writer.unsettled);
    let printed = page::print(&writer.ops);
    let mut forced = blocks::forced_blanks(&sections, &printed.marks).into_iter();
    let mut next = forced.next();
    let mut lines: Vec<page::Line> = Vec::with_capacity(printed.lines.len());
    for (at, line) in printed.lines.into_iter().enumerate() {
        if next == Some(at) {
            next = forced.next();
            if lines.last().is_some_and(|last| !last.is_empty()) {
                lines.push(page::Line::default());
            }
        }
        lines.push(line);
    }
    // Only now, for an empty line parts the comments around it.
    page::align_comments(&mut lines);
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for line in &lines {
        out.push_str(&line.text);
        out.push('\n');
    }
    (out, unsettled)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_and_marks_and_empty_files() {
        assert_eq!(format(""), "");
        assert_eq!(format(" \n\t\n"), "");
        assert_eq!(format("align 1"), "align 1\n");
        assert_eq!(format("\u{feff}align   1\n\n\n"), "align 1\n");
        assert_eq!(
            format("align 1\r\n\r\n\r\nlet a=1\r\n// é\r\n"),
            "align 1\r\n\r\nlet a = 1\r\n// é\r\n"
        );
        assert_eq!(format("// only words"), "// only words\n");
        assert_eq!(format("\tlet\ta =\t1 // b\t"), "let a = 1  // b\n");
    }

    #[test]
    fn a_text_whose_layout_would_lose_something_is_refused() {
        for (before, after) in [
            ("let a = 1\n", "let a = 2\n"),
            ("let a = 1 // b\n", "let a = 1\n"),
            ("let a = 5\nlet b = 1\n", "let a = 5 let b = 1 x\n"),
            ("model m { a = 5\n s = 1 }\n", "model m { a = 5 s = 1 }\n"),
        ] {
            assert!(same::compare(before, after).is_err(), "{before}");
        }
        let same = (
            "model m { a = 5, s = [1,], }",
            "model m {\n  a = 5\n  s = [1]\n}",
        );
        assert!(same::compare(same.0, same.1).is_ok());
    }
}
