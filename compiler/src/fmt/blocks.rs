//! Where do items and statements stand?  One a line, their `=` and `=>` under each other, broken ones as they are.

use align_grammar::{SyntaxElement, SyntaxKind, SyntaxNode};

use super::inline::{STEP, Writer, is_word};
use super::page::Op;

/// A name longer than this does not move the `=` of its neighbours.
const WIDEST: usize = 24;

/// An item of the file, for the empty lines between them: three marks each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// `align 1`.
    Edition,
    /// An item.
    Item,
    /// Something that stands alone: words without an item, a broken part.
    Other,
}

/// An item, a statement, an arm, or what is left of one.
#[derive(Clone, Debug)]
struct Unit {
    /// Its elements, by index.
    from: usize,
    to: usize,
    /// Its first token.
    first: usize,
    /// Its bytes.
    start: usize,
    end: usize,
    /// Whether it is printed as it stands.
    raw: bool,
    /// Separators behind it.
    seps: usize,
    /// What its `=` or `=>` is aligned by, with the name's width.
    column: Option<(SyntaxKind, usize)>,
}

/// Lines before which an empty line has to stand: around items of several lines, and after the edition.
pub fn forced_blanks(sections: &[Section], marks: &[usize]) -> Vec<usize> {
    let mut out = Vec::new();
    let mut tall_before = false;
    let mut before = None;
    for (section, marks) in sections.iter().zip(marks.chunks(3)) {
        let [lead, begin, end] = *marks else {
            continue;
        };
        let tall = end.saturating_sub(begin) > 1;
        let forced = match (before, section) {
            (None | Some(Section::Other), _) | (_, Section::Other) => false,
            (Some(Section::Edition), _) => true,
            _ => tall || tall_before,
        };
        if forced {
            out.push(lead);
        }
        tall_before = tall;
        before = Some(*section);
    }
    out
}

