//! Small line charts as SVG, and strips of points, coloured by the page's classes.  Must not know what a stage is.

use maud::{Markup, html};

use super::format::{count, metric, number, points, unit_of};
use super::stats;

/// A line of a chart.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Shown in the legend when there are several.
    pub label: String,
    /// (step, value), by step.
    pub points: Vec<(f64, f64)>,
    /// Half width of a band about each point; empty for none.
    pub band: Vec<f64>,
    /// Whether each point is marked (evaluations) or only the line is drawn (training).
    pub dots: bool,
}

/// A vertical mark, such as a rollback.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Step.
    pub x: f64,
    /// Shown when it is pointed at.
    pub text: String,
}

/// A chart of one or more metrics of one kind.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// Above it.
    pub title: String,
    /// Metric whose unit the axis has.
    pub metric: String,
    /// What the horizontal axis counts.
    pub x_unit: String,
    /// Its lines.
    pub series: Vec<Series>,
    /// Its marks.
    pub marks: Vec<Mark>,
}

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 190.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 30.0;

/// At most so many round numbers that cover `lo..=hi`.
pub fn ticks(lo: f64, hi: f64, most: usize) -> Vec<f64> {
    let range = hi - lo;
    if !range.is_finite() || range <= 0.0 || most == 0 {
        return vec![lo];
    }
    let rough = range / most as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|s| range / s <= most as f64)
        .unwrap_or(10.0 * power);
    let first = (lo / step).ceil() as i64;
    let last = (hi / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// Maps data to the drawing area.
struct Frame {
    x: (f64, f64),
    /// In logarithms when `log`.
    y: (f64, f64),
    log: bool,
}

/// From this ratio of the largest to the smallest value on, a positive line is drawn on a logarithmic axis.
const WIDE: f64 = 100.0;

impl Frame {
    /// Holds every finite point, with a little air above and below; none without points.
    fn of(series: &[Series]) -> Option<Self> {
        let finite = |s: &Series| -> Vec<(f64, f64, f64)> {
            let with_band = |(i, (x, y)): (usize, &(f64, f64))| {
                let half = s
                    .band
                    .get(i)
                    .copied()
                    .filter(|h| h.is_finite())
                    .unwrap_or(0.0);
                (*x, *y - half, *y + half)
            };
            let all = s.points.iter().enumerate().map(with_band);
            all.filter(|(_, lo, hi)| lo.is_finite() && hi.is_finite())
                .collect()
        };
        let all: Vec<_> = series.iter().flat_map(finite).collect();
        let fold = |xs: &mut dyn Iterator<Item = f64>| {
            xs.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), x| {
                (lo.min(x), hi.max(x))
            })
        };
        if all.is_empty() {
            return None;
        }
        let x = fold(&mut all.iter().map(|p| p.0));
        let (lo, hi) = fold(&mut all.iter().flat_map(|p| [p.1, p.2]));
        if lo > 0.0 && hi / lo > WIDE {
            return Some(Self {
                x: (x.0.min(0.0), if x.1 > 0.0 { x.1 } else { 1.0 }),
                y: (lo.log10() - 0.1, hi.log10() + 0.1),
                log: true,
            });
        }
        let air = if hi > lo {
            (hi - lo) * 0.06
        } else {
            hi.abs().max(1.0) * 0.1
        };
        // A line that is never negative does not float above nothing.
        let low = if lo >= 0.0 && lo < 0.35 * hi {
            0.0
        } else {
            lo - air
        };
        Some(Self {
            x: (x.0.min(0.0), if x.1 > 0.0 { x.1 } else { 1.0 }),
            y: (low, hi + air),
            log: false,
        })
    }
    fn px(&self, x: f64) -> f64 {
        LEFT + (x - self.x.0) / (self.x.1 - self.x.0) * (WIDTH - LEFT - RIGHT)
    }
    fn py(&self, y: f64) -> f64 {
        let y = if self.log {
            y.max(f64::MIN_POSITIVE).log10()
        } else {
            y
        };
        HEIGHT - BOTTOM - (y - self.y.0) / (self.y.1 - self.y.0) * (HEIGHT - TOP - BOTTOM)
    }
}

