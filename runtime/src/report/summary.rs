//! The rows of the final table, and the table as text.  Must not decide colours: it gives plain text.

use std::collections::{BTreeMap, BTreeSet};

use align_plan::{NodeId, NodeKind, Plan};
use align_runtime_api::{NodeState, NodeStatus};

use super::format::{count, cut, duration, metric, points};
use super::stats;

/// A normalised score, in points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Mean over episodes.
    pub mean: f64,
    /// Standard deviation over episodes; none when it was not recorded.
    pub std: Option<f64>,
    /// How many episodes; 0 when it was not recorded.
    pub episodes: usize,
}

impl Score {
    /// The score of a node's best evaluation, of its newest while there is no best, if it was scored at all.
    pub fn of(status: &NodeStatus) -> Option<Self> {
        let in_work = || status.last.get("score").filter(|_| status.best.is_empty());
        let recorded = status.best.get("score").or_else(in_work).copied();
        let mean = recorded.or_else(|| stats::mean(&status.episodes))?;
        let std = status
            .best
            .get("spread")
            .copied()
            .or_else(|| stats::std(&status.episodes));
        mean.is_finite().then_some(Self {
            mean,
            std,
            episodes: status.episodes.len(),
        })
    }
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&points(self.mean))?;
        if let Some(std) = self.std {
            write!(f, " ± {}", points(std))?;
        }
        Ok(())
    }
}

/// What the table says of one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Which.
    pub id: NodeId,
    /// Its lane.
    pub lane: String,
    /// Name in the program, with `#2` for a later round.
    pub name: String,
    /// Its kind.
    pub kind: NodeKind,
    /// Its state.
    pub state: NodeState,
    /// How much was done: `12k steps`, `500 episodes`, `2 rounds`.
    pub amount: String,
    /// Why it stopped, or why it did not run.
    pub stopped_by: String,
    /// Its score, when it has one.
    pub score: Option<Score>,
    /// The metric that says most when there is no score: `valid.loss 0.0123`.
    pub headline: Option<(String, f64)>,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Whether it came from the store.
    pub reused: bool,
    /// How many failure events were handled.
    pub events: usize,
    /// Of how much it was warned.
    pub warnings: usize,
}

/// Rows of one name in several lanes.
#[derive(Clone, Debug)]
pub struct Group {
    /// Name in the program, with `#2` for a later round.
    pub name: String,
    /// Its kind.
    pub kind: NodeKind,
    /// One row a lane.
    pub rows: Vec<Row>,
}

/// One row a node, in plan order.  Rounds that a sequence did not need are left out.
pub fn rows(plan: &Plan, statuses: &[NodeStatus], reused: &BTreeSet<NodeId>) -> Vec<Row> {
    let by_id: BTreeMap<_, _> = statuses.iter().map(|s| (&s.id, s)).collect();
    plan.nodes
        .iter()
        .filter_map(|node| {
            let status = by_id.get(&node.id)?;
            let idle = matches!(
                status.state,
                NodeState::Waiting | NodeState::Skipped | NodeState::Pruned
            );
            if node.gate.is_some() && idle && status.steps == 0 {
                return None;
            }
            let name = if node.round > 1 {
                format!("{}#{}", node.name, node.round)
            } else {
                node.name.clone()
            };
            Some(Row {
                id: node.id.clone(),
                lane: node.lane.clone(),
                name,
                kind: node.kind,
                state: status.state,
                amount: amount(status),
                stopped_by: why(status),
                score: Score::of(status).filter(|_| node.kind != NodeKind::Dataset),
                headline: headline(status),
                seconds: status.seconds,
                reused: reused.contains(&node.id),
                events: status
                    .events
                    .iter()
                    .filter(|e| e.action != crate::guards::WARNING)
                    .count(),
                warnings: status
                    .events
                    .iter()
                    .filter(|e| e.action == crate::guards::WARNING)
                    .count(),
            })
        })
        .collect()
}

