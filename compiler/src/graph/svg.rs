//! The graph as one self-contained SVG: shapes and words tell kinds apart, colours and words tell states.

use align_plan::{NodeKind, Plan};

use super::layout::{Layout, Point, Rect, layout};
use super::{Drawing, Flow, Line, Spot, State, States, drawings, kind_word};

const MARGIN: f64 = 20.0;
const ROW: f64 = 16.0;
const INK: &str = "#1b1f24";
const SOFT: &str = "#57606a";
const FONT: &str = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif";

/// Fill and outline of a box.
pub(super) struct Colours {
    pub fill: &'static str,
    pub edge: &'static str,
}

/// By state if there is one, else by kind.
pub(super) fn colours(kind: NodeKind, state: Option<State>) -> Colours {
    let (fill, edge) = match (state, kind) {
        (Some(State::Waiting), _) => ("#ffffff", "#8c959f"),
        (Some(State::Running), _) => ("#ddeeff", "#1f6feb"),
        (Some(State::Done), _) => ("#e3f5e7", "#2c8a57"),
        (Some(State::Failed), _) => ("#fde4e4", "#cf222e"),
        (Some(State::Skipped), _) => ("#f6f1e3", "#a58a3c"),
        (None, NodeKind::Dataset) => ("#e6f1fa", "#2f6f9f"),
        (None, NodeKind::Stage) => ("#f5f6f8", "#4b5563"),
        (None, NodeKind::Sequence) => ("#f0ebfb", "#6d4fc2"),
        (None, NodeKind::Cascade) => ("#e6f6ee", "#2c8a57"),
    };
    Colours { fill, edge }
}

/// The lines of text in a box, its name first.
pub(super) fn rows(spot: &Spot) -> Vec<String> {
    let mut kind = kind_word(spot.kind).to_owned();
    if !spot.does.is_empty() {
        kind.push_str(&format!(" · {}", spot.does));
    }
    let mut out = vec![spot.name.clone(), kind];
    if !spot.limit.is_empty() {
        out.push(format!("at most {}", spot.limit));
    }
    if let Some((_, word)) = &spot.state {
        out.push(format!("● {word}"));
    }
    out
}

/// One drawing for each shape of lane, one below the other.
pub fn svg(plan: &Plan, states: &States) -> String {
    let drawings = drawings(plan, states);
    let mut body = String::new();
    let (mut width, mut y) = (0.0_f64, MARGIN);
    let mut flows = Vec::new();
    for drawing in &drawings {
        body.push_str(&format!(
            "<text x=\"{MARGIN}\" y=\"{}\" class=\"t\">{}</text>\n",
            n(y + 12.0),
            escape(&drawing.title)
        ));
        y += 30.0;
        let placed = arrange(drawing);
        body.push_str(&format!("<g transform=\"translate({MARGIN} {})\">\n", n(y)));
        draw(&mut body, drawing, &placed);
        body.push_str("</g>\n");
        width = width
            .max(placed.width + 2.0 * MARGIN)
            .max(measure(&drawing.title, 7.6) + 2.0 * MARGIN);
        y += placed.height + 34.0;
        flows.extend(drawing.lines.iter().map(|l| l.flow));
    }
    flows.sort_unstable();
    flows.dedup();
    let legend_width = legend(&mut body, &flows, y);
    let width = width.max(legend_width + MARGIN).ceil();
    let height = (y + 26.0).ceil();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" aria-label=\"graph of {}\" font-family=\"{FONT}\">\n\
         <style>.t{{font-size:14px;font-weight:600;fill:{INK}}}.b{{font-size:13px;font-weight:600;fill:{INK};text-anchor:middle}}\
         .s{{font-size:11px;fill:{SOFT};text-anchor:middle}}.l{{font-size:10px;fill:{SOFT};text-anchor:middle;paint-order:stroke;\
         stroke:#fff;stroke-width:3px}}.k{{font-size:11px;fill:{SOFT}}}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{body}</svg>\n",
        escape(&plan.file)
    )
}

fn arrange(drawing: &Drawing) -> Layout {
    let size = |spot: &Spot| {
        let rows = rows(spot);
        let widths = rows
            .iter()
            .enumerate()
            .map(|(i, t)| measure(t, if i == 0 { 7.9 } else { 6.1 }));
        let slack = match spot.kind {
            NodeKind::Sequence => 52.0,
            _ => 32.0,
        };
        let tall = rows.len() as f64 * ROW
            + match spot.kind {
                NodeKind::Dataset => 30.0,
                _ => 16.0,
            };
        (widths.fold(0.0, f64::max).max(70.0) + slack, tall)
    };
    let sizes: Vec<(f64, f64)> = drawing.spots.iter().map(size).collect();
    let edges: Vec<(usize, usize)> = drawing.lines.iter().map(|l| (l.from, l.to)).collect();
    layout(&sizes, &edges)
}

