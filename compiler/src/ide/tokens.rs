//! Which colour has each word, by what it stands for?
//!
//! Everything that has a colour is told, so that an editor needs no grammar of its own.

use align_grammar::ast::Span;
use align_grammar::lex::{HEAD_WORDS, ITEM_WORDS, Kind as Token, RESERVED, STATEMENT_WORDS, lex};
use rustc_hash::FxHashMap;

use super::Analysis;
use super::index::What;
use crate::diag::FileId;
use crate::hir::Kind;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// A word of the grammar.
    Keyword,
    /// A comment.
    Comment,
    /// A text in quotes.
    Text,
    /// A number.
    Number,
    /// A unit.
    Unit,
    /// A name of the library.
    Builtin,
    /// A field of a block.
    Field,
    /// An argument.
    Argument,
    /// A word that a field takes, or a checkpoint's port.
    Word,
    /// A metric.
    Metric,
    /// A failure event.
    Event,
    /// A model or a dataset.
    Data,
    /// A stage, sequence, cascade.
    Stage,
    /// A pipeline, sweep, policy.
    Group,
    /// A `let`, `param` or parameter.
    Value,
}

/// A coloured piece of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coloured {
    /// Where; never over a line's end.
    pub span: Span,
    /// What.
    pub colour: Colour,
    /// Whether a name is defined here.
    pub defines: bool,
    /// Whether it documents what follows.
    pub docs: bool,
}

/// The coloured pieces of a file, in order.
pub fn tokens(analysis: &Analysis, file: FileId) -> Vec<Coloured> {
    let text = analysis.text(file);
    let known: FxHashMap<u32, (Span, Colour, bool)> = analysis
        .mentions(file)
        .iter()
        .filter_map(|m| Some((m.span.start, (m.span, colour(analysis, m.what)?, m.defines))))
        .collect();
    let mut out = Vec::new();
    let mut upto = 0;
    for token in lex(text) {
        let span = Span::new(token.start, token.end);
        if span.start < upto {
            continue;
        }
        if let Some((whole, colour, defines)) = known.get(&span.start) {
            upto = whole.end;
            out.push(Coloured {
                span: *whole,
                colour: *colour,
                defines: *defines,
                docs: false,
            });
            continue;
        }
        let word = token.text(text);
        let colour = match token.kind {
            Token::Comment | Token::Doc | Token::OpenComment => Colour::Comment,
            Token::Text | Token::OpenText => Colour::Text,
            Token::Number | Token::BadNumber => Colour::Number,
            Token::Word if is_keyword(word) => Colour::Keyword,
            _ => continue,
        };
        pieces(text, span, |span| {
            out.push(Coloured {
                span,
                colour,
                defines: false,
                docs: token.kind == Token::Doc,
            });
        });
    }
    out
}

/// A piece for each line of a span.
fn pieces(text: &str, span: Span, mut each: impl FnMut(Span)) {
    let mut start = span.start as usize;
    for line in text
        .get(start..span.end as usize)
        .unwrap_or("")
        .split_inclusive('\n')
    {
        let end = start + line.trim_end_matches(['\n', '\r']).len();
        if end > start {
            each(Span::new(start, end));
        }
        start += line.len();
    }
}

fn is_keyword(word: &str) -> bool {
    ITEM_WORDS.contains(&word)
        || STATEMENT_WORDS.contains(&word)
        || HEAD_WORDS.contains(&word)
        || RESERVED.contains(&word)
        || matches!(word, "true" | "false" | "off")
}

fn colour(analysis: &Analysis, what: What) -> Option<Colour> {
    Some(match what {
        What::Def(id) => match &analysis.def(id).kind {
            Kind::Model(_) | Kind::Dataset(_) => Colour::Data,
            Kind::Stage(_) | Kind::Sequence(_) | Kind::Cascade(_) => Colour::Stage,
            Kind::Pipeline(_) | Kind::Sweep(_) | Kind::Policy(_) => Colour::Group,
            Kind::Std(_) => Colour::Builtin,
            Kind::Let(_) | Kind::Param(_) | Kind::Formal(_) | Kind::Poison => Colour::Value,
        },
        What::Builtin(_) => Colour::Builtin,
        What::Opens(_) => Colour::Keyword,
        What::Field(..) => Colour::Field,
        What::Argument(..) | What::EventArgument(..) => Colour::Argument,
        What::Event(_) => Colour::Event,
        What::Metric(_) => Colour::Metric,
        What::Unit(_) => Colour::Unit,
        What::Port | What::Word => Colour::Word,
        What::Task(_) | What::File => return None,
    })
}