impl Writer<'_> {
    /// The whole file.
    pub fn file(&mut self, root: &SyntaxNode) {
        let elements: Vec<SyntaxElement> = root.children_with_tokens().collect();
        let units = self.units(&elements);
        for (i, unit) in units.iter().enumerate() {
            if i > 0 {
                self.push(Op::Hard);
                if self.trivia.blank_before(unit.first) {
                    self.push(Op::Blank);
                }
            }
            self.flush(true);
            let kind = elements.get(unit.from).map(SyntaxElement::kind);
            self.sections.push(match kind {
                Some(SyntaxKind::Edition) => Section::Edition,
                Some(SyntaxKind::Item) if !unit.raw => Section::Item,
                _ => Section::Other,
            });
            self.push(Op::Mark);
            self.lead();
            self.push(Op::Mark);
            self.unit(&elements, unit, SyntaxKind::File);
            // The mark is read before the line ends.
            self.flush(true);
            self.push(Op::Hard);
            self.push(Op::Mark);
        }
        // Comments behind the last item.
        if self.trivia.at(self.at).is_some_and(|w| !w.lead.is_empty()) {
            if self.trivia.blank_before(self.at) && !units.is_empty() {
                self.push(Op::Blank);
            }
            self.lead();
        }
        self.flush(true);
    }

    /// `pipeline name(formals) { items }`.
    pub fn pipeline(&mut self, node: &SyntaxNode) {
        let elements: Vec<SyntaxElement> = node.children_with_tokens().collect();
        let open = |e: &SyntaxElement| matches!(e, SyntaxElement::Token(t) if t.text() == "{");
        let at = elements.iter().position(open).unwrap_or(elements.len());
        for element in elements.get(..at).unwrap_or(&[]) {
            self.element(element, SyntaxKind::Pipeline);
        }
        let block = elements.get(at..).unwrap_or(&[]);
        self.block(block, SyntaxKind::Pipeline);
    }

    /// `{ .. }`: on one line if the author wrote it so and it fits, else one statement a line.
    pub fn block(&mut self, elements: &[SyntaxElement], kind: SyntaxKind) {
        let said = |e: &SyntaxElement| matches!(e, SyntaxElement::Node(_)) || is_word(e.kind());
        let (Some(open), Some(close)) = (
            elements.iter().position(said),
            elements.iter().rposition(said),
        ) else {
            return;
        };
        let inside = elements.get(open + 1..close).unwrap_or(&[]);
        let units = self.units(inside);
        self.token(kind);
        let end = elements.get(close).map_or(self.text.len(), start_of);
        let end = self.trivia.index(end);
        let last = self.trivia.at(end);
        let comments = last.is_some_and(|w| !w.lead.is_empty());
        if units.is_empty() && !comments {
            // Nothing parts the braces, so that they do not end up on two lines.
            self.token(kind);
            return;
        }
        let broken = kind == SyntaxKind::Pipeline && !units.is_empty()
            || last.is_some_and(|w| w.new_line) && (comments || !units.is_empty())
            || units
                .iter()
                .any(|u| self.begins_line(u) || is_doc(inside, u));
        self.push(Op::Open(broken));
        self.push(Op::In(STEP));
        self.push(Op::Line(" "));
        let pads = pads(self, &units, kind);
        for (i, unit) in units.iter().enumerate() {
            if i > 0 {
                self.push(Op::Line(" "));
                if self.trivia.blank_before(unit.first) {
                    self.push(Op::Blank);
                }
            }
            self.pad = pads.get(i).copied().unwrap_or(0);
            self.unit(inside, unit, kind);
            if i + 1 < units.len() && !unit.raw {
                self.if_flat(",");
            }
            for _ in 0..unit.seps {
                self.drop_token();
            }
        }
        self.close(kind, " ", !units.is_empty());
    }

    fn begins_line(&self, unit: &Unit) -> bool {
        self.trivia.at(unit.first).is_some_and(|w| w.new_line)
    }

    /// One of them.
    fn unit(&mut self, elements: &[SyntaxElement], unit: &Unit, parent: SyntaxKind) {
        if unit.raw {
            self.raw(unit.start, unit.end);
            return;
        }
        for element in elements.get(unit.from..=unit.to).unwrap_or(&[]) {
            match element {
                SyntaxElement::Token(t) if t.kind() == SyntaxKind::Doc => self.token(parent),
                _ => self.element(element, parent),
            }
        }
    }

    /// What a block holds, broken parts joined with their neighbours on the same line.
    fn units(&self, elements: &[SyntaxElement]) -> Vec<Unit> {
        let mut out: Vec<Unit> = Vec::new();
        for (i, element) in elements.iter().enumerate() {
            let (start, end) = (start_of(element), usize::from(element.text_range().end()));
            let mut raw = true;
            match element {
                SyntaxElement::Token(t) if !is_word(t.kind()) => continue,
                SyntaxElement::Token(t) if matches!(t.text(), "," | ";") => {
                    if let Some(unit) = out.last_mut() {
                        unit.seps += 1;
                        // A broken part keeps its separators.
                        if unit.raw {
                            (unit.to, unit.end, unit.seps) = (i, end, 0);
                        }
                        continue;
                    }
                }
                SyntaxElement::Token(t) => raw = t.kind() != SyntaxKind::Doc,
                SyntaxElement::Node(node) => {
                    raw = is_bad(node) || self.guessed(node) || self.coarse && holds_bad(node);
                }
            }
            let first = self.trivia.index(start);
            let text = self.text.get(start..end).unwrap_or("");
            let unit = Unit {
                from: i,
                to: i,
                first,
                start,
                end: start + text.trim_end().len(),
                raw,
                seps: 0,
                column: element.as_node().and_then(column),
            };
            let same_line = self.trivia.at(first).is_some_and(|w| !w.new_line);
            match out.last_mut() {
                Some(last) if same_line && (raw || last.raw) => {
                    (last.to, last.end) = (i, unit.end);
                    (last.raw, last.seps) = (true, 0);
                }
                _ => out.push(unit),
            }
        }
        out
    }

    /// Whether a node's shape is a guess that no smaller part of it holds.
    fn guessed(&self, node: &SyntaxNode) -> bool {
        let range = node.text_range();
        let (start, end) = (u32::from(range.start()), u32::from(range.end()));
        let from = self.repaired.partition_point(|r| r.end < start);
        let touching = self.repaired.get(from..).unwrap_or(&[]);
        let mut touching = touching.iter().take_while(|r| r.start <= end);
        touching.any(|r| self.coarse || !(blocks_closed(node) && inner_unit(node, r.start, r.end)))
    }
}