/// Values at which a line is drawn across: round numbers, powers of ten on a logarithmic axis.
fn levels(frame: &Frame) -> Vec<f64> {
    if !frame.log {
        return ticks(frame.y.0, frame.y.1, 5);
    }
    let (lo, hi) = (frame.y.0.ceil() as i32, frame.y.1.floor() as i32);
    let step = ((hi - lo) / 5).max(1);
    (lo..=hi)
        .step_by(step as usize)
        .map(|e| 10f64.powi(e))
        .collect()
}

/// Whole numbers of steps.
fn marks_of_steps(lo: f64, hi: f64) -> Vec<f64> {
    ticks(lo, hi, 4)
        .into_iter()
        .filter(|x| x.fract().abs() < 1e-9)
        .collect()
}

pub(super) fn axis_number(name: &str, x: f64) -> String {
    match unit_of(name) {
        "%" => format!("{}%", trim(x * 100.0)),
        _ if x == 0.0 => "0".to_owned(),
        _ if x.abs() >= 1000.0 => count(x),
        _ if x.abs() < 1e-3 => number(x),
        _ => trim(x),
    }
}

fn trim(x: f64) -> String {
    let text = format!("{x:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.replace('-', "−")
    }
}

/// Thins a long line to at most `most` points, keeping the first, the last and the extremes of each bucket.
fn thin(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    if points.len() <= most {
        return points.to_vec();
    }
    let bucket = points.len().div_ceil(most / 2).max(1);
    let mut out = Vec::with_capacity(most + 2);
    for chunk in points.chunks(bucket) {
        let low = chunk.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        let high = chunk.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        if let (Some(a), Some(b)) = (low, high) {
            let (first, second) = if a.0 <= b.0 { (a, b) } else { (b, a) };
            out.push(*first);
            if first.0 < second.0 {
                out.push(*second);
            }
        }
    }
    let newest = out.last().map_or(f64::NEG_INFINITY, |p| p.0);
    out.extend(points.last().filter(|p| p.0 > newest));
    out
}

/// Draws a chart; nothing when it has no finite point.
pub fn draw(chart: &Chart) -> Option<Markup> {
    let frame = Frame::of(&chart.series)?;
    let plain = unit_of(&chart.metric);
    let unit = if plain == "%" { "" } else { plain };
    let label = format!("{} against {}", chart.title, chart.x_unit);
    let many = chart.series.len() > 1;
    Some(html! {
        figure.chart {
            figcaption {
                span.chart-title { (chart.title) }
                @if !unit.is_empty() { span.unit { (unit) } }
                @if many {
                    span.legend {
                        @for (i, s) in chart.series.iter().enumerate() {
                            span { i.(format!("key s{}", i % 6)) {} (s.label) }
                        }
                    }
                }
            }
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(label) {
                @for y in levels(&frame) {
                    line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(at(frame.py(y))) y2=(at(frame.py(y))) {}
                    text.tick x=(LEFT - 6.0) y=(at(frame.py(y) + 3.5)) text-anchor="end" { (axis_number(&chart.metric, y)) }
                }
                @for x in marks_of_steps(frame.x.0, frame.x.1) {
                    text.tick x=(at(frame.px(x))) y=(HEIGHT - BOTTOM + 15.0) text-anchor="middle" { (count(x)) }
                }
                text.tick x=(WIDTH - RIGHT) y=(HEIGHT - 2.0) text-anchor="end" { (chart.x_unit) }
                line.axis x1=(LEFT) x2=(WIDTH - RIGHT) y1=(HEIGHT - BOTTOM) y2=(HEIGHT - BOTTOM) {}
                @for mark in &chart.marks { (draw_mark(&frame, mark)) }
                @for (i, series) in chart.series.iter().enumerate() { (draw_series(&frame, chart, series, i, many)) }
            }
        }
    })
}

