//! What is wrong with the first word of a fragment, or with the head of an item or a statement?

use crate::advice::{Advice, Place};
use crate::lex::{self, Kind, Token};
use crate::recover::Fragment;
use crate::tree::Rule;
use crate::words::{self, describe, expected, nearest, quoted};

impl Place<'_> {
    /// The first word of the fragment.
    pub fn opening(&self) -> Option<Advice> {
        if self.found != 0 {
            return None;
        }
        let here = self.here()?;
        match self.what {
            Fragment::Item | Fragment::ItemIn => Some(self.item_word(here)),
            Fragment::Statement => Some(self.statement_word(here)),
            Fragment::Arm => None,
        }
    }

    fn item_word(&self, here: Token) -> Advice {
        let word = here.text(self.text);
        let next = self.word(1);
        let inside = self.what == Fragment::ItemIn;
        if here.kind != Kind::Word {
            return Advice::at(
                here,
                format!("unexpected {}", describe(self.text, Some(here), self.what)),
                "an item begins with a word",
            )
            .help(self.item_words());
        }
        if inside && lex::ITEM_WORDS.contains(&word) {
            return Advice::at(
                here,
                format!("`{word}` cannot stand inside a pipeline"),
                format!("here stand {}", quoted(&lex::INNER_ITEM_WORDS, "and")),
            )
            .code("A0009")
            .help(format!(
                "move it out of the pipeline, before or after: `{word}` belongs to the file"
            ));
        }
        if word == "align" {
            let later = self.before.is_none() && next.starts_with(|c: char| c.is_ascii_digit());
            let message = if later {
                "the edition stands once, first in the file"
            } else {
                "the edition is a number"
            };
            return Advice::at(here, message, "`align 1` opens a file").code("A0008");
        }
        if matches!(next, "=" | "." | ":" | "==") {
            return Advice::at(
                here,
                format!("the field `{word}` stands outside a block"),
                "only items stand here",
            )
            .help(format!(
                "put it into the braces of its block, or name a value with `let {word} = ...`"
            ));
        }
        let among: &[&'static str] = if inside {
            &lex::INNER_ITEM_WORDS
        } else {
            &lex::ITEM_WORDS
        };
        let meant = nearest(word, among);
        if lex::STATEMENT_WORDS.contains(&word) && meant.is_none() {
            return Advice::at(
                here,
                format!("`{word}` cannot stand outside a block"),
                "only items stand here",
            )
            .code("A0009")
            .help("put it into the braces of its block");
        }
        let advice = Advice::at(here, format!("unknown item word `{word}`"), "").code("A0006");
        match meant {
            Some(meant) => Advice {
                label: format!("did you mean `{meant}`?"),
                ..advice
            }
            .replace(meant),
            None => Advice {
                label: "not a word that opens an item".to_owned(),
                ..advice
            }
            .help(self.item_words()),
        }
    }

    fn item_words(&self) -> String {
        let words: &[&str] = if self.what == Fragment::ItemIn {
            &lex::INNER_ITEM_WORDS
        } else {
            &lex::ITEM_WORDS
        };
        format!("an item begins with {}", quoted(words, "or"))
    }

    fn statement_word(&self, here: Token) -> Advice {
        let word = here.text(self.text);
        if let Some(before) = self.before {
            return Advice::at(
                here,
                format!(
                    "unexpected {} after `{before}`",
                    describe(self.text, Some(here), self.what)
                ),
                "the statement before ends here",
            )
            .help("a new line, `,` or `;` separates two statements");
        }
        if here.kind == Kind::Word && lex::is_reserved(word) && self.word(1) == "=" {
            return reserved(here, word, "a field");
        }
        if here.kind == Kind::Word {
            return Advice::at(
                here,
                format!("unexpected `{word}`"),
                "no statement begins like this",
            )
            .help("a field is written `name = value`");
        }
        Advice::at(
            here,
            format!("unexpected {}", describe(self.text, Some(here), self.what)),
            "a statement begins with a word",
        )
        .help("a field is written `name = value`")
    }

    /// `stage rl trains m on {`: the block was read as the value that is missing.
    pub fn body_for_value(&self) -> Option<Advice> {
        let brace = self
            .tokens
            .iter()
            .position(|t| t.kind == Kind::Open(b'{'))
            .filter(|&at| at < self.found)?;
        let word = self.token(brace.checked_sub(1)?)?;
        let text = word.text(self.text);
        let item = matches!(self.what, Fragment::Item | Fragment::ItemIn);
        if !item || !matches!(text, "trains" | "on" | "in" | "from") {
            return None;
        }
        Some(Advice::between(
            word.end,
            word.end,
            format!("a value is missing after `{text}`"),
            "expected a value before the block",
        ))
    }

    /// `policy {`, `stage trains m on d {`, `sweep of lane {`: an item without its name.
    pub fn no_name(&self) -> Option<Advice> {
        let word = self.word(0);
        let item = matches!(self.what, Fragment::Item | Fragment::ItemIn);
        if !item || !lex::ITEM_WORDS.contains(&word) || word == "use" {
            return None;
        }
        let second = self.token(1)?;
        let clause = matches!(self.word(1), "trains" | "from" | "of")
            && self
                .token(2)
                .is_some_and(|t| t.kind == Kind::Word && !lex::is_reserved(t.text(self.text)));
        let bare = matches!(second.kind, Kind::Open(b'{' | b'('))
            || matches!(self.word(1), "=" | ":") && self.word(2) != "=";
        let there = match self.found {
            1 => clause || bare,
            // `of` was taken for the name.
            2 => clause && self.word(1) == "of",
            _ => false,
        };
        let edge = self.token(0)?.end;
        there.then(|| Advice {
            unnamed: true,
            ..Advice::between(
                edge,
                edge,
                format!("this {word} has no name"),
                "its name is missing here",
            )
            .repair(edge, edge, " x")
        })
    }

    /// The head of an item or of a statement.
    pub fn head(&self) -> Option<Advice> {
        let here = self.here();
        let edge = self.edge();
        let one_member = self.wants(|r| r == Rule::arrow) && self.found == 4;
        if one_member && let Some(subject) = self.subject() {
            return Some(
                Advice::between(
                    edge,
                    edge,
                    format!("{subject} has only one member"),
                    "expected `->` and the next",
                )
                .help("its members are joined by `->`, as in `rl -> dpo -> sft`"),
            );
        }
        let wants_block = self.wants(|r| matches!(r, Rule::open | Rule::body | Rule::arms));
        let Some(here) = here else {
            let subject = self.subject()?;
            if wants_block {
                return Some(
                    Advice::between(
                        edge,
                        edge,
                        format!("{subject} has no block"),
                        expected(self.wanted, self.closer(), self.what),
                    )
                    .help("its fields stand in `{ }`"),
                );
            }
            return None;
        };
        let text = here.text(self.text);
        if here.kind == Kind::Word {
            let candidates: Vec<&'static str> = self
                .wanted
                .iter()
                .filter_map(|&r| words::keyword(r))
                .collect();
            if let Some(meant) = nearest(text, &candidates) {
                return Some(
                    Advice::at(
                        here,
                        format!("unexpected `{text}`"),
                        format!("did you mean `{meant}`?"),
                    )
                    .replace(meant),
                );
            }
            let is_stage = self.word(0) == "stage";
            if is_stage && wants_block && matches!(text, "trains" | "on" | "in" | "from") {
                return Some(
                    Advice::at(here, format!("`{text}` stands too late, or twice"), "not in this order")
                        .help("the head of a stage is `stage NAME trains MODEL on DATA in ENV from CHECKPOINT`"),
                );
            }
        }
        let at_start = self.what == Fragment::Statement && self.wants(|r| r == Rule::eq);
        if at_start {
            return Some(self.missing_equals(here));
        }
        None
    }

    /// `batch 32`, `utnil plateau(..)`, `optim { .. }`.
    fn missing_equals(&self, here: Token) -> Advice {
        let edge = self.edge();
        let first = self.word(0);
        let alone = self.found == 1;
        if alone && first == "on" && here.kind == Kind::Open(b'{') {
            return Advice::between(
                edge,
                here.start,
                "`on` does not say what happens",
                "expected an event, such as `failure`",
            )
            .repair(edge, edge, " failure");
        }
        if alone && lex::ITEM_WORDS.contains(&first) && here.kind == Kind::Word {
            let token = self.token(0).unwrap_or(here);
            return Advice::at(
                token,
                format!("`{first}` cannot stand inside this block"),
                "an item inside a block of fields",
            )
            .code("A0009")
            .help("close the block before it with `}`");
        }
        if alone
            && !lex::STATEMENT_WORDS.contains(&first)
            && let Some(meant) = nearest(first, &lex::STATEMENT_WORDS)
            && let Some(token) = self.token(0)
        {
            return Advice::at(
                token,
                format!("unknown statement word `{first}`"),
                format!("did you mean `{meant}`?"),
            )
            .replace(meant);
        }
        let previous = self.previous_text();
        let advice = Advice::between(
            edge,
            here.start.max(edge),
            format!("`=` is missing after `{previous}`"),
            format!("a field is written `{previous} = value`"),
        );
        if here.starts_value(self.text) && here.kind != Kind::Open(b'(') {
            advice.repair(edge, edge, " =")
        } else {
            let shown = describe(self.text, Some(here), self.what);
            Advice::at(
                here,
                format!("unexpected {shown}"),
                expected(self.wanted, None, self.what),
            )
        }
    }
}

/// A reserved word where a name should be.
pub fn reserved(here: Token, word: &str, noun: &str) -> Advice {
    Advice::at(
        here,
        format!("`{word}` is a reserved word and cannot name {noun}"),
        "reserved",
    )
    .code("A1010")
    .help(format!("call it `{word}_`, or give it another name"))
}
