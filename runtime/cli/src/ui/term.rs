//! Whether there are colours, how wide the screen is, and where text goes: data to standard output, the rest to standard error.

use std::io::{IsTerminal, Write};

/// A tone that a terminal may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// What is looked for first.
    Bold,
    /// What may be skipped.
    Dim,
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// Worth a look.
    Warn,
    /// Names and links.
    Accent,
}

/// What one output stream can do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Whether a person looks at it.
    pub(crate) terminal: bool,
    /// Whether ANSI colours are wanted.
    pub(crate) colour: bool,
    /// Columns.
    pub(crate) width: usize,
}

impl Look {
    /// Of standard output.
    pub(crate) fn out() -> Self {
        Self::of(std::io::stdout().is_terminal())
    }

    /// Of standard error.
    pub(crate) fn err() -> Self {
        Self::of(std::io::stderr().is_terminal())
    }

    fn of(terminal: bool) -> Self {
        let var = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let dumb = var("TERM").is_some_and(|t| t == "dumb");
        Self {
            terminal: terminal && !dumb,
            colour: colour(&var, terminal),
            width: width(&var),
        }
    }

    /// Colours a text, or not.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Bold => "1",
            Tone::Dim => "2",
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Warn => "33",
            Tone::Accent => "36",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// <https://no-color.org> and <https://bixense.com/clicolors>.
fn colour(var: &dyn Fn(&str) -> Option<String>, terminal: bool) -> bool {
    if var("NO_COLOR").is_some() {
        return false;
    }
    if var("CLICOLOR_FORCE").is_some_and(|v| v != "0") {
        return true;
    }
    terminal && var("CLICOLOR").is_none_or(|v| v != "0") && var("TERM").is_none_or(|t| t != "dumb")
}

/// `COLUMNS` before the terminal's own word; 100 where there is neither.
fn width(var: &dyn Fn(&str) -> Option<String>) -> usize {
    let asked = var("COLUMNS").and_then(|c| c.parse().ok());
    let found = || {
        let err = terminal_size::terminal_size_of(std::io::stderr());
        let size = err.or_else(|| terminal_size::terminal_size_of(std::io::stdout()));
        size.map(|(w, _)| usize::from(w.0))
    };
    asked
        .or_else(found)
        .filter(|w| *w > 0)
        .unwrap_or(100)
        .clamp(40, 400)
}

/// Writes data.  A reader that went away (`align doc | head`) is no error.
pub(crate) fn out(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Writes a line of data.
pub(crate) fn outln(text: &str) {
    out(&format!("{text}\n"));
}

/// Writes a line for people.
pub(crate) fn errln(text: &str) {
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// Writes `error: ..` for people, with a way out.
pub(crate) fn fail(message: &str, help: Option<&str>) {
    let look = Look::err();
    errln(&format!("{}: {message}", look.paint(Tone::Bad, "error")));
    if let Some(help) = help {
        errln(&format!("  {} {help}", look.paint(Tone::Accent, "help:")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(vars: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        move |name| {
            vars.iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned())
        }
    }

    #[test]
    fn colours_follow_the_common_variables() {
        assert!(colour(&with(&[]), true));
        assert!(!colour(&with(&[]), false));
        assert!(!colour(
            &with(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]),
            true
        ));
        assert!(colour(&with(&[("CLICOLOR_FORCE", "1")]), false));
        assert!(!colour(&with(&[("CLICOLOR", "0")]), true));
        assert!(!colour(&with(&[("TERM", "dumb")]), true));
    }

    #[test]
    fn the_width_that_is_asked_for_wins() {
        assert_eq!(width(&with(&[("COLUMNS", "60")])), 60);
        assert_eq!(width(&with(&[("COLUMNS", "3")])), 40);
    }
}
