//! What could be written at the cursor?

use align_grammar::lex::{INNER_ITEM_WORDS, ITEM_WORDS};
use align_schema::{Block, BlockKind, Group, Param, Ty};
use align_stdlib::rules;

use super::context::Context;
use super::index::pipeline_of;
pub use super::proposal::{Proposal, Proposals, Sort};
use super::snippets::{call, escaped, item};
use super::wanted::Wanted;
use super::{Analysis, prose};
use crate::diag::FileId;
use crate::events::EVENTS;
use crate::hir::{DefId, Kind, STD_FOLDERS, ScopeId};

/// What could be written at a byte of a file.
pub fn complete(analysis: &Analysis, file: FileId, offset: u32) -> Proposals {
    let text = analysis.text(file);
    let cursor = clamp(text, offset);
    let context = Context::at(text, cursor);
    let mut writer = Writer {
        analysis,
        file,
        scope: scope(analysis, file, &context),
        context: &context,
        list: Vec::new(),
    };
    writer.all(&context.wanted());
    let mut list = writer.list;
    list.sort_by_key(|p| p.rank);
    let mut seen = rustc_hash::FxHashSet::default();
    list.retain(|p| seen.insert(p.label.clone()));
    Proposals {
        typed: context.typed,
        list,
    }
}

/// A byte that is inside the text and on the border of a character.
fn clamp(text: &str, offset: u32) -> usize {
    let mut at = (offset as usize).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Where names at the cursor are looked up.
fn scope(analysis: &Analysis, file: FileId, context: &Context<'_>) -> Option<ScopeId> {
    let own = analysis
        .program
        .files
        .iter()
        .find(|at| at.file == file)?
        .scope;
    let named = context.pipeline().or(context.of());
    Some(
        named
            .and_then(|name| pipeline_of(&analysis.program, own, name))
            .unwrap_or(own),
    )
}

struct Writer<'a> {
    analysis: &'a Analysis,
    file: FileId,
    scope: Option<ScopeId>,
    context: &'a Context<'a>,
    list: Vec<Proposal>,
}

