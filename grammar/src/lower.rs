//! Which item, statement or arm is each node of the arena?  Fills the typed tree; fragments go to `recover`.
//!
//! Values are in `lower_expr`.  No rule of the language is checked here.

use std::rc::Rc;

use crate::ast::{
    Arm, Block, Expr, File, Formal, Item, ItemKind, Name, Number, Path, Pipeline, Policy, Span,
    Stmt, StmtKind, Str, SyntaxError, TypeExpr, Use,
};
use crate::lex::{self, Token};
use crate::map::Map;
use crate::recover::{self, Fragment};
use crate::tree::{Arena, Id, Node, Rule};
use crate::words::nearest;

/// The walk over the arena of one text.
pub struct Lower<'a> {
    /// The text that pest saw.
    pub text: &'a str,
    /// Its nodes.
    pub arena: &'a Arena,
    /// Back to the user's text.
    pub map: &'a Map,
    /// Numbers that are none.
    pub bad_numbers: &'a [Span],
    /// First bytes of the user's brackets that the end of the file leaves open.
    pub unclosed: &'a [usize],
    /// What is wrong, so far.
    pub errors: &'a mut Vec<SyntaxError>,
    /// What was understood last, in the list that is being walked.
    pub good: Option<Good>,
}

/// A fragment that parsed, and the number of errors before it.
#[derive(Clone, Copy)]
pub struct Good {
    node: Node,
    errors: usize,
}

impl Good {
    fn new(node: Node, errors: usize) -> Self {
        Self { node, errors }
    }
}

