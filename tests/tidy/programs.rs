//! Do the programs that people are shown check clean?  Examples, and what stands in `align` fences of the documents.

use std::collections::BTreeMap;

use align_compiler::diag::render::{Look, full};
use align_compiler::{Options, World, check, plan};
use align_tests::{root, text_files};

/// Files in memory.
struct Shelf(BTreeMap<String, String>);

impl World for Shelf {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0
            .get(path)
            .cloned()
            .ok_or_else(|| "no such file".to_owned())
    }
}

/// The examples, by the name that they call each other.
fn examples() -> BTreeMap<String, String> {
    text_files()
        .into_iter()
        .filter(|f| f.extension() == "align")
        .filter_map(|f| Some((f.path.strip_prefix("examples/")?.to_owned(), f.text)))
        .collect()
}

/// What is wrong with a program, as a person sees it; nothing when it is clean and has a plan.
fn faults(shelf: &Shelf, main: &str) -> String {
    let checked = check(shelf, main, &Options::default());
    let look = Look {
        colour: false,
        width: 100,
    };
    let mut text = full(&checked.sources, &checked.diagnostics, look);
    if text.is_empty() && plan(&checked).is_none() {
        text = format!("{main} has no plan");
    }
    text
}

#[test]
fn examples_are_clean() {
    let shelf = Shelf(examples());
    assert!(shelf.0.len() >= 5, "{:?}", shelf.0.keys());
    let wrong: Vec<String> = shelf.0.keys().map(|name| faults(&shelf, name)).collect();
    assert!(wrong.iter().all(String::is_empty), "{}", wrong.join("\n"));
}

#[test]
fn programs_of_documents_are_clean() {
    let mut seen = 0;
    for name in ["README.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root().join(name)).unwrap_or_default();
        for program in fences(&text) {
            seen += 1;
            let shelf = Shelf(BTreeMap::from([("program.align".to_owned(), program)]));
            let wrong = faults(&shelf, "program.align");
            assert!(wrong.is_empty(), "{name}:\n{wrong}");
        }
    }
    assert!(seen > 0, "no program in the documents");
}

#[test]
fn a_program_with_a_fault_is_not_clean() {
    let shelf = Shelf(BTreeMap::from([(
        "a.align".to_owned(),
        "align 1\nmodel m { nte = twin_q() }\n".to_owned(),
    )]));
    assert!(faults(&shelf, "a.align").contains("nte"));
}

/// Hash maps are seeded anew each time, so that an order that leaks shows within a few rounds.
#[test]
fn a_program_gives_the_same_plan_and_the_same_words_each_time() {
    let mut files = examples();
    files.insert("bad.align".to_owned(), bad());
    let shelf = Shelf(files);
    for name in shelf.0.keys() {
        let once = || {
            let checked = check(&shelf, name, &Options::default());
            let plan = plan(&checked).map(|p| serde_json::to_string(&p).expect("a plan is data"));
            (plan, faults(&shelf, name))
        };
        let first = once();
        for _ in 0..8 {
            assert_eq!(once(), first, "{name}");
        }
    }
}

/// A program with many faults, the one of the transcripts.
fn bad() -> String {
    let path = root().join("tests/cli/files/bad.align");
    std::fs::read_to_string(path).expect("the bad program")
}

/// What stands between "```align" and "```".
fn fences(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut open = None::<String>;
    for line in text.lines() {
        match (&mut open, line) {
            (None, "```align") => open = Some(String::new()),
            (None, _) => {}
            (Some(_), "```") => out.extend(open.take()),
            (Some(program), line) => {
                program.push_str(line);
                program.push('\n');
            }
        }
    }
    out
}
