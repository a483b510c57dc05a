//! Are names in snake case?

use align_grammar::ast::{ItemKind, Name};
use align_grammar::lex::{Kind, lex};

use super::super::program::Program;
use crate::diag::{Diagnostic, Edit};

/// Looks at every name that the file defines.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    for (_, item) in program.items() {
        let mut names: Vec<&Name> = Vec::new();
        match &item.kind {
            ItemKind::Let(f) | ItemKind::Param(f) => names.push(&f.name),
            ItemKind::Pipeline(p) => {
                names.push(&p.name);
                names.extend(p.formals.iter().map(|f| &f.name));
            }
            ItemKind::Policy(p) => names.push(&p.name),
            ItemKind::Dataset(b)
            | ItemKind::Model(b)
            | ItemKind::Stage(b)
            | ItemKind::Sequence(b)
            | ItemKind::Cascade(b)
            | ItemKind::Sweep(b) => names.extend(&b.name),
            ItemKind::Use(_) | ItemKind::Report(_) | ItemKind::Broken { .. } => {}
        }
        for name in names {
            let good = snake(&name.text);
            if good != name.text {
                out.push(renamed(program, name, &good));
            }
        }
    }
}

/// The finding, with a fix that renames the word wherever the file has it: a guess, as other files may use the name.
fn renamed(program: &Program<'_>, name: &Name, good: &str) -> Diagnostic {
    let found = program
        .found(
            "snake-case",
            name.span,
            format!("`{}` is not in snake case", name.text),
        )
        .with_help(format!("call it `{good}`"));
    let text = program.whole();
    let edits = lex(text)
        .into_iter()
        .filter(|t| t.kind == Kind::Word && t.text(text) == name.text)
        .map(|t| Edit {
            file: found.file,
            span: align_grammar::ast::Span::new(t.start, t.end),
            text: good.to_owned(),
        })
        .collect();
    found.with_fix(format!("call it `{good}`"), false, edits)
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    let mut small = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            if small {
                out.push('_');
            }
            small = false;
        } else {
            small = c != '_';
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::snake;

    #[test]
    fn names_become_small_words() {
        for (name, wanted) in [
            ("planner", "planner"),
            ("_unused", "_unused"),
            ("TwinCritic", "twin_critic"),
            ("LR", "lr"),
            ("valueNet2", "value_net2"),
        ] {
            assert_eq!(snake(name), wanted);
        }
    }
}
