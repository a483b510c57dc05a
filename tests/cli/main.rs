//! Does the command line say what it said?  Each file of `sessions` is a transcript: it is replayed with the built binary in a
//! folder that holds a copy of `files`, and the transcript must come out again.
//!
//! `ALIGN_BLESS=1` writes what came out in its place.  Whole runs are not here (`tests/e2e`).

mod pages;
mod session;

use std::path::{Path, PathBuf};

use align_tests::{copy, root};
use libtest_mimic::{Arguments, Failed, Trial};
use session::Session;

fn main() {
    let arguments = Arguments::from_args();
    let trials = sessions()
        .into_iter()
        .map(|path| {
            let name = path
                .file_stem()
                .map_or_else(String::new, |s| s.to_string_lossy().into_owned());
            Trial::test(name, move || replay(&path).map_err(Failed::from))
        })
        .chain(pages::trials())
        .chain([
            Trial::test("a wrong transcript fails", a_wrong_transcript_fails),
            Trial::test("a binary that was not built fails", || {
                let path = align_tests::binary::path();
                path.is_file()
                    .then_some(())
                    .ok_or_else(|| Failed::from("no binary"))
            }),
        ])
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}

/// Every transcript, sorted.
fn sessions() -> Vec<PathBuf> {
    let folder = root().join("tests/cli/sessions");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no sessions in {}", folder.display());
    paths
}

fn replay(path: &Path) -> Result<(), String> {
    let wanted = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let session = Session::parse(&wanted)?;
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    copy(&root().join("tests/cli/files"), folder.path()).map_err(|e| e.to_string())?;
    let actual = session.replay(folder.path());
    align_tests::pinned::pinned(path, &actual)
}

/// The harness itself: a transcript with another version and another exit code does not come out again.
fn a_wrong_transcript_fails() -> Result<(), Failed> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let wrong = "# A wrong one.\n\n$ align --version\n| align 999.0\n= 7\n";
    let actual = Session::parse(wrong)?.replay(folder.path());
    if actual == wrong {
        return Err("it came out again".into());
    }
    let twice = Session::parse(&actual)?.replay(folder.path());
    if actual != twice {
        return Err(
            format!("a replayed transcript does not come out again:\n{actual}\n{twice}").into(),
        );
    }
    Ok(())
}
