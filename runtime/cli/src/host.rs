//! What the compiler and the runtime see of this machine: files, a checked plan.  Must not decide what a program means.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use align_compiler::diag::{Diagnostic, FileId, Sources};
use align_compiler::machine::Machine;
use align_compiler::{Checked, Options, World};
use align_grammar::ast::Span;
use align_plan::{Digest, Plan};
use align_runtime::{Outlook, Paces, Risen, RunOptions, Saved, Scratch, Store, StoreError, Timing};
use align_runtime_api::{Library, NodeStatus, Profile};

use crate::commands::{Exit, ProgramArgs};
use crate::eyes::{Print, Prints};
use crate::machine;
use crate::ui::plan_table;
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
pub(crate) fn check(args: &ProgramArgs, allow_unset: bool, machine: Machine) -> Checked {
    check_in(&Disk, args, allow_unset, machine)
}

fn check_in(world: &dyn World, args: &ProgramArgs, allow_unset: bool, machine: Machine) -> Checked {
    let options = Options {
        sets: args.sets.clone(),
        allow_unset,
        machine,
        max_lanes: args.max_lanes,
    };
    align_compiler::check(world, &args.file, &options)
}

/// The files of this machine; what was read of them, and what was asked for in vain, is kept.
#[derive(Debug, Default)]
struct Recorder(RefCell<Prints>);

impl World for Recorder {
    fn read(&self, path: &str) -> Result<String, String> {
        let text = Disk.read(path);
        let print = match &text {
            Ok(text) => Print::Text(Digest::of(text.as_bytes())),
            Err(_) => Print::text(Path::new(path)),
        };
        self.0.borrow_mut().insert(path.to_owned(), print);
        text
    }
}

/// A program as it stands on the disk now.
pub(crate) struct Sight {
    /// Its files, and the data that it reads.
    pub(crate) prints: Prints,
    /// What is to be said of it.
    pub(crate) text: String,
    /// Errors in it.
    pub(crate) errors: usize,
    /// Without errors.
    pub(crate) planned: Option<Planned>,
}

/// Reads and checks a program, and says nothing.
pub(crate) fn sight(args: &ProgramArgs, machine: Machine) -> Sight {
    let world = Recorder::default();
    let mut checked = check_in(&world, args, false, machine);
    let mut prints = world.0.into_inner();
    let text = match checked.diagnostics.as_slice() {
        [] => String::new(),
        all => crate::commands::shown::for_people(&checked.sources, all, &Look::err()),
    };
    let errors = checked.diagnostics.iter().filter(|d| d.is_error()).count();
    let planned = checked
        .take_plan()
        .map(|plan| planned_of(plan, &checked.sources));
    for node in planned.iter().flat_map(|p| &p.plan.nodes) {
        for path in library().sources(node) {
            let print = Print::stat(&path);
            prints.insert(path.display().to_string(), print);
        }
    }
    Sight {
        prints,
        text,
        errors,
        planned,
    }
}

/// Diagnostics for people, on standard error.
pub(crate) fn show_diagnostics(checked: &Checked) {
    if checked.diagnostics.is_empty() {
        return;
    }
    show(&checked.sources, &checked.diagnostics);
}

fn show(sources: &Sources, diagnostics: &[Diagnostic]) {
    let text = crate::commands::shown::for_people(sources, diagnostics, &Look::err());
    errln(text.trim_end());
}

/// A plan with the text of its program.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    /// None for a plan that was read from a file.
    pub(crate) program: Option<String>,
    /// Files of the program and the digests of their texts.
    pub(crate) files: BTreeMap<String, Digest>,
    /// The plan that was read from a file, with the grounds that it stands on.
    pub(crate) saved: Option<Box<Saved>>,
}

/// The plan of a program, all its diagnostics shown; or the plan in a `.json` file.
pub(crate) fn plan(args: &ProgramArgs) -> Result<Planned, Exit> {
    plan_on(args, Machine::default())
}

/// The same, for a machine that it is to run on.
pub(crate) fn plan_on(args: &ProgramArgs, machine: Machine) -> Result<Planned, Exit> {
    let is_json = std::path::Path::new(&args.file)
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("json"));
    if is_json {
        if let Some((name, _)) = args.sets.first() {
            fail(
                &format!("a saved plan has its values: `--set {name}` cannot change them"),
                Some("save it again with `align plan FILE --set .. -o PLAN.json`"),
            );
            return Err(Exit::Usage);
        }
        if let Some((sources, missing)) = align_compiler::check_device(&machine) {
            show(&sources, &[missing]);
            return Err(Exit::Diagnostics);
        }
        return saved_plan(&args.file);
    }
    let mut checked = check(args, false, machine);
    show_diagnostics(&checked);
    let Some(plan) = checked.take_plan() else {
        return Err(Exit::Diagnostics);
    };
    Ok(planned_of(plan, &checked.sources))
}

