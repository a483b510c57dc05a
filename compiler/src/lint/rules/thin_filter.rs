//! Does a filter leave enough episodes?

use align_grammar::ast::{Block, ItemKind};
use align_schema::{Dim, Quantity};

use super::super::program::{Program, call, calls, field};
use crate::diag::Diagnostic;

/// Fewer episodes are too few.
const FEWEST: f64 = 10.0;

/// Multiplies the episodes of a `collect` with the share that a filter keeps.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    let datasets: Vec<&Block> = program
        .items()
        .filter_map(|(_, item)| match &item.kind {
            ItemKind::Dataset(block) => Some(&**block),
            _ => None,
        })
        .collect();
    for block in &datasets {
        let (Some(from), Some(keep)) = (&block.from, field(&block.body, "keep")) else {
            continue;
        };
        let origin = program.text(from.span);
        let source = datasets
            .iter()
            .find(|d| d.name.as_ref().is_some_and(|n| n.text == origin))
            .and_then(|d| field(&d.body, "source"))
            .and_then(call);
        let all = source
            .and_then(|s| {
                s.args
                    .iter()
                    .find(|a| a.name.as_ref().is_some_and(|n| n.text == "episodes"))
            })
            .and_then(|a| program.quantity(&a.value));
        let share = calls(keep).into_iter().find_map(|c| {
            let share = program.quantity(c.arg("share", 0)?)?;
            let share = Some(share).filter(|q: &Quantity| q.dim == Dim::Share)?;
            match c.name {
                "top" => Some(share.amount),
                "percentile" => Some(1.0 - share.amount),
                _ => None,
            }
        });
        let Some((all, share)) = all.zip(share) else {
            continue;
        };
        let left = (all.amount * share).round();
        if left < FEWEST {
            out.push(
                program
                    .found(
                        "thin-filter",
                        keep.span,
                        format!("this keeps about {left} of {} episodes", all.amount),
                    )
                    .with_label("a model learns so few by heart")
                    .with_help("keep a larger share, or collect more episodes"),
            );
        }
    }
}