/// Width of a text, estimated from above.
fn measure(text: &str, per_letter: f64) -> f64 {
    text.chars().count() as f64 * per_letter
}

fn draw(out: &mut String, drawing: &Drawing, placed: &Layout) {
    for (line, route) in drawing.lines.iter().zip(&placed.routes) {
        edge(out, line, route);
    }
    for (spot, rect) in drawing.spots.iter().zip(&placed.boxes) {
        node(out, spot, rect);
    }
    // Words go on last and never on a box or on each other while there is room along the edge.
    let mut taken: Vec<Rect> = placed.boxes.clone();
    for (line, route) in drawing.lines.iter().zip(&placed.routes) {
        let text = said(line);
        if !text.is_empty() {
            label(out, &text, route, &mut taken);
        }
    }
}

fn said(line: &Line) -> String {
    match line.flow {
        Flow::Again => "next round".to_owned(),
        _ => line.uses.join(", "),
    }
}

fn stroke(flow: Flow) -> (&'static str, f64, &'static str) {
    match flow {
        Flow::Data => ("#2f6f9f", 1.4, ""),
        Flow::Weights => (INK, 2.2, ""),
        Flow::Aside => ("#7d8590", 1.2, " stroke-dasharray=\"4 3\""),
        Flow::Again => ("#6d4fc2", 1.6, " stroke-dasharray=\"7 4\""),
    }
}

fn edge(out: &mut String, line: &Line, route: &[Point]) {
    let (Some(first), Some(last)) = (route.first(), route.last()) else {
        return;
    };
    let (colour, width, dash) = stroke(line.flow);
    let upwards = first.y > last.y;
    let tip = 7.0;
    let mut d = format!("M{} {}", n(first.x), n(first.y));
    let mut from = *first;
    for (k, to) in route.iter().enumerate().skip(1) {
        let mut to = *to;
        if k + 1 == route.len() {
            to.y += if upwards { tip } else { -tip };
        }
        if (to.x - from.x).abs() < 0.05 {
            d.push_str(&format!("L{} {}", n(to.x), n(to.y)));
        } else {
            let bend = (to.y - from.y) * 0.5;
            d.push_str(&format!(
                "C{} {} {} {} {} {}",
                n(from.x),
                n(from.y + bend),
                n(to.x),
                n(to.y - bend),
                n(to.x),
                n(to.y)
            ));
        }
        from = to;
    }
    out.push_str(&format!(
        "<path d=\"{d}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"{dash}/>\n"
    ));
    let back = if upwards { tip } else { -tip };
    out.push_str(&format!(
        "<path d=\"M{} {}l-4 {b}h8z\" fill=\"{colour}\"/>\n",
        n(last.x),
        n(last.y),
        b = n(back)
    ));
}

