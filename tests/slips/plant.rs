//! What do people get wrong while they type?  Each kind of slip as a change of a valid text, and the lines where a message about it may
//! stand.
//!
//! Nothing here knows what the checker says.

use std::collections::BTreeSet;

use align_grammar::lex::{self, Kind, Token};
use align_tests::stream::Stream;

/// Every kind of slip.  A cut is the last thing in its file, and so is not in this list.
pub const KINDS: &[&str] = &[
    "token deleted",
    "item word misspelt",
    "keyword misspelt",
    "field misspelt",
    "argument misspelt",
    "unit misspelt",
    "definition misspelt",
    "reference misspelt",
    "unit swapped",
    "field dropped",
    "comma dropped",
    "line end dropped",
    "closed early",
    "closer removed",
    "text not ended",
    "field twice",
    "literal of a wrong type",
    "wrong sign",
];

/// The end of the file is missing.
pub const CUT: &str = "file cut";

/// A range of a text, and what stands there instead.
#[derive(Clone, Debug)]
pub struct Edit {
    pub start: usize,
    pub end: usize,
    pub text: String,
}

/// One slip in a valid text.
#[derive(Clone, Debug)]
pub struct Slip {
    pub kind: &'static str,
    pub edit: Edit,
    /// The byte of the valid text whose line is the slip's own.
    pub at: usize,
    /// Bytes of the valid text whose lines will do as well: the opener of what was left open.
    pub also: Vec<usize>,
}

impl Slip {
    fn new(kind: &'static str, start: usize, end: usize, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            kind,
            edit: Edit { start, end, text },
            at: start,
            also: Vec::new(),
        }
    }

    /// The lines of the valid text that are this slip's alone.
    pub fn lines(&self, program: &Program) -> BTreeSet<usize> {
        let places = [self.at, self.edit.start, self.edit.end.max(1) - 1];
        let all = places.iter().chain(&self.also);
        all.map(|&at| program.line(at)).collect()
    }
}

/// A valid text with what is needed to break it.
pub struct Program {
    pub text: String,
    /// Tokens that say something.
    tokens: Vec<Token>,
    /// Index of the opener around each token.
    around: Vec<Option<usize>>,
    breaks: Vec<usize>,
}

impl Program {
    pub fn new(text: &str) -> Self {
        let mut tokens = lex::lex(text);
        tokens.retain(|t| !t.is_trivia() && t.kind != Kind::Doc);
        let mut open = Vec::new();
        let mut around = Vec::with_capacity(tokens.len());
        for (i, token) in tokens.iter().enumerate() {
            if matches!(token.kind, Kind::Close(_)) {
                // A closer belongs to the opener that it closes.
                around.push(open.pop());
                continue;
            }
            around.push(open.last().copied());
            if matches!(token.kind, Kind::Open(_)) {
                open.push(i);
            }
        }
        Self {
            text: text.to_owned(),
            tokens,
            around,
            breaks: text.match_indices('\n').map(|(at, _)| at).collect(),
        }
    }

