//! Parses the texts of a file that is being written: what a key did not touch is not parsed again.
//!
//! A file is parsed in parts that know nothing of one another (`tree::cuts`).  A part that was parsed before without an error is the same part
//! wherever it stands now.

use std::ops::Range;
use std::rc::Rc;

use crate::ast::{File, SyntaxError};
use crate::shift::Shift;
use crate::tree::{self, Arena, Failure, Rule};
use crate::{Parse, brackets, finish, lower, parse};

/// Bytes of a part: what is parsed again for a key.
const PART: usize = 2 * 1024;

/// What it has parsed last.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    parts: Vec<Rc<Part>>,
}

/// A part without an error.
#[derive(Debug)]
struct Part {
    text: String,
    /// Where it stood.
    start: usize,
    /// Its items, before the checks of their shape.
    file: File,
}

impl Reader {
    /// The same as [`parse`], faster where the text is like the last one.
    pub fn parse(&mut self, text: &str) -> Parse {
        let prepared = brackets::prepare_text(text);
        // What had to be repaired has its places elsewhere.
        if !matches!(prepared.text, std::borrow::Cow::Borrowed(_)) || !prepared.errors.is_empty() {
            return parse(text);
        }
        let mut errors = Vec::new();
        let mut file = File::default();
        let mut parts = Vec::new();
        let mut arena = Arena::for_text(2 * PART);
        for range in tree::ranges(text, PART) {
            let known = self.known(text, &range, &parts);
            let part = match known {
                Some(part) => part,
                None => match read(text, &range, &mut arena, &mut errors, &mut file) {
                    Ok(Some(part)) => Rc::new(part),
                    Ok(None) => continue,
                    // What pest gives up on is told by the one that tells it.
                    Err(_) => return parse(text),
                },
            };
            part.add_to(&mut file, range.start);
            parts.push(part);
        }
        self.parts = parts;
        finish(text, file, errors)
    }

    /// The part of a range, if it was parsed before.
    fn known(&self, text: &str, range: &Range<usize>, taken: &[Rc<Part>]) -> Option<Rc<Part>> {
        let own = text.get(range.clone())?;
        // The edition stands first in a file, and nowhere else.
        let same = |p: &&Rc<Part>| {
            p.text == own
                && (p.start == range.start
                    || p.file.edition.is_none() && p.start > 0 && range.start > 0)
        };
        // Most likely it comes after the one before.
        let after = taken
            .last()
            .and_then(|last| self.parts.iter().position(|p| Rc::ptr_eq(p, last)));
        let next = after.and_then(|at| self.parts.get(at + 1)).filter(same);
        next.or_else(|| self.parts.iter().find(same)).cloned()
    }
}

impl Part {
    /// Adds what it holds to a file, at a place.
    fn add_to(&self, file: &mut File, start: usize) {
        let mut own = self.file.clone();
        if start != self.start {
            own.shift(start as i64 - self.start as i64);
        }
        file.items.append(&mut own.items);
        if own.edition.is_some() {
            file.edition = own.edition;
            file.edition_span = own.edition_span;
        }
    }
}

/// Parses a part; one with an error goes into the file as it is, with its errors, and is not to be kept.
fn read(
    text: &str,
    range: &Range<usize>,
    arena: &mut Arena,
    errors: &mut Vec<SyntaxError>,
    file: &mut File,
) -> Result<Option<Part>, Failure> {
    arena.reparse(Rule::file, text, range.clone())?;
    let map = crate::map::Map::default();
    let before = errors.len();
    let mut own = File {
        // Whether the edition has come decides what a late one is.
        edition: file.edition.clone(),
        edition_span: file.edition_span,
        items: Vec::new(),
    };
    let had = own.edition.is_some();
    lower::Lower {
        text,
        arena,
        map: &map,
        bad_numbers: &[],
        unclosed: &[],
        errors,
        good: None,
    }
    .add_to(&mut own);
    if errors.len() > before {
        file.edition = own.edition;
        file.edition_span = own.edition_span;
        file.items.append(&mut own.items);
        return Ok(None);
    }
    if had {
        (own.edition, own.edition_span) = (None, None);
    }
    Ok(Some(Part {
        text: text.get(range.clone()).unwrap_or("").to_owned(),
        start: range.start,
        file: own,
    }))
}
