//! How are stages shared out over the devices of a machine?  Eight cards are pretended; real workers train on what stands for them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use align_tests::binary::path;
use serde_json::Value;

use crate::scene::{SMALL, Scene};

/// Lanes of two stages each.
const LANES: usize = 20;
const CARDS: usize = 8;

fn program(memory: &str) -> String {
    format!(
        "align 1

pipeline short(seed: Seed) {{
{SMALL}
    stage base trains planner on rollouts {{
        loss   = denoise()
        {memory}
        budget = 60 steps
        eval every 20 steps {{ episodes = 2 }}
        until reaches(score, 1000 points)
    }}

    stage tuned trains planner on rollouts from base.last {{
        loss   = denoise()
        {memory}
        budget = 40 steps
        eval every 40 steps {{ episodes = 2 }}
        until reaches(score, 1000 points)
    }}
}}

sweep seeds of short {{
    seed in 0..<{LANES}
}}
"
    )
}

/// The events of a run on pretended cards.
fn events(scene: &Scene, more: &[&str]) -> Vec<Value> {
    let out = Command::new(path())
        .args(["run", "main.align", "--json", "--jobs", "64"])
        .args(more)
        .current_dir(scene.path())
        .env("ALIGN_PRETENDED_CARDS", CARDS.to_string())
        .env_remove("ALIGN_STORE")
        .output()
        .expect("a run");
    let text = String::from_utf8_lossy(&out.stdout);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{text}\n{said}");
    let lines = text.lines().map(|l| serde_json::from_str(l).expect("JSON"));
    lines.collect()
}

/// What a replay of the events finds.
#[derive(Default)]
struct Replay {
    /// Stages at work, by card.
    busy: BTreeMap<String, BTreeSet<String>>,
    /// The most together on one card.
    most: usize,
    /// The most stages together on one card.
    stages: usize,
    /// Stages that each card was given.
    given: BTreeMap<String, usize>,
    /// How often a card had nothing while a stage was ready.
    idle: Vec<String>,
}

fn replay(events: &[Value]) -> Replay {
    let mut out = Replay::default();
    let (mut begun, mut done) = (BTreeSet::new(), BTreeSet::new());
    // A card may be empty between the end of one stage and the start of the next, which follow each other in one look at the workers.
    let mut filled = false;
    for event in events {
        let id = event["id"].as_str().or(event["status"]["id"].as_str());
        let id = id.unwrap_or_default().to_owned();
        match event["event"].as_str() {
            Some("started") => {
                let card = event["device"].as_str().expect("a device").to_owned();
                let there = out.busy.entry(card.clone()).or_default();
                there.insert(id.clone());
                out.most = out.most.max(there.len());
                let stages = there.iter().filter(|id| !id.ends_with("/rollouts"));
                out.stages = out.stages.max(stages.count());
                if event["kind"] == "stage" {
                    *out.given.entry(card).or_default() += 1;
                }
                begun.insert(id);
                filled = true;
            }
            Some("finished") => {
                let at_work = out.busy.values().filter(|c| !c.is_empty()).count();
                let ready: Vec<String> = (0..LANES)
                    .filter_map(|lane| {
                        let base = begun
                            .iter()
                            .find(|id: &&String| lane_of(id, lane) && id.ends_with("/base"));
                        let tuned = begun
                            .iter()
                            .any(|id: &String| lane_of(id, lane) && id.ends_with("/tuned"));
                        base.filter(|id| done.contains(*id) && !tuned).cloned()
                    })
                    .collect();
                if filled && at_work < CARDS && !ready.is_empty() {
                    out.idle
                        .push(format!("{at_work} at work, ready behind {ready:?}"));
                }
                for card in out.busy.values_mut() {
                    card.remove(&id);
                }
                done.insert(id);
                filled = false;
            }
            _ => {}
        }
    }
    out
}

/// Whether a node is of this lane, such as `seeds[seed=3]/base`.
fn lane_of(id: &str, lane: usize) -> bool {
    id.split('/').next().is_some_and(|name| {
        let digits: String = name.chars().filter(char::is_ascii_digit).collect();
        digits == lane.to_string()
    })
}

#[test]
fn no_card_is_idle_while_a_stage_is_ready() {
    let scene = Scene::of(&program(""));
    let events = events(&scene, &["--per-device", "1"]);
    let found = replay(&events);
    assert_eq!(found.idle, [""; 0]);
    assert_eq!(found.most, 1, "one at a time on a card");
    assert_eq!(found.given.values().sum::<usize>(), 2 * LANES);
    let (least, most) = (found.given.values().min(), found.given.values().max());
    assert_eq!(found.given.len(), CARDS, "{:?}", found.given);
    let even = most
        .zip(least)
        .is_some_and(|(most, least)| *most <= 2 * least);
    assert!(even, "evenly: {:?}", found.given);
}

#[test]
fn what_a_stage_sets_aside_bounds_how_many_share_a_card() {
    // A third of what there is, and a little: two fit.
    let scene = Scene::of(&program("memory = 380MiB"));
    let events = events(&scene, &["--memory", "1GiB"]);
    let found = replay(&events);
    assert_eq!(found.stages, 2, "{:?}", found.given);
    assert_eq!(found.given.values().sum::<usize>(), 2 * LANES);
}
