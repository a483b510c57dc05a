//! Do pipelines and parameters say what they are for?

use align_grammar::ast::ItemKind;

use super::super::program::Program;
use crate::diag::Diagnostic;

/// Looks at pipelines and `param`s.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    for item in &program.ast.items {
        let (what, name) = match &item.kind {
            ItemKind::Pipeline(p) => ("pipeline", &p.name),
            ItemKind::Param(f) => ("param", &f.name),
            _ => continue,
        };
        if item.docs.is_empty() {
            let message = format!("the {what} `{}` has no documentation", name.text);
            out.push(
                program
                    .found("undocumented", name.span, message)
                    .with_help("say in one line what it is for: `/// ..` above it"),
            );
        }
    }
}
