//! Fields of a block against its schema: unknown, twice, missing, defaults.

use std::collections::BTreeMap;

use align_grammar::ast::{Expr, ExprKind, Span, Stmt, StmtKind};
use align_plan::Field;
use align_schema::{Block, Param, Ty, Value};
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::{Checker, Edges, Spot};
use crate::diag::Diagnostic;
use crate::hir::At;
use crate::suggest::{all_of, near, suggested};

/// A field as written.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// `None` when it is wrong, or unknown in this check.
    pub value: Option<Value>,
    /// Of its name.
    pub name: Span,
    /// Of its value.
    pub span: Span,
}

/// The written fields of a block.
pub(super) type Fields = FxHashMap<&'static str, Given>;

impl Checker<'_> {
    /// Checks every field that is written; `owner` is what a message calls the block.
    pub(super) fn fields(
        &mut self,
        at: At,
        schema: &'static Block,
        owner: &str,
        body: &[Stmt],
        prefix: &str,
        edges: &mut Edges,
    ) -> Fields {
        let mut written: Vec<(&'static Param, Span, &Expr)> = Vec::new();
        let mut meant: Vec<(&'static str, Given)> = Vec::new();
        for stmt in body {
            let StmtKind::Field { path, value } = &stmt.kind else {
                continue;
            };
            let text = path.text();
            let Some(param) = schema.field(&text) else {
                if matches!(value.kind, ExprKind::Error) {
                    // Whether this was meant to be a field is not known.
                    continue;
                }
                if let Some(name) = self.unknown_field(at, schema, owner, &text, path.span) {
                    // A misspelt field is wrong, but it is not missing too.
                    let given = Given {
                        value: None,
                        name: path.span,
                        span: value.span,
                    };
                    meant.push((name, given));
                }
                continue;
            };
            if let Some((_, first, _)) = written.iter().find(|w| w.0.name == param.name) {
                self.report(
                    Diagnostic::error(
                        "A1005",
                        at.file,
                        path.span,
                        format!("`{text}` is set twice"),
                    )
                    .with_label("set again here")
                    .with_place(at.file, *first, "first set here")
                    .with_help("keep one of them"),
                );
                continue;
            }
            written.push((param, path.span, value));
        }
        // In the order of the schema, so that the order in which a person writes fields means nothing.
        let mut out = Fields::with_capacity_and_hasher(written.len(), FxBuildHasher);
        for param in schema.fields {
            let Some((_, name, value)) = written.iter().find(|w| w.0.name == param.name) else {
                continue;
            };
            if super::call::is_none(param, value) {
                // `none` is the same as leaving it out.
                continue;
            }
            let role = [prefix, param.name].concat();
            let spot = Spot {
                path: &role,
                name: param.name,
            };
            let checked = if param.ty == Ty::Budget {
                self.budget(at, value).map(|all| {
                    Value::from(all.into_iter().map(Value::Quantity).collect::<Vec<_>>())
                })
            } else {
                self.value(at, value, param.ty, param.bounds.as_ref(), spot, edges)
            };
            out.insert(
                param.name,
                Given {
                    value: checked,
                    name: *name,
                    span: value.span,
                },
            );
        }
        for (name, given) in meant {
            out.entry(name).or_insert(given);
        }
        out
    }

    /// Reports it; returns the field that it was likely meant to be.
    fn unknown_field(
        &mut self,
        at: At,
        schema: &'static Block,
        owner: &str,
        text: &str,
        span: Span,
    ) -> Option<&'static str> {
        let names: Vec<&'static str> = schema.fields.iter().map(|f| f.name).collect();
        let mut error = Diagnostic::error(
            "A1002",
            at.file,
            span,
            format!("{owner} has no field `{text}`"),
        )
        .with_label("unknown field");
        error.help = Some(match text.split_once('.') {
            Some((field, inner)) if names.contains(&field) => {
                format!("write it inside the call: `{field} = ..({inner}: ..)`")
            }
            _ => format!("its fields are {}", all_of(&names)),
        });
        let near = near(text, names.iter().copied());
        self.report(suggested(error, span, &near));
        names.into_iter().find(|n| near.first() == Some(n))
    }

    /// A2002 for a required field.
    pub(super) fn missing_field(&mut self, at: At, span: Span, owner: &str, param: &Param) {
        if self.cut {
            return;
        }
        self.report(
            Diagnostic::error(
                "A2002",
                at.file,
                span,
                format!("{owner} needs the field `{}`", param.name),
            )
            .with_label(format!("`{}` is missing", param.name))
            .with_help(format!(
                "`{}` is {}: {}",
                param.name,
                super::value::wanted(param.ty),
                param.docs.trim().trim_end_matches('.')
            )),
        );
    }

    /// Every field of a block with its default where it was not written; `None` when one is wrong or missing.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn complete(
        &mut self,
        at: At,
        schema: &'static Block,
        owner: &str,
        header: Span,
        given: &Fields,
        skip: &[&str],
    ) -> Option<BTreeMap<String, Field>> {
        let mut out = BTreeMap::new();
        let mut good = true;
        let here = self.place(at, header);
        for param in schema.fields {
            if skip.contains(&param.name) {
                good &= given.get(param.name).is_none_or(|g| g.value.is_some());
                continue;
            }
            let (value, place) = match given.get(param.name) {
                Some(given) => match &given.value {
                    Some(value) => (value.clone(), self.place(at, given.name)),
                    None => {
                        good = false;
                        continue;
                    }
                },
                None => {
                    let spot = Spot {
                        path: param.name,
                        name: param.name,
                    };
                    if param.default.is_some() {
                        match self.default(param, spot) {
                            Some(value) => (value, here.clone()),
                            None => {
                                good = false;
                                continue;
                            }
                        }
                    } else {
                        if param.required {
                            self.missing_field(at, header, owner, param);
                            good = false;
                        }
                        continue;
                    }
                }
            };
            out.insert(
                param.name.to_owned(),
                Field {
                    value,
                    effect: param.effect,
                    place,
                },
            );
        }
        good.then_some(out)
    }
}
