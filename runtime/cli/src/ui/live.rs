//! The one line that stands for a running node.  Must not draw it: it gives parts of text for a width.

use std::collections::BTreeMap;

use align_plan::{NodeId, NodeKind};
use align_runtime::report::format::{count, cut, duration, metric, number, points};
use align_runtime_api::RunEvent;

use super::term::{Look, Tone};

/// What is known of a running node.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) kind: NodeKind,
    pub(crate) label: String,
    step: u64,
    env_steps: u64,
    total: Option<u64>,
    used: f64,
    rate: f64,
    left: Option<f64>,
    metrics: BTreeMap<String, f64>,
    nearest: Option<String>,
}

/// Metrics that a line shows, most telling first, and how many of them at most.
const TELLING: &[&str] = &[
    "score",
    "value",
    "reward",
    "valid.preferred",
    "loss",
    "valid.loss",
    "kl",
];
const MOST: usize = 3;

/// A node's name on a line: without its lane when there is one lane only, with the lane's axes otherwise.
pub(crate) fn label(id: &NodeId, many_lanes: bool) -> String {
    let (lane, name) = id.0.rsplit_once('/').unwrap_or(("", &id.0));
    let lane = align_runtime::report::lane_label(lane);
    if many_lanes && !lane.is_empty() {
        format!("{name} ({lane})")
    } else {
        name.to_owned()
    }
}

impl Live {
    /// A node that has just started.
    pub(crate) fn new(kind: NodeKind, label: String, from_step: u64, total: Option<u64>) -> Self {
        Self {
            kind,
            label,
            step: from_step,
            env_steps: 0,
            total,
            used: 0.0,
            rate: 0.0,
            left: None,
            metrics: BTreeMap::new(),
            nearest: None,
        }
    }

    /// Takes what an event tells.
    pub(crate) fn update(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Progress {
                step,
                env_steps,
                rate,
                used,
                left,
                metrics,
                nearest,
                ..
            } => {
                self.step = *step;
                self.env_steps = *env_steps;
                self.rate = *rate;
                self.used = used.clamp(0.0, 1.0);
                self.left = *left;
                self.metrics
                    .extend(metrics.iter().map(|(k, v)| (k.clone(), *v)));
                self.nearest.clone_from(nearest);
            }
            RunEvent::Evaluated { step, metrics, .. } => {
                self.step = self.step.max(*step);
                self.metrics
                    .extend(metrics.iter().map(|(k, v)| (k.clone(), *v)));
            }
            _ => {}
        }
    }

    fn steps(&self) -> String {
        let mut text = match (self.kind, self.total) {
            (NodeKind::Stage, Some(total)) => {
                format!("{}/{}", count(self.step as f64), count(total as f64))
            }
            (NodeKind::Stage, None) if self.used > 0.0 => {
                format!(
                    "{} steps, {:.0}%",
                    count(self.step as f64),
                    self.used * 100.0
                )
            }
            (NodeKind::Stage, None) => format!("{} steps", count(self.step as f64)),
            _ => format!("{:.0}%", self.used * 100.0),
        };
        if self.env_steps > 0 {
            text += &format!(", {} env", count(self.env_steps as f64));
        }
        text
    }

    fn telling(&self) -> Vec<String> {
        let all = TELLING.iter().filter_map(|name| {
            let value = *self.metrics.get(*name)?;
            let shown = if *name == "score" {
                points(value)
            } else {
                metric(name, value)
            };
            Some(format!("{name} {shown}"))
        });
        all.take(MOST).collect()
    }

    fn pace(&self) -> String {
        match (self.kind, self.rate) {
            (NodeKind::Stage, r) if r >= 1.0 => format!("{} steps/s", number(r)),
            (NodeKind::Stage, r) if r > 0.0 => format!("{} s/step", number(1.0 / r)),
            _ => String::new(),
        }
    }

    /// The line, at most `look.width - 2` wide: what tells least goes first when it is too long.
    pub(crate) fn line(&self, look: &Look, name_width: usize) -> String {
        let left = self
            .left
            .map(|s| format!("{} left", duration(s)))
            .unwrap_or_default();
        // (text, tone, rank): a higher rank is dropped earlier.
        let mut parts: Vec<(String, Option<Tone>, u8)> = vec![
            (
                format!("{:<name_width$}", cut(&self.label, name_width.max(8))),
                Some(Tone::Bold),
                0,
            ),
            (bar(self.used, 14), Some(Tone::Accent), 3),
            (format!("{:>9}", self.steps()), None, 0),
        ];
        for (i, text) in self.telling().into_iter().enumerate() {
            parts.push((text, Some(Tone::Good), 1 + 2 * i as u8));
        }
        parts.push((self.pace(), Some(Tone::Dim), 7));
        parts.push((left, Some(Tone::Dim), 2));
        parts.push((
            self.nearest.clone().unwrap_or_default(),
            Some(Tone::Warn),
            4,
        ));
        parts.retain(|(text, _, _)| !text.is_empty());
        let room = look.width.saturating_sub(2);
        let chars = |parts: &[(String, Option<Tone>, u8)]| {
            parts
                .iter()
                .map(|(t, _, _)| t.chars().count() + 2)
                .sum::<usize>()
        };
        while chars(&parts) > room {
            let worst = parts
                .iter()
                .enumerate()
                .filter(|(_, p)| p.2 > 0)
                .max_by_key(|(_, p)| p.2);
            match worst.map(|(i, _)| i) {
                Some(i) => parts.remove(i),
                None => break,
            };
        }
        let painted: Vec<String> = parts
            .iter()
            .map(|(text, tone, _)| tone.map_or_else(|| text.clone(), |t| look.paint(t, text)))
            .collect();
        painted.join("  ")
    }

    /// The line without a bar and without filling, for logs.
    pub(crate) fn plain(&self) -> String {
        let mut parts = vec![self.label.clone(), self.steps()];
        parts.extend(self.telling());
        parts.push(self.pace());
        parts.extend(self.left.map(|s| format!("{} left", duration(s))));
        // While it evaluates there is no condition to be near to.
        parts.extend(self.nearest.clone().filter(|n| n != "evaluating"));
        parts.retain(|p| !p.is_empty());
        parts.join("  ")
    }
}

