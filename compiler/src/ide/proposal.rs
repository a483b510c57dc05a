//! One thing that could be written, and what it is.

use align_grammar::ast::Span;

/// What a proposal is, for its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A word of the language.
    Keyword,
    /// A field.
    Field,
    /// An argument.
    Argument,
    /// A name of the library.
    Builtin,
    /// One of a few words.
    Word,
    /// A metric.
    Metric,
    /// A unit.
    Unit,
    /// A task.
    Task,
    /// A stage, sequence or cascade.
    Stage,
    /// A model.
    Model,
    /// A dataset.
    Dataset,
    /// A checkpoint.
    Checkpoint,
    /// A `let`, `param` or parameter.
    Value,
    /// A policy.
    Policy,
    /// A pipeline or sweep.
    Pipeline,
    /// A failure event.
    Event,
    /// A file.
    File,
}

/// One proposal.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// What is shown, and what is typed to find it.
    pub label: String,
    /// What it is.
    pub sort: Sort,
    /// Type, unit and default in a few words.
    pub detail: String,
    /// More, in Markdown.
    pub docs: String,
    /// What is written; with `$1` and `${1:text}` for places to fill in.
    pub snippet: String,
    /// Whether what it opens calls for proposals at once, such as `loss = `.
    pub more: bool,
    /// The likelier, the smaller.
    pub rank: u8,
}

/// Every proposal for a cursor, and the text that they replace.
#[derive(Clone, Debug, Default)]
pub struct Proposals {
    /// The word that is being typed.
    pub typed: Span,
    /// The proposals.
    pub list: Vec<Proposal>,
}
