//! Markdown pages (of codes and builtins) on a terminal.  Knows headings, code, emphasis and lists; anything else is shown as it is.

use super::term::{Look, Tone};

/// Renders a page, wrapped to the width; without colours it is the wrapped Markdown without its marks.
pub(crate) fn render(text: &str, look: &Look) -> String {
    let width = look.width.min(100);
    let mut out = String::new();
    let mut code = false;
    let mut paragraph = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            flush(&mut out, &mut paragraph, look, width);
            code = !code;
            continue;
        }
        if code {
            out.push_str(&format!("    {}\n", look.paint(Tone::Accent, line)));
            continue;
        }
        let heading = line.trim_start_matches('#');
        if heading.len() < line.len() && heading.starts_with(' ') {
            flush(&mut out, &mut paragraph, look, width);
            out.push_str(&look.paint(Tone::Bold, &inline(heading.trim(), &plain(look))));
            out.push('\n');
        } else if line.trim().is_empty() {
            flush(&mut out, &mut paragraph, look, width);
            if !out.is_empty() && !out.ends_with("\n\n") {
                out.push('\n');
            }
        } else {
            if is_item(line) {
                flush(&mut out, &mut paragraph, look, width);
            }
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(if paragraph.is_empty() {
                line.trim_end()
            } else {
                line.trim()
            });
        }
    }
    flush(&mut out, &mut paragraph, look, width);
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn plain(look: &Look) -> Look {
    Look {
        colour: false,
        ..*look
    }
}

fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("- ") || line.starts_with("* ") || line.starts_with("| ")
}

fn flush(out: &mut String, paragraph: &mut String, look: &Look, width: usize) {
    if paragraph.is_empty() {
        return;
    }
    let hang = if is_item(paragraph) { "  " } else { "" };
    let mut wrapped = String::new();
    let mut column = 0;
    for word in paragraph.split_whitespace() {
        let shown = word.chars().filter(|c| *c != '`').count();
        if column > 0 && column + 1 + shown > width {
            wrapped.push('\n');
            wrapped.push_str(hang);
            column = hang.len();
        } else if column > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += shown;
    }
    // Code may span words, so marks are read after wrapping.
    out.push_str(&inline(&wrapped, look));
    out.push('\n');
    paragraph.clear();
}

/// `code` in colour, `**bold**` in bold; without colours code keeps its backticks.
fn inline(text: &str, look: &Look) -> String {
    let mut out = String::new();
    for (i, part) in text.split('`').enumerate() {
        if i % 2 == 1 {
            if look.colour {
                out.push_str(&look.paint(Tone::Accent, part));
            } else {
                out.push_str(&format!("`{part}`"));
            }
        } else {
            out.push_str(&part.replace("**", ""));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A5003: this rule can never fire\n\nThe `patience` is too long,\nso it waits.\n\n- one\n- two\n\n```align\nalign 1\n```\n";

    fn look(colour: bool, width: usize) -> Look {
        Look {
            terminal: colour,
            colour,
            width,
        }
    }

    #[test]
    fn a_page_is_readable_without_colours() {
        assert_eq!(
            render(PAGE, &look(false, 80)),
            "A5003: this rule can never fire\n\nThe `patience` is too long, so it waits.\n\n- one\n- two\n\n    align 1\n"
        );
    }

    #[test]
    fn colours_replace_marks() {
        let text = render(PAGE, &look(true, 80));
        assert!(text.starts_with("\x1b[1mA5003"), "{text:?}");
        assert!(text.contains("\x1b[36mpatience\x1b[0m"));
        assert!(!text.contains('`'));
    }

    #[test]
    fn paragraphs_wrap() {
        let text = render(
            "one two three four five six seven eight nine ten eleven twelve",
            &look(false, 40),
        );
        assert!(text.lines().all(|l| l.len() <= 40));
        assert_eq!(text.lines().count(), 2);
    }
}
