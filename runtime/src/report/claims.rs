//! Whether the claims of a report (`expect iqm(controller.score) >= 70 points`) hold, and its table of intervals.
//!
//! A value `stage.metric` is taken at the stage's best checkpoint, one number a lane.  With a single lane a statistic of
//! `score` is over that lane's episodes.  Must not know where a file writes its claims.

use std::collections::BTreeMap;

use align_plan::{Node, NodeId, Plan};
use align_runtime_api::{NodeState, NodeStatus};
use align_schema::{Call, Value};

use super::format::{metric, number, points, unit_of};
use super::stats;

/// A claim with what was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// As written.
    pub text: String,
    /// Value of the left side.
    pub left: Option<f64>,
    /// Value of the right side.
    pub right: Option<f64>,
    /// Whether it holds; none when a value is missing.
    pub met: Option<bool>,
    /// What was compared, in words: `73.1 points against 70.0 points, over 5 lanes`, or why it could not be.
    pub found: String,
    /// `file:line`.
    pub place: String,
}

/// Looks metrics up by the name that a program uses.
pub struct Scores<'a> {
    plan: &'a Plan,
    by_id: BTreeMap<&'a NodeId, &'a NodeStatus>,
}

/// What one `stage.metric` is in each lane, and over which samples a statistic of it runs.
#[derive(Clone, Debug, Default, PartialEq)]
struct Samples {
    /// (lane, value at the best checkpoint).
    lanes: Vec<(String, f64)>,
    /// Episodes of the only lane, when the metric is the score.
    episodes: Vec<f64>,
    /// Standard deviation over episodes, one a lane.
    spreads: Vec<f64>,
    /// Name of the metric.
    metric: String,
}

impl Samples {
    fn values(&self) -> Vec<f64> {
        if self.lanes.len() == 1 && self.episodes.len() > 1 {
            self.episodes.clone()
        } else {
            self.lanes.iter().map(|(_, v)| *v).collect()
        }
    }
    fn over(&self) -> String {
        match (self.lanes.len(), self.episodes.len()) {
            (1, n) if n > 1 => format!("over {n} episodes"),
            (1, _) => "one lane".to_owned(),
            (n, _) => format!("over {n} lanes"),
        }
    }
}

impl<'a> Scores<'a> {
    /// Of a plan and the statuses of its nodes.
    pub fn new(plan: &'a Plan, statuses: &'a [NodeStatus]) -> Self {
        Self {
            plan,
            by_id: statuses.iter().map(|s| (&s.id, s)).collect(),
        }
    }

    /// The last round of this name that is done in a lane, with its status.
    fn node(&self, lane: &str, name: &str) -> Option<(&'a Node, &'a NodeStatus)> {
        self.plan
            .nodes
            .iter()
            .filter(|n| n.lane == lane && n.name == name)
            .filter_map(|n| Some((n, *self.by_id.get(&n.id)?)))
            .rfind(|(_, s)| s.state == NodeState::Done)
    }

    fn samples(&self, path: &str) -> Result<Samples, String> {
        let (stage, metric) = path.split_once('.').unwrap_or((path, "score"));
        let mut out = Samples {
            metric: metric.to_owned(),
            ..Samples::default()
        };
        for lane in &self.plan.lanes {
            let Some((_, status)) = self.node(&lane.id, stage) else {
                continue;
            };
            let Some(value) = status.best.get(metric).or_else(|| status.last.get(metric)) else {
                continue;
            };
            out.lanes.push((lane.id.clone(), *value));
            if metric == "score" {
                out.episodes.clone_from(&status.episodes);
                let spread = status.best.get("spread").copied();
                out.spreads
                    .extend(spread.or_else(|| stats::std(&status.episodes)));
            }
        }
        if out.lanes.is_empty() {
            return Err(format!("`{path}` has no value: `{stage}` did not finish"));
        }
        Ok(out)
    }
}

