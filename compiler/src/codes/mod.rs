//! What each code means: the table of all of them, and a page for each that the checker can report.
//!
//! A page is Markdown with a failing and a fixed example; the language tests run both.  Must not know how a code is found.

mod page;
mod table;

pub use page::{Example, PAGES, Page, examples, page};
pub use table::ALL;

use crate::diag::Severity;

/// A code of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Such as `A5003`.
    pub code: &'static str,
    /// How bad it is unless a program or an option says otherwise.
    pub severity: Severity,
    /// One line, lower case.
    pub title: &'static str,
}

impl Code {
    /// The group that its thousands digit stands for.
    pub fn group(&self) -> &'static str {
        match self.code.as_bytes().get(1) {
            Some(b'0') => "syntax",
            Some(b'1') => "names",
            Some(b'2') => "types",
            Some(b'3') => "units",
            Some(b'4') => "graph",
            Some(b'5') => "convergence and failure",
            Some(b'6') => "sweeps and reports",
            Some(b'7') => "data and model",
            _ => "resources and plan",
        }
    }
}

/// Looks a code up, in any case of letters.
pub fn find(code: &str) -> Option<&'static Code> {
    ALL.iter().find(|c| c.code.eq_ignore_ascii_case(code))
}

/// What `align explain CODE` shows, in Markdown; `None` for what is no code.
///
/// A code that has no page yet says so beside its title.
pub fn explain(code: &str) -> Option<String> {
    let code = find(code)?;
    Some(match page(code.code) {
        Some(page) => page.text.to_owned(),
        None => format!(
            "# {}: {}\n\nThis {} of the group \"{}\" has no page yet: edition 1 reserves its number, and this version of \
             `align` does not report it.\n",
            code.code,
            code.title,
            code.severity.word(),
            code.group(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_complete_and_in_house_style() {
        assert!(ALL.windows(2).all(|w| w[0].code < w[1].code));
        assert_eq!(ALL.len(), 102);
        for code in ALL {
            let title = code.title;
            assert!(!title.ends_with('.'), "{}: full stop", code.code);
            let first = title.chars().next().unwrap_or(' ');
            assert!(!first.is_uppercase(), "{}: capital", code.code);
        }
    }

    #[test]
    fn the_codes_are_those_of_the_specification_and_each_has_a_page() {
        // How many the specification has of each group, and A2017 beside them; numbers run from 1 without a gap.
        let groups = [9, 12, 17, 9, 10, 18, 11, 8, 8];
        let wanted = groups
            .iter()
            .enumerate()
            .flat_map(|(g, n)| (1..=*n).map(move |i| format!("A{g}{i:03}")));
        let found: Vec<&str> = ALL.iter().map(|c| c.code).collect();
        assert_eq!(found, wanted.collect::<Vec<_>>());
        let bare: Vec<&str> = found.into_iter().filter(|c| page(c).is_none()).collect();
        assert_eq!(bare, [""; 0]);
    }

    #[test]
    fn every_page_has_its_title_and_both_examples() {
        for page in PAGES {
            let code = find(page.code);
            let code = code.unwrap_or_else(|| panic!("{} is not in the table", page.code));
            let head = page.text.lines().next().unwrap_or("");
            assert_eq!(head, format!("# {}: {}", code.code, code.title));
            for kind in ["fail", "ok"] {
                let mut all = page.examples();
                all.extend(page.transcripts());
                let count = all.iter().filter(|e| e.is(kind)).count();
                assert!(count > 0, "{}: no example `{kind}`", page.code);
            }
        }
    }

    #[test]
    fn every_code_is_explained() {
        for code in ALL {
            let text = explain(&code.code.to_lowercase()).unwrap_or_default();
            assert!(text.contains(code.code), "{}: {text}", code.code);
        }
        assert_eq!(explain("A9999"), None);
    }
}
