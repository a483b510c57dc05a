//! Parses the texts of a file that is being written: what a key did not touch is not parsed again.
//!
//! A file is parsed in parts that know nothing of one another (`tree::cuts`).  A part that was parsed before without an error is the same part
//! wherever it stands now.

use std::ops::Range;
use std::rc::Rc;

use crate::ast::{File, SyntaxError};
use crate::shift::Shift;
use crate::tree::{self, Arena, Failure, Rule};
use crate::{Parse, blocks, brackets, finish, lower, parse};

/// Bytes of a part: what is parsed again for a key.
const PART: usize = 2 * 1024;

/// What it has parsed last.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    /// In the order of the text, which may have more between them.
    parts: Vec<Part>,
    /// Bytes of the text.
    length: usize,
}

/// A part without an error.
#[derive(Clone, Debug)]
struct Part {
    text: Rc<str>,
    /// Where it stands.
    start: usize,
    /// Its items.
    file: File,
}

/// What an edit touched.
struct Touched {
    /// Parts before it.
    before: usize,
    /// Parts after it.
    after: usize,
    /// The bytes between those parts, in the new text.
    bytes: Range<usize>,
}

impl Reader {
    /// The same as [`parse`], faster where the text is like the last one.
    pub fn parse(&mut self, text: &str) -> Parse {
        let Some(touched) = self.touched(text) else {
            // What has to be repaired has its places elsewhere.
            return parse(text);
        };
        let old = std::mem::take(self);
        let (before, rest) = old.parts.split_at(touched.before);
        let (between, after) = rest.split_at(rest.len() - touched.after);
        let mut errors = Vec::new();
        let mut file = File::default();
        let mut parts = before.to_vec();
        for part in before {
            part.add_to(&mut file);
        }
        let mut arena = Arena::for_text(2 * PART);
        let changed = text.get(touched.bytes.clone()).unwrap_or("");
        for range in tree::ranges(changed, PART) {
            let range = touched.bytes.start + range.start..touched.bytes.start + range.end;
            let part = match known(between, text, &range) {
                Some(part) => part.at(range.start),
                None => match read(text, &range, &mut arena, &mut errors, &mut file) {
                    Ok(Some(part)) => part,
                    Ok(None) => continue,
                    // What pest gives up on is told by the one that tells it.
                    Err(_) => return parse(text),
                },
            };
            part.add_to(&mut file);
            parts.push(part);
        }
        for part in after {
            let part = part.at(part.start + text.len() - old.length);
            part.add_to(&mut file);
            parts.push(part);
        }
        self.parts = parts;
        self.length = text.len();
        finish(text, file, errors)
    }

    /// What differs from the last text, in whole parts; `None` for a text whose brackets, texts or numbers have to be repaired.
    fn touched(&self, text: &str) -> Option<Touched> {
        let mut start = 0;
        let same = self.parts.iter().take_while(|part| {
            let here = part.start == start && part.stands_at(text, start);
            start = part.end();
            here
        });
        // Where the last of them ends is known by how the next one begins, which may have changed.
        let before = same.count().saturating_sub(1);
        let kept = before.checked_sub(1).and_then(|last| self.parts.get(last));
        let start = kept.map_or(0, Part::end);
        let (mut after, mut end, mut was) = (0, text.len(), self.length);
        for part in self.parts.iter().skip(before + 1).rev() {
            let at = end.checked_sub(part.text.len()).filter(|at| *at >= start);
            match at.filter(|at| part.end() == was && part.stands_at(text, *at)) {
                Some(at) => (after, end, was) = (after + 1, at, part.start),
                None => break,
            }
        }
        let changed = text.get(start..end)?;
        if brackets::is_sound(changed) && (after == 0 || brackets::is_ended(changed)) {
            return Some(Touched {
                before,
                after,
                bytes: start..end,
            });
        }
        brackets::is_sound(text).then_some(Touched {
            before: 0,
            after: 0,
            bytes: 0..text.len(),
        })
    }
}

/// The part of a range, if it was parsed before.
fn known<'p>(parts: &'p [Part], text: &str, range: &Range<usize>) -> Option<&'p Part> {
    parts.iter().find(|part| {
        // The edition stands first in a file, and nowhere else.
        let place = part.start == range.start
            || part.file.edition.is_none() && part.start > 0 && range.start > 0;
        place && part.text.len() == range.len() && part.stands_at(text, range.start)
    })
}

impl Part {
    fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether a text is the same from a place on.
    fn stands_at(&self, text: &str, at: usize) -> bool {
        let rest = text.as_bytes().get(at..);
        rest.is_some_and(|rest| rest.starts_with(self.text.as_bytes()))
    }

    /// The same at another place.
    fn at(&self, start: usize) -> Self {
        let mut part = self.clone();
        if start != self.start {
            part.file.shift(start as i64 - self.start as i64);
            part.start = start;
        }
        part
    }

    /// Adds what it holds to a file.
    fn add_to(&self, file: &mut File) {
        file.items.extend_from_slice(&self.file.items);
        if self.file.edition.is_some() {
            file.edition.clone_from(&self.file.edition);
            file.edition_span = self.file.edition_span;
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
    blocks::check(text, &mut own.items, errors);
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
        text: text.get(range.clone()).unwrap_or("").into(),
        start: range.start,
        file: own,
    }))
}
