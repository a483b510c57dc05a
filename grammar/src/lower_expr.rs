//! Which value is each node of the arena?  Numbers, texts and operators are read here.

use crate::ast::{Arg, BinaryOp, Expr, ExprKind, Name, Number, Span, SyntaxError, UnaryOp};
use crate::lower::{Lower, is_expr};
use crate::tree::{Id, Node, Rule};

impl Lower<'_> {
    /// A value.
    pub fn expr(&mut self, id: Id) -> Expr {
        let node = self.arena.node(id);
        let span = self.span(node);
        let kind = match node.rule {
            Rule::quantity => self.quantity(id),
            Rule::string => ExprKind::Str(unescape(self.source(node))),
            Rule::bool => ExprKind::Bool(self.source(node) == "true"),
            Rule::ref_ => self.reference(node, span),
            Rule::list => ExprKind::List(self.expressions(id)),
            Rule::record => ExprKind::Record(self.record(id)),
            Rule::paren => self
                .child_expr(id)
                .map_or(ExprKind::Error, |inner| inner.kind),
            Rule::prefix => self.unary(id),
            Rule::postfix => self.postfix(id),
            Rule::infix => self.binary(id),
            _ => {
                self.errors.push(SyntaxError {
                    code: "A0007",
                    span,
                    message: "this value has too many operators".to_owned(),
                    label: "more than 400 in one value".to_owned(),
                    related: Vec::new(),
                    help: Some("give parts of it names with `let`".to_owned()),
                    fix: None,
                });
                ExprKind::Error
            }
        };
        Expr { kind, span }
    }

    fn expressions(&mut self, id: Id) -> Vec<Expr> {
        let arena = self.arena;
        arena.children(id).map(|(id, _)| self.expr(id)).collect()
    }

    fn quantity(&mut self, id: Id) -> ExprKind {
        let mut number = None;
        let mut unit = None;
        for (_, node) in self.arena.children(id) {
            match node.rule {
                Rule::number => number = Some(self.number(node)),
                _ => unit = Some(self.name(node)),
            }
        }
        let Some(number) = number else {
            return ExprKind::Error;
        };
        let bad = |b: &Span| b.start <= number.span.start && number.span.start < b.end;
        if self.bad_numbers.iter().any(bad) {
            return ExprKind::Error;
        }
        if !number.value.is_finite() {
            self.errors.push(SyntaxError {
                code: "A0004",
                span: number.span,
                message: "this number is too large".to_owned(),
                label: "beyond what 64 bits hold".to_owned(),
                related: Vec::new(),
                help: None,
                fix: None,
            });
            return ExprKind::Error;
        }
        ExprKind::Number { number, unit }
    }

    /// A number with its multiplier applied.
    pub fn number(&self, node: Node) -> Number {
        let text = self.source(node);
        let (digits, factor) = match text.as_bytes().last() {
            Some(b'k') => (text.get(..text.len() - 1), 1e3),
            Some(b'M') => (text.get(..text.len() - 1), 1e6),
            Some(b'G') => (text.get(..text.len() - 1), 1e9),
            _ => (Some(text), 1.0),
        };
        let digits = digits.unwrap_or("").replace('_', "");
        let real = digits.contains(['.', 'e', 'E']);
        // The decimal and its factor are read as one, so that `4.1k` is 4100 and not 4099.999...
        let value = if factor > 1.0 && !digits.contains(['e', 'E']) {
            format!("{digits}e{}", f64::log10(factor) as i32).parse()
        } else {
            digits.parse::<f64>().map(|v| v * factor)
        };
        Number {
            value: value.unwrap_or(f64::NAN),
            real,
            span: self.span(node),
        }
    }

    fn reference(&mut self, node: Node, span: Span) -> ExprKind {
        let name = self.name(node);
        let meant = match name.text.as_str() {
            "True" | "TRUE" => "true",
            "False" | "FALSE" => "false",
            _ => return ExprKind::Ref(name),
        };
        self.errors.push(SyntaxError {
            code: "A0001",
            span,
            message: format!("`{}` is written `{meant}` here", name.text),
            label: format!("write `{meant}`"),
            related: Vec::new(),
            help: None,
            fix: Some((span, meant.to_owned())),
        });
        ExprKind::Bool(meant == "true")
    }

    fn record(&mut self, id: Id) -> Vec<(crate::ast::Path, Expr)> {
        let mut entries = Vec::new();
        let arena = self.arena;
        for (entry, _) in arena.children(id) {
            let path = self.child(entry, Rule::path).map(|(id, _)| self.path(id));
            let value = self.child_expr(entry);
            entries.extend(path.zip(value));
        }
        entries
    }

    /// Arguments in parentheses.
    pub fn arguments(&mut self, id: Id) -> Vec<Arg> {
        let mut args = Vec::new();
        let arena = self.arena;
        for (arg, _) in arena.children(id) {
            let name = self.child(arg, Rule::label).map(|(_, n)| self.name(n));
            if let Some(value) = self.child_expr(arg) {
                args.push(Arg { name, value });
            }
        }
        args
    }

    fn unary(&mut self, id: Id) -> ExprKind {
        let not = self.child(id, Rule::not).is_some();
        match self.child_expr(id) {
            Some(operand) => ExprKind::Unary {
                op: if not { UnaryOp::Not } else { UnaryOp::Neg },
                operand: Box::new(operand),
            },
            None => ExprKind::Error,
        }
    }

    fn postfix(&mut self, id: Id) -> ExprKind {
        let mut parts = self.arena.children(id);
        let (Some((base, _)), Some((op, node))) = (parts.next(), parts.next()) else {
            return ExprKind::Error;
        };
        let base = Box::new(self.expr(base));
        match node.rule {
            Rule::args => ExprKind::Call {
                callee: base,
                args: self.arguments(op),
                args_span: self.span(node),
            },
            Rule::index => match self.child_expr(op) {
                Some(index) => ExprKind::Index {
                    base,
                    index: Box::new(index),
                },
                None => ExprKind::Error,
            },
            _ => {
                let name = self.child(op, Rule::ident).map(|(_, n)| self.name(n));
                ExprKind::Member {
                    base,
                    field: name.unwrap_or(Name {
                        text: String::new(),
                        span: self.span(node),
                    }),
                }
            }
        }
    }

    fn binary(&mut self, id: Id) -> ExprKind {
        let mut parts = self.arena.children(id);
        let (Some((left, _)), Some((_, op)), Some((right, node))) =
            (parts.next(), parts.next(), parts.next())
        else {
            return ExprKind::Error;
        };
        debug_assert!(is_expr(node.rule), "{:?}", node.rule);
        let op_kind = match self.source(op) {
            "by" => BinaryOp::By,
            "or" => BinaryOp::Or,
            "and" => BinaryOp::And,
            "==" => BinaryOp::Eq,
            "!=" => BinaryOp::Ne,
            ">=" => BinaryOp::Ge,
            "<=" => BinaryOp::Le,
            ">" => BinaryOp::Gt,
            "<" => BinaryOp::Lt,
            "..<" => BinaryOp::Range,
            "..=" => BinaryOp::RangeInclusive,
            "+" => BinaryOp::Add,
            "-" => BinaryOp::Sub,
            "*" => BinaryOp::Mul,
            _ => BinaryOp::Div,
        };
        ExprKind::Binary {
            op: op_kind,
            op_span: self.span(op),
            left: Box::new(self.expr(left)),
            right: Box::new(self.expr(right)),
        }
    }
}

/// The text between the quotes, escapes resolved.
pub fn unescape(quoted: &str) -> String {
    let inner = quoted.strip_prefix('"').unwrap_or(quoted);
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    if !inner.contains('\\') {
        return inner.to_owned();
    }
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(other) => text.push(other),
                None => {}
            },
            other => text.push(other),
        }
    }
    text
}
