//! The `.align` language as text: grammar, lossless tree, typed views, syntax errors.
//!
//! Parsing never fails: a broken fragment becomes an error and the rest of the file is still there.

// The derived parser names it, as pest is built without `std`.
extern crate alloc;

mod advice;
pub mod ast;
mod balance;
mod blocks;
mod brackets;
pub mod lex;
mod lossless;
mod lower;
mod lower_expr;
mod map;
mod mistakes;
mod openings;
mod quotes;
mod reader;
mod recover;
mod salvage;
mod shift;
mod tree;
mod words;

use ast::{File, Span, SyntaxError};
pub use lossless::{
    Align, SyntaxElement, SyntaxEvent, SyntaxKind, SyntaxNode, SyntaxToken, tree, tree_with_repairs,
};
pub use reader::Reader;
pub use rowan::{TextRange, TokenAtOffset};
pub use shift::Shift;

/// The edition of the language that this tool knows.
pub const EDITION: u32 = 1;

/// A parsed file.
#[derive(Clone, Debug, Default)]
pub struct Parse {
    /// What was understood.
    pub file: File,
    /// What was not, in the order of the text; at most one per line.
    pub errors: Vec<SyntaxError>,
}

/// Parses a text.  Never fails: what does not parse is in the errors, and all else is in the file.
pub fn parse(text: &str) -> Parse {
    let prepared = brackets::prepare_text(text);
    let mut errors = prepared.errors;
    let before = errors.len();
    let mut file = File::default();
    let mut good = None;
    let parsed = tree::file_in_parts(&prepared.text, |arena| {
        let mut lower = lower::Lower {
            text: &prepared.text,
            arena,
            map: &prepared.map,
            bad_numbers: &prepared.bad_numbers,
            unclosed: &prepared.unclosed,
            errors: &mut errors,
            good: good.take(),
        };
        lower.add_to(&mut file);
        good = lower.good;
    });
    if let Err(failure) = parsed {
        errors.truncate(before);
        errors.push(blocks::unparsable(text, &prepared.map, &failure));
        file = File::default();
    }
    blocks::check(text, &mut file.items, &mut errors);
    finish(text, file, errors)
}

/// What is said of a file as a whole.
fn finish(text: &str, file: File, mut errors: Vec<SyntaxError>) -> Parse {
    blocks::edition(&file, &mut errors);
    Parse {
        file,
        errors: one_per_line(text, errors),
    }
}

/// Sorts errors, and keeps the first that was found on each line: the others mostly follow from it.
fn one_per_line(text: &str, errors: Vec<SyntaxError>) -> Vec<SyntaxError> {
    if errors.is_empty() {
        return errors;
    }
    let breaks: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let line = |span: Span| breaks.partition_point(|&at| at < span.start as usize);
    let mut taken = std::collections::HashSet::new();
    let mut errors: Vec<SyntaxError> = errors
        .into_iter()
        .filter(|e| taken.insert(line(e.span)))
        .collect();
    errors.sort_by_key(|e| (e.span, e.code));
    errors
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::parse;

    const SPEC: &str = include_str!("../../tests/corpus/valid/specification.align");

    #[test]
    fn the_example_of_the_specification_parses_without_an_error() {
        let parse = parse(SPEC);
        assert_eq!(parse.errors, []);
        assert_eq!(parse.file.items.len(), 5);
    }
}
