//! Which input comes next?  Programs of the corpus, broken in ways that know the grammar and in ways that do not.

use align_grammar::lex::{self, Token};
use align_tests::stream::Stream;

/// Inputs longer than this are cut.
const LONGEST: usize = 24_000;

/// Numbers at the edge of what a number can be.
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1e999",
    "99999999999999999999",
    "1e-320",
    "0.1",
    "4294967296",
    "9007199254740993",
    "100%",
    "0%",
    "1000000000%",
    "0 steps",
    "99999999999999999999 steps",
    "1e300 min",
    "1/0",
    "0..<1000000000000",
    "5..<0",
    "0..=9223372036854775807",
    "-9..<9",
    "1k",
    "1G",
];

/// Pieces that meet the lexer and the recovery at their edges.
const JUNK: &[&str] = &[
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "\"",
    "\\",
    "/*",
    "*/",
    "//",
    "///",
    "\n",
    "\r",
    "\r\n",
    "\0",
    "\u{feff}",
    "\u{a0}",
    "é",
    "🦀",
    "e\u{301}",
    "=",
    ":",
    "->",
    "=>",
    "..<",
    "..=",
    "==",
    ",",
    ";",
    ".",
    "<",
    ">",
    "%",
    "'",
    "“",
    "&&",
    "||",
    "!",
    "#",
    "1.2.3",
    "5K",
    "0x1f",
    ".5",
    "align 1\n",
    "align 2\n",
    "stage",
    "until",
    "on failure {",
    "use \"lab/failure.align\".standard\n",
    "not ",
    " and ",
    " or ",
    " by ",
    "true",
    "off",
    "none",
    "best(score)",
    "let x = x\n",
];

/// A text that was broken once or more.
pub fn mutated(pool: &[String], stream: &mut Stream) -> String {
    if stream.below(60) == 0 {
        return bytes(stream);
    }
    let mut text = stream.pick(pool).cloned().unwrap_or_default();
    let times = 1 + stream.below(4) * stream.below(4);
    for _ in 0..times {
        text = once(&text, pool, stream);
        if text.len() > LONGEST {
            text.truncate(floor(&text, LONGEST));
        }
    }
    text
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Any bytes, read as a file is read.
fn bytes(stream: &mut Stream) -> String {
    let length = stream.below(400);
    let raw: Vec<u8> = (0..length).map(|_| (stream.bits() & 0xff) as u8).collect();
    String::from_utf8_lossy(&raw).into_owned()
}

fn once(text: &str, pool: &[String], stream: &mut Stream) -> String {
    let tokens: Vec<Token> = lex::lex(text)
        .into_iter()
        .filter(|t| !t.is_trivia())
        .collect();
    let Some(&token) = stream.pick(&tokens) else {
        return JUNK.concat();
    };
    let other = stream.pick(&tokens).copied().unwrap_or(token);
    let replaced = |t: Token, with: &str| format!("{}{with}{}", &text[..t.start], &text[t.end..]);
    let at = floor(text, stream.below(text.len() + 1));
    match stream.below(16) {
        0 => replaced(token, ""),
        1 => replaced(token, &token.text(text).repeat(2)),
        2 | 3 => replaced(token, other.text(text)),
        4 => {
            let word = stream.pick(NUMBERS).copied().unwrap_or("0");
            let numbers: Vec<Token> = tokens
                .iter()
                .copied()
                .filter(|t| t.kind == lex::Kind::Number)
                .collect();
            replaced(stream.pick(&numbers).copied().unwrap_or(token), word)
        }
        5 => {
            let junk = stream.pick(JUNK).copied().unwrap_or("");
            format!("{}{junk}{}", &text[..at], &text[at..])
        }
        6 => {
            let junk = stream
                .pick(JUNK)
                .copied()
                .unwrap_or("")
                .repeat(1 + stream.below(90));
            format!("{}{junk}{}", &text[..token.start], &text[token.start..])
        }
        7 => text[..at].to_owned(),
        8 => {
            let end = floor(text, at + stream.below(200));
            format!("{}{}", &text[..at], &text[end..])
        }
        9 => lines(text, stream),
        10 => misspell(text, token, stream),
        11 => {
            let from = stream.pick(pool).map_or("", String::as_str);
            let start = floor(from, stream.below(from.len() + 1));
            let end = floor(from, start + stream.below(600));
            format!("{}{}{}", &text[..at], &from[start..end], &text[at..])
        }
        12 => rename(text, &tokens, stream),
        13 => {
            let end = text[at..].find('}').map_or(text.len(), |e| at + e + 1);
            format!("{}{}", text, text[at..end].repeat(1 + stream.below(12)))
        }
        14 => text.replace(
            '\n',
            stream
                .pick(&["\r\n", "\r", " ", "\n\n"])
                .copied()
                .unwrap_or(""),
        ),
        _ => replaced(
            token,
            stream
                .pick(lex::ITEM_WORDS.as_slice())
                .copied()
                .unwrap_or(""),
        ),
    }
}

/// Lines left out, said twice or swapped.
fn lines(text: &str, stream: &mut Stream) -> String {
    let mut rows: Vec<&str> = text.split('\n').collect();
    let (a, b) = (stream.below(rows.len()), stream.below(rows.len()));
    match stream.below(3) {
        0 => drop(rows.remove(a)),
        1 => rows.insert(b, rows[a]),
        _ => rows.swap(a, b),
    }
    rows.join("\n")
}

fn misspell(text: &str, token: Token, stream: &mut Stream) -> String {
    let mut letters: Vec<char> = token.text(text).chars().collect();
    let at = stream.below(letters.len());
    match stream.below(3) {
        0 => letters.swap(0, at),
        1 => drop(letters.remove(at)),
        _ => letters.insert(at, 'x'),
    }
    let word: String = letters.into_iter().collect();
    format!("{}{word}{}", &text[..token.start], &text[token.end..])
}

/// One name becomes another everywhere: definitions meet, and edges become circles.
fn rename(text: &str, tokens: &[Token], stream: &mut Stream) -> String {
    let words: Vec<Token> = tokens
        .iter()
        .copied()
        .filter(|t| t.kind == lex::Kind::Word)
        .collect();
    let (Some(&from), Some(&to)) = (stream.pick(&words), stream.pick(&words)) else {
        return text.to_owned();
    };
    let (from, to) = (from.text(text).to_owned(), to.text(text).to_owned());
    let half = stream.below(2) == 0;
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for t in &words {
        if t.text(text) == from && !(half && stream.below(2) == 0) {
            out.push_str(&text[at..t.start]);
            out.push_str(&to);
            at = t.end;
        }
    }
    out.push_str(&text[at..]);
    out
}
