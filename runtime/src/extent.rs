//! A finished node, and now its budget, its stop rule or its evaluations are written otherwise: what is left to do?
//!
//! One pure replay of the verdict on the stored history.  It does not know the store; it says what is wanted of it.

use std::collections::BTreeMap;

use align_plan::{Node, Part};
use align_runtime_api::Stop;
use align_schema::{Dim, Effect, Quantity};

use crate::converge::{History, first};
use crate::record::{Done, Extent, Output, Point, Pos};
use crate::words::steps;

/// The part of a node that is not in its key but shapes its result.
pub fn extent(node: &Node) -> Extent {
    let text = |v: &dyn erased::Json| v.json();
    let observed: BTreeMap<&str, &align_schema::Value> = node
        .fields
        .iter()
        .filter(|(_, f)| f.effect == Effect::Observe)
        .map(|(k, f)| (k.as_str(), &f.value))
        .collect();
    Extent {
        budget: node
            .budget
            .as_ref()
            .map(|b| b.any.clone())
            .unwrap_or_default(),
        until: text(&node.until),
        observe: text(&(node.eval.as_ref().map(|e| e.episodes), observed)),
        every: text(&node.eval.as_ref().map(|e| e.every)),
        keep: text(&node.keep),
    }
}

/// A canonical text of plain data.
mod erased {
    pub trait Json {
        fn json(&self) -> String;
    }
    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> String {
            serde_json::to_string(self).unwrap_or_default()
        }
    }
}

/// Name of the result record for an extent.
pub fn name(extent: &Extent) -> String {
    let text = erased::Json::json(extent);
    align_plan::Digest::of(text.as_bytes()).0[..24].to_owned()
}

/// What is left to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Left {
    /// Nothing: the verdict is the same.
    Nothing,
    /// Go on from the newest checkpoint.
    Resume(String),
    /// The result is an earlier part of what is stored: these checkpoints, this history.
    Cut {
        /// The new result.
        done: Box<Done>,
        /// For people.
        reason: String,
    },
    /// The result is an earlier part, but its checkpoints are gone: go on from here (or from the start).
    Back {
        /// The newest kept checkpoint before it.
        from: Option<Output>,
        /// For people.
        reason: String,
    },
    /// Evaluate what is kept again.
    Reevaluate(String),
}

/// Where the new budget ends the stored run.
enum End {
    /// Beyond what is stored.
    Later,
    /// Where it ended before.
    Same,
    /// Earlier, at the first step where this limit is reached.
    Earlier(Quantity),
}

fn budget_end(budget: &[Quantity], old: &[Quantity], done: &Done) -> End {
    let clocked = matches!(&done.stop, Some(Stop::Budget { clock: true, .. }));
    let mut end = End::Later;
    for limit in budget {
        let one = match limit.dim {
            Dim::Steps => compare(limit, done.at.step, 1, done.at.step),
            Dim::EnvSteps => compare(limit, done.at.env_steps, done.last_env.max(1), done.at.step),
            // The clock cannot be replayed: a run that it ended stays ended until it gets more time.
            Dim::Time if clocked && limit.amount <= done.trained => End::Same,
            Dim::Time => End::Later,
            // Epochs: the same limit ends at the same place, a larger one later.
            _ => match old.iter().find(|o| o.dim == limit.dim) {
                Some(o) if o.amount < limit.amount => End::Later,
                Some(o) if o.amount > limit.amount => End::Earlier(*limit),
                _ if matches!(done.stop, Some(Stop::Budget { .. })) => End::Same,
                _ => End::Later,
            },
        };
        end = match (end, one) {
            (End::Earlier(a), End::Earlier(b)) if a.dim == b.dim => {
                End::Earlier(if a.amount < b.amount { a } else { b })
            }
            (End::Earlier(a), _) => End::Earlier(a),
            (_, End::Earlier(b)) => End::Earlier(b),
            (End::Same, _) | (_, End::Same) => End::Same,
            (End::Later, End::Later) => End::Later,
        };
    }
    end
}

fn compare(limit: &Quantity, reached: u64, newest: u64, step: u64) -> End {
    let limit_n = limit.amount.ceil().max(0.0) as u64;
    if limit_n > reached {
        End::Later
    } else if step == 0 || limit_n + newest > reached {
        End::Same
    } else {
        End::Earlier(*limit)
    }
}

fn within(at: Pos, limit: &Quantity) -> bool {
    match limit.dim {
        Dim::EnvSteps => at.env_steps as f64 <= limit.amount,
        Dim::Steps => at.step as f64 <= limit.amount,
        _ => false,
    }
}

