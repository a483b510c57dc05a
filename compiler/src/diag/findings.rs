//! The findings of one command over several programs, as one list over one set of files.

use rustc_hash::FxHashMap;

use super::{Diagnostic, FileId, Sources, sort};

/// What was found in every program of one call.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Every file that was read, in the order read; a file that two programs use is here once.
    pub sources: Sources,
    /// What is wrong, sorted by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// The files of each program, its main file first.
    pub programs: Vec<Vec<FileId>>,
}

impl Findings {
    /// Adds what was found in one more program.  What two programs say of a file that both use is kept once.
    pub fn add(&mut self, sources: Sources, diagnostics: Vec<Diagnostic>) {
        if self.sources.iter().next().is_none() {
            self.programs
                .push(sources.iter().map(|(id, _)| id).collect());
            self.sources = sources;
            self.diagnostics = diagnostics;
            return;
        }
        let known: FxHashMap<&str, FileId> = self
            .sources
            .iter()
            .map(|(id, source)| (source.path.as_str(), id))
            .collect();
        let mut ids: Vec<Option<FileId>> = Vec::new();
        let mut fresh = Vec::new();
        for (_, source) in sources.iter() {
            // A file that has changed between two programs is another one: the places differ.
            let same = known.get(source.path.as_str()).copied().filter(|id| {
                let old = self.sources.get(*id);
                old.is_some_and(|old| old.text == source.text)
            });
            if same.is_none() {
                fresh.push(source.clone());
            }
            ids.push(same);
        }
        drop(known);
        let mut fresh = fresh.into_iter();
        for id in &mut ids {
            if id.is_none()
                && let Some(source) = fresh.next()
            {
                *id = Some(self.sources.push(source));
            }
        }
        self.programs.push(ids.iter().copied().flatten().collect());
        let moved = |file: FileId| ids.get(file.0 as usize).copied().flatten().unwrap_or(file);
        for mut d in diagnostics {
            d.file = moved(d.file);
            for label in &mut d.labels {
                label.file = moved(label.file);
            }
            for edit in d.fix.iter_mut().flat_map(|fix| &mut fix.edits) {
                edit.file = moved(edit.file);
            }
            self.diagnostics.push(d);
        }
        sort(&mut self.diagnostics);
    }

    /// Main files of the programs in none of whose files anything is wrong.
    pub fn clean(&self) -> impl Iterator<Item = &str> {
        let fine = |files: &&Vec<FileId>| {
            let mut found = self.diagnostics.iter();
            found.all(|d| !files.contains(&d.file))
        };
        let mains = self.programs.iter().filter(fine);
        mains.filter_map(|files| Some(self.sources.path(*files.first()?)))
    }

    /// Whether there is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

#[cfg(test)]
mod tests {
    use align_grammar::ast::Span;

    use super::*;

    #[test]
    fn a_file_that_two_programs_use_is_reported_once() {
        let program = |main: &str| {
            let mut sources = Sources::default();
            let id = sources.add(main, "use");
            let lab = sources.add("lab.align", "policy");
            let all = vec![
                Diagnostic::error("A1001", id, Span::new(0, 3), "in the main file")
                    .with_place(lab, Span::new(0, 6), "there")
                    .with_replacement(Span::new(0, 3), "x"),
                Diagnostic::warning("A1011", lab, Span::new(0, 6), "in the shared file"),
            ];
            (sources, all)
        };
        let mut found = Findings::default();
        for main in ["a.align", "b.align", "a.align"] {
            let (sources, diagnostics) = program(main);
            found.add(sources, diagnostics);
        }
        let said: Vec<_> = found
            .diagnostics
            .iter()
            .map(|d| (found.sources.path(d.file), d.message.as_str()))
            .collect();
        assert_eq!(
            said,
            [
                ("a.align", "in the main file"),
                ("lab.align", "in the shared file"),
                ("b.align", "in the main file"),
            ]
        );
        assert_eq!(found.clean().count(), 0);
        let last = &found.diagnostics[2];
        assert_eq!(found.sources.path(last.labels[0].file), "lab.align");
        let edit = last.fix.as_ref().map(|f| f.edits[0].file);
        assert_eq!(edit, Some(last.file));
    }
}
