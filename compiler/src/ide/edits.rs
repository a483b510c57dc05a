//! How does a formatted text differ from the one that is open, in as few and as small changes as lines allow?

use align_grammar::ast::Span;

use crate::fmt;

/// A piece of text in the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What goes.
    pub span: Span,
    /// What comes.
    pub text: String,
}

/// What formatting changes; nothing where the text is too broken to be laid out.
pub fn formatting(text: &str) -> Vec<Change> {
    fmt::try_format(text).map_or(Vec::new(), |new| changes(text, &new))
}

/// What formatting changes in the lines of a range.
pub fn formatting_in(text: &str, range: Span) -> Vec<Change> {
    let mut all = formatting(text);
    all.retain(|c| c.span.start <= range.end && c.span.end >= range.start);
    all
}

/// The changes from one text to another, in whole lines, that do not overlap and are in order.
pub fn changes(old: &str, new: &str) -> Vec<Change> {
    let (a, b): (Vec<&str>, Vec<&str>) = (
        old.split_inclusive('\n').collect(),
        new.split_inclusive('\n').collect(),
    );
    let mut out = Vec::new();
    let mut starts = vec![0usize];
    for line in &a {
        starts.push(starts[starts.len() - 1] + line.len());
    }
    split(&a, &b, 0, &starts, &mut out);
    out
}

/// Lines that are the same at both ends stay; between them lines that occur once on both sides, in the same order, divide the rest.
fn split(a: &[&str], b: &[&str], at: usize, starts: &[usize], out: &mut Vec<Change>) {
    let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b, at) = (&a[head..], &b[head..], at + head);
    let tail = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let (a, b) = (&a[..a.len() - tail], &b[..b.len() - tail]);
    if a.is_empty() && b.is_empty() {
        return;
    }
    let anchors = anchors(a, b);
    if anchors.is_empty() {
        out.push(Change {
            span: Span::new(starts[at], starts[at + a.len()]),
            text: b.concat(),
        });
        return;
    }
    let (mut i, mut j) = (0, 0);
    for (x, y) in anchors.into_iter().chain([(a.len(), b.len())]) {
        split(&a[i..x], &b[j..y], at + i, starts, out);
        (i, j) = ((x + 1).min(a.len()), (y + 1).min(b.len()));
    }
}

/// Pairs of lines that occur once on either side, as the longest run in the order of both (patience).
fn anchors(a: &[&str], b: &[&str]) -> Vec<(usize, usize)> {
    let once = |lines: &[&str]| {
        let mut seen: std::collections::HashMap<String, (usize, usize)> =
            std::collections::HashMap::new();
        for (i, line) in lines.iter().enumerate() {
            seen.entry((*line).to_owned()).or_insert((i, 0)).1 += 1;
        }
        seen
    };
    let (left, right) = (once(a), once(b));
    let mut pairs: Vec<(usize, usize)> = left
        .iter()
        .filter(|(_, (_, n))| *n == 1)
        .filter_map(|(line, (i, _))| {
            right
                .get(line)
                .filter(|(_, n)| *n == 1)
                .map(|(j, _)| (*i, *j))
        })
        .collect();
    pairs.sort_unstable();
    // Longest increasing run of the second number.
    let mut best: Vec<(usize, Option<usize>)> = Vec::new();
    let mut ends: Vec<usize> = Vec::new();
    for (n, (_, j)) in pairs.iter().enumerate() {
        let at = ends.partition_point(|e| pairs[*e].1 < *j);
        best.push((n, at.checked_sub(1).map(|p| ends[p])));
        if at == ends.len() {
            ends.push(n);
        } else {
            ends[at] = n;
        }
    }
    let mut out = Vec::new();
    let mut next = ends.last().copied();
    while let Some(n) = next {
        out.push(pairs[n]);
        next = best[n].1;
    }
    out.reverse();
    out
}
