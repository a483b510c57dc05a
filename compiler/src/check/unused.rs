//! What is defined and never used?  Only in the main file: other files are libraries.

use align_grammar::ast::{Name, Span};

use super::Checker;
use crate::diag::{Diagnostic, FileId};
use crate::hir::Kind;

impl Checker<'_> {
    /// A1011.
    pub(super) fn unused(&mut self) {
        let program = self.program;
        let mut found: Vec<(FileId, Name, String)> = Vec::new();
        for id in program.main_defs() {
            let def = program.def(id);
            // Stages, sequences and cascades are results; a dataset is one too only where something trains on it.
            let counts = match &def.kind {
                Kind::Let(_) | Kind::Param(_) | Kind::Model(_) | Kind::Dataset(_) => true,
                Kind::Formal(f) => f.ty.as_ref().is_none_or(|t| t.name.text != "Seed"),
                _ => false,
            };
            if counts && !program.used.contains(&id) {
                found.push((def.at.file, def.name.clone(), def.kind.word().to_owned()));
            }
        }
        for import in &program.imports {
            let node = program.def(import.def).kind.is_node();
            let poison = matches!(program.def(import.def).kind, Kind::Poison);
            if !program.used.contains(&import.def) && !node && !poison {
                found.push((import.file, import.name.clone(), "import".to_owned()));
            }
        }
        for (file, name, word) in found {
            if name.text.starts_with('_') || name.span == Span::default() {
                continue;
            }
            self.report(
                Diagnostic::warning(
                    "A1011",
                    file,
                    name.span,
                    format!("{word} `{}` is never used", name.text),
                )
                .with_label("never used")
                .with_help(format!("remove it, or call it `_{}` to keep it", name.text)),
            );
        }
    }
}
