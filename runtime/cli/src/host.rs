//! What the compiler and the runtime see of this machine: files, a checked plan.  Must not decide what a program means.

use std::collections::BTreeMap;
use std::path::Path;

use align_compiler::{Checked, Options, World};
use align_plan::Plan;
use align_runtime::{Store, StoreError};
use align_runtime_api::{Library, NodeStatus};

use crate::commands::{Exit, ProgramArgs};
use crate::ui::term::{Look, errln, fail};

/// Files of this machine; the compiler asks for paths that it has already joined to the file that names them.
pub(crate) struct Disk;

/// A program is text for people; anything above this was not meant.
const LARGEST: u64 = 16 * 1024 * 1024;

impl World for Disk {
    fn read(&self, path: &str) -> Result<String, String> {
        let about = std::fs::metadata(path).map_err(|e| reason(&e))?;
        if about.is_dir() {
            return Err("it is a folder".to_owned());
        }
        if about.len() > LARGEST {
            return Err(format!(
                "it has {} MiB, more than any program",
                about.len() >> 20
            ));
        }
        let bytes = std::fs::read(path).map_err(|e| reason(&e))?;
        String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned())
    }
}

/// The files of this machine with some texts that stand before them: standard input, and what fixes have made of a file.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// Text by path, as programs name it.
    pub(crate) texts: BTreeMap<String, String>,
}

impl World for Desk {
    fn read(&self, path: &str) -> Result<String, String> {
        match self.texts.get(path) {
            Some(text) => Ok(text.clone()),
            None => Disk.read(path),
        }
    }
}

/// What the system says, in our words where they are clearer.
pub(crate) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "no permission".to_owned(),
        _ => error.to_string(),
    }
}

/// Checks a program.
pub(crate) fn check(file: &str, sets: &[(String, String)], allow_unset: bool) -> Checked {
    let options = Options {
        sets: sets.to_vec(),
        allow_unset,
    };
    align_compiler::check(&Disk, file, &options)
}

/// Diagnostics for people, on standard error.
pub(crate) fn show_diagnostics(checked: &Checked) {
    if checked.diagnostics.is_empty() {
        return;
    }
    let text =
        crate::commands::shown::for_people(&checked.sources, &checked.diagnostics, &Look::err());
    errln(text.trim_end());
}

/// A plan with the text of its program.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    /// None for a plan that was read from a file.
    pub(crate) program: Option<String>,
}

/// The plan of a program, all its diagnostics shown; or the plan in a `.json` file.
pub(crate) fn plan(args: &ProgramArgs) -> Result<Planned, Exit> {
    let is_json = std::path::Path::new(&args.file)
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("json"));
    if is_json {
        return saved_plan(&args.file);
    }
    let mut checked = check(&args.file, &args.sets, false);
    show_diagnostics(&checked);
    let Some(plan) = checked.take_plan() else {
        return Err(Exit::Diagnostics);
    };
    Ok(Planned {
        plan,
        program: checked
            .sources
            .iter()
            .next()
            .map(|(_, source)| source.text.clone()),
    })
}

fn saved_plan(path: &str) -> Result<Planned, Exit> {
    let refuse = |why: &str| {
        fail(
            &format!("`{path}` is not a plan that can run: {why}"),
            Some("write it again with `align plan FILE -o PLAN.json`"),
        );
        Err(Exit::Usage)
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) => return refuse(&reason(&e)),
    };
    match serde_json::from_str::<Plan>(&text) {
        Ok(plan) if plan.version == align_plan::VERSION => Ok(Planned {
            plan,
            program: None,
        }),
        Ok(plan) => refuse(&format!(
            "found version {}, wanted {}",
            plan.version,
            align_plan::VERSION
        )),
        Err(e) => refuse(&e.to_string()),
    }
}

/// How numbers are computed, as part of every key: on the processor, in single precision.
pub(crate) const NUMERIC: &str = "cpu-f32";

/// What executes the standard library: all of it, or what a build without `exec` has of it.
pub(crate) fn library() -> &'static dyn Library {
    #[cfg(feature = "exec")]
    return &align_stdlib::exec::Exec;
    #[cfg(not(feature = "exec"))]
    return &crate::definitions::Definitions;
}

/// The library, if it can train.
pub(crate) fn trainer() -> Option<&'static dyn Library> {
    cfg!(feature = "exec").then(library)
}

/// Opens the store for reading and asks something of it.  Nothing is written where nothing ran yet.
pub(crate) fn with_store<T>(
    root: &Path,
    ask: impl FnOnce(&Store, &dyn Library) -> Result<T, StoreError>,
) -> Result<T, Exit> {
    let empty = (!root.exists())
        .then(|| std::env::temp_dir().join(format!("align-empty-{}", std::process::id())));
    let answer =
        Store::open(empty.as_deref().unwrap_or(root)).and_then(|store| ask(&store, library()));
    if let Some(folder) = empty {
        let _ = std::fs::remove_dir_all(folder);
    }
    answer.map_err(|e| {
        fail(&e.to_string(), None);
        Exit::Usage
    })
}

/// What the store knows of each node.
pub(crate) fn statuses(plan: &Plan, root: &Path) -> Result<Vec<NodeStatus>, Exit> {
    with_store(root, |store, library| {
        align_runtime::status(plan, store, library, NUMERIC)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_said_in_words() {
        assert_eq!(Disk.read("no/such/file.align"), Err("no such file".into()));
        assert_eq!(Disk.read("/"), Err("it is a folder".into()));
    }
}
