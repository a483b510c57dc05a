//! Calls of the standard library: which builtin is meant, and what are its arguments?

use align_grammar::ast::{Arg, Expr, ExprKind, Name, Span};
use align_schema::{Builtin, Call, Group, Param, Ty, Value};

use super::value::group_word;
use super::{Checker, Edges, Spot};
use crate::diag::{Diagnostic, FileId};
use crate::hir::{At, Kind, STD_FOLDERS, ScopeId};
use crate::suggest::{all_of, near, suggested};

/// A default is checked as if it stood in no file.
const NOWHERE: At = At {
    file: FileId(u32::MAX),
    scope: ScopeId(u32::MAX),
};

impl Checker<'_> {
    /// A call (or the bare name) of a builtin of one group.
    pub(super) fn call_value(
        &mut self,
        at: At,
        expr: &Expr,
        group: Group,
        spot: Spot,
        edges: &mut Edges,
    ) -> Option<Value> {
        let program = self.program;
        // A name of the group itself comes before a definition of the same name: a stage may be called `value`.
        let own = |e: &Expr| matches!(&e.kind, ExprKind::Ref(n) if align_stdlib::builtin(group, &n.text).is_some());
        let (at, expr) = if own(expr) {
            (at, expr)
        } else {
            program.unalias(at, expr)
        };
        let (callee, args, args_span): (&Expr, &[Arg], Span) = match &expr.kind {
            ExprKind::Call {
                callee,
                args,
                args_span,
            } => (callee, args, *args_span),
            _ => (expr, &[], expr.span),
        };
        let builtin = self.builtin(at, expr, callee, group, spot)?;
        let args = self.arguments(
            at,
            (builtin.name, callee.span),
            builtin.params,
            args,
            args_span,
            spot,
            edges,
        )?;
        Some(Value::from(Call {
            name: builtin.name.to_owned(),
            args,
        }))
    }

    /// The builtin that a callee names.
    fn builtin(
        &mut self,
        at: At,
        expr: &Expr,
        callee: &Expr,
        group: Group,
        spot: Spot,
    ) -> Option<&'static Builtin> {
        let name = match &callee.kind {
            ExprKind::Ref(name) => name,
            ExprKind::Member { base, field } => match std_path(base) {
                Some(folder) => return self.std_member(at, folder, field, group, spot),
                None => {
                    self.not_a_call(at, expr, group, spot);
                    return None;
                }
            },
            _ => {
                self.not_a_call(at, expr, group, spot);
                return None;
            }
        };
        if let Some(builtin) = align_stdlib::builtin(group, &name.text) {
            return Some(builtin);
        }
        let defined = self.program.lookup(at.scope, &name.text);
        match defined.map(|id| &self.program.def(id).kind) {
            Some(Kind::Std(b)) if b.group == group => return Some(b),
            Some(Kind::Std(b)) => {
                self.other_group(at, callee.span, b, group, spot);
                return None;
            }
            Some(Kind::Poison) => return None,
            Some(kind) if matches!(expr.kind, ExprKind::Call { .. }) => {
                let what = kind.what();
                self.report(
                    Diagnostic::error(
                        "A2004",
                        at.file,
                        callee.span,
                        format!("`{}` is {what} and cannot be called", name.text),
                    )
                    .with_label(format!("wanted {}", group_word(group))),
                );
                return None;
            }
            Some(_) => {
                self.not_a_call(at, expr, group, spot);
                return None;
            }
            None => {}
        }
        if let Some(other) = align_stdlib::builtins().find(|b| b.name == name.text) {
            self.other_group(at, callee.span, other, group, spot);
            return None;
        }
        let program = self.program;
        let aliases = program.names(at.scope, |k| matches!(k, Kind::Std(b) if b.group == group));
        let words: Vec<&str> = align_stdlib::builtins()
            .filter(|b| b.group == group)
            .map(|b| b.name)
            .chain(aliases)
            .collect();
        let what = group_word(group);
        let what = what.split_once(' ').map_or(what, |(_, w)| w);
        let message = format!("there is no {what} `{}`", name.text);
        let fallback = format!("`{}` can be {}", spot.name, crate::suggest::one_of(&words));
        self.unknown("A1001", at, name, message, &words, Some(fallback));
        None
    }

    fn std_member(
        &mut self,
        at: At,
        folder: &Name,
        name: &Name,
        group: Group,
        spot: Spot,
    ) -> Option<&'static Builtin> {
        let Some((_, groups)) = STD_FOLDERS.iter().find(|(f, _)| *f == folder.text) else {
            let folders: Vec<&str> = STD_FOLDERS.iter().map(|(f, _)| *f).collect();
            let message = format!("the standard library has no `{}`", folder.text);
            self.unknown("A1006", at, folder, message, &folders, None);
            return None;
        };
        let of = |b: &&'static Builtin| groups.contains(&b.group);
        let Some(builtin) = align_stdlib::builtins()
            .filter(of)
            .find(|b| b.name == name.text)
        else {
            let words: Vec<&str> = align_stdlib::builtins()
                .filter(of)
                .map(|b| b.name)
                .collect();
            let message = format!("`std.{}` has no `{}`", folder.text, name.text);
            self.unknown("A1007", at, name, message, &words, None);
            return None;
        };
        if builtin.group != group {
            self.other_group(at, name.span, builtin, group, spot);
            return None;
        }
        Some(builtin)
    }

    fn not_a_call(&mut self, at: At, expr: &Expr, group: Group, spot: Spot) {
        self.wrong_type(at, expr, Ty::Call(group), spot);
    }

    fn other_group(&mut self, at: At, span: Span, found: &Builtin, group: Group, spot: Spot) {
        let words: Vec<&str> = align_stdlib::builtins()
            .filter(|b| b.group == group)
            .map(|b| b.name)
            .take(8)
            .collect();
        self.report(
            Diagnostic::error(
                "A2001",
                at.file,
                span,
                format!(
                    "`{}` wants {}, found {} `{}`",
                    spot.name,
                    group_word(group),
                    group_word(found.group)
                        .split_once(' ')
                        .map_or("", |(_, w)| w),
                    found.name
                ),
            )
            .with_label(format!("this is {}", group_word(found.group)))
            .with_help(format!("such as {}", crate::suggest::one_of(&words))),
        );
    }

    /// Matches arguments to parameters and checks each; the result is complete and in the order of the definition.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn arguments(
        &mut self,
        at: At,
        (callee, callee_span): (&str, Span),
        params: &'static [Param],
        args: &[Arg],
        args_span: Span,
        spot: Spot,
        edges: &mut Edges,
    ) -> Option<Vec<(String, Value)>> {
        let (slots, mut good) = self.assign(at, callee, params, args);
        let meant = meant(params, args);
        let mut out = Vec::with_capacity(params.len());
        let mut missing = Vec::new();
        for (param, slot) in params.iter().zip(slots) {
            let path = [spot.path, ".", param.name].concat();
            let inner = Spot {
                path: &path,
                name: param.name,
            };
            let value = match slot {
                Some(arg) if is_none(param, &arg.value) => continue,
                Some(arg) => self.value(
                    at,
                    &arg.value,
                    param.ty,
                    param.bounds.as_ref(),
                    inner,
                    edges,
                ),
                None if param.default.is_some() => self.default(param, inner),
                None => {
                    if param.required {
                        good = false;
                        // What a misspelt or misplaced argument was meant to give is not missing too.
                        if !meant.contains(&param.name) {
                            missing.push(param.name);
                        }
                    }
                    continue;
                }
            };
            match value {
                Some(value) => out.push((param.name.to_owned(), value)),
                None => good = false,
            }
        }
        if !missing.is_empty() {
            let plural = if missing.len() == 1 {
                "argument"
            } else {
                "arguments"
            };
            self.report(
                Diagnostic::error(
                    "A2003",
                    at.file,
                    callee_span,
                    format!("`{callee}` needs the {plural} {}", all_of(&missing)),
                )
                .with_label(format!("{} missing", all_of(&missing)))
                .with_help(
                    params
                        .iter()
                        .filter(|p| missing.contains(&p.name))
                        .map(|p| {
                            format!(
                                "`{}` is {}: {}",
                                p.name,
                                super::value::wanted(p.ty),
                                p.docs.trim().trim_end_matches('.')
                            )
                        })
                        .collect::<Vec<_>>()
                        .join("; "),
                )
                .with_place(at.file, args_span, "given here"),
            );
        }
        good.then_some(out)
    }

    /// Which argument goes to which parameter; false when one is wrong.
    fn assign<'a>(
        &mut self,
        at: At,
        callee: &str,
        params: &'static [Param],
        args: &'a [Arg],
    ) -> (Vec<Option<&'a Arg>>, bool) {
        let mut slots: Vec<Option<&Arg>> = vec![None; params.len()];
        let mut good = true;
        let mut named: Option<Span> = None;
        for (i, arg) in args.iter().enumerate() {
            let index = match &arg.name {
                Some(name) => {
                    named.get_or_insert(name.span);
                    let Some(index) = params.iter().position(|p| p.name == name.text) else {
                        self.unknown_argument(at, callee, params, name);
                        good = false;
                        continue;
                    };
                    index
                }
                None => {
                    if let Some(before) = named {
                        self.report(
                            Diagnostic::error(
                                "A2014",
                                at.file,
                                arg.value.span,
                                "an argument without a name after one with a name",
                            )
                            .with_label("which argument is this?")
                            .with_place(at.file, before, "named from here on")
                            .with_help("name it, or move it to the front"),
                        );
                        good = false;
                        continue;
                    }
                    if i >= params.len() {
                        self.report(
                            Diagnostic::error(
                                "A1003",
                                at.file,
                                arg.value.span,
                                match params.len() {
                                    0 => format!("`{callee}` takes no arguments"),
                                    1 => format!("`{callee}` takes 1 argument"),
                                    n => format!("`{callee}` takes {n} arguments"),
                                },
                            )
                            .with_label("one too many"),
                        );
                        good = false;
                        continue;
                    }
                    i
                }
            };
            let Some(slot) = slots.get_mut(index) else {
                continue;
            };
            if let Some(first) = slot {
                let first = first.name.as_ref().map_or(first.value.span, |n| n.span);
                let again = arg.name.as_ref().map_or(arg.value.span, |n| n.span);
                self.report(
                    Diagnostic::error(
                        "A1005",
                        at.file,
                        again,
                        format!("`{}` is given twice", params[index].name),
                    )
                    .with_label("given again here")
                    .with_place(at.file, first, "first given here"),
                );
                good = false;
            } else {
                *slot = Some(arg);
            }
        }
        (slots, good)
    }

    fn unknown_argument(&mut self, at: At, callee: &str, params: &[Param], name: &Name) {
        let words: Vec<&str> = params.iter().map(|p| p.name).collect();
        let mut error = Diagnostic::error(
            "A1003",
            at.file,
            name.span,
            format!("`{callee}` has no argument `{}`", name.text),
        )
        .with_label("unknown argument");
        error.help = Some(if words.is_empty() {
            "it takes none".into()
        } else {
            format!("it takes {}", all_of(&words))
        });
        let near = near(&name.text, words.iter().copied());
        self.report(suggested(error, name.span, &near));
    }

    /// The canonical value of a default, which is written in the language.
    pub(super) fn default(&mut self, param: &'static Param, spot: Spot) -> Option<Value> {
        let text = param.default?;
        let key = std::ptr::from_ref(param) as usize;
        if let Some(value) = self.defaults.get(&key) {
            return value.clone();
        }
        let value = parse_expr(text).and_then(|expr| {
            let metrics = std::mem::replace(&mut self.metrics, super::metric::Scope::Any);
            let value = self.value(
                NOWHERE,
                &expr,
                param.ty,
                param.bounds.as_ref(),
                spot,
                &mut Edges::default(),
            );
            self.metrics = metrics;
            value
        });
        self.defaults.insert(key, value.clone());
        value
    }
}