/// A value with how it is to be shown.
struct Side {
    value: f64,
    unit: &'static str,
    over: Option<String>,
}

impl Side {
    fn text(&self) -> String {
        match self.unit {
            "points" => format!("{} points", points(self.value)),
            "%" => format!("{}%", number(self.value * 100.0)),
            _ => number(self.value),
        }
    }
}

/// Checks every claim of every report.
pub fn claims(plan: &Plan, statuses: &[NodeStatus]) -> Vec<Claim> {
    let scores = Scores::new(plan, statuses);
    let check = |expect: &align_plan::Expect| {
        let place = format!("{}:{}", expect.place.file, expect.place.line);
        let (left, right) = (side(&scores, &expect.left), side(&scores, &expect.right));
        let (met, found) = match (&left, &right) {
            (Ok(l), Ok(r)) => {
                let over = l.over.as_ref().or(r.over.as_ref());
                let over = over.map_or(String::new(), |o| format!(", {o}"));
                let text = format!("{} against {}{over}", l.text(), r.text());
                (Some(expect.op.holds(l.value, r.value)), text)
            }
            (Err(why), _) | (_, Err(why)) => (None, why.clone()),
        };
        Claim {
            text: expect.text.clone(),
            left: left.ok().map(|s| s.value),
            right: right.ok().map(|s| s.value),
            met,
            found,
            place,
        }
    };
    plan.reports
        .iter()
        .flat_map(|r| &r.expects)
        .map(check)
        .collect()
}

fn side(scores: &Scores<'_>, value: &Value) -> Result<Side, String> {
    match value {
        Value::Name(path) => {
            let samples = scores.samples(path)?;
            let values: Vec<f64> = samples.lanes.iter().map(|(_, v)| *v).collect();
            Ok(Side {
                value: stats::mean(&values).unwrap_or(f64::NAN),
                unit: unit_of(&samples.metric),
                over: Some(samples.over()),
            })
        }
        Value::Quantity(q) => Ok(Side {
            value: q.amount,
            unit: match q.dim {
                align_schema::Dim::Share => "%",
                align_schema::Dim::Score => "points",
                _ => "",
            },
            over: None,
        }),
        Value::Call(call) => statistic(scores, call),
        other => other
            .number()
            .map(|value| Side {
                value,
                unit: "",
                over: None,
            })
            .ok_or_else(|| format!("`{other}` is not a number")),
    }
}

fn statistic(scores: &Scores<'_>, call: &Call) -> Result<Side, String> {
    let names: Vec<&str> = call
        .args
        .iter()
        .filter_map(|(_, v)| match v {
            Value::Name(n) => Some(n.as_str()),
            _ => None,
        })
        .collect();
    let path = names
        .first()
        .ok_or_else(|| format!("`{}` names no metric", call.name))?;
    let a = scores.samples(path)?;
    let unit = unit_of(&a.metric);
    let other = || {
        let over = match call.arg("over").or_else(|| call.arg("than")) {
            Some(Value::Name(n)) => Some(n.as_str()),
            _ => names.get(1).copied(),
        };
        let path = over.ok_or_else(|| format!("`{}` needs `over`", call.name))?;
        Ok::<_, String>(paired(&a, &scores.samples(path)?))
    };
    let over = Some(a.over());
    let none = || format!("`{}` of nothing", call.name);
    let (value, unit) = match call.name.as_str() {
        "mean" | "mean_ci" => (stats::mean(&a.values()).ok_or_else(none)?, unit),
        "median" => (stats::quantile(&a.values(), 0.5).ok_or_else(none)?, unit),
        "iqm" => (stats::iqm(&a.values()).ok_or_else(none)?, unit),
        "spread" if !a.spreads.is_empty() => (stats::mean(&a.spreads).ok_or_else(none)?, unit),
        "spread" | "std" => (stats::std(&a.values()).ok_or_else(none)?, unit),
        "gain" => {
            let (xs, ys) = other()?;
            let (x, y) = (
                stats::mean(&xs).ok_or_else(none)?,
                stats::mean(&ys).ok_or_else(none)?,
            );
            if y.abs() < f64::EPSILON {
                return Err(format!("`gain` over {} has no meaning", number(y)));
            }
            ((x - y) / y.abs(), "%")
        }
        "probability_of_improvement" => {
            let (xs, ys) = other()?;
            (
                stats::probability_of_improvement(&xs, &ys).ok_or_else(none)?,
                "%",
            )
        }
        name => {
            return Err(format!(
                "`{name}` is not a statistic that this tool can evaluate"
            ));
        }
    };
    Ok(Side { value, unit, over })
}