/// Rows of equal name together, in the order of their first.
pub fn groups(rows: &[Row]) -> Vec<Group> {
    let mut out: Vec<Group> = Vec::new();
    for row in rows {
        match out.iter_mut().find(|g| g.name == row.name) {
            Some(group) => group.rows.push(row.clone()),
            None => out.push(Group {
                name: row.name.clone(),
                kind: row.kind,
                rows: vec![row.clone()],
            }),
        }
    }
    out
}

/// A lane's id without its sweep's name: `task=hopper, seed=0`; empty for the only lane of a file.
pub fn lane_label(id: &str) -> String {
    match id.split_once('[') {
        Some((_, axes)) => axes.trim_end_matches(']').replace(',', ", "),
        None if id == "main" => String::new(),
        None => id.to_owned(),
    }
}

fn amount(status: &NodeStatus) -> String {
    let fact = |name: &str| {
        status
            .best
            .get(name)
            .or_else(|| status.last.get(name))
            .copied()
    };
    match status.kind {
        NodeKind::Dataset => ["pairs", "episodes", "windows", "transitions"]
            .into_iter()
            .find_map(|name| fact(name).map(|n| format!("{} {name}", count(n))))
            .unwrap_or_default(),
        NodeKind::Stage if status.steps == 0 && status.state != NodeState::Done => String::new(),
        NodeKind::Stage => format!("{} steps", count(status.steps as f64)),
        NodeKind::Sequence => {
            let rounds = fact("rounds").unwrap_or(status.steps as f64);
            match rounds {
                n if n < 1.0 => String::new(),
                n if n < 2.0 => "1 round".to_owned(),
                n => format!("{} rounds", count(n)),
            }
        }
        NodeKind::Cascade => match status.episodes.len() {
            0 => String::new(),
            n => format!("{n} episodes"),
        },
    }
}

fn why(status: &NodeStatus) -> String {
    let note = status.note.clone().unwrap_or_default();
    match status.state {
        NodeState::Done => status.stopped_by.clone().unwrap_or_default(),
        NodeState::Failed if note.is_empty() => "failed".to_owned(),
        NodeState::Failed => format!("failed: {note}"),
        NodeState::Skipped if note.is_empty() => "skipped".to_owned(),
        NodeState::Skipped => format!("skipped: {note}"),
        NodeState::Pruned if note.is_empty() => "pruned".to_owned(),
        NodeState::Waiting if note.starts_with("waits at") => note,
        NodeState::Waiting if status.steps > 0 => "interrupted, goes on at the next run".to_owned(),
        NodeState::Waiting if note.is_empty() => "not run".to_owned(),
        NodeState::Pruned | NodeState::Waiting => note,
        NodeState::Running => "running".to_owned(),
    }
}

fn headline(status: &NodeStatus) -> Option<(String, f64)> {
    let order: &[&str] = match status.kind {
        NodeKind::Dataset => &["score", "mean_score", "return"],
        _ => &["valid.preferred", "value", "reward", "valid.loss", "loss"],
    };
    let find = |name: &&str| {
        let value = status.best.get(*name).or_else(|| status.last.get(*name))?;
        Some(((*name).to_owned(), *value))
    };
    order.iter().find_map(find)
}

/// Lanes beyond this many are shown together, one row a name.
const SEPARATE_LANES: usize = 4;

