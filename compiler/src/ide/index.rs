//! What does each word of a file stand for?
//!
//! Walks the syntax with the names of the program at hand.  What a word can mean depends on where it stands: a bare name in `loss = ..` is a
//! loss, in `until ..` a metric, behind `trains` a model.

use align_grammar::ast::{
    Arg, Arm, Block as Body, Expr, ExprKind, File, Formal, Item, ItemKind, Name, Path, Span, Stmt,
    StmtKind, Use,
};
use align_schema::{Block, BlockKind, Builtin, Group, Param, Ty, Unit};
use align_stdlib::rules::{self, Metric};
use rustc_hash::FxHashMap;

use super::hints::body;
use crate::diag::FileId;
use crate::events::{EVENTS, Event};
use crate::hir::{DefId, Kind, Program, STD_FOLDERS, ScopeId};

/// What a word stands for.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// Something that the program defines.
    Def(DefId),
    /// A name of the standard library.
    Builtin(&'static Builtin),
    /// The word that opens a block.
    Opens(&'static Block),
    /// A field of a block.
    Field(&'static Block, &'static Param),
    /// An argument of a builtin.
    Argument(&'static Builtin, &'static Param),
    /// A failure event.
    Event(&'static Event),
    /// An argument of a failure event.
    EventArgument(&'static Event, &'static Param),
    /// A metric.
    Metric(&'static Metric),
    /// A unit of measure.
    Unit(&'static Unit),
    /// A task, in quotes.
    Task(&'static align_stdlib::envs::Task),
    /// `best`, `last`, `at` of a stage.
    Port,
    /// One of the words that a field takes.
    Word,
    /// The file of a `use`.
    File,
}

/// A word and what it stands for.
#[derive(Clone, Copy, Debug)]
pub struct Mention {
    /// Where.
    pub span: Span,
    /// What.
    pub what: What,
    /// Whether this is where it is defined.
    pub defines: bool,
}

/// Every mention in a file, by place.
pub(super) fn mentions(program: &Program, file: FileId, ast: &File) -> Vec<Mention> {
    let Some(at) = program.files.iter().find(|at| at.file == file) else {
        return Vec::new();
    };
    let own = program.iter().filter(|(_, d)| d.at.file == file);
    let mut walk = Walk {
        program,
        scope: at.scope,
        places: own.map(|(id, d)| (d.name.span, id)).collect(),
        out: Vec::new(),
    };
    for item in &ast.items {
        walk.item(item);
    }
    let mut out = walk.out;
    out.sort_by_key(|m| (m.span.start, m.span.end));
    out.dedup_by_key(|m| m.span);
    out
}

struct Walk<'p> {
    program: &'p Program,
    scope: ScopeId,
    /// Definitions of this file by the place of their names.
    places: FxHashMap<Span, DefId>,
    out: Vec<Mention>,
}

/// A block of the language by its kind.
pub(super) fn block(kind: BlockKind) -> &'static Block {
    align_stdlib::block(kind).unwrap_or(&align_stdlib::blocks::LIST[0])
}

impl Walk<'_> {
    fn add(&mut self, span: Span, what: What) {
        self.out.push(Mention {
            span,
            what,
            defines: false,
        });
    }

    fn defines(&mut self, name: &Name) -> Option<DefId> {
        let id = *self.places.get(&name.span)?;
        self.out.push(Mention {
            span: name.span,
            what: What::Def(id),
            defines: true,
        });
        Some(id)
    }

    /// A name that must be a definition, if it is known.
    fn named(&mut self, name: &Name) -> Option<DefId> {
        let id = self.program.lookup(self.scope, &name.text)?;
        self.add(name.span, What::Def(id));
        Some(id)
    }

    fn item(&mut self, item: &Item) {
        if let Some((kind, b)) = body(item) {
            self.add(item.word, What::Opens(block(kind)));
            return self.block(kind, b);
        }
        match &item.kind {
            ItemKind::Use(u) => self.import(u),
            ItemKind::Param(f) | ItemKind::Let(f) => {
                self.defines(&f.name);
                self.formal(f);
            }
            ItemKind::Pipeline(p) => {
                let inner = match self.defines(&p.name).map(|id| &self.program.def(id).kind) {
                    Some(Kind::Pipeline(p)) => p.scope,
                    _ => self.scope,
                };
                let outer = std::mem::replace(&mut self.scope, inner);
                for f in &p.formals {
                    self.defines(&f.name);
                    self.formal(f);
                }
                for item in &p.items {
                    self.item(item);
                }
                self.scope = outer;
            }
            ItemKind::Policy(p) => {
                self.defines(&p.name);
                self.arms(&p.arms);
            }
            ItemKind::Broken {
                name: Some(name), ..
            } => {
                self.defines(name);
            }
            // Those with a block, and those without a name.
            _ => {}
        }
    }

    fn formal(&mut self, f: &Formal) {
        let ty = f.ty.as_ref().map(|t| t.name.text.as_str());
        if let Some(value) = &f.value {
            self.expr(value, (ty == Some("Task")).then_some(Ty::Task));
        }
    }

    fn import(&mut self, u: &Use) {
        if let Some(file) = &u.file {
            self.add(file.span, What::File);
        }
        let last = u.path.as_ref().and_then(|p| p.parts.last());
        let alone = last.filter(|_| u.names.is_empty());
        for name in u.names.iter().chain(alone) {
            let known = u.alias.as_ref().unwrap_or(name);
            if let Some(id) = self.program.lookup(self.scope, &known.text) {
                self.add(name.span, self.meant(id));
                if let Some(alias) = &u.alias {
                    self.add(alias.span, What::Def(id));
                }
            }
        }
    }

    /// A definition, or the builtin that it renames.
    fn meant(&self, id: DefId) -> What {
        match &self.program.def(id).kind {
            Kind::Std(builtin) => What::Builtin(builtin),
            _ => What::Def(id),
        }
    }

    fn block(&mut self, kind: BlockKind, b: &Body) {
        if let Some(name) = &b.name {
            self.defines(name);
        }
        for head in [&b.trains, &b.on, &b.from].into_iter().flatten() {
            self.expr(head, None);
        }
        if let Some(env) = &b.env {
            self.expr(env, Some(Ty::Call(Group::Env)));
        }
        for path in &b.chain {
            self.path(path);
        }
        let outer = self.scope;
        if let Some(of) = &b.of {
            self.path(of);
            self.scope = self.inside(of).unwrap_or(outer);
        }
        self.body(block(kind), &b.body);
        self.scope = outer;
    }

    /// The scope in which the contents of a sweep or a report find their names: that of its pipeline.
    fn inside(&self, of: &Path) -> Option<ScopeId> {
        pipeline_of(self.program, self.scope, &of.parts.first()?.text)
    }

    /// `stage.best`, `lane.stage.best`.
    fn path(&mut self, path: &Path) {
        let mut parts = path.parts.iter();
        let Some(id) = parts.next().and_then(|first| self.named(first)) else {
            return;
        };
        self.members(id, &parts.collect::<Vec<_>>());
    }

    /// What follows a definition's name: the name of one inside, a checkpoint, a metric.
    fn members(&mut self, id: DefId, rest: &[&Name]) {
        let Some((first, more)) = rest.split_first() else {
            return;
        };
        let scope = match &self.program.def(id).kind {
            Kind::Pipeline(p) => Some(p.scope),
            Kind::Sweep(b) => b.of.as_ref().and_then(|of| self.inside(of)),
            _ => None,
        };
        if let Some(inner) = scope.and_then(|s| self.program.lookup(s, &first.text)) {
            self.add(first.span, What::Def(inner));
            return self.members(inner, more);
        }
        if matches!(first.text.as_str(), "best" | "last" | "at") {
            return self.add(first.span, What::Port);
        }
        let text: Vec<&str> = rest.iter().map(|n| n.text.as_str()).collect();
        if let Some(metric) = rules::metric(&text.join(".")) {
            let end = rest.last().map_or(first.span, |n| n.span);
            self.add(first.span.to(end), What::Metric(metric));
        }
    }

    fn body(&mut self, block: &'static Block, body: &[Stmt]) {
        for stmt in body {
            self.stmt(block, stmt);
        }
    }

    fn stmt(&mut self, of: &'static Block, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Field { path, value } => {
                let field = path.parts.first().and_then(|p| of.field(&p.text));
                if let Some(field) = field {
                    self.add(path.span, What::Field(of, field));
                }
                self.expr(value, field.map(|f| f.ty));
            }
            StmtKind::Until(e) | StmtKind::Expect(e) => self.expr(e, Some(Ty::Condition)),
            StmtKind::On {
                event,
                args,
                action,
                arms,
            } => {
                self.event(event, args.as_deref().unwrap_or_default());
                if let Some(action) = action {
                    self.expr(action, Some(Ty::Call(Group::Action)));
                }
                self.arms(arms);
            }
            StmtKind::Eval { every, body } => {
                self.opening(stmt.span, BlockKind::Eval);
                if let Some(every) = every {
                    self.expr(every, None);
                }
                self.body(block(BlockKind::Eval), body);
            }
            StmtKind::Checkpoint { every, body } => {
                self.opening(stmt.span, BlockKind::Checkpoint);
                self.expr(every, None);
                self.body(block(BlockKind::Checkpoint), body);
            }
            StmtKind::Axis { name, values } => {
                let id = self.named(name);
                let task = id.is_some_and(|id| is_task(&self.program.def(id).kind));
                self.expr(values, task.then_some(Ty::Task));
            }
            StmtKind::Without(e) => self.expr(e, None),
        }
    }

    /// The word that opens an inner block.
    fn opening(&mut self, stmt: Span, kind: BlockKind) {
        let of = block(kind);
        let span = Span {
            start: stmt.start,
            end: stmt.start + of.word.len() as u32,
        };
        self.add(span, What::Opens(of));
    }

    fn event(&mut self, name: &Name, args: &[Arg]) {
        let event = EVENTS.iter().find(|e| e.name == name.text);
        if let Some(event) = event {
            self.add(name.span, What::Event(event));
        }
        for (i, arg) in args.iter().enumerate() {
            let param = event.and_then(|e| match &arg.name {
                Some(n) => e.params.iter().find(|p| p.name == n.text),
                None => e.params.get(i),
            });
            if let (Some(event), Some(param), Some(n)) = (event, param, &arg.name) {
                self.add(n.span, What::EventArgument(event, param));
            }
            self.expr(&arg.value, param.map(|p| p.ty));
        }
    }

    fn arms(&mut self, arms: &[Arm]) {
        for arm in arms {
            self.event(&arm.event, &[]);
            self.expr(&arm.action, Some(Ty::Call(Group::Action)));
        }
    }

    fn expr(&mut self, e: &Expr, ty: Option<Ty>) {
        match &e.kind {
            ExprKind::Number { unit, .. } => {
                let known = unit.as_ref().and_then(|u| align_schema::unit(&u.text));
                if let (Some(unit), Some(known)) = (unit, known) {
                    self.add(unit.span, What::Unit(known));
                }
            }
            ExprKind::Str(text) => {
                if let Some(task) = align_stdlib::envs::task(text) {
                    self.add(e.span, What::Task(task));
                }
            }
            ExprKind::Bool(_) | ExprKind::Error => {}
            ExprKind::List(items) => {
                let inner = match ty {
                    Some(Ty::List(of)) => Some(*of),
                    other => other,
                };
                for item in items {
                    self.expr(item, inner);
                }
            }
            ExprKind::Record(entries) => {
                let inner = match ty {
                    Some(Ty::RecordOf(of)) => Some(*of),
                    _ => None,
                };
                for (path, value) in entries {
                    if let [only] = path.parts.as_slice() {
                        self.named(only);
                    }
                    self.expr(value, inner);
                }
            }
            ExprKind::Ref(name) => self.word(name, ty),
            ExprKind::Member { .. } => self.member(e, ty),
            ExprKind::Call { callee, args, .. } => self.call(callee, args, ty),
            ExprKind::Index { base, index } => {
                self.expr(base, ty);
                self.expr(index, None);
            }
            ExprKind::Unary { operand, .. } => self.expr(operand, ty),
            ExprKind::Binary { left, right, .. } => {
                self.expr(left, ty);
                self.expr(right, ty);
            }
        }
    }

    /// A bare name.
    fn word(&mut self, name: &Name, ty: Option<Ty>) {
        let text = name.text.as_str();
        let builtin = match ty {
            Some(Ty::Call(group)) => align_stdlib::builtin(group, text),
            _ => None,
        };
        if let Some(builtin) = builtin {
            return self.add(name.span, What::Builtin(builtin));
        }
        let one_of = |words: &[&str]| words.contains(&text);
        match ty {
            Some(Ty::Enum(words) | Ty::CheckpointOr(words)) if one_of(words) => {
                return self.add(name.span, What::Word);
            }
            Some(Ty::Target) if one_of(&["best", "last"]) => {
                return self.add(name.span, What::Word);
            }
            Some(Ty::QuantityOrBudget(_)) if text == "budget" => {
                return self.add(name.span, What::Word);
            }
            Some(Ty::Metric | Ty::Condition | Ty::Filter) => {
                if let Some(metric) = rules::metric(text) {
                    return self.add(name.span, What::Metric(metric));
                }
            }
            _ => {}
        }
        if self.named(name).is_none()
            && let Some(metric) = rules::metric(text)
        {
            self.add(name.span, What::Metric(metric));
        }
    }

    /// `a.b.c`.
    fn member(&mut self, e: &Expr, ty: Option<Ty>) {
        let Some(parts) = parts(e) else {
            if let ExprKind::Member { base, .. } = &e.kind {
                self.expr(base, ty);
            }
            return;
        };
        let text: Vec<&str> = parts.iter().map(|n| n.text.as_str()).collect();
        if let Some(metric) = rules::metric(&text.join(".")) {
            return self.add(e.span, What::Metric(metric));
        }
        let Some((first, rest)) = parts.split_first() else {
            return;
        };
        if first.text == "std" {
            if let Some(builtin) = std_builtin(&text) {
                let last = rest.last().map_or(e.span, |n| n.span);
                self.add(last, What::Builtin(builtin));
            }
        } else if let Some(id) = self.named(first) {
            self.members(id, rest);
        }
    }

    fn call(&mut self, callee: &Expr, args: &[Arg], ty: Option<Ty>) {
        let builtin = match &callee.kind {
            ExprKind::Ref(name) => {
                let found = called(self.program, self.scope, &name.text, ty);
                match found {
                    Some(builtin) => self.add(callee.span, What::Builtin(builtin)),
                    None => {
                        self.named(name);
                    }
                }
                found
            }
            ExprKind::Member { .. } => {
                self.member(callee, ty);
                let text = parts(callee).unwrap_or_default();
                let text: Vec<&str> = text.iter().map(|n| n.text.as_str()).collect();
                std_builtin(&text)
            }
            _ => {
                self.expr(callee, ty);
                None
            }
        };
        for (i, arg) in args.iter().enumerate() {
            let param = builtin.and_then(|b| match &arg.name {
                Some(n) => b.param(&n.text),
                None => b.params.get(i),
            });
            if let (Some(builtin), Some(param), Some(n)) = (builtin, param, &arg.name) {
                self.add(n.span, What::Argument(builtin, param));
            }
            self.expr(&arg.value, param.map(|p| p.ty));
        }
    }
}

