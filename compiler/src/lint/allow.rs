//! Where does the author say that a finding is meant so?  `// align: allow(rule, rule) why`.

use align_grammar::ast::Span;
use align_grammar::lex::{Kind, lex};

/// A rule that a comment names.
#[derive(Clone, Debug)]
pub struct Allow {
    /// The rule, or what should have been one.
    pub rule: String,
    /// Where its name stands.
    pub span: Span,
    /// The line that the comment speaks of, from 1.
    pub line: u32,
}

/// What the comments of a text allow.
#[derive(Debug, Default)]
pub struct Allowed {
    /// In order.
    pub all: Vec<Allow>,
}

impl Allowed {
    /// Reads the comments of a text: one behind code speaks of its line, one alone of the next line with code.
    pub fn of(text: &str) -> Self {
        let mut out = Self::default();
        if !text.contains(OPENING) {
            return out;
        }
        let mut line = 1;
        let mut code_on_line = false;
        // From here on they wait for the next line with code.
        let mut waiting = 0;
        for token in lex(text) {
            let said = token.text(text);
            match token.kind {
                Kind::Comment => {
                    out.all.extend(names(said).map(|(rule, start)| Allow {
                        rule: rule.to_owned(),
                        span: Span::new(token.start + start, token.start + start + rule.len()),
                        line,
                    }));
                    if code_on_line {
                        waiting = out.all.len();
                    }
                }
                Kind::Blank | Kind::Doc => {}
                _ => {
                    code_on_line = true;
                    for allow in out.all.iter_mut().skip(waiting) {
                        allow.line = line;
                    }
                    waiting = out.all.len();
                }
            }
            let ends = said.bytes().filter(|b| *b == b'\n').count() as u32;
            if ends > 0 {
                line += ends;
                code_on_line = false;
            }
        }
        out
    }

    /// Whether a rule is silent on a line.
    pub fn covers(&self, rule: &str, line: u32) -> bool {
        self.all.iter().any(|a| a.line == line && a.rule == rule)
    }
}

const OPENING: &str = "align: allow(";

/// The rules of `// align: allow(a, b)`, each with its first byte.
fn names(comment: &str) -> impl Iterator<Item = (&str, usize)> {
    let start = comment.find(OPENING).map(|at| at + OPENING.len());
    let inside = start.and_then(|at| comment.get(at..)?.split_once(')'));
    let mut at = start.unwrap_or(0);
    let names = inside.map_or("", |(names, _)| names).split(',');
    names
        .map(move |name| {
            let blanks = name.len() - name.trim_start().len();
            let here = at + blanks;
            at += name.len() + 1;
            (name.trim(), here)
        })
        .filter(|(name, _)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_speaks_of_its_line_or_of_the_next_with_code() {
        let allowed = Allowed::of(
            "a = 1 // align: allow(x, y) as it is\n\n// align: allow(z) why\n// more words\n/// docs\nb = 2\nc = 3\n",
        );
        for (rule, line, wanted) in [
            ("x", 1, true),
            ("y", 1, true),
            ("x", 2, false),
            ("z", 6, true),
            ("z", 7, false),
        ] {
            assert_eq!(allowed.covers(rule, line), wanted, "{rule} {line}");
        }
    }
}
