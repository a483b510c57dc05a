//! Whether the claims of a report (`expect iqm(controller.score) >= 70 points`) hold.
//!
//! A value `stage.metric` is taken at the stage's best checkpoint, one number a lane.  With a single lane a statistic of
//! `score` is over that lane's episodes.  Must not know where a file writes its claims.

use std::collections::BTreeMap;

use align_plan::{Cmp, Lane, Node, NodeId, Plan};
use align_runtime_api::{NodeState, NodeStatus};
use align_schema::{Call, Value};

use super::format::{number, points, unit_of};
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
    /// The sweep or pipeline whose lanes are looked at; every lane where it names neither.
    pub(super) of: &'a str,
}

/// What one `stage.metric` is in each lane, and over which samples a statistic of it runs.
#[derive(Clone, Debug, Default, PartialEq)]
struct Samples<'a> {
    /// (lane, value at the best checkpoint).
    lanes: Vec<(&'a Lane, f64)>,
    /// Lanes in which the stage was skipped.
    skipped: usize,
    /// Lanes that were pruned before they came to its end.
    pruned: usize,
    /// Episodes of the only lane, when the metric is the score.
    episodes: Vec<f64>,
    /// Standard deviation over episodes, one a lane.
    spreads: Vec<f64>,
    /// Name of the metric.
    metric: String,
}

impl Samples<'_> {
    fn values(&self) -> Vec<f64> {
        if self.lanes.len() == 1 && self.episodes.len() > 1 {
            self.episodes.clone()
        } else {
            self.lanes.iter().map(|(_, v)| *v).collect()
        }
    }
    fn over(&self) -> String {
        let over = match (self.lanes.len(), self.episodes.len()) {
            (1, n) if n > 1 => format!("over {n} episodes"),
            (1, _) => "one lane".to_owned(),
            (n, _) => format!("over {n} lanes"),
        };
        over + &self.left_out()
    }
    /// ` (4 pruned)`.
    fn left_out(&self) -> String {
        match self.pruned {
            0 => String::new(),
            n => format!(" ({n} pruned)"),
        }
    }
}

impl<'a> Scores<'a> {
    /// Of a plan and the statuses of its nodes.
    pub fn new(plan: &'a Plan, statuses: &'a [NodeStatus], of: &'a str) -> Self {
        Self {
            plan,
            by_id: statuses.iter().map(|s| (&s.id, s)).collect(),
            of,
        }
    }

