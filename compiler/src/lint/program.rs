//! What do rules see of a program?  The main file's syntax, and the plan where there is one.

use std::cell::OnceCell;

use align_grammar::ast::{
    Arg, Block, Expr, ExprKind, File, Formal, Item, ItemKind, Pipeline, Span, Stmt, StmtKind,
};
use align_plan::{Node, NodeKind, Plan};
use align_schema::{Quantity, unit};
use rustc_hash::FxHashMap;

use crate::diag::{Diagnostic, FileId, Severity, Sources};

/// A program.
#[derive(Debug)]
pub struct Program<'a> {
    sources: &'a Sources,
    file: FileId,
    /// The main file's items.
    pub ast: &'a File,
    /// The plan, if there is one.
    pub plan: Option<&'a Plan>,
    /// The stages of the plan.
    first: OnceCell<Stages<'a>>,
}

/// The first node of each stage, by pipeline and name.
type Stages<'a> = FxHashMap<(&'a str, &'a str), &'a Node>;

fn first(plan: &Plan) -> Stages<'_> {
    let pipelines: FxHashMap<&str, &str> = plan
        .lanes
        .iter()
        .map(|l| (l.id.as_str(), l.pipeline.as_str()))
        .collect();
    let mut out = Stages::default();
    let stages = plan.nodes.iter();
    for node in stages.filter(|n| n.kind == NodeKind::Stage && n.round == 1) {
        if let Some(pipeline) = pipelines.get(node.lane.as_str()) {
            out.entry((*pipeline, node.name.as_str())).or_insert(node);
        }
    }
    out
}

/// A block with the pipeline that it stands in.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// The pipeline; `None` for the file's own.
    pub pipeline: Option<&'a Pipeline>,
    /// The block.
    pub block: &'a Block,
}

impl<'a> Placed<'a> {
    /// Its name; empty for one that has none.
    pub fn name(&self) -> &'a str {
        self.block.name.as_ref().map_or("", |n| n.text.as_str())
    }

    /// Where its name stands.
    pub fn name_span(&self) -> Span {
        self.block.name.as_ref().map_or(Span::default(), |n| n.span)
    }
}

impl<'a> Program<'a> {
    /// Of a checked program.
    pub fn new(sources: &'a Sources, file: FileId, ast: &'a File, plan: Option<&'a Plan>) -> Self {
        Self {
            sources,
            file,
            ast,
            plan,
            first: OnceCell::new(),
        }
    }

    /// A finding of a rule in the main file.
    pub fn found(&self, rule: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
        let level = super::rule(rule).map_or(Severity::Warning, |r| r.level);
        Diagnostic::new(level, rule, self.file, span, message)
    }

    /// Adds a second place in the main file.
    pub fn also(&self, d: Diagnostic, span: Span, text: impl Into<String>) -> Diagnostic {
        d.with_place(self.file, span, text)
    }

    /// The line of a place, from 1.
    pub fn line(&self, span: Span) -> u32 {
        self.sources.places(self.file, span).0.line
    }

    /// The text of a place.
    pub fn text(&self, span: Span) -> &'a str {
        self.sources.slice(self.file, span)
    }

    /// The text of the main file.
    pub fn whole(&self) -> &'a str {
        self.sources.get(self.file).map_or("", |s| s.text.as_str())
    }

    /// Every item with its pipeline.
    pub fn items(&self) -> impl Iterator<Item = (Option<&'a Pipeline>, &'a Item)> {
        let items: &'a [Item] = &self.ast.items;
        items.iter().flat_map(|item| {
            let inner = match &item.kind {
                ItemKind::Pipeline(p) => Some(p),
                _ => None,
            };
            let inside = inner
                .into_iter()
                .flat_map(|p| p.items.iter().map(move |i| (Some(p), i)));
            std::iter::once((None, item)).chain(inside)
        })
    }

    /// Every stage.
    pub fn stages(&self) -> impl Iterator<Item = Placed<'a>> {
        self.items()
            .filter_map(|(pipeline, item)| match &item.kind {
                ItemKind::Stage(block) => Some(Placed { pipeline, block }),
                _ => None,
            })
    }

    /// Every sweep.
    pub fn sweeps(&self) -> impl Iterator<Item = &'a Block> {
        self.items().filter_map(|(_, item)| match &item.kind {
            ItemKind::Sweep(block) => Some(&**block),
            _ => None,
        })
    }

    /// Every report.
    pub fn reports(&self) -> impl Iterator<Item = &'a Block> {
        self.items().filter_map(|(_, item)| match &item.kind {
            ItemKind::Report(block) => Some(&**block),
            _ => None,
        })
    }

    /// The pipeline of this name.
    pub fn pipeline(&self, name: &str) -> Option<&'a Pipeline> {
        self.items().find_map(|(_, item)| match &item.kind {
            ItemKind::Pipeline(p) if p.name.text == name => Some(p),
            _ => None,
        })
    }

    /// The node of a stage, in the first lane.
    pub fn node(&self, stage: Placed<'_>) -> Option<&'a Node> {
        let plan = self.plan?;
        let pipeline = stage.pipeline.map_or("", |p| p.name.text.as_str());
        let first = self.first.get_or_init(|| first(plan));
        first.get(&(pipeline, stage.name())).copied()
    }

    /// The value of a number with its unit, followed through a `let` or a default of the file.
    pub fn quantity(&self, expr: &Expr) -> Option<Quantity> {
        match &self.resolve(expr).kind {
            ExprKind::Number { number, unit: word } => {
                let Some(word) = word else {
                    return Some(Quantity::new(number.value, align_schema::Dim::Plain));
                };
                let unit = unit(&word.text)?;
                Some(Quantity::new(number.value * unit.scale, unit.dim))
            }
            _ => None,
        }
    }

    /// What a name stands for, if the file says so.
    fn resolve<'e>(&'e self, expr: &'e Expr) -> &'e Expr {
        let ExprKind::Ref(name) = &expr.kind else {
            return expr;
        };
        let formal = self.items().find_map(|(_, item)| match &item.kind {
            ItemKind::Let(f) | ItemKind::Param(f) if f.name.text == name.text => Some(f),
            _ => None,
        });
        formal
            .and_then(|f: &Formal| f.value.as_ref())
            .unwrap_or(expr)
    }
}

