//! Reads the files of a program and fills the scopes.

use align_grammar::ast::{Item, ItemKind, Name, UNNAMED, Use};
use align_schema::{Builtin, Group};
use rustc_hash::FxHashMap;

use super::{At, Def, DefId, Import, Kind, PipelineDef, Program, ReportDef, Scope, ScopeId};
use crate::World;
use crate::diag::{Diagnostic, FileId, Sources};
use crate::suggest::{near, suggested};

/// Folders of the standard library, as `use std.FOLDER.name` names them.
pub const STD_FOLDERS: &[(&str, &[Group])] = &[
    ("losses", &[Group::Loss]),
    ("nets", &[Group::Net]),
    ("guidance", &[Group::Guidance]),
    ("adapters", &[Group::Adapter]),
    ("searches", &[Group::Search]),
    ("relabels", &[Group::Relabel]),
    ("samplers", &[Group::Sampler]),
    ("optimisers", &[Group::Optimiser]),
    ("schedules", &[Group::Schedule]),
    ("joins", &[Group::Join]),
    ("picks", &[Group::Pick]),
    ("sources", &[Group::Source]),
    ("filters", &[Group::Filter]),
    ("preferences", &[Group::Preference]),
    ("envs", &[Group::Env]),
    (
        "rules",
        &[
            Group::StopRule,
            Group::Action,
            Group::Keep,
            Group::Statistic,
            Group::Prune,
        ],
    ),
];

/// Files may import each other this deep.
const MAX_DEPTH: usize = 64;

/// Files of a circle that are named.
const SHOWN: usize = 5;

struct Loader<'w> {
    world: &'w dyn World,
    sources: Sources,
    program: Program,
    diagnostics: Vec<Diagnostic>,
    /// Path to its file and scope, once read.
    done: FxHashMap<String, (FileId, ScopeId)>,
    /// Paths being read, from the main file inwards.
    open: Vec<String>,
    /// Whether the syntax of the files is kept.
    keep: bool,
}

/// Reads the main file and everything that it uses; with `keep`, the syntax of the files stays in the program.
pub fn load(world: &dyn World, main: &str, keep: bool) -> (Program, Sources, Vec<Diagnostic>) {
    let mut loader = Loader {
        world,
        sources: Sources::default(),
        program: Program {
            edition: 1,
            ..Program::default()
        },
        diagnostics: Vec::new(),
        done: FxHashMap::default(),
        open: Vec::new(),
        keep,
    };
    match world.read(main) {
        Ok(text) => {
            loader.file(main, text);
        }
        Err(reason) => {
            let file = loader.sources.add(main, "");
            loader.diagnostics.push(Diagnostic::error(
                "A1006",
                file,
                align_grammar::ast::Span::default(),
                format!("`{main}` cannot be read: {reason}"),
            ));
        }
    }
    (loader.program, loader.sources, loader.diagnostics)
}

