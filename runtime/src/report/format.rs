//! Numbers, counts and durations as people read them.  Must not know what they count.

/// A count, rounded to what a glance can take: `300`, `1.2k`, `12k`, `1.25M`.
pub fn count(n: f64) -> String {
    let (value, suffix) = match n.abs() {
        a if a >= 999_950.0 => (n / 1e6, "M"),
        a if a >= 1_000.0 => (n / 1e3, "k"),
        _ => (n, ""),
    };
    let digits = match value.abs() {
        _ if suffix.is_empty() => 0,
        a if a < 10.0 => 2,
        a if a < 100.0 => 1,
        _ => 0,
    };
    format!("{}{suffix}", trimmed(format!("{value:.digits$}")))
}

/// A real number with about three significant digits: `71.2`, `0.0123`, `1.2e-5`, `–` when it is not finite.
pub fn number(x: f64) -> String {
    if !x.is_finite() {
        return "–".to_owned();
    }
    let text = match x.abs() {
        0.0 => return "0".to_owned(),
        a if a < 1e-3 => return format!("{x:.1e}"),
        a if a < 0.1 => format!("{x:.4}"),
        a if a < 1.0 => format!("{x:.3}"),
        a if a < 10.0 => format!("{x:.2}"),
        a if a < 100.0 => format!("{x:.1}"),
        a if a < 10_000.0 => format!("{x:.0}"),
        _ => return count(x),
    };
    text.replace('-', "−")
}

/// A metric's value with its unit, such as `61.2 points`, `0.71`, `80%`.
pub fn metric(name: &str, x: f64) -> String {
    match unit_of(name) {
        "points" => format!("{} points", points(x)),
        "%" => format!("{}%", number(x * 100.0)),
        _ => number(x),
    }
}

/// A score in points: one decimal, always.
pub fn points(x: f64) -> String {
    if x.is_finite() {
        format!("{x:.1}").replace('-', "−")
    } else {
        "–".to_owned()
    }
}

/// The unit that a metric's axis shows; empty when it has none.
pub fn unit_of(metric: &str) -> &'static str {
    match metric {
        "score" | "spread" => "points",
        "valid.preferred" | "success" | "clip_fraction" => "%",
        "throughput" => "samples/s",
        "length" => "steps",
        _ => "",
    }
}

/// A duration in two parts: `0.4 s`, `48 s`, `2 min 05 s`, `1 h 10 min`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "–".to_owned();
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let s = seconds.round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        3600..172_800 => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3600),
    }
}

/// Cuts a text to a width in characters, with `…` at the cut.
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(width.saturating_sub(1)).collect();
    out.truncate(out.trim_end().len());
    out.push('…');
    out
}

fn trimmed(text: String) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_short() {
        let shown: Vec<_> = [
            0.0, 300.0, 1000.0, 1234.0, 12_000.0, 12_345.0, 999_960.0, 1.25e6,
        ]
        .into_iter()
        .map(count)
        .collect();
        assert_eq!(
            shown,
            ["0", "300", "1k", "1.23k", "12k", "12.3k", "1M", "1.25M"]
        );
    }

    #[test]
    fn numbers_keep_three_digits_at_any_size() {
        let shown: Vec<_> = [0.0, 1.23e-5, 0.01234, 0.5, 71.23, -3.0, 1234.0, f64::NAN]
            .into_iter()
            .map(number)
            .collect();
        assert_eq!(
            shown,
            [
                "0", "1.2e-5", "0.0123", "0.500", "71.2", "−3.00", "1234", "–"
            ]
        );
    }

    #[test]
    fn durations_have_two_parts() {
        let shown: Vec<_> = [0.04, 9.96, 59.7, 125.0, 4200.0, 200_000.0, f64::INFINITY]
            .into_iter()
            .map(duration)
            .collect();
        assert_eq!(
            shown,
            [
                "0.0 s",
                "10 s",
                "1 min 00 s",
                "2 min 05 s",
                "1 h 10 min",
                "2 d 7 h",
                "–"
            ]
        );
    }

    #[test]
    fn a_cut_text_is_never_wider_than_asked() {
        assert_eq!(cut("plateau of score", 9), "plateau…");
        assert_eq!(cut("short", 9), "short");
        assert_eq!(cut("ééééé", 3), "éé…");
    }

    #[test]
    fn shares_and_points_show_their_unit() {
        assert_eq!(metric("valid.preferred", 0.8), "80.0%");
        assert_eq!(metric("score", 61.23), "61.2 points");
        assert_eq!(metric("kl", 0.5), "0.500");
    }
}
