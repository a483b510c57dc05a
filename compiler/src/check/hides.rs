//! A1009: which names of the program hide one of the standard library?
//!
//! A value, a parameter, an import or a policy stands where a name of the library can stand, so that it always hides it.  A block
//! is named by its own words (`from`, `on`, `x.best`), so that it is said only where a call of the same name stands beside it.

use align_grammar::ast::Span;
use align_stdlib::builtins;

use super::Checker;
use super::value::group_word;
use crate::diag::{Diagnostic, FileId};
use crate::hir::{DefId, Kind};

impl Checker<'_> {
    /// A1009, in the main file.
    pub(super) fn hidden(&mut self) {
        let program = self.program;
        let Some(main) = program.root else { return };
        for id in program.main_defs() {
            let def = program.def(id);
            let values = matches!(
                def.kind,
                Kind::Let(_) | Kind::Param(_) | Kind::Formal(_) | Kind::Policy(_)
            );
            if values {
                self.hides(id, def.name.text.as_str());
            }
        }
        for (id, file, span) in &program.shadowing {
            let def = program.def(*id);
            if def.kind.is_node() || matches!(def.kind, Kind::Model(_)) {
                let Some(builtin) = builtins().find(|b| b.name == def.name.text) else {
                    continue;
                };
                let word = def.kind.word();
                self.report(
                    Diagnostic::warning(
                        "A1009",
                        def.at.file,
                        def.name.span,
                        format!(
                            "the {word} `{}` has the name of {} that is used beside it",
                            def.name.text,
                            group_word(builtin.group)
                        ),
                    )
                    .with_label(format!("a {word} here"))
                    .with_place(
                        *file,
                        *span,
                        format!("{} of the standard library here", group_word(builtin.group)),
                    )
                    .with_help("give the block a name of its own"),
                );
            }
        }
        for import in &program.imports {
            if program.lookup(main, &import.name.text) != Some(import.def) {
                continue;
            }
            let Some(builtin) = builtins().find(|b| b.name == import.name.text) else {
                continue;
            };
            let same =
                matches!(program.def(import.def).kind, Kind::Std(b) if b.name == builtin.name);
            let block = program.def(import.def).kind.is_node();
            // A failed import is an error already.
            let failed = matches!(program.def(import.def).kind, Kind::Poison);
            if !same && !block && !failed {
                self.say_hidden(import.file, import.name.span, &import.name.text, "import");
            }
        }
    }

    fn hides(&mut self, id: DefId, name: &str) {
        if builtins().any(|b| b.name == name) {
            let def = self.program.def(id);
            self.say_hidden(def.at.file, def.name.span, name, def.kind.word());
        }
    }

    fn say_hidden(&mut self, file: FileId, span: Span, name: &str, word: &str) {
        let Some(builtin) = builtins().find(|b| b.name == name) else {
            return;
        };
        let what = group_word(builtin.group);
        self.report(
            Diagnostic::warning(
                "A1009",
                file,
                span,
                format!("the {word} `{name}` hides {what} of the standard library"),
            )
            .with_label(format!("`{name}` is {what} too"))
            .with_help(format!(
                "give it a name of its own, such as `my_{name}`: a reader takes `{name}` for {what}"
            )),
        );
    }
}
