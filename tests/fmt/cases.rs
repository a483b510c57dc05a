//! Pairs in Markdown: `## name`, a text as written, and what it becomes.  A pair without a second text is a fixed point.

use align_compiler::fmt;
use align_tests::{root, text_files};
use libtest_mimic::Trial;

/// One test a pair.
pub fn trials() -> Vec<Trial> {
    let mut out = Vec::new();
    for file in text_files() {
        if !file.path.starts_with("tests/fmt/cases/") {
            continue;
        }
        for pair in pairs(&file.text) {
            let path = file.path.clone();
            let name = format!("cases::{}", pair.name.replace(' ', "_"));
            out.push(Trial::test(name, move || {
                pair.hold(&path).map_err(Into::into)
            }));
        }
    }
    out
}

/// A text and what it becomes.
#[derive(Clone, Debug)]
struct Pair {
    name: String,
    texts: Vec<String>,
}

fn pairs(markdown: &str) -> Vec<Pair> {
    let mut out: Vec<Pair> = Vec::new();
    let mut open = false;
    for line in markdown.lines() {
        if let Some(name) = line.strip_prefix("## ").filter(|_| !open) {
            out.push(Pair {
                name: name.to_owned(),
                texts: Vec::new(),
            });
        } else if line.starts_with("```") {
            open = !open;
            if let Some(pair) = out.last_mut().filter(|_| open) {
                pair.texts.push(String::new());
            }
        } else if let Some(text) = out
            .last_mut()
            .and_then(|p| p.texts.last_mut())
            .filter(|_| open)
        {
            text.push_str(line);
            text.push('\n');
        }
    }
    out
}

impl Pair {
    fn hold(&self, path: &str) -> Result<(), String> {
        let (Some(before), Some(after)) = (self.texts.first(), self.texts.last()) else {
            return Err("no text".to_owned());
        };
        let found = fmt::try_format(before).map_err(|e| format!("refused: {e:?}"))?;
        if &found != after {
            if std::env::var_os("ALIGN_BLESS").is_some() && self.texts.len() > 1 {
                return bless(path, after, &found);
            }
            return Err(format!("wanted\n{after}\nfound\n{found}"));
        }
        let again = fmt::format(&found);
        if again != found {
            return Err(format!("formatted again it is\n{again}"));
        }
        Ok(())
    }
}

/// Writes the new text in place of the old one.
fn bless(path: &str, old: &str, new: &str) -> Result<(), String> {
    let path = root().join(path);
    let text = std::fs::read_to_string(&path).map_err(|e| e.to_string())?;
    let (old, new) = (format!("```align\n{old}```"), format!("```align\n{new}```"));
    std::fs::write(path, text.replacen(&old, &new, 1)).map_err(|e| e.to_string())
}
