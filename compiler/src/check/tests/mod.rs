//! Whole programs: the specification's example and those of the repository check clean; each code is seen where it must be.

mod behaviour;
mod codes;
mod plans;

use crate::testing::check_files;

const SPEC: &str = include_str!("../../../../tests/corpus/valid/specification.align");
const FAILURE: &str = include_str!("../../../../tests/corpus/valid/lab/failure.align");

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
