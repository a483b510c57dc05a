//! Whole programs: the specification's example and those of the repository check clean; each code is seen where it must be.

mod behaviour;
mod codes;
mod plans;

use crate::testing::check_files;

const SPEC: &str = include_str!("../../../../tests/corpus/spec.align");
const FAILURE: &str = include_str!("../../../../tests/corpus/lab/failure.align");

fn example(name: &str) -> Vec<(&'static str, &'static str)> {
    let failure = (
        "failure.align",
        include_str!("../../../../examples/failure.align"),
    );
    let quickstart = (
        "quickstart.align",
        include_str!("../../../../examples/quickstart.align"),
    );
    let sweep = (
        "sweep.align",
        include_str!("../../../../examples/sweep.align"),
    );
    let hopper = (
        "hopper.align",
        include_str!("../../../../examples/hopper.align"),
    );
    let policy = (
        "policy.align",
        include_str!("../../../../examples/policy.align"),
    );
    let mut all = vec![failure, quickstart, sweep, hopper, policy];
    all.sort_by_key(|(n, _)| *n != name);
    all
}

#[test]
fn the_example_of_the_specification_is_clean() {
    let out = check_files(&[("spec.align", SPEC), ("lab/failure.align", FAILURE)]);
    assert_eq!(out.diagnostics, []);
    assert!(crate::plan(&out).is_some());
}

#[test]
fn the_examples_are_clean_and_have_plans() {
    for name in [
        "quickstart.align",
        "sweep.align",
        "policy.align",
        "hopper.align",
        "failure.align",
    ] {
        let out = check_files(&example(name));
        assert_eq!(out.diagnostics, [], "{name}");
        assert!(crate::plan(&out).is_some(), "{name}");
    }
}

/// Every page's failing example gives its code and nothing else, and its fixed example gives nothing.
#[test]
fn the_examples_of_the_pages_are_right() {
    let mut wrong = Vec::new();
    for page in crate::codes::PAGES {
        let examples = page.examples();
        let others: Vec<(&str, &str)> = examples
            .iter()
            .filter_map(|e| Some((e.get("file")?, e.text.as_str())))
            .collect();
        for example in examples.iter().filter(|e| e.is("fail") || e.is("ok")) {
            let mut files = vec![("main.align", example.text.as_str())];
            files.extend(&others);
            let out = check_files(&files);
            let found: Vec<&str> = out.diagnostics.iter().map(|d| d.code).collect();
            let right = if example.is("fail") {
                found.iter().all(|c| *c == page.code) && !found.is_empty()
            } else {
                found.is_empty()
            };
            if !right {
                let all: Vec<String> = out
                    .diagnostics
                    .iter()
                    .map(|d| {
                        format!(
                            "{} {} [{}] {:?}",
                            d.code,
                            d.message,
                            out.sources.slice(d.file, d.span),
                            d.help
                        )
                    })
                    .collect();
                wrong.push(format!("{} {:?}: {:#?}", page.code, example.words, all));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
