//! `align plan` as a person reads it: a line for nodes that share an action and a reason, then a summary.

use std::collections::BTreeMap;

use align_compiler::estimate::Memory;
use align_plan::{NodeId, NodeKind, Plan};
use align_runtime::Timing;
use align_runtime_api::{PlanAction, PlanEntry};

use super::term::{Look, Tone};

/// Nodes of several lanes with one name, one action and one reason.
#[derive(Debug)]
struct Line {
    names: Vec<String>,
    action: PlanAction,
    reason: String,
    lanes: usize,
    place: String,
}

/// The symbol of an action: `=` nothing, `~` goes on, `±` runs again, `◦` is looked at again, `+` is new.
pub(crate) fn symbol(action: PlanAction) -> char {
    match action {
        PlanAction::Reuse => '=',
        PlanAction::Resume | PlanAction::Cut => '~',
        PlanAction::Rerun | PlanAction::Unknown => '±',
        PlanAction::Reevaluate => '◦',
        PlanAction::New => '+',
    }
}

pub(crate) fn words(action: PlanAction) -> &'static str {
    match action {
        PlanAction::Reuse => "from the store",
        PlanAction::Resume => "resume",
        PlanAction::Cut => "cut back",
        PlanAction::Rerun => "re-run",
        PlanAction::Reevaluate => "re-evaluate",
        PlanAction::New => "new",
        PlanAction::Unknown => "depends",
    }
}

fn tone(action: PlanAction) -> Tone {
    match action {
        PlanAction::Reuse => Tone::Dim,
        PlanAction::Resume | PlanAction::Cut | PlanAction::Reevaluate => Tone::Accent,
        PlanAction::Rerun | PlanAction::Unknown => Tone::Warn,
        PlanAction::New => Tone::Good,
    }
}

/// Whether a node would do any work.
pub(crate) fn works(action: PlanAction) -> bool {
    action != PlanAction::Reuse
}

/// How many nodes have each action, under the names of `plan --json`.
pub(crate) fn counts(entries: &[PlanEntry]) -> BTreeMap<&'static str, usize> {
    let mut out: BTreeMap<_, _> = ["reuse", "resume", "rerun", "reevaluate", "new"]
        .into_iter()
        .map(|k| (k, 0))
        .collect();
    for entry in entries {
        let key = match entry.action {
            PlanAction::Reuse => "reuse",
            PlanAction::Resume | PlanAction::Cut => "resume",
            PlanAction::Rerun | PlanAction::Unknown => "rerun",
            PlanAction::Reevaluate => "reevaluate",
            PlanAction::New => "new",
        };
        *out.entry(key).or_insert(0) += 1;
    }
    out
}

/// The table.
pub(crate) fn render(plan: &Plan, entries: &[PlanEntry], look: &Look) -> String {
    let lines = lines(plan, entries);
    let lanes = plan.lanes.len();
    let names: Vec<String> = lines.iter().map(|l| l.names.join(", ")).collect();
    let room = (look.width / 2).clamp(16, 44);
    let names: Vec<Vec<String>> = names.iter().map(|n| wrap(n, room)).collect();
    let widest = names
        .iter()
        .flatten()
        .map(|n| n.chars().count())
        .max()
        .unwrap_or(0);
    let reasons = lines
        .iter()
        .filter(|l| works(l.action))
        .map(|l| l.reason.chars().count())
        .max();
    let reasons = reasons.unwrap_or(0).min(look.width / 2);
    let mut out = look.paint(Tone::Bold, &headline(plan));
    out.push('\n');
    for (line, names) in lines.iter().zip(names) {
        for (i, name) in names.iter().enumerate() {
            let pad = " ".repeat(widest - name.chars().count());
            if i > 0 {
                out.push_str(&format!("     {name}\n"));
                continue;
            }
            let sign = look.paint(tone(line.action), &symbol(line.action).to_string());
            let mut text = format!("  {sign}  {name}{pad}  ");
            if lanes > 1 {
                text += &format!("{:>4}  ", line.lanes);
            }
            let action = words(line.action);
            text += &look.paint(tone(line.action), &format!("{action:<14}"));
            if !line.reason.is_empty() && line.reason != action {
                let pad = " ".repeat(reasons.saturating_sub(line.reason.chars().count()));
                text += &format!("  {}{pad}", line.reason);
            }
            if works(line.action) && !line.place.is_empty() {
                text += &format!("  {}", look.paint(Tone::Dim, &line.place));
            }
            out.push_str(text.trim_end());
            out.push('\n');
        }
    }
    out.push_str(&look.paint(Tone::Bold, &summary(entries)));
    out.push('\n');
    out
}

