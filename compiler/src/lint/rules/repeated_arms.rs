//! Are failure arms written once?

use align_grammar::ast::{Span, StmtKind};
use rustc_hash::FxHashMap;

use super::super::program::Program;
use crate::diag::Diagnostic;

/// Fewer arms than this are not worth a name.
const FEWEST: usize = 2;

/// Compares the arms of stages, blanks left aside.
pub fn find(program: &Program<'_>, out: &mut Vec<Diagnostic>) {
    let mut first: FxHashMap<String, Span> = FxHashMap::default();
    for stage in program.stages() {
        for stmt in &stage.block.body {
            let StmtKind::On { event, arms, .. } = &stmt.kind else {
                continue;
            };
            if arms.len() < FEWEST {
                continue;
            }
            let mut key = event.text.clone();
            for arm in arms {
                key.push('\n');
                key.extend(program.text(arm.span).split_whitespace());
            }
            match first.get(&key) {
                None => {
                    first.insert(key, event.span);
                }
                Some(&before) => {
                    let message = format!("`{}` answers failures in the same words", stage.name());
                    let found = program
                        .found("repeated-arms", event.span, message)
                        .with_label("the same arms again")
                        .with_help("write them once: `policy careful { .. }`, then `on failure => careful`");
                    out.push(program.also(found, before, "written here first"));
                }
            }
        }
    }
}
