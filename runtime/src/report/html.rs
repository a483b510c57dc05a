//! The page of a run: one file, no network, no script.  Must not compute a statistic: that is `claims` and `summary`.

use std::collections::{BTreeMap, BTreeSet};

use align_plan::{NodeId, NodeKind, Plan};
use align_runtime_api::{NodeState, NodeStatus, Profile};
use align_schema::Value;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::{Strip, draw, draw_strips};
use super::claims::Claim;
use super::curves::charts;
use super::format::{duration, metric, points};
use super::summary::{Row, lane_label, rows};
use super::table::table_of;

/// All that the page shows.
#[derive(Debug)]
pub struct Page<'a> {
    /// The plan that ran.
    pub plan: &'a Plan,
    /// What the store knows of its nodes.
    pub statuses: &'a [NodeStatus],
    /// Nodes that came from the store.
    pub reused: &'a BTreeSet<NodeId>,
    /// The report's claims, checked.
    pub claims: &'a [Claim],
    /// The graph as an SVG element.
    pub graph: Option<&'a str>,
    /// The command line.
    pub command: &'a str,
    /// Name and value of what made it: version, device, date.
    pub facts: &'a [(String, String)],
    /// The program's text.
    pub program: Option<&'a str>,
    /// Wall time of this command in seconds.
    pub seconds: f64,
    /// What is in the datasets, those of equal content once.
    pub data: &'a [(NodeId, Profile)],
}

/// Renders the page.
pub fn render(page: &Page<'_>) -> String {
    let rows = rows(page.plan, page.statuses, page.reused);
    let lanes: Vec<&str> = page.plan.lanes.iter().map(|l| l.id.as_str()).collect();
    let name = page.plan.file.rsplit('/').next().unwrap_or(&page.plan.file);
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            (head(name))
            body {
                header {
                    p.brand { "align" }
                    h1 { (name) }
                    p.command { code { (page.command) } }
                }
                main {
                    (tiles(page, &rows))
                    @for (lane, strips) in &strips(page) { (scores(lane, strips, lanes.len())) }
                    (claims_section(page))
                    (summary(&rows, lanes.len()))
                    (graph(page))
                    (data(page))
                    (curves(page))
                    (timeline(page))
                    (settings(page))
                    (program(page))
                }
                footer {
                    @for (k, v) in page.facts { span { (k) " " b { (v) } } }
                }
            }
        }
    };
    markup.into_string()
}

/// The head of a page: everything that it needs is in it.
pub(super) fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) " · align" }
            style { (PreEscaped(include_str!("style.css"))) }
        }
    }
}

/// First trained and last scored node of a lane.
fn ends(rows: &[Row]) -> Option<(&Row, &Row)> {
    let scored = || {
        rows.iter()
            .filter(|r| r.score.is_some() && r.kind != NodeKind::Dataset)
    };
    Some((scored().next()?, scored().next_back()?))
}

fn tile(label: &str, value: &str, note: &str) -> Markup {
    html! {
        div.tile { span.label { (label) } span.value { (value) } span.note { (note) } }
    }
}

fn tiles(page: &Page<'_>, rows: &[Row]) -> Markup {
    let done = rows.iter().filter(|r| r.state == NodeState::Done).count();
    let failed = rows.iter().filter(|r| r.state == NodeState::Failed).count();
    let reused = rows.iter().filter(|r| r.reused).count();
    let unmet = page.claims.iter().filter(|c| c.met != Some(true)).count();
    let single = page.plan.lanes.len() == 1;
    html! {
        section.tiles {
            @if let (true, Some((first, last))) = (single, ends(rows)) {
                @if let (Some(a), Some(b)) = (first.score, last.score) {
                    (tile(&last.name, &points(b.mean), &b.std.map_or_else(|| "points".to_owned(), |s| format!("points, ± {} over episodes", points(s)))))
                    @if first.id != last.id {
                        (tile(&format!("against {}", first.name), &signed(b.mean - a.mean), &format!("points, from {}", points(a.mean))))
                    }
                }
            }
            @if !single { (tile("lanes", &page.plan.lanes.len().to_string(), "one row a lane below")) }
            (tile("nodes", &done.to_string(), &if failed > 0 { format!("done, {failed} failed") } else if reused > 0 { format!("done, {reused} from the store") } else { "done".to_owned() }))
            (tile("training time", &duration(rows.iter().map(|r| r.seconds).sum()), &format!("this command took {}", duration(page.seconds))))
            @if !page.claims.is_empty() {
                (tile("expected", &format!("{} of {}", page.claims.len() - unmet, page.claims.len()), "claims hold"))
            }
        }
    }
}

