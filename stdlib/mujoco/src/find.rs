//! Where is MuJoCo's library?  What was asked for, else the variable, else the packages of the active Python.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names the library's file, or a folder that holds it.
pub const VARIABLE: &str = "ALIGN_MUJOCO";

/// What to do when there is none.
pub(crate) const ADVICE: &str =
    "get it with `pip install mujoco==3.3.7`, or name a library with `--mujoco PATH`";

/// A library that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its file.
    pub path: PathBuf,
    /// Its version, such as `3.3.7`.
    pub version: String,
}

/// No library is there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("MuJoCo was not found: looked in {}; {ADVICE}", .looked.join(", "))]
pub struct Missing {
    /// Places, in the order in which they were looked at.
    pub looked: Vec<String>,
}

/// Prints the folders that the active Python takes packages from.
const FOLDERS: &str = "import site, sysconfig\nfor p in dict.fromkeys([sysconfig.get_path('purelib'), sysconfig.get_path('platlib'), site.getusersitepackages()]): print(p)";

/// Looks for the library.
pub(crate) fn find(chosen: Option<&Path>) -> Result<Found, Missing> {
    if let Some(path) = chosen {
        return named(path).ok_or_else(|| Missing {
            looked: vec![format!("`{}` (asked for)", path.display())],
        });
    }
    if let Some(path) = std::env::var_os(VARIABLE).filter(|v| !v.is_empty()) {
        let path = PathBuf::from(path);
        return named(&path).ok_or_else(|| Missing {
            looked: vec![format!("`{}` (of `{VARIABLE}`)", path.display())],
        });
    }
    let mut looked = vec![format!("`{VARIABLE}` (not set)")];
    for program in ["python3", "python"] {
        let Some(folders) = packages(program) else {
            continue;
        };
        for folder in folders {
            let place = folder.join("mujoco");
            if let Some(found) = named(&place) {
                return Ok(found);
            }
            looked.push(format!("`{}`", place.display()));
        }
        return Err(Missing { looked });
    }
    looked.push("the packages of `python3` (there is none)".into());
    Err(Missing { looked })
}

/// The folders of a Python's packages; nothing when it cannot be asked.
fn packages(program: &str) -> Option<Vec<PathBuf>> {
    let out = Command::new(program)
        .args(["-c", FOLDERS])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    out.status.success().then(|| {
        String::from_utf8_lossy(&out.stdout)
            .lines()
            .map(PathBuf::from)
            .collect()
    })
}

/// The library that a path names: itself, or the newest one in a folder (or in its `lib`).
fn named(path: &Path) -> Option<Found> {
    if path.is_file() {
        return Some(found(path));
    }
    let mut here: Vec<PathBuf> = [path.to_path_buf(), path.join("lib")]
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| is_library(file))
        .collect();
    here.sort();
    here.pop().map(|file| found(&file))
}

fn is_library(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("libmujoco.") && (name.contains(".so") || name.ends_with(".dylib"))
}

/// The version stands in the name of the real file; where it does not, the library is asked.
fn found(path: &Path) -> Found {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let digits = name
        .trim_start_matches("libmujoco.")
        .trim_start_matches("so.")
        .trim_end_matches(".dylib");
    let version = if digits.starts_with(|c: char| c.is_ascii_digit()) {
        digits.to_owned()
    } else {
        crate::api::opened(&path).map_or_else(|_| "unknown".into(), |api| api.version.clone())
    };
    Found { path, version }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_a_link_and_a_file_name_the_library() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("libmujoco.so.3.3.7");
        std::fs::write(&file, "").expect("a file");
        std::os::unix::fs::symlink(&file, folder.path().join("libmujoco.so")).expect("a link");
        for path in [
            folder.path(),
            file.as_path(),
            &folder.path().join("libmujoco.so"),
        ] {
            let found = find(Some(path)).expect("a library");
            assert_eq!(found.version, "3.3.7", "{}", path.display());
        }
        let text = find(Some(&folder.path().join("none")))
            .expect_err("nothing there")
            .to_string();
        assert!(
            text.contains("none` (asked for)") && text.contains("pip install mujoco==3.3.7"),
            "{text}"
        );
    }
}