    /// The line of a byte, from 0.
    pub fn line(&self, at: usize) -> usize {
        self.breaks.partition_point(|&b| b < at)
    }

    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |t| t.text(&self.text))
    }

    fn first_on_line(&self, at: usize) -> bool {
        let line = self.line(self.tokens[at].start);
        at == 0 || self.line(self.tokens[at - 1].start) != line
    }

    /// A slip of this kind; nothing if the text has no place for one.
    pub fn slip(&self, kind: &'static str, stream: &mut Stream) -> Option<Slip> {
        match kind {
            "field dropped" | "field twice" => self.field_line(kind, stream),
            "line end dropped" => self.line_end(stream),
            "closed early" => self.closed_early(stream),
            CUT => self.cut(stream),
            _ => self.at_token(kind, stream),
        }
    }

    /// Slips that change one token.
    fn at_token(&self, kind: &'static str, stream: &mut Stream) -> Option<Slip> {
        let places: Vec<usize> = (0..self.tokens.len())
            .filter(|&i| self.fits(kind, i))
            .collect();
        let &i = stream.pick(&places)?;
        let token = self.tokens[i];
        let word = self.word(i);
        let with = |text: String| Some(Slip::new(kind, token.start, token.end, text));
        match kind {
            "comma dropped" => with(String::new()),
            "token deleted" if !matches!(token.kind, Kind::Close(_)) => with(String::new()),
            "token deleted" | "closer removed" => {
                let mut slip = with(String::new())?;
                slip.also
                    .extend(self.around[i].map(|o| self.tokens[o].start));
                Some(slip)
            }
            "text not ended" => {
                let mut slip = Slip::new(kind, token.end - 1, token.end, "");
                slip.at = token.start;
                Some(slip)
            }
            "unit swapped" => {
                let other: Vec<_> = UNITS.iter().filter(|u| **u != word).collect();
                with((**stream.pick(&other)?).to_owned())
            }
            "literal of a wrong type" => {
                let unit = self.tokens.get(i + 1).filter(|_| self.is_unit(i + 1));
                let percent = self.tokens.get(i + 1).filter(|_| self.word(i + 1) == "%");
                let end = unit.or(percent).map_or(token.end, |t| t.end);
                let text = if token.kind == Kind::Number {
                    "\"much\""
                } else {
                    "7"
                };
                Some(Slip::new(kind, token.start, end, text))
            }
            "wrong sign" => with(
                match word {
                    "=" => ":",
                    "=>" => "->",
                    "->" => "=>",
                    _ => "=",
                }
                .to_owned(),
            ),
            _ => with(misspelt(word, stream)),
        }
    }

    fn is_unit(&self, i: usize) -> bool {
        let before = i.checked_sub(1).and_then(|b| self.tokens.get(b));
        self.tokens.get(i).is_some_and(|t| t.kind == Kind::Word)
            && before.is_some_and(|t| t.kind == Kind::Number)
            && !self.first_on_line(i)
            && !lex::is_reserved(self.word(i))
    }

    /// Whether a kind of slip can be made of a token.
    fn fits(&self, kind: &str, i: usize) -> bool {
        let token = self.tokens[i];
        let (word, next) = (self.word(i), self.word(i + 1));
        let before = if i == 0 { "" } else { self.word(i - 1) };
        let long = token.kind == Kind::Word && word.len() > 2;
        let item = lex::ITEM_WORDS.contains(&word) && self.first_on_line(i);
        let keyword = !item
            && (lex::STATEMENT_WORDS.contains(&word) && self.first_on_line(i)
                || lex::HEAD_WORDS.contains(&word)
                || lex::is_reserved(word));
        let definition = i > 0
            && lex::ITEM_WORDS.contains(&before)
            && self.first_on_line(i - 1)
            && !matches!(before, "use" | "report");
        let field = self.first_on_line(i) && matches!(next, "=" | "=>");
        let argument = next == ":";
        match kind {
            "token deleted" => true,
            "item word misspelt" => long && item,
            "keyword misspelt" => long && keyword,
            "field misspelt" => long && field && !keyword,
            "argument misspelt" => long && argument,
            "unit misspelt" => self.is_unit(i) && long,
            "definition misspelt" => long && definition,
            "reference misspelt" => {
                let other = item || keyword || field || argument || definition;
                long && !other && !self.is_unit(i)
            }
            "unit swapped" => self.is_unit(i),
            "comma dropped" => word == ",",
            "closer removed" => matches!(token.kind, Kind::Close(_)),
            "text not ended" => token.kind == Kind::Text,
            "literal of a wrong type" => {
                matches!(token.kind, Kind::Number | Kind::Text)
                    && !matches!(before, "align" | "use")
            }
            "wrong sign" => matches!(word, ":" | "=" | "=>" | "->" | ">=" | "<="),
            _ => false,
        }
    }

    /// Fields that stand alone on one line, as (first token, one past the last).
    fn field_lines(&self) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for i in 0..self.tokens.len() {
            if !self.first_on_line(i) || self.tokens[i].kind != Kind::Word {
                continue;
            }
            let line = self.line(self.tokens[i].start);
            let rest = &self.tokens[i..];
            let end = i + rest.partition_point(|t| self.line(t.start) == line);
            let depth = |t: &Token| match t.kind {
                Kind::Open(_) => 1,
                Kind::Close(_) => -1,
                _ => 0,
            };
            let level: i32 = self.tokens[i..end].iter().map(depth).sum();
            let sign = (i + 1..end).find(|&j| self.word(j) != "." && self.word(j - 1) != ".");
            if level == 0 && sign.is_some_and(|j| self.word(j) == "=") && self.around[i].is_some() {
                found.push((i, end));
            }
        }
        found
    }

    fn field_line(&self, kind: &'static str, stream: &mut Stream) -> Option<Slip> {
        let &(first, end) = stream.pick(&self.field_lines())?;
        let line = self.line(self.tokens[first].start);
        let start = line.checked_sub(1).map_or(0, |l| self.breaks[l] + 1);
        let after = self.breaks.get(line).map_or(self.text.len(), |b| b + 1);
        if kind == "field twice" {
            let text = format!(
                "{}\n",
                self.text[start..self.tokens[end - 1].end].trim_end()
            );
            let mut slip = Slip::new(kind, after, after, text);
            slip.also.push(start);
            return Some(slip);
        }
        let mut slip = Slip::new(kind, start, after, "");
        slip.at = self.tokens[self.around[first]?].start;
        Some(slip)
    }

    /// Two statements on one line without anything between them.
    fn line_end(&self, stream: &mut Stream) -> Option<Slip> {
        let fields = self.field_lines();
        let followed: Vec<_> = fields
            .iter()
            .filter(|(_, end)| {
                self.tokens
                    .get(*end)
                    .is_some_and(|t| t.kind == Kind::Word && self.around[*end].is_some())
            })
            .collect();
        let &&(_, end) = stream.pick(&followed)?;
        let (from, to) = (self.tokens[end - 1].end, self.tokens[end].start);
        let between = self.text.get(from..to)?;
        (!between.contains('/')).then(|| Slip::new("line end dropped", from, to, " "))
    }

    /// A closer before the end of its group: after some token, or after some line of a block.
    fn closed_early(&self, stream: &mut Stream) -> Option<Slip> {
        let mut places = Vec::new();
        for i in 1..self.tokens.len().saturating_sub(1) {
            let Some(open) = self.around[i] else { continue };
            let Kind::Open(byte) = self.tokens[open].kind else {
                continue;
            };
            let line = |j: usize| self.line(self.tokens[j].start);
            let ends = matches!(self.tokens[i + 1].kind, Kind::Close(_))
                && self.around[i + 1] == Some(open);
            let opens = matches!(self.tokens[i].kind, Kind::Open(_));
            if ends || opens || self.word(i) == "," {
                continue;
            }
            if byte != b'{' && line(open) == line(i + 1) || byte == b'{' && line(i) != line(i + 1) {
                let closer = match byte {
                    b'{' => " }",
                    b'(' => ")",
                    _ => "]",
                };
                places.push((self.tokens[i].end, closer));
            }
        }
        let &(at, closer) = stream.pick(&places)?;
        Some(Slip::new("closed early", at, at, closer))
    }

    fn cut(&self, stream: &mut Stream) -> Option<Slip> {
        let first = self.tokens.first()?.start;
        let mut at = first + 1 + stream.below(self.text.len() - first - 1);
        while !self.text.is_char_boundary(at) {
            at += 1;
        }
        let mut slip = Slip::new(CUT, at, self.text.len(), "");
        let kept = &self.text[..at];
        slip.at = kept.trim_end().len().max(1) - 1;
        let mut open = Vec::new();
        for token in lex::lex(kept) {
            match token.kind {
                Kind::Open(_) => open.push(token.start),
                Kind::Close(_) => drop(open.pop()),
                Kind::OpenComment => slip.also.push(token.start),
                _ => {}
            }
        }
        slip.also.extend(open);
        Some(slip)
    }
}

/// Units of the language.
const UNITS: &[&str] = &[
    "steps",
    "env_steps",
    "evals",
    "rounds",
    "episodes",
    "denoise_steps",
    "pairs",
    "points",
    "min",
    "s",
];

/// A word with two letters swapped, one left out, one doubled, or one replaced by its neighbour in the alphabet.
fn misspelt(word: &str, stream: &mut Stream) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    for _ in 0..8 {
        let at = stream.below(letters.len() - 1);
        match stream.below(4) {
            0 => letters.swap(at, at + 1),
            1 => drop(letters.remove(at + 1)),
            2 => letters.insert(at, letters[at]),
            _ => {
                letters[at + 1] = match letters[at + 1] {
                    'z' => 'y',
                    c @ 'a'..='y' => char::from(c as u8 + 1),
                    _ => 'x',
                }
            }
        }
        if letters.iter().collect::<String>() != word {
            break;
        }
        letters = word.chars().collect();
    }
    letters.into_iter().collect()
}