fn signed(x: f64) -> String {
    if x >= 0.0 {
        format!("+{}", points(x))
    } else {
        points(x)
    }
}

/// The episodes of each lane's stages, lanes in the plan's order.
fn strips<'p>(page: &Page<'p>) -> Vec<(&'p str, Vec<Strip>)> {
    let by_id: BTreeMap<_, _> = page.statuses.iter().map(|s| (&s.id, s)).collect();
    let mut by_lane: BTreeMap<&str, Vec<Strip>> = BTreeMap::new();
    let nodes = page.plan.nodes.iter();
    for node in nodes.filter(|n| n.kind != NodeKind::Dataset) {
        let Some(status) = by_id.get(&node.id).filter(|s| !s.episodes.is_empty()) else {
            continue;
        };
        if let Some(score) = super::summary::Score::of(status) {
            by_lane.entry(&node.lane).or_default().push(Strip {
                label: label(&node.name, node.round),
                note: score.to_string(),
                values: status.episodes.clone(),
            });
        }
    }
    let lanes = page.plan.lanes.iter();
    lanes
        .filter_map(|lane| Some((lane.id.as_str(), by_lane.remove(lane.id.as_str())?)))
        .collect()
}

fn scores(lane: &str, strips: &[Strip], lanes: usize) -> Markup {
    let Some(drawn) = draw_strips(strips) else {
        return html! {};
    };
    html! {
        section {
            h2 { "Score by stage" @if lanes > 1 { small { (lane_label(lane)) } } }
            p.hint { "Normalised score of each evaluation episode, in points: 0 is random, 100 the reference expert. The box is the middle half, the bar the mean." }
            (drawn)
        }
    }
}

fn label(name: &str, round: u32) -> String {
    if round > 1 {
        format!("{name}, round {round}")
    } else {
        name.to_owned()
    }
}

fn claims_section(page: &Page<'_>) -> Markup {
    let table = table_of(page.plan, page.statuses);
    if page.claims.is_empty() && table.is_none() {
        return html! {};
    }
    html! {
        section {
            h2 { "Report" }
            @if !page.claims.is_empty() {
                ul.claims {
                    @for claim in page.claims {
                        li.(match claim.met { Some(true) => "met", Some(false) => "unmet", None => "open" }) {
                            span.verdict { (match claim.met { Some(true) => "holds", Some(false) => "does not hold", None => "unknown" }) }
                            div { code { (claim.text) } span.note { (claim.found) } }
                        }
                    }
                }
            }
            @if let Some((head, body)) = table {
                div.scroll { table {
                    thead { tr { @for h in &head { th { (h) } } } }
                    tbody { @for row in &body { tr { @for cell in row { td { (cell) } } } } }
                } }
            }
        }
    }
}

fn summary(rows: &[Row], lanes: usize) -> Markup {
    html! {
        section {
            h2 { "Stages" }
            div.scroll { table.summary {
                thead { tr {
                    th { "name" }
                    @if lanes > 1 { th { "lane" } }
                    th.kind { "kind" } th.n { "done" } th { "stopped by" } th.n { "score" } th.n { "time" }
                } }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (row.name) }
                            @if lanes > 1 { td { (lane_label(&row.lane)) } }
                            td.kind.dim { (kind(row.kind)) }
                            td.n { (row.amount) }
                            td.(if row.state == NodeState::Failed { "bad" } else { "why" }) {
                                (row.stopped_by)
                                @if row.warnings > 0 { span.badge { (row.warnings) @if row.warnings == 1 { " warning" } @else { " warnings" } } }
                                @if row.events > 0 { span.badge { (row.events) @if row.events == 1 { " event" } @else { " events" } } }
                            }
                            td.n {
                                @match (&row.score, &row.headline) {
                                    (Some(score), _) => b { (score) },
                                    (None, Some((name, x))) => span.dim { (name) " " (metric(name, *x)) },
                                    (None, None) => {},
                                }
                            }
                            td.n {
                                (if row.state == NodeState::Waiting { String::new() } else { duration(row.seconds) })
                                @if row.reused { span.badge.quiet { "from the store" } }
                            }
                        }
                    }
                }
            } }
        }
    }
}

