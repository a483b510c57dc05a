//! Is the learning rate one that its optimiser is used with?

use super::super::program::{Program, call, field};
use crate::diag::Diagnostic;

/// Compares `lr` with the usual range.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    for stage in program.stages() {
        let Some(optimiser) = field(&stage.block.body, "optim").and_then(call) else {
            continue;
        };
        let (low, high) = match optimiser.name {
            "adam" | "adamw" => (1e-6, 1e-2),
            "sgd" => (1e-5, 1.0),
            _ => continue,
        };
        let Some(rate) = optimiser.arg("lr", 0) else {
            continue;
        };
        let Some(value) = program.quantity(rate).map(|q| q.amount) else {
            continue;
        };
        // Zero and below are out of bounds, an error of their own.
        if value > 0.0 && !(low..=high).contains(&value) {
            let message = format!(
                "a rate of {value:e} is unusual for `{}`, which is used between {low:e} and {high:e}",
                optimiser.name
            );
            out.push(
                program
                    .found("unusual-rate", rate.span, message)
                    .with_label(if value > high { "large" } else { "small" })
                    .with_help("most stages start at 1e-3 to 1e-4"),
            );
        }
    }
}
