//! Does a claim rest on enough seeds?

use std::collections::BTreeSet;

use align_grammar::ast::StmtKind;

use super::super::program::Program;
use crate::diag::Diagnostic;

/// Fewer than this support no claim.
const FEWEST: usize = 3;

/// Counts the seeds of the lanes that a report with an `expect` is about.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    let Some(plan) = program.plan else {
        return;
    };
    for report in program.reports() {
        let claim = report.body.iter().find_map(|s| match &s.kind {
            StmtKind::Expect(expr) => Some(expr.span),
            _ => None,
        });
        let Some((claim, of)) = claim.zip(report.of.as_ref()) else {
            continue;
        };
        let name = of.text();
        let about = |l: &&align_plan::Lane| l.sweep.as_deref() == Some(name.as_str());
        let lanes: Vec<_> = plan.lanes.iter().filter(about).collect();
        // A pipeline without a sweep is one lane.
        let seeds: BTreeSet<u64> = lanes.iter().map(|l| l.seed).collect();
        let count = seeds.len().max(1);
        if count < FEWEST {
            let message = format!(
                "this claim rests on {count} seed{}",
                if count == 1 { "" } else { "s" }
            );
            out.push(
                program
                    .found("few-seeds", claim, message)
                    .with_label("true by luck, perhaps")
                    .with_help("sweep over at least 3 seeds: `seed in 0..<3`"),
            );
        }
    }
}
