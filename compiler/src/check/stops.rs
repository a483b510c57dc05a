//! A5018: does a stage end for a reason, or only because its budget is used up?

use align_grammar::ast::{Stmt, StmtKind};
use align_schema::{Dim, Quantity};

use super::Checker;
use super::block::Fields;
use super::stage::{count, reads_budget};
use crate::diag::Diagnostic;
use crate::hir::Def;

impl Checker<'_> {
    /// A5018.  A schedule that ends with the budget means to use all of it, and a budget that is only a clock is a rule itself.
    pub(super) fn never_stops(
        &mut self,
        def: &Def,
        body: &[Stmt],
        given: &Fields,
        limits: &[Quantity],
    ) {
        let Some(budget) = given.get("budget") else {
            return;
        };
        let ruled = body.iter().any(|s| matches!(s.kind, StmtKind::Until(_)));
        // What is wrong in the schedule may be what reads the budget.
        let planned = given
            .get("optim")
            .is_some_and(|g| g.value.as_ref().is_none_or(reads_budget));
        let counted = count(limits).is_some() || limits.iter().any(|q| q.dim == Dim::Epochs);
        if ruled || planned || !counted || self.cut {
            return;
        }
        self.report(
            Diagnostic::warning(
                "A5018",
                def.at.file,
                def.name.span,
                format!("nothing stops stage `{}` but its budget", def.name.text),
            )
            .with_label("no `until` here")
            .with_place(def.at.file, budget.span, "it trains for all of this")
            .with_help(
                "add a rule such as `until plateau(valid.loss, improve: 1%, patience: 3 evals)`, or say that all of it is \
                 meant: `schedule: cosine(to: budget)`",
            ),
        );
    }
}
