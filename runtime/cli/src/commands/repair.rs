//! `--fix`, `--unsafe-fixes` and `--diff`: the fixes of findings made to files, checked again until nothing is left to repair.
//!
//! Nothing is written that has more errors than before, and a file that changed meanwhile is left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

use align_compiler::World;
use align_compiler::diag::fingerprint::fingerprints;
use align_compiler::diag::fix::{Applied, apply_where};
use align_compiler::diag::{Diagnostic, Findings};
use clap::Args;
use similar::TextDiff;

use super::Exit;
use super::shown::{self, Check, OutputArgs, Stream, found};
use crate::host::{Desk, Disk, reason};
use crate::ui::term::{Look, Tone, errln, fail, out};

/// A repair may make the next one possible; one that undoes another must not go on for ever.
const ROUNDS: usize = 20;

/// When all fixes together do harm, this many are tried one by one.
const TRIES: usize = 100;

/// This many repairs are listed.
const LISTED: usize = 50;

#[derive(Args, Debug)]
#[command(next_help_heading = "Repairs")]
pub(crate) struct FixArgs {
    /// Repair what is safe to repair, in place; a program from standard input goes to standard output.
    #[arg(long)]
    fix: bool,
    /// Repair by guesses too.
    #[arg(long)]
    unsafe_fixes: bool,
    /// Show what would be repaired as a difference, and write nothing; exits with 1 if there is one.
    #[arg(long)]
    diff: bool,
}

impl FixArgs {
    /// Whether anything is to be repaired.
    pub(crate) fn wanted(&self) -> bool {
        self.fix || self.unsafe_fixes || self.diff
    }
}

/// What was repaired.
#[derive(Debug, Default)]
struct Repairs {
    /// `study.align:9:11: A5003: patience: 7 evals`.
    lines: Vec<String>,
    /// Fixes that were left out because they would have made errors.
    harmful: usize,
    /// Whether there was still something to repair after the last round.
    unfinished: bool,
}

/// Repairs the files, then shows what is left.
pub(crate) fn run(
    desk: &mut Desk,
    mains: &[String],
    stdin: Option<&str>,
    check: Check<'_>,
    args: &FixArgs,
    output: &OutputArgs,
) -> Exit {
    let before = desk.texts.clone();
    let (repairs, left) = repair(desk, mains, check, args.unsafe_fixes);
    let mut changed: BTreeMap<&str, (String, &str)> = BTreeMap::new();
    for (path, new) in &desk.texts {
        let old = match before.get(path) {
            Some(old) => old.clone(),
            None => left.originals.get(path).cloned().unwrap_or_default(),
        };
        if old != *new {
            changed.insert(path, (old, new));
        }
    }
    if args.diff {
        for (path, (old, new)) in &changed {
            out(&diff(path, old, new));
        }
        say(&repairs, changed.len(), "would repair");
        let errors = left.findings.has_errors();
        return if errors || !changed.is_empty() {
            Exit::Diagnostics
        } else {
            Exit::Fine
        };
    }
    let mut failed = false;
    for (path, (old, new)) in &changed {
        if stdin == Some(path) {
            continue;
        }
        if let Err(why) = replace(path, old, new) {
            fail(&format!("`{path}` was not repaired: {why}"), None);
            failed = true;
        }
    }
    if failed {
        return Exit::Usage;
    }
    say(&repairs, changed.len(), "repaired");
    let mut stream = Stream::Out;
    if let Some(text) = stdin.and_then(|name| desk.texts.get(name)) {
        out(text);
        stream = Stream::Err;
    }
    shown::show(left.findings, output, stream)
}

/// What is left after the repairs, and what the repaired files were before.
struct Left {
    findings: Findings,
    originals: BTreeMap<String, String>,
}

