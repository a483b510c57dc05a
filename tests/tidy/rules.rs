//! What may not stand in which file.  Each rule returns one line for each fault, as `path:line: what`.

use align_tests::TextFile;

/// Files over 600 lines that are meant to be so.
const LONG: &[&str] = &["Cargo.lock"];

/// Crates that may read no file, start no thread and ask no clock.
const PURE: &[&str] = &[
    "grammar/src/",
    "compiler/src/",
    "compiler/plan/src/",
    "stdlib/schema/src/",
];

/// Code whose order of iteration becomes bytes of a plan or of a key.  (The compiler looks names up in hash maps; that its
/// output is the same twice is a test of `programs`.)
const ORDERED: &[&str] = &[
    "compiler/plan/src/",
    "stdlib/schema/src/",
    "runtime/api/src/",
    "runtime/src/keys.rs",
];

fn is_code(file: &TextFile) -> bool {
    matches!(
        file.extension(),
        "rs" | "align" | "pest" | "sh" | "py" | "js" | "ts" | "toml"
    ) || file.path == ".ci/run"
}

/// The rules' own source names what it forbids.
fn is_rules(file: &TextFile) -> bool {
    file.path.starts_with("tests/tidy/")
}

/// A file of tests: `tests.rs`, or one in a folder `tests`.
fn is_test(file: &TextFile) -> bool {
    file.path.ends_with("/tests.rs") || file.path.contains("/tests/")
}

fn within(file: &TextFile, folders: &[&str]) -> bool {
    folders.iter().any(|f| file.path.starts_with(f))
}

/// Lines up to the tests at the end of a module, which may do what the module may not.
fn before_tests(file: &TextFile) -> impl Iterator<Item = (usize, &str)> {
    file.lines()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
}

/// The part of a line that is code: without a `//` comment.
fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(before, _)| before)
}

fn containing<'a>(
    file: &TextFile,
    lines: impl Iterator<Item = (usize, &'a str)>,
    words: &[&str],
    why: &str,
) -> Vec<String> {
    lines
        .filter_map(|(n, line)| {
            let word = words.iter().find(|w| line.contains(**w))?;
            Some(format!("{}:{n}: `{word}`: {why}", file.path))
        })
        .collect()
}

/// At most 600 lines, the tests at the end not counted.
pub fn size(file: &TextFile) -> Vec<String> {
    let lines = before_tests(file).count();
    let counted = is_code(file) || file.extension() == "md";
    if !counted || lines <= 600 || LONG.contains(&file.path.as_str()) {
        return Vec::new();
    }
    vec![format!("{}: {lines} lines, wanted at most 600", file.path)]
}

/// A module opens with the question it answers; an attribute of the module may stand before.
pub fn module_doc(file: &TextFile) -> Vec<String> {
    let mut text = file.text.as_str();
    while let Some((_, rest)) = text.strip_prefix("#![").and_then(|t| t.split_once("]\n")) {
        text = rest.trim_start();
    }
    if file.extension() != "rs" || text.starts_with("//!") {
        return Vec::new();
    }
    vec![format!("{}:1: a module opens with `//!`", file.path)]
}

/// No blank at the end of a line, no tab, no carriage return, a newline at the end.
pub fn blanks(file: &TextFile) -> Vec<String> {
    if !is_code(file) && !matches!(file.extension(), "md" | "json" | "pest") {
        return Vec::new();
    }
    let mut wrong: Vec<String> = file
        .text
        .split('\n')
        .enumerate()
        .filter(|(_, l)| l.ends_with([' ', '\r']) || l.contains('\t'))
        .map(|(n, _)| format!("{}:{}: a blank at the end, or a tab", file.path, n + 1))
        .collect();
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        wrong.push(format!("{}: no newline at the end", file.path));
    }
    wrong
}

/// No path of one person's machine.
pub fn machine_paths(file: &TextFile) -> Vec<String> {
    if is_rules(file) {
        return Vec::new();
    }
    let words = ["/work/", "/home/", "/root/", "/Users/"];
    containing(file, file.lines(), &words, "a path of one machine")
}

/// Nothing that was to be done later, nothing left over from debugging.
pub fn leftovers(file: &TextFile) -> Vec<String> {
    // The workspace's lint table names two of them.
    // The checksums of a lock file spell anything.
    if is_rules(file) || file.path == "Cargo.toml" || file.path.ends_with("package-lock.json") {
        return Vec::new();
    }
    let words = ["TODO", "FIXME", "XXX", "dbg!(", "todo!(", "unimplemented!("];
    containing(file, file.lines(), &words, "finish it, or open an issue")
}

