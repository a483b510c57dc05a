//! Does a convergence condition hold?  A pure function of the metric history, so that it can be asked again of a stored one.
//!
//! Three-valued inside: what reads a metric that is missing or not finite is unknown, and unknown never satisfies anything,
//! not even under `not`.

use align_plan::{Better, Condition, MetricRef, Operand};
use align_schema::{Dim, Quantity};

use crate::record::Point;

mod words;

use words::reason;
pub use words::{nearest, written};

/// What a condition is asked of.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// Evaluations (or rounds), oldest first.
    pub points: &'a [Point],
    /// How one of them is called: `evals` or `rounds`.
    pub unit: &'a str,
}

impl<'a> History<'a> {
    /// Evaluations of a stage.
    pub fn evals(points: &'a [Point]) -> Self {
        Self {
            points,
            unit: "evals",
        }
    }
    /// Rounds of a sequence.
    pub fn rounds(points: &'a [Point]) -> Self {
        Self {
            points,
            unit: "rounds",
        }
    }
    fn clock(&self, dim: Dim) -> Option<f64> {
        let last = self.points.last()?;
        match dim {
            Dim::Steps => Some(last.at.step as f64),
            Dim::EnvSteps => Some(last.at.env_steps as f64),
            Dim::Evals | Dim::Rounds => Some(self.points.len() as f64),
            _ => None,
        }
    }
    fn newest(&self, metric: &MetricRef) -> Option<f64> {
        finite(self.points.last()?, metric)
    }
    fn values(&self, metric: &MetricRef) -> impl DoubleEndedIterator<Item = f64> + use<'a> {
        let name = metric.name.clone();
        self.points
            .iter()
            .filter_map(move |p| p.metrics.get(&name).copied().filter(|v| v.is_finite()))
    }
}

fn finite(point: &Point, metric: &MetricRef) -> Option<f64> {
    point
        .metrics
        .get(&metric.name)
        .copied()
        .filter(|v| v.is_finite())
}

/// How much better `now` is than `then`; negative when worse.
pub fn gain(better: Better, now: f64, then: f64) -> f64 {
    match better {
        Better::Up => now - then,
        Better::Down => then - now,
    }
}

/// A quantity as a difference from `base`: a share counts from its magnitude, so that it also means something for values
/// under zero.
pub fn margin(quantity: Quantity, base: f64) -> f64 {
    if quantity.dim == Dim::Share {
        quantity.amount * base.abs()
    } else {
        quantity.amount
    }
}

/// `a >= b`, where a rounding error does not decide: from 1.0 to 0.9 is an improvement of 10%.
pub fn at_least(a: f64, b: f64) -> bool {
    a >= b - 1e-9 * b.abs()
}

/// A plateau's count: evaluations since the best value last improved enough, and whether the newest one could be read.
fn stale(
    history: &History<'_>,
    metric: &MetricRef,
    improve: Quantity,
    warmup: Option<Quantity>,
) -> Option<u64> {
    let mut best: Option<f64> = None;
    let mut wait = 0;
    for (i, point) in history.points.iter().enumerate() {
        if let Some(w) = warmup {
            let at = match w.dim {
                Dim::EnvSteps => point.at.env_steps as f64,
                Dim::Evals | Dim::Rounds => (i + 1) as f64,
                _ => point.at.step as f64,
            };
            if at < w.amount {
                continue;
            }
        }
        let Some(value) = finite(point, metric) else {
            continue;
        };
        match best {
            None => best = Some(value),
            Some(b) => {
                let gained = gain(metric.better, value, b);
                if gained > 0.0 && at_least(gained, margin(improve, b)) {
                    best = Some(value);
                    wait = 0;
                } else {
                    wait += 1;
                }
            }
        }
    }
    // The newest evaluation decides: without it nothing is known.
    history.newest(metric).map(|_| wait)
}

fn deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let var = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    (var.sqrt(), mean)
}

/// The newest `over` values, when there are as many and the last of them is known.
fn window(history: &History<'_>, metric: &MetricRef, over: u64) -> Option<Vec<f64>> {
    history.newest(metric)?;
    let values: Vec<f64> = history.values(metric).rev().take(over as usize).collect();
    (over > 0 && values.len() as u64 == over).then_some(values)
}

fn flat_bound(within: Quantity, values: &[f64]) -> f64 {
    if within.dim == Dim::Share {
        let magnitude = values.iter().map(|v| v.abs()).sum::<f64>() / values.len().max(1) as f64;
        within.amount * magnitude
    } else {
        within.amount
    }
}

fn best_before(history: &History<'_>, metric: &MetricRef) -> Option<f64> {
    let mut values: Vec<f64> = history.values(metric).collect();
    values.pop();
    values.into_iter().reduce(|a, b| match metric.better {
        Better::Up => a.max(b),
        Better::Down => a.min(b),
    })
}

