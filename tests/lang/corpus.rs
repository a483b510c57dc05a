//! Whole programs: the examples check clean, and no cut or mangled program makes the check panic.

use align_compiler::{diag::render, plan};
use align_plan::Plan;
use align_tests::text_files;
use libtest_mimic::Trial;

use crate::world::{Files, lines};

/// One test an example, and the mangling of the largest.
pub fn trials() -> Vec<Trial> {
    let programs: Vec<_> = text_files()
        .into_iter()
        .filter(|f| f.extension() == "align")
        .collect();
    let all: Vec<(String, String)> = programs
        .iter()
        .map(|f| (f.path.clone(), f.text.clone()))
        .collect();
    let mut out = Vec::new();
    for program in programs.iter().filter(|f| align_tests::sound(&f.path)) {
        let mut files = Files {
            list: all.clone(),
            sets: Vec::new(),
        };
        files.list.retain(|(path, _)| *path != program.path);
        files
            .list
            .insert(0, (program.path.clone(), program.text.clone()));
        let copy = files.clone();
        out.push(Trial::test(
            format!("corpus::{}::is_fine", program.path),
            move || fine(&files).map_err(Into::into),
        ));
        let slips = files_of(&all, &program.path);
        out.push(Trial::test(
            format!("corpus::{}::one_slip_is_one_message", program.path),
            move || one_slip_is_one_message(&slips).map_err(Into::into),
        ));
        if ["quickstart.align", "specification.align"]
            .iter()
            .any(|n| program.path.ends_with(n))
        {
            for (name, run) in [("cut", cut as fn(&Files)), ("mangled", mangled)] {
                let files = copy.clone();
                out.push(Trial::test(
                    format!("corpus::{}::{name}_never_panics", program.path),
                    move || {
                        run(&files);
                        Ok(())
                    },
                ));
            }
        }
    }
    out
}

/// Every file, this one first.
fn files_of(all: &[(String, String)], main: &str) -> Files {
    let (mut list, others): (Vec<_>, Vec<_>) =
        all.iter().cloned().partition(|(path, _)| path == main);
    list.extend(others);
    Files {
        list,
        sets: Vec::new(),
    }
}

/// Leaves the second letter out of every longer word, one word at a time.
fn one_slip_is_one_message(files: &Files) -> Result<(), String> {
    let Some((_, text)) = files.list.first() else {
        return Ok(());
    };
    let mut wrong = String::new();
    let mut start = 0;
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        let at = start;
        start += word.len();
        let name = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let line = text[..at].rsplit('\n').next().unwrap_or("");
        // Without its edition a file lacks something else too.
        if name.len() < 4
            || name == "align"
            || line.contains("//")
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            continue;
        }
        let mut files = files.clone();
        if let Some((_, main)) = files.list.first_mut() {
            main.replace_range(at + 1..at + 2, "");
        }
        let checked = files.check();
        if checked.diagnostics.len() > 1 {
            wrong.push_str(&format!(
                "`{name}` in line {}:\n{}",
                text[..at].matches('\n').count() + 1,
                lines(&checked)
            ));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn fine(files: &Files) -> Result<(), String> {
    let checked = files.check();
    if !checked.diagnostics.is_empty() {
        return Err(lines(&checked));
    }
    let Some(plan) = plan(&checked) else {
        let unset = checked.params.iter().any(|(_, value)| value.is_none());
        return if unset {
            Ok(())
        } else {
            Err("no plan".to_owned())
        };
    };
    for (at, node) in plan.nodes.iter().enumerate() {
        for need in &node.needs {
            if !plan.nodes[..at].iter().any(|n| n.id == need.node) {
                return Err(format!(
                    "{} stands before {}, which it needs",
                    node.id, need.node
                ));
            }
        }
    }
    let text = |plan| serde_json::to_string_pretty(plan).map_err(|e| e.to_string());
    let written = text(&plan)?;
    let read: Plan = serde_json::from_str(&written).map_err(|e| e.to_string())?;
    if read != plan {
        return Err("the plan is another one after writing and reading".to_owned());
    }
    let again = align_compiler::plan(&files.check());
    if again.as_ref().map(text).transpose()?.as_deref() != Some(written.as_str()) {
        return Err("a second check gives another plan".to_owned());
    }
    Ok(())
}

/// Checks and renders; what is said does not matter here.
fn survive(files: &Files, text: String) {
    let mut files = files.clone();
    if let Some((_, main)) = files.list.first_mut() {
        *main = text;
    }
    let checked = files.check();
    let look = render::Look {
        colour: true,
        width: 80,
    };
    let shown = render::full(&checked.sources, &checked.diagnostics, look);
    assert_eq!(shown.is_empty(), checked.diagnostics.is_empty());
    let json = render::json(&checked.sources, &checked.diagnostics);
    assert!(json.starts_with('['), "{json}");
}

/// Every program that stands in an editor while it is typed: the text up to some byte.
fn cut(files: &Files) {
    let Some((_, text)) = files.list.first() else {
        return;
    };
    for end in (0..text.len())
        .step_by(23)
        .filter(|e| text.is_char_boundary(*e))
    {
        survive(files, text[..end].to_owned());
    }
}

/// Lines left out, said twice, and swapped with a later one; every word once replaced by another.
fn mangled(files: &Files) {
    let Some((_, text)) = files.list.first() else {
        return;
    };
    let rows: Vec<&str> = text.lines().collect();
    for at in 0..rows.len() {
        let mut without = rows.clone();
        without.remove(at);
        survive(files, without.join("\n"));
        let mut twice = rows.clone();
        twice.insert(at, rows[at]);
        survive(files, twice.join("\n"));
        let mut swapped = rows.clone();
        swapped.swap(at, (at * 7 + 3) % rows.len());
        survive(files, swapped.join("\n"));
    }
    let words: Vec<&str> = text
        .split_inclusive(|c: char| !c.is_alphanumeric() && c != '_')
        .collect();
    for at in (0..words.len()).step_by(3) {
        let mut other = words.clone();
        other[at] = words[(at * 13 + 5) % words.len()];
        survive(files, other.concat());
    }
}