/// The value of a field.
pub fn field<'a>(body: &'a [Stmt], name: &str) -> Option<&'a Expr> {
    body.iter().find_map(|s| match &s.kind {
        StmtKind::Field { path, value } if path.is(name) => Some(value),
        _ => None,
    })
}

/// The condition of `until`.
pub fn until(body: &[Stmt]) -> Option<&Expr> {
    body.iter().find_map(|s| match &s.kind {
        StmtKind::Until(expr) => Some(expr),
        _ => None,
    })
}

/// A call of a bare name.
#[derive(Clone, Copy, Debug)]
pub struct Called<'a> {
    /// The name.
    pub name: &'a str,
    /// The arguments.
    pub args: &'a [Arg],
}

impl<'a> Called<'a> {
    /// The argument of a name, or the positional one at a place.
    pub fn arg(&self, name: &str, at: usize) -> Option<&'a Expr> {
        let named = |a: &&Arg| a.name.as_ref().is_some_and(|n| n.text == name);
        let by_name = self.args.iter().find(named);
        let by_place = self.args.get(at).filter(|a| a.name.is_none());
        by_name.or(by_place).map(|a| &a.value)
    }
}

/// The call that an expression is.
pub fn call(expr: &Expr) -> Option<Called<'_>> {
    let ExprKind::Call { callee, args, .. } = &expr.kind else {
        return None;
    };
    let ExprKind::Ref(name) = &callee.kind else {
        return None;
    };
    Some(Called {
        name: &name.text,
        args,
    })
}

/// Every call in an expression, itself included.
pub fn calls(expr: &Expr) -> Vec<Called<'_>> {
    let mut out = Vec::new();
    walk(expr, &mut |e| out.extend(call(e)));
    out
}

/// Visits an expression and all inside it.
pub fn walk<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    visit(expr);
    match &expr.kind {
        ExprKind::List(list) => for_all(list.iter(), visit),
        ExprKind::Record(entries) => for_all(entries.iter().map(|(_, e)| e), visit),
        ExprKind::Member { base, .. } => walk(base, visit),
        ExprKind::Call { callee, args, .. } => {
            walk(callee, visit);
            for arg in args {
                walk(&arg.value, visit);
            }
        }
        ExprKind::Index { base, index } => {
            walk(base, visit);
            walk(index, visit);
        }
        ExprKind::Unary { operand, .. } => walk(operand, visit),
        ExprKind::Binary { left, right, .. } => {
            walk(left, visit);
            walk(right, visit);
        }
        ExprKind::Number { .. }
        | ExprKind::Str(_)
        | ExprKind::Bool(_)
        | ExprKind::Ref(_)
        | ExprKind::Error => {}
    }
}

fn for_all<'a>(list: impl Iterator<Item = &'a Expr>, visit: &mut dyn FnMut(&'a Expr)) {
    for expr in list {
        walk(expr, visit);
    }
}

/// Visits every expression of a block's statements, with the name of the field or clause that it belongs to.
pub fn walk_body<'a>(body: &'a [Stmt], visit: &mut dyn FnMut(&str, &'a Expr)) {
    for stmt in body {
        let mut go = |name: &str, expr: &'a Expr| walk(expr, &mut |e| visit(name, e));
        match &stmt.kind {
            StmtKind::Field { path, value } => go(&path.text(), value),
            StmtKind::Until(e) => go("until", e),
            StmtKind::Expect(e) => go("expect", e),
            StmtKind::Without(e) => go("without", e),
            StmtKind::Axis { name, values } => go(&name.text, values),
            StmtKind::On {
                args, action, arms, ..
            } => {
                for arg in args.iter().flatten() {
                    go("on", &arg.value);
                }
                for e in action.iter().chain(arms.iter().map(|a| &a.action)) {
                    go("on", e);
                }
            }
            StmtKind::Eval { every, body } => {
                if let Some(e) = every {
                    go("every", e);
                }
                walk_body(body, visit);
            }
            StmtKind::Checkpoint { every, body } => {
                go("every", every);
                walk_body(body, visit);
            }
        }
    }
}
