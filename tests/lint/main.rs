//! Does each rule find what its page shows, and nothing in what the page puts right?

use std::collections::{BTreeMap, BTreeSet};

use align_compiler::diag::fix::apply;
use align_compiler::diag::{Diagnostic, Sources};
use align_compiler::lint::{ALL, Choice, Rule, lint};
use align_compiler::{Options, fmt};
use align_tests::text_files;
use align_tests::world::Memory;
use libtest_mimic::{Arguments, Trial};

fn main() {
    let args = Arguments::from_args();
    let mut trials = Vec::new();
    for rule in ALL {
        type Run = fn(&Rule) -> Result<(), String>;
        let tests: [(&str, Run); 4] = [
            ("finds", finds),
            ("is_put_right", is_put_right),
            ("can_be_allowed", can_be_allowed),
            ("fix_repairs", fix_repairs),
        ];
        for (name, run) in tests {
            trials.push(Trial::test(format!("{}::{name}", rule.name), move || {
                run(rule).map_err(Into::into)
            }));
        }
    }
    for file in text_files() {
        if file.path.starts_with("examples/") && file.extension() == "align" {
            trials.push(Trial::test(format!("{}::is_clean", file.path), move || {
                let found = ask(&file.path, &file.text);
                said(&found.0, &found.1).map_err(Into::into)
            }));
        }
    }
    libtest_mimic::run(&args, trials).exit();
}

/// What the rules find in a text that stands among the other programs of the repository.
fn ask(path: &str, text: &str) -> (Sources, Vec<Diagnostic>) {
    let mut files: BTreeMap<String, String> = text_files()
        .into_iter()
        .filter(|f| f.path.starts_with("examples/"))
        .map(|f| (f.path, f.text))
        .collect();
    files.insert(path.to_owned(), text.to_owned());
    let options = Options {
        allow_unset: true,
        ..Options::default()
    };
    lint(&Memory(files), path, &options, &Choice::default())
}

/// Nothing, or everything that was found, one a line.
fn said(sources: &Sources, found: &[Diagnostic]) -> Result<(), String> {
    let line = |d: &Diagnostic| {
        let (start, _) = sources.places(d.file, d.span);
        format!("{}: {} {}\n", start.line, d.code, d.message)
    };
    let text: String = found.iter().map(line).collect();
    if text.is_empty() { Ok(()) } else { Err(text) }
}

fn examples(rule: &Rule, kind: &str) -> Vec<String> {
    let all = rule.examples().into_iter();
    all.filter(|e| e.is(kind)).map(|e| e.text).collect()
}

fn finds(rule: &Rule) -> Result<(), String> {
    for text in examples(rule, "fail") {
        let (sources, found) = ask("main.align", &text);
        let codes: BTreeSet<&str> = found.iter().map(|d| d.code).collect();
        if codes != BTreeSet::from([rule.name]) {
            return Err(format!(
                "found\n{}",
                said(&sources, &found).err().unwrap_or_default()
            ));
        }
        if fmt::format(&text) != text {
            return Err(format!("not formatted:\n{}", fmt::format(&text)));
        }
    }
    Ok(())
}

fn is_put_right(rule: &Rule) -> Result<(), String> {
    for text in examples(rule, "ok") {
        let (sources, found) = ask("main.align", &text);
        said(&sources, &found)?;
        if fmt::format(&text) != text {
            return Err(format!("not formatted:\n{}", fmt::format(&text)));
        }
    }
    Ok(())
}

/// A comment above each finding silences it.
fn can_be_allowed(rule: &Rule) -> Result<(), String> {
    for text in examples(rule, "fail") {
        let (sources, found) = ask("main.align", &text);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut at: Vec<u32> = found
            .iter()
            .map(|d| sources.places(d.file, d.span).0.line)
            .collect();
        at.dedup();
        for line in at.into_iter().rev() {
            let comment = format!("// align: allow({}) the page shows it", rule.name);
            lines.insert(line as usize - 1, comment);
        }
        let (sources, found) = ask("main.align", &(lines.join("\n") + "\n"));
        said(&sources, &found)?;
    }
    Ok(())
}

/// What a fix changes is no longer found, and the program still has no error.
fn fix_repairs(rule: &Rule) -> Result<(), String> {
    for text in examples(rule, "fail") {
        let (sources, found) = ask("main.align", &text);
        for (_, new) in apply(&sources, &found, true) {
            let (sources, found) = ask("main.align", &new);
            said(&sources, &found)?;
        }
    }
    Ok(())
}
