//! What does each definition depend on, is there a circle, and in which order can they be checked?
//!
//! Works on syntax alone: a name counts as an edge where a checkpoint or a dataset can stand (`from x`, `x.best`), so that a
//! metric of the same name is none.

use std::collections::BinaryHeap;

use align_grammar::ast::{Arg, Block, Expr, ExprKind, Span, Stmt, StmtKind};
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{At, DefId, Kind, Program};
use crate::diag::{Diagnostic, FileId};

/// Definitions in an order in which each comes after what it needs.
#[derive(Debug, Default)]
pub struct Order {
    /// All of them; those on a circle are left out.
    pub sorted: Vec<DefId>,
    /// Those on a circle.
    pub circular: FxHashSet<DefId>,
    /// What each uses, directly.
    pub uses: FxHashMap<DefId, Vec<DefId>>,
}

/// Why an edge is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Through {
    /// `from x`.
    From,
    /// The `reference` of a loss.
    Reference,
    /// Anything else.
    Other,
}

struct Walk<'p> {
    program: &'p Program,
    edges: Vec<(DefId, DefId, Span, Through)>,
    used: FxHashSet<DefId>,
    shadowing: Vec<(DefId, FileId, Span)>,
    from: DefId,
}

/// Where in a block an expression stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spot {
    /// A header, where a bare name is an edge.
    Header,
    /// A field, where `x.best` is an edge.
    Field,
    /// A condition, which reads metrics of its own stage only.
    Metric,
}

impl Program {
    /// Finds the edges, reports circles, and marks what is used.
    pub fn order(&mut self, diagnostics: &mut Vec<Diagnostic>) -> Order {
        let mut walk = Walk {
            program: self,
            edges: Vec::new(),
            used: FxHashSet::default(),
            shadowing: Vec::new(),
            from: DefId(0),
        };
        for (id, def) in self.iter() {
            walk.from = id;
            walk.definition(def.at, &def.kind);
        }
        for report in &self.reports {
            walk.report(report.at, &report.block);
        }
        let Walk {
            edges,
            used,
            shadowing,
            ..
        } = walk;
        let order = self.sort(edges, diagnostics);
        self.used = used;
        self.shadowing = shadowing;
        order
    }

