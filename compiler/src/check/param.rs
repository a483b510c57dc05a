//! `param`, `let` and parameters of pipelines: declared types, values, `--set`.

use align_grammar::Shift;
use align_grammar::ast::{Expr, ExprKind, Formal, Span, TypeExpr};
use align_schema::{Dim, Ty, UNITS, Value};

use super::call::{BEFORE, parse_expr};
use super::{Bound, Checker, Edges, Let, Spot};
use crate::Options;
use crate::diag::{Diagnostic, FileId, Sources};
use crate::hir::{At, Kind, ScopeId};

/// A `--set`: name, the file that holds its text, and the expression, if it is one.
pub(super) struct Set {
    name: String,
    text: String,
    file: FileId,
    expr: Option<Expr>,
}

/// Every name that a type can have.
pub const TYPES: &[&str] = &[
    "int", "float", "bool", "string", "Task", "Seed", "share", "time", "size", "score",
];

/// Reads `--set`s; each becomes a source of its own, so that messages can point into it.
pub(super) fn parse_sets(sources: &mut Sources, options: &Options) -> Vec<Set> {
    options
        .sets
        .iter()
        .map(|(name, text)| {
            let mut expr = parse_expr(text);
            if let Some(e) = &mut expr {
                e.shift(-(BEFORE.len() as i64));
            }
            Set {
                name: name.clone(),
                text: text.clone(),
                file: sources.add(format!("--set {name}"), text.clone()),
                expr,
            }
        })
        .collect()
}

/// One dimension as a slice that lives forever.
fn quantity(dim: Dim) -> Ty {
    Ty::Quantity(match dim {
        Dim::Steps => &[Dim::Steps],
        Dim::Epochs => &[Dim::Epochs],
        Dim::EnvSteps => &[Dim::EnvSteps],
        Dim::Evals => &[Dim::Evals],
        Dim::Rounds => &[Dim::Rounds],
        Dim::Episodes => &[Dim::Episodes],
        Dim::DenoiseSteps => &[Dim::DenoiseSteps],
        Dim::Pairs => &[Dim::Pairs],
        Dim::Time => &[Dim::Time],
        Dim::Size => &[Dim::Size],
        Dim::Share => &[Dim::Share],
        Dim::Score => &[Dim::Score],
        Dim::Return | Dim::Plain => &[Dim::Return],
    })
}

