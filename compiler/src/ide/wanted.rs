//! What a word at the cursor can be, and what follows in a value.

use align_schema::{Block, BlockKind, Builtin, Group, Param, Ty};

/// What a word at the cursor can be.
#[derive(Clone, Debug)]
pub(super) enum Wanted<'t> {
    /// Nothing is known.
    Nothing,
    /// The word that opens an item; those of a pipeline only, or those of a file.
    Items {
        /// In a pipeline.
        inner: bool,
    },
    /// A field or a statement of a block.
    Statements {
        /// Which block.
        of: &'static Block,
        /// Fields that it has.
        given: Vec<&'t str>,
    },
    /// A clause of a head, such as `from`, or its `{`.
    Clauses(BlockKind, Vec<&'t str>),
    /// A value of a type; `None` for a value of any.
    Value(Option<Ty>),
    /// An argument's name, or the value of the next one.
    Arguments {
        /// Of what.
        of: &'static Builtin,
        /// Those that it has.
        given: Vec<&'t str>,
        /// The type of the next one.
        next: Option<Ty>,
    },
    /// What follows `path.`.
    Members(Vec<&'t str>, Option<Ty>),
    /// A unit behind a number.
    Units(Option<Ty>),
    /// A failure event; behind `on`, `failure` too.
    Events {
        /// Behind `on` in a block.
        on: bool,
        /// Those that have an arm.
        given: Vec<&'t str>,
    },
    /// A model.
    Model,
    /// A dataset.
    Dataset,
    /// A checkpoint, or a dataset where a dataset begins.
    From(BlockKind),
    /// A stage, sequence or cascade of a chain.
    Link,
    /// A pipeline, or for a report a sweep too.
    Target,
    /// Behind `use`.
    Import(Vec<&'t str>),
    /// A parameter of the sweep's pipeline.
    Axis,
    /// The type of a parameter.
    Type,
}

pub(super) fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !matches!(
            text,
            "or" | "and"
                | "not"
                | "by"
                | "in"
                | "until"
                | "expect"
                | "every"
                | "from"
                | "on"
                | "trains"
        )
}

pub(super) fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// An argument without its name.
pub(super) fn past_name<'a, 't>(statement: &'a [&'t str]) -> &'a [&'t str] {
    match statement {
        [_, ":", rest @ ..] => rest,
        all => all,
    }
}

pub(super) fn param(
    params: &'static [Param],
    statement: &[&str],
    index: usize,
) -> Option<&'static Param> {
    match statement {
        [name, ":", ..] => params.iter().find(|p| p.name == *name),
        _ => params.get(index),
    }
}

/// A statement without the names at its end that a value already consists of: `loss = ppo` is as far as `loss =`.
pub(super) fn trimmed<'a, 't>(statement: &'a [&'t str]) -> &'a [&'t str] {
    let mut rest = statement;
    while let [before @ .., last] = rest {
        if !(is_word(last) || *last == ".") || before.is_empty() {
            break;
        }
        let joined = before.last().is_some_and(|w| *w == "." || *last == ".");
        rest = before;
        if !joined {
            break;
        }
    }
    rest
}

/// What can follow in a value of a type.
pub(super) fn value<'t>(so_far: &[&'t str], ty: Option<Ty>) -> Wanted<'t> {
    match so_far {
        [.., "."] => {
            let mut path = Vec::new();
            let mut rest = so_far;
            while let [before @ .., name, "."] = rest {
                if !is_word(name) {
                    break;
                }
                path.push(*name);
                rest = before;
            }
            path.reverse();
            Wanted::Members(path, ty)
        }
        [.., last] if is_number(last) => Wanted::Units(ty),
        [.., ")" | "]" | "}" | "%"] => Wanted::Nothing,
        [.., last] if is_word(last) => Wanted::Nothing,
        _ => Wanted::Value(ty),
    }
}

pub(super) fn arms<'t>(statement: &[&'t str], given: &[&'t str]) -> Wanted<'t> {
    match statement {
        [] => Wanted::Events {
            on: false,
            given: given.to_vec(),
        },
        [.., "=>"] => Wanted::Value(Some(Ty::Call(Group::Action))),
        _ => Wanted::Nothing,
    }
}
