//! The same syntax at another place: every span moved by a number of bytes.

use std::rc::Rc;

use crate::ast::{
    Arg, Arm, Block, Expr, ExprKind, File, Formal, Item, ItemKind, Name, Number, Path, Pipeline,
    Policy, Span, Stmt, StmtKind, TypeExpr, Use,
};

/// What has places in it.
pub trait Shift {
    /// Moves every place; one that would lie before the text's start stays there.
    fn shift(&mut self, by: i64);
}

impl Shift for u32 {
    fn shift(&mut self, by: i64) {
        *self = u32::try_from(i64::from(*self) + by).unwrap_or(0);
    }
}

impl<T: Shift> Shift for Option<T> {
    fn shift(&mut self, by: i64) {
        if let Some(inner) = self {
            inner.shift(by);
        }
    }
}

impl<T: Shift> Shift for Vec<T> {
    fn shift(&mut self, by: i64) {
        for inner in self {
            inner.shift(by);
        }
    }
}

impl<T: Shift> Shift for Box<T> {
    fn shift(&mut self, by: i64) {
        self.as_mut().shift(by);
    }
}

impl<T: Shift + Clone> Shift for Rc<T> {
    fn shift(&mut self, by: i64) {
        Rc::make_mut(self).shift(by);
    }
}

/// Moves the named parts of a struct; those that have no place in them are named after `keep`, so that a new part is not forgotten.
macro_rules! shift {
    ($($ty:ident { $($part:ident),* $(; keep $($kept:ident),*)? })*) => { $(
        impl Shift for $ty {
            fn shift(&mut self, by: i64) {
                let $ty { $($part,)* $($($kept: _,)*)? } = self;
                $($part.shift(by);)*
            }
        }
    )* };
}

shift! {
    Span { start, end }
    Name { span; keep text }
    Number { span; keep value, real }
    Path { parts, span }
    File { edition, edition_span, items }
    Item { kind, span, word; keep docs }
    Formal { name, ty, value }
    TypeExpr { name, args, span }
    Pipeline { name, formals, items }
    Block { name, trains, on, env, from, chain, of, body, body_span; keep cut }
    Policy { name, arms }
    Arm { event, action, span }
    Stmt { kind, span; keep docs }
    Arg { name, value }
    Expr { kind, span }
}

impl Shift for Use {
    fn shift(&mut self, by: i64) {
        let Use {
            file,
            path,
            names,
            alias,
        } = self;
        if let Some(file) = file {
            file.span.shift(by);
        }
        path.shift(by);
        names.shift(by);
        alias.shift(by);
    }
}

impl Shift for ItemKind {
    fn shift(&mut self, by: i64) {
        match self {
            ItemKind::Use(u) => u.shift(by),
            ItemKind::Param(f) | ItemKind::Let(f) => f.shift(by),
            ItemKind::Pipeline(p) => p.shift(by),
            ItemKind::Dataset(b)
            | ItemKind::Model(b)
            | ItemKind::Stage(b)
            | ItemKind::Sequence(b)
            | ItemKind::Cascade(b)
            | ItemKind::Sweep(b)
            | ItemKind::Report(b) => b.shift(by),
            ItemKind::Policy(p) => p.shift(by),
            ItemKind::Broken { word: _, name } => name.shift(by),
        }
    }
}

impl Shift for StmtKind {
    fn shift(&mut self, by: i64) {
        match self {
            StmtKind::Field { path, value } => {
                path.shift(by);
                value.shift(by);
            }
            StmtKind::Until(e) | StmtKind::Without(e) | StmtKind::Expect(e) => e.shift(by),
            StmtKind::On {
                event,
                args,
                action,
                arms,
            } => {
                event.shift(by);
                args.shift(by);
                action.shift(by);
                arms.shift(by);
            }
            StmtKind::Eval { every, body } => {
                every.shift(by);
                body.shift(by);
            }
            StmtKind::Checkpoint { every, body } => {
                every.shift(by);
                body.shift(by);
            }
            StmtKind::Axis { name, values } => {
                name.shift(by);
                values.shift(by);
            }
        }
    }
}

impl Shift for ExprKind {
    fn shift(&mut self, by: i64) {
        match self {
            ExprKind::Number { number, unit } => {
                number.shift(by);
                unit.shift(by);
            }
            ExprKind::Str(_) | ExprKind::Bool(_) | ExprKind::Error => {}
            ExprKind::List(items) => items.shift(by),
            ExprKind::Record(entries) => {
                for (path, value) in entries {
                    path.shift(by);
                    value.shift(by);
                }
            }
            ExprKind::Ref(name) => name.shift(by),
            ExprKind::Member { base, field } => {
                base.shift(by);
                field.shift(by);
            }
            ExprKind::Call {
                callee,
                args,
                args_span,
            } => {
                callee.shift(by);
                args.shift(by);
                args_span.shift(by);
            }
            ExprKind::Index { base, index } => {
                base.shift(by);
                index.shift(by);
            }
            ExprKind::Unary { op: _, operand } => operand.shift(by),
            ExprKind::Binary {
                op: _,
                op_span,
                left,
                right,
            } => {
                op_span.shift(by);
                left.shift(by);
                right.shift(by);
            }
        }
    }
}
