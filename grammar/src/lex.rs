//! Which token does each byte belong to?  A total lexer: any text is cut into tokens, and their texts joined are the text.
//!
//! It serves what has to work on broken text: the bracket scan before pest, the search for a common mistake, and the lossless
//! tree.  It knows no grammar; which words are keywords is decided by their place.

/// What kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Blanks and line ends.
    Blank,
    /// `// ...` and `/* ... */`.
    Comment,
    /// `/// ...`.
    Doc,
    /// Digits with point, exponent and multiplier.
    Number,
    /// A number that cannot be one, such as `1.2.3`.
    BadNumber,
    /// A word.
    Word,
    /// A text with both quotes.
    Text,
    /// A text whose line ends first.
    OpenText,
    /// A `/*` without its `*/`.
    OpenComment,
    /// One of `{ ( [`.
    Open(u8),
    /// One of `} ) ]`.
    Close(u8),
    /// An operator or a separator.
    Punct,
    /// Nothing of the language.
    Junk,
}

/// A token, by its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Token {
    /// Its text.
    pub fn text(self, source: &str) -> &str {
        source.get(self.start..self.end).unwrap_or("")
    }

    /// Whether it says nothing to the grammar.
    pub fn is_trivia(self) -> bool {
        matches!(self.kind, Kind::Blank | Kind::Comment | Kind::OpenComment)
    }

    /// Whether a value may end with it.
    pub fn ends_value(self, source: &str) -> bool {
        match self.kind {
            Kind::Number | Kind::BadNumber | Kind::Text | Kind::OpenText | Kind::Close(_) => true,
            Kind::Word => !is_reserved(self.text(source)),
            Kind::Punct => self.text(source) == "%",
            _ => false,
        }
    }

    /// Whether a value may begin with it.
    pub fn starts_value(self, source: &str) -> bool {
        match self.kind {
            Kind::Number | Kind::BadNumber | Kind::Text | Kind::OpenText | Kind::Open(_) => true,
            Kind::Word => {
                let text = self.text(source);
                text == "not" || !is_reserved(text)
            }
            Kind::Punct => self.text(source) == "-",
            _ => false,
        }
    }
}

/// Words that cannot be a name.
pub const RESERVED: [&str; 9] = [
    "until", "trains", "every", "and", "or", "not", "else", "by", "from",
];

/// Words that open an item of a file.
pub const ITEM_WORDS: [&str; 12] = [
    "use", "param", "let", "pipeline", "dataset", "model", "stage", "sequence", "cascade", "sweep",
    "policy", "report",
];

/// Words that open an item of a pipeline.
pub const INNER_ITEM_WORDS: [&str; 6] = ["let", "dataset", "model", "stage", "sequence", "cascade"];

/// Words that open a statement of a block.
pub const STATEMENT_WORDS: [&str; 6] = ["until", "on", "eval", "checkpoint", "without", "expect"];

/// Words inside the head of an item or of a statement.
pub const HEAD_WORDS: [&str; 8] = ["align", "trains", "on", "in", "from", "of", "as", "every"];

/// Whether a word cannot be a name.
pub fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// Cuts a text into tokens.
pub fn lex(source: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(source.len() / 3 + 4);
    tokens.extend(Tokens::of(source));
    tokens
}

/// The tokens of a text, one after the other.
pub struct Tokens<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    /// From the text's start.
    pub fn of(source: &'a str) -> Self {
        Self { source, at: 0 }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let start = self.at;
        if start >= self.source.len() {
            return None;
        }
        let (kind, end) = next(self.source, start);
        // A token is never empty and never ends inside a character, whatever the arms of `next` say.
        let mut end = end.clamp(start + 1, self.source.len());
        while !self.source.is_char_boundary(end) {
            end += 1;
        }
        self.at = end;
        Some(Token { kind, start, end })
    }
}

