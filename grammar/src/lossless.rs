//! The tree that keeps everything: blanks, comments, and what does not parse.  Its text is the input, for any input.
//!
//! Nodes come from pest, tokens from the lexer; the formatter and the editor work on it, the compiler does not.

use rowan::{GreenNodeBuilder, Language};

use crate::ast::Span;
use crate::brackets;
use crate::lex::{self, Kind, Token};
use crate::map::Map;
use crate::tree::{self, Arena, Id, Rule};

/// Declares the kinds once, with the list that turns a number back into a kind.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a node or a token of the lossless tree is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum SyntaxKind {
            $($(#[$doc])* $name,)*
        }

        impl SyntaxKind {
            /// All kinds, in order.
            pub const ALL: &[SyntaxKind] = &[$(SyntaxKind::$name,)*];
        }
    };
}

kinds! {
    /// Token: blanks and line ends.
    Blank,
    /// Token: `// ...` or `/* ... */`.
    Comment,
    /// Token: `/// ...`.
    Doc,
    /// Token: a number without its unit.
    Number,
    /// Token: a word; which one is said by its place.
    Word,
    /// Token: a text with its quotes.
    Text,
    /// Token: a bracket.
    Bracket,
    /// Token: an operator or a separator.
    Punct,
    /// Token: what is none of the language, such as a text that does not end.
    Junk,
    /// Node: a whole file.
    File,
    /// Node: `align 1`.
    Edition,
    /// Node: an item with its `///` lines.
    Item,
    /// Node: `use`.
    Use,
    /// Node: `param`.
    Param,
    /// Node: `let`.
    Let,
    /// Node: `pipeline`.
    Pipeline,
    /// Node: `(name: type = value, ..)` of a pipeline.
    Formals,
    /// Node: `dataset`.
    Dataset,
    /// Node: `model`.
    Model,
    /// Node: `stage`.
    Stage,
    /// Node: `sequence`.
    Sequence,
    /// Node: `cascade`.
    Cascade,
    /// Node: `sweep`.
    Sweep,
    /// Node: `policy`.
    Policy,
    /// Node: `report`.
    Report,
    /// Node: an item that does not parse.
    BadItem,
    /// Node: a clause of a head, such as `from pretrain.best`.
    Clause,
    /// Node: `{ statements }`.
    Body,
    /// Node: `{ arms }`.
    Arms,
    /// Node: a statement with its `///` lines.
    Statement,
    /// Node: `path = value`.
    Field,
    /// Node: `until`.
    Until,
    /// Node: `on`.
    On,
    /// Node: `eval`.
    Eval,
    /// Node: `checkpoint`.
    Checkpoint,
    /// Node: `name in values`.
    Axis,
    /// Node: `without`.
    Without,
    /// Node: `expect`.
    Expect,
    /// Node: `event => action`.
    Arm,
    /// Node: a statement or an arm that does not parse.
    BadStatement,
    /// Node: names joined by dots.
    Path,
    /// Node: a type.
    Type,
    /// Node: a number with its unit.
    Quantity,
    /// Node: a text, `true`, `false` or `off`.
    Literal,
    /// Node: a name as a value.
    Ref,
    /// Node: `[a, b]`.
    List,
    /// Node: `{ a: b }`.
    Record,
    /// Node: `a: b` in a record.
    Entry,
    /// Node: `( value )`.
    Paren,
    /// Node: a value with a call, a member or an index after it.
    Postfix,
    /// Node: `(arguments)`.
    Arguments,
    /// Node: one argument.
    Argument,
    /// Node: `-x` or `not x`.
    Prefix,
    /// Node: `a op b`.
    Infix,
}

/// The language, for rowan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Align {}

impl Language for Align {
    type Kind = SyntaxKind;

    fn kind_from_raw(raw: rowan::SyntaxKind) -> SyntaxKind {
        let kind = SyntaxKind::ALL.get(usize::from(raw.0));
        kind.copied().unwrap_or(SyntaxKind::Junk)
    }

    fn kind_to_raw(kind: SyntaxKind) -> rowan::SyntaxKind {
        rowan::SyntaxKind(kind as u16)
    }
}

/// A node of the lossless tree.
pub type SyntaxNode = rowan::SyntaxNode<Align>;
/// A token of the lossless tree.
pub type SyntaxToken = rowan::SyntaxToken<Align>;

/// A node or a token of the lossless tree.
pub type SyntaxElement = rowan::SyntaxElement<Align>;

/// A step of a walk over the lossless tree.
pub type SyntaxEvent = rowan::WalkEvent<SyntaxElement>;

/// The lossless tree of a text.  Never fails; `tree(text).text() == text`.
pub fn tree(text: &str) -> SyntaxNode {
    tree_with_repairs(text).0
}

