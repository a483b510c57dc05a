//! A7004: can an episode pass a dataset's filter?
//!
//! A filter narrows what the filters before it have left; what is known of the file (the returns of D4RL's, a task's time limit)
//! narrows it from the start.

use align_grammar::ast::Span;
use align_plan::Cmp;
use align_schema::{Dim, Quantity, Value};

use super::block::Fields;
use super::exclude::{Range, apart, interval};
use super::learned::Origin;
use super::{Checker, DataInfo};
use crate::diag::{Diagnostic, FileId};
use crate::hir::Def;
use align_stdlib::envs::Task;
use std::rc::Rc;

/// Ranges that filters have left, each with its place.
pub(super) type Kept = Rc<Vec<(Range, FileId, Span)>>;

impl Checker<'_> {
    /// A7004 and A7006 of the field `keep`; what is left after it, and whether it is right.
    pub(super) fn keeps(
        &mut self,
        def: &Def,
        given: &Fields,
        from: Option<&DataInfo>,
        own: &Origin,
        task: Option<&Task>,
    ) -> (Kept, bool) {
        let before = from.map(|d| Rc::clone(&d.kept)).unwrap_or_default();
        let (origin, name) = match from {
            Some(data) => (&*data.origin, data.name.text.as_str()),
            None => (own, def.name.text.as_str()),
        };
        let Some(field) = given.get("keep") else {
            return (before, true);
        };
        let Some(Value::Call(filter)) = &field.value else {
            return (before, true);
        };
        let here = (def.at.file, field.span);
        let left = filter.arg("left");
        let counts = matches!(left, Some(Value::Name(n)) if n == "length");
        if !counts && !self.without_rewards(here, "this filter", origin, name) {
            return (before, false);
        }
        let (Some(Value::Name(measure)), Some(op), Some(right)) =
            (left, operator(&filter.name), filter.arg("right"))
        else {
            return (before, true);
        };
        if let Value::Call(call) = right {
            let share = call.arg("share").and_then(Value::number);
            let nothing = matches!((op, share), (Cmp::Gt, Some(1.0)) | (Cmp::Lt, Some(0.0)));
            if nothing && call.name == "percentile" {
                self.report(
                    nothing_kept(here, "no episode lies beyond this percentile").with_help(
                        "`percentile(100%)` is the largest value itself: compare with `>=`",
                    ),
                );
                return (before, false);
            }
            return (before, true);
        }
        let Some(range) = right
            .number()
            .and_then(|x| in_returns(measure, op, x, task))
        else {
            return (before, true);
        };
        if let Some((_, file, span)) = before.iter().find(|(r, ..)| apart(r, &range)) {
            self.report(
                nothing_kept(here, "and this")
                    .with_place(*file, *span, "this filter has left the others out")
                    .with_help("change one of the numbers, or filter the dataset before it"),
            );
            return (before, false);
        }
        if let Some(error) = known(&range, measure, origin, task, here) {
            self.report(error);
            return (before, false);
        }
        let mut all = (*before).clone();
        all.push((range, def.at.file, field.span));
        (Rc::new(all), true)
    }

    /// A7006 of `by_return`: pairs of the data itself, or of plans that no built-in environment can run.
    pub(super) fn ranks(
        &mut self,
        at: FileId,
        given: &Fields,
        data: Option<&DataInfo>,
        sampled: bool,
    ) -> bool {
        let (Some(field), Some(data)) = (given.get("prefer"), data) else {
            return true;
        };
        let by_return = matches!(&field.value, Some(Value::Call(c)) if c.name == "by_return");
        let runs = sampled && data.task.is_some();
        !by_return
            || runs
            || self.without_rewards(
                (at, field.span),
                "`by_return`",
                &data.origin,
                &data.name.text,
            )
    }
}

fn nothing_kept((file, span): (FileId, Span), label: &str) -> Diagnostic {
    Diagnostic::error("A7004", file, span, "the filter keeps nothing").with_label(label)
}

fn operator(symbol: &str) -> Option<Cmp> {
    Some(match symbol {
        ">=" => Cmp::Ge,
        ">" => Cmp::Gt,
        "<=" => Cmp::Le,
        "<" => Cmp::Lt,
        _ => return None,
    })
}

/// Scores as returns where the task is known, so that both can be compared.
fn in_returns(measure: &str, op: Cmp, x: f64, task: Option<&Task>) -> Option<Range> {
    match (measure, task) {
        ("score", Some(task)) => interval("return".into(), op, task.min_score + x * task.point()),
        _ => interval(measure.to_owned(), op, x),
    }
}

/// What is known of a file or a task leaves nothing.
fn known(
    range: &Range,
    measure: &str,
    origin: &Origin,
    task: Option<&Task>,
    here: (FileId, Span),
) -> Option<Diagnostic> {
    let task = task?;
    if range.of == "length" && matches!(origin.source_name(), "d4rl" | "collect") {
        let whole = interval("length".into(), Cmp::Le, task.max_steps as f64)?;
        return apart(range, &whole).then(|| {
            nothing_kept(here, "longer than any episode").with_help(format!(
                "an episode of `{}` has at most {} steps",
                task.name, task.max_steps
            ))
        });
    }
    if range.of != "return" || origin.source_name() != "d4rl" {
        return None;
    }
    let (low, high) = align_stdlib::envs::returns(task.name)?;
    let (below, above) = (
        interval("return".into(), Cmp::Le, high)?,
        interval("return".into(), Cmp::Ge, low)?,
    );
    let best = apart(range, &below);
    if !best && !apart(range, &above) {
        return None;
    }
    let bound = if best { high } else { low };
    let shown = if measure == "score" {
        let points = (task.score(bound) * 10.0).round() / 10.0;
        Quantity::new(points, Dim::Score).to_string()
    } else {
        format!("{} return", bound.round())
    };
    let (word, label) = if best {
        ("best", "above every episode of the file")
    } else {
        ("worst", "below every episode of the file")
    };
    Some(nothing_kept(here, label).with_help(format!(
        "the {word} episode of `{}` has {shown}; a share needs no number: `top(10%)`",
        task.name
    )))
}
