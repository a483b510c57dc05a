//! Do the programs that people are shown check clean?  Examples, and what stands in `align` fences of the documents.

use std::collections::BTreeMap;

use align_compiler::diag::render::{Look, full};
use align_compiler::{Options, World, check, plan};
use align_tests::{root, text_files};

/// Files in memory.
struct Shelf(BTreeMap<String, String>);

impl World for Shelf {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "no such file".to_owned())
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