/// Points that conditions may read: a fresh model's evaluation before training says nothing.
pub fn counted(points: &[Point], fresh: bool) -> &[Point] {
    match points.split_first() {
        Some((head, rest)) if fresh && head.at.step == 0 => rest,
        _ => points,
    }
}

/// Whether a cadence has come round between two positions.
pub fn round(every: Quantity, from: Option<Pos>, to: Pos) -> bool {
    let turn = |p: Pos| {
        let n = if every.dim == Dim::EnvSteps {
            p.env_steps
        } else {
            p.step
        };
        (n as f64 / every.amount.max(1.0)).floor()
    };
    from.is_none_or(|from| turn(to) > turn(from))
}

/// Those of the positions, oldest first, at which this cadence evaluates.
fn due(every: Quantity, positions: impl Iterator<Item = Pos>) -> Vec<Pos> {
    let mut out: Vec<Pos> = Vec::new();
    for at in positions {
        let falls = if every.dim == Dim::EnvSteps {
            // How many of them a step makes is not known beforehand: the first one past a multiple counts.
            round(every, out.last().copied(), at)
        } else {
            at.step == 0 || (at.step as f64) % every.amount.max(1.0) == 0.0
        };
        if falls {
            out.push(at);
        }
    }
    out
}

/// Those evaluations that this cadence would have made too, among the first `until` steps.
pub fn in_cadence(node: &Node, points: &[Point], until: u64) -> Vec<Point> {
    let Some(eval) = &node.eval else {
        return points.to_vec();
    };
    let points: Vec<&Point> = points.iter().filter(|p| p.at.step <= until).collect();
    let due = due(eval.every, points.iter().map(|p| p.at));
    let falls = |p: &&&Point| due.contains(&p.at);
    points.iter().filter(falls).map(|p| (*p).clone()).collect()
}

/// Positions of kept checkpoints that the node's cadence evaluates and the stored run did not.
pub fn unseen(node: &Node, done: &Done) -> Vec<Pos> {
    let Some(eval) = &node.eval else {
        return Vec::new();
    };
    let outputs = done.kept.iter().chain(&done.best).chain(&done.last);
    let seen: Vec<Pos> = done.history.iter().map(|p| p.at).collect();
    let mut all: Vec<Pos> = outputs.map(|o| o.at).chain(seen.iter().copied()).collect();
    all.sort_by_key(|at| at.step);
    all.dedup();
    let mut due = due(eval.every, all.into_iter());
    due.retain(|at| !seen.contains(at));
    due
}

/// What is left to do for `node`, whose key is that of `done`.
pub fn replay(node: &Node, done: &Done) -> Left {
    let new = extent(node);
    let old = &done.extent;
    // What a failure action ended does not depend on how long it might have gone on.
    if new == *old || done.skipped || matches!(done.stop, Some(Stop::Event(_))) {
        return Left::Nothing;
    }
    if new.every != old.every && node.eval.is_some() {
        // The rule is replayed on what that finds.
        let every = node.eval.as_ref().map(|e| e.every.to_string());
        let every = every.unwrap_or_default();
        return Left::Reevaluate(format!("evaluations come every {every}"));
    }
    let fresh = node.need("from").is_none();
    if new.budget != old.budget || new.until != old.until {
        let left = shorten(node, done, &new, fresh);
        if left != Left::Nothing {
            return left;
        }
    }
    if new.observe != old.observe {
        return Left::Reevaluate("evaluations are written otherwise".into());
    }
    Left::Nothing
}

fn shorten(node: &Node, done: &Done, new: &Extent, fresh: bool) -> Left {
    let history = counted(&done.history, fresh);
    let rule = node
        .until
        .as_ref()
        .and_then(|rule| first(rule, &History::evals(history)))
        .and_then(|(i, why)| history.get(i).map(|p| (p.at, why)));
    let budget = budget_end(&new.budget, &done.extent.budget, done);
    // A rule that fires before the budget ends decides.
    let rule = rule.filter(|(at, _)| match &budget {
        End::Earlier(limit) => within(*at, limit),
        _ => true,
    });
    match (rule, budget) {
        (Some((at, _)), _) if at == done.at => Left::Nothing,
        (Some((at, why)), _) => cut(node, done, at, Stop::Rule(why)),
        (None, End::Same) => Left::Nothing,
        (None, End::Earlier(limit)) => {
            let stop = Stop::Budget {
                limit: limit.to_string(),
                clock: false,
            };
            match limit.dim {
                Dim::Steps => {
                    let at = Pos {
                        step: limit.amount.ceil() as u64,
                        env_steps: 0,
                    };
                    cut(node, done, at, stop)
                }
                // Where exactly the limit was passed is not stored: go on from before it.
                _ => Left::Back {
                    from: newest_kept(done, |o| within(o.at, &limit)),
                    reason: format!("budget lowered to {limit}"),
                },
            }
        }
        (None, End::Later) => Left::Resume(longer(&done.extent, new)),
    }
}