fn kind(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Dataset => "dataset",
        NodeKind::Stage => "stage",
        NodeKind::Sequence => "sequence",
        NodeKind::Cascade => "cascade",
    }
}

fn data(page: &Page<'_>) -> Markup {
    let named = |id: &NodeId| {
        let node = page.plan.nodes.iter().find(|n| n.id == *id);
        node.map_or_else(|| id.0.clone(), |n| n.name.clone())
    };
    html! {
        @if !page.data.is_empty() {
            section {
                h2 { "Data" }
                @for (i, (id, profile)) in page.data.iter().enumerate() {
                    details open[i == 0] { summary { b { (named(id)) } span.at { (profile.source) } } (super::profile::draw(profile)) }
                }
            }
        }
    }
}

fn graph(page: &Page<'_>) -> Markup {
    html! {
        @if let Some(svg) = page.graph {
            section { h2 { "Graph" } div.graph { (PreEscaped(svg)) } }
        }
    }
}

fn curves(page: &Page<'_>) -> Markup {
    let by_id: BTreeMap<_, _> = page.statuses.iter().map(|s| (&s.id, s)).collect();
    let mut stages: Vec<(String, Vec<(String, &NodeStatus)>)> = Vec::new();
    for node in page
        .plan
        .nodes
        .iter()
        .filter(|n| n.kind != NodeKind::Dataset)
    {
        let Some(status) = by_id.get(&node.id) else {
            continue;
        };
        // A single point is in the table already.
        if status.history.values().all(|points| points.len() < 2) {
            continue;
        }
        let name = label(&node.name, node.round);
        let entry = (node.lane.clone(), *status);
        match stages.iter_mut().find(|(n, _)| *n == name) {
            Some((_, lanes)) => lanes.push(entry),
            None => stages.push((name, vec![entry])),
        }
    }
    let drawn = stages.iter().map(|(name, lanes)| {
        let (shown, folded) = charts(lanes);
        let shown: Vec<Markup> = shown.iter().filter_map(draw).collect();
        let folded: Vec<Markup> = folded.iter().filter_map(draw).collect();
        html! {
            article {
                h3 { (name) }
                @if let [(_, only)] = lanes.as_slice() {
                    @if let Some(why) = &only.stopped_by { p.hint { (why) } }
                }
                div.charts { @for c in &shown { (c) } }
                @if !folded.is_empty() {
                    details { summary { (folded.len()) " more" } div.charts { @for c in &folded { (c) } } }
                }
            }
        }
    });
    let drawn: Vec<Markup> = drawn.collect();
    html! {
        @if !drawn.is_empty() { section { h2 { "Curves" } @for stage in &drawn { (stage) } } }
    }
}

