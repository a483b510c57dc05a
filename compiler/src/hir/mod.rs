//! Which names does a program define, where, and what does each depend on?
//!
//! Nothing here knows types or values: a definition keeps its syntax, and a scope maps words to definitions.

mod deps;
mod load;

use std::rc::Rc;

use align_grammar::ast::{Block, Expr, File, Formal, Name, Policy, Span};
use align_schema::Builtin;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::diag::FileId;

pub use deps::Order;
pub use load::{STD_FOLDERS, join, load};

/// A definition of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DefId(pub u32);

/// A scope: a file or a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScopeId(pub u32);

/// Where an expression stands: its file, and the scope in which its names are looked up.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// The file.
    pub file: FileId,
    /// The scope.
    pub scope: ScopeId,
}

/// A definition.
#[derive(Debug)]
pub struct Def {
    /// Its name where it is defined.
    pub name: Name,
    /// Where its contents are looked up.
    pub at: At,
    /// What it is.
    pub kind: Kind,
}

/// A pipeline.
#[derive(Debug)]
pub struct PipelineDef {
    /// Its parameters, in order.
    pub formals: Vec<DefId>,
    /// Its items, in order.
    pub items: Vec<DefId>,
    /// Its inner scope.
    pub scope: ScopeId,
}

/// What a definition is.
#[derive(Debug)]
pub enum Kind {
    /// `let`.
    Let(Formal),
    /// `param`.
    Param(Formal),
    /// A parameter of a pipeline.
    Formal(Formal),
    /// `dataset`.
    Dataset(Rc<Block>),
    /// `model`.
    Model(Rc<Block>),
    /// `stage`.
    Stage(Rc<Block>),
    /// `sequence`.
    Sequence(Rc<Block>),
    /// `cascade`.
    Cascade(Rc<Block>),
    /// `sweep`.
    Sweep(Rc<Block>),
    /// `policy`.
    Policy(Policy),
    /// `pipeline`.
    Pipeline(PipelineDef),
    /// A renamed name of the standard library.
    Std(&'static Builtin),
    /// An import that failed; using it says nothing more.
    Poison,
}

impl Kind {
    /// What a message calls it, with its article.
    pub fn what(&self) -> &'static str {
        match self {
            Kind::Let(_) => "a `let`",
            Kind::Param(_) => "a `param`",
            Kind::Formal(_) => "a pipeline's parameter",
            Kind::Dataset(_) => "a dataset",
            Kind::Model(_) => "a model",
            Kind::Stage(_) => "a stage",
            Kind::Sequence(_) => "a sequence",
            Kind::Cascade(_) => "a cascade",
            Kind::Sweep(_) => "a sweep",
            Kind::Policy(_) => "a policy",
            Kind::Pipeline(_) => "a pipeline",
            Kind::Std(_) => "a name of the standard library",
            Kind::Poison => "an unknown name",
        }
    }

    /// The word that opens it.
    pub fn word(&self) -> &'static str {
        let what = self.what();
        match self {
            Kind::Let(_) => "let",
            Kind::Param(_) => "param",
            Kind::Formal(_) => "parameter",
            Kind::Std(_) => "name",
            _ => what
                .strip_prefix("a ")
                .or_else(|| what.strip_prefix("an "))
                .unwrap_or(what),
        }
    }

    /// Whether it becomes a node of the plan.
    pub fn is_node(&self) -> bool {
        matches!(
            self,
            Kind::Dataset(_) | Kind::Stage(_) | Kind::Sequence(_) | Kind::Cascade(_)
        )
    }

    /// Whether it trains weights, so that it has checkpoints.
    pub fn is_trained(&self) -> bool {
        matches!(self, Kind::Stage(_) | Kind::Sequence(_))
    }
}

/// A scope.
#[derive(Debug, Default)]
pub struct Scope {
    /// Around it.
    pub parent: Option<ScopeId>,
    /// Its names.
    pub names: FxHashMap<String, DefId>,
}