/// What the work needs: the largest node's memory, and the time as far as it is known.  Empty when there is no work.
pub(crate) fn needs(
    plan: &Plan,
    entries: &[PlanEntry],
    memory: &[Memory],
    timing: &Timing,
    jobs: usize,
) -> String {
    let mut out = String::new();
    let work = plan.nodes.iter().zip(memory).zip(entries);
    let largest = work
        .filter(|((_, m), e)| works(e.action) && m.bytes() > 0.0)
        .max_by(|a, b| a.0.1.bytes().total_cmp(&b.0.1.bytes()));
    if let Some(((node, memory), _)) = largest {
        let bytes = align_compiler::estimate::bytes(memory.bytes());
        out.push_str(&format!("memory: at least {bytes}, for {}\n", node.name));
    }
    out.push_str(&each(plan, timing));
    if timing.known > 0 {
        let workers = if jobs == 1 {
            "1 worker".to_owned()
        } else {
            format!("{jobs} workers")
        };
        let more = match timing.unknown {
            0 => String::new(),
            1 => ", and 1 node that never ran".to_owned(),
            n => format!(", and {n} nodes that never ran"),
        };
        out.push_str(&format!(
            "time: up to {} with {workers}{more}\n",
            time(timing.seconds)
        ));
    }
    out
}

/// A line for each node of the first lane whose time is known: the time that its work takes at most, and what its like was seen to hold.
fn each(plan: &Plan, timing: &Timing) -> String {
    let first = plan.lanes.first().map(|l| l.id.as_str());
    let known: Vec<(&str, f64, Option<u64>)> = plan
        .nodes
        .iter()
        .zip(timing.nodes.iter().zip(&timing.peaks))
        .filter(|(node, _)| Some(node.lane.as_str()) == first && node.round == 1)
        .filter_map(|(node, (seconds, peak))| Some((node.name.as_str(), (*seconds)?, *peak)))
        .collect();
    let width = known.iter().map(|k| k.0.chars().count()).max().unwrap_or(0);
    let line = |(name, seconds, peak): &(&str, f64, Option<u64>)| {
        let held = peak.map_or_else(String::new, |n| {
            format!(", {}", align_compiler::estimate::bytes(n as f64))
        });
        format!("  {name:width$}  up to {}{held}\n", time(*seconds))
    };
    known.iter().map(line).collect()
}