/// Everything that was decided, node by node in the order of the graph.
fn timeline(page: &Page<'_>) -> Markup {
    let by_id: BTreeMap<_, _> = page.statuses.iter().map(|s| (&s.id, s)).collect();
    let many = page.plan.lanes.len() > 1;
    let mut items: Vec<(String, String, &'static str, String)> = Vec::new();
    for node in &page.plan.nodes {
        let Some(status) = by_id.get(&node.id) else {
            continue;
        };
        let mut name = label(&node.name, node.round);
        if many {
            name = format!("{name} ({})", lane_label(&node.lane));
        }
        for e in &status.events {
            let mut text = format!("{}: {}", e.event, e.detail);
            if let (Some(from), Some(to)) = (e.from, e.to) {
                text += &format!(
                    ", {} → {}",
                    super::format::number(from),
                    super::format::number(to)
                );
            }
            text += &format!(" → {}", e.action);
            if let Some(step) = e.to_step {
                text += &format!(", on from step {step}");
            }
            items.push((name.clone(), format!("step {}", e.step), "event", text));
        }
        let at = if status.kind == NodeKind::Stage {
            format!("step {}", status.steps)
        } else {
            String::new()
        };
        match (&status.state, &status.stopped_by, &status.note) {
            (NodeState::Failed, _, note) => items.push((
                name,
                at,
                "bad",
                note.clone().unwrap_or_else(|| "failed".into()),
            )),
            (NodeState::Skipped, _, Some(note)) => {
                items.push((name, at, "skip", format!("skipped: {note}")));
            }
            (NodeState::Pruned, _, Some(note)) if status.kind != NodeKind::Dataset => {
                items.push((name, at, "skip", note.clone()));
            }
            (NodeState::Done, Some(why), _) => {
                items.push((name, at, "stop", format!("stopped: {why}")));
            }
            _ => {}
        }
    }
    html! {
        @if !items.is_empty() {
            section {
                h2 { "Decisions and events" }
                ol.timeline {
                    @for (name, at, class, text) in &items {
                        li.(class) { b { (name) } span.at { (at) } span.what { (text) } }
                    }
                }
            }
        }
    }
}

fn settings(page: &Page<'_>) -> Markup {
    let lane = page.plan.lanes.first().map_or("", |l| l.id.as_str());
    let nodes = page
        .plan
        .nodes
        .iter()
        .filter(|n| n.lane == lane && n.round == 1 && !n.fields.is_empty());
    html! {
        section {
            h2 { "Parameters" @if page.plan.lanes.len() > 1 { small { "of " (lane_label(lane)) } } }
            p.hint { "Every field as it was resolved, defaults included." }
            @for node in nodes {
                details {
                    summary { (kind(node.kind)) " " b { (node.name) } span.at { (node.place.file) ":" (node.place.line) } }
                    div.scroll { table.fields { tbody {
                        @for (name, field) in &node.fields {
                            @for (path, value) in flat(name, &field.value, node) {
                                tr { th scope="row" { (path) } td { code { (value) } } }
                            }
                        }
                    } } }
                }
            }
        }
    }
}

/// Leaves of a value by their dotted path, as written.
fn flat(path: &str, value: &Value, node: &align_plan::Node) -> Vec<(String, String)> {
    let children = |head: Option<String>, fields: &[(String, Value)]| {
        let mut out: Vec<(String, String)> =
            head.map(|h| (path.to_owned(), h)).into_iter().collect();
        for (k, v) in fields {
            out.extend(flat(&format!("{path}.{k}"), v, node));
        }
        out
    };
    match value {
        Value::Record(fields) => children(None, fields),
        Value::Call(call) => children(Some(call.name.clone()), &call.args),
        Value::Ref(r) => {
            let need = node.needs.get(r.need);
            let text = need.map_or_else(|| "–".to_owned(), |n| format!("{}.{}", n.node, n.port));
            vec![(path.to_owned(), text)]
        }
        leaf => vec![(path.to_owned(), leaf.to_string())],
    }
}

fn program(page: &Page<'_>) -> Markup {
    html! {
        @if let Some(text) = page.program {
            section { details { summary { "Program " b { (page.plan.file) } } pre.program { code { (text) } } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{plan, statuses};

    fn page() -> String {
        let claims = [Claim {
            text: "gain(rl.score, over: pretrain.score) >= 5%".into(),
            left: Some(0.3),
            right: Some(0.05),
            met: Some(true),
            found: "30.8% against 5%".into(),
            place: "study.align:9".into(),
        }];
        render(&Page {
            plan: &plan(),
            statuses: &statuses(),
            reused: &BTreeSet::new(),
            claims: &claims,
            graph: Some("<svg viewBox=\"0 0 10 10\"></svg>"),
            command: "align run study.align --set note=\"</code><script>\"",
            facts: &[("version".into(), "0.1.0".into())],
            program: Some("align 1\n"),
            seconds: 61.0,
            data: &[(
                NodeId("main/rollouts".into()),
                crate::report::samples::profile(),
            )],
        })
    }

    #[test]
    fn the_page_is_one_file_without_network_or_script() {
        let html = page();
        for banned in ["http://", "https://", "<script", "<link", "@import", "src="] {
            assert!(!html.contains(banned), "{banned}");
        }
        assert!(html.contains("&lt;/code&gt;"), "text is escaped");
    }

    #[test]
    fn the_page_shows_every_part() {
        let html = page();
        for part in [
            "Score by stage",
            "52.0 ± 30.0",
            "Curves",
            "ways through the maze",
            "histogram: return of an episode",
            "class=\"wall\"",
            "Decisions and events",
            "nan: loss is not finite",
            "holds",
            "Parameters",
            "optim.lr",
            "0.1.0",
            "prefers-color-scheme",
            "<svg viewBox=\"0 0 10 10\">",
        ] {
            assert!(html.contains(part), "{part}");
        }
        assert!(!html.contains("NaN"));
        // Set `ALIGN_SAMPLE_REPORT` to a path to look at the page.
        if let Some(path) = std::env::var_os("ALIGN_SAMPLE_REPORT") {
            assert!(std::fs::write(path, html).is_ok());
        }
    }
}
