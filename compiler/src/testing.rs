//! Checks programs out of memory, for tests.

use std::collections::HashMap;

use align_plan::Plan;

use crate::diag::Diagnostic;
use crate::{Checked, Options, World, check};

/// Files in memory.
pub struct Memory(pub HashMap<String, String>);

impl World for Memory {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0
            .get(path)
            .cloned()
            .ok_or_else(|| "no such file".to_owned())
    }
}

/// Checks one file with others beside it.  What is said of every stage of a few lines is left out: that nothing but its budget
/// stops it.
pub fn check_files(files: &[(&str, &str)]) -> Checked {
    let map = files
        .iter()
        .map(|(p, t)| ((*p).to_owned(), (*t).to_owned()))
        .collect();
    let main = files.first().map_or("main.align", |(p, _)| *p);
    let mut out = check(&Memory(map), main, &Options::default());
    out.diagnostics.retain(|d| d.code != "A5018");
    out
}

/// Checks one text; `align 1` may be left out.
pub fn checked(text: &str) -> Checked {
    let text = if text.trim_start().starts_with("align") {
        text.to_owned()
    } else {
        format!("align 1\n{text}")
    };
    check_files(&[("main.align", &text)])
}

/// Diagnostics of one text.
pub fn check_text(text: &str) -> Vec<Diagnostic> {
    checked(text).diagnostics
}

/// The plan of one text; its diagnostics when there is none.
pub fn plan_of(text: &str) -> Result<Plan, Vec<Diagnostic>> {
    let checked = checked(text);
    crate::plan(&checked).ok_or(checked.diagnostics)
}