impl Writer<'_> {
    fn add(&mut self, label: &str, sort: Sort, detail: impl Into<String>) -> &mut Proposal {
        self.list.push(Proposal {
            label: label.to_owned(),
            sort,
            detail: detail.into(),
            docs: String::new(),
            snippet: label.replace('$', "\\$"),
            more: false,
            rank: 5,
        });
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    fn all(&mut self, wanted: &Wanted<'_>) {
        match wanted {
            Wanted::Nothing => {}
            Wanted::Items { inner } => self.items(*inner),
            Wanted::Statements { of, given } => self.statements(of, given),
            Wanted::Clauses(kind, statement) => self.clauses(*kind, statement),
            Wanted::Value(ty) => self.value(*ty),
            Wanted::Arguments { of, given, next } => {
                for (at, param) in of.params.iter().enumerate() {
                    if !given.contains(&param.name) {
                        self.argument(param, at);
                    }
                }
                if given.is_empty() {
                    self.value(*next);
                }
            }
            Wanted::Members(path, ty) => self.members(path, *ty),
            Wanted::Units(ty) => {
                let all = match ty.map(prose::units) {
                    Some(some) if !some.is_empty() => some,
                    _ => align_schema::UNITS.iter().collect(),
                };
                for unit in all {
                    self.add(unit.name, Sort::Unit, "unit").docs = prose::unit(unit);
                }
            }
            Wanted::Events { on, given } => self.events(*on, given),
            Wanted::Model => self.definitions(|k| matches!(k, Kind::Model(_))),
            Wanted::Dataset => self.definitions(|k| matches!(k, Kind::Dataset(_))),
            Wanted::From(BlockKind::Dataset) => {
                self.definitions(|k| matches!(k, Kind::Dataset(_)));
                self.checkpoints();
            }
            Wanted::From(_) => self.checkpoints(),
            Wanted::Link => {
                self.definitions(Kind::is_trained);
                self.checkpoints();
            }
            Wanted::Target => self.definitions(|k| matches!(k, Kind::Pipeline(_) | Kind::Sweep(_))),
            Wanted::Import(path) => self.import(path),
            Wanted::Axis => {
                self.definitions(|k| matches!(k, Kind::Formal(_)));
                let fields = align_stdlib::block(BlockKind::Sweep).map_or(&[][..], |b| b.fields);
                for (at, field) in fields.iter().enumerate() {
                    self.field(field, at);
                }
            }
            Wanted::Type => {
                for name in crate::check::TYPES {
                    self.add(name, Sort::Keyword, "type");
                }
            }
        }
    }

    fn items(&mut self, inner: bool) {
        let words: &[&str] = if inner {
            &INNER_ITEM_WORDS
        } else {
            &ITEM_WORDS
        };
        for word in words {
            let of = align_stdlib::blocks::LIST.iter().find(|b| b.word == *word);
            let docs = of.map_or(String::new(), |b| crate::language::prose(b.docs));
            let item = self.add(word, Sort::Keyword, "");
            item.docs = docs;
            item.snippet = self::item(word).into();
        }
        if !inner && self.analysis.text(self.file).trim().is_empty() {
            self.add("align 1", Sort::Keyword, "edition of the language")
                .rank = 0;
        }
    }

    fn statements(&mut self, of: &'static Block, given: &[&str]) {
        for (at, field) in of.fields.iter().enumerate() {
            if !given.contains(&field.name) {
                self.field(field, at);
            }
        }
        for (label, snippet, detail) in super::snippets::statements(of.kind) {
            let item = self.add(label, Sort::Keyword, *detail);
            item.snippet = (*snippet).into();
            item.rank = 4;
        }
        if of.kind == BlockKind::Sweep {
            self.definitions(|k| matches!(k, Kind::Formal(_)));
        }
    }

    /// A field, with what is likeliest written behind it.
    fn field(&mut self, field: &'static Param, at: usize) {
        let call = matches!(
            field.ty,
            Ty::Call(_) | Ty::Enum(_) | Ty::Checkpoint | Ty::CriticOf(_) | Ty::Filter
        );
        let detail = prose::declared(field);
        let item = self.add(
            field.name,
            Sort::Field,
            detail.split_once(": ").map_or("", |d| d.1).to_owned(),
        );
        item.docs = prose::param(field);
        item.snippet = match field.default {
            Some(default) if !call => format!("{} = ${{1:{}}}", field.name, escaped(default)),
            _ => format!("{} = ", field.name),
        };
        item.more = call;
        item.rank = if field.required {
            0
        } else {
            1 + u8::from(at > 4)
        };
    }

    fn argument(&mut self, param: &'static Param, at: usize) {
        let detail = prose::declared(param);
        let item = self.add(
            param.name,
            Sort::Argument,
            detail.split_once(": ").map_or("", |d| d.1).to_owned(),
        );
        item.docs = prose::param(param);
        item.snippet = match param.default {
            Some(default) => format!("{}: ${{1:{}}}", param.name, escaped(default)),
            None => format!("{}: ", param.name),
        };
        item.more = param.default.is_none();
        item.rank = if param.required {
            0
        } else {
            1 + u8::from(at > 4)
        };
    }

    fn clauses(&mut self, kind: BlockKind, statement: &[&str]) {
        let words: &[&str] = match kind {
            BlockKind::Stage => &["trains", "on", "in", "from"],
            BlockKind::Dataset => &["from"],
            BlockKind::Sweep => &["of"],
            BlockKind::Eval => &["every"],
            _ => &[],
        };
        for word in words {
            if !statement.contains(word) {
                self.add(word, Sort::Keyword, "");
            }
        }
    }

    fn value(&mut self, ty: Option<Ty>) {
        match ty {
            None => {
                self.definitions(|k| matches!(k, Kind::Let(_) | Kind::Param(_) | Kind::Formal(_)));
                self.checkpoints();
                return;
            }
            Some(Ty::Call(group)) => {
                self.builtins(group);
                match group {
                    Group::Action => self.definitions(|k| matches!(k, Kind::Policy(_))),
                    Group::Env | Group::Source => self.tasks(),
                    _ => {}
                }
            }
            Some(Ty::Enum(words)) => self.words(words),
            Some(Ty::CheckpointOr(words)) => {
                self.words(words);
                self.checkpoints();
            }
            Some(Ty::Target) => {
                self.words(&["best", "last"]);
                self.checkpoints();
            }
            Some(Ty::Bool) => self.words(&["true", "false"]),
            Some(Ty::Checkpoint | Ty::CriticOf(_)) => self.checkpoints(),
            Some(Ty::Dataset(_)) => self.definitions(|k| matches!(k, Kind::Dataset(_))),
            Some(Ty::Metric) => self.metrics(),
            Some(Ty::Condition) => {
                self.metrics();
                self.builtins(Group::StopRule);
                if self.context.of().is_some() {
                    self.builtins(Group::Statistic);
                }
            }
            Some(Ty::Filter) => {
                self.builtins(Group::Filter);
                for measure in ["score", "return", "length"] {
                    if let Some(metric) = rules::metric(measure) {
                        self.add(measure, Sort::Metric, "of an episode").docs =
                            prose::metric(metric);
                    }
                }
            }
            Some(Ty::Task) => self.tasks(),
            Some(Ty::QuantityOrBudget(_)) => self.words(&["budget"]),
            Some(Ty::List(of)) => return self.value(Some(*of)),
            Some(Ty::Split) => {
                self.add("{ train: 90%, valid: 10% } by episode", Sort::Word, "split");
            }
            Some(
                Ty::Int
                | Ty::Float
                | Ty::Str
                | Ty::Quantity(_)
                | Ty::Amount(_)
                | Ty::RecordOf(_)
                | Ty::Budget,
            ) => {}
        }
        self.definitions(|k| matches!(k, Kind::Let(_) | Kind::Param(_) | Kind::Formal(_)));
    }

    fn words(&mut self, words: &[&str]) {
        for word in words {
            self.add(word, Sort::Word, "").rank = 1;
        }
    }

    fn builtins(&mut self, group: Group) {
        let of = align_stdlib::builtins().filter(|b| b.group == group);
        for builtin in of {
            let item = self.add(builtin.name, Sort::Builtin, builtin.summary().trim());
            item.docs = prose::builtin(builtin);
            item.snippet = call(builtin);
            item.more = item.snippet.ends_with("($0)");
            item.rank = 2;
        }
        let program = &self.analysis.program;
        let renamed = |k: &Kind| matches!(k, Kind::Std(b) if b.group == group);
        let aliases = self
            .scope
            .map_or(Vec::new(), |scope| program.names(scope, renamed));
        for alias in aliases {
            let item = self.add(alias, Sort::Builtin, "renamed by a `use`");
            item.snippet = format!("{alias}($0)");
        }
    }

    fn tasks(&mut self) {
        let quoted = self.context.typed.start.checked_sub(1).is_some_and(|at| {
            self.analysis.text(self.file).as_bytes().get(at as usize) == Some(&b'"')
        });
        for task in align_stdlib::envs::TASKS {
            let label = if quoted {
                task.name.to_owned()
            } else {
                format!("\"{}\"", task.name)
            };
            let item = self.add(
                &label,
                Sort::Task,
                format!("{} observations, {} actions", task.obs, task.act),
            );
            item.docs = prose::task(task);
            item.rank = 6;
        }
    }

    /// Definitions in scope that pass a test.
    fn definitions(&mut self, keep: impl Fn(&Kind) -> bool) {
        let Some(scope) = self.scope else {
            return;
        };
        let program = &self.analysis.program;
        let names: Vec<String> = program
            .names(scope, keep)
            .into_iter()
            .map(str::to_owned)
            .collect();
        let own = self.context.owner().map(|(_, name)| name.to_owned());
        for name in names {
            let found = program.lookup(scope, &name);
            if let Some(id) = found.filter(|_| own.as_deref() != Some(name.as_str())) {
                let (sort, detail) = self.described(id);
                let docs = super::hover::definition(self.analysis, id);
                let item = self.add(&name, sort, detail);
                item.docs = docs;
                item.rank = 1;
            }
        }
    }

    fn described(&self, id: DefId) -> (Sort, String) {
        let kind = &self.analysis.def(id).kind;
        let sort = match kind {
            Kind::Model(_) => Sort::Model,
            Kind::Dataset(_) => Sort::Dataset,
            Kind::Stage(_) | Kind::Sequence(_) | Kind::Cascade(_) => Sort::Stage,
            Kind::Policy(_) => Sort::Policy,
            Kind::Pipeline(_) | Kind::Sweep(_) => Sort::Pipeline,
            _ => Sort::Value,
        };
        (sort, kind.word().to_owned())
    }

    /// `stage.best` and `stage.last` of all that trains.
    fn checkpoints(&mut self) {
        let Some(scope) = self.scope else {
            return;
        };
        let names = self.analysis.program.names(scope, Kind::is_trained);
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let own = self.context.owner().map(|(_, name)| name.to_owned());
        for name in names.iter().filter(|n| own.as_ref() != Some(*n)) {
            for port in ["best", "last"] {
                let item = self.add(&format!("{name}.{port}"), Sort::Checkpoint, "checkpoint");
                item.rank = if port == "best" { 1 } else { 2 };
            }
        }
    }

    /// Metrics of the stage around the cursor; in a report, of the stages of its pipeline.
    fn metrics(&mut self) {
        if self.context.of().is_some() {
            let Some(scope) = self.scope else {
                return;
            };
            let program = &self.analysis.program;
            let names = program.names(scope, Kind::is_node);
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            for name in names {
                let id = program.lookup(scope, &name);
                let known = id.and_then(|id| self.analysis.metrics.get(&id));
                for metric in known.map_or(Vec::new(), |m| m.iter().copied().collect()) {
                    let item = self.add(
                        &format!("{name}.{}", metric.name),
                        Sort::Metric,
                        metric.dim.unit_name(),
                    );
                    item.docs = prose::metric(&metric);
                    item.rank = if metric.name == "score" { 1 } else { 4 };
                }
            }
            return;
        }
        let owner = self.context.owner().and_then(|(_, name)| {
            let id = self.analysis.program.lookup(self.scope?, name)?;
            self.analysis.metrics.get(&id)
        });
        let any = crate::check::Metrics::any();
        let list: Vec<rules::Metric> = owner.unwrap_or(&any).iter().copied().collect();
        for metric in list {
            let item = self.add(metric.name, Sort::Metric, metric.dim.unit_name());
            item.docs = prose::metric(&metric);
            item.rank = 1;
        }
    }

    /// What follows a dot.
    fn members(&mut self, path: &[&str], ty: Option<Ty>) {
        if let ["std", rest @ ..] = path {
            return self.library(rest);
        }
        let measured = matches!(ty, Some(Ty::Condition | Ty::Metric));
        if measured && self.context.of().is_none() {
            // `valid.` of this stage's own metrics.
            let start = format!("{}.", path.join("."));
            self.metrics();
            self.list.retain(|p| p.label.starts_with(&start));
            for p in &mut self.list {
                p.label = p.label[start.len()..].to_owned();
                p.snippet.clone_from(&p.label);
            }
        }
        let Some(id) = path
            .first()
            .and_then(|name| self.analysis.program.lookup(self.scope?, name))
        else {
            return;
        };
        let kind = &self.analysis.def(id).kind;
        if kind.is_trained() && !(measured && self.context.of().is_some()) {
            for (port, what) in [
                ("best", "the best checkpoint by its metric"),
                ("last", "the newest checkpoint"),
            ] {
                self.add(port, Sort::Checkpoint, what).rank = 0;
            }
            let item = self.add("at", Sort::Checkpoint, "the checkpoint of a step");
            item.snippet = "at(${1:1k steps})".into();
        }
        if measured {
            let list = self
                .analysis
                .metrics
                .get(&id)
                .map_or(Vec::new(), |m| m.iter().copied().collect());
            for metric in list {
                self.add(metric.name, Sort::Metric, metric.dim.unit_name())
                    .docs = prose::metric(&metric);
            }
        }
    }

    /// `std.FOLDER.NAME`.
    fn library(&mut self, path: &[&str]) {
        match path {
            [] => {
                for (folder, _) in STD_FOLDERS {
                    self.add(folder, Sort::File, "folder of the standard library");
                }
            }
            [folder] => {
                let groups = STD_FOLDERS
                    .iter()
                    .find(|(f, _)| f == folder)
                    .map_or(&[][..], |(_, g)| g);
                for builtin in align_stdlib::builtins().filter(|b| groups.contains(&b.group)) {
                    let item = self.add(builtin.name, Sort::Builtin, builtin.summary().trim());
                    item.docs = prose::builtin(builtin);
                }
            }
            _ => {}
        }
    }

    fn import(&mut self, statement: &[&str]) {
        match statement {
            ["use"] => {
                self.add("std", Sort::File, "the standard library");
                let item = self.add("\"file.align\"", Sort::File, "names of another file");
                item.snippet = "\"${1:file}.align\".${2:name}".into();
            }
            ["use", file, "."] | ["use", file, ".", ..] if file.starts_with('"') => {
                let target = crate::hir::join(
                    self.analysis.sources.path(self.file),
                    file.trim_matches('"'),
                );
                for name in self.analysis.half_used.get(&target).into_iter().flatten() {
                    self.add(name, Sort::Value, "");
                }
                let inner = self.analysis.file(&target);
                let inner =
                    inner.and_then(|f| self.analysis.program.files.iter().find(|at| at.file == f));
                self.scope = inner.map(|at| at.scope);
                self.definitions(|_| true);
            }
            ["use", "std", "."] => self.library(&[]),
            ["use", "std", ".", folder, "."] => self.library(&[folder]),
            _ => {}
        }
    }

    fn events(&mut self, on: bool, given: &[&str]) {
        if on {
            self.add("failure", Sort::Event, "any of the events").rank = 0;
        } else {
            self.add("else", Sort::Keyword, "every other event").snippet = "else => $0".into();
        }
        for event in EVENTS.iter().filter(|e| !given.contains(&e.name)) {
            let docs = prose::event(event);
            let summary = event.docs.lines().next().unwrap_or("");
            let item = self.add(event.name, Sort::Event, summary);
            item.docs = docs;
            item.snippet = match (on, event.name) {
                (true, "regression") => "regression(${1:score}, worse: ${2:10%}) => $0".to_owned(),
                (_, name) => format!("{name} => $0"),
            };
            item.more = true;
        }
    }
}