    /// The lanes of a sweep or a pipeline; every lane where the name is that of neither.
    pub(super) fn lanes(&self, of: &str) -> Vec<&'a Lane> {
        let own = |lane: &&Lane| match &lane.sweep {
            Some(sweep) => sweep == of,
            None => lane.pipeline == of,
        };
        let found: Vec<&Lane> = self.plan.lanes.iter().filter(own).collect();
        if found.is_empty() {
            self.plan.lanes.iter().collect()
        } else {
            found
        }
    }

    /// What a path such as `stage.metric` or `sweep.stage.metric` speaks of: lanes, stage, metric.
    fn parted<'p>(&self, path: &'p str) -> (Vec<&'a Lane>, &'p str, &'p str) {
        let (first, rest) = path.split_once('.').unwrap_or((path, "score"));
        let node = self.plan.nodes.iter().any(|n| n.name == first);
        let sweep = self
            .plan
            .lanes
            .iter()
            .any(|l| l.sweep.as_deref() == Some(first));
        match rest.split_once('.') {
            Some((stage, metric)) if sweep && !node => (self.lanes(first), stage, metric),
            _ => (self.lanes(self.of), first, rest),
        }
    }

    /// The last round of this name that is done in a lane, with its status.
    pub(super) fn node(&self, lane: &str, name: &str) -> Option<(&'a Node, &'a NodeStatus)> {
        self.plan
            .nodes
            .iter()
            .filter(|n| n.lane == lane && n.name == name)
            .filter_map(|n| Some((n, *self.by_id.get(&n.id)?)))
            .rfind(|(_, s)| s.state == NodeState::Done)
    }

    /// Whether every round of this name that there is was skipped in a lane.
    fn skipped(&self, lane: &str, name: &str) -> bool {
        self.is(lane, name, NodeState::Skipped)
    }

    /// Whether some round of this name is in this state in a lane.
    fn is(&self, lane: &str, name: &str, state: NodeState) -> bool {
        self.plan
            .nodes
            .iter()
            .filter(|n| n.lane == lane && n.name == name)
            .filter_map(|n| self.by_id.get(&n.id))
            .any(|s| s.state == state)
    }

    /// Stages whose skipping a claim does not take, with how many lanes skipped them.
    fn refused(&self, value: &Value) -> Option<String> {
        let Value::Call(call) = value else {
            return None;
        };
        if !matches!(call.arg("skipped"), Some(Value::Name(n)) if n == "fail") {
            return None;
        }
        paths(value).into_iter().find_map(|path| {
            let (lanes, stage, _) = self.parted(path);
            let skipped = lanes.iter().filter(|l| self.skipped(&l.id, stage)).count();
            (skipped > 0).then(|| {
                format!(
                    "`{stage}` was skipped in {skipped} of {} lanes",
                    lanes.len()
                )
            })
        })
    }

    fn samples(&self, path: &str) -> Result<Samples<'a>, String> {
        let (lanes, stage, metric) = self.parted(path);
        let mut out = Samples {
            metric: metric.to_owned(),
            ..Samples::default()
        };
        for lane in lanes {
            let Some((_, status)) = self.node(&lane.id, stage) else {
                out.skipped += usize::from(self.skipped(&lane.id, stage));
                out.pruned += usize::from(self.is(&lane.id, stage, NodeState::Pruned));
                continue;
            };
            let Some(value) = status.best.get(metric).or_else(|| status.last.get(metric)) else {
                continue;
            };
            out.lanes.push((lane, *value));
            if metric == "score" {
                out.episodes.clone_from(&status.episodes);
                let spread = status.best.get("spread").copied();
                out.spreads
                    .extend(spread.or_else(|| stats::std(&status.episodes)));
            }
        }
        if out.lanes.is_empty() {
            let why = if out.pruned > 0 {
                "was pruned"
            } else if out.skipped > 0 {
                "was skipped"
            } else {
                "did not finish"
            };
            return Err(format!("`{path}` has no value: `{stage}` {why}"));
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
    let check = |of: &str, expect: &align_plan::Expect| {
        let scores = Scores::new(plan, statuses, of);
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
        let refused = [&expect.left, &expect.right]
            .into_iter()
            .find_map(|v| scores.refused(v));
        let (met, found) = refused.map_or((met, found), |why| (Some(false), why));
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
        .flat_map(|r| r.expects.iter().map(|e| check(&r.of, e)))
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

/// Names of the metrics in a side of a claim.
fn paths(value: &Value) -> Vec<&str> {
    match value {
        Value::Name(name) => vec![name],
        Value::Call(call) => {
            let args = call.args.iter().filter(|(key, _)| key != "skipped");
            args.flat_map(|(_, v)| paths(v)).collect()
        }
        _ => Vec::new(),
    }
}

/// `count(stage.metric >= number)`: how many lanes satisfy it.
fn count(scores: &Scores<'_>, call: &Call) -> Result<Side, String> {
    let odd = || "`count` wants a comparison of a metric with a number".to_owned();
    let Some(Value::Call(claim)) = call.arg("claim") else {
        return Err(odd());
    };
    let (Some(Value::Name(path)), Some(bound)) = (
        claim.arg("left"),
        claim.arg("right").and_then(Value::number),
    ) else {
        return Err(odd());
    };
    let op = match claim.name.as_str() {
        ">=" => Cmp::Ge,
        ">" => Cmp::Gt,
        "<=" => Cmp::Le,
        "<" => Cmp::Lt,
        _ => return Err(odd()),
    };
    let samples = scores.samples(path)?;
    let met = samples.lanes.iter().filter(|(_, v)| op.holds(*v, bound));
    Ok(Side {
        value: met.count() as f64,
        unit: "",
        over: Some(match samples.lanes.len() {
            1 => format!("of one lane{}", samples.left_out()),
            n => format!("of {n} lanes{}", samples.left_out()),
        }),
    })
}

fn statistic(scores: &Scores<'_>, call: &Call) -> Result<Side, String> {
    if call.name == "count" {
        return count(scores, call);
    }
    let names: Vec<&str> = call
        .args
        .iter()
        .filter(|(key, _)| key != "skipped")
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
///
/// Lanes of two sweeps belong together where their seeds are equal and so is each axis that both have; of several such lanes the
/// mean is taken.
fn paired(a: &Samples<'_>, b: &Samples<'_>) -> (Vec<f64>, Vec<f64>) {
    if a.lanes.len() == 1 && b.lanes.len() == 1 {
        return (a.values(), b.values());
    }
    a.lanes
        .iter()
        .filter_map(|(lane, v)| {
            let others: Vec<f64> = b
                .lanes
                .iter()
                .filter(|(other, _)| together(lane, other))
                .map(|(_, v)| *v)
                .collect();
            Some((*v, stats::mean(&others)?))
        })
        .unzip()
}

fn together(a: &Lane, b: &Lane) -> bool {
    if a.sweep == b.sweep && a.pipeline == b.pipeline {
        return a.id == b.id;
    }
    let axis = |(name, value): &(String, Value)| {
        let other = b.axes.iter().find(|(n, _)| n == name);
        other.is_none_or(|(_, v)| v == value)
    };
    a.seed == b.seed && a.axes.iter().all(axis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{call, name, plan, statuses};
    use align_plan::{Expect, Place, Report};
    use align_schema::{Dim, Quantity};

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

    /// The plan of one lane as three of a sweep `a` and two of a sweep `b`, with the score of `rl` in each lane.
    fn sweeps(skipped: &str) -> (Plan, Vec<NodeStatus>) {
        let (one, about) = (plan(), statuses());
        let mut out = Plan {
            lanes: Vec::new(),
            nodes: Vec::new(),
            ..one.clone()
        };
        let mut found = Vec::new();
        let lanes = [
            ("a", 0, 60.0),
            ("a", 1, 70.0),
            ("a", 2, 80.0),
            ("b", 1, 50.0),
            ("b", 2, 40.0),
        ];
        for (sweep, seed, score) in lanes {
            let id = format!("{sweep}[seed={seed}]");
            out.lanes.push(Lane {
                id: id.clone(),
                pipeline: "lane".into(),
                sweep: Some(sweep.into()),
                axes: vec![("seed".into(), Value::Int(seed))],
                seed: seed as u64,
            });
            let node = one.nodes.iter().find(|n| n.name == "rl").unwrap();
            let status = about.iter().find(|s| s.id == node.id).unwrap();
            let (mut node, mut status) = (node.clone(), status.clone());
            node.id = NodeId(format!("{id}/rl"));
            node.lane.clone_from(&id);
            status.id = node.id.clone();
            status.state = if id == skipped {
                NodeState::Skipped
            } else {
                NodeState::Done
            };
            status.best.insert("score".into(), score);
            out.nodes.push(node);
            found.push(status);
        }
        (out, found)
    }
    fn on(sweep: &str, skipped: &str, left: Value, op: Cmp, right: f64) -> Claim {
        let (mut plan, statuses) = sweeps(skipped);
        plan.reports = vec![Report {
            of: sweep.into(),
            table: None,
            expects: vec![Expect {
                text: "it".into(),
                left,
                op,
                right: Value::Float(right),
                place: Place::default(),
            }],
        }];
        claims(&plan, &statuses).remove(0)
    }

    #[test]
    fn a_claim_is_over_the_lanes_of_its_own_sweep() {
        let mean = || call("mean_ci", &[("metric", name("rl.score"))]);
        assert_eq!(on("a", "", mean(), Cmp::Ge, 70.0).left, Some(70.0));
        assert_eq!(on("b", "", mean(), Cmp::Ge, 70.0).left, Some(45.0));
    }

    #[test]
    fn a_count_is_over_lanes() {
        let above = call(
            ">=",
            &[
                ("left", name("rl.score")),
                ("right", Value::Quantity(Quantity::new(70.0, Dim::Score))),
            ],
        );
        let claim = on("a", "", call("count", &[("claim", above)]), Cmp::Ge, 2.0);
        assert_eq!((claim.met, claim.left), (Some(true), Some(2.0)));
        assert_eq!(claim.found, "2.00 against 2.00, of 3 lanes");
    }

    #[test]
    fn two_sweeps_are_paired_by_seed() {
        let gain = call(
            "gain",
            &[("metric", name("rl.score")), ("over", name("b.rl.score"))],
        );
        // Seeds 1 and 2 are in both: 70 and 80 against 50 and 40.
        let claim = on("a", "", gain, Cmp::Ge, 0.5);
        assert!(
            (claim.left.unwrap() - (75.0 - 45.0) / 45.0).abs() < 1e-9,
            "{claim:?}"
        );
    }

    #[test]
    fn a_pruned_lane_is_left_out_and_counted() {
        let (mut plan, mut all) = sweeps("");
        all[0].state = NodeState::Pruned;
        plan.reports = vec![Report {
            of: "a".into(),
            table: None,
            expects: vec![Expect {
                text: "it".into(),
                left: call("mean_ci", &[("metric", name("rl.score"))]),
                op: Cmp::Ge,
                right: Value::Float(75.0),
                place: Place::default(),
            }],
        }];
        let claim = claims(&plan, &all).remove(0);
        assert_eq!((claim.met, claim.left), (Some(true), Some(75.0)));
        assert!(
            claim.found.ends_with("over 2 lanes (1 pruned)"),
            "{claim:?}"
        );
    }

    #[test]
    fn a_skipped_stage_is_left_out_or_fails_the_claim() {
        let iqm = |then: &str| {
            call(
                "mean_ci",
                &[("metric", name("rl.score")), ("skipped", name(then))],
            )
        };
        let skipped = "a[seed=0]";
        let out = on("a", skipped, iqm("leave_out"), Cmp::Ge, 75.0);
        assert_eq!((out.met, out.left), (Some(true), Some(75.0)));
        let fail = on("a", skipped, iqm("fail"), Cmp::Ge, 75.0);
        assert_eq!(fail.met, Some(false));
        assert_eq!(fail.found, "`rl` was skipped in 1 of 3 lanes");
    }
}