fn operand(history: &History<'_>, side: &Operand) -> Option<f64> {
    match side {
        Operand::Metric(m) => history.newest(m),
        Operand::Clock(dim) => history.clock(*dim),
        Operand::Number(x) => Some(*x),
    }
}

/// Whether a condition holds; `None` when that cannot be known.
fn truth(condition: &Condition, history: &History<'_>) -> Option<bool> {
    match condition {
        Condition::And(all) => {
            let mut out = Some(true);
            for c in all {
                match truth(c, history) {
                    Some(false) => return Some(false),
                    None => out = None,
                    Some(true) => {}
                }
            }
            out
        }
        Condition::Or(any) => {
            let mut out = Some(false);
            for c in any {
                match truth(c, history) {
                    Some(true) => return Some(true),
                    None => out = None,
                    Some(false) => {}
                }
            }
            out
        }
        Condition::Not(inner) => truth(inner, history).map(|t| !t),
        Condition::Plateau {
            metric,
            improve,
            patience,
            warmup,
        } => stale(history, metric, *improve, *warmup).map(|wait| wait >= (*patience).max(1)),
        Condition::Reaches { metric, value } => history
            .newest(metric)
            .map(|now| gain(metric.better, now, *value) >= 0.0),
        Condition::Flat {
            metric,
            within,
            over,
        } => {
            history.newest(metric)?;
            Some(
                window(history, metric, *over)
                    .is_some_and(|v| deviation(&v).0 <= flat_bound(*within, &v)),
            )
        }
        Condition::Diverges { metric, worse } => {
            let now = history.newest(metric)?;
            Some(best_before(history, metric).is_some_and(|best| {
                let lost = -gain(metric.better, now, best);
                lost > 0.0 && at_least(lost, margin(*worse, best))
            }))
        }
        Condition::Compare { left, op, right } => {
            Some(op.holds(operand(history, left)?, operand(history, right)?))
        }
    }
}

/// The reason for people when the condition holds at the end of the history, such as `plateau of score, 5 evals under +1 points`.
pub fn holds(condition: &Condition, history: &History<'_>) -> Option<String> {
    (truth(condition, history) == Some(true)).then(|| reason(condition, history))
}