fn next(source: &str, at: usize) -> (Kind, usize) {
    let bytes = source.as_bytes();
    let peek = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let two = peek(at + 1);
    match peek(at) {
        b' ' | b'\t'..=b'\r' => (Kind::Blank, run(bytes, at, is_blank)),
        b'/' if two == b'/' => {
            let kind = if peek(at + 2) == b'/' {
                Kind::Doc
            } else {
                Kind::Comment
            };
            (kind, run(bytes, at, |b| b != b'\n'))
        }
        b'/' if two == b'*' => match source.get(at + 2..).and_then(|rest| rest.find("*/")) {
            Some(length) => (Kind::Comment, at + 2 + length + 2),
            None => (Kind::OpenComment, source.len()),
        },
        b'"' => text(bytes, at),
        b'0'..=b'9' => number(bytes, at),
        b if is_word_start(b) => (Kind::Word, run(bytes, at, is_word)),
        b @ (b'{' | b'(' | b'[') => (Kind::Open(b), at + 1),
        b @ (b'}' | b')' | b']') => (Kind::Close(b), at + 1),
        b'.' if two == b'.' => match peek(at + 2) {
            b'<' | b'=' => (Kind::Punct, at + 3),
            _ => (Kind::Punct, at + 2),
        },
        b'=' if two == b'=' || two == b'>' => (Kind::Punct, at + 2),
        b'!' | b'<' | b'>' if two == b'=' => (Kind::Punct, at + 2),
        b'-' if two == b'>' => (Kind::Punct, at + 2),
        b'&' if two == b'&' => (Kind::Junk, at + 2),
        b'|' if two == b'|' => (Kind::Junk, at + 2),
        b'=' | b'<' | b'>' | b'+' | b'-' | b'*' | b'/' | b'.' | b',' | b';' | b':' | b'%' => {
            (Kind::Punct, at + 1)
        }
        _ => (Kind::Junk, at + 1),
    }
}

fn run(bytes: &[u8], at: usize, keep: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or(&[]);
    at + rest.iter().position(|&b| !keep(b)).unwrap_or(rest.len())
}

fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t'..=b'\r')
}

fn is_word_start(b: u8) -> bool {
    b.is_ascii_alphabetic() || b == b'_'
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn text(bytes: &[u8], at: usize) -> (Kind, usize) {
    let mut i = at + 1;
    while let Some(&b) = bytes.get(i) {
        match b {
            b'"' => return (Kind::Text, i + 1),
            b'\n' => break,
            b'\\' if bytes.get(i + 1).is_some_and(|&b| b != b'\n') => i += 2,
            _ => i += 1,
        }
    }
    let mut end = i.min(bytes.len());
    while end > at + 1 && bytes.get(end - 1).copied().is_some_and(is_blank) {
        end -= 1;
    }
    (Kind::OpenText, end)
}

/// A number and whatever is glued to it that is not a unit.
fn number(bytes: &[u8], at: usize) -> (Kind, usize) {
    let peek = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let digits = |i: usize| run(bytes, i, |b| b.is_ascii_digit() || b == b'_');
    let plain = |i: usize| run(bytes, i, |b| b.is_ascii_digit());
    let mut end = digits(at);
    if peek(end) == b'.' && peek(end + 1).is_ascii_digit() {
        end = plain(end + 1);
    }
    let exponent = matches!(peek(end), b'e' | b'E');
    if exponent {
        let sign = usize::from(matches!(peek(end + 1), b'+' | b'-'));
        if peek(end + 1 + sign).is_ascii_digit() {
            end = plain(end + 1 + sign);
        } else if sign == 1 || !is_word(peek(end + 1)) {
            return (Kind::BadNumber, end + 1 + sign);
        }
    }
    if matches!(peek(end), b'k' | b'M' | b'G') && !is_word(peek(end + 1)) {
        end += 1;
    } else if peek(end) == b'K' && !is_word(peek(end + 1)) {
        return (Kind::BadNumber, end + 1);
    } else if is_word_start(peek(end)) {
        let word = run(bytes, end, is_word);
        let has_digit = bytes
            .get(end..word)
            .is_some_and(|w| w.iter().any(u8::is_ascii_digit));
        if has_digit || peek(end) == b'_' {
            return (Kind::BadNumber, word);
        }
        return (Kind::Number, end);
    }
    if peek(end) == b'.' && peek(end + 1) != b'.' {
        if !is_word_start(peek(end + 1)) {
            return (
                Kind::BadNumber,
                run(bytes, end, |b| b.is_ascii_digit() || b == b'.'),
            );
        }
        return (Kind::Number, end);
    }
    (Kind::Number, end)
}
