//! The typed syntax tree of one file: what stands where, and nothing of what it means.
//!
//! Every node has a span in bytes; a part that a broken program lacks is `None` or missing from its list.  Values own their
//! text, so a tree outlives its source; a copy of a tree shares its blocks, which are most of it.

use std::rc::Rc;

/// A range of bytes in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// From byte offsets.
    pub fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }
    /// The smallest span over both.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        Span {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// The name of an item that has none; no name of a program is it.
pub const UNNAMED: &str = "?";

/// An identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As written.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// Names joined by dots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// At least one.
    pub parts: Vec<Name>,
    /// Of the whole.
    pub span: Span,
}

impl Path {
    /// `a.b.c`.
    pub fn text(&self) -> String {
        match self.parts.as_slice() {
            [one] => one.text.clone(),
            all => {
                let words: Vec<&str> = all.iter().map(|p| p.text.as_str()).collect();
                words.join(".")
            }
        }
    }

    /// Whether it is written so, `a.b.c`.
    pub fn is(&self, text: &str) -> bool {
        let mut words = text.split('.');
        let same = self.parts.iter().all(|p| words.next() == Some(&p.text));
        same && words.next().is_none()
    }
}

/// A whole file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// `align 1`.
    pub edition: Option<Number>,
    /// Of the line `align 1`.
    pub edition_span: Option<Span>,
    /// In the order written; fragments that do not parse are left out (they are syntax errors).
    pub items: Vec<Item>,
}

/// A number literal without its unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// Its value, `k`, `M`, `G` applied.
    pub value: f64,
    /// Whether it was written with a point or an exponent.
    pub real: bool,
    /// Where.
    pub span: Span,
}

/// An item of a file or of a pipeline.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its `///` lines without the slashes.
    pub docs: Vec<String>,
    /// What it is.
    pub kind: ItemKind,
    /// From its keyword to its end.
    pub span: Span,
    /// Of its keyword.
    pub word: Span,
}

/// What an item is.
#[derive(Clone, Debug)]
pub enum ItemKind {
    /// `use std.losses.denoise as fit`, `use "file.align".name`.
    Use(Use),
    /// `param name: type = expr`.
    Param(Formal),
    /// `let name: type = expr`.
    Let(Formal),
    /// `pipeline name(formals) { items }`.
    Pipeline(Pipeline),
    /// `dataset name from expr { body }`.
    Dataset(Rc<Block>),
    /// `model name { body }`.
    Model(Rc<Block>),
    /// `stage name trains expr on expr in expr from expr { body }`.
    Stage(Rc<Block>),
    /// `sequence name = a -> b { body }`.
    Sequence(Rc<Block>),
    /// `cascade name = a -> b { body }`.
    Cascade(Rc<Block>),
    /// `sweep name of path { body }`.
    Sweep(Rc<Block>),
    /// `policy name { arms }`.
    Policy(Policy),
    /// `report path { body }`.
    Report(Rc<Block>),
    /// An item that does not parse; its error is reported, its name still counts as defined.
    Broken {
        /// The word that it opens with, if it is one.
        word: Option<String>,
        /// The name that it would define.
        name: Option<Name>,
    },
}

/// `use`.
#[derive(Clone, Debug)]
pub struct Use {
    /// A file, if it is one.
    pub file: Option<Str>,
    /// A dotted name (without a file), whole.
    pub path: Option<Path>,
    /// Names taken out of it: of `.name` after a file, or of `.{a, b}`.
    pub names: Vec<Name>,
    /// `as name`.
    pub alias: Option<Name>,
}

/// A string literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Str {
    /// Escapes resolved.
    pub text: String,
    /// With its quotes.
    pub span: Span,
}

/// A typed name with a default: `param`, `let`, or a formal parameter.
#[derive(Clone, Debug)]
pub struct Formal {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: Option<TypeExpr>,
    /// Its value or default.
    pub value: Option<Expr>,
}

/// `Task`, `Range<int>`, `[float]`.
#[derive(Clone, Debug)]
pub struct TypeExpr {
    /// Name; `[]` for a list.
    pub name: Name,
    /// Arguments.
    pub args: Vec<TypeExpr>,
    /// Of the whole.
    pub span: Span,
}

/// `pipeline`.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Its name.
    pub name: Name,
    /// Its parameters.
    pub formals: Vec<Formal>,
    /// Its items.
    pub items: Vec<Item>,
}

/// A block with a header and statements.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// The name it defines (of a report: none, see `of`).
    pub name: Option<Name>,
    /// `trains EXPR`.
    pub trains: Option<Expr>,
    /// `on EXPR`.
    pub on: Option<Expr>,
    /// `in EXPR`.
    pub env: Option<Expr>,
    /// `from EXPR`.
    pub from: Option<Expr>,
    /// `= a -> b -> c`.
    pub chain: Vec<Path>,
    /// `sweep name of PATH`, `report PATH`.
    pub of: Option<Path>,
    /// Statements.
    pub body: Vec<Stmt>,
    /// From `{` to `}`.
    pub body_span: Span,
    /// Whether the file ends inside of it, so that what it lacks may have been meant to follow.
    pub cut: bool,
}

