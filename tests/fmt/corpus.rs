//! Every program of the repository, whole, cut anywhere and mutated: formatted it says the same, and formatted twice it is the same.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use align_compiler::{Options, World, check, fmt, plan};
use align_grammar::lex::{Kind, lex};
use align_tests::pinned::diff;
use align_tests::{TextFile, root, text_files};
use libtest_mimic::Trial;

/// Programs whose form is their subject, or whose lines transcripts name.
const FREE: [&str; 4] = [
    "tests/corpus/everything.align",
    "tests/corpus/valid/words.align",
    "tests/cli/files/",
    "editors/",
];

/// Mutations of each program.
const MUTATIONS: u32 = 150;

/// Three tests a program.
pub fn trials() -> Vec<Trial> {
    let programs: Vec<TextFile> = text_files()
        .into_iter()
        // What is broken there is meant to be.
        .filter(|f| f.extension() == "align" && !f.path.starts_with("tests/corpus/broken/"))
        .collect();
    let mut out = Vec::new();
    for program in &programs {
        type Run = fn(&TextFile) -> Result<(), String>;
        let tests: [(&str, Run); 4] = [
            ("is_formatted", is_formatted),
            ("says_the_same", says_the_same),
            ("cut", cut),
            ("mutated", mutated),
        ];
        for (name, run) in tests {
            let program = program.clone();
            out.push(Trial::test(
                format!("corpus::{}::{name}", program.path),
                move || run(&program).map_err(Into::into),
            ));
        }
    }
    out
}

/// With `ALIGN_BLESS=1` it is written formatted.
fn is_formatted(file: &TextFile) -> Result<(), String> {
    if FREE.iter().any(|free| file.path.starts_with(free)) {
        return Ok(());
    }
    let found = fmt::try_format(&file.text).map_err(|e| format!("refused: {e:?}"))?;
    if found == file.text {
        return Ok(());
    }
    if std::env::var_os("ALIGN_BLESS").is_some() {
        return std::fs::write(root().join(&file.path), found).map_err(|e| e.to_string());
    }
    Err(format!("`align fmt {}` changes it to\n{found}", file.path))
}

/// One text.
struct One<'a>(&'a str);

impl World for One<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        match path {
            "main.align" => Ok(self.0.to_owned()),
            other => std::fs::read_to_string(root().join(other)).map_err(|e| e.to_string()),
        }
    }
}

/// Codes of a text, and its plan without the places.
fn meaning(text: &str) -> (BTreeSet<&'static str>, Option<String>) {
    let checked = check(&One(text), "main.align", &Options::default());
    let codes = checked.diagnostics.iter().map(|d| d.code).collect();
    let plan = plan(&checked).map(|plan| {
        let mut text = String::new();
        for node in &plan.nodes {
            let fields: Vec<_> = node.fields.iter().map(|(k, f)| (k, &f.value)).collect();
            let rules = (
                &node.budget,
                &node.until,
                &node.eval,
                &node.keep,
                &node.arms,
            );
            let _ = writeln!(text, "{} {fields:?} {:?} {rules:?}", node.id, node.needs);
        }
        text
    });
    (codes, plan)
}

/// Formatting keeps tokens, comments and meaning, and does nothing the second time; what is refused does not parse.
fn holds(text: &str) -> Result<(), String> {
    let once = match fmt::try_format(text) {
        Ok(once) => once,
        Err(_) if is_broken(text) => return Ok(()),
        Err(damage) => return Err(format!("refused: {damage:?}\n{text}")),
    };
    let twice = fmt::format(&once);
    if once != twice {
        return Err(format!(
            "from\n{text}\nonce, then twice\n{}",
            diff(&once, &twice)
        ));
    }
    let comments = |text: &str| {
        let tokens = lex(text).into_iter();
        let said =
            tokens.filter(|t| matches!(t.kind, Kind::Comment | Kind::OpenComment | Kind::Doc));
        said.count()
    };
    if comments(text) != comments(&once) {
        return Err(format!("comments were lost\n{}", diff(text, &once)));
    }
    Ok(())
}

fn is_broken(text: &str) -> bool {
    !align_grammar::parse(text).errors.is_empty()
}

fn means_the_same(text: &str) -> Result<(), String> {
    let once = fmt::format(text);
    if is_broken(text) {
        // Of several slips on a line one is reported, and a separator that is missing is a matter of lines.
        return Ok(());
    }
    if once != text && meaning(text) != meaning(&once) {
        let (a, b) = (meaning(text), meaning(&once));
        return Err(format!(
            "{:?} became {:?}: from\n{text}\nto\n{once}",
            a.0, b.0
        ));
    }
    Ok(())
}

fn says_the_same(file: &TextFile) -> Result<(), String> {
    holds(&file.text)?;
    means_the_same(&file.text)?;
    // The same program on as few lines as it can have, and with every line end doubled.
    for other in [
        file.text.replace('\n', "\n\n\n"),
        file.text.replace("\n    ", "\n\t"),
    ] {
        if fmt::format(&other) != fmt::format(&file.text) && other.contains('\t') {
            return Err(format!("tabs matter: {}", fmt::format(&other)));
        }
        holds(&other)?;
        means_the_same(&other)?;
    }
    let windows = file.text.replace('\n', "\r\n");
    if fmt::format(&windows).replace("\r\n", "\n") != fmt::format(&file.text) {
        return Err("line ends matter".to_owned());
    }
    Ok(())
}

/// Every prefix is formatted without a panic, and none is damaged.
fn cut(file: &TextFile) -> Result<(), String> {
    for (at, (end, _)) in file.text.char_indices().enumerate() {
        let text = &file.text[..end];
        // Every one of a short file; a long one has much that is alike.
        if at % 23 == 0 {
            holds(text)?;
        } else if file.text.len() < 2000 || at % 5 == 0 {
            fmt::format(text);
        }
    }
    Ok(())
}

/// Tokens left out, said twice, swapped, and put in; lines joined and split.  Seeded, so that a failure comes back.
fn mutated(file: &TextFile) -> Result<(), String> {
    let tokens = lex(&file.text);
    let words: Vec<&str> = tokens.iter().map(|t| t.text(&file.text)).collect();
    let mut dice = Dice(0x9e37_79b9 ^ file.text.len() as u64);
    for round in 0..MUTATIONS {
        let mut words = words.clone();
        for _ in 0..=dice.below(3) {
            let at = dice.below(words.len());
            let other = words[dice.below(words.len())];
            match dice.below(7) {
                0 => {
                    words.remove(at);
                }
                1 => words.insert(at, other),
                2 => words[at] = other,
                3 => words[at] = "\n",
                4 => words.insert(at, " // note\n"),
                5 => words.insert(at, "/* a\n b */"),
                _ => words.insert(
                    at,
                    ["{", "}", "(", ")", ",", "]", "[", "\"", "and", "="][dice.below(10)],
                ),
            }
        }
        let text = words.concat();
        holds(&text)?;
        if round % 10 == 0 {
            means_the_same(&text)?;
        }
    }
    Ok(())
}

/// Numbers that look random: xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % count.max(1) as u64) as usize
    }
}