/// Repairs on the desk, round by round.
fn repair(desk: &mut Desk, mains: &[String], check: Check<'_>, guesses: bool) -> (Repairs, Left) {
    let mut repairs = Repairs::default();
    let mut originals = BTreeMap::new();
    let mut harmful: BTreeSet<String> = BTreeSet::new();
    let mut findings = found(desk, mains, check);
    let mut tries = 0;
    for round in 0..=ROUNDS {
        let keys = keys(&findings);
        let all = apply_where(&findings.sources, &findings.diagnostics, guesses, |at| {
            !harmful.contains(&keys[at])
        });
        if all.made.is_empty() {
            break;
        }
        if round == ROUNDS || tries >= TRIES {
            repairs.unfinished = true;
            break;
        }
        // All at once first; if that does harm, one by one, and those that do are not tried again.
        let mut accepted = try_out(desk, mains, check, &findings, &all, &mut originals);
        if accepted.is_none() && all.made.len() > 1 {
            for at in &all.made {
                tries += 1;
                let one = apply_where(&findings.sources, &findings.diagnostics, guesses, |n| {
                    n == *at
                });
                accepted = try_out(desk, mains, check, &findings, &one, &mut originals)
                    .map(|after| (after, one))
                    .map(|(after, one)| {
                        note(&mut repairs, &findings, &one);
                        after
                    });
                if accepted.is_some() || tries >= TRIES {
                    break;
                }
                harmful.insert(keys[*at].clone());
            }
        } else if accepted.is_some() {
            note(&mut repairs, &findings, &all);
        } else {
            harmful.extend(all.made.iter().map(|at| keys[*at].clone()));
        }
        if let Some(after) = accepted {
            findings = after;
        }
    }
    let left = keys(&findings);
    repairs.harmful = left.iter().filter(|key| harmful.contains(*key)).count();
    (
        repairs,
        Left {
            findings,
            originals,
        },
    )
}

/// Names a fix from round to round.
fn keys(findings: &Findings) -> Vec<String> {
    let prints = fingerprints(&findings.sources, &findings.diagnostics);
    let fixes = findings.diagnostics.iter().zip(prints);
    fixes
        .map(|(d, print)| {
            let title = d.fix.as_ref().map_or("", |f| f.title.as_str());
            format!("{print} {title}")
        })
        .collect()
}

/// Puts the new texts on the desk and checks again; takes them back if there are more errors than before.
fn try_out(
    desk: &mut Desk,
    mains: &[String],
    check: Check<'_>,
    before: &Findings,
    applied: &Applied,
    originals: &mut BTreeMap<String, String>,
) -> Option<Findings> {
    let kept = desk.texts.clone();
    for (file, text) in &applied.texts {
        let path = before.sources.path(*file).to_owned();
        let old = before.sources.get(*file).map_or("", |s| s.text.as_str());
        originals
            .entry(path.clone())
            .or_insert_with(|| old.to_owned());
        desk.texts.insert(path, text.clone());
    }
    let after = found(desk, mains, check);
    if errors(&after) > errors(before) {
        desk.texts = kept;
        return None;
    }
    Some(after)
}

fn errors(findings: &Findings) -> usize {
    let all = findings.diagnostics.iter();
    all.filter(|d| d.is_error()).count()
}

fn note(repairs: &mut Repairs, findings: &Findings, applied: &Applied) {
    let made = applied
        .made
        .iter()
        .filter_map(|at| findings.diagnostics.get(*at));
    repairs.lines.extend(made.map(|d| line(findings, d)));
}

fn line(findings: &Findings, d: &Diagnostic) -> String {
    let (start, _) = findings.sources.places(d.file, d.span);
    let title = d.fix.as_ref().map_or("", |f| f.title.as_str());
    format!(
        "{}:{}:{}: {}: {title}",
        findings.sources.path(d.file),
        start.line,
        start.column,
        d.code
    )
}

fn say(repairs: &Repairs, files: usize, verb: &str) {
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    let look = Look::err();
    let n = repairs.lines.len();
    if n == 0 {
        errln("nothing to repair");
    } else {
        let head = format!(
            "{verb} {n} finding{} in {files} file{}",
            plural(n),
            plural(files)
        );
        errln(&look.paint(Tone::Bold, &head));
    }
    for line in repairs.lines.iter().take(LISTED) {
        errln(&format!("  {line}"));
    }
    if n > LISTED {
        errln(&format!("  and {} more", n - LISTED));
    }
    if repairs.harmful > 0 {
        errln(&format!(
            "{} fix{} left out, as other errors would follow",
            repairs.harmful,
            if repairs.harmful == 1 { "" } else { "es" }
        ));
    }
    if repairs.unfinished {
        errln("there is more to repair: run the command again");
    }
}

