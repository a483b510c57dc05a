//! Do comments that silence rules silence anything?

use super::super::allow::Allowed;
use super::super::program::Program;
use super::super::{Choice, rule};
use super::ALL;
use crate::diag::Diagnostic;
use crate::suggest::{near, suggested};

/// Needs what the others found: see [`idle`].
pub fn find(_: &Program<'_>, _: &mut Vec<Diagnostic>) {}

/// Looks at every comment that allows something, after the other rules have `found` what they find.
pub fn idle(
    program: &Program<'_>,
    allowed: &Allowed,
    choice: &Choice,
    found: &[Diagnostic],
) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    for allow in &allowed.all {
        let silent = allowed.covers("idle-allow", allow.line);
        let useful = found
            .iter()
            .any(|d| d.code == allow.rule && program.line(d.span) == allow.line);
        if silent || useful {
            continue;
        }
        let at = |message| program.found("idle-allow", allow.span, message);
        match rule(&allow.rule) {
            // Of a rule that was not asked nothing is known.
            Some(known) if !choice.has(known) => {}
            Some(_) => out.push(
                at(format!("`{}` finds nothing here", allow.rule))
                    .with_help("remove the comment: the next finding would be silenced unseen"),
            ),
            None => {
                let near = near(&allow.rule, ALL.iter().map(|r| r.name));
                let message = at(format!("there is no rule `{}`", allow.rule))
                    .with_help("`align lint --list` names all");
                out.push(suggested(message, allow.span, &near));
            }
        }
    }
    out
}
