//! Cases in Markdown (`cases/*.md`, and `cases.md` beside each builtin of the library): a heading is a case, its fenced `align` blocks are its files, and comments in them say what
//! the check must find.
//!
//! `// error[A1001]: part of the message` stands at the end of the line in question, or alone above it; several may stand side by
//! side.  What is found and not said fails the case, and so does what is said and not found.  A fence may carry
//! `file=name.align` and `set=name=value`; fences above the first heading belong to every case; a case with the line `<!-- pinned -->` also pins how its diagnostics look.

use std::path::PathBuf;

use align_compiler::Checked;
use align_compiler::codes::examples;
use align_compiler::diag::render::{Look, full};
use align_tests::{pinned::pinned, root};
use libtest_mimic::Trial;

use crate::world::{Files, lines};

/// How a claim begins.
const TAGS: [&str; 3] = ["error[", "warning[", "note["];

/// One heading.
struct Case {
    name: String,
    files: Files,
    pin: Option<PathBuf>,
}

/// What a comment says.
#[derive(Clone, Debug, PartialEq)]
struct Claim {
    path: String,
    line: u32,
    /// `error[A1001]`.
    tag: String,
    part: String,
}

/// One test a heading.
pub fn trials() -> Vec<Trial> {
    let mut out = Vec::new();
    for file in align_tests::text_files() {
        let beside = file
            .path
            .strip_prefix("stdlib/src/")
            .and_then(|p| p.strip_suffix("/cases.md"));
        let own = file
            .path
            .strip_prefix("tests/lang/cases/")
            .and_then(|p| p.strip_suffix(".md"));
        let Some(name) = own.or(beside) else {
            continue;
        };
        for case in cases(name, &file.text) {
            let title = format!("cases::{}", case.name);
            out.push(Trial::test(title, move || run(&case).map_err(Into::into)));
        }
    }
    out
}

fn cases(file: &str, text: &str) -> Vec<Case> {
    let mut sections: Vec<(String, String)> = Vec::new();
    let mut before = String::new();
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.starts_with("```");
        match line.strip_prefix("## ") {
            Some(title) if !fenced => sections.push((slug(title), String::new())),
            _ => {
                let body = sections.last_mut().map_or(&mut before, |(_, body)| body);
                body.push_str(line);
                body.push('\n');
            }
        }
    }
    let shared = examples(&before);
    sections
        .into_iter()
        .map(|(title, body)| {
            let mut files = Files::default();
            for example in examples(&body).into_iter().chain(shared.clone()) {
                let path = example.get("file").unwrap_or("main.align").to_owned();
                let sets = example
                    .words
                    .iter()
                    .filter_map(|w| w.strip_prefix("set=")?.split_once('='));
                files
                    .sets
                    .extend(sets.map(|(n, v)| (n.to_owned(), v.to_owned())));
                files.list.push((path, example.text));
            }
            let pin = body
                .lines()
                .any(|l| l == "<!-- pinned -->")
                .then(|| root().join(format!("tests/lang/snapshots/{file}.{title}.txt")));
            Case {
                name: format!("{file}::{title}"),
                files,
                pin,
            }
        })
        .collect()
}

fn slug(title: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    let text: String = title.trim().chars().map(plain).collect();
    let parts: Vec<&str> = text.split('_').filter(|p| !p.is_empty()).collect();
    parts.join("_")
}

fn run(case: &Case) -> Result<(), String> {
    if case.files.list.is_empty() {
        return Err("no program".to_owned());
    }
    let mut bare = case.files.clone();
    for (_, text) in &mut bare.list {
        let lines: Vec<&str> = text.lines().map(without_claims).collect();
        *text = lines.join("\n") + "\n";
    }
    let checked = bare.check();
    let mut wrong = compare(&claims(&case.files), &checked);
    if let Some(path) = &case.pin {
        let look = Look {
            colour: false,
            width: 100,
        };
        let text = full(&checked.sources, &checked.diagnostics, look);
        if let Err(message) = pinned(path, &text) {
            wrong.push(message);
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "{}\nthe check says\n{}",
            wrong.join("\n"),
            lines(&checked)
        ))
    }
}

fn claims(files: &Files) -> Vec<Claim> {
    let mut out = Vec::new();
    for (path, text) in &files.list {
        for (at, line) in text.lines().enumerate() {
            let mut parts = line.split("// ");
            let code = parts.next().unwrap_or("");
            for part in parts {
                let Some((tag, rest)) = part
                    .split_once(']')
                    .filter(|_| TAGS.iter().any(|t| part.starts_with(t)))
                else {
                    continue;
                };
                let alone = code.trim().is_empty();
                out.push(Claim {
                    path: path.clone(),
                    line: at as u32 + if alone { 2 } else { 1 },
                    tag: format!("{tag}]"),
                    part: rest.trim_start_matches(':').trim().to_owned(),
                });
            }
        }
    }
    out
}

/// A line without its claims, so that they are not in what is pinned.
fn without_claims(line: &str) -> &str {
    let starts = TAGS
        .iter()
        .filter_map(|tag| line.find(&format!("// {tag}")));
    starts.min().map_or(line, |at| line[..at].trim_end())
}

fn compare(claims: &[Claim], checked: &Checked) -> Vec<String> {
    let mut open: Vec<&Claim> = claims.iter().collect();
    let mut wrong = Vec::new();
    for d in &checked.diagnostics {
        let (start, _) = checked.sources.places(d.file, d.span);
        let path = checked.sources.path(d.file);
        let tag = format!("{}[{}]", d.severity.word(), d.code);
        let fits = |c: &&Claim| {
            c.path == path && c.line == start.line && c.tag == tag && d.message.contains(&c.part)
        };
        match open.iter().position(fits) {
            Some(at) => drop(open.remove(at)),
            None => wrong.push(format!(
                "not said: {path}:{}: {tag}: {}",
                start.line, d.message
            )),
        }
    }
    let lost = open
        .iter()
        .map(|c| format!("not found: {}:{}: {}: {}", c.path, c.line, c.tag, c.part));
    wrong.extend(lost);
    wrong
}

/// The harness itself.
pub fn own() -> Vec<Trial> {
    vec![
        Trial::test("harness::claims_are_read_with_their_lines", || {
            let files = Files::one(
                "x // error[A1001]: no `x` // warning[A1011]\n// error[A0003]: end\n\"y\n// plain\n",
            );
            let found: Vec<_> = claims(&files)
                .into_iter()
                .map(|c| (c.line, c.tag, c.part))
                .collect();
            let wanted = [
                (1, "error[A1001]", "no `x`"),
                (1, "warning[A1011]", ""),
                (3, "error[A0003]", "end"),
            ];
            let wanted: Vec<_> = wanted
                .map(|(l, t, p)| (l, t.to_owned(), p.to_owned()))
                .into();
            if found == wanted {
                Ok(())
            } else {
                Err(format!("{found:?}").into())
            }
        }),
        Trial::test("harness::what_is_not_said_fails", || {
            let unsaid = cases("own", "## Unsaid\n\n```align\nalign 1\nmodle m { }\n```\n");
            let wrongly = cases(
                "own",
                "## Wrong\n\n```align\nalign 1 // error[A1001]: no\n```\n",
            );
            let failed = |list: &[Case]| list.len() == 1 && list.iter().all(|c| run(c).is_err());
            if failed(&unsaid) && failed(&wrongly) {
                Ok(())
            } else {
                Err("a wrong case passes".into())
            }
        }),
    ]
}