/// Seconds for people, to two digits or so: `40 s`, `12 min`, `3 h 20 min`.
pub(crate) fn time(seconds: f64) -> String {
    let whole = |n: f64| n.round() as u64;
    if seconds < 10.0 {
        return format!("{} s", (seconds * 10.0).ceil() / 10.0);
    }
    if seconds < 100.0 {
        return format!("{} s", whole(seconds));
    }
    let minutes = whole(seconds / 60.0);
    match (minutes / 60, minutes % 60) {
        (0, m) => format!("{m} min"),
        (h, 0) => format!("{h} h"),
        (h, m) if h < 100 => format!("{h} h {m} min"),
        (h, _) => format!("{h} h"),
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in text.split_inclusive(", ") {
        match out.last_mut() {
            Some(line) if line.chars().count() + word.trim_end().chars().count() <= width => {
                line.push_str(word);
            }
            _ => out.push(word.to_owned()),
        }
    }
    out.into_iter().map(|l| l.trim_end().to_owned()).collect()
}

/// `study of lane: 14 lanes, 5 stages and a sequence of at most 3 rounds`.
fn headline(plan: &Plan) -> String {
    let what = match plan.lanes.first() {
        Some(lane) => match (&lane.sweep, lane.pipeline.as_str()) {
            (Some(sweep), pipeline) => format!("{sweep} of {pipeline}"),
            (None, "") => plan.file.clone(),
            (None, pipeline) => format!("{pipeline} of {}", plan.file),
        },
        None => plan.file.clone(),
    };
    let first = plan.lanes.first().map(|l| l.id.as_str());
    let of = |kind| {
        plan.nodes
            .iter()
            .filter(move |n| Some(n.lane.as_str()) == first && n.kind == kind)
    };
    let rounds = of(NodeKind::Stage).map(|n| n.round).max().unwrap_or(1);
    let mut parts = vec![plural(plan.lanes.len(), "lane")];
    let stages = of(NodeKind::Stage).filter(|n| n.round == 1).count();
    parts.push(plural(stages, "stage"));
    let mut text = parts.join(", ");
    if of(NodeKind::Sequence).count() > 0 {
        text += &format!(
            " and a sequence of at most {}",
            plural(rounds as usize, "round")
        );
    }
    format!("{what}: {text}")
}

fn plural(n: usize, word: &str) -> String {
    if n == 1 {
        format!("1 {word}")
    } else {
        format!("{n} {word}s")
    }
}

fn summary(entries: &[PlanEntry]) -> String {
    let counts = counts(entries);
    let open = entries
        .iter()
        .filter(|e| e.action == PlanAction::Unknown)
        .count();
    let n = |key: &str| match key {
        "open" => open,
        "rerun" => counts.get(key).copied().unwrap_or(0) - open,
        _ => counts.get(key).copied().unwrap_or(0),
    };
    let mut parts = Vec::new();
    for (key, words) in [
        ("resume", "to resume"),
        ("rerun", "to re-run"),
        ("reevaluate", "to re-evaluate"),
        ("new", "new"),
        ("open", "that depend on what comes before"),
        ("reuse", "from the store"),
    ] {
        if n(key) > 0 {
            parts.push(format!("{} {words}", n(key)));
        }
    }
    if parts.is_empty() {
        parts.push("nothing to do".to_owned());
    }
    format!("plan: {}", parts.join(", "))
}

fn lines(plan: &Plan, entries: &[PlanEntry]) -> Vec<Line> {
    let nodes: BTreeMap<&NodeId, &align_plan::Node> =
        plan.nodes.iter().map(|n| (&n.id, n)).collect();
    // First one line a name, action and reason over all lanes ...
    let mut by_name: Vec<Line> = Vec::new();
    for entry in entries {
        let node = nodes.get(&entry.id);
        let name = node.map_or_else(
            || entry.id.0.clone(),
            |n| {
                if n.round > 1 {
                    format!("{}#{}", n.name, n.round)
                } else {
                    n.name.clone()
                }
            },
        );
        let place = node
            .map(|n| format!("{}:{}", n.place.file, n.place.line))
            .unwrap_or_default();
        let same = |l: &&mut Line| {
            l.names.first() == Some(&name) && l.action == entry.action && l.reason == entry.reason
        };
        match by_name.iter_mut().find(same) {
            Some(line) => line.lanes += 1,
            None => by_name.push(Line {
                names: vec![name],
                action: entry.action,
                reason: entry.reason.clone(),
                lanes: 1,
                place,
            }),
        }
    }
    // ... then names that share all of it on one line, where the place tells nothing.
    let mut out: Vec<Line> = Vec::new();
    for line in by_name {
        let joins = |l: &&mut Line| {
            l.action == line.action && l.reason == line.reason && l.lanes == line.lanes
        };
        match out.iter_mut().find(joins) {
            Some(other) => {
                other.names.extend(line.names);
                other.place.clear();
            }
            None => out.push(line),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use align_plan::{Lane, Node, Place, VERSION};

    fn plan() -> Plan {
        let node = |name: &str, round: u32, line| Node {
            id: NodeId(if round > 1 {
                format!("main/{name}#{round}")
            } else {
                format!("main/{name}")
            }),
            lane: "main".into(),
            name: name.into(),
            round,
            kind: if name == "rollouts" {
                NodeKind::Dataset
            } else {
                NodeKind::Stage
            },
            needs: Vec::new(),
            fields: BTreeMap::new(),
            seed: 0,
            budget: None,
            until: None,
            eval: None,
            keep: None,
            arms: Vec::new(),
            gate: None,
            carry: None,
            place: Place {
                file: "study.align".into(),
                line,
            },
        };
        Plan {
            version: VERSION,
            edition: 1,
            file: "study.align".into(),
            lanes: vec![Lane {
                id: "main".into(),
                pipeline: "maze".into(),
                sweep: None,
                axes: Vec::new(),
                seed: 0,
            }],
            nodes: vec![
                node("rollouts", 1, 3),
                node("pretrain", 1, 9),
                node("sft", 1, 20),
            ],
            reports: Vec::new(),
            parallel: 0,
            sweeps: Vec::new(),
        }
    }

    fn entry(name: &str, action: PlanAction, reason: &str) -> PlanEntry {
        PlanEntry {
            id: NodeId(format!("main/{name}")),
            kind: NodeKind::Stage,
            action,
            reason: reason.into(),
            key: None,
            needs: Vec::new(),
        }
    }

    const PLAIN: Look = Look {
        terminal: false,
        colour: false,
        width: 100,
    };

    #[test]
    fn nodes_that_share_a_reason_share_a_line() {
        let entries = [
            entry("rollouts", PlanAction::Reuse, ""),
            entry("pretrain", PlanAction::Reuse, ""),
            entry("sft", PlanAction::Resume, "budget 10k → 12k steps"),
        ];
        assert_eq!(
            render(&plan(), &entries, &PLAIN),
            "maze of study.align: 1 lane, 2 stages\n\
            \x20 =  rollouts, pretrain  from the store\n\
            \x20 ~  sft                 resume          budget 10k → 12k steps  study.align:20\n\
            plan: 1 to resume, 2 from the store\n"
        );
    }

    #[test]
    fn what_depends_on_others_is_counted_apart_for_people() {
        let entries = [
            entry("pretrain", PlanAction::Rerun, "optim.lr 3e-4 → 1e-4"),
            entry("sft", PlanAction::Unknown, "starts from pretrain"),
        ];
        assert_eq!(
            summary(&entries),
            "plan: 1 to re-run, 1 that depend on what comes before"
        );
    }

    #[test]
    fn every_action_has_a_symbol_of_the_specification() {
        let all = [
            PlanAction::Reuse,
            PlanAction::Resume,
            PlanAction::Cut,
            PlanAction::Rerun,
            PlanAction::Reevaluate,
            PlanAction::New,
            PlanAction::Unknown,
        ];
        assert!(all.iter().all(|a| "=~±◦+".contains(symbol(*a))));
        assert_eq!(all.iter().filter(|a| works(**a)).count(), 6);
    }

    #[test]
    fn counts_have_every_key_of_the_contract() {
        let counts = counts(&[entry("sft", PlanAction::Cut, "")]);
        let keys: Vec<_> = counts.keys().copied().collect();
        assert_eq!(keys, ["new", "reevaluate", "rerun", "resume", "reuse"]);
        assert_eq!(counts.get("resume"), Some(&1));
    }
}
