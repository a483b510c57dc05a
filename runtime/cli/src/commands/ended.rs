//! What a run came to, for people: the table, the claims, the page.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use align_compiler::graph;
use align_plan::{NodeId, Plan};
use align_runtime::{Store, report};
use align_runtime_api::NodeStatus;

use crate::host;
use crate::ui::term::{Look, Tone, fail, outln};

/// What came out of the runtime.
pub(super) struct Ended {
    pub(super) statuses: Vec<NodeStatus>,
    pub(super) reused: BTreeSet<NodeId>,
    pub(super) interrupted: bool,
    /// Exports that were not written.
    pub(super) unwritten: Vec<String>,
    /// The budget of the command line ended it.
    pub(super) timed_out: bool,
}

/// Where it ran, for the page.
pub(super) struct Around<'a> {
    pub(super) device: String,
    pub(super) store: &'a Path,
}

/// Datasets that the page shows.
const DATASETS: usize = 8;

/// The table and the claims, on standard output.
pub(super) fn show(plan: &Plan, ended: &Ended, claims: &[report::Claim]) {
    let look = Look::out();
    let rows = report::rows(plan, &ended.statuses, &ended.reused);
    for (i, line) in report::text_table(&rows, look.width).iter().enumerate() {
        outln(&if i == 0 {
            look.paint(Tone::Bold, line)
        } else {
            line.clone()
        });
    }
    if let Some((head, body)) = report::table_of(plan, &ended.statuses) {
        outln("");
        for line in report::columns(&head, &body) {
            outln(&line);
        }
    }
    if !claims.is_empty() {
        outln("");
    }
    for claim in claims {
        let (sign, tone) = match claim.met {
            Some(true) => ("✓ expect", Tone::Good),
            Some(false) => ("✗ expect", Tone::Bad),
            None => ("? expect", Tone::Warn),
        };
        outln(&format!(
            "{} {}: {}",
            look.paint(tone, sign),
            claim.text,
            claim.found
        ));
    }
}

/// Writes the page; a run is not in vain because of a full disk, so a failure is said and no more.
pub(super) fn write_page(
    path: &Path,
    around: &Around<'_>,
    plan: &Plan,
    program: Option<&str>,
    ended: &Ended,
    claims: &[report::Claim],
    seconds: f64,
) -> bool {
    let drawing = graph::svg(plan, &super::graph::states(&ended.statuses));
    let mut facts = vec![
        ("align".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("edition".to_owned(), plan.edition.to_string()),
        ("device".to_owned(), around.device.clone()),
        (
            "system".to_owned(),
            format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        ),
        (
            "cores".to_owned(),
            std::thread::available_parallelism()
                .map_or(1, usize::from)
                .to_string(),
        ),
        ("store".to_owned(), around.store.display().to_string()),
        ("written".to_owned(), date()),
    ];
    let simulator = plan.nodes.iter().find_map(|n| host::library().simulator(n));
    facts.extend(simulator.map(|s| ("simulator".to_owned(), s)));
    let data = Store::open(around.store)
        .map(|store| align_runtime::profiles(&store, &ended.statuses, DATASETS))
        .unwrap_or_default();
    let command: Vec<String> = std::env::args().skip(1).map(|a| quoted(&a)).collect();
    let page = report::render(&report::Page {
        plan,
        statuses: &ended.statuses,
        reused: &ended.reused,
        claims,
        graph: Some(&drawing),
        command: &format!("align {}", command.join(" ")),
        facts: &facts,
        program,
        seconds,
        data: &data,
    });
    match super::repair::write(path, &page) {
        Ok(()) => true,
        Err(e) => {
            fail(
                &format!(
                    "the report `{}` cannot be written: {}",
                    path.display(),
                    host::reason(&e)
                ),
                None,
            );
            false
        }
    }
}

fn quoted(arg: &str) -> String {
    if arg.contains([' ', '"', '$', '*', '(']) {
        format!("'{arg}'")
    } else {
        arg.to_owned()
    }
}

/// Today as `2026-11-22 20:15 UTC`.
fn date() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    let minutes = seconds % 86_400 / 60;
    format!(
        "{year}-{month:02}-{day:02} {:02}:{:02} UTC",
        minutes / 60,
        minutes % 60
    )
}

/// Year, month and day of a number of days since 1970-01-01, by counting whole years and months.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use align_plan::NodeId;
    use align_runtime_api::RunEvent;

    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(59), (1970, 3, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_779), (2026, 11, 22));
    }

    #[test]
    fn arguments_with_blanks_are_quoted() {
        assert_eq!(quoted("data=a b"), "'data=a b'");
        assert_eq!(quoted("--jobs"), "--jobs");
    }

    #[test]
    fn every_event_has_the_keys_of_its_schema() {
        use align_plan::{Digest, NodeKind};
        let id = || NodeId("main/rl".into());
        let events = [
            RunEvent::Started {
                id: id(),
                kind: NodeKind::Stage,
                attempt: 1,
                from_step: 0,
                total_steps: Some(10),
                device: Some("cpu".into()),
            },
            RunEvent::Progress {
                id: id(),
                step: 3,
                env_steps: 0,
                rate: 1.0,
                used: 0.3,
                left: None,
                metrics: [("loss".to_owned(), 0.5)].into(),
                nearest: Some("plateau of score 1/3 evals".into()),
            },
            RunEvent::Evaluated {
                id: id(),
                step: 5,
                metrics: [].into(),
                best: true,
            },
            RunEvent::Checkpointed {
                id: id(),
                step: 5,
                digest: Digest("00".into()),
            },
            RunEvent::Decision {
                id: id(),
                text: "stopped".into(),
            },
            RunEvent::Warned {
                id: id(),
                record: align_runtime_api::EventRecord {
                    event: "collapse".into(),
                    detail: "diversity is 0".into(),
                    step: 5,
                    action: "warning".into(),
                    to_step: None,
                    from: None,
                    to: Some(0.0),
                    attempt: 1,
                },
            },
        ];
        for event in events {
            crate::ui::schema::assert_keys("events", &serde_json::to_value(event).unwrap());
        }
    }
}
