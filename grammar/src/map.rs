//! Where in the user's text is a byte of the text that pest saw?
//!
//! Brackets that are missing, texts that do not end and mistakes whose repair is certain are repaired in a copy before it is parsed, so that
//! one slip costs one message and not a block.  This file keeps the way back.

use std::rc::Rc;

use crate::ast::Span;

/// A replacement of a range by a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// First byte that is replaced.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// What stands there instead.
    pub text: String,
}

impl Edit {
    /// Puts a text between two bytes.
    pub fn insert(at: usize, text: &str) -> Self {
        Self {
            start: at,
            end: at,
            text: text.to_owned(),
        }
    }
}

/// The way from a repaired text back to the user's.  Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Map {
    /// Where the repaired text begins in the text it was taken from.
    base: usize,
    /// In order.
    pieces: Rc<[Piece]>,
    /// From there to the user's text.
    parent: Option<Rc<Map>>,
}

/// One replacement, in both texts.
#[derive(Clone, Copy, Debug)]
struct Piece {
    new_start: usize,
    new_end: usize,
    old_start: usize,
    old_end: usize,
}

impl Map {
    /// Applies edits that are sorted and apart, and says how to get back.
    pub fn repair(source: &str, edits: &[Edit]) -> (String, Map) {
        let mut text = String::with_capacity(source.len() + 16 * edits.len());
        let mut pieces = Vec::with_capacity(edits.len());
        let mut at = 0;
        for edit in edits {
            if edit.start < at {
                continue;
            }
            text.push_str(source.get(at..edit.start).unwrap_or(""));
            pieces.push(Piece {
                new_start: text.len(),
                new_end: text.len() + edit.text.len(),
                old_start: edit.start,
                old_end: edit.end,
            });
            text.push_str(&edit.text);
            at = edit.end;
        }
        text.push_str(source.get(at..).unwrap_or(""));
        let map = Map {
            pieces: pieces.into(),
            ..Map::default()
        };
        (text, map)
    }

    /// This map for a part of the text, which begins at `base` of what `parent` maps.
    pub fn within(mut self, base: usize, parent: &Map) -> Map {
        self.base = base;
        self.parent = Some(Rc::new(parent.clone()));
        self
    }

    /// The user's byte under a byte of the repaired text; all of a replacement is at its beginning.
    pub fn back(&self, at: usize) -> usize {
        let after = self.pieces.partition_point(|p| p.new_start <= at);
        let own = match after.checked_sub(1).and_then(|i| self.pieces.get(i)) {
            None => at,
            Some(p) if at < p.new_end => p.old_start,
            Some(p) => p.old_end + (at - p.new_end),
        };
        let own = own + self.base;
        self.parent.as_ref().map_or(own, |p| p.back(own))
    }

    /// The user's range under a range of the repaired text.
    pub fn span(&self, start: usize, end: usize) -> Span {
        let from = self.back(start);
        let to = if end > start { self.back(end) } else { from };
        Span::new(from, to.max(from))
    }
}