/// A bar of eighths.
fn bar(share: f64, width: usize) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    let mut out = "█".repeat(eighths / 8);
    if eighths / 8 < width {
        let part = eighths % 8;
        out.push(if part == 0 {
            '·'
        } else {
            *EIGHTHS.get(part).unwrap_or(&'·')
        });
        out.push_str(&"·".repeat(width - eighths / 8 - 1));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live() -> Live {
        let mut live = Live::new(NodeKind::Stage, "pretrain".into(), 0, Some(4000));
        live.update(&RunEvent::Progress {
            id: NodeId("main/pretrain".into()),
            step: 1200,
            env_steps: 0,
            rate: 24.3,
            used: 0.3,
            left: Some(115.0),
            metrics: BTreeMap::from([("loss".into(), 0.0312), ("lr".into(), 1e-3)]),
            nearest: Some("plateau of score 2/4 evals".into()),
        });
        live.update(&RunEvent::Evaluated {
            id: NodeId("main/pretrain".into()),
            step: 1000,
            metrics: BTreeMap::from([("score".into(), 61.23)]),
            best: true,
        });
        live
    }

    fn look(width: usize) -> Look {
        Look {
            terminal: true,
            colour: false,
            width,
        }
    }

    #[test]
    fn a_line_tells_step_metrics_rate_time_left_and_the_nearest_condition() {
        assert_eq!(
            live().line(&look(140), 10),
            "pretrain    ████▎·········    1.2k/4k  score 61.2  loss 0.0312  24.3 steps/s  1 min 55 s left  plateau of score 2/4 evals"
        );
    }

    #[test]
    fn a_narrow_line_keeps_the_name_the_steps_and_the_score() {
        let line = live().line(&look(42), 10);
        assert!(line.chars().count() <= 42, "{line}");
        assert_eq!(line, "pretrain      1.2k/4k  score 61.2");
    }

    #[test]
    fn no_width_is_exceeded() {
        for width in 40..160 {
            let n = live().line(&look(width), 10).chars().count();
            assert!(n <= width, "{n} at {width}");
        }
    }

    #[test]
    fn a_plain_line_has_no_bar() {
        let line = live().plain();
        assert!(line.starts_with("pretrain  1.2k/4k  score 61.2"), "{line}");
        assert!(!line.contains('█'));
    }

    #[test]
    fn bars_have_one_width() {
        for i in 0..=100 {
            assert_eq!(bar(f64::from(i) / 100.0, 14).chars().count(), 14);
        }
    }

    #[test]
    fn slow_steps_are_seconds_each() {
        let mut live = live();
        live.rate = 0.25;
        assert_eq!(live.pace(), "4.00 s/step");
    }

    #[test]
    fn a_lane_is_named_only_among_several() {
        let id = NodeId("study[task=hopper,seed=0]/rl#2".into());
        assert_eq!(label(&id, false), "rl#2");
        assert_eq!(label(&id, true), "rl#2 (task=hopper, seed=0)");
    }
}