/// The final table as lines of plain text, no wider than `width` where the text can be cut.
pub fn text_table(rows: &[Row], width: usize) -> Vec<String> {
    let mut lanes: Vec<&str> = Vec::new();
    for row in rows {
        if !lanes.contains(&row.lane.as_str()) {
            lanes.push(&row.lane);
        }
    }
    if lanes.len() > SEPARATE_LANES {
        let head = format!("score over {} lanes", lanes.len());
        let cells = groups(rows).iter().map(group_cells).collect();
        return layout(&["", "steps", "stopped by", &head, "time"], cells, width);
    }
    let mut out = Vec::new();
    for lane in &lanes {
        if lanes.len() > 1 {
            if !out.is_empty() {
                out.push(String::new());
            }
            out.push(lane_label(lane));
        }
        let cells = rows
            .iter()
            .filter(|r| r.lane == *lane)
            .map(row_cells)
            .collect();
        out.extend(layout(
            &["", "steps", "stopped by", "score", "time"],
            cells,
            width,
        ));
    }
    out
}

fn row_cells(row: &Row) -> Vec<String> {
    let score = match (&row.score, &row.headline) {
        (Some(score), _) => score.to_string(),
        (None, Some((name, x))) => format!("{name} {}", metric(name, *x)),
        (None, None) => String::new(),
    };
    let time = if row.reused {
        "from the store".to_owned()
    } else if row.state == NodeState::Waiting && row.seconds == 0.0 {
        String::new()
    } else {
        duration(row.seconds)
    };
    let mut stopped = row.stopped_by.clone();
    if row.events > 0 {
        let plural = if row.events == 1 { "event" } else { "events" };
        stopped = format!("{stopped} ({} {plural} handled)", row.events);
    }
    if row.warnings > 0 {
        let plural = if row.warnings == 1 { "" } else { "s" };
        stopped = format!("{stopped} ({} warning{plural})", row.warnings);
    }
    vec![row.name.clone(), row.amount.clone(), stopped, score, time]
}

