//! A4008: does a pipeline reach into itself?
//!
//! A pipeline's own stages are in scope by their names alone; with the pipeline's name before them they would be those of another
//! instance of it, which would hold one more, and so on without end.

use align_grammar::ast::{Expr, ExprKind, Name, Span};

use super::Checker;
use crate::diag::{Diagnostic, Edit};
use crate::hir::{At, DefId, Kind};

impl Checker<'_> {
    /// A4008 for an expression such as `lane.pretrain.best` inside of `lane`; false when it is none.
    pub(super) fn reaches_itself(&mut self, at: At, expr: &Expr) -> bool {
        let Some((name, next)) = first_two(expr) else {
            return false;
        };
        let Some(id) = self.own_pipeline(at, name) else {
            return false;
        };
        self.contains_itself(at, id, name, expr.span, next);
        true
    }

    /// The pipeline that a name means, when it stands inside of that very pipeline.
    pub(super) fn own_pipeline(&self, at: At, name: &Name) -> Option<DefId> {
        let program = self.program;
        let id = program.lookup(at.scope, &name.text)?;
        match &program.def(id).kind {
            Kind::Pipeline(p) if p.scope == at.scope => Some(id),
            _ => None,
        }
    }

    pub(super) fn contains_itself(
        &mut self,
        at: At,
        pipeline: DefId,
        name: &Name,
        span: Span,
        next: Option<&Name>,
    ) {
        let def = self.program.def(pipeline);
        let text = &def.name.text;
        let mut error = Diagnostic::error(
            "A4008",
            at.file,
            span,
            format!("pipeline `{text}` contains itself"),
        )
        .with_label(format!("inside of `{text}`"))
        .with_place(def.at.file, def.name.span, "this pipeline");
        if let Some(next) = next
            && self.program.lookup(at.scope, &next.text).is_some()
        {
            error = error
                .with_help(format!(
                    "its own stages have no prefix: write `{}`",
                    next.text
                ))
                .with_fix(
                    format!("leave `{text}.` out"),
                    true,
                    vec![Edit {
                        file: at.file,
                        span: Span {
                            start: name.span.start,
                            end: next.span.start,
                        },
                        text: String::new(),
                    }],
                );
        } else {
            error = error.with_help("name one of its own stages");
        }
        self.report(error);
    }
}

/// The first name of a chain of names and calls, and the one after it.
fn first_two(expr: &Expr) -> Option<(&Name, Option<&Name>)> {
    match &expr.kind {
        ExprKind::Ref(name) => Some((name, None)),
        ExprKind::Member { base, field } => match &base.kind {
            ExprKind::Ref(name) => Some((name, Some(field))),
            _ => first_two(base),
        },
        ExprKind::Call { callee, .. } => first_two(callee),
        ExprKind::Index { base, .. } => first_two(base),
        _ => None,
    }
}