impl Lower<'_> {
    /// Adds what the arena holds of a file.
    pub fn add_to(&mut self, file: &mut File) {
        file.items.reserve(self.arena.roots().len());
        for &id in self.arena.roots() {
            match self.arena.node(id).rule {
                Rule::edition => {
                    file.edition = self
                        .child(id, Rule::number)
                        .map(|(_, number)| self.number(number));
                    file.edition_span = Some(self.span(self.arena.node(id)));
                }
                Rule::item if file.edition.is_none() && self.late_edition(id, file) => {}
                Rule::item => self.item(id, &mut file.items),
                _ => {}
            }
        }
    }

    /// `align 1` after something else.  If that is broken already, the edition is where it should be as far as anybody can see.
    fn late_edition(&mut self, id: Id, file: &mut File) -> bool {
        let Some((_, node)) = self.child(id, Rule::bad_item) else {
            return false;
        };
        let start = node.start as usize;
        let tokens = lex::lex(self.source(node));
        let mut said = tokens.iter().filter(|t| !t.is_trivia());
        let (Some(word), Some(number), None) = (said.next(), said.next(), said.next()) else {
            return false;
        };
        let at = |t: &Token| self.map.span(start + t.start, start + t.end);
        let (span, number_span) = (at(word).to(at(number)), at(number));
        let text = number.text(self.source(node));
        let written = word.text(self.source(node));
        let (Ok(value), Some(_)) = (text.parse::<f64>(), nearest(written, &["align"])) else {
            return false;
        };
        file.edition = Some(Number {
            value,
            real: text.contains('.'),
            span: number_span,
        });
        file.edition_span = Some(span);
        if written != "align" {
            self.errors.push(SyntaxError {
                code: "A0008",
                span: at(word),
                message: format!("`{written}` is no word that opens a file"),
                label: "did you mean `align`?".to_owned(),
                related: Vec::new(),
                help: None,
                fix: Some((at(word), "align".to_owned())),
            });
        } else if self.errors.is_empty() {
            self.errors.push(SyntaxError {
                code: "A0008",
                span,
                message: "the edition stands first in the file".to_owned(),
                label: "something else stands before it".to_owned(),
                related: Vec::new(),
                help: Some("only comments may stand before `align 1`".to_owned()),
                fix: None,
            });
        }
        true
    }

    /// The item alone in an arena of `only_item`.
    pub fn lone_item(&mut self) -> Option<Item> {
        let docs = self.root_docs();
        let &id = self
            .arena
            .roots()
            .iter()
            .find(|&&id| is_item(self.arena.node(id).rule))?;
        self.item_of(id, docs)
    }

    /// The statements in an arena of `only_stmt`.
    pub fn lone_statements(&mut self) -> Vec<Stmt> {
        let mut docs = Vec::new();
        let mut found = Vec::new();
        for &id in self.arena.roots() {
            let node = self.arena.node(id);
            if node.rule == Rule::doc {
                docs.push(self.doc(node));
            } else {
                found.extend(self.statement_of(id, std::mem::take(&mut docs)));
            }
        }
        found
    }

    /// The arm alone in an arena of `only_arm`.
    pub fn lone_arm(&mut self) -> Option<Arm> {
        let &id = self
            .arena
            .roots()
            .iter()
            .find(|&&id| self.arena.node(id).rule == Rule::arm)?;
        self.arm(id)
    }

    fn root_docs(&self) -> Vec<String> {
        let nodes = self.arena.roots().iter().map(|&id| self.arena.node(id));
        nodes
            .filter(|n| n.rule == Rule::doc)
            .map(|n| self.doc(n))
            .collect()
    }

    /// The user's range of a node.
    pub fn span(&self, node: Node) -> Span {
        self.map.span(node.start as usize, node.end as usize)
    }

    /// The text of a node.
    pub fn source(&self, node: Node) -> &str {
        self.text
            .get(node.start as usize..node.end as usize)
            .unwrap_or("")
    }

    /// The first child of a kind.
    pub fn child(&self, id: Id, rule: Rule) -> Option<(Id, Node)> {
        self.arena.children(id).find(|(_, n)| n.rule == rule)
    }

    /// The first child that is an expression.
    pub fn child_expr(&mut self, id: Id) -> Option<Expr> {
        let (id, _) = self.arena.children(id).find(|(_, n)| is_expr(n.rule))?;
        Some(self.expr(id))
    }

    /// An identifier.
    pub fn name(&self, node: Node) -> Name {
        Name {
            text: self.source(node).to_owned(),
            span: self.span(node),
        }
    }

    /// The identifier among the children.
    fn child_name(&self, id: Id) -> Option<Name> {
        self.child(id, Rule::ident).map(|(_, n)| self.name(n))
    }

    /// A dotted name.
    pub fn path(&self, id: Id) -> Path {
        let count = self.arena.children(id).count();
        // Most have one part; growing as needed would make room for four.
        let mut parts = Vec::with_capacity(count);
        parts.extend(self.arena.children(id).map(|(_, n)| self.name(n)));
        Path {
            parts,
            span: self.span(self.arena.node(id)),
        }
    }

    fn doc(&self, node: Node) -> String {
        let text = self.source(node).trim_start_matches('/');
        text.strip_prefix(' ').unwrap_or(text).trim_end().to_owned()
    }

    fn docs(&self, id: Id) -> Vec<String> {
        let children = self.arena.children(id);
        children
            .filter(|(_, n)| n.rule == Rule::doc)
            .map(|(_, n)| self.doc(n))
            .collect()
    }

    /// An item; a broken one that goes on where the one before seemed to end takes that one back.
    fn item(&mut self, id: Id, items: &mut Vec<Item>) {
        let docs = self.docs(id);
        let Some((child, node)) = self.arena.children(id).find(|(_, n)| n.rule != Rule::doc) else {
            return;
        };
        let what = match node.rule {
            Rule::bad_item => Fragment::Item,
            Rule::bad_item_in => Fragment::ItemIn,
            _ => {
                let errors = self.errors.len();
                items.extend(self.item_of(child, docs));
                self.good = Some(Good::new(node, errors));
                return;
            }
        };
        let node = self.joined(node, || {
            items.pop();
        });
        items.extend(recover::item(self, node, what));
        self.good = None;
    }

    /// A broken fragment together with the good one before it on its line, such as the `(a b)` of `f(a b)` with the `x = f`.
    fn joined(&mut self, node: Node, take_back: impl FnOnce()) -> Node {
        let Some(good) = self.good.take() else {
            return node;
        };
        let between = self.text.get(good.node.end as usize..node.start as usize);
        let block = self.source(good.node).ends_with('}');
        if block || between.is_none_or(|gap| !gap.trim_matches([' ', '\t']).is_empty()) {
            return node;
        }
        take_back();
        self.errors.truncate(good.errors);
        let mut whole = node;
        whole.start = good.node.start;
        whole
    }

    fn item_of(&mut self, id: Id, docs: Vec<String>) -> Option<Item> {
        let node = self.arena.node(id);
        let kind = match node.rule {
            Rule::use_ => ItemKind::Use(self.use_(id)),
            Rule::param => ItemKind::Param(self.formal(id)?),
            Rule::let_ => ItemKind::Let(self.formal(id)?),
            Rule::pipeline => ItemKind::Pipeline(self.pipeline(id)?),
            Rule::policy => ItemKind::Policy(Policy {
                name: self.child_name(id)?,
                arms: self.arms(id),
            }),
            Rule::dataset => ItemKind::Dataset(Rc::new(self.block(id))),
            Rule::model => ItemKind::Model(Rc::new(self.block(id))),
            Rule::stage => ItemKind::Stage(Rc::new(self.block(id))),
            Rule::sequence => ItemKind::Sequence(Rc::new(self.block(id))),
            Rule::cascade => ItemKind::Cascade(Rc::new(self.block(id))),
            Rule::sweep => ItemKind::Sweep(Rc::new(self.block(id))),
            Rule::report => ItemKind::Report(Rc::new(self.block(id))),
            _ => return None,
        };
        let word_length = self
            .source(node)
            .bytes()
            .take_while(u8::is_ascii_alphabetic)
            .count();
        Some(Item {
            docs,
            kind,
            span: self.span(node),
            word: self
                .map
                .span(node.start as usize, node.start as usize + word_length),
        })
    }

    fn use_(&mut self, id: Id) -> Use {
        let mut found = Use {
            file: None,
            path: None,
            names: Vec::new(),
            alias: None,
        };
        let mut as_ = false;
        for (child, node) in self.arena.children(id) {
            match node.rule {
                Rule::string => {
                    found.file = Some(Str {
                        text: crate::lower_expr::unescape(self.source(node)),
                        span: self.span(node),
                    });
                }
                Rule::path => found.path = Some(self.path(child)),
                Rule::names => {
                    let names = self.arena.children(child).map(|(_, n)| self.name(n));
                    found.names.extend(names);
                }
                Rule::kw_as => as_ = true,
                Rule::ident if as_ => found.alias = Some(self.name(node)),
                Rule::ident => found.names.push(self.name(node)),
                _ => {}
            }
        }
        found
    }

    fn formal(&mut self, id: Id) -> Option<Formal> {
        Some(Formal {
            name: self.child_name(id)?,
            ty: self.child(id, Rule::type_).map(|(id, _)| self.type_(id)),
            value: self.child_expr(id),
        })
    }

    fn type_(&self, id: Id) -> TypeExpr {
        let span = self.span(self.arena.node(id));
        let mut found = TypeExpr {
            name: Name {
                text: "[]".to_owned(),
                span,
            },
            args: Vec::new(),
            span,
        };
        for (child, node) in self.arena.children(id) {
            match node.rule {
                Rule::ident => found.name = self.name(node),
                _ => found
                    .args
                    .extend(self.arena.children(child).map(|(id, _)| self.type_(id))),
            }
        }
        found
    }

    fn pipeline(&mut self, id: Id) -> Option<Pipeline> {
        let mut found = Pipeline {
            name: self.child_name(id)?,
            formals: Vec::new(),
            items: Vec::new(),
        };
        for (child, node) in self.arena.children(id) {
            match node.rule {
                Rule::formals => {
                    for (formal, _) in self.arena.children(child) {
                        found.formals.extend(self.formal(formal));
                    }
                }
                Rule::item_in => self.item(child, &mut found.items),
                _ => {}
            }
        }
        Some(found)
    }

    fn block(&mut self, id: Id) -> Block {
        let mut block = Block::default();
        let rule = self.arena.node(id).rule;
        for (child, node) in self.arena.children(id) {
            match node.rule {
                Rule::ident => block.name = Some(self.name(node)),
                Rule::path if matches!(rule, Rule::sweep | Rule::report) => {
                    block.of = Some(self.path(child));
                }
                Rule::path => block.chain.push(self.path(child)),
                Rule::from => block.from = self.child_expr(child),
                Rule::on => block.on = self.child_expr(child),
                Rule::env => block.env = self.child_expr(child),
                Rule::body => {
                    block.body = self.body(child);
                    block.body_span = self.span(node);
                    let start = block.body_span.start as usize;
                    block.cut = !self.unclosed.is_empty() && self.unclosed.contains(&start);
                }
                other if is_expr(other) => block.trains = Some(self.expr(child)),
                _ => {}
            }
        }
        block
    }

    fn body(&mut self, id: Id) -> Vec<Stmt> {
        let mut body = Vec::new();
        for (child, node) in self.arena.children(id) {
            if node.rule == Rule::stmt {
                self.statement(child, &mut body);
            }
        }
        self.good = None;
        body
    }

    fn child_body(&mut self, id: Id) -> Vec<Stmt> {
        self.child(id, Rule::body)
            .map(|(id, _)| self.body(id))
            .unwrap_or_default()
    }

    fn statement(&mut self, id: Id, body: &mut Vec<Stmt>) {
        let docs = self.docs(id);
        let Some((child, node)) = self.arena.children(id).find(|(_, n)| n.rule != Rule::doc) else {
            return;
        };
        if node.rule == Rule::bad_stmt {
            let node = self.joined(node, || {
                body.pop();
            });
            body.extend(recover::statement(self, node));
            self.good = None;
        } else {
            let errors = self.errors.len();
            body.extend(self.statement_of(child, docs));
            self.good = Some(Good::new(node, errors));
        }
    }

    fn statement_of(&mut self, id: Id, docs: Vec<String>) -> Option<Stmt> {
        let node = self.arena.node(id);
        let kind = match node.rule {
            Rule::field => StmtKind::Field {
                path: self.child(id, Rule::path).map(|(id, _)| self.path(id))?,
                value: self.child_expr(id)?,
            },
            Rule::until => StmtKind::Until(self.child_expr(id)?),
            Rule::expect => StmtKind::Expect(self.child_expr(id)?),
            Rule::without => StmtKind::Without(self.child_expr(id)?),
            Rule::axis => StmtKind::Axis {
                name: self.child_name(id)?,
                values: self.child_expr(id)?,
            },
            Rule::on_ => StmtKind::On {
                event: self.child_name(id)?,
                args: self.child(id, Rule::args).map(|(id, _)| self.arguments(id)),
                action: self.child_expr(id),
                arms: self.arms(id),
            },
            Rule::eval => StmtKind::Eval {
                every: self.every(id),
                body: self.child_body(id),
            },
            Rule::keep => StmtKind::Checkpoint {
                every: self.every(id)?,
                body: self.child_body(id),
            },
            _ => return None,
        };
        Some(Stmt {
            docs,
            kind,
            span: self.span(node),
        })
    }

    fn every(&mut self, id: Id) -> Option<Expr> {
        let (every, _) = self.child(id, Rule::every)?;
        self.child_expr(every)
    }

    fn arms(&mut self, id: Id) -> Vec<Arm> {
        let Some((id, _)) = self.child(id, Rule::arms) else {
            return Vec::new();
        };
        let mut arms = Vec::new();
        for (child, node) in self.arena.children(id) {
            match node.rule {
                Rule::arm => {
                    let errors = self.errors.len();
                    arms.extend(self.arm(child));
                    self.good = Some(Good::new(node, errors));
                }
                Rule::bad_arm => {
                    let node = self.joined(node, || {
                        arms.pop();
                    });
                    arms.extend(recover::arm(self, node));
                    self.good = None;
                }
                _ => {}
            }
        }
        self.good = None;
        arms
    }

    fn arm(&mut self, id: Id) -> Option<Arm> {
        let (_, event) = self
            .arena
            .children(id)
            .find(|(_, n)| matches!(n.rule, Rule::ident | Rule::event_else))?;
        // Without the `///` before it, as a statement's.
        let span = self
            .map
            .span(event.start as usize, self.arena.node(id).end as usize);
        Some(Arm {
            event: self.name(event),
            action: self.child_expr(id)?,
            span,
        })
    }
}

fn is_item(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::use_
            | Rule::param
            | Rule::let_
            | Rule::pipeline
            | Rule::dataset
            | Rule::model
            | Rule::stage
            | Rule::sequence
            | Rule::cascade
            | Rule::sweep
            | Rule::policy
            | Rule::report
    )
}

/// Whether a node is a value.
pub fn is_expr(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::expr
            | Rule::quantity
            | Rule::string
            | Rule::bool
            | Rule::ref_
            | Rule::list
            | Rule::record
            | Rule::paren
            | Rule::prefix
            | Rule::infix
            | Rule::postfix
    )
}