/// `policy`.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name.
    pub name: Name,
    /// Its arms.
    pub arms: Vec<Arm>,
}

/// `nan => rollback(..)`.
#[derive(Clone, Debug)]
pub struct Arm {
    /// The event; `else` too.
    pub event: Name,
    /// The action.
    pub action: Expr,
    /// Of the whole.
    pub span: Span,
}

/// A statement of a block.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// Its `///` lines.
    pub docs: Vec<String>,
    /// What it is.
    pub kind: StmtKind,
    /// Of the whole.
    pub span: Span,
}

/// What a statement is.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// `path = expr`.
    Field {
        /// Name, possibly dotted.
        path: Path,
        /// Value.
        value: Expr,
    },
    /// `until expr`.
    Until(Expr),
    /// `on failure { arms }`, `on failure => policy`, `on regression(args) => action`.
    On {
        /// `failure`, `regression`, ...
        event: Name,
        /// Its arguments.
        args: Option<Vec<Arg>>,
        /// `=> expr`.
        action: Option<Expr>,
        /// `{ arms }`.
        arms: Vec<Arm>,
    },
    /// `eval every expr { body }`.
    Eval {
        /// Cadence.
        every: Option<Expr>,
        /// Fields.
        body: Vec<Stmt>,
    },
    /// `checkpoint every expr { body }`.
    Checkpoint {
        /// Cadence.
        every: Expr,
        /// Fields.
        body: Vec<Stmt>,
    },
    /// `name in expr`.
    Axis {
        /// Parameter.
        name: Name,
        /// Values.
        values: Expr,
    },
    /// `without { .. }`.
    Without(Expr),
    /// `expect expr`.
    Expect(Expr),
}

/// An argument of a call.
#[derive(Clone, Debug)]
pub struct Arg {
    /// `name:`.
    pub name: Option<Name>,
    /// Its value.
    pub value: Expr,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where, without surrounding blanks.
    pub span: Span,
}

impl Expr {
    /// `a.b.c` of an expression that is only names.
    pub fn dotted(&self) -> Option<String> {
        match &self.kind {
            ExprKind::Ref(name) => Some(name.text.clone()),
            ExprKind::Member { base, field } => {
                let mut text = base.dotted()?;
                text.push('.');
                text.push_str(&field.text);
                Some(text)
            }
            _ => None,
        }
    }
}

/// What an expression is.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A number, perhaps with a unit.
    Number {
        /// The number.
        number: Number,
        /// Its unit; `%` too.
        unit: Option<Name>,
    },
    /// A text.
    Str(String),
    /// `true`, `false`, `off`.
    Bool(bool),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `{ a.b: c }`.
    Record(Vec<(Path, Expr)>),
    /// A name.
    Ref(Name),
    /// `base.field`.
    Member {
        /// Left of the dot.
        base: Box<Expr>,
        /// Right of the dot.
        field: Name,
    },
    /// `callee(args)`.
    Call {
        /// What is called.
        callee: Box<Expr>,
        /// With what.
        args: Vec<Arg>,
        /// Of the parentheses.
        args_span: Span,
    },
    /// `base[index]`.
    Index {
        /// Left.
        base: Box<Expr>,
        /// Between the brackets.
        index: Box<Expr>,
    },
    /// `-x`, `not x`.
    Unary {
        /// Operator.
        op: UnaryOp,
        /// Operand.
        operand: Box<Expr>,
    },
    /// `a op b`, precedence resolved.
    Binary {
        /// Operator.
        op: BinaryOp,
        /// Of the operator.
        op_span: Span,
        /// Left.
        left: Box<Expr>,
        /// Right.
        right: Box<Expr>,
    },
    /// What does not parse, or is missing; its error is reported.  It fits everywhere, so that one slip is one message.
    Error,
}

/// Prefix operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `not`
    Not,
}

/// Infix operators, loosest first: `by` < `or` < `and` < comparisons < ranges < `+ -` < `* /`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `by`
    By,
    /// `or`
    Or,
    /// `and`
    And,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `>=`
    Ge,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `<`
    Lt,
    /// `..<`
    Range,
    /// `..=`
    RangeInclusive,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
}

/// A syntax error: a code of the A0 group, where, and what could stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// `A0001` to `A0009`.
    pub code: &'static str,
    /// Where the problem is.
    pub span: Span,
    /// One sentence, lower case, no full stop.
    pub message: String,
    /// Label at `span`.
    pub label: String,
    /// Other places that matter, such as the bracket that was opened.
    pub related: Vec<(Span, String)>,
    /// A way out.
    pub help: Option<String>,
    /// Text that would repair it.
    pub fix: Option<(Span, String)>,
}
