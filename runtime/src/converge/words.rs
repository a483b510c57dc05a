//! Why a condition held, and how near it is, for people.

use align_plan::{Better, Cmp, Condition, MetricRef, Operand};
use align_schema::{Dim, Quantity};

use super::{
    History, best_before, deviation, flat_bound, gain, margin, operand, stale, truth, window,
};
use crate::words::number;

fn count(n: u64, unit: &str) -> String {
    if n == 1 {
        format!("1 {}", unit.trim_end_matches('s'))
    } else {
        format!("{n} {unit}")
    }
}

/// A required improvement, as people say it.
fn step_up(metric: &MetricRef, improve: Quantity) -> String {
    match (improve.dim, metric.better) {
        (Dim::Share, _) => format!("{improve} better"),
        (_, Better::Up) => format!("+{improve}"),
        (_, Better::Down) => format!("-{improve}"),
    }
}

pub(super) fn reason(condition: &Condition, history: &History<'_>) -> String {
    let all = |items: &[Condition], word: &str| {
        items
            .iter()
            .filter(|c| truth(c, history) == Some(true))
            .map(|c| reason(c, history))
            .collect::<Vec<_>>()
            .join(word)
    };
    match condition {
        Condition::And(items) => all(items, " and "),
        // One reason is enough.
        Condition::Or(items) => items
            .iter()
            .find(|c| truth(c, history) == Some(true))
            .map(|c| reason(c, history))
            .unwrap_or_default(),
        Condition::Not(inner) => format!("no longer: {}", leaf(inner)),
        Condition::Plateau {
            metric,
            improve,
            patience,
            ..
        } => format!(
            "plateau of {}, {} under {}",
            metric.name,
            count(*patience, history.unit),
            step_up(metric, *improve)
        ),
        Condition::Reaches { metric, value } => format!(
            "{} reached {} (wanted {})",
            metric.name,
            number(history.newest(metric).unwrap_or(f64::NAN)),
            number(*value)
        ),
        Condition::Flat { metric, over, .. } => format!(
            "{} is flat: standard deviation {} over {}",
            metric.name,
            window(history, metric, *over).map_or_else(String::new, |v| number(deviation(&v).0)),
            count(*over, history.unit)
        ),
        Condition::Diverges { metric, worse } => format!(
            "{} is at {}, {worse} worse than its best {}",
            metric.name,
            number(history.newest(metric).unwrap_or(f64::NAN)),
            number(best_before(history, metric).unwrap_or(f64::NAN))
        ),
        Condition::Compare { .. } => leaf(condition),
    }
}

/// A condition in a few words, without a history.
fn leaf(condition: &Condition) -> String {
    let side = |o: &Operand| match o {
        Operand::Metric(m) => m.name.clone(),
        Operand::Clock(dim) => dim.unit_name().to_owned(),
        Operand::Number(x) => number(*x),
    };
    match condition {
        Condition::And(_) | Condition::Or(_) | Condition::Not(_) => joined(condition, leaf),
        Condition::Plateau { metric, .. } => format!("plateau of {}", metric.name),
        Condition::Reaches { metric, value } => {
            format!("{} reaches {}", metric.name, number(*value))
        }
        Condition::Flat { metric, .. } => format!("{} is flat", metric.name),
        Condition::Diverges { metric, .. } => format!("{} diverges", metric.name),
        Condition::Compare { left, op, right } => {
            format!("{} {} {}", side(left), op.symbol(), side(right))
        }
    }
}

/// Conditions that are made of others, each in the words of `part`.
fn joined(condition: &Condition, part: fn(&Condition) -> String) -> String {
    let all = |items: &[Condition], word: &str| {
        let parts: Vec<String> = items.iter().map(part).collect();
        parts.join(word)
    };
    match condition {
        Condition::And(items) => all(items, " and "),
        Condition::Or(items) => all(items, " or "),
        Condition::Not(inner) => format!("not {}", part(inner)),
        single => part(single),
    }
}

