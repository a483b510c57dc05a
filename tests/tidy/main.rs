//! Is the repository kept the way CONTRIBUTING says?  One test a rule; each rule is also shown to notice what it forbids.
//!
//! Rules look at text only; what needs the meaning of code is clippy's work.

mod arrows;
mod documents;
mod programs;
mod rules;

use align_tests::{TextFile, text_files};

/// A rule: what is wrong with one file, a line each.
type Rule = fn(&TextFile) -> Vec<String>;

fn hold(rule: Rule) {
    let files = text_files();
    assert!(files.len() > 20, "git lists only {} files", files.len());
    let wrong: Vec<String> = files.iter().flat_map(rule).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The rule says nothing of the good file and something of the bad one.
fn notices(rule: Rule, path: &str, bad: &str, good: &str) {
    let file = |text: &str| TextFile {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    assert!(!rule(&file(bad)).is_empty(), "`{bad}` passed in {path}");
    let wrong = rule(&file(good));
    assert!(
        wrong.is_empty(),
        "`{good}` was refused in {path}: {wrong:?}"
    );
}

/// A rule's two tests: it holds here, and it notices the bad text.
macro_rules! rules {
    ($($name:ident: $rule:path, $path:literal, $bad:expr, $good:expr;)*) => { $(
        mod $name {
            #[test]
            fn holds() {
                super::hold($rule);
            }
            #[test]
            fn notices() {
                super::notices($rule, $path, $bad, $good);
            }
        }
    )* };
}

rules! {
    size: super::rules::size, "a/b.rs", &"//!\n".repeat(601), &"//!\n".repeat(600);
    module_doc: super::rules::module_doc, "a/b.rs", "use x;\n", "//! What?\nuse x;\n";
    blanks: super::rules::blanks, "a/b.rs", "let a = 1; \n", "let a = 1;\n";
    tabs: super::rules::blanks, "a/b.rs", "\tlet a = 1;\n", "    let a = 1;\n";
    last_line: super::rules::blanks, "a/b.rs", "let a = 1;", "let a = 1;\n";
    machine_paths: super::rules::machine_paths, "README.md", "see /home/x/y\n", "see tests/run.sh\n";
    leftovers: super::rules::leftovers, "a/b.rs", "// FIXME: later\n", "// Later means never.\n";
    calls_c: super::rules::calls_c, "stdlib/src/a.rs", "let x = unsafe { y() };\n", "// unsafe fn\n";
    prints: super::rules::prints, "stdlib/src/a.rs", "println!(\"x\");\n", "// `println` is the binary's\n";
    parser: super::rules::parser, "compiler/src/a.rs", "use pest::Parser;\n", "use align_grammar::parse;\n";
    order: super::rules::order, "compiler/plan/src/a.rs", "use std::collections::HashMap;\n", "use std::collections::BTreeMap;\n";
    purity: super::rules::purity, "compiler/src/a.rs", "std::fs::read(p)\n", "world.read(p)\n";
    writes: super::rules::writes, "runtime/src/a.rs", "fs::rename(a, b)?;\n", "disk::move_to(a, b)?;\n";
    pins: super::rules::pins, "x/Cargo.toml", "[lints]\nworkspace = true\n[dependencies]\na = \"1\"\n", "[lints]\nworkspace = true\n[dependencies]\na.workspace = true\n";
    lints: super::rules::pins, "x/Cargo.toml", "[dependencies]\n", "[dependencies]\n[lints]\nworkspace = true\n";
    example_header: super::documents::example_header, "examples/a.align", "align 1\n", "// What: trains.\n// Time: 1 min on 2 cores.\n// Expect: 3 points.\nalign 1\n";
}

/// A test binary with a `main` of its own needs `harness = false`; with cargo's own harness it passes without running anything.
#[test]
fn tests_with_a_main_of_their_own_run_it() {
    let files = text_files();
    let manifests: Vec<&TextFile> = files
        .iter()
        .filter(|f| f.path.ends_with("/Cargo.toml"))
        .collect();
    let (mut seen, mut wrong) = (0, Vec::new());
    for file in files.iter().filter(|f| {
        f.path.ends_with("/main.rs") && f.path.contains("tests/") && f.text.contains("\nfn main()")
    }) {
        let folder = |m: &&&TextFile| {
            let folder = m.path.trim_end_matches("Cargo.toml");
            file.path.starts_with(folder)
        };
        let manifest = manifests.iter().filter(folder).max_by_key(|m| m.path.len());
        let own = manifest.is_some_and(|m| {
            let inside = &file.path[m.path.len() - "Cargo.toml".len()..];
            let mut entries = m.text.split("[[test]]").skip(1);
            entries.any(|e| {
                let entry = e.split("\n\n").next().unwrap_or(e);
                entry.contains(&format!("\"{inside}\"")) && entry.contains("harness = false")
            })
        });
        seen += 1;
        if !own {
            wrong.push(&file.path);
        }
    }
    assert!(
        seen >= 5,
        "only {seen} tests with a main of their own were found"
    );
    assert!(wrong.is_empty(), "without `harness = false`: {wrong:?}");
}