fn planned_of(plan: Plan, sources: &Sources) -> Planned {
    let program = sources.iter().next().map(|(_, source)| source.text.clone());
    let files = sources
        .iter()
        // Texts of the command line are no files.
        .filter(|(_, source)| !source.path.starts_with("--"))
        .map(|(_, s)| (s.path.clone(), Digest::of(s.text.as_bytes())))
        .collect();
    Planned {
        plan,
        program,
        files,
        saved: None,
    }
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
    let saved: Saved = match serde_json::from_str(&text) {
        Ok(saved) => saved,
        Err(e) => return refuse(&e.to_string()),
    };
    let found = (saved.saved, saved.plan.version);
    let wanted = (Saved::VERSION, align_plan::VERSION);
    if found != wanted {
        return refuse(&format!(
            "found version {}.{}, wanted {}.{}",
            found.0, found.1, wanted.0, wanted.1
        ));
    }
    Ok(Planned {
        plan: saved.plan.clone(),
        program: None,
        files: saved.files.clone(),
        saved: Some(Box::new(saved)),
    })
}

/// What a run would do, with what is worth a warning before it does (A8002, A8006); refuses a saved plan that does not hold any more
/// (A8005).
pub(crate) fn foresee(
    planned: &Planned,
    store: &Store,
    outlook: &Outlook,
    budget: Option<f64>,
    jobs: usize,
    probed: &Paces,
) -> Result<Timing, Exit> {
    let plan = &planned.plan;
    if let Some(saved) = &planned.saved {
        let text = |path: &str| Disk.read(path).ok();
        let changes = saved.changes(&outlook.entries, text, store, library());
        if !changes.is_empty() {
            stale(&plan.file, &changes);
            return Err(Exit::Diagnostics);
        }
    }
    let timing = align_runtime::timing(plan, store, outlook, jobs, probed);
    for text in remarks(outlook, &timing, budget) {
        errln(&text);
    }
    Ok(timing)
}

/// What is worth saying before a run does this, a piece of text each.
pub(crate) fn remarks(outlook: &Outlook, timing: &Timing, budget: Option<f64>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut found: Vec<Diagnostic> = outlook.risen.iter().map(risen).collect();
    if let Some(limit) = budget.filter(|limit| timing.seconds > *limit) {
        found.push(too_long(timing, limit));
    }
    if !found.is_empty() {
        let text = crate::commands::shown::for_people(&Sources::default(), &found, &Look::err());
        out.push(text.trim_end().to_owned());
    }
    out
}

/// No place in a file.
const NOWHERE: FileId = FileId(u32::MAX);

fn risen(risen: &Risen) -> Diagnostic {
    let (nodes, verb) = match risen.nodes {
        1 => ("1 node".to_owned(), "runs"),
        n => (format!("{n} nodes"), "run"),
    };
    Diagnostic::warning(
        "A8006",
        NOWHERE,
        Span::default(),
        format!(
            "`{}` has edition {} of its kernel here, and the store has results of {}: {nodes} {verb} again",
            risen.builtin, risen.new, risen.old
        ),
    )
    .with_help("what follows them runs again only where their results differ; nothing of the old results is removed")
}

fn too_long(timing: &Timing, limit: f64) -> Diagnostic {
    let known = match timing.known {
        1 => "1 node".to_owned(),
        n => format!("{n} nodes"),
    };
    let more = match timing.unknown {
        0 => String::new(),
        1 => "; 1 more never ran, and is not in it".to_owned(),
        n => format!("; {n} more never ran, and are not in it"),
    };
    Diagnostic::warning(
        "A8002",
        NOWHERE,
        Span::default(),
        format!(
            "this may take {}, and the budget is {}",
            plan_table::time(timing.seconds),
            plan_table::time(limit)
        ),
    )
    .with_help(format!(
        "reckoned from {known} as fast as before{more}; at the budget the run stops with checkpoints, and the same command goes on"
    ))
}