/// `use` paths are relative to the file that they stand in.
pub fn join(from: &str, to: &str) -> String {
    if to.starts_with('/') {
        return to.to_owned();
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|p| *p != ".." && !p.is_empty()) => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

impl Loader<'_> {
    fn file(&mut self, path: &str, text: String) -> (FileId, ScopeId) {
        let parse = self.world.parse(path, &text);
        let file = self.sources.add(path, text);
        let errors = parse.errors.iter();
        self.diagnostics
            .extend(errors.map(|e| Diagnostic::from_syntax(file, e)));
        let scope = self.scope(None);
        let at = At { file, scope };
        self.program.files.push(at);
        if self.keep {
            self.program.syntax.push(parse.file.clone());
        }
        let main = self.open.is_empty();
        if main {
            self.program.root = Some(scope);
            if let Some(edition) = &parse.file.edition {
                self.program.edition = edition.value as u32;
            }
        }
        self.open.push(path.to_owned());
        let mut uses = Vec::new();
        self.program.defs.reserve(parse.file.items.len());
        for item in parse.file.items {
            match item.kind {
                ItemKind::Use(u) => uses.push(u),
                ItemKind::Report(block) => {
                    if main {
                        self.program.reports.push(ReportDef { at, block });
                    }
                }
                _ => {
                    if let Some(id) = self.item(at, item)
                        && main
                    {
                        self.program.items.push(id);
                    }
                }
            }
        }
        // Own names first, so that an import of the same name is the one that is reported.
        for u in uses {
            self.import(at, path, main, &u);
        }
        self.open.pop();
        self.done.insert(path.to_owned(), (file, scope));
        (file, scope)
    }

    fn scope(&mut self, parent: Option<ScopeId>) -> ScopeId {
        self.program.scopes.push(Scope {
            parent,
            names: FxHashMap::default(),
        });
        ScopeId(self.program.scopes.len() as u32 - 1)
    }

    fn define(&mut self, at: At, name: Name, kind: Kind) -> DefId {
        let id = DefId(self.program.defs.len() as u32);
        self.bind(at, &name, id);
        self.program.defs.push(Def { name, at, kind });
        id
    }

    /// Gives a definition a name in a scope; a second one of the same name is an error, and the first stays.
    fn bind(&mut self, at: At, name: &Name, id: DefId) {
        if name.text == UNNAMED {
            return;
        }
        let Some(scope) = self.program.scopes.get_mut(at.scope.0 as usize) else {
            return;
        };
        let Some(first) = scope.names.get(&name.text).copied() else {
            scope.names.insert(name.text.clone(), id);
            return;
        };
        let mut error = Diagnostic::error(
            "A1004",
            at.file,
            name.span,
            format!("`{}` is defined twice", name.text),
        )
        .with_label("defined again here");
        if let Some(first) = self.program.defs.get(first.0 as usize) {
            error = error.with_place(first.at.file, first.name.span, "first defined here");
        }
        self.diagnostics
            .push(error.with_help("give one of them another name"));
    }

    fn item(&mut self, at: At, item: Item) -> Option<DefId> {
        let (name, kind) = match item.kind {
            ItemKind::Param(f) => (Some(f.name.clone()), Kind::Param(f)),
            ItemKind::Let(f) => (Some(f.name.clone()), Kind::Let(f)),
            ItemKind::Dataset(b) => (b.name.clone(), Kind::Dataset(b)),
            ItemKind::Model(b) => (b.name.clone(), Kind::Model(b)),
            ItemKind::Stage(b) => (b.name.clone(), Kind::Stage(b)),
            ItemKind::Sequence(b) => (b.name.clone(), Kind::Sequence(b)),
            ItemKind::Cascade(b) => (b.name.clone(), Kind::Cascade(b)),
            ItemKind::Sweep(b) => (b.name.clone(), Kind::Sweep(b)),
            ItemKind::Policy(p) => (Some(p.name.clone()), Kind::Policy(p)),
            ItemKind::Pipeline(p) => {
                let scope = self.scope(Some(at.scope));
                let inner = At { scope, ..at };
                let formals = p
                    .formals
                    .into_iter()
                    .map(|f| self.define(inner, f.name.clone(), Kind::Formal(f)))
                    .collect();
                let items = p
                    .items
                    .into_iter()
                    .filter_map(|item| self.item(inner, item))
                    .collect();
                let kind = Kind::Pipeline(PipelineDef {
                    formals,
                    items,
                    scope,
                });
                (Some(p.name), kind)
            }
            // Its error is reported; what uses its name stays silent.
            ItemKind::Broken { name, .. } => (name, Kind::Poison),
            ItemKind::Use(_) | ItemKind::Report(_) => return None,
        };
        // A block whose name is missing is a syntax error already.
        Some(self.define(at, name?, kind))
    }

    fn import(&mut self, at: At, from: &str, main: bool, u: &Use) {
        if let Some(file) = &u.file {
            let target = join(from, &file.text);
            let scope = self.open_file(at, &target, file.span);
            if let (Some(scope), true) = (scope, u.names.is_empty()) {
                self.import_whole(at, &file.text, file.span, scope);
            }
            for name in &u.names {
                let id = scope.and_then(|scope| {
                    let found = self.program.lookup(scope, &name.text);
                    if found.is_none() {
                        let error = Diagnostic::error(
                            "A1007",
                            at.file,
                            name.span,
                            format!("`{}` has no `{}`", file.text, name.text),
                        );
                        let near = near(&name.text, self.program.names(scope, |_| true));
                        let meant = match near.as_slice() {
                            [only] => Some((*only).to_owned()),
                            _ => None,
                        };
                        let error = suggested(error, name.span, &near);
                        self.diagnostics.push(error);
                        self.bring_meant(at, name, meant);
                    }
                    found
                });
                self.bring(at, main, name, u.alias.as_ref(), id);
            }
        } else if let Some(path) = &u.path {
            self.import_std(at, main, path, u);
        }
    }

    /// A1007 for a `use` that names nothing; what the file has is known all the same, so that its uses stay silent.
    fn import_whole(&mut self, at: At, file: &str, span: align_grammar::ast::Span, scope: ScopeId) {
        let names: Vec<String> = self
            .program
            .names(scope, |_| true)
            .into_iter()
            .map(str::to_owned)
            .collect();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let help = match known.as_slice() {
            [] => "the file defines nothing".to_owned(),
            [only] => format!("write `use \"{file}\".{only}`"),
            _ => format!(
                "name what is needed, such as `use \"{file}\".{}`; it has {}",
                known[0],
                crate::suggest::all_of(&known)
            ),
        };
        self.diagnostics.push(
            Diagnostic::error(
                "A1007",
                at.file,
                span,
                format!("this `use` takes no name from `{file}`"),
            )
            .with_label("a file is not brought in as a whole")
            .with_help(help),
        );
        for text in names {
            let name = Name { text, span };
            self.bring_meant(at, &name, Some(name.text.clone()));
        }
    }

    fn open_file(
        &mut self,
        at: At,
        target: &str,
        span: align_grammar::ast::Span,
    ) -> Option<ScopeId> {
        if let Some((_, scope)) = self.done.get(target) {
            return Some(*scope);
        }
        if let Some(first) = self.open.iter().position(|p| p == target) {
            let circle = self.open.get(first..).unwrap_or(&[]);
            let chain = match circle {
                [a, b, .., z] if circle.len() > SHOWN => {
                    format!(
                        "`{a}` uses `{b}`, and {} files later `{z}`",
                        circle.len() - 2
                    )
                }
                _ => format!("`{}`", circle.join("` uses `")),
            };
            self.diagnostics.push(
                Diagnostic::error("A1008", at.file, span, "files use each other in a circle")
                    .with_label(format!("{chain} uses `{target}` again"))
                    .with_help("move what both need into a third file"),
            );
            return None;
        }
        if self.open.len() >= MAX_DEPTH {
            self.diagnostics.push(
                Diagnostic::error(
                    "A1008",
                    at.file,
                    span,
                    format!("more than {MAX_DEPTH} files use one another"),
                )
                .with_label(format!("`{target}` is one too many"))
                .with_help("take the names from the file that defines them"),
            );
            return None;
        }
        match self.world.read(target) {
            Ok(text) => Some(self.file(target, text).1),
            Err(reason) => {
                self.diagnostics.push(
                    Diagnostic::error(
                        "A1006",
                        at.file,
                        span,
                        format!("`{target}` cannot be read: {reason}"),
                    )
                    .with_label("used here")
                    .with_help("a path is relative to the file that it stands in"),
                );
                None
            }
        }
    }

    fn import_std(&mut self, at: At, main: bool, path: &align_grammar::ast::Path, u: &Use) {
        let mut parts = path.parts.iter();
        let first = parts.next();
        let folders: Vec<&str> = STD_FOLDERS.iter().map(|(name, _)| *name).collect();
        if first.is_none_or(|p| p.text != "std") {
            self.diagnostics.push(
                Diagnostic::error(
                    "A1006",
                    at.file,
                    path.span,
                    format!("there is no module `{}`", path.text()),
                )
                .with_help("a module is `std`; a file stands in quotes: `use \"file.align\".name`"),
            );
            return self.poison(at, main, u, path.parts.last());
        }
        let folder = parts.next();
        let groups = STD_FOLDERS
            .iter()
            .find(|(name, _)| folder.is_some_and(|f| f.text == *name));
        let (Some(folder), Some((_, groups))) = (folder, groups) else {
            let name = folder.unwrap_or(&path.parts[0]);
            let message = match folder {
                Some(name) => format!("the standard library has no `{}`", name.text),
                None => "this `use` names nothing of the standard library".to_owned(),
            };
            let error = Diagnostic::error("A1006", at.file, name.span, message);
            let near = near(&name.text, folders.iter().copied());
            let error = error.with_help(format!("it has {}", crate::suggest::all_of(&folders)));
            self.diagnostics.push(suggested(error, name.span, &near));
            return self.poison(at, main, u, path.parts.last());
        };
        let names: Vec<&Name> = if u.names.is_empty() {
            parts.next().into_iter().collect()
        } else {
            u.names.iter().collect()
        };
        if let Some(more) = parts.next() {
            let error = Diagnostic::error(
                "A1007",
                at.file,
                more.span,
                format!(
                    "nothing of the standard library has a `{}` inside",
                    more.text
                ),
            );
            let help = format!("a name is written `std.{}.NAME`", folder.text);
            self.diagnostics.push(error.with_help(help));
            return self.poison(at, main, u, path.parts.last());
        }
        if names.is_empty() {
            let such = align_stdlib::builtins().find(|b| groups.contains(&b.group));
            let such = such.map_or("", |b| b.name);
            self.diagnostics.push(
                Diagnostic::error(
                    "A1007",
                    at.file,
                    path.span,
                    format!("this `use` takes no name from `{}`", path.text()),
                )
                .with_label("a module is not brought in as a whole")
                .with_help(format!(
                    "name what is needed, such as `use std.{}.{such}`; without a `use` all of it can be written by its own name",
                    folder.text
                )),
            );
        }
        for name in names {
            let of = |b: &&'static Builtin| groups.contains(&b.group);
            let found = align_stdlib::builtins()
                .filter(of)
                .find(|b| b.name == name.text);
            let id = if let Some(builtin) = found {
                Some(self.push(at, name, Kind::Std(builtin)))
            } else {
                let error = Diagnostic::error(
                    "A1007",
                    at.file,
                    name.span,
                    format!("`std.{}` has no `{}`", folder.text, name.text),
                );
                let near = near(
                    &name.text,
                    align_stdlib::builtins().filter(of).map(|b| b.name),
                );
                self.diagnostics.push(suggested(error, name.span, &near));
                None
            };
            self.bring(at, main, name, u.alias.as_ref(), id);
        }
    }

    fn push(&mut self, at: At, name: &Name, kind: Kind) -> DefId {
        self.program.defs.push(Def {
            name: name.clone(),
            at,
            kind,
        });
        DefId(self.program.defs.len() as u32 - 1)
    }

    fn poison(&mut self, at: At, main: bool, u: &Use, last: Option<&Name>) {
        let names = if u.names.is_empty() {
            last.into_iter().collect()
        } else {
            u.names.iter().collect::<Vec<_>>()
        };
        for name in names {
            self.bring(at, main, name, u.alias.as_ref(), None);
        }
    }

    /// Binds what a misspelt import was likely meant to bring, so that its uses stay silent.
    fn bring_meant(&mut self, at: At, name: &Name, meant: Option<String>) {
        if let Some(text) = meant
            && self.program.lookup(at.scope, &text).is_none()
        {
            let meant = Name {
                text,
                span: name.span,
            };
            let id = self.push(at, &meant, Kind::Poison);
            self.bind(at, &meant, id);
        }
    }

    /// Binds an imported name; a failed import is poison, so that its uses stay silent.
    fn bring(&mut self, at: At, main: bool, name: &Name, alias: Option<&Name>, id: Option<DefId>) {
        let known = alias.unwrap_or(name);
        let id = id.unwrap_or_else(|| self.push(at, name, Kind::Poison));
        self.bind(at, known, id);
        if main {
            self.program.imports.push(Import {
                file: at.file,
                name: known.clone(),
                def: id,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn paths_are_relative_to_the_file_that_uses_them() {
        assert_eq!(join("study.align", "lab/f.align"), "lab/f.align");
        assert_eq!(join("a/study.align", "../lab/./f.align"), "lab/f.align");
        assert_eq!(join("../a.align", "../b.align"), "../../b.align");
        assert_eq!(join("/x/a.align", "b.align"), "/x/b.align");
        assert_eq!(join("a.align", "/b.align"), "/b.align");
    }
}