/// Whether a smaller unit inside holds these bytes.
fn inner_unit(node: &SyntaxNode, start: u32, end: u32) -> bool {
    let holds = |n: &SyntaxNode| {
        let range = n.text_range();
        u32::from(range.start()) <= start && end <= u32::from(range.end())
    };
    let mut at = node.clone();
    while let Some(inner) = at.children().find(holds) {
        if is_unit(&inner) {
            return true;
        }
        at = inner;
    }
    false
}

/// Whether it is printed on lines of its own.
fn is_unit(node: &SyntaxNode) -> bool {
    matches!(
        node.kind(),
        SyntaxKind::Item | SyntaxKind::Statement | SyntaxKind::Arm | SyntaxKind::BadStatement
    )
}

/// Whether the blocks of an item or a statement have both of their braces.
fn blocks_closed(node: &SyntaxNode) -> bool {
    node.descendants()
        .take_while(|n| n == node || !is_unit(n))
        .filter(|n| {
            matches!(
                n.kind(),
                SyntaxKind::Body | SyntaxKind::Arms | SyntaxKind::Pipeline
            )
        })
        .all(|block| {
            let tokens = block
                .children_with_tokens()
                .filter_map(SyntaxElement::into_token);
            let braces = tokens.filter(|t| matches!(t.text(), "{" | "}")).count();
            braces == 2
        })
}

/// Whether a unit is or holds what did not parse, outside of smaller units.
fn is_bad(node: &SyntaxNode) -> bool {
    let bad = |n: &SyntaxNode| matches!(n.kind(), SyntaxKind::BadItem | SyntaxKind::BadStatement);
    bad(node) || node.children().any(|n| bad(&n))
}

/// Whether anything in it did not parse.
fn holds_bad(node: &SyntaxNode) -> bool {
    node.descendants().any(|n| is_bad(&n))
}

fn is_doc(elements: &[SyntaxElement], unit: &Unit) -> bool {
    let doc = |e: Option<SyntaxElement>| e.is_some_and(|e| e.kind() == SyntaxKind::Doc);
    match elements.get(unit.from) {
        Some(SyntaxElement::Node(node)) => doc(node.first_child_or_token()),
        other => doc(other.cloned()),
    }
}

fn start_of(element: &SyntaxElement) -> usize {
    usize::from(element.text_range().start())
}

/// The name that `=` or `=>` follows.
fn column(unit: &SyntaxNode) -> Option<(SyntaxKind, usize)> {
    if unit.kind() == SyntaxKind::Arm {
        let tokens = unit
            .children_with_tokens()
            .filter_map(SyntaxElement::into_token);
        let mut words = tokens.filter(|t| t.kind() == SyntaxKind::Word);
        return words.next().map(|t| (SyntaxKind::Arm, t.text().len()));
    }
    let field = unit.children().find(|n| n.kind() == SyntaxKind::Field)?;
    let path = field.first_child()?;
    let tokens = path.descendants_with_tokens();
    let words = tokens.filter(|e| e.as_token().is_some_and(|t| is_word(t.kind())));
    let width = words.map(|e| usize::from(e.text_range().len())).sum();
    Some((SyntaxKind::Field, width))
}

/// Blanks before each unit's `=` or `=>`.  Fields are aligned up to an empty line or another statement, arms all of them.
fn pads(writer: &Writer<'_>, units: &[Unit], kind: SyntaxKind) -> Vec<usize> {
    let mut out = vec![0; units.len()];
    let mut at = 0;
    while at < units.len() {
        let of = |i: usize| units.get(i).filter(|u| !u.raw).and_then(|u| u.column);
        let goes_on = |i: usize| {
            let blank = kind != SyntaxKind::Arms
                && units
                    .get(i)
                    .is_some_and(|u| writer.trivia.blank_before(u.first));
            of(i).is_some() && !blank
        };
        let mut end = at + 1;
        while of(at).is_some() && goes_on(end) {
            end += 1;
        }
        let widths = || (at..end).filter_map(of).map(|(_, width)| width);
        let widest = widths().filter(|w| *w <= WIDEST).max().unwrap_or(0);
        for i in at..end {
            if let (Some((_, width)), Some(pad)) = (of(i), out.get_mut(i)) {
                *pad = widest.saturating_sub(width);
            }
        }
        at = end;
    }
    out
}