/// A8005, with what changed.
fn stale(file: &str, changes: &[String]) {
    const SHOWN: usize = 5;
    let mut text: Vec<&str> = changes.iter().take(SHOWN).map(String::as_str).collect();
    let more = format!("{} more", changes.len().saturating_sub(SHOWN));
    if changes.len() > SHOWN {
        text.push(&more);
    }
    let found = Diagnostic::error(
        "A8005",
        NOWHERE,
        Span::default(),
        format!("the saved plan does not hold any more: {}", text.join(", ")),
    );
    show(
        &Sources::default(),
        &[found.with_help(format!(
            "look at `align plan {file}`, and save it again with `-o`"
        ))],
    );
}

/// Says why the store cannot be used.
pub(crate) fn refuse_store(error: &StoreError) -> Exit {
    let (code, help) = match error {
        StoreError::Newer { .. } => (
            "A8007",
            "use that `align`, or another store: `--store DIR`; nothing was written",
        ),
        StoreError::Edition { .. } => (
            "A8008",
            "wait for it to end, or use another store: `--store DIR`",
        ),
        StoreError::Damaged { .. } => {
            let help = "`align fsck` shows what depends on it, and with `--repair` moves it aside";
            fail(&error.to_string(), Some(help));
            return Exit::Usage;
        }
        _ => {
            fail(&error.to_string(), None);
            return Exit::Usage;
        }
    };
    let found = Diagnostic::error(code, NOWHERE, Span::default(), error.to_string());
    show(&Sources::default(), &[found.with_help(help)]);
    Exit::Usage
}

/// What executes the standard library: all of it, or what a build without `exec` has of it.
pub(crate) fn library() -> &'static dyn Library {
    #[cfg(feature = "exec")]
    return &align_stdlib::exec::Exec;
    #[cfg(not(feature = "exec"))]
    return &crate::definitions::Definitions;
}

/// Uses this MuJoCo for robots, here and in the workers.
pub(crate) fn simulate_by(path: Option<PathBuf>) {
    #[cfg(feature = "exec")]
    if let Some(path) = path {
        align_stdlib::exec::simulator::choose(path);
    }
    #[cfg(not(feature = "exec"))]
    drop(path);
}

/// What is in the data that a word names.
pub(crate) fn look_at_data(what: &str, task: Option<&str>) -> Result<Profile, String> {
    #[cfg(feature = "exec")]
    return align_stdlib::exec::data::look(what, task, &mut |_| ()).map_err(|e| e.to_string());
    #[cfg(not(feature = "exec"))]
    {
        let _ = task;
        Err(format!(
            "this build cannot read `{what}`: it has no execution side"
        ))
    }
}

/// Variables that workers need beside their own.
pub(crate) fn worker_environment() -> Vec<(OsString, OsString)> {
    let mut all: Vec<(OsString, OsString)> = Vec::new();
    #[cfg(feature = "exec")]
    all.extend(align_stdlib::exec::simulator::environment());
    // A worker asks for the memory of a training step again in the next one: the allocator keeps it, ours, and the C library's under libtorch.
    let kept = [
        ("MIMALLOC_PURGE_DELAY", "-1"),
        // 32 MiB is the most that it takes.
        ("MALLOC_MMAP_THRESHOLD_", "33554432"),
        ("MALLOC_TRIM_THRESHOLD_", "536870912"),
    ];
    // On a card `f32` is `f32`, not TF32, and a resumed run adds in the order of an unbroken one.
    let exact = [
        ("NVIDIA_TF32_OVERRIDE", "0"),
        ("CUBLAS_WORKSPACE_CONFIG", ":4096:8"),
    ];
    let both = kept.into_iter().chain(exact);
    all.extend(both.map(|(name, value)| (name.into(), value.into())));
    all
}

/// How anything runs on this machine.
pub(crate) fn options(memory: Option<u64>) -> RunOptions {
    RunOptions {
        numeric: machine::numeric().to_owned(),
        device: machine::in_worker(),
        environment: worker_environment(),
        places: machine::places(memory),
        needs: |plan| {
            let all = align_compiler::estimate::memory(plan);
            all.iter().map(|m| m.bytes() as u64).collect()
        },
        ..RunOptions::default()
    }
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
        .then(|| Scratch::new("align-empty").map_err(|e| StoreError::io(&std::env::temp_dir(), e)))
        .transpose();
    let answer = empty.and_then(|empty| {
        let store = Store::open(empty.as_ref().map_or(root, Scratch::path))?;
        ask(&store, library())
    });
    answer.map_err(|e| refuse_store(&e))
}

/// What the store knows of each node.
pub(crate) fn statuses(plan: &Plan, root: &Path) -> Result<Vec<NodeStatus>, Exit> {
    with_store(root, |store, library| {
        align_runtime::status(plan, store, library, machine::numeric())
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
