//! Small wordings that several messages share.

use align_plan::{Node, NodeKind};
use align_schema::{Dim, Quantity};

/// A number with four significant digits, without trailing zeros.
pub fn number(x: f64) -> String {
    if !x.is_finite() {
        return x.to_string();
    }
    let magnitude = if x == 0.0 {
        0
    } else {
        x.abs().log10().floor() as i32
    };
    if !(-4..9).contains(&magnitude) {
        return format!("{x:.2e}");
    }
    let digits = (3 - magnitude).max(0) as usize;
    let text = format!("{x:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// `12k steps`.
pub fn steps(n: u64) -> String {
    Quantity::new(n as f64, Dim::Steps).to_string()
}

/// A node as people call it inside its lane: `sft`, or `sft (round 2)`.
pub fn label(node: &Node) -> String {
    if node.round > 1 && node.kind != NodeKind::Sequence {
        format!("{} (round {})", node.name, node.round)
    } else {
        node.name.clone()
    }
}

/// `optim.lr × 0.5, batch × 0.5`.
pub fn factors(scale: &[(String, f64)]) -> String {
    scale
        .iter()
        .map(|(path, factor)| format!("{path} × {}", number(*factor)))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (70.2, "70.2"),
            (0.5, "0.5"),
            (70.0, "70"),
            (1234.56, "1235"),
            (0.000_123_46, "0.0001235"),
            (-3.0, "-3"),
            (0.0, "0"),
            (1e-9, "1.00e-9"),
        ];
        for (x, text) in cases {
            assert_eq!(number(x), text);
        }
    }
}