/// A condition as a program writes it, with what it left to defaults.
pub fn written(condition: &Condition) -> String {
    match condition {
        Condition::And(_) | Condition::Or(_) | Condition::Not(_) => joined(condition, written),
        Condition::Plateau {
            metric,
            improve,
            patience,
            warmup,
        } => {
            let warmup = warmup.map_or_else(String::new, |w| format!(", warmup: {w}"));
            let name = &metric.name;
            format!("plateau({name}, improve: {improve}, patience: {patience}{warmup})")
        }
        Condition::Reaches { metric, value } => {
            format!("reaches({}, {})", metric.name, number(*value))
        }
        Condition::Flat {
            metric,
            within,
            over,
        } => format!("flat({}, within: {within}, over: {over})", metric.name),
        Condition::Diverges { metric, worse } => {
            format!("diverges({}, worse: {worse})", metric.name)
        }
        Condition::Compare { .. } => leaf(condition),
    }
}

/// Which part of a condition is how near, such as `plateau of score 2/5 evals`; nothing before the first evaluation.
pub fn nearest(condition: &Condition, history: &History<'_>) -> Option<String> {
    near(condition, history).map(|(_, text)| text)
}

/// Share of the way (0 to 1) and words.
fn near(condition: &Condition, history: &History<'_>) -> Option<(f64, String)> {
    let pick = |items: &[Condition], last: bool| {
        let mut found: Vec<(f64, String)> = items.iter().filter_map(|c| near(c, history)).collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        if last {
            found.pop()
        } else {
            found.into_iter().next()
        }
    };
    match condition {
        // All must hold, so the farthest says when; of several that suffice, the nearest.
        Condition::And(items) => pick(items, false),
        Condition::Or(items) => pick(items, true),
        Condition::Not(inner) => {
            truth(inner, history).map(|t| (f64::from(u8::from(!t)), leaf(condition)))
        }
        Condition::Plateau {
            metric,
            improve,
            patience,
            warmup,
        } => {
            let wait = stale(history, metric, *improve, *warmup)?;
            Some((
                (wait as f64 / (*patience).max(1) as f64).min(1.0),
                format!(
                    "plateau of {} {wait}/{patience} {}",
                    metric.name, history.unit
                ),
            ))
        }
        Condition::Reaches { metric, value } => {
            let now = history.newest(metric)?;
            let start = history.values(metric).next()?;
            let way = gain(metric.better, *value, start);
            let share = if way > 0.0 {
                (gain(metric.better, now, start) / way).clamp(0.0, 1.0)
            } else {
                1.0
            };
            Some((
                share,
                format!("{} {} of {}", metric.name, number(now), number(*value)),
            ))
        }
        Condition::Flat {
            metric,
            within,
            over,
        } => {
            history.newest(metric)?;
            let have = history.values(metric).count() as u64;
            if have < *over {
                return Some((
                    0.5 * have as f64 / (*over).max(1) as f64,
                    format!("{} flat {have}/{over} {}", metric.name, history.unit),
                ));
            }
            let values = window(history, metric, *over)?;
            let (sd, bound) = (deviation(&values).0, flat_bound(*within, &values));
            Some((
                if sd > 0.0 { (bound / sd).min(1.0) } else { 1.0 },
                format!(
                    "{} deviates by {}, flat at {}",
                    metric.name,
                    number(sd),
                    number(bound)
                ),
            ))
        }
        Condition::Diverges { metric, worse } => {
            let (now, best) = (history.newest(metric)?, best_before(history, metric)?);
            let lost = (-gain(metric.better, now, best)).max(0.0);
            let bound = margin(*worse, best);
            Some((
                if bound > 0.0 {
                    (lost / bound).min(1.0)
                } else {
                    0.0
                },
                format!("{} {} under its best", metric.name, number(lost)),
            ))
        }
        Condition::Compare { left, op, right } => {
            let (a, b) = (operand(history, left)?, operand(history, right)?);
            let share = match op {
                _ if op.holds(a, b) => 1.0,
                Cmp::Ge | Cmp::Gt if b > 0.0 => (a / b).clamp(0.0, 1.0),
                Cmp::Le | Cmp::Lt if a > 0.0 => (b / a).clamp(0.0, 1.0),
                _ => 0.0,
            };
            Some((share, format!("{}, now {}", leaf(condition), number(a))))
        }
    }
}
