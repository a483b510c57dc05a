//! Where the built `align` is, and how a test runs it in a folder of its own.
//!
//! A binary that was not built is a failure, never a skipped test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The binary under test: `ALIGN_BIN`, else the `align` of the same target folder's release profile.
///
/// # Panics
/// When there is none.
pub fn path() -> PathBuf {
    let found = std::env::var_os("ALIGN_BIN")
        .map(PathBuf::from)
        .or_else(|| {
            // The test itself is in TARGET/PROFILE/deps.
            let test = std::env::current_exe().ok()?;
            Some(test.ancestors().nth(3)?.join("release/align"))
        })
        .unwrap_or_default();
    assert!(
        found.is_file(),
        "no binary at `{}`: run `cargo build --release` first, or set ALIGN_BIN",
        found.display()
    );
    found
}

/// Whether a process runs the binary.
pub fn is(pid: u32) -> bool {
    std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == path())
}

/// What a run of the binary gave.
#[derive(Clone, Debug)]
pub struct Done {
    /// Exit code (128 + the signal, for one that a signal ended).
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// Wall time in seconds.
    pub seconds: f64,
}

/// A command on the binary: in `dir`, without colours, at 100 columns, its store inside `dir`.
pub fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(path());
    command
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .env_remove("ALIGN_STORE");
    command
}

/// Runs the binary to its end.
///
/// # Panics
/// When it cannot be started.
pub fn align(dir: &Path, args: &[&str]) -> Done {
    let started = std::time::Instant::now();
    let out = command(dir, args)
        .output()
        .unwrap_or_else(|e| panic!("the binary did not start: {e}"));
    Done {
        code: code(out.status),
        out: String::from_utf8_lossy(&out.stdout).into_owned(),
        err: String::from_utf8_lossy(&out.stderr).into_owned(),
        seconds: started.elapsed().as_secs_f64(),
    }
}

/// The exit code as a shell gives it.
pub fn code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}