    fn sort(
        &self,
        edges: Vec<(DefId, DefId, Span, Through)>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Order {
        let mut order = Order::default();
        let mut graph: DiGraph<DefId, (Span, Through)> =
            DiGraph::with_capacity(self.defs.len(), edges.len());
        for (id, _) in self.iter() {
            graph.add_node(id);
        }
        let index = |id: DefId| NodeIndex::new(id.0 as usize);
        for (from, to, span, through) in edges {
            if from == to {
                diagnostics.push(self.own(from, span, through));
                order.circular.insert(from);
            } else {
                graph.add_edge(index(from), index(to), (span, through));
                order.uses.entry(from).or_default().push(to);
            }
        }
        for members in petgraph::algo::tarjan_scc(&graph) {
            if members.len() > 1 {
                let ids: Vec<DefId> = members.iter().map(|n| DefId(n.index() as u32)).collect();
                diagnostics.push(self.circle(&graph, ids.clone()));
                order.circular.extend(ids);
            }
        }
        // Kahn's algorithm, the earliest definition first, so that the order is the one of the file where it can be.
        let mut waiting: Vec<usize> = graph
            .node_indices()
            .map(|n| graph.edges_directed(n, Direction::Outgoing).count())
            .collect();
        let mut ready: BinaryHeap<std::cmp::Reverse<usize>> = waiting
            .iter()
            .enumerate()
            .filter(|(_, n)| **n == 0)
            .map(|(i, _)| std::cmp::Reverse(i))
            .collect();
        let mut seen = FxHashSet::default();
        let mut release = |at: usize, ready: &mut BinaryHeap<_>| {
            for edge in graph.edges_directed(NodeIndex::new(at), Direction::Incoming) {
                let user = edge.source().index();
                if let Some(left) = waiting.get_mut(user) {
                    *left = left.saturating_sub(1);
                    if *left == 0 {
                        ready.push(std::cmp::Reverse(user));
                    }
                }
            }
        };
        // What is on a circle counts as done, so that the rest can still be checked.
        let mut circular: Vec<DefId> = order.circular.iter().copied().collect();
        circular.sort_unstable();
        for id in circular {
            seen.insert(id.0 as usize);
            release(id.0 as usize, &mut ready);
        }
        while let Some(std::cmp::Reverse(at)) = ready.pop() {
            if seen.insert(at) {
                order.sorted.push(DefId(at as u32));
                release(at, &mut ready);
            }
        }
        order
    }

    /// A definition that needs itself.
    fn own(&self, id: DefId, span: Span, through: Through) -> Diagnostic {
        let def = self.def(id);
        let (name, word) = (&def.name.text, def.kind.word());
        let file = def.at.file;
        let out = match through {
            Through::From => Diagnostic::error(
                "A4002",
                file,
                span,
                format!("{word} `{name}` starts from itself"),
            )
            .with_label("its own checkpoint does not exist yet")
            .with_help("name the stage before it, or leave `from` out for a fresh model"),
            Through::Reference => Diagnostic::error(
                "A2016",
                file,
                span,
                "the reference model is the model being trained",
            )
            .with_label(format!("`{name}` itself"))
            .with_help("a reference is frozen: name the checkpoint that the stage starts from"),
            Through::Other => {
                Diagnostic::error("A4001", file, span, format!("{word} `{name}` needs itself"))
                    .with_label("this is what is being defined")
            }
        };
        out.with_place(file, def.name.span, format!("`{name}` is defined here"))
    }

    /// Definitions that need each other, with every edge of one circle.
    fn circle(
        &self,
        graph: &DiGraph<DefId, (Span, Through)>,
        mut members: Vec<DefId>,
    ) -> Diagnostic {
        members.sort_unstable();
        let inside: FxHashSet<DefId> = members.iter().copied().collect();
        let start = members[0];
        // The shortest way from the first member back to itself.
        let mut came: FxHashMap<DefId, (DefId, Span)> = FxHashMap::default();
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            let mut next: Vec<(DefId, Span)> = graph
                .edges(NodeIndex::new(at.0 as usize))
                .map(|e| (DefId(e.target().index() as u32), e.weight().0))
                .filter(|(to, _)| inside.contains(to))
                .collect();
            next.sort_unstable();
            for (to, span) in next {
                if let std::collections::hash_map::Entry::Vacant(slot) = came.entry(to) {
                    slot.insert((at, span));
                    queue.push_back(to);
                }
            }
        }
        let mut edges = Vec::new();
        let mut at = start;
        while let Some((before, span)) = came.get(&at) {
            edges.push((*before, at, *span));
            at = *before;
            if at == start {
                break;
            }
        }
        edges.reverse();
        let names: Vec<&str> = edges
            .iter()
            .map(|(_, to, _)| self.def(*to).name.text.as_str())
            .collect();
        let first = &self.def(start).name.text;
        let mut out: Option<Diagnostic> = None;
        for (from, to, span) in &edges {
            let (from, to) = (self.def(*from), self.def(*to));
            let text = format!("`{}` needs `{}`", from.name.text, to.name.text);
            out = Some(match out {
                None => Diagnostic::error(
                    "A4001",
                    from.at.file,
                    *span,
                    format!(
                        "{} need each other in a circle: `{first}` -> `{}`",
                        if names.len() == 2 {
                            "two definitions"
                        } else {
                            "definitions"
                        },
                        names.join("` -> `")
                    ),
                )
                .with_label(text)
                .with_help("one of these edges must go; rounds of stages belong in a `sequence`"),
                Some(d) => d.with_place(from.at.file, *span, text),
            });
        }
        out.unwrap_or_else(|| {
            let def = self.def(start);
            Diagnostic::error(
                "A4001",
                def.at.file,
                def.name.span,
                "definitions need each other",
            )
        })
    }
}