/// Values of two metrics in the lanes that have both; over episodes when both have one lane.
fn paired(a: &Samples, b: &Samples) -> (Vec<f64>, Vec<f64>) {
    if a.lanes.len() == 1 && b.lanes.len() == 1 {
        return (a.values(), b.values());
    }
    let other: BTreeMap<_, _> = b.lanes.iter().map(|(l, v)| (l, *v)).collect();
    a.lanes
        .iter()
        .filter_map(|(lane, v)| Some((*v, *other.get(lane)?)))
        .unzip()
}

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
    let scores = Scores::new(plan, statuses);
    let mut stages: Vec<&str> = Vec::new();
    for node in &plan.nodes {
        if node.kind != align_plan::NodeKind::Dataset && !stages.contains(&node.name.as_str()) {
            stages.push(&node.name);
        }
    }
    for lane in &plan.lanes {
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
    use crate::report::samples::{plan, statuses};
    use align_plan::{Cmp, Expect, Place, Report};
    use align_schema::{Dim, Quantity};

    fn call(name: &str, args: &[(&str, Value)]) -> Value {
        Value::from(Call {
            name: name.into(),
            args: args
                .iter()
                .map(|(k, v)| ((*k).to_owned(), v.clone()))
                .collect(),
        })
    }
    fn name(n: &str) -> Value {
        Value::Name(n.into())
    }
    fn verdict(left: Value, op: Cmp, right: Value) -> Claim {
        let mut plan = plan();
        plan.reports = vec![Report {
            of: "main".into(),
            table: None,
            expects: vec![Expect {
                text: "it".into(),
                left,
                op,
                right,
                place: Place::default(),
            }],
        }];
        claims(&plan, &statuses()).remove(0)
    }

    #[test]
    fn a_gain_is_relative_to_the_other_stage() {
        let gain = call(
            "gain",
            &[
                ("metric", name("rl.score")),
                ("over", name("pretrain.score")),
            ],
        );
        let share = Value::Quantity(Quantity::new(0.05, Dim::Share));
        let claim = verdict(gain, Cmp::Ge, share);
        assert_eq!(claim.met, Some(true));
        // Episodes of the samples: 22, 52, 82 against 48, 68, 88.
        assert!(
            (claim.left.unwrap() - (68.0 - 52.0) / 52.0).abs() < 1e-9,
            "{claim:?}"
        );
        assert_eq!(claim.found, "30.8% against 5.00%, over 3 episodes");
    }

    #[test]
    fn a_spread_is_over_episodes() {
        let claim = verdict(
            call("spread", &[("metric", name("rl.score"))]),
            Cmp::Le,
            call("spread", &[("metric", name("pretrain.score"))]),
        );
        assert_eq!(
            (claim.met, claim.left, claim.right),
            (Some(true), Some(20.0), Some(30.0))
        );
    }

    #[test]
    fn an_absent_value_is_neither_met_nor_not() {
        let points = Value::Quantity(Quantity::new(70.0, Dim::Score));
        let claim = verdict(
            call("iqm", &[("metric", name("nothing.score"))]),
            Cmp::Ge,
            points,
        );
        assert_eq!(claim.met, None);
        assert!(
            claim.found.contains("`nothing` did not finish"),
            "{claim:?}"
        );
    }

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