/// Parameters that arguments with an unknown name, or without one behind a named one, may have been meant for.
fn meant(params: &'static [Param], args: &[Arg]) -> Vec<&'static str> {
    let names = || params.iter().map(|p| p.name);
    let mut behind = args.iter().skip_while(|a| a.name.is_none());
    if behind.any(|a| a.name.is_none()) {
        return names().collect();
    }
    let written = args.iter().filter_map(|a| a.name.as_ref());
    let unknown = written.filter(|n| names().all(|name| name != n.text));
    unknown.flat_map(|n| near(&n.text, names())).collect()
}

/// `none` where an optional call may stand is the same as leaving it out.
pub(super) fn is_none(param: &Param, expr: &Expr) -> bool {
    !param.required
        && param.default.is_none()
        && matches!(param.ty, Ty::Call(g) if align_stdlib::builtin(g, "none").is_none())
        && matches!(&expr.kind, ExprKind::Ref(n) if n.text == "none")
}

/// `std.FOLDER`.
fn std_path(expr: &Expr) -> Option<&Name> {
    match &expr.kind {
        ExprKind::Member { base, field } => match &base.kind {
            ExprKind::Ref(name) if name.text == "std" => Some(field),
            _ => None,
        },
        _ => None,
    }
}

/// What stands before an expression that is parsed alone.
pub(super) const BEFORE: &str = "align 1\nlet x = ";

/// One expression out of a text; places in it are moved by the length of [`BEFORE`].
pub(super) fn parse_expr(text: &str) -> Option<Expr> {
    let parse = align_grammar::parse(&format!("{BEFORE}{text}\n"));
    if !parse.errors.is_empty() {
        return None;
    }
    match parse.file.items.into_iter().next()?.kind {
        align_grammar::ast::ItemKind::Let(formal) => formal.value,
        _ => None,
    }
}
