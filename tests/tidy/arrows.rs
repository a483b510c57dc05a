//! Do the crates depend on each other only along the arrows of ARCHITECTURE.md?  Asked of `cargo tree`, so that a feature
//! that brings a dependency in by the back door is seen too.

use std::collections::{BTreeMap, BTreeSet};

use align_tests::run;

/// Lines of `cargo tree`.
fn lines(which: &[&str]) -> Vec<String> {
    let args = [&["tree", "--locked", "--prefix", "none"], which].concat();
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let out = run(&cargo, &args);
    assert!(
        out.status.success(),
        "cargo tree {which:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    let text = String::from_utf8_lossy(&out.stdout);
    text.lines().map(str::to_owned).collect()
}

/// Names of everything that a package links, itself included, with the features it has when it is built alone.
fn tree(package: &str) -> BTreeSet<String> {
    let lines = lines(&["-p", package, "-e", "normal", "-f", "{p}"]);
    let names = lines.iter().filter_map(|l| l.split(' ').next());
    names.map(str::to_owned).collect()
}

/// The features of every package of a build; a package that build scripts use too may be there twice.
fn features(of: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let which = [of, &["-f", "{p}|{f}"]].concat();
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for line in lines(&which) {
        if let Some((package, features)) = line.split_once('|') {
            let features = features.trim_end_matches(" (*)").to_owned();
            found
                .entry(package.to_owned())
                .or_default()
                .insert(features);
        }
    }
    found
}

/// Our own crates of a tree, without the package itself.
fn ours(package: &str) -> Vec<String> {
    let mut names: Vec<String> = tree(package)
        .into_iter()
        .filter(|n| n != package && (n == "align" || n.starts_with("align-")))
        .collect();
    names.sort();
    names
}

fn links_none_of(package: &str, forbidden: &[&str]) {
    let found: Vec<String> = tree(package)
        .into_iter()
        .filter(|n| {
            forbidden
                .iter()
                .any(|f| n == f || n.starts_with(&format!("{f}-")))
        })
        .collect();
    assert!(found.is_empty(), "{package} links {found:?}");
}

const TENSORS: &[&str] = &["burn", "cubecl", "safetensors", "hdf5"];
const IO: &[&str] = &[
    "tokio",
    "notify",
    "signal-hook",
    "clap",
    "indicatif",
    "tempfile",
    "rayon",
    "maud",
];

#[test]
fn the_grammar_and_the_schema_stand_alone() {
    assert_eq!(ours("align-grammar"), Vec::<String>::new());
    assert_eq!(ours("align-schema"), Vec::<String>::new());
    assert_eq!(ours("align-plan"), ["align-schema"]);
}

#[test]
fn the_compiler_links_no_tensor_library_and_no_io() {
    assert_eq!(
        ours("align-compiler"),
        [
            "align-grammar",
            "align-plan",
            "align-schema",
            "align-stdlib"
        ]
    );
    links_none_of("align-compiler", TENSORS);
    links_none_of("align-compiler", IO);
}

#[test]
fn the_language_server_links_the_compiler_and_nothing_that_runs() {
    assert_eq!(
        ours("align-lsp"),
        [
            "align-compiler",
            "align-grammar",
            "align-plan",
            "align-schema",
            "align-stdlib"
        ]
    );
    links_none_of("align-lsp", TENSORS);
    links_none_of("align-lsp", IO);
}

#[test]
fn the_runtime_sees_no_syntax_and_no_mathematics() {
    assert_eq!(
        ours("align-runtime"),
        ["align-plan", "align-runtime-api", "align-schema"]
    );
    links_none_of("align-runtime", TENSORS);
    links_none_of("align-runtime", &["pest", "miette", "rowan"]);
}

#[test]
fn the_binary_links_the_tensor_library() {
    // The other side of the tests above: were the names wrong, this one would fail.
    let all = tree("align");
    for name in ["burn", "clap", "pest", "miette", "align-stdlib"] {
        assert!(all.contains(name), "the binary does not link {name}");
    }
}

#[test]
fn the_tensor_library_is_built_once_for_the_binary_and_the_tests() {
    let alone = features(&["-p", "align", "-e", "normal,build"]);
    let all = features(&["--workspace", "-e", "normal,build,dev"]);
    let burn = lines(&["-p", "burn", "-e", "normal,build", "-f", "{p}"]);
    let mut seen = 0;
    for package in burn.iter().map(|l| l.trim_end_matches(" (*)")) {
        if let (Some(a), Some(b)) = (alone.get(package), all.get(package)) {
            assert!(
                a.is_subset(b),
                "{package}: other features in the tests than in the binary: {b:?}, {a:?}"
            );
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen}");
}
