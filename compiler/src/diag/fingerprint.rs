//! What makes a finding the same one tomorrow: not its line number, which every edit above it changes.

use std::fmt::Write as _;

use rustc_hash::FxHashMap;

use super::{Diagnostic, Sources};

/// A fingerprint for each diagnostic, in their order: of its code, its file, the text of its line, and which one of those that
/// agree in all three it is.  32 hexadecimal digits, the same on every machine.
pub fn fingerprints(sources: &Sources, diagnostics: &[Diagnostic]) -> Vec<String> {
    let mut seen: FxHashMap<u128, u32> = FxHashMap::default();
    diagnostics
        .iter()
        .map(|d| {
            let (start, _) = sources.places(d.file, d.span);
            let line = sources
                .get(d.file)
                .map_or("", |s| s.line(start.line))
                .trim();
            let line = line.get(..LONG).unwrap_or(line);
            let path = plain(sources.path(d.file));
            // The parts cannot run into each other: none of them holds this byte.
            let base = fnv(fnv(fnv(OFFSET, d.code), &path), line);
            let count = seen.entry(base).or_default();
            let hash = fnv(base, &count.to_string());
            *count += 1;
            let mut out = String::with_capacity(32);
            let _ = write!(out, "{hash:032x}");
            out
        })
        .collect()
}

/// A path as every machine writes it: with `/`, and without `./` before it.
pub fn plain(path: &str) -> String {
    let path = path.replace('\\', "/");
    let mut rest = path.as_str();
    while let Some(inner) = rest.strip_prefix("./") {
        rest = inner.trim_start_matches('/');
    }
    rest.to_owned()
}

/// Of a longer line only the beginning counts, so that one line with thousands of findings is not read for each.
const LONG: usize = 1_000;

const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// FNV-1a in 128 bits (Fowler, Noll, Vo), with a byte that is no text after each part.
fn fnv(mut hash: u128, text: &str) -> u128 {
    for byte in text.bytes().chain([0xff]) {
        hash ^= u128::from(byte);
        hash = hash.wrapping_mul(PRIME);
    }
    hash
}

#[cfg(test)]
mod tests {
    use align_grammar::ast::Span;

    use super::*;

    fn of(path: &str, text: &str, words: &[&str]) -> Vec<String> {
        let mut sources = Sources::default();
        let file = sources.add(path, text);
        let mut from = 0;
        let all: Vec<_> = words
            .iter()
            .map(|word| {
                let at = from + text[from..].find(word).unwrap_or(0);
                from = at + word.len();
                Diagnostic::error("A1001", file, Span::new(at, from), "no")
            })
            .collect();
        fingerprints(&sources, &all)
    }

    #[test]
    fn a_finding_is_the_same_one_on_another_line() {
        let old = of(
            "a.align",
            "x = one\nx = two\nx = two\n",
            &["one", "two", "two"],
        );
        let new = of(
            "./a.align",
            "// new\n\n  x = two\nx = one\r\nx = two\n",
            &["two", "one", "two"],
        );
        assert_eq!(new, [old[1].clone(), old[0].clone(), old[2].clone()]);
        assert!(old.iter().all(|f| f.len() == 32));
        assert_ne!(old[1], old[2], "two alike are two");
        let elsewhere = of("b.align", "x = one\n", &["one"]);
        assert_ne!(elsewhere[0], old[0]);
        let changed = of("a.align", "x = one + 1\n", &["one"]);
        assert_ne!(changed[0], old[0]);
    }

    #[test]
    fn the_hash_is_the_published_one() {
        // The published test vector of "a" is the offset after one round; ours adds the closing byte.
        let one = (OFFSET ^ u128::from(b'a')).wrapping_mul(PRIME);
        assert_eq!(one, 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_eq!(fnv(OFFSET, "a"), (one ^ 0xff).wrapping_mul(PRIME));
    }
}