/// The lossless tree, and the places where it is a guess: brackets that do not match, texts that do not end, numbers that are none.
pub fn tree_with_repairs(text: &str) -> (SyntaxNode, Vec<Span>) {
    let tokens = lex::lex(text);
    let prepared = brackets::prepare(text, &tokens);
    let mut builder = Builder {
        text,
        tokens: &tokens,
        at: 0,
        map: &prepared.map,
        green: GreenNodeBuilder::new(),
    };
    builder.green.start_node(raw(SyntaxKind::File));
    if let Ok(arena) = tree::run(Rule::file, &prepared.text) {
        for &id in arena.roots() {
            builder.node(&arena, id);
        }
    }
    builder.until(text.len());
    builder.green.finish_node();
    let root = SyntaxNode::new_root(builder.green.finish());
    (root, prepared.repaired)
}

fn raw(kind: SyntaxKind) -> rowan::SyntaxKind {
    Align::kind_to_raw(kind)
}

/// Walks nodes and tokens side by side.
struct Builder<'a> {
    text: &'a str,
    tokens: &'a [Token],
    /// The next token.
    at: usize,
    map: &'a Map,
    green: GreenNodeBuilder<'static>,
}

impl Builder<'_> {
    /// Takes the tokens that begin before a byte.
    fn until(&mut self, end: usize) {
        while let Some(token) = self.tokens.get(self.at).filter(|t| t.start < end) {
            self.green
                .token(raw(token_kind(token.kind)), token.text(self.text));
            self.at += 1;
        }
    }

    fn node(&mut self, arena: &Arena, id: Id) {
        let node = arena.node(id);
        let kind = node_kind(node.rule);
        if let Some(kind) = kind {
            self.until(self.map.back(node.start as usize));
            self.green.start_node(raw(kind));
        }
        for (child, _) in arena.children(id) {
            self.node(arena, child);
        }
        if kind.is_some() {
            self.until(self.map.back(node.end as usize));
            self.green.finish_node();
        }
    }
}

fn token_kind(kind: Kind) -> SyntaxKind {
    match kind {
        Kind::Blank => SyntaxKind::Blank,
        Kind::Comment => SyntaxKind::Comment,
        Kind::Doc => SyntaxKind::Doc,
        Kind::Number => SyntaxKind::Number,
        Kind::Word => SyntaxKind::Word,
        Kind::Text => SyntaxKind::Text,
        Kind::Open(_) | Kind::Close(_) => SyntaxKind::Bracket,
        Kind::Punct => SyntaxKind::Punct,
        Kind::BadNumber | Kind::OpenText | Kind::OpenComment | Kind::Junk => SyntaxKind::Junk,
    }
}

/// The kind of a rule; none for a rule whose children stand for themselves.
fn node_kind(rule: Rule) -> Option<SyntaxKind> {
    Some(match rule {
        Rule::edition => SyntaxKind::Edition,
        Rule::item | Rule::item_in => SyntaxKind::Item,
        Rule::use_ => SyntaxKind::Use,
        Rule::param => SyntaxKind::Param,
        Rule::let_ => SyntaxKind::Let,
        Rule::pipeline => SyntaxKind::Pipeline,
        Rule::formals => SyntaxKind::Formals,
        Rule::dataset => SyntaxKind::Dataset,
        Rule::model => SyntaxKind::Model,
        Rule::stage => SyntaxKind::Stage,
        Rule::sequence => SyntaxKind::Sequence,
        Rule::cascade => SyntaxKind::Cascade,
        Rule::sweep => SyntaxKind::Sweep,
        Rule::policy => SyntaxKind::Policy,
        Rule::report => SyntaxKind::Report,
        Rule::bad_item | Rule::bad_item_in => SyntaxKind::BadItem,
        Rule::from | Rule::on | Rule::env | Rule::every => SyntaxKind::Clause,
        Rule::body => SyntaxKind::Body,
        Rule::arms => SyntaxKind::Arms,
        Rule::stmt => SyntaxKind::Statement,
        Rule::field => SyntaxKind::Field,
        Rule::until => SyntaxKind::Until,
        Rule::on_ => SyntaxKind::On,
        Rule::eval => SyntaxKind::Eval,
        Rule::keep => SyntaxKind::Checkpoint,
        Rule::axis => SyntaxKind::Axis,
        Rule::without => SyntaxKind::Without,
        Rule::expect => SyntaxKind::Expect,
        Rule::arm => SyntaxKind::Arm,
        Rule::bad_stmt | Rule::bad_arm => SyntaxKind::BadStatement,
        Rule::path => SyntaxKind::Path,
        Rule::type_ => SyntaxKind::Type,
        Rule::quantity => SyntaxKind::Quantity,
        Rule::string | Rule::bool => SyntaxKind::Literal,
        Rule::ref_ => SyntaxKind::Ref,
        Rule::list => SyntaxKind::List,
        Rule::record => SyntaxKind::Record,
        Rule::entry => SyntaxKind::Entry,
        Rule::paren => SyntaxKind::Paren,
        Rule::postfix => SyntaxKind::Postfix,
        Rule::args => SyntaxKind::Arguments,
        Rule::arg => SyntaxKind::Argument,
        Rule::prefix => SyntaxKind::Prefix,
        Rule::infix => SyntaxKind::Infix,
        _ => return None,
    })
}
