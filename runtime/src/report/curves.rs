//! Which curves a stage's history gives, in which order.  Must not draw.

use std::collections::BTreeMap;

use align_runtime_api::NodeStatus;

use super::chart::{Chart, Mark, Series};
use super::summary::lane_label;

type History = BTreeMap<String, Vec<(u64, f64)>>;

/// Metrics that belong in one chart, most telling first; the first name gives the title and the unit.
const TOGETHER: &[(&str, &[&str])] = &[
    ("score", &["score"]),
    ("success", &["success"]),
    ("value of plans", &["value"]),
    ("reward", &["reward"]),
    ("loss", &["valid.loss", "loss"]),
    ("pairs ranked as preferred", &["valid.preferred"]),
    (
        "error on winners and losers",
        &[
            "model.winner",
            "model.loser",
            "reference.winner",
            "reference.loser",
        ],
    ),
    ("margin", &["margin"]),
    ("KL to the reference", &["kl"]),
    ("clipped share", &["clip_fraction"]),
    ("reward spread", &["reward.spread"]),
    ("return", &["return"]),
    ("episode length", &["length"]),
    ("gradient norm", &["grad_norm"]),
    ("learning rate", &["lr"]),
    ("throughput", &["throughput"]),
];

/// How many of [`TOGETHER`] are worth a look at first sight; what follows goes below a fold.
const PLAIN: usize = 10;

/// Charts of one stage: those to show, and those to fold away.  `lanes` holds the stage's status in each lane.
pub(super) fn charts(lanes: &[(String, &NodeStatus)]) -> (Vec<Chart>, Vec<Chart>) {
    let mut shown = Vec::new();
    let mut folded = Vec::new();
    let mut known: Vec<&str> = vec!["spread", "steps", "env_steps", "evals", "elapsed"];
    for (i, (title, names)) in TOGETHER.iter().enumerate() {
        known.extend(*names);
        // In reinforcement the training loss is another quantity than the validation loss.
        let acts = lanes.iter().any(|(_, s)| s.history.contains_key("reward"));
        let chart = if acts && names.contains(&"loss") {
            let surrogate = chart("surrogate loss", &["loss"], lanes);
            if !surrogate.series.is_empty() {
                folded.push(surrogate);
            }
            chart("validation loss", &["valid.loss"], lanes)
        } else {
            chart(title, names, lanes)
        };
        if chart.series.is_empty() {
            continue;
        }
        if i < PLAIN {
            shown.push(chart);
        } else {
            folded.push(chart);
        }
    }
    // A metric that this list does not know yet is still shown.
    let mut others: Vec<&str> = Vec::new();
    for (_, status) in lanes {
        others.extend(
            status
                .history
                .keys()
                .map(String::as_str)
                .filter(|n| !known.contains(n)),
        );
    }
    others.sort_unstable();
    others.dedup();
    for name in others {
        let chart = chart(name, &[name], lanes);
        if !chart.series.is_empty() {
            folded.push(chart);
        }
    }
    (shown, folded)
}

fn chart(title: &str, names: &[&str], lanes: &[(String, &NodeStatus)]) -> Chart {
    let single = lanes.len() == 1;
    let mut series = Vec::new();
    for (lane, status) in lanes {
        // With several lanes a chart shows its first metric only: a colour is a lane then.
        for name in names.iter().take(if single { names.len() } else { 1 }) {
            let Some(points) = status.history.get(*name).filter(|p| !p.is_empty()) else {
                continue;
            };
            let band = if *name == "score" && single {
                band(&status.history, points)
            } else {
                Vec::new()
            };
            series.push(Series {
                label: if single {
                    words(name).to_owned()
                } else {
                    lane_label(lane)
                },
                points: points.iter().map(|(s, v)| (*s as f64, *v)).collect(),
                band,
                dots: !matches!(*name, "loss" | "grad_norm" | "lr" | "throughput")
                    && points.len() <= 80,
            });
        }
    }
    Chart {
        title: title.to_owned(),
        metric: (*names.first().unwrap_or(&"")).to_owned(),
        x_unit: "steps".to_owned(),
        series,
        marks: if single { marks(lanes) } else { Vec::new() },
    }
}

/// The spread recorded at the same steps.
fn band(history: &History, points: &[(u64, f64)]) -> Vec<f64> {
    let spread: BTreeMap<u64, f64> = history
        .get("spread")
        .into_iter()
        .flatten()
        .copied()
        .collect();
    if spread.is_empty() {
        return Vec::new();
    }
    points
        .iter()
        .map(|(s, _)| spread.get(s).copied().unwrap_or(f64::NAN))
        .collect()
}

fn marks(lanes: &[(String, &NodeStatus)]) -> Vec<Mark> {
    let of = |status: &NodeStatus| -> Vec<Mark> {
        let mark = |e: &align_runtime_api::EventRecord| Mark {
            x: e.step as f64,
            text: format!("{} at step {}: {}, {}", e.event, e.step, e.action, e.detail),
        };
        status.events.iter().map(mark).collect()
    };
    lanes.iter().flat_map(|(_, status)| of(status)).collect()
}

fn words(name: &str) -> &str {
    match name {
        "valid.loss" => "validation",
        "loss" => "training",
        "model.winner" => "model, winners",
        "model.loser" => "model, losers",
        "reference.winner" => "reference, winners",
        "reference.loser" => "reference, losers",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::statuses;

    #[test]
    fn the_score_comes_first_and_has_its_spread() {
        let all = statuses();
        let rl = all.iter().find(|s| s.id.0 == "main/rl").unwrap();
        let (shown, folded) = charts(&[("main".into(), rl)]);
        let titles: Vec<_> = shown.iter().map(|c| c.title.as_str()).collect();
        assert_eq!(titles, ["score", "loss"]);
        assert!(folded.is_empty());
        let score = shown.first().unwrap();
        assert_eq!(score.series.first().unwrap().band.len(), 6);
        assert_eq!(score.marks.len(), 1);
    }

    #[test]
    fn the_loss_of_reinforcement_is_drawn_apart() {
        let mut all = statuses();
        all[2]
            .history
            .insert("reward".into(), vec![(1, 2.0), (2, 3.0)]);
        let (shown, folded) = charts(&[("main".into(), &all[2])]);
        let titles = |c: &[Chart]| c.iter().map(|c| c.title.clone()).collect::<Vec<_>>();
        assert_eq!(titles(&shown), ["score", "reward", "validation loss"]);
        assert_eq!(titles(&folded), ["surrogate loss"]);
    }

    #[test]
    fn an_unknown_metric_is_not_lost() {
        let mut all = statuses();
        all[1].history.insert("entropy".into(), vec![(1, 2.0)]);
        let (_, folded) = charts(&[("main".into(), &all[1])]);
        assert_eq!(folded.first().unwrap().title, "entropy");
    }

    #[test]
    fn with_several_lanes_a_line_is_a_lane() {
        let all = statuses();
        let lanes = [
            ("s[seed=0]".to_owned(), &all[1]),
            ("s[seed=1]".to_owned(), &all[1]),
        ];
        let (shown, _) = charts(&lanes);
        let labels: Vec<_> = shown[0].series.iter().map(|s| s.label.as_str()).collect();
        assert_eq!(labels, ["seed=0", "seed=1"]);
    }
}
