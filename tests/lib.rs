//! What the test suites share: where the repository is, which files it has, and how the built binary is run.
//!
//! Nothing here knows what is tested.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub mod binary;
pub mod pinned;
pub mod processes;
pub mod stream;
pub mod world;

/// The root of the repository: of the clone whose tests run, not of the one that they were built in, as clones may share a target folder.
pub fn root() -> PathBuf {
    let tests = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    tests.parent().unwrap_or(&tests).to_path_buf()
}

/// Copies a folder with everything below it.
pub fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Runs a program in the root of the repository.
pub fn run(program: &str, args: &[&str]) -> Output {
    Command::new(program)
        .args(args)
        .current_dir(root())
        .output()
        .unwrap_or_else(|e| panic!("`{program}` did not start: {e}"))
}

/// A text file of the repository.
#[derive(Clone, Debug)]
pub struct TextFile {
    /// Path below the root, with `/`.
    pub path: String,
    /// What it holds.
    pub text: String,
}

impl TextFile {
    /// The extension, or nothing.
    pub fn extension(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(_, e)| e)
    }
    /// Lines with their numbers, from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(i, l)| (i + 1, l))
    }
}

/// Whether a program of this path must be free of errors: the examples, those beside the library's builtins, and the corpus's.
pub fn sound(path: &str) -> bool {
    let beside = path.starts_with("stdlib/src/") && path.ends_with("/example.align");
    beside || path.starts_with("examples/") || path.starts_with("tests/corpus/valid/")
}

/// Every file that git keeps, or would keep after `git add`, and that is UTF-8.
pub fn text_files() -> Vec<TextFile> {
    let out = run(
        "git",
        &[
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ],
    );
    assert!(out.status.success(), "git ls-files failed");
    let list = String::from_utf8_lossy(&out.stdout).into_owned();
    let mut paths: Vec<&str> = list.split('\0').filter(|p| !p.is_empty()).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
        .into_iter()
        // A file that was deleted and not yet committed, or that is not text, is passed over.
        .filter_map(|path| {
            let text = std::fs::read_to_string(root().join(path)).ok()?;
            Some(TextFile {
                path: path.to_owned(),
                text,
            })
        })
        .collect()
}
