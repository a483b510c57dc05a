//! What is in the data, as pictures: histograms of returns and lengths, ways through a maze, ranges.

use align_runtime_api::{Paths, Profile, Range, Spread};
use maud::{DOCTYPE, Markup, html};

use super::chart::{at, axis_number, ticks};
use super::format::{count, number, points};

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 170.0;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;
/// Pixels of a maze's cell, at most, and of the whole picture.
const CELL: f64 = 46.0;

/// A page of one dataset.
pub fn page(profile: &Profile) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            (super::html::head(&profile.source))
            body {
                header { p.brand { "align" } h1 { "Data" } p.command { code { (profile.source) } } }
                main { section { (draw(profile)) } }
            }
        }
    }
    .into_string()
}

/// Facts of a profile, a name and a text each.
pub fn facts(profile: &Profile) -> Vec<(&'static str, String)> {
    let spread = |s: &Spread| {
        let [low, .., high] = s.quartiles;
        format!(
            "{} ± {}, {} to {}",
            number(s.mean),
            number(s.std),
            number(low),
            number(high)
        )
    };
    let cut = profile.episodes - profile.ended.min(profile.episodes);
    let mut out = vec![
        ("source", profile.source.clone()),
        (
            "task",
            profile.task.clone().unwrap_or_else(|| "unknown".into()),
        ),
        (
            "episodes",
            format!(
                "{}: {} ended by the task, {} cut",
                count(profile.episodes as f64),
                count(profile.ended as f64),
                count(cut as f64)
            ),
        ),
        ("steps", count(profile.steps as f64)),
        ("length", spread(&profile.lengths)),
        (
            "return",
            profile
                .returns
                .as_ref()
                .map_or_else(|| "no rewards".into(), spread),
        ),
    ];
    if let Some(score) = profile.score {
        out.push(("score", format!("{} points", points(score))));
    }
    out
}

/// The section of one dataset.
pub(super) fn draw(profile: &Profile) -> Markup {
    html! {
        table.fields { tbody {
            @for (name, text) in facts(profile) { tr { th scope="row" { (name) } td { (text) } } }
        } }
        div.charts {
            @if let Some(maze) = &profile.maze { (ways(maze)) }
            @if let Some(returns) = &profile.returns { (histogram("return of an episode", returns)) }
            (histogram("steps of an episode", &profile.lengths))
        }
        details {
            summary { "Ranges of " (profile.observations.len()) " observations and " (profile.actions.len()) " actions" }
            div.scroll { table {
                thead { tr { th { "" } th.n { "smallest" } th.n { "mean" } th.n { "deviation" } th.n { "largest" } } }
                tbody {
                    @for (name, range) in ranges(profile) {
                        tr {
                            th scope="row" { (name) }
                            @for x in [range.min, range.mean, range.std, range.max] { td.n { (number(x)) } }
                        }
                    }
                }
            } }
        }
    }
}

/// Each number of a step, named.
pub fn ranges(profile: &Profile) -> Vec<(String, Range)> {
    let named = |word: &'static str, all: &[Range]| {
        all.iter()
            .enumerate()
            .map(move |(i, r)| (format!("{word} {i}"), *r))
            .collect::<Vec<_>>()
    };
    let mut out = named("observation", &profile.observations);
    out.extend(named("action", &profile.actions));
    out.extend(profile.rewards.map(|r| ("reward".to_owned(), r)));
    out
}

fn histogram(title: &str, spread: &Spread) -> Markup {
    let [low, .., high] = spread.quartiles;
    let most = spread.bins.iter().copied().max().unwrap_or(0).max(1) as f64;
    let wide = (WIDTH - LEFT - RIGHT) / spread.bins.len().max(1) as f64;
    let x = |value: f64| {
        let share = if high > low {
            (value - low) / (high - low)
        } else {
            0.5
        };
        LEFT + share * (WIDTH - LEFT - RIGHT)
    };
    let tall = |n: f64| n / most * (HEIGHT - TOP - BOTTOM);
    let y = |n: f64| HEIGHT - BOTTOM - tall(n);
    html! {
        figure.chart {
            figcaption { span.chart-title { (title) } span.unit { "episodes" } }
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(format!("histogram: {title}")) {
                @for n in ticks(0.0, most, 4) {
                    line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(at(y(n))) y2=(at(y(n))) {}
                    text.tick x=(LEFT - 6.0) y=(at(y(n) + 3.5)) text-anchor="end" { (count(n)) }
                }
                @for (i, n) in spread.bins.iter().enumerate() {
                    @if *n > 0 {
                        rect.bar x=(at(LEFT + i as f64 * wide + 0.5)) width=(at((wide - 1.0).max(0.5))) y=(at(y(*n as f64))) height=(at(tall(*n as f64))) {
                            title { (n) " episodes" }
                        }
                    }
                }
                @for value in ticks(low, high, 5) {
                    text.tick x=(at(x(value))) y=(HEIGHT - BOTTOM + 15.0) text-anchor="middle" { (axis_number("", value)) }
                }
                line.axis x1=(LEFT) x2=(WIDTH - RIGHT) y1=(HEIGHT - BOTTOM) y2=(HEIGHT - BOTTOM) {}
                line.middle x1=(at(x(spread.mean))) x2=(at(x(spread.mean))) y1=(TOP) y2=(HEIGHT - BOTTOM) { title { "mean " (number(spread.mean)) } }
            }
        }
    }
}

fn ways(maze: &Paths) -> Markup {
    let [rows, columns] = maze.size;
    let cell = (WIDTH / columns.max(1) as f64).min(CELL);
    let (wide, high) = (cell * columns as f64, cell * rows as f64);
    // A whole position is the middle of a cell.
    let place = |[row, column]: [f32; 2]| {
        (
            (f64::from(column) + 0.5) * cell,
            (f64::from(row) + 0.5) * cell,
        )
    };
    let line = |path: &Vec<[f32; 2]>| {
        path.iter()
            .map(|p| {
                let (x, y) = place(*p);
                format!("{x:.1},{y:.1}")
            })
            .collect::<Vec<_>>()
            .join(" ")
    };
    let dot = |p: Option<&[f32; 2]>| p.map(|p| place(*p));
    html! {
        figure.chart {
            figcaption { span.chart-title { "ways through the maze" } span.unit { (maze.paths.len()) " episodes; a dot where each begins" @if maze.goal.is_some() { ", a ring at the goal" } } }
            svg.maze viewBox=(format!("0 0 {wide:.0} {high:.0}")) style=(format!("max-width:{wide:.0}px")) role="img" aria-label="ways of episodes through the maze" {
                @for (k, _) in maze.walls.iter().enumerate().filter(|(_, wall)| **wall) {
                    rect.wall x=(at((k % columns.max(1)) as f64 * cell)) y=(at((k / columns.max(1)) as f64 * cell)) width=(at(cell)) height=(at(cell)) {}
                }
                @for path in &maze.paths { polyline.way points=(line(path)) {} }
                @for path in &maze.paths {
                    @if let Some((x, y)) = dot(path.first()) { circle.begin cx=(at(x)) cy=(at(y)) r=(at(cell * 0.06)) {} }
                }
                @if let Some((x, y)) = dot(maze.goal.as_ref()) { circle.goal cx=(at(x)) cy=(at(y)) r=(at(cell * 0.3)) {} }
            }
        }
    }
}