/// A difference in the unified format, which `patch` and `git apply` read.
pub(crate) fn diff(path: &str, old: &str, new: &str) -> String {
    let look = Look::out();
    let diff = TextDiff::from_lines(old, new);
    let text = diff
        .unified_diff()
        .context_radius(3)
        .header(path, path)
        .to_string();
    if !look.colour {
        return text;
    }
    let tone = |line: &str| match line.as_bytes().first() {
        Some(b'+') => look.paint(Tone::Good, line),
        Some(b'-') => look.paint(Tone::Bad, line),
        Some(b'@') => look.paint(Tone::Accent, line),
        _ => line.to_owned(),
    };
    text.lines().map(|l| tone(l) + "\n").collect()
}

/// Writes the new text of a file that still has the old one.
fn replace(path: &str, old: &str, new: &str) -> Result<(), String> {
    if Disk.read(path)? != old {
        return Err("it was changed meanwhile; run the command again".to_owned());
    }
    write(Path::new(path), new).map_err(|e| reason(&e))
}

/// Writes a file so that it holds all of the text or stays as it was: under another name in the same folder, synced, renamed.
///
/// A link stays a link, and what may be done with the file stays as it was.  What is no file, such as a pipe, is written as it is.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if std::fs::metadata(&target).is_ok_and(|about| !about.is_file()) {
        return std::fs::write(&target, text);
    }
    let name = target
        .file_name()
        .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let beside = target.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let written = || {
        let mut file = std::fs::File::create_new(&beside)?;
        file.write_all(text.as_bytes())?;
        if let Ok(about) = std::fs::metadata(&target) {
            if about.permissions().readonly() {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            file.set_permissions(about.permissions())?;
        }
        file.sync_all()?;
        std::fs::rename(&beside, &target)
    };
    let done = written();
    if done.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    done
}

#[cfg(test)]
mod tests {
    use align_compiler::diag::Sources;
    use align_grammar::ast::Span;

    use super::*;

    /// A check that knows words: each is an error with a fix, but for the last, which is none.
    fn words(
        rules: &'static [(&'static str, &'static str)],
    ) -> impl Fn(&Desk, &str) -> (Sources, Vec<Diagnostic>) {
        move |desk, main| {
            let mut sources = Sources::default();
            let text = desk.read(main).unwrap_or_default();
            let file = sources.add(main, &text);
            let mut found = Vec::new();
            for (wrong, right) in rules {
                for (at, _) in text.match_indices(wrong) {
                    let span = Span::new(at, at + wrong.len());
                    let d = Diagnostic::error("A1001", file, span, format!("no `{wrong}`"));
                    found.push(d.with_replacement(span, *right));
                }
            }
            (sources, found)
        }
    }

    fn repaired(text: &str, rules: &'static [(&'static str, &'static str)]) -> (String, Repairs) {
        let mut desk = Desk::default();
        desk.texts.insert("a.align".to_owned(), text.to_owned());
        let (repairs, _) = repair(&mut desk, &["a.align".to_owned()], &words(rules), false);
        (desk.texts["a.align"].clone(), repairs)
    }

    #[test]
    fn a_repair_that_makes_the_next_one_possible_is_followed() {
        let (text, repairs) = repaired("one", &[("one", "two"), ("two", "three")]);
        assert_eq!((text.as_str(), repairs.lines.len()), ("three", 2));
        assert!(!repairs.unfinished);
    }

    #[test]
    fn what_would_make_errors_is_left_out_and_the_rest_is_done() {
        let (text, repairs) = repaired(
            "bad one",
            &[("bad", "two two two"), ("one", "fine"), ("two", "two")],
        );
        assert_eq!(text, "bad fine");
        assert_eq!((repairs.lines.len(), repairs.harmful), (1, 1));
    }

    #[test]
    fn two_repairs_that_undo_each_other_end() {
        let (_, repairs) = repaired("one", &[("one", "two"), ("two", "one")]);
        assert!(repairs.unfinished);
    }

    #[test]
    fn a_file_is_written_whole_through_a_link_with_its_rights() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (
            folder.path().join("a.align"),
            folder.path().join("link.align"),
        );
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let path = link.to_string_lossy();
        assert!(replace(&path, "other", "new").is_err_and(|why| why.contains("changed meanwhile")));
        replace(&path, "old", "new").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert!(link.is_symlink());
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o640
        );
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o440)).unwrap();
        assert!(replace(&path, "new", "newer").is_err());
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            2,
            "nothing is left beside"
        );
    }
}
