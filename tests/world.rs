//! Programs in memory, checked as the binary would check files.

use std::collections::BTreeMap;

use align_compiler::diag::Diagnostic;
use align_compiler::machine::Machine;
use align_compiler::{Checked, Options, World, check};

/// Files by path; the first one is the main file.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// Paths and texts.
    pub list: Vec<(String, String)>,
    /// `--set name=value`.
    pub sets: Vec<(String, String)>,
}

/// Texts by path.
pub struct Memory(pub BTreeMap<String, String>);

impl World for Memory {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0
            .get(path)
            .cloned()
            .ok_or_else(|| "no such file".to_owned())
    }
}

impl Files {
    /// One file.
    pub fn one(text: &str) -> Self {
        Self {
            list: vec![("main.align".to_owned(), text.to_owned())],
            sets: Vec::new(),
        }
    }

    /// Checks it; a `param` without a value is fine.
    pub fn check(&self) -> Checked {
        self.check_on(Machine::default())
    }

    /// The same, for a machine that it is to run on.
    pub fn check_on(&self, machine: Machine) -> Checked {
        let main = self
            .list
            .first()
            .map_or("main.align", |(path, _)| path.as_str());
        let options = Options {
            sets: self.sets.clone(),
            allow_unset: true,
            machine,
            ..Options::default()
        };
        check(&Memory(self.list.iter().cloned().collect()), main, &options)
    }
}

/// `main.align:3: error[A1001]: there is no ..`, one a line.
pub fn lines(checked: &Checked) -> String {
    let line = |d: &Diagnostic| {
        let (start, _) = checked.sources.places(d.file, d.span);
        format!(
            "  {}:{}:{}: {}[{}]: {}\n",
            checked.sources.path(d.file),
            start.line,
            start.column,
            d.severity.word(),
            d.code,
            d.message
        )
    };
    checked.diagnostics.iter().map(line).collect()
}
