//! The graph in Mermaid, for Markdown pages.

use align_plan::{NodeKind, Plan};

use super::{Flow, State, States, drawings};

/// One subgraph for each shape of lane.
pub fn mermaid(plan: &Plan, states: &States) -> String {
    let mut out = String::from("flowchart TB\n");
    for (g, drawing) in drawings(plan, states).iter().enumerate() {
        out.push_str(&format!("  subgraph g{g}[{}]\n", quote(&drawing.title)));
        for (i, spot) in drawing.spots.iter().enumerate() {
            let label = quote(&super::svg::rows(spot).join("<br/>"));
            let (open, close) = match spot.kind {
                NodeKind::Dataset => ("[(", ")]"),
                NodeKind::Stage => ("[", "]"),
                NodeKind::Sequence => ("{{", "}}"),
                NodeKind::Cascade => ("[[", "]]"),
            };
            let class = spot
                .state
                .as_ref()
                .map_or(String::new(), |(s, _)| format!(":::{}", s.word()));
            out.push_str(&format!("    n{g}_{i}{open}{label}{close}{class}\n"));
        }
        for line in &drawing.lines {
            let label = match line.flow {
                Flow::Again => "next round".to_owned(),
                _ => line.uses.join(", "),
            };
            let arrow = match line.flow {
                Flow::Data => "-->",
                Flow::Weights => "==>",
                Flow::Aside | Flow::Again => "-.->",
            };
            let label = if label.is_empty() {
                label
            } else {
                format!("|{}|", quote(&label))
            };
            out.push_str(&format!(
                "    n{g}_{} {arrow}{label} n{g}_{}\n",
                line.from, line.to
            ));
        }
        out.push_str("  end\n");
    }
    if !states.is_empty() {
        for state in [
            State::Waiting,
            State::Running,
            State::Done,
            State::Failed,
            State::Skipped,
        ] {
            let colours = super::svg::colours(NodeKind::Stage, Some(state));
            out.push_str(&format!(
                "  classDef {} fill:{},stroke:{},color:#1b1f24\n",
                state.word(),
                colours.fill,
                colours.edge
            ));
        }
    }
    out
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "#quot;"))
}
