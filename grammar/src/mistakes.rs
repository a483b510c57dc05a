//! Which common mistake is it?  Signs of other languages, one sign for another, a value or a comma that is missing.

use crate::advice::{Advice, Place};
use crate::lex::{self, Kind, Token};
use crate::openings::reserved;
use crate::tree::Rule;
use crate::words::{expected, goes_on, starts_value};

impl Place<'_> {
    /// Characters of other languages.
    pub fn strange(&self) -> Option<Advice> {
        let here = self.here()?;
        if here.kind != Kind::Junk {
            return None;
        }
        let text = here.text(self.text);
        let instead = |word: &str| {
            Advice::at(
                here,
                format!("`{text}` is written `{word}` here"),
                format!("write `{word}`"),
            )
        };
        Some(match text {
            "&&" => instead("and").replace(self.spaced(here, "and")),
            "||" => instead("or").replace(self.spaced(here, "or")),
            "!" => instead("not").replace("not "),
            "#" => Advice::at(here, "a comment begins with `//`", "`#` says nothing here")
                .replace("//"),
            "'" | "`" | "“" | "”" | "„" | "‘" | "’" | "«" => self.quotes(here),
            "–" | "—" | "−" => {
                Advice::at(here, format!("`{text}` is not a minus sign"), "write `-`").replace("-")
            }
            "×" => instead("*").replace("*"),
            "≥" => instead(">=").replace(">="),
            "≤" => instead("<=").replace("<="),
            "≠" => instead("!=").replace("!="),
            "→" => instead("->").replace("->"),
            "\u{a0}" | "\u{2009}" | "\u{202f}" | "\u{3000}" | "\u{200b}" | "\u{feff}" => {
                Advice::at(
                    here,
                    "this blank is not a plain space",
                    "write a plain space",
                )
                .replace(" ")
            }
            _ => Advice::at(
                here,
                format!("`{}` is no part of the language", text.escape_debug()),
                if self.wanted.is_empty() {
                    "remove it".to_owned()
                } else {
                    expected(self.wanted, self.closer(), self.what)
                },
            ),
        })
    }

    /// A word that must not stick to its neighbours.
    fn spaced(&self, here: Token, word: &str) -> String {
        let bytes = self.text.as_bytes();
        let blank = |at: Option<usize>| {
            at.and_then(|at| bytes.get(at))
                .is_none_or(u8::is_ascii_whitespace)
        };
        let left = if blank(here.start.checked_sub(1)) {
            ""
        } else {
            " "
        };
        let right = if blank(Some(here.end)) { "" } else { " " };
        format!("{left}{word}{right}")
    }

    fn quotes(&self, here: Token) -> Advice {
        let advice = Advice::at(
            here,
            "a text stands between `\"` and `\"`",
            "not a quote here",
        );
        let rest = self.text.get(here.end..).unwrap_or("");
        let line = rest.split('\n').next().unwrap_or("");
        let closing = line.find(['\'', '`', '”', '“', '’', '‘', '»']);
        match closing {
            Some(length) => {
                let inner = line.get(..length).unwrap_or("");
                let quote = line
                    .get(length..)
                    .and_then(|l| l.chars().next())
                    .map_or(0, char::len_utf8);
                let end = here.end + length + quote;
                Advice { end, ..advice }.repair(
                    here.start,
                    end,
                    format!("\"{}\"", inner.replace('"', "")),
                )
            }
            None => advice,
        }
    }

    /// One sign for another: `:` for `=`, `=` for `:`, `->` for `=>`.
    pub fn sign(&self) -> Option<Advice> {
        let here = self.here()?;
        let text = here.text(self.text);
        let previous = self.previous_text();
        let wants = |rule| self.wants(|r| r == rule);
        if wants(Rule::then) && matches!(text, "->" | "=" | ":" | "==") {
            return Some(
                Advice::at(here, format!("`{text}` is written `=>` here"), "write `=>`")
                    .replace("=>"),
            );
        }
        let in_record = self.bracket.is_some_and(|(byte, _)| byte == b'{');
        if wants(Rule::colon) && matches!(text, "=" | "=>" | "==") && in_record {
            return Some(
                Advice::at(here, format!("`{text}` is written `:` here"), "write `:`").replace(":"),
            );
        }
        if wants(Rule::colon) && text == "=" && !wants(Rule::eq) {
            return Some(
                Advice::at(
                    here,
                    format!("parameter `{previous}` has no type"),
                    "expected `:` and a type",
                )
                .help(format!("write it as in `{previous}: float = 0.5`")),
            );
        }
        if wants(Rule::colon)
            && !wants(Rule::eq)
            && here.kind == Kind::Word
            && let Some(name) = self.previous().filter(|t| t.kind == Kind::Word)
        {
            return Some(
                Advice::between(
                    name.end,
                    here.start,
                    format!("`:` is missing after `{previous}`"),
                    "expected `:`",
                )
                .repair(name.end, name.end, ":"),
            );
        }
        if wants(Rule::eq) && matches!(text, ":" | "==" | "=>") && !wants(Rule::colon) {
            // `:=` of other languages.
            let end = if text == ":" && self.word(self.found + 1) == "=" {
                self.token(self.found + 1).map_or(here.end, |t| t.end)
            } else {
                here.end
            };
            let shown = self.text.get(here.start..end).unwrap_or(text);
            return Some(
                Advice {
                    end,
                    ..Advice::at(
                        here,
                        format!("`{shown}` is written `=` here: a field is `{previous} = value`"),
                        "write `=`",
                    )
                }
                .replace("="),
            );
        }
        if text == "=" && self.wants(goes_on) {
            if let Some(advice) = self.previous().and_then(|unit| self.after_unit(here, unit)) {
                return Some(advice);
            }
            return Some(match self.bracket {
                Some((b'(', true)) if self.previous().is_some_and(|t| t.kind == Kind::Word) => {
                    Advice::at(
                        here,
                        format!("an argument is named with `:`, as in `{previous}: value`"),
                        "write `:`",
                    )
                    .replace(":")
                }
                _ => Advice::at(
                    here,
                    "values are compared with `==`, `>=` or `<=`",
                    "`=` gives a field its value",
                )
                .replace("=="),
            });
        }
        if text == ".." && self.wants(goes_on) {
            return Some(
                Advice::at(
                    here,
                    "`..` does not say whether the end belongs to the range",
                    "write `..<` or `..=`",
                )
                .help("`0..<5` is 0 to 4, `0..=5` is 0 to 5")
                .replace("..<"),
            );
        }
        None
    }

    /// A place that wants a name.
    pub fn name(&self) -> Option<Advice> {
        let here = self.here()?;
        let text = here.text(self.text);
        // `pre-train`: one word with what is glued to it.
        let next = self.token(self.found + 1);
        if text == "-"
            && self
                .previous()
                .is_some_and(|t| t.kind == Kind::Word && t.end == here.start)
            && next.is_some_and(|t| t.kind == Kind::Word && t.start == here.end)
            && self.wants(|r| {
                matches!(
                    r,
                    Rule::eq
                        | Rule::kw_trains
                        | Rule::body
                        | Rule::open
                        | Rule::from
                        | Rule::kw_of
                        | Rule::arrow
                        | Rule::formals
                )
            })
        {
            return Some(
                Advice::at(
                    here,
                    "a name has letters, digits and `_`",
                    "`-` cannot be in a name",
                )
                .replace("_"),
            );
        }
        let only_name = self.wants(|r| matches!(r, Rule::ident | Rule::path))
            && !self.wants(starts_value)
            && !self.wants(goes_on);
        if !only_name {
            return None;
        }
        let noun = match self.previous_text() {
            word if lex::ITEM_WORDS.contains(&word) => format!("a {word}"),
            "." => "a part of a path".to_owned(),
            _ => "anything".to_owned(),
        };
        match here.kind {
            Kind::Word if lex::is_reserved(text) => Some(reserved(here, text, &noun)),
            Kind::Text => {
                let inner = text.trim_matches('"');
                let plain = !inner.is_empty()
                    && inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                    && inner.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                let advice =
                    Advice::at(here, "a name is written without quotes", "expected a name");
                Some(if plain { advice.replace(inner) } else { advice })
            }
            Kind::Number => Some(Advice::at(
                here,
                "a name begins with a letter or `_`",
                "expected a name",
            )),
            _ => None,
        }
    }

    /// A place that wants a value.
    pub fn value(&self) -> Option<Advice> {
        if !self.wants(starts_value) {
            return None;
        }
        let previous = self.previous_text();
        let Some(here) = self.here() else {
            return Some(self.missing_value());
        };
        let text = here.text(self.text);
        let next = self.token(self.found + 1);
        if text == "."
            && let Some(digits) = next.filter(|t| t.kind == Kind::Number && t.start == here.end)
        {
            let number = format!("0.{}", digits.text(self.text));
            return Some(
                Advice {
                    end: digits.end,
                    ..Advice::at(
                        here,
                        format!("`.{}` is not a number", digits.text(self.text)),
                        "digits stand on both sides of the point",
                    )
                }
                .code("A0004")
                .replace(number),
            );
        }
        if text == "+" {
            return Some(Advice::at(here, "a value has no `+` before it", "remove it").replace(""));
        }
        if here.kind == Kind::Word && lex::is_reserved(text) {
            let label = if self.bracket.is_none() && previous == "=" {
                return Some(self.missing_value());
            } else {
                "expected a value"
            };
            return Some(Advice::at(
                here,
                format!("`{text}` is a reserved word and no value"),
                label,
            ));
        }
        let ends = matches!(here.kind, Kind::Close(_)) || matches!(text, "," | ";");
        if ends && previous != "," {
            return Some(self.missing_value());
        }
        if text == "," {
            return Some(
                Advice::at(here, "one `,` too many", "a value stands between two `,`").replace(""),
            );
        }
        None
    }

    /// `f(width: 16 depth: 2)`, where the name was read as a unit, and `f(task by: waypoint)`.
    pub fn swallowed(&self) -> Option<Advice> {
        let (here, name) = (self.here()?, self.previous()?);
        let before = self.token(self.found.checked_sub(2)?)?;
        let call = self.bracket == Some((b'(', true)) && self.word(0) != "pipeline";
        let labels = here.text(self.text) == ":" && name.kind == Kind::Word;
        if !call || !labels || !before.ends_value(self.text) {
            return None;
        }
        Some(
            Advice::between(
                before.end,
                name.start,
                "two arguments need a `,` between them",
                "`,` is missing here",
            )
            .code("A0005")
            .repair(before.end, before.end, ","),
        )
    }

    /// `pipeline lane(task: Task seed: Seed)`.
    pub fn parameters(&self) -> Option<Advice> {
        let (here, previous) = (self.here()?, self.previous()?);
        let inside = self.bracket == Some((b'(', true)) && self.word(0) == "pipeline";
        let named = here.kind == Kind::Word && self.word(self.found + 1) == ":";
        if !inside || !named || !previous.ends_value(self.text) || self.wants(|r| r == Rule::colon)
        {
            return None;
        }
        Some(
            Advice::between(
                previous.end,
                here.start,
                "two parameters need a `,` between them",
                "`,` is missing here",
            )
            .code("A0005")
            .repair(previous.end, previous.end, ","),
        )
    }

    fn missing_value(&self) -> Advice {
        let previous = self.previous_text();
        let owner = self
            .found
            .checked_sub(2)
            .map(|at| self.word(at))
            .filter(|w| !w.is_empty());
        let message = match (previous, owner) {
            ("=" | ":", Some(owner)) => format!("`{owner}` has no value"),
            _ => format!("a value is missing after `{previous}`"),
        };
        let edge = self.edge();
        let label = if matches!(previous, "=") {
            "expected a value on this line"
        } else {
            "expected a value"
        };
        Advice::between(edge, edge, message, label)
    }

    /// A place after a complete value.
    pub fn after_value(&self) -> Option<Advice> {
        if !self.wants(goes_on) {
            return None;
        }
        let here = self.here()?;
        let previous = self.previous()?;
        if let Some(advice) = self.after_unit(here, previous) {
            return Some(advice);
        }
        let (byte, call) = self.bracket?;
        if !here.starts_value(self.text) || !previous.ends_value(self.text) {
            return None;
        }
        let edge = previous.end;
        let first = self
            .found
            .checked_sub(2)
            .map(|at| self.word(at))
            .is_some_and(|w| w == "(" || w == ",");
        let named = self.word(self.found + 1) == ":";
        if byte == b'(' && call && first && previous.kind == Kind::Word && !named {
            let name = previous.text(self.text);
            return Some(
                Advice::between(
                    edge,
                    here.start,
                    format!("`:` is missing after `{name}`"),
                    format!("an argument is written `{name}: value`"),
                )
                .repair(edge, edge, ":"),
            );
        }
        let between = match byte {
            b'(' if call => "arguments",
            b'[' => "values of a list",
            b'{' => "entries of a record",
            _ => return None,
        };
        Some(
            Advice::between(
                edge,
                here.start,
                format!("two {between} need a `,` between them"),
                "`,` is missing here",
            )
            .code("A0005")
            .repair(edge, edge, ","),
        )
    }

    /// `5 k steps`, and `batch = 32 clip = 1.0`, where the second name was read as a unit.
    fn after_unit(&self, here: Token, unit: Token) -> Option<Advice> {
        let number = self
            .found
            .checked_sub(2)
            .and_then(|at| self.token(at))
            .filter(|t| t.kind == Kind::Number)?;
        if unit.kind != Kind::Word {
            return None;
        }
        let (digits, word) = (number.text(self.text), unit.text(self.text));
        if matches!(word, "k" | "K" | "M" | "G") && here.kind == Kind::Word {
            let word = if word == "K" { "k" } else { word };
            let advice = Advice::between(
                number.start,
                unit.end,
                format!("a multiplier stands at its number: `{digits}{word}`"),
                "a blank too many",
            );
            return Some(advice.replace(format!("{digits}{word}")));
        }
        if here.text(self.text) == "=" && self.bracket.is_none() {
            return Some(
                Advice::between(
                    number.end,
                    unit.start,
                    "two statements on one line need a separator",
                    "`,`, `;` or a new line is missing here",
                )
                .code("A0005")
                .repair(number.end, number.end, ";"),
            );
        }
        None
    }
}