pub(super) fn at(x: f64) -> String {
    format!("{x:.1}")
}

fn draw_mark(frame: &Frame, mark: &Mark) -> Markup {
    let x = at(frame.px(mark.x.clamp(frame.x.0, frame.x.1)));
    html! {
        g.mark {
            title { (mark.text) }
            line x1=(x) x2=(x) y1=(TOP) y2=(HEIGHT - BOTTOM) {}
            circle cx=(x) cy=(TOP) r="4" {}
        }
    }
}

fn draw_series(frame: &Frame, chart: &Chart, series: &Series, index: usize, many: bool) -> Markup {
    let finite: Vec<(f64, f64)> = series
        .points
        .iter()
        .copied()
        .filter(|(_, y)| y.is_finite())
        .collect();
    let kept = if series.dots {
        finite.clone()
    } else {
        thin(&finite, 300)
    };
    let line: Vec<String> = kept
        .iter()
        .map(|(x, y)| format!("{},{}", at(frame.px(*x)), at(frame.py(*y))))
        .collect();
    let band = band_of(frame, series);
    let single = finite.len() == 1;
    html! {
        g.(format!("series s{}", index % 6)) {
            @if let Some(band) = band { polygon.band points=(band) {} }
            polyline points=(line.join(" ")) {}
            @if (series.dots && finite.len() <= 80) || single {
                @for (x, y) in &finite {
                    circle cx=(at(frame.px(*x))) cy=(at(frame.py(*y))) r="2.6" {
                        title {
                            @if many { (series.label) ": " }
                            (metric(&chart.metric, *y)) " at " (count(*x)) " " (chart.x_unit)
                        }
                    }
                }
            }
        }
    }
}

fn band_of(frame: &Frame, series: &Series) -> Option<String> {
    if series.band.is_empty() || series.points.len() < 2 {
        return None;
    }
    let edge = |sign: f64| {
        series
            .points
            .iter()
            .zip(&series.band)
            .filter(|((_, y), half)| y.is_finite() && half.is_finite())
            .map(|((x, y), half)| format!("{},{}", at(frame.px(*x)), at(frame.py(y + sign * half))))
            .collect::<Vec<_>>()
    };
    let mut outline = edge(1.0);
    outline.extend(edge(-1.0).into_iter().rev());
    Some(outline.join(" "))
}

/// One row of a strip plot: every episode a dot, the middle half a box, the mean a bar.
#[derive(Clone, Debug)]
pub struct Strip {
    /// In front of it.
    pub label: String,
    /// Under the label.
    pub note: String,
    /// Scores in points.
    pub values: Vec<f64>,
}

