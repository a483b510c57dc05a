//! Every page of a code: its failing example gives exactly that code, its fixed one gives nothing and has a plan.  What is said of the
//! failing ones is pinned, as text and as JSON, in `tests/corpus/codes`: one file for each group of codes.

use std::collections::BTreeSet;

use align_compiler::codes::{Example, PAGES, Page};
use align_compiler::diag::fix::apply;
use align_compiler::diag::render::{Look, full, json};
use align_compiler::machine::{Device, Limit, Machine};
use align_compiler::plan;
use align_schema::{Dim, measure};
use align_tests::pinned::pinned;
use align_tests::root;
use libtest_mimic::Trial;
use serde_json::Map;

use crate::world::{Files, lines};

/// Three tests a page, two pins a group, and one that every code in the sources has a page.
pub fn trials() -> Vec<Trial> {
    let mut out = vec![Trial::test("pages::every_reported_code_has_one", || {
        every_code_has_a_page().map_err(Into::into)
    })];
    let groups: BTreeSet<&'static str> = PAGES.iter().map(|p| &p.code[..2]).collect();
    for group in groups {
        out.push(Trial::test(format!("pages::{group}::pinned"), move || {
            said(group).map_err(Into::into)
        }));
    }
    for page in PAGES {
        type Run = fn(&Page) -> Result<(), String>;
        for (kind, run) in [
            ("fails", fails as Run),
            ("is_fixed", is_fixed),
            ("safe_fix_repairs", safe_fix_repairs),
        ] {
            out.push(Trial::test(
                format!("pages::{}::{kind}", page.code),
                move || run(page).map_err(Into::into),
            ));
        }
    }
    out
}

/// The machine that the fence names: `memory=2GiB cores=4 devices=cpu,libtorch device=libtorch:cuda:1`.
fn machine(example: &Example) -> Machine {
    let read = |word: &str| -> Device { word.parse().unwrap_or_else(|e| panic!("{e}")) };
    let memory = example.get("memory").map(|text| Limit {
        amount: measure(text, Dim::Size).unwrap_or_else(|| panic!("`{text}` is no size")) as u64,
        given: true,
    });
    Machine {
        memory,
        cores: example.get("cores").and_then(|n| n.parse().ok()),
        device: example.get("device").map(read).unwrap_or_default(),
        devices: example
            .get("devices")
            .into_iter()
            .flat_map(|l| l.split(','))
            .map(read)
            .collect(),
    }
}

/// The program of an example, with the files that the page shows.
fn files(page: &Page, example: &Example) -> Files {
    let mut out = Files::one(&example.text);
    for other in page.examples() {
        if let Some(path) = other.get("file") {
            out.list.push((path.to_owned(), other.text.clone()));
        }
    }
    out
}

fn fails(page: &Page) -> Result<(), String> {
    for example in page.examples().iter().filter(|e| e.is("fail")) {
        let mut wanted = BTreeSet::from([page.code.to_owned()]);
        wanted.extend(
            example
                .get("also")
                .into_iter()
                .flat_map(|l| l.split(','))
                .map(str::to_owned),
        );
        let checked = files(page, example).check_on(machine(example));
        let found: BTreeSet<String> = checked
            .diagnostics
            .iter()
            .map(|d| d.code.to_owned())
            .collect();
        if found != wanted {
            return Err(format!("wanted {wanted:?}, found\n{}", lines(&checked)));
        }
    }
    Ok(())
}

/// What the failing examples of a group of codes say.
fn said(group: &str) -> Result<(), String> {
    let look = Look {
        colour: false,
        width: 100,
    };
    let (mut texts, mut lists) = (String::new(), Map::new());
    for page in PAGES.iter().filter(|p| p.code.starts_with(group)) {
        let failing = page.examples();
        for (i, example) in failing.iter().filter(|e| e.is("fail")).enumerate() {
            let checked = files(page, example).check_on(machine(example));
            let name = match i {
                0 => page.code.to_owned(),
                _ => format!("{} ({})", page.code, i + 1),
            };
            let text = full(&checked.sources, &checked.diagnostics, look);
            texts.push_str(&format!("== {name}\n\n{text}\n"));
            let list = json(&checked.sources, &checked.diagnostics);
            lists.insert(
                name,
                serde_json::from_str(&list).map_err(|e| e.to_string())?,
            );
        }
    }
    let lists = serde_json::to_string_pretty(&lists).map_err(|e| e.to_string())?;
    let pin = root().join("tests/corpus/codes").join(group);
    pinned(&pin.with_extension("txt"), &texts)?;
    pinned(&pin.with_extension("json"), &format!("{lists}\n"))
}

fn is_fixed(page: &Page) -> Result<(), String> {
    for example in page.examples().iter().filter(|e| e.is("ok")) {
        let checked = files(page, example).check_on(machine(example));
        if !checked.diagnostics.is_empty() {
            return Err(format!(
                "the fixed example is not fine\n{}",
                lines(&checked)
            ));
        }
        if plan(&checked).is_none() {
            return Err("the fixed example has no plan".to_owned());
        }
    }
    Ok(())
}

/// What a fix that calls itself safe changes is no longer reported.
fn safe_fix_repairs(page: &Page) -> Result<(), String> {
    for example in page.examples().iter().filter(|e| e.is("fail")) {
        let mut files = files(page, example);
        let checked = files.check_on(machine(example));
        let changed = apply(&checked.sources, &checked.diagnostics, false);
        if changed.is_empty() {
            continue;
        }
        for (file, text) in changed {
            let path = checked.sources.path(file);
            for (_, old) in files.list.iter_mut().filter(|(p, _)| p == path) {
                old.clone_from(&text);
            }
        }
        let again = files.check_on(machine(example));
        if again.diagnostics.iter().any(|d| d.code == page.code) {
            return Err(format!(
                "before\n{}after\n{}",
                lines(&checked),
                lines(&again)
            ));
        }
    }
    Ok(())
}

/// Reads the sources for codes between quotes.
fn every_code_has_a_page() -> Result<(), String> {
    let mut missing = BTreeSet::new();
    for file in align_tests::text_files() {
        let reports =
            file.path.starts_with("compiler/src/") && !file.path.starts_with("compiler/src/codes/");
        let elsewhere = ["grammar/src/", "runtime/cli/src/"];
        let elsewhere = elsewhere.iter().any(|f| file.path.starts_with(f));
        if !(reports || elsewhere) || file.extension() != "rs" {
            continue;
        }
        let before_tests = file.text.split("#[cfg(test)]").next().unwrap_or("");
        for word in before_tests.split('"').filter(|w| is_code(w)) {
            if !PAGES.iter().any(|p| p.code == word) {
                missing.insert(format!("{word} ({})", file.path));
            }
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("codes without a page: {missing:?}"))
    }
}

fn is_code(word: &str) -> bool {
    word.len() == 5 && word.starts_with('A') && word[1..].bytes().all(|b| b.is_ascii_digit())
}