fn group_cells(group: &Group) -> Vec<String> {
    let rows = &group.rows;
    let scores: Vec<f64> = rows
        .iter()
        .filter(|r| r.state != NodeState::Pruned)
        .filter_map(|r| r.score.map(|s| s.mean))
        .collect();
    let score = match (stats::mean(&scores), stats::std(&scores)) {
        (Some(m), Some(s)) => format!("{} ± {}", points(m), points(s)),
        _ => String::new(),
    };
    let mut reasons: Vec<(String, usize)> = Vec::new();
    for row in rows {
        // The rule's name is what lanes share; its numbers differ.
        let ends: &[char] = if row.state == NodeState::Pruned {
            &[':', ',']
        } else {
            &[',']
        };
        let short = row.stopped_by.split(ends).next().unwrap_or("").to_owned();
        match reasons.iter_mut().find(|(r, _)| *r == short) {
            Some((_, n)) => *n += 1,
            None => reasons.push((short, 1)),
        }
    }
    reasons.sort_by_key(|r| std::cmp::Reverse(r.1));
    let stopped = match reasons.as_slice() {
        [(one, _)] => one.clone(),
        many => many
            .iter()
            .filter(|(r, _)| !r.is_empty())
            .map(|(r, n)| format!("{n}× {r}"))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let first = rows.first().map(|r| r.amount.clone()).unwrap_or_default();
    let amount = if rows.iter().all(|r| r.amount == first) {
        first
    } else {
        format!("{first} …")
    };
    let reused = rows.iter().filter(|r| r.reused).count();
    let time = if reused == rows.len() {
        "from the store".to_owned()
    } else {
        duration(rows.iter().filter(|r| !r.reused).map(|r| r.seconds).sum())
    };
    vec![group.name.clone(), amount, stopped, score, time]
}

/// Lays cells out in columns: names left, amounts and scores right, the reason takes what is left.
fn layout(head: &[&str], cells: Vec<Vec<String>>, width: usize) -> Vec<String> {
    let reason = 2;
    let all = || {
        std::iter::once(head.iter().map(|h| (*h).to_owned()).collect()).chain(cells.iter().cloned())
    };
    let chars = |s: &str| s.chars().count();
    let mut widths: Vec<usize> = (0..head.len())
        .map(|c| {
            all()
                .map(|row: Vec<String>| row.get(c).map_or(0, |s| chars(s)))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let others: usize = widths
        .iter()
        .enumerate()
        .filter(|(c, _)| *c != reason)
        .map(|(_, w)| w + 2)
        .sum();
    if let Some(w) = widths.get_mut(reason) {
        *w = (*w).min(width.saturating_sub(others).max(16));
    }
    all()
        .map(|row| {
            let mut line = String::new();
            for (c, (cell, w)) in row.iter().zip(&widths).enumerate() {
                if c > 0 {
                    line.push_str("  ");
                }
                let cell = cut(cell, *w);
                let pad = " ".repeat(w.saturating_sub(chars(&cell)));
                // Amounts, scores and times are read downwards by their last digit.
                if matches!(c, 1 | 3 | 4) {
                    line.push_str(&pad);
                    line.push_str(&cell);
                } else {
                    line.push_str(&cell);
                    line.push_str(&pad);
                }
            }
            line.truncate(line.trim_end().len());
            line
        })
        .collect()
}

/// A small table as lines of text: every column as wide as its widest cell, two blanks between.
pub fn columns(head: &[String], body: &[Vec<String>]) -> Vec<String> {
    let all = || std::iter::once(head).chain(body.iter().map(Vec::as_slice));
    let width = |c: usize| {
        all()
            .filter_map(|r| r.get(c))
            .map(|s| s.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    all()
        .map(|row| {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, w)| format!("{cell:<w$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{plan, statuses};

    #[test]
    fn a_table_has_a_row_for_each_node_that_ran() {
        let rows = rows(
            &plan(),
            &statuses(),
            &BTreeSet::from([NodeId("main/rollouts".into())]),
        );
        let names: Vec<_> = rows.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(
            names,
            ["rollouts", "pretrain", "rl", "aligned", "controller"]
        );
        let lines = text_table(&rows, 100);
        assert_eq!(lines.len(), 6);
        assert!(lines.iter().all(|l| l.chars().count() <= 100), "{lines:#?}");
        assert!(
            lines.get(1).unwrap().ends_with("from the store"),
            "{lines:#?}"
        );
        assert!(lines.get(2).unwrap().contains("52.0 ± 30.0"), "{lines:#?}");
        assert!(
            lines.get(3).unwrap().contains("(1 event handled)"),
            "{lines:#?}"
        );
    }

    #[test]
    fn columns_line_up() {
        let lines = text_table(&rows(&plan(), &statuses(), &BTreeSet::new()), 90);
        let head = lines.first().unwrap();
        let at = head.find("stopped by").unwrap();
        for line in lines.iter().skip(1).filter(|l| l.contains("plateau")) {
            let chars: String = line.chars().skip(at).take(7).collect();
            assert_eq!(chars, "plateau", "{lines:#?}");
        }
    }

    #[test]
    fn small_tables_line_up() {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        assert_eq!(
            columns(&row("stage", "score"), &[row("rl", "52 ± 3")]),
            ["stage  score", "rl     52 ± 3"]
        );
    }

    #[test]
    fn lane_names_lose_the_sweep() {
        assert_eq!(
            lane_label("study[task=hopper,seed=0]"),
            "task=hopper, seed=0"
        );
        assert_eq!(lane_label("main"), "");
    }

    #[test]
    fn many_lanes_share_a_row() {
        let mut all = Vec::new();
        for lane in 0..6 {
            for mut row in rows(&plan(), &statuses(), &BTreeSet::new()) {
                row.lane = format!("study[seed={lane}]");
                if let Some(score) = &mut row.score {
                    score.mean += f64::from(lane);
                }
                all.push(row);
            }
        }
        let lines = text_table(&all, 120);
        assert_eq!(lines.len(), 6);
        assert!(lines.first().unwrap().contains("score over 6 lanes"));
        assert!(lines.get(2).unwrap().contains("54.5 ± 1.9"), "{lines:#?}");
    }
}
