//! `align status` as a person reads it.

use std::collections::BTreeSet;

use align_plan::Plan;
use align_runtime::report::format::{cut, duration, metric};
use align_runtime::report::{lane_label, rows};
use align_runtime_api::{NodeState, NodeStatus};

use super::term::{Look, Tone};

fn state(state: NodeState) -> (&'static str, Tone) {
    match state {
        NodeState::Waiting => ("waiting", Tone::Dim),
        NodeState::Running => ("running", Tone::Accent),
        NodeState::Done => ("done", Tone::Good),
        NodeState::Failed => ("failed", Tone::Bad),
        NodeState::Skipped => ("skipped", Tone::Warn),
        NodeState::Pruned => ("pruned", Tone::Dim),
    }
}

/// One line a node: state, name, steps, score, why it stopped; under it the failure events.
pub(crate) fn render(plan: &Plan, statuses: &[NodeStatus], look: &Look) -> String {
    let rows = rows(plan, statuses, &BTreeSet::new());
    let many = plan.lanes.len() > 1;
    let label = |row: &align_runtime::report::Row| {
        if many {
            format!("{} ({})", row.name, lane_label(&row.lane))
        } else {
            row.name.clone()
        }
    };
    let width = |f: &dyn Fn(&align_runtime::report::Row) -> String| {
        rows.iter().map(|r| f(r).chars().count()).max().unwrap_or(0)
    };
    let score = |row: &align_runtime::report::Row| match (&row.score, &row.headline) {
        (Some(score), _) => score.to_string(),
        (None, Some((name, x))) => format!("{name} {}", metric(name, *x)),
        (None, None) => String::new(),
    };
    let (names, amounts, scores) = (width(&label), width(&|r| r.amount.clone()), width(&score));
    let mut out = String::new();
    for row in &rows {
        let (word, tone) = state(row.state);
        let time = if row.seconds > 0.0 {
            duration(row.seconds)
        } else {
            String::new()
        };
        let head = format!(
            "{}  {:<names$}  {:>amounts$}  {:>scores$}  {:>12}",
            look.paint(tone, &format!("{word:<8}")),
            label(row),
            row.amount,
            score(row),
            time
        );
        let used = 8 + names + amounts + scores + 12 + 10;
        let why = cut(&row.stopped_by, look.width.saturating_sub(used).max(24));
        out.push_str(format!("{head}  {why}").trim_end());
        out.push('\n');
        for event in statuses
            .iter()
            .filter(|s| s.id == row.id)
            .flat_map(|s| &s.events)
        {
            let on = event
                .to_step
                .map(|s| format!(", on from step {s}"))
                .unwrap_or_default();
            let text = format!(
                "step {}: {}, {} → {}{on}",
                event.step, event.event, event.detail, event.action
            );
            out.push_str(&format!("          {}\n", look.paint(Tone::Warn, &text)));
        }
    }
    let count = |wanted| statuses.iter().filter(|s| s.state == wanted).count();
    let mut parts = Vec::new();
    for wanted in [
        NodeState::Done,
        NodeState::Running,
        NodeState::Waiting,
        NodeState::Failed,
        NodeState::Skipped,
        NodeState::Pruned,
    ] {
        if count(wanted) > 0 {
            parts.push(format!("{} {}", count(wanted), state(wanted).0));
        }
    }
    out.push_str(&look.paint(Tone::Bold, &format!("status: {}", parts.join(", "))));
    out.push('\n');
    out
}
