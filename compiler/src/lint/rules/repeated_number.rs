//! Has each odd number one place?

use std::collections::BTreeMap;

use align_grammar::ast::{Expr, ExprKind, ItemKind, Span};

use super::super::program::{Program, walk_body};
use crate::diag::Diagnostic;

/// In fewer places it is no burden.
const FEWEST: usize = 3;

/// Counts odd literals by what they are given to.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<(String, String), Vec<Span>> = BTreeMap::new();
    for (_, item) in program.items() {
        let (ItemKind::Dataset(b)
        | ItemKind::Model(b)
        | ItemKind::Stage(b)
        | ItemKind::Sequence(b)
        | ItemKind::Cascade(b)) = &item.kind
        else {
            continue;
        };
        walk_body(&b.body, &mut |field, expr| {
            let mut note = |name: &str, expr: &Expr| {
                if !matches!(expr.kind, ExprKind::Number { .. }) {
                    return;
                }
                let text = program.text(expr.span);
                if is_odd(text) {
                    let key = (name.to_owned(), text.split_whitespace().collect());
                    let places = seen.entry(key).or_default();
                    if !places.contains(&expr.span) {
                        places.push(expr.span);
                    }
                }
            };
            match &expr.kind {
                ExprKind::Call { args, .. } => {
                    for arg in args {
                        let name = arg.name.as_ref().map_or(field, |n| n.text.as_str());
                        note(name, &arg.value);
                    }
                }
                ExprKind::Record(entries) => {
                    for (path, e) in entries {
                        note(&path.text(), e);
                    }
                }
                _ => {}
            }
        });
    }
    for ((name, text), places) in seen {
        let [first, rest @ ..] = places.as_slice() else {
            continue;
        };
        if places.len() < FEWEST {
            continue;
        }
        let message = format!("`{name}: {text}` stands in {} places", places.len());
        let mut found = program
            .found("repeated-number", *first, message)
            .with_label("written here")
            .with_help(format!("give it a name: `let {name} = {text}`"));
        for span in rest.iter().take(3) {
            found = program.also(found, *span, "and here");
        }
        out.push(found);
    }
}

/// Three digits that matter or more, and no power of two.
fn is_odd(text: &str) -> bool {
    let number: &str = text
        .split(|c: char| c.is_whitespace() || c == '%')
        .next()
        .unwrap_or("");
    let mantissa = number.split(['e', 'E', 'k', 'M', 'G']).next().unwrap_or("");
    let digits = mantissa.bytes().filter(u8::is_ascii_digit);
    let (mut count, mut last) = (0, 0);
    for digit in digits.skip_while(|d| *d == b'0') {
        count += 1;
        if digit != b'0' {
            last = count;
        }
    }
    last >= 3 && !mantissa.parse::<u64>().is_ok_and(u64::is_power_of_two)
}

#[cfg(test)]
mod tests {
    use super::is_odd;

    #[test]
    fn round_numbers_and_powers_of_two_are_not_odd() {
        for text in [
            "100",
            "256",
            "0.05",
            "3e-4",
            "200k steps",
            "99%",
            "1_000",
            "2.5",
        ] {
            assert!(!is_odd(text), "{text}");
        }
        for text in ["0.995", "3.17e-4", "137 steps", "12345", "99.5%"] {
            assert!(is_odd(text), "{text}");
        }
    }
}