/// The scope of the pipeline that a name stands for, be it the pipeline's own or that of a sweep of it.
pub(super) fn pipeline_of(program: &Program, scope: ScopeId, name: &str) -> Option<ScopeId> {
    let def = program.def(program.lookup(scope, name)?);
    match &def.kind {
        Kind::Pipeline(p) => Some(p.scope),
        Kind::Sweep(b) => {
            let of = &b.of.as_ref()?.parts.first()?.text;
            match &program.def(program.lookup(def.at.scope, of)?).kind {
                Kind::Pipeline(p) => Some(p.scope),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The builtin that a call names, where a value of a type is wanted.
pub(super) fn called(
    program: &Program,
    scope: ScopeId,
    name: &str,
    ty: Option<Ty>,
) -> Option<&'static Builtin> {
    if let Some(Ty::Call(group)) = ty
        && let Some(builtin) = align_stdlib::builtin(group, name)
    {
        return Some(builtin);
    }
    if let Some(id) = program.lookup(scope, name) {
        return match &program.def(id).kind {
            Kind::Std(builtin) => Some(builtin),
            // A call's name is never a stage, even where one is called the same.
            _ => align_stdlib::builtins().find(|b| b.name == name),
        };
    }
    align_stdlib::builtins().find(|b| b.name == name)
}

/// `std.FOLDER.NAME`.
fn std_builtin(path: &[&str]) -> Option<&'static Builtin> {
    let ["std", folder, name] = path else {
        return None;
    };
    let (_, groups) = STD_FOLDERS.iter().find(|(f, _)| f == folder)?;
    align_stdlib::builtins().find(|b| b.name == *name && groups.contains(&b.group))
}

/// The names of `a.b.c`; `None` where it is something else.
fn parts(e: &Expr) -> Option<Vec<&Name>> {
    match &e.kind {
        ExprKind::Ref(name) => Some(vec![name]),
        ExprKind::Member { base, field } => {
            let mut out = parts(base)?;
            out.push(field);
            Some(out)
        }
        _ => None,
    }
}

/// Whether a parameter holds a task.
pub(super) fn is_task(kind: &Kind) -> bool {
    let (Kind::Formal(f) | Kind::Param(f) | Kind::Let(f)) = kind else {
        return false;
    };
    f.ty.as_ref().is_some_and(|t| t.name.text == "Task")
}
