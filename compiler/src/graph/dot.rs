//! The graph in DOT, for Graphviz.

use align_plan::{NodeKind, Plan};

use super::{Flow, States, drawings};

/// One cluster for each shape of lane.
pub fn dot(plan: &Plan, states: &States) -> String {
    let mut out = String::from(
        "digraph align {\n  rankdir=TB;\n  node [fontname=\"Helvetica\", fontsize=11, style=\"filled,rounded\"];\n  edge \
         [fontname=\"Helvetica\", fontsize=9];\n",
    );
    for (g, drawing) in drawings(plan, states).iter().enumerate() {
        out.push_str(&format!(
            "  subgraph cluster_{g} {{\n    label={};\n",
            quote(&drawing.title)
        ));
        for (i, spot) in drawing.spots.iter().enumerate() {
            let shape = match spot.kind {
                NodeKind::Dataset => "cylinder",
                NodeKind::Stage => "box",
                NodeKind::Sequence => "hexagon",
                NodeKind::Cascade => "component",
            };
            let fill = super::svg::colours(spot.kind, spot.state.as_ref().map(|s| s.0)).fill;
            out.push_str(&format!(
                "    n{g}_{i} [label={}, shape={shape}, fillcolor=\"{fill}\"];\n",
                quote(&super::svg::rows(spot).join("\n"))
            ));
        }
        for line in &drawing.lines {
            let style = match line.flow {
                Flow::Data => "style=solid, color=\"#2f6f9f\"",
                Flow::Weights => "style=bold",
                Flow::Aside => "style=dashed, color=\"#777777\"",
                Flow::Again => "style=dashed, constraint=false",
            };
            let label = match line.flow {
                Flow::Again => "next round".to_owned(),
                _ => line.uses.join(", "),
            };
            out.push_str(&format!(
                "    n{g}_{} -> n{g}_{} [{style}, label={}];\n",
                line.from,
                line.to,
                quote(&label)
            ));
        }
        out.push_str("  }\n");
    }
    out.push_str("}\n");
    out
}

fn quote(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{text}\"")
}
