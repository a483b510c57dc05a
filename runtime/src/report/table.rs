//! The table that a report asks for (`table = mean_ci(score) by [task, stage]`): which cells, over which lanes?

use align_plan::Plan;
use align_runtime_api::NodeStatus;
use align_schema::{Call, Value};

use super::claims::Scores;
use super::format::{metric, number, points, unit_of};
use super::stats;

/// The table that a report asks for (`mean_ci(score, level: 95%) by [task, stage]`): a header and rows of cells.
///
/// Rows stand in the order of the program; none when no report asks for a table.
pub fn table_of(plan: &Plan, statuses: &[NodeStatus]) -> Option<(Vec<String>, Vec<Vec<String>>)> {
    let asked = plan.reports.iter().find_map(|r| r.table.as_ref())?;
    let call = find_call(asked, &["mean_ci", "iqm", "mean", "median", "spread"])?;
    let name = call.args.iter().find_map(|(_, v)| match v {
        Value::Name(n) => Some(n.clone()),
        _ => None,
    });
    let name = name.unwrap_or_else(|| "score".to_owned());
    let level = call.arg("level").and_then(Value::number).unwrap_or(0.95);
    let by = keys(asked);
    let by_stage = by.is_empty() || by.iter().any(|k| k == "stage");
    let axes: Vec<&String> = by.iter().filter(|k| *k != "stage").collect();

    let mut cells: Vec<(Vec<String>, Vec<f64>, Vec<f64>)> = Vec::new();
    let of = plan.reports.iter().find(|r| r.table.is_some());
    let scores = Scores::new(plan, statuses, of.map_or("", |r| &r.of));
    let mut stages: Vec<&str> = Vec::new();
    for node in &plan.nodes {
        if node.kind != align_plan::NodeKind::Dataset && !stages.contains(&node.name.as_str()) {
            stages.push(&node.name);
        }
    }
    for lane in scores.lanes(scores.of) {
        let axis = |k: &&String| {
            let value = lane
                .axes
                .iter()
                .find(|(n, _)| n == *k)
                .map(|(_, v)| v.to_string());
            value.unwrap_or_else(|| "–".to_owned())
        };
        let of_lane: Vec<String> = axes.iter().map(axis).collect();
        for stage in &stages {
            let Some((_, status)) = scores.node(&lane.id, stage) else {
                continue;
            };
            let Some(value) = status.best.get(&name) else {
                continue;
            };
            let mut key = of_lane.clone();
            if by_stage {
                key.push((*stage).to_owned());
            }
            let episodes = if name == "score" {
                status.episodes.clone()
            } else {
                Vec::new()
            };
            match cells.iter_mut().find(|(k, _, _)| *k == key) {
                Some((_, values, _)) => values.push(*value),
                None => cells.push((key, vec![*value], episodes)),
            }
        }
    }
    let mut head: Vec<String> = axes.into_iter().cloned().collect();
    if by_stage {
        head.push("stage".to_owned());
    }
    head.push(format!("{name}, {}", call.name));
    head.push("over".to_owned());
    let rows = cells
        .into_iter()
        .map(|(mut key, values, episodes)| {
            let single = values.len() == 1 && episodes.len() > 1;
            let (xs, over) = if single {
                let n = episodes.len();
                (episodes, format!("{n} episodes"))
            } else {
                let n = values.len();
                (
                    values,
                    if n == 1 {
                        "1 lane".to_owned()
                    } else {
                        format!("{n} lanes")
                    },
                )
            };
            key.push(cell(&call.name, &name, &xs, level));
            key.push(over);
            key
        })
        .collect::<Vec<_>>();
    (!rows.is_empty()).then_some((head, rows))
}

fn cell(statistic: &str, name: &str, xs: &[f64], level: f64) -> String {
    let show = |x: Option<f64>| x.map_or_else(|| "–".to_owned(), |x| metric(name, x));
    match statistic {
        "iqm" => show(stats::iqm(xs)),
        "median" => show(stats::quantile(xs, 0.5)),
        "spread" => show(stats::std(xs)),
        _ => match stats::mean_ci(xs, level) {
            Some((m, Some(half))) => {
                let plain = |x: f64| {
                    if unit_of(name) == "points" {
                        points(x)
                    } else {
                        number(x)
                    }
                };
                format!("{} ± {}", plain(m), plain(half))
            }
            Some((m, None)) => metric(name, m),
            None => "–".to_owned(),
        },
    }
}

fn find_call<'a>(value: &'a Value, names: &[&str]) -> Option<&'a Call> {
    match value {
        Value::Call(call) if names.contains(&call.name.as_str()) => Some(call),
        Value::Call(call) => call.args.iter().find_map(|(_, v)| find_call(v, names)),
        Value::List(items) => items.iter().find_map(|v| find_call(v, names)),
        Value::Record(fields) => fields.iter().find_map(|(_, v)| find_call(v, names)),
        _ => None,
    }
}

/// Names in the list after `by`.
fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::List(items) => items
            .iter()
            .filter_map(|v| match v {
                Value::Name(n) | Value::Str(n) => Some(n.clone()),
                _ => None,
            })
            .collect(),
        Value::Call(call) => call.args.iter().flat_map(|(_, v)| keys(v)).collect(),
        Value::Record(fields) => fields.iter().flat_map(|(_, v)| keys(v)).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{call, name, plan, statuses};
    use align_plan::Report;

    #[test]
    fn the_table_has_a_row_for_each_scored_stage() {
        let mut plan = plan();
        let ci = call(
            "mean_ci",
            &[("metric", name("score")), ("level", Value::Float(0.95))],
        );
        plan.reports = vec![Report {
            of: "main".into(),
            table: Some(call(
                "by",
                &[("left", ci), ("right", Value::from(vec![name("stage")]))],
            )),
            expects: Vec::new(),
        }];
        let (head, rows) = table_of(&plan, &statuses()).unwrap();
        assert_eq!(head, ["stage", "score, mean_ci", "over"]);
        let stages: Vec<_> = rows
            .iter()
            .filter_map(|r| r.first())
            .map(String::as_str)
            .collect();
        assert_eq!(stages, ["pretrain", "rl", "aligned", "controller"]);
        // 52 ± 4.303 * 30 / sqrt(3).
        assert_eq!(rows.first().unwrap().get(1).unwrap(), "52.0 ± 74.5");
    }
}