/// The first point (its index) at which the condition held, with the reason: replaying the verdict on a stored history.
pub fn first(condition: &Condition, history: &History<'_>) -> Option<(usize, String)> {
    (0..history.points.len()).find_map(|i| {
        let prefix = History {
            points: history.points.get(..=i).unwrap_or_default(),
            unit: history.unit,
        };
        holds(condition, &prefix).map(|why| (i, why))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Pos;
    use align_plan::Cmp;

    fn metric(better: Better) -> MetricRef {
        MetricRef {
            name: "m".into(),
            better,
        }
    }
    fn points(values: &[f64]) -> Vec<Point> {
        values
            .iter()
            .enumerate()
            .map(|(i, v)| Point {
                at: Pos {
                    step: i as u64 * 100,
                    env_steps: 0,
                },
                metrics: [("m".to_owned(), *v)].into(),
            })
            .collect()
    }
    fn plateau(better: Better, improve: Quantity, patience: u64, warmup: Option<f64>) -> Condition {
        Condition::Plateau {
            metric: metric(better),
            improve,
            patience,
            warmup: warmup.map(|w| Quantity::new(w, Dim::Steps)),
        }
    }
    /// Index of the first evaluation at which a condition holds.
    fn fires(condition: &Condition, values: &[f64]) -> Option<usize> {
        first(condition, &History::evals(&points(values))).map(|(i, _)| i)
    }
    const POINT: Quantity = Quantity::new(1.0, Dim::Score);
    const TENTH: Quantity = Quantity::new(0.1, Dim::Share);
    const NAN: f64 = f64::NAN;

    #[test]
    fn plateau_by_table() {
        use Better::{Down, Up};
        type Row = (
            Better,
            Quantity,
            u64,
            Option<f64>,
            &'static [f64],
            Option<usize>,
        );
        let cases: &[Row] = &[
            // Climbing by enough each time never stops.
            (Up, POINT, 2, None, &[0.0, 1.0, 2.0, 3.0], None),
            // Two evaluations in a row under +1.
            (Up, POINT, 2, None, &[0.0, 0.5, 0.9], Some(2)),
            // Creeping adds up: 1.0 is +1 on the last value that counted.
            (Up, POINT, 2, None, &[0.0, 0.5, 1.0, 1.5, 1.9], Some(4)),
            // An improvement in between starts the count again.
            (Up, POINT, 2, None, &[5.0, 5.1, 7.0, 7.0, 7.0], Some(4)),
            // Smaller is better.
            (Down, POINT, 2, None, &[9.0, 8.0, 7.5, 7.2], Some(3)),
            (Down, TENTH, 1, None, &[1.0, 0.9, 0.82], Some(2)),
            // A share of a value under zero is a share of its magnitude: -100 to -95 is 5%, to -90 is 10%.
            (Up, TENTH, 1, None, &[-100.0, -95.0], Some(1)),
            (Up, TENTH, 1, None, &[-100.0, -90.0], None),
            (Down, TENTH, 1, None, &[-100.0, -110.0], None),
            (Down, TENTH, 1, None, &[-100.0, -105.0], Some(1)),
            // Nothing before the warm-up counts, not even as the best.
            (
                Up,
                POINT,
                1,
                Some(250.0),
                &[9.0, 9.0, 9.0, 1.0, 1.0],
                Some(4),
            ),
            // Without any change even `improve: 0` is a plateau.
            (
                Up,
                Quantity::new(0.0, Dim::Score),
                2,
                None,
                &[1.0, 1.0, 1.0],
                Some(2),
            ),
            // NaN neither counts nor satisfies.
            (Up, POINT, 1, None, &[NAN, NAN, NAN], None),
            (Up, POINT, 2, None, &[1.0, 1.0, NAN, 1.0], Some(3)),
            (Up, POINT, 1, None, &[1.0, f64::INFINITY], None),
            (Up, POINT, 1, None, &[], None),
        ];
        for (better, improve, patience, warmup, values, expected) in cases {
            let rule = plateau(*better, *improve, *patience, *warmup);
            assert_eq!(fires(&rule, values), *expected, "{rule:?} on {values:?}");
        }
    }

    #[test]
    fn other_rules_by_table() {
        use Better::{Down, Up};
        let reaches = |b, value| Condition::Reaches {
            metric: metric(b),
            value,
        };
        let flat = |within, over| Condition::Flat {
            metric: metric(Up),
            within,
            over,
        };
        let diverges = |b, worse| Condition::Diverges {
            metric: metric(b),
            worse,
        };
        let steps = |op, x| Condition::Compare {
            left: Operand::Clock(Dim::Steps),
            op,
            right: Operand::Number(x),
        };
        let not = |c| Condition::Not(Box::new(c));
        let cases: &[(Condition, &[f64], Option<usize>)] = &[
            (reaches(Up, 2.0), &[0.0, 1.9, 2.0], Some(2)),
            (reaches(Down, 2.0), &[3.0, 2.1, 1.0], Some(2)),
            (reaches(Up, 2.0), &[NAN, f64::INFINITY], None),
            (
                flat(Quantity::new(0.5, Dim::Score), 3),
                &[0.0, 5.0, 5.5, 5.2],
                Some(3),
            ),
            (flat(Quantity::new(0.5, Dim::Score), 3), &[5.0, 5.0], None),
            (flat(TENTH, 2), &[-10.0, -11.0], Some(1)),
            (diverges(Down, TENTH), &[1.0, 0.5, 0.54, 0.56], Some(3)),
            (diverges(Up, POINT), &[3.0, 2.5, 2.0], Some(2)),
            (diverges(Up, POINT), &[3.0], None),
            (steps(Cmp::Ge, 200.0), &[0.0, 0.0, 0.0], Some(2)),
            (not(reaches(Up, 2.0)), &[3.0, 1.0], Some(1)),
            // Unknown is not the opposite of true.
            (not(reaches(Up, 2.0)), &[NAN], None),
            (
                Condition::And(vec![reaches(Up, 2.0), steps(Cmp::Gt, 100.0)]),
                &[3.0, 3.0, 3.0],
                Some(2),
            ),
            (
                Condition::Or(vec![reaches(Up, 9.0), steps(Cmp::Gt, 0.0)]),
                &[3.0, 3.0],
                Some(1),
            ),
            (
                Condition::And(vec![reaches(Up, NAN), steps(Cmp::Ge, 0.0)]),
                &[3.0],
                None,
            ),
        ];
        for (rule, values, expected) in cases {
            assert_eq!(fires(rule, values), *expected, "{rule:?} on {values:?}");
        }
    }

    #[test]
    fn reasons_and_nearness_read_well() {
        let history = points(&[70.0, 70.5, 70.2]);
        let rule = plateau(Better::Up, POINT, 2, None);
        assert_eq!(
            holds(&rule, &History::evals(&history)).as_deref(),
            Some("plateau of m, 2 evals under +1 points")
        );
        let far = plateau(Better::Up, POINT, 5, None);
        assert_eq!(
            nearest(&far, &History::evals(&history)).as_deref(),
            Some("plateau of m 2/5 evals")
        );
        let either = Condition::Or(vec![
            far,
            Condition::Reaches {
                metric: metric(Better::Up),
                value: 70.4,
            },
        ]);
        assert_eq!(
            nearest(&either, &History::evals(&history)).as_deref(),
            Some("m 70.2 of 70.4")
        );
        assert_eq!(nearest(&rule, &History::evals(&[])), None);
        let rounds = plateau(Better::Down, TENTH, 1, None);
        assert_eq!(
            holds(&rounds, &History::rounds(&points(&[1.0, 0.95]))).as_deref(),
            Some("plateau of m, 1 round under 10% better")
        );
    }
}
