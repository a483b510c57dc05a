//! Where does the author say that a finding is meant so?  `// align: allow(rule, rule) why`.

use std::collections::BTreeSet;

use align_grammar::lex::{Kind, lex};

/// Rules that are silent, by line (from 1).
#[derive(Debug, Default)]
pub struct Allowed {
    lines: BTreeSet<(u32, String)>,
}

impl Allowed {
    /// Reads the comments of a text: one behind code speaks of its line, one alone of the next line with code.
    pub fn of(text: &str) -> Self {
        let mut out = Self::default();
        if !text.contains("align: allow(") {
            return out;
        }
        let mut line = 1;
        let mut code_on_line = false;
        // Rules that wait for the next line with code.
        let mut waiting: Vec<String> = Vec::new();
        for token in lex(text) {
            let said = token.text(text);
            match token.kind {
                Kind::Comment if code_on_line => {
                    out.lines.extend(names(said).map(|n| (line, n)));
                }
                Kind::Comment => waiting.extend(names(said)),
                Kind::Blank | Kind::Doc => {}
                _ => {
                    code_on_line = true;
                    out.lines.extend(waiting.drain(..).map(|n| (line, n)));
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
        self.lines.contains(&(line, rule.to_owned()))
    }
}

/// The rules of `// align: allow(a, b)`.
fn names(comment: &str) -> impl Iterator<Item = String> + '_ {
    let inside = comment
        .split_once("align: allow(")
        .and_then(|(_, rest)| rest.split_once(')'))
        .map_or("", |(names, _)| names);
    let names = inside.split(',').map(|n| n.trim().to_owned());
    names.filter(|n| !n.is_empty())
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