/// Draws strips over one axis in points; positions are shares of the width, so that it is readable at any width.
pub fn draw_strips(strips: &[Strip]) -> Option<Markup> {
    let all: Vec<f64> = strips
        .iter()
        .flat_map(|s| &s.values)
        .copied()
        .filter(|v| v.is_finite())
        .collect();
    let lo = all.iter().copied().reduce(f64::min)?.min(0.0);
    let hi = all.iter().copied().reduce(f64::max)?.max(lo + 1.0);
    let air = (hi - lo) * 0.02;
    let (lo, hi) = (lo - air, hi + air);
    let share = |x: f64| (x - lo) / (hi - lo) * 100.0;
    let left = |x: f64| format!("left:{:.2}%", share(x));
    Some(html! {
        div.strips role="img" aria-label="normalised score of every episode, by stage" {
            @for strip in strips {
                div.strip-label { b { (strip.label) } span { (strip.note) } }
                div.strip {
                    @for x in ticks(lo, hi, 6) { i.rule style=(left(x)) {} }
                    @if let (Some(a), Some(b)) = (stats::quantile(&strip.values, 0.25), stats::quantile(&strip.values, 0.75)) {
                        i.box style=(format!("{};width:{:.2}%", left(a), share(b) - share(a)))
                            title=(format!("middle half: {} to {} points", points(a), points(b))) {}
                    }
                    @for (i, x) in strip.values.iter().enumerate().filter(|(_, x)| x.is_finite()) {
                        // A fixed scatter, so that equal scores stay countable and the page is the same each time.
                        i.dot style=(format!("{};top:{}%", left(*x), 22 + (i * 37) % 57))
                            title=(format!("episode {}: {} points", i + 1, points(*x))) {}
                    }
                    @if let Some(m) = stats::mean(&strip.values) {
                        i.mean style=(left(m)) title=(format!("mean {} points", points(m))) {}
                    }
                }
            }
            div.strip-label {}
            div.strip-axis {
                @for x in ticks(lo, hi, 6) { span style=(left(x)) { (axis_number("score", x)) } }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: &[(f64, f64)]) -> Chart {
        Chart {
            title: "score".into(),
            metric: "score".into(),
            x_unit: "steps".into(),
            series: vec![Series {
                label: "lane".into(),
                points: points.to_vec(),
                band: vec![1.0; points.len()],
                dots: true,
            }],
            marks: vec![Mark {
                x: 5.0,
                text: "nan at step 5 <b>".into(),
            }],
        }
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 100.0, 5), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(-3.0, 7.0, 4), [-2.5, 0.0, 2.5, 5.0]);
        assert_eq!(ticks(1.0, 1.0, 4), [1.0]);
        assert!(ticks(0.0, 1234.5, 4).len() <= 6);
    }

    #[test]
    fn a_chart_draws_every_point_inside_its_area_and_escapes_text() {
        let svg = draw(&chart(&[(0.0, 1.0), (10.0, 9.0), (20.0, f64::NAN)]))
            .unwrap()
            .into_string();
        assert_eq!(
            svg.matches("<circle cx").count(),
            3,
            "two points and one mark"
        );
        assert!(svg.contains("&lt;b&gt;"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn a_chart_without_finite_points_is_not_drawn() {
        assert!(draw(&chart(&[])).is_none());
        assert!(draw(&chart(&[(1.0, f64::INFINITY)])).is_none());
    }

    #[test]
    fn one_flat_point_has_a_frame() {
        let svg = draw(&chart(&[(0.0, 0.0)])).unwrap().into_string();
        assert!(!svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn a_wide_range_gets_a_logarithmic_axis() {
        let svg = draw(&chart(&[(0.0, 870.0), (10.0, 1.2), (20.0, 0.0)]))
            .map(maud::PreEscaped::into_string);
        assert!(
            !svg.unwrap_or_default().contains(">100<"),
            "zero has no logarithm"
        );
        let mut wide = chart(&[(0.0, 870.0), (10.0, 1.2), (20.0, 0.07)]);
        wide.metric = "loss".into();
        for series in &mut wide.series {
            series.band.clear();
        }
        let svg = draw(&wide).unwrap().into_string();
        for tick in [">0.1<", ">1<", ">10<", ">100<"] {
            assert!(svg.contains(tick), "{tick} in {svg}");
        }
    }

    #[test]
    fn steps_are_whole() {
        assert_eq!(marks_of_steps(0.0, 1.0), [0.0, 1.0]);
        assert_eq!(marks_of_steps(0.0, 5.0), [0.0, 2.0, 4.0]);
    }

    #[test]
    fn a_long_line_is_thinned_and_keeps_its_spikes() {
        let mut points: Vec<_> = (0..10_000).map(|i| (f64::from(i), 0.0)).collect();
        points[5_001].1 = 9.0;
        let thinned = thin(&points, 300);
        assert!(thinned.len() <= 310);
        assert!(thinned.iter().any(|p| p.1 > 8.0));
        assert!(thinned.windows(2).all(|w| w[0].0 < w[1].0));
    }
}