impl Walk<'_> {
    fn definition(&mut self, at: At, kind: &Kind) {
        match kind {
            Kind::Let(f) | Kind::Param(f) | Kind::Formal(f) => {
                if let Some(value) = &f.value {
                    self.expr(at, value, Spot::Field, Through::Other);
                }
            }
            Kind::Dataset(b)
            | Kind::Model(b)
            | Kind::Stage(b)
            | Kind::Sequence(b)
            | Kind::Cascade(b) => self.block(at, b),
            Kind::Sweep(b) => self.report(at, b),
            Kind::Policy(p) => {
                for arm in &p.arms {
                    self.expr(at, &arm.action, Spot::Field, Through::Other);
                }
            }
            Kind::Pipeline(_) | Kind::Std(_) | Kind::Poison => {}
        }
    }

    fn block(&mut self, at: At, block: &Block) {
        for header in [&block.trains, &block.on, &block.env].into_iter().flatten() {
            self.expr(at, header, Spot::Header, Through::Other);
        }
        if let Some(from) = &block.from {
            self.expr(at, from, Spot::Header, Through::From);
        }
        for member in &block.chain {
            if let Some(first) = member.parts.first() {
                self.name(at, &first.text, member.span, true, Through::Other);
            }
        }
        self.body(at, &block.body);
    }

    fn body(&mut self, at: At, body: &[Stmt]) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::Field { value, .. } => {
                    self.expr(at, value, Spot::Field, Through::Other);
                }
                StmtKind::Until(e) => self.expr(at, e, Spot::Metric, Through::Other),
                StmtKind::On {
                    args, action, arms, ..
                } => {
                    self.args(at, args.as_deref().unwrap_or_default(), Spot::Field);
                    for e in action.iter().chain(arms.iter().map(|a| &a.action)) {
                        self.expr(at, e, Spot::Field, Through::Other);
                        // A policy by name.
                        if let ExprKind::Ref(name) = &e.kind {
                            self.name(at, &name.text, e.span, true, Through::Other);
                        }
                    }
                }
                StmtKind::Eval { every, body } => {
                    if let Some(every) = every {
                        self.expr(at, every, Spot::Field, Through::Other);
                    }
                    self.body(at, body);
                }
                StmtKind::Checkpoint { every, body } => {
                    self.expr(at, every, Spot::Field, Through::Other);
                    self.body(at, body);
                }
                StmtKind::Axis { values, .. } => {
                    self.expr(at, values, Spot::Metric, Through::Other);
                }
                StmtKind::Without(e) | StmtKind::Expect(e) => {
                    self.expr(at, e, Spot::Metric, Through::Other);
                }
            }
        }
    }

    /// A report or a sweep: it orders nothing, but what it names is used.
    fn report(&mut self, at: At, block: &Block) {
        let edges = self.edges.len();
        let mut inner = at;
        if let Some(path) = &block.of
            && let Some(first) = path.parts.first()
        {
            self.name(at, &first.text, path.span, true, Through::Other);
            let mut target = self.program.lookup(at.scope, &first.text);
            if let Some(id) = target
                && let Kind::Sweep(sweep) = &self.program.def(id).kind
                && let Some(of) = sweep.of.as_ref().and_then(|p| p.parts.first())
            {
                target = self.program.lookup(self.program.def(id).at.scope, &of.text);
            }
            if let Some(Kind::Pipeline(p)) = target.map(|id| &self.program.def(id).kind) {
                inner.scope = p.scope;
            }
        }
        self.body(inner, &block.body);
        self.body(at, &block.body);
        self.edges.truncate(edges);
    }

    fn args(&mut self, at: At, args: &[Arg], spot: Spot) {
        for arg in args {
            let reference = arg.name.as_ref().is_some_and(|n| n.text == "reference");
            let through = if reference {
                Through::Reference
            } else {
                Through::Other
            };
            self.expr(at, &arg.value, spot, through);
        }
    }

    fn expr(&mut self, at: At, expr: &Expr, spot: Spot, through: Through) {
        match &expr.kind {
            ExprKind::Number { .. } | ExprKind::Str(_) | ExprKind::Bool(_) | ExprKind::Error => {}
            ExprKind::List(items) => {
                for item in items {
                    self.expr(at, item, spot, through);
                }
            }
            ExprKind::Record(entries) => {
                for (_, value) in entries {
                    self.expr(at, value, spot, through);
                }
            }
            ExprKind::Ref(name) => {
                let edge = spot == Spot::Header;
                self.name(at, &name.text, expr.span, edge, through);
            }
            ExprKind::Member { base, field } => {
                let checkpoint = matches!(field.text.as_str(), "best" | "last" | "at");
                match &base.kind {
                    ExprKind::Ref(name) => {
                        let edge = spot != Spot::Metric && (checkpoint || spot == Spot::Header);
                        self.name(at, &name.text, expr.span, edge, through);
                    }
                    _ => self.expr(at, base, spot, through),
                }
            }
            ExprKind::Call { callee, args, .. } => {
                match &callee.kind {
                    // A call's name is never an edge, even where a stage is called the same.
                    ExprKind::Ref(name) => {
                        if let Some(id) = self.program.lookup(at.scope, &name.text) {
                            self.shadowing.push((id, at.file, callee.span));
                        }
                        self.name(at, &name.text, expr.span, false, through);
                    }
                    _ => self.expr(at, callee, spot, through),
                }
                let inner = if spot == Spot::Header {
                    Spot::Field
                } else {
                    spot
                };
                self.args(at, args, inner);
            }
            ExprKind::Index { base, index } => {
                self.expr(at, base, spot, through);
                self.expr(at, index, spot, through);
            }
            ExprKind::Unary { operand, .. } => self.expr(at, operand, spot, through),
            ExprKind::Binary { left, right, .. } => {
                self.expr(at, left, spot, through);
                self.expr(at, right, spot, through);
            }
        }
    }

    /// A word: marks what it means as used, and adds an edge where it can be one.
    fn name(&mut self, at: At, text: &str, span: Span, edge: bool, through: Through) {
        let Some(id) = self.program.lookup(at.scope, text) else {
            return;
        };
        // What names itself is not thereby used.
        if id != self.from {
            self.used.insert(id);
        }
        let kind = &self.program.def(id).kind;
        let always = matches!(kind, Kind::Let(_) | Kind::Param(_));
        let never = matches!(kind, Kind::Sweep(_) | Kind::Pipeline(_) | Kind::Formal(_));
        if always || (edge && !never) {
            self.edges.push((self.from, id, span, through));
        }
    }
}