/// Only the binary prints, and nobody else may switch the lint off.
pub fn prints(file: &TextFile) -> Vec<String> {
    // `cargo run --example` is a tool for developers; a worker's last words are part of the binary's protocol.
    // So are those of a library in C that must not return.  A build script speaks to cargo.
    let free = [
        "runtime/cli/",
        "tests/",
        "runtime/src/worker/mod.rs",
        "stdlib/mujoco/src/api.rs",
        "editors/tree-sitter-align/bindings/rust/build.rs",
    ];
    let exempt = within(file, &free) || is_test(file) || file.path.contains("/examples/");
    if file.extension() != "rs" || exempt {
        return Vec::new();
    }
    let words = [
        "println!(",
        "print!(",
        "io::stdout()",
        "io::stderr()",
        "clippy::print_std",
    ];
    let lines = file.lines().map(|(n, l)| (n, code(l)));
    containing(file, lines, &words, "only the binary prints")
}

/// One crate calls C, one file the matrix product, which takes pointers, and one names the parser that was generated in C; all others are
/// safe.
pub fn calls_c(file: &TextFile) -> Vec<String> {
    let places = [
        "stdlib/mujoco/",
        "stdlib/kernels/src/product.rs",
        "editors/tree-sitter-align/bindings/rust/lib.rs",
    ];
    if file.extension() != "rs" || within(file, &places) || is_rules(file) {
        return Vec::new();
    }
    let lines = file.lines().map(|(n, l)| (n, code(l)));
    containing(
        file,
        lines,
        &["unsafe {", "unsafe fn", "unsafe impl", "(unsafe_code"],
        "only `stdlib/mujoco` calls C, `stdlib/kernels/src/product.rs` the matrix product, and `editors/tree-sitter-align` names its parser",
    )
}

/// The parser generator is named in `grammar` alone, and its pairs in one file of it.
pub fn parser(file: &TextFile) -> Vec<String> {
    let home = "grammar/src/tree.rs";
    if file.extension() != "rs" || file.path == home || is_rules(file) {
        return Vec::new();
    }
    let lines = file.lines().map(|(n, l)| (n, code(l)));
    containing(
        file,
        lines,
        &["pest::", "pest_derive"],
        "pest stays in one file",
    )
}

/// No map whose order differs from run to run, where order becomes bytes.
pub fn order(file: &TextFile) -> Vec<String> {
    if file.extension() != "rs" || !within(file, ORDERED) {
        return Vec::new();
    }
    let lines = before_tests(file).map(|(n, l)| (n, code(l)));
    containing(
        file,
        lines,
        &["HashMap", "HashSet"],
        "its order is not the same twice",
    )
}

/// No IO, no thread, no clock, no environment in the compiler and what it stands on.
pub fn purity(file: &TextFile) -> Vec<String> {
    if file.extension() != "rs" || !within(file, PURE) || is_test(file) {
        return Vec::new();
    }
    let words = [
        "std::fs",
        "std::net",
        "std::process",
        "std::thread",
        "std::env",
        "std::time",
        "std::io",
    ];
    let lines = before_tests(file).map(|(n, l)| (n, code(l)));
    containing(file, lines, &words, "the compiler does no IO")
}

/// The runtime writes to the disk in one file, which knows what a power loss may leave.
pub fn writes(file: &TextFile) -> Vec<String> {
    let home = "runtime/src/disk.rs";
    if file.extension() != "rs" || !within(file, &["runtime/src/"]) || file.path == home {
        return Vec::new();
    }
    let words = [
        "fs::write(",
        "fs::copy(",
        "fs::rename(",
        "fs::remove",
        "fs::create_dir",
        "File::create",
        "OpenOptions",
        ".set_len(",
        ".sync_all(",
        ".sync_data(",
    ];
    let lines = before_tests(file).map(|(n, l)| (n, code(l)));
    containing(file, lines, &words, "writes are made in `disk`")
}

/// Versions stand in the workspace alone, and every member takes the workspace's lints.
pub fn pins(file: &TextFile) -> Vec<String> {
    let member = file.path.ends_with("/Cargo.toml") && !within(file, &["editors/"]);
    if !member {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    let mut dependencies = false;
    for (n, line) in file.lines() {
        if line.starts_with('[') {
            dependencies = line.contains("dependencies");
        } else if dependencies && line.contains('=') && !line.contains("workspace = true") {
            wrong.push(format!(
                "{}:{n}: a version outside the workspace",
                file.path
            ));
        }
    }
    if !file.text.contains("[lints]\nworkspace = true") {
        wrong.push(format!(
            "{}: does not take the workspace's lints",
            file.path
        ));
    }
    wrong
}
