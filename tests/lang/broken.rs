//! Broken programs as people write them (`tests/corpus/broken`): what the check says of each is pinned, as text and as JSON.

use std::collections::BTreeSet;

use align_compiler::codes;
use align_compiler::diag::render::{Look, full, json};
use align_grammar::lex::ITEM_WORDS;
use align_tests::pinned::pinned;
use align_tests::world::Files;
use align_tests::{root, text_files};
use libtest_mimic::Trial;

const FOLDER: &str = "tests/corpus/broken/";

/// Two pins a file, and two censuses.
pub fn trials() -> Vec<Trial> {
    let mut out = vec![
        Trial::test("broken::every_item_word_has_a_fault", || {
            every_item_word().map_err(Into::into)
        }),
        Trial::test("broken::every_group_of_codes_is_there", || {
            every_group().map_err(Into::into)
        }),
    ];
    for (path, files) in programs() {
        let name = path.trim_start_matches(FOLDER).trim_end_matches(".align");
        let (title, pin) = (format!("broken::{name}"), root().join(&path));
        out.push(Trial::test(title, move || {
            let checked = files.check();
            if checked.diagnostics.is_empty() {
                return Err("nothing is found".into());
            }
            let look = Look {
                colour: false,
                width: 100,
            };
            let text = full(&checked.sources, &checked.diagnostics, look);
            pinned(&pin.with_extension("txt"), &text)?;
            let json = json(&checked.sources, &checked.diagnostics);
            pinned(&pin.with_extension("json"), &json).map_err(Into::into)
        }));
    }
    out
}

/// The broken files, each with what it may use.
fn programs() -> Vec<(String, Files)> {
    let all: Vec<(String, String)> = text_files()
        .into_iter()
        .filter(|f| f.extension() == "align" && f.path.starts_with("tests/corpus/"))
        .map(|f| (f.path, f.text))
        .collect();
    let shared = |(path, text): &(String, String)| {
        // `use` looks beside the file.
        let name = path.strip_prefix("tests/corpus/valid/lab/")?;
        Some((format!("{FOLDER}lab/{name}"), text.clone()))
    };
    let lab: Vec<(String, String)> = all.iter().filter_map(shared).collect();
    let broken = all.iter().filter(|(path, _)| path.starts_with(FOLDER));
    broken
        .map(|(path, text)| {
            let mut list = vec![(path.clone(), text.clone())];
            list.extend(lab.iter().cloned());
            let files = Files {
                list,
                sets: Vec::new(),
            };
            (path.clone(), files)
        })
        .collect()
}

/// Each word that opens an item opens one with a fault in it.
fn every_item_word() -> Result<(), String> {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for (_, files) in programs() {
        let checked = files.check();
        let text = files.list.first().map_or("", |(_, text)| text.as_str());
        let rows: Vec<&str> = text.lines().collect();
        for d in &checked.diagnostics {
            let line = checked.sources.places(d.file, d.span).0.line as usize;
            let above = rows.get(..line).unwrap_or(&[]).iter().rev();
            let mut words = above.filter_map(|row| row.split_whitespace().next());
            let word = words.find_map(|w| ITEM_WORDS.iter().find(|i| **i == w));
            found.extend(word);
        }
    }
    let missing: Vec<_> = ITEM_WORDS.iter().filter(|w| !found.contains(*w)).collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("no fault in an item of {missing:?}"))
    }
}

/// A0, A1, ... up to A7; A8 needs a machine and a store.
fn every_group() -> Result<(), String> {
    let mut found: BTreeSet<&'static str> = BTreeSet::new();
    for (_, files) in programs() {
        found.extend(files.check().diagnostics.iter().map(|d| &d.code[..2]));
    }
    let groups: BTreeSet<&'static str> = codes::ALL.iter().map(|c| &c.code[..2]).collect();
    let missing: Vec<_> = groups.difference(&found).filter(|g| **g != "A8").collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("no file for {missing:?}"))
    }
}
