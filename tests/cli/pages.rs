//! Do the transcripts on the pages of the codes come out?  Each is replayed with the built binary in a folder that holds the page's files.
//!
//! Of what a command writes, standard output comes first.  A line `…` stands for any lines, and `…` in a line for any text.  A transcript
//! `fail` must show its code, one `ok` must not, and its last command must succeed.

use std::fs;
use std::io::Write;
use std::path::Path;

use align_compiler::codes::{Example, PAGES, Page};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::session::{run, words};

/// A trial for each transcript.
pub fn trials() -> Vec<Trial> {
    let mut out = vec![Trial::test("pages::lines_match_with_gaps", || {
        let fits = |wanted: &[&str], found: &[&str]| same(wanted, found);
        let right = fits(&["…"], &[])
            && fits(&["a", "…", "c"], &["a", "b", "b", "c"])
            && fits(&["x … z"], &["x y z"])
            && !fits(&["a", "c"], &["a", "b", "c"])
            && !fits(&["x … z"], &["x y"])
            && !fits(&["…", "d"], &["a", "c"]);
        right.then_some(()).ok_or_else(|| "it does not".into())
    })];
    for page in PAGES {
        for (i, transcript) in page.transcripts().into_iter().enumerate() {
            let name = format!("pages::{}::{}", page.code, i + 1);
            out.push(Trial::test(name, move || {
                replay(page, &transcript).map_err(Into::into)
            }));
        }
    }
    out
}

fn replay(page: &Page, transcript: &Example) -> Result<(), String> {
    let wrong = |e: std::io::Error| e.to_string();
    let folder = tempfile::tempdir().map_err(wrong)?;
    let folder = folder.path();
    for file in page.examples() {
        if let Some(path) = file.get("file") {
            fs::write(folder.join(path), &file.text).map_err(wrong)?;
        }
    }
    let _held = match transcript.get("setup") {
        None => None,
        Some("older") => {
            older(folder)?;
            None
        }
        Some("newer") => {
            fs::create_dir(folder.join(".align")).map_err(wrong)?;
            fs::write(folder.join(".align/format"), "2 align 9.0.0\n").map_err(wrong)?;
            None
        }
        Some("busy") => Some(busy(&folder.join(".align"))?),
        Some(other) => return Err(format!("there is no setup `{other}`")),
    };
    let mut actual = String::new();
    let mut code = 0;
    for command in transcript.text.lines().filter_map(|l| l.strip_prefix("$ ")) {
        let (exit, out, err) = run(folder, &words(command));
        actual.push_str(&format!("$ {command}\n{out}{err}"));
        code = exit;
    }
    let actual = actual.replace(&*folder.to_string_lossy(), "FOLDER");
    let wanted: Vec<&str> = transcript.text.lines().collect();
    let found: Vec<&str> = actual.lines().map(str::trim_end).collect();
    if !same(&wanted, &found) {
        return Err(format!(
            "the page says\n{}\nit is\n{actual}",
            transcript.text
        ));
    }
    let shown = actual.contains(&format!("[{}]", page.code));
    if transcript.is("fail") != shown || (transcript.is("ok") && code != 0) {
        return Err(format!("{:?}, exit {code}:\n{actual}", transcript.words));
    }
    Ok(())
}

/// Whether lines are what a transcript says they are.
fn same(wanted: &[&str], found: &[&str]) -> bool {
    match wanted.split_first() {
        None => found.is_empty(),
        Some((&"…", rest)) => (0..=found.len()).any(|n| same(rest, &found[n..])),
        Some((line, rest)) => found
            .split_first()
            .is_some_and(|(first, others)| fits(line, first) && same(rest, others)),
    }
}

/// Whether a line is what a pattern says.
fn fits(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut left) = parts.next().and_then(|p| line.strip_prefix(p)) else {
        return false;
    };
    let rest: Vec<&str> = parts.collect();
    let Some((last, middle)) = rest.split_last() else {
        return left.is_empty();
    };
    for part in middle {
        let Some(at) = left.find(part) else {
            return false;
        };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

/// A store in which a run has been made by an edition before the first of `denoise`.
fn older(folder: &Path) -> Result<(), String> {
    let wrong = |e: std::io::Error| e.to_string();
    let (code, out, err) = run(folder, &words("align run small.align --json"));
    if code != 0 {
        return Err(format!("{out}{err}"));
    }
    let store = folder.join(".align");
    let mut changed = 0;
    for entry in fs::read_dir(store.join("nodes")).map_err(wrong)?.flatten() {
        let path = entry.path().join("parts.json");
        let text = fs::read_to_string(&path).map_err(wrong)?;
        // The second line is its checksum.
        let record = text.lines().next().unwrap_or_default();
        let mut parts: Value = serde_json::from_str(record).map_err(|e| e.to_string())?;
        let part = parts
            .as_array_mut()
            .into_iter()
            .flatten()
            .find(|p| p["name"] == "semantics denoise");
        let Some(part) = part else {
            continue;
        };
        part["value"] = "0".into();
        part["digest"] = "0".into();
        fs::write(&path, parts.to_string()).map_err(wrong)?;
        // Another part makes another key.
        let key = entry.file_name().to_string_lossy().into_owned();
        let other: String = key.chars().rev().collect();
        fs::rename(entry.path(), store.join("nodes").join(&other)).map_err(wrong)?;
        for name in fs::read_dir(store.join("names")).map_err(wrong)?.flatten() {
            if fs::read_to_string(name.path()).map_err(wrong)?.trim() == key {
                fs::write(name.path(), &other).map_err(wrong)?;
            }
        }
        changed += 1;
    }
    (changed > 0)
        .then_some(())
        .ok_or_else(|| "no node uses `denoise`".to_owned())
}

/// The lock of a store, held by this process in the name of a run of another edition.
fn busy(store: &Path) -> Result<fs::File, String> {
    let wrong = |e: std::io::Error| e.to_string();
    fs::create_dir(store).map_err(wrong)?;
    let mut file = fs::File::create(store.join("driver.lock")).map_err(wrong)?;
    file.try_lock().map_err(|e| e.to_string())?;
    let text = format!("{}\nedition 2, library ffffffff\n", std::process::id());
    file.write_all(text.as_bytes()).map_err(wrong)?;
    Ok(file)
}