fn node(out: &mut String, spot: &Spot, r: &Rect) {
    let state = spot.state.as_ref().map(|s| s.0);
    let Colours { fill, edge } = colours(spot.kind, state);
    let dash = if state == Some(State::Skipped) {
        " stroke-dasharray=\"5 3\""
    } else {
        ""
    };
    let paint = format!("fill=\"{fill}\" stroke=\"{edge}\" stroke-width=\"1.5\"{dash}");
    let rows = rows(spot);
    out.push_str(&format!("<g><title>{}</title>\n", escape(&rows.join(", "))));
    let (x, y, w, h) = (r.x, r.y, r.w, r.h);
    let mut top = y + 8.0;
    match spot.kind {
        NodeKind::Dataset => {
            let (rx, ry) = (w / 2.0, 7.0);
            out.push_str(&format!(
                "<path d=\"M{} {}a{rx} {ry} 0 0 1 {w} 0v{}a{rx} {ry} 0 0 1 -{w} 0z\" {paint}/>\n\
                 <path d=\"M{} {}a{rx} {ry} 0 0 0 {w} 0\" fill=\"none\" stroke=\"{edge}\" stroke-width=\"1.5\"/>\n",
                n(x),
                n(y + ry),
                n(h - 2.0 * ry),
                n(x),
                n(y + ry),
                rx = n(rx),
                w = n(w),
            ));
            top = y + 18.0;
        }
        NodeKind::Stage => out.push_str(&rectangle(x, y, w, h, 6.0, &paint)),
        NodeKind::Sequence => out.push_str(&format!(
            "<path d=\"M{} {}h{}l12 {}l-12 {}h-{}l-12 -{}z\" {paint} stroke-linejoin=\"round\"/>\n",
            n(x + 12.0),
            n(y),
            n(w - 24.0),
            n(h / 2.0),
            n(h / 2.0),
            n(w - 24.0),
            n(h / 2.0)
        )),
        NodeKind::Cascade => {
            out.push_str(&rectangle(x, y, w, h, 6.0, &paint));
            let inner = format!("fill=\"none\" stroke=\"{edge}\" stroke-width=\"1\"");
            out.push_str(&rectangle(x + 4.0, y + 4.0, w - 8.0, h - 8.0, 4.0, &inner));
        }
    }
    for (i, text) in rows.iter().enumerate() {
        let marked = state.is_some() && i + 1 == rows.len();
        let style = if marked {
            format!(" style=\"fill:{edge};font-weight:600\"")
        } else {
            String::new()
        };
        out.push_str(&format!(
            "<text x=\"{}\" y=\"{}\" class=\"{}\"{style}>{}</text>\n",
            n(x + w / 2.0),
            n(top + 12.0 + i as f64 * ROW),
            if i == 0 { "b" } else { "s" },
            escape(text)
        ));
    }
    out.push_str("</g>\n");
}

fn rectangle(x: f64, y: f64, w: f64, h: f64, r: f64, paint: &str) -> String {
    format!(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{r}\" {paint}/>\n",
        n(x),
        n(y),
        n(w),
        n(h)
    )
}

/// Writes a word beside the first free place along an edge.
fn label(out: &mut String, text: &str, route: &[Point], taken: &mut Vec<Rect>) {
    let (w, h) = (measure(text, 5.6) + 4.0, 13.0);
    let at = |p: Point| Rect {
        x: p.x - w / 2.0,
        y: p.y - h / 2.0,
        w,
        h,
    };
    let mut places = Vec::new();
    for t in [0.5, 0.35, 0.65, 0.2, 0.8, 0.1, 0.9] {
        for pair in route.windows(2) {
            if let [a, b] = pair {
                places.push(at(along(*a, *b, t)));
            }
        }
    }
    let free = |r: &&Rect| taken.iter().all(|other| !other.overlaps(r));
    let Some(place) = places.iter().find(free).or(places.first()).copied() else {
        return;
    };
    out.push_str(&format!(
        "<text x=\"{}\" y=\"{}\" class=\"l\">{}</text>\n",
        n(place.x + w / 2.0),
        n(place.y + h / 2.0 + 3.5),
        escape(text)
    ));
    taken.push(place);
}

/// A point of the curve that [`edge`] draws between two points.
fn along(a: Point, b: Point, t: f64) -> Point {
    let u = 1.0 - t;
    let smooth = |p0: f64, p1: f64, p2: f64, p3: f64| {
        u * u * u * p0 + 3.0 * u * u * t * p1 + 3.0 * u * t * t * p2 + t * t * t * p3
    };
    let bend = (b.y - a.y) * 0.5;
    Point {
        x: smooth(a.x, a.x, b.x, b.x),
        y: smooth(a.y, a.y + bend, b.y - bend, b.y),
    }
}

/// What the lines mean; returns its right end.
fn legend(out: &mut String, flows: &[Flow], y: f64) -> f64 {
    let mut x = MARGIN;
    for flow in flows {
        let (colour, width, dash) = stroke(*flow);
        let text = match flow {
            Flow::Data => "data",
            Flow::Weights => "weights",
            Flow::Aside => "critic or reference",
            Flow::Again => "next round",
        };
        out.push_str(&format!(
            "<path d=\"M{} {}h26\" stroke=\"{colour}\" stroke-width=\"{width}\"{dash}/><text x=\"{}\" y=\"{}\" class=\"k\">{text}</text>\n",
            n(x),
            n(y),
            n(x + 32.0),
            n(y + 4.0)
        ));
        x += 32.0 + measure(text, 6.1) + 18.0;
    }
    x
}

/// A number with at most one decimal, so that the output is short and the same everywhere.
fn n(x: f64) -> String {
    let x = (x * 10.0).round() / 10.0;
    if x == 0.0 {
        "0".to_owned()
    } else {
        format!("{x}")
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