impl Checker<'_> {
    /// The type that a declaration names; `None` for one that only calls and references can have, or that is unknown.
    pub(super) fn declared(&mut self, at: At, ty: &TypeExpr) -> Option<Ty> {
        let name = ty.name.text.as_str();
        Some(match name {
            "int" | "Seed" => Ty::Int,
            "float" => Ty::Float,
            "bool" => Ty::Bool,
            "string" => Ty::Str,
            "Task" => Ty::Task,
            "time" => quantity(Dim::Time),
            "size" => quantity(Dim::Size),
            "share" => quantity(Dim::Share),
            "score" => quantity(Dim::Score),
            "[]" => {
                let inner = ty.args.first().map(|t| self.declared(at, t))?;
                match inner? {
                    Ty::Int => Ty::List(&Ty::Int),
                    Ty::Float => Ty::List(&Ty::Float),
                    Ty::Str => Ty::List(&Ty::Str),
                    Ty::Task => Ty::List(&Ty::Task),
                    _ => return None,
                }
            }
            "Range" | "Dataset" | "Model" | "Checkpoint" | "Metric" | "Loss" | "StopRule"
            | "Action" | "Net" => return None,
            _ => {
                if let Some(unit) = UNITS.iter().find(|u| u.name == name) {
                    return Some(quantity(unit.dim));
                }
                let words: Vec<&str> = TYPES
                    .iter()
                    .copied()
                    .chain(UNITS.iter().map(|u| u.name).filter(|n| *n != "%"))
                    .collect();
                let message = format!("there is no type `{name}`");
                let help = format!(
                    "types are {}, and units such as `steps`",
                    crate::suggest::all_of(TYPES)
                );
                self.unknown("A1001", at, &ty.name, message, &words, Some(help));
                return None;
            }
        })
    }

    /// A value for a declared type.
    pub(super) fn typed(
        &mut self,
        at: At,
        expr: &Expr,
        ty: Option<Ty>,
        seed: bool,
        name: &str,
    ) -> Option<Value> {
        let spot = Spot { path: name, name };
        let bounds = seed.then_some(align_schema::Bounds::at_least(0.0));
        match ty {
            Some(ty) => self.value(at, expr, ty, bounds.as_ref(), spot, &mut Edges::default()),
            None => match self.synth(at, expr) {
                Let::Value(v) => Some(v),
                _ => None,
            },
        }
    }

    /// Binds the `param`s of every file; returns those of the main file.
    pub(super) fn params(
        &mut self,
        sets: &[Set],
        options: &Options,
    ) -> Vec<(String, Option<Value>)> {
        let program = self.program;
        let mut out = Vec::new();
        let root = program.root.unwrap_or(ScopeId(u32::MAX));
        // `let`s that a `param`'s default uses come first.
        for id in &self.order.sorted {
            let def = program.def(*id);
            match &def.kind {
                Kind::Let(formal) if self.is_file_scope(def.at.scope) => {
                    let value = self.let_value(def.at, formal);
                    self.lets.insert(*id, value);
                }
                Kind::Param(formal) => {
                    let main = def.at.scope == root;
                    let set = sets
                        .iter()
                        .rev()
                        .find(|s| main && s.name == formal.name.text);
                    let bound = self.param(def.at, formal, set);
                    if matches!(bound, Bound::Unknown)
                        && set.is_none()
                        && formal.value.is_none()
                        && !options.allow_unset
                    {
                        self.unset(def.at, formal, main);
                    }
                    self.bound.insert(*id, bound);
                }
                _ => {}
            }
        }
        for id in &program.items {
            if let Kind::Param(formal) = &program.def(*id).kind {
                let value = match self.bound.get(id) {
                    Some(Bound::Known(v)) => Some(v.clone()),
                    _ => None,
                };
                out.push((formal.name.text.clone(), value));
            }
        }
        self.unknown_sets(sets);
        out
    }

    fn is_file_scope(&self, scope: ScopeId) -> bool {
        self.program
            .scopes
            .get(scope.0 as usize)
            .is_some_and(|s| s.parent.is_none())
    }

    fn unset(&mut self, at: At, formal: &Formal, main: bool) {
        let name = &formal.name.text;
        let error = Diagnostic::error(
            "A4006",
            at.file,
            formal.name.span,
            format!("`{name}` has no value"),
        )
        .with_label("neither a default nor `--set`");
        self.report(error.with_help(if main {
            format!("give it one: `--set {name}=VALUE`")
        } else {
            "a `param` of a file that is used needs a default".to_owned()
        }));
    }

    fn unknown_sets(&mut self, sets: &[Set]) {
        let program = self.program;
        for set in sets {
            let known: Vec<&str> = program
                .items
                .iter()
                .filter_map(|id| match &program.def(*id).kind {
                    Kind::Param(f) => Some(f.name.text.as_str()),
                    _ => None,
                })
                .collect();
            if known.contains(&set.name.as_str()) {
                continue;
            }
            let near = crate::suggest::near(&set.name, known.iter().copied());
            let mut error = Diagnostic::error(
                "A1001",
                set.file,
                Span::new(0, set.text.len()),
                format!("there is no `param` named `{}`", set.name),
            );
            error.help = crate::suggest::did_you_mean(&near).or_else(|| {
                Some(if known.is_empty() {
                    "this file has no `param`".to_owned()
                } else {
                    format!("this file has {}", crate::suggest::all_of(&known))
                })
            });
            self.report(error);
        }
    }

    fn param(&mut self, at: At, formal: &Formal, set: Option<&Set>) -> Bound {
        let ty = formal.ty.as_ref().and_then(|t| self.declared(at, t));
        let seed = formal.ty.as_ref().is_some_and(|t| t.name.text == "Seed");
        let name = formal.name.text.as_str();
        let value = match set {
            // A text on the command line needs no quotes.
            Some(set)
                if matches!(ty, Some(Ty::Str | Ty::Task))
                    && !matches!(
                        set.expr,
                        Some(Expr {
                            kind: ExprKind::Str(_),
                            ..
                        })
                    ) =>
            {
                let at = At {
                    file: set.file,
                    scope: ScopeId(u32::MAX),
                };
                match ty {
                    Some(Ty::Task) => self.task(at, Span::new(0, set.text.len()), &set.text),
                    _ => Some(Value::Str(set.text.clone())),
                }
            }
            Some(set) => {
                let at = At {
                    file: set.file,
                    scope: ScopeId(u32::MAX),
                };
                match &set.expr {
                    Some(expr) => self.typed(at, expr, ty, seed, name),
                    None => {
                        self.error(
                            "A2001",
                            at,
                            Span::new(0, set.text.len()),
                            format!("`{}` is not a value", set.text),
                        );
                        None
                    }
                }
            }
            None => match &formal.value {
                Some(expr) => self.typed(at, expr, ty, seed, name),
                None => None,
            },
        };
        value.map_or(Bound::Unknown, Bound::Known)
    }

    /// What a `let` stands for; a declared type is checked at once.
    pub(super) fn let_value(&mut self, at: At, formal: &Formal) -> Let {
        let Some(expr) = &formal.value else {
            return Let::Poison;
        };
        let ty = formal.ty.as_ref().and_then(|t| self.declared(at, t));
        if let Some(ty) = ty {
            return match self.typed(at, expr, Some(ty), false, &formal.name.text) {
                Some(value) => Let::Value(value),
                None => Let::Poison,
            };
        }
        let value = self.synth(at, expr);
        if let (Let::Alias, ExprKind::Ref(name)) = (&value, &expr.kind)
            && let Some(id) = self.program.lookup(at.scope, &name.text)
            && let Kind::Param(_) | Kind::Formal(_) = &self.program.def(id).kind
        {
            return match self.bound.get(&id) {
                Some(Bound::Known(v)) => Let::Value(v.clone()),
                _ => Let::Poison,
            };
        }
        value
    }
}
