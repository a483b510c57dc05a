//! A run as it happens: bars and decisions on a terminal, throttled lines elsewhere.  All of it on standard error.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use align_plan::NodeId;
use align_runtime::report::format::{duration, points};
use align_runtime_api::{NodeState, NodeStatus, RunEvent};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::live::{Live, label};
use super::term::{Look, Tone, errln};

/// Away from a terminal a node tells its progress this often.
const QUIET: Duration = Duration::from_secs(15);

struct Running {
    live: Live,
    bar: Option<ProgressBar>,
    told: Instant,
}

/// Shows events.
pub(crate) struct Progress {
    look: Look,
    many_lanes: bool,
    name_width: usize,
    multi: Option<MultiProgress>,
    running: BTreeMap<NodeId, Running>,
    /// On a terminal: that the program on the disk is not the one that runs, for as long as it is so.
    alarm: Option<ProgressBar>,
}

impl Progress {
    /// For a plan with these nodes.
    pub(crate) fn new<'a>(many_lanes: bool, ids: impl Iterator<Item = &'a NodeId>) -> Self {
        let look = Look::err();
        let widest = ids.map(|id| label(id, many_lanes).chars().count()).max();
        // Ten drawings a second are enough for an eye, and cost next to nothing.
        let multi = look
            .terminal
            .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));
        Self {
            look,
            many_lanes,
            name_width: widest.unwrap_or(8).clamp(8, 32),
            multi,
            running: BTreeMap::new(),
            alarm: None,
        }
    }

    /// Takes one event.
    pub(crate) fn on(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Started {
                id,
                kind,
                attempt,
                from_step,
                total_steps,
                device,
            } => {
                self.stop(id);
                let name = label(id, self.many_lanes);
                let live = Live::new(*kind, name.clone(), *from_step, *total_steps);
                if self.multi.is_none() {
                    let from = if *from_step > 0 {
                        format!(" from step {from_step}")
                    } else {
                        String::new()
                    };
                    let again = if *attempt > 1 {
                        format!(", attempt {attempt}")
                    } else {
                        String::new()
                    };
                    let cards = device.as_deref().filter(|device| *device != "cpu");
                    let on = cards.map(|card| format!(" on {card}")).unwrap_or_default();
                    self.say(&format!("{name}  starts{from}{again}{on}"));
                }
                let bar = self.multi.as_ref().map(|multi| {
                    let bar = multi.add(ProgressBar::new_spinner());
                    if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg}") {
                        bar.set_style(style.tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "));
                    }
                    bar.set_message(live.line(&self.look, self.name_width));
                    bar.enable_steady_tick(Duration::from_millis(120));
                    bar
                });
                let told = Instant::now();
                self.running.insert(id.clone(), Running { live, bar, told });
            }
            RunEvent::Progress { id, .. } | RunEvent::Evaluated { id, .. } => {
                self.update(id, event);
            }
            // The decision that goes with an event says it in words, and the table what there is at the end.
            RunEvent::Checkpointed { .. } | RunEvent::Handled { .. } | RunEvent::Settled { .. } => {
            }
            RunEvent::Note { text } => {
                self.say(&format!("{} {text}", self.look.paint(Tone::Accent, "•")));
            }
            RunEvent::Edited { files } => {
                self.calm();
                let files = files.join(", ");
                self.say(&format!(
                    "{} saved: {files}",
                    self.look.paint(Tone::Accent, "•")
                ));
            }
            RunEvent::Refused { errors, text } => {
                self.say(text.trim_end());
                let sign = self.look.paint(Tone::Bad, "•");
                self.say(&format!("{sign} what runs goes on as it was"));
                self.alarm(*errors);
            }
            RunEvent::Decision { id, text } => self.decision(id, text),
            RunEvent::Warned { id, record } => {
                let text = format!(
                    "{} at step {}: {}",
                    record.event, record.step, record.detail
                );
                let said = sentence(
                    id,
                    &format!("{}: {text}", label(id, false)),
                    self.many_lanes,
                );
                self.say(&format!("{} {said}", self.look.paint(Tone::Warn, "!")));
            }
            RunEvent::Finished { status, reused } => self.finished(status, *reused),
        }
    }

    fn alarm(&mut self, errors: usize) {
        self.calm();
        let Some(multi) = &self.multi else {
            return;
        };
        let bar = multi.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        let plural = if errors == 1 { "" } else { "s" };
        let text = format!("✗ {errors} error{plural} in what was saved last: it is not what runs");
        bar.set_message(self.look.paint(Tone::Bad, &text));
        self.alarm = Some(bar);
    }

    fn calm(&mut self) {
        if let Some(bar) = self.alarm.take() {
            bar.finish_and_clear();
        }
    }

    fn update(&mut self, id: &NodeId, event: &RunEvent) {
        let quiet = self.multi.is_none();
        let mut line = None;
        if let Some(running) = self.running.get_mut(id) {
            running.live.update(event);
            if let Some(bar) = &running.bar {
                bar.set_message(running.live.line(&self.look, self.name_width));
            }
            let scored = matches!(event, RunEvent::Evaluated { .. });
            if quiet && (scored || running.told.elapsed() >= QUIET) {
                running.told = Instant::now();
                line = Some(running.live.plain());
            }
        }
        if let Some(line) = line {
            self.say(&line);
        }
    }

    fn decision(&self, id: &NodeId, text: &str) {
        let said = sentence(id, text, self.many_lanes);
        self.say(&format!("{} {said}", self.look.paint(Tone::Accent, "•")));
    }

    fn finished(&mut self, status: &NodeStatus, reused: bool) {
        self.stop(&status.id);
        if reused {
            return;
        }
        let name = label(&status.id, self.many_lanes);
        let (sign, mut text) = match status.state {
            NodeState::Done if status.seconds > 0.0 => {
                let time = duration(status.seconds);
                (
                    self.look.paint(Tone::Good, "✓"),
                    format!("{name} done in {time}"),
                )
            }
            NodeState::Done => (self.look.paint(Tone::Good, "✓"), format!("{name} done")),
            NodeState::Failed => (self.look.paint(Tone::Bad, "✗"), format!("{name} failed")),
            // A decision has said it.
            NodeState::Skipped | NodeState::Pruned | NodeState::Waiting | NodeState::Running => {
                return;
            }
        };
        if let Some(score) = status.best.get("score") {
            text += &format!(", score {}", points(*score));
        }
        if let Some(note) = status
            .note
            .as_ref()
            .filter(|_| status.state != NodeState::Done)
        {
            text += &format!(": {note}");
        }
        self.say(&format!("{sign} {text}"));
    }

    fn stop(&mut self, id: &NodeId) {
        if let Some(bar) = self.running.remove(id).and_then(|r| r.bar) {
            bar.finish_and_clear();
        }
    }

    /// A line that stays, above the bars.
    pub(crate) fn say(&self, line: &str) {
        match &self.multi {
            Some(multi) => {
                let _ = multi.println(line);
            }
            None => errln(line),
        }
    }

    /// Takes the bars away.
    pub(crate) fn close(&mut self) {
        self.calm();
        for (_, running) in std::mem::take(&mut self.running) {
            if let Some(bar) = running.bar {
                bar.finish_and_clear();
            }
        }
        if let Some(multi) = &self.multi {
            let _ = multi.clear();
        }
    }
}

/// A decision with what its text leaves open: the lane among several, the node where it is not named.
fn sentence(id: &NodeId, text: &str, many_lanes: bool) -> String {
    let name = label(id, false);
    let base = name.split('#').next().unwrap_or(&name);
    let mut out = if text.contains(base) {
        text.to_owned()
    } else {
        format!("{name}: {text}")
    };
    if many_lanes && let Some((lane, _)) = id.0.rsplit_once('/') {
        out = format!("{}: {out}", align_runtime::report::lane_label(lane));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_names_its_node_and_its_lane_once() {
        let id = NodeId("study[seed=1]/rl#2".into());
        let text = "rl (round 2) stopped at 12k steps: plateau of score";
        assert_eq!(sentence(&id, text, false), text);
        assert_eq!(sentence(&id, text, true), format!("seed=1: {text}"));
        assert_eq!(
            sentence(&id, "a checkpoint cannot be used", false),
            "rl#2: a checkpoint cannot be used"
        );
    }
}
