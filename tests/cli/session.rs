//! What is a transcript, and how is it replayed?
//!
//! ```text
//! # What the session shows.
//!
//! $ align check bad.align
//! | a line of standard output
//! ! a line of standard error
//! = 1
//! ```
//! A command is `align` with arguments, or one of `cat FILE`, `ls`, `rm FILE` and `sed -i s/OLD/NEW/ FILE` (plain texts), which work in the
//! session's folder.  Quotes `'..'` hold an argument with blanks together, and `< FILE` at the end is standard input.  `= N` is the exit
//! code; 0 is not written.

use std::path::Path;

use align_tests::binary::{align, code, command};

/// A transcript without its outputs.
pub struct Session {
    comments: Vec<String>,
    commands: Vec<String>,
}

impl Session {
    /// Reads the comments at the head and the commands.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut comments = Vec::new();
        let mut commands = Vec::new();
        for (i, line) in text.lines().enumerate() {
            match line.split_at_checked(2) {
                Some(("$ ", command)) => commands.push(command.to_owned()),
                Some(("# ", comment)) if commands.is_empty() => comments.push(comment.to_owned()),
                _ if line.is_empty() || line.starts_with(['|', '!', '=']) => {}
                _ => {
                    return Err(format!(
                        "line {}: `{line}` is not part of a transcript",
                        i + 1
                    ));
                }
            }
        }
        if comments.is_empty() || commands.is_empty() {
            return Err("a transcript needs a comment and a command".to_owned());
        }
        Ok(Self { comments, commands })
    }

    /// Runs its commands one after the other in a folder; the whole transcript as it should be.
    pub fn replay(&self, folder: &Path) -> String {
        let mut out = String::new();
        for comment in &self.comments {
            out.push_str(&format!("# {comment}\n"));
        }
        for command in &self.commands {
            out.push_str(&format!("\n$ {command}\n"));
            let (code, stdout, stderr) = run(folder, &words(command));
            prefix(&mut out, '|', &scrub(&stdout, folder));
            prefix(&mut out, '!', &scrub(&stderr, folder));
            if code != 0 {
                out.push_str(&format!("= {code}\n"));
            }
        }
        out
    }
}

/// Exit code, standard output and standard error of a command.
pub fn run(folder: &Path, words: &[String]) -> (i32, String, String) {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let failed = |e: std::io::Error| (1, String::new(), e.to_string());
    match words.as_slice() {
        ["align", args @ .., "<", file] => match std::fs::File::open(folder.join(file)) {
            Ok(file) => match command(folder, args).stdin(file).output() {
                Ok(done) => (
                    code(done.status),
                    String::from_utf8_lossy(&done.stdout).into_owned(),
                    String::from_utf8_lossy(&done.stderr).into_owned(),
                ),
                Err(e) => failed(e),
            },
            Err(e) => failed(e),
        },
        ["align", args @ ..] => {
            let done = align(folder, args);
            (done.code, done.out, done.err)
        }
        ["cat", file] => match std::fs::read_to_string(folder.join(file)) {
            Ok(text) => (0, text, String::new()),
            Err(e) => failed(e),
        },
        ["rm", file] => match std::fs::remove_file(folder.join(file)) {
            Ok(()) => (0, String::new(), String::new()),
            Err(e) => failed(e),
        },
        ["sed", "-i", script, file] => {
            let parts: Vec<&str> = script.split('/').collect();
            let ["s", old, new, ""] = parts.as_slice() else {
                return (1, String::new(), format!("not a replacement: {script}"));
            };
            let path = folder.join(file);
            match std::fs::read_to_string(&path) {
                Ok(text) if text.contains(old) => {
                    match std::fs::write(path, text.replace(old, new)) {
                        Ok(()) => (0, String::new(), String::new()),
                        Err(e) => failed(e),
                    }
                }
                Ok(_) => (1, String::new(), format!("no `{old}` in {file}")),
                Err(e) => failed(e),
            }
        }
        ["ls"] => match std::fs::read_dir(folder) {
            Ok(entries) => {
                let mut names: Vec<String> = entries
                    .filter_map(|e| Some(e.ok()?.file_name().to_string_lossy().into_owned()))
                    .collect();
                names.sort();
                (0, names.join("\n"), String::new())
            }
            Err(e) => failed(e),
        },
        _ => (
            127,
            String::new(),
            format!("not a command of transcripts: {words:?}"),
        ),
    }
}

/// Splits at blanks, outside of `'..'`.
pub fn words(command: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word = None::<String>;
    let mut quoted = false;
    for c in command.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => out.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    out.extend(word);
    out
}

/// Each line behind a sign; blanks at the ends of lines are dropped, for files hold none.
fn prefix(out: &mut String, sign: char, text: &str) {
    for line in text.lines() {
        let line = format!("{sign} {line}");
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// Replaces what differs from run to run: the folder, digests.
fn scrub(text: &str, folder: &Path) -> String {
    let text = text.replace(&*folder.to_string_lossy(), "FOLDER");
    let mut out = String::new();
    let mut run = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_hexdigit() && !c.is_ascii_uppercase() {
            run.push(c);
            continue;
        }
        // A digest has 64 digits.
        out.push_str(if run.len() >= 64 { "DIGEST" } else { &run });
        run.clear();
        out.push(c);
    }
    out.pop();
    out
}
