//! `align fmt`: programs in the one style.

use std::io::Read;
use std::path::{Path, PathBuf};

use align_compiler::{World, fmt};
use clap::Args;

use super::shown::STDIN;
use super::{Exit, repair};
use crate::host::{Disk, reason};
use crate::ui::term::{Look, Tone, errln, fail, out, outln};

const AFTER: &str = "\
Examples:
  align fmt                          every program in this folder and below
  align fmt study.align lab/
  align fmt --check                  exit with 1 if a file is not formatted, and write nothing
  align fmt --diff study.align       show what would change
  cat study.align | align fmt -      formatted, on standard output

There are no options: 4 columns a level, 100 columns a line.  What you write decides two things: a block whose `{` ends its line
stays on several lines, and so does a list with a comma after its last entry.  Comments stay; what does not parse stays as it is.";

/// Files of programs end so.
const EXTENSION: &str = "align";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct FmtArgs {
    /// Programs, or folders to search for them; `-` is standard input.  Without any, this folder.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write nothing; list the files that are not formatted, and exit with 1 if there is one.
    #[arg(long)]
    check: bool,
    /// Write nothing; show what would change, and exit with 1 if anything would.
    #[arg(long)]
    diff: bool,
    /// What standard input is called in messages.
    #[arg(long, value_name = "PATH", default_value = STDIN)]
    stdin_filename: String,
}

/// What came of the files.
#[derive(Debug, Default)]
struct Tally {
    /// Files that are formatted already.
    same: usize,
    /// Files that were or would be changed.
    changed: usize,
    /// Files that could not be read or written.
    failed: usize,
}

pub(crate) fn run(args: &FmtArgs) -> Exit {
    let mut tally = Tally::default();
    let here = [PathBuf::from(".")];
    let named = if args.files.is_empty() {
        &here[..]
    } else {
        &args.files
    };
    if named.iter().any(|f| f.as_os_str() == "-") {
        if named.len() > 1 {
            fail("`-` stands alone: standard input is one program", None);
            return Exit::Usage;
        }
        return stdin(args);
    }
    let mut files = Vec::new();
    for path in named {
        if let Err(why) = collect(path, true, &mut files) {
            tally.failed += 1;
            fail(&format!("`{}` cannot be read: {why}", path.display()), None);
        }
    }
    files.dedup();
    if files.is_empty() && tally.failed == 0 {
        errln("no `.align` file here");
    }
    for path in &files {
        file(path, args, &mut tally);
    }
    say(&tally, args);
    if tally.failed > 0 {
        Exit::Usage
    } else if tally.changed > 0 && (args.check || args.diff) {
        Exit::Diagnostics
    } else {
        Exit::Fine
    }
}

/// Programs of a folder and below, in the order of their names; what cannot be read is left out.
pub(super) fn programs(folder: &Path) -> Vec<String> {
    let mut out = Vec::new();
    // A folder that cannot be listed has none.
    let _ = collect(folder, false, &mut out);
    out.iter().map(|p| p.display().to_string()).collect()
}

/// Programs of a path, folders searched, in the order of their names.  Hidden folders and links to folders are passed over.
fn collect(path: &Path, named: bool, into: &mut Vec<PathBuf>) -> Result<(), String> {
    if !path.is_dir() {
        if named || path.extension().is_some_and(|e| e == EXTENSION) {
            into.push(path.to_path_buf());
        }
        return Ok(());
    }
    let entries = std::fs::read_dir(path).map_err(|e| reason(&e))?;
    let mut inside: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    inside.sort();
    for path in inside {
        let hidden = path
            .file_name()
            .is_some_and(|n| n.to_string_lossy().starts_with('.'));
        let link = path.is_dir() && path.is_symlink();
        if !hidden && !link {
            let path = path.strip_prefix("./").unwrap_or(&path);
            collect(path, false, into)?;
        }
    }
    Ok(())
}

fn file(path: &Path, args: &FmtArgs, tally: &mut Tally) {
    let name = path.display().to_string();
    let text = match Disk.read(&name) {
        Ok(text) => text,
        Err(why) => {
            tally.failed += 1;
            fail(&format!("`{name}` cannot be read: {why}"), None);
            return;
        }
    };
    let new = formatted(&name, &text);
    if new == text {
        tally.same += 1;
        return;
    }
    tally.changed += 1;
    if args.check || args.diff {
        show(&name, &text, &new, args);
    } else if let Err(error) = repair::write(path, &new) {
        tally.changed -= 1;
        tally.failed += 1;
        fail(
            &format!("`{name}` cannot be written: {}", reason(&error)),
            None,
        );
    }
}

/// The formatted text; a text whose broken parts leave its shape open stays, and that is said.
fn formatted(name: &str, text: &str) -> String {
    fmt::try_format(text).unwrap_or_else(|_| {
        errln(&format!(
            "`{name}` stays as it is, for its shape is unclear; `align check {name}` says why"
        ));
        text.to_owned()
    })
}

fn show(name: &str, old: &str, new: &str, args: &FmtArgs) {
    if args.diff {
        out(&repair::diff(name, old, new));
    } else {
        outln(name);
    }
}

fn stdin(args: &FmtArgs) -> Exit {
    let mut bytes = Vec::new();
    let read = std::io::stdin().read_to_end(&mut bytes);
    let text = read
        .map_err(|e| reason(&e))
        .and_then(|_| String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned()));
    let text = match text {
        Ok(text) => text,
        Err(why) => {
            fail(&format!("standard input cannot be read: {why}"), None);
            return Exit::Usage;
        }
    };
    let new = formatted(&args.stdin_filename, &text);
    if !args.check && !args.diff {
        out(&new);
        return Exit::Fine;
    }
    if new == text {
        return Exit::Fine;
    }
    show(&args.stdin_filename, &text, &new, args);
    Exit::Diagnostics
}

/// The last line, on standard error.
fn say(tally: &Tally, args: &FmtArgs) {
    let files = |n: usize| format!("{n} file{}", if n == 1 { "" } else { "s" });
    let look = Look::err();
    let ahead = args.check || args.diff;
    if tally.changed > 0 {
        let done = if ahead {
            "would be formatted"
        } else {
            "formatted"
        };
        let tone = if ahead { Tone::Bad } else { Tone::Good };
        errln(&look.paint(tone, &format!("{} {done}", files(tally.changed))));
    }
    if tally.same > 0 {
        errln(&format!("{} already formatted", files(tally.same)));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_searched_in_order_and_hidden_ones_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["b.align", "a.align", "c.txt", ".align/d.align", "e/f.align"] {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let mut found = Vec::new();
        collect(root, true, &mut found).unwrap();
        let wanted = ["a.align", "b.align", "e/f.align"].map(|n| root.join(n));
        assert_eq!(found, wanted);
        let mut named = Vec::new();
        collect(&root.join("c.txt"), true, &mut named).unwrap();
        assert_eq!(named, [root.join("c.txt")]);
    }
}
