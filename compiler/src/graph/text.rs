//! The graph as a list that reads from top to bottom: each node with what it takes, `←`.

use align_plan::Plan;

use super::{Drawing, Flow, States, drawings, kind_word};

/// One list for each shape of lane.
pub fn text(plan: &Plan, states: &States) -> String {
    let mut out = String::new();
    for (i, drawing) in drawings(plan, states).iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        out.push_str(&drawing.title);
        out.push('\n');
        list(&mut out, drawing);
    }
    out
}

fn list(out: &mut String, drawing: &Drawing) {
    let rows: Vec<[String; 5]> = (0..drawing.spots.len()).map(|i| row(drawing, i)).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|r| r.get(column));
        cells.map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..5).map(width).collect();
    for row in &rows {
        let mut line = String::from(" ");
        for (cell, width) in row.iter().zip(&widths) {
            if *width > 0 {
                line.push_str(&format!(" {cell:<width$} "));
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// State, name, kind, what it does and how long, inputs.
fn row(drawing: &Drawing, at: usize) -> [String; 5] {
    let Some(spot) = drawing.spots.get(at) else {
        return Default::default();
    };
    let name = |i: usize| drawing.spots.get(i).map_or("", |s| s.name.as_str());
    let mut takes = Vec::new();
    for line in drawing.lines.iter().filter(|l| l.to == at) {
        let mut text = format!("{}{}", name(line.from), line.port);
        if line.flow == Flow::Again {
            text.push_str(" (next round)");
        } else if !line.uses.is_empty() {
            let start = (line.flow == Flow::Weights).then_some("start");
            let uses = line.uses.iter().map(String::as_str);
            let uses: Vec<&str> = start.into_iter().chain(uses).collect();
            text.push_str(&format!(" ({})", uses.join(", ")));
        }
        takes.push(text);
    }
    let does: Vec<&str> = [spot.does.as_str(), spot.limit.as_str()]
        .into_iter()
        .filter(|t| !t.is_empty())
        .collect();
    [
        spot.state
            .as_ref()
            .map_or(String::new(), |(_, word)| word.clone()),
        spot.name.clone(),
        kind_word(spot.kind).to_owned(),
        does.join(", "),
        if takes.is_empty() {
            String::new()
        } else {
            format!("← {}", takes.join(", "))
        },
    ]
}