fn longer(old: &Extent, new: &Extent) -> String {
    for limit in &new.budget {
        if let Some(o) = old.budget.iter().find(|o| o.dim == limit.dim)
            && o.amount < limit.amount
        {
            // `budget 10k → 12k steps`
            let from = o.to_string();
            let from = from.split(' ').next().unwrap_or_default().to_owned();
            return format!("budget {from} → {limit}");
        }
    }
    if old.until == new.until {
        "budget is larger".into()
    } else {
        "`until` is looser".into()
    }
}

fn newest_kept(done: &Done, fits: impl Fn(&Output) -> bool) -> Option<Output> {
    done.kept
        .iter()
        .chain(&done.best)
        .chain(&done.last)
        .filter(|o| o.manifest.is_some() && fits(o))
        .max_by_key(|o| o.at.step)
        .cloned()
}

/// The stored run, ended at `at.step`.
fn cut(node: &Node, done: &Done, at: Pos, stop: Stop) -> Left {
    let reason = format!("cut back to {}", steps(at.step));
    let ranked = |o: &Output| crate::keep::value(node, &o.metrics);
    // The best evaluation up to there, whether or not its checkpoint is still kept.
    let fresh = node.need("from").is_none();
    let best_at = crate::keep::best_of(
        node,
        counted(&done.history, fresh)
            .iter()
            .filter(|p| p.at.step <= at.step)
            .map(|p| (p.at.step, &p.metrics)),
    )
    .map(|(step, _)| step);
    let kept: Vec<Output> = done
        .kept
        .iter()
        .chain(&done.best)
        .chain(&done.last)
        .filter(|o| o.at.step <= at.step)
        .cloned()
        .collect();
    let last = kept.iter().find(|o| o.at.step == at.step);
    let best = match best_at {
        Some(step) => kept
            .iter()
            .find(|o| o.at.step == step && ranked(o).is_some()),
        None => last,
    };
    if let (Some(last), Some(best)) = (last, best) {
        let mut new = done.clone();
        new.extent = extent(node);
        new.at = last.at;
        new.stop = Some(stop);
        new.history.retain(|p| p.at.step <= at.step);
        new.events
            .retain(|e| e.action != crate::guards::WARNING || e.step <= at.step);
        new.curve.points.retain(|(s, _)| *s <= at.step);
        new.last = Some(last.clone());
        new.best = Some(best.clone());
        new.kept = done
            .kept
            .iter()
            .filter(|o| o.at.step <= at.step)
            .cloned()
            .collect();
        return Left::Cut {
            done: Box::new(new),
            reason,
        };
    }
    let before = best_at.map_or(at.step, |b| b.min(at.step));
    Left::Back {
        from: newest_kept(done, |o| o.at.step <= before),
        reason,
    }
}

/// The first part of a key that differs, as `optim.lr 3e-4 → 1e-4`.
pub fn difference(old: &[Part], new: &[Part]) -> Option<String> {
    let changed = new
        .iter()
        .find_map(|n| match old.iter().find(|o| o.name == n.name) {
            Some(o) if o.digest == n.digest => None,
            Some(o) if n.name.starts_with("input ") => {
                Some((n, format!("its {} differs", describe(&o.name))))
            }
            Some(o) if o.value == n.value => Some((n, format!("{} changed", n.name))),
            Some(o) => Some((n, format!("{} {} → {}", n.name, o.value, n.value))),
            None => Some((n, format!("{} {} is new", n.name, n.value))),
        });
    if let Some((_, text)) = changed {
        return Some(text);
    }
    old.iter()
        .find(|o| !new.iter().any(|n| n.name == o.name))
        .map(|o| format!("{} {} is gone", o.name, o.value))
}

fn describe(part: &str) -> &str {
    match part {
        "input data" => "data",
        "input from" => "starting checkpoint",
        other => other.trim_start_matches("input "),
    }
}