/// `report`, which defines no name.
#[derive(Debug)]
pub struct ReportDef {
    /// Where it stands.
    pub at: At,
    /// Its syntax.
    pub block: Rc<Block>,
}

/// An import, for the check of unused ones.
#[derive(Debug)]
pub struct Import {
    /// The file that imports.
    pub file: FileId,
    /// The name as it is known there.
    pub name: Name,
    /// What it stands for.
    pub def: DefId,
}

/// A program: all of its files.
#[derive(Debug, Default)]
pub struct Program {
    /// Definitions.
    pub defs: Vec<Def>,
    /// Scopes.
    pub scopes: Vec<Scope>,
    /// Reports of the main file.
    pub reports: Vec<ReportDef>,
    /// Imports of the main file.
    pub imports: Vec<Import>,
    /// Scope of the main file.
    pub root: Option<ScopeId>,
    /// Every file with its scope, in the order read.
    pub files: Vec<At>,
    /// The syntax of every file, where it was to be kept, in the same order.
    pub syntax: Vec<File>,
    /// Items of the main file, in order, pipelines' contents not included.
    pub items: Vec<DefId>,
    /// Edition of the language that the main file names.
    pub edition: u32,
    /// Definitions that are used somewhere.
    pub used: FxHashSet<DefId>,
    /// Calls whose name a definition has too, with the place of the name.
    pub shadowing: Vec<(DefId, FileId, Span)>,
}

impl Program {
    /// The definition.
    pub fn def(&self, id: DefId) -> &Def {
        &self.defs[id.0 as usize]
    }

    /// Definitions of the main file: its items, then the parameters and items of its pipelines.
    pub fn main_defs(&self) -> Vec<DefId> {
        let mut all = self.items.clone();
        for id in &self.items {
            if let Kind::Pipeline(p) = &self.def(*id).kind {
                all.extend(p.formals.iter().chain(&p.items));
            }
        }
        all
    }

    /// The syntax of a file, where it was kept.
    pub fn syntax(&self, file: FileId) -> Option<&File> {
        let at = self.files.iter().position(|at| at.file == file)?;
        self.syntax.get(at)
    }

    /// What a word means in a scope.
    pub fn lookup(&self, scope: ScopeId, name: &str) -> Option<DefId> {
        let mut at = Some(scope);
        while let Some(id) = at {
            let scope = self.scopes.get(id.0 as usize)?;
            if let Some(def) = scope.names.get(name) {
                return Some(*def);
            }
            at = scope.parent;
        }
        None
    }

    /// Names in scope whose definition passes a test, for suggestions.
    pub fn names(&self, scope: ScopeId, keep: impl Fn(&Kind) -> bool) -> Vec<&str> {
        let mut out = Vec::new();
        let mut at = Some(scope);
        while let Some(scope) = at.and_then(|id| self.scopes.get(id.0 as usize)) {
            for (name, def) in &scope.names {
                if keep(&self.def(*def).kind) {
                    out.push(name.as_str());
                }
            }
            at = scope.parent;
        }
        out.sort_unstable();
        out
    }

    /// Every definition with its id.
    pub fn iter(&self) -> impl Iterator<Item = (DefId, &Def)> {
        self.defs
            .iter()
            .enumerate()
            .map(|(i, d)| (DefId(i as u32), d))
    }

    /// Follows names to the expression that a `let` stands for.
    pub fn unalias<'a>(&'a self, mut at: At, mut expr: &'a Expr) -> (At, &'a Expr) {
        // A circle of `let`s is an error of its own; here it must only end.
        for _ in 0..self.defs.len().saturating_add(1) {
            let align_grammar::ast::ExprKind::Ref(name) = &expr.kind else {
                break;
            };
            let Some(id) = self.lookup(at.scope, &name.text) else {
                break;
            };
            let def = self.def(id);
            let Kind::Let(Formal {
                value: Some(value), ..
            }) = &def.kind
            else {
                break;
            };
            (at, expr) = (def.at, value);
        }
        (at, expr)
    }
}
