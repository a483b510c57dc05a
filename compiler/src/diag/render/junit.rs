//! Diagnostics as JUnit XML, which every build server shows: a suite for each file, a failed case for each error.
//!
//! What fails in the document is what fails the command: a warning is a case that passes, with its text beside it.

use super::whole;
use crate::diag::fingerprint::plain;
use crate::diag::{Diagnostic, FileId, Severity, Sources};

/// One document; a file without a finding is a suite with one case that passes.
pub fn junit(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let files: Vec<FileId> = sources
        .iter()
        .filter(|(id, source)| source.is_file() || diagnostics.iter().any(|d| d.file == *id))
        .map(|(id, _)| id)
        .collect();
    let mut suites = String::new();
    let (mut cases, mut failures) = (0, 0);
    for file in files {
        let found: Vec<&Diagnostic> = diagnostics.iter().filter(|d| d.file == file).collect();
        let failed = found.iter().filter(|d| d.is_error()).count();
        let count = found.len().max(1);
        let name = attribute(&plain(sources.path(file)));
        suites.push_str(&format!(
            "  <testsuite name=\"{name}\" tests=\"{count}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\" time=\"0\">\n"
        ));
        for d in &found {
            suites.push_str(&case(sources, d, &name));
        }
        if found.is_empty() {
            suites.push_str(&format!(
                "    <testcase classname=\"{name}\" name=\"check\" time=\"0\"/>\n"
            ));
        }
        suites.push_str("  </testsuite>\n");
        cases += count;
        failures += failed;
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"align\" tests=\"{cases}\" failures=\"{failures}\" errors=\"0\" time=\"0\">\n{suites}</testsuites>\n"
    )
}

fn case(sources: &Sources, d: &Diagnostic, file: &str) -> String {
    let (start, _) = sources.places(d.file, d.span);
    let line = sources.get(d.file).map_or("", |s| s.line(start.line));
    let head = format!(
        "    <testcase classname=\"{file}\" name=\"{} at {}:{}\" time=\"0\">\n",
        attribute(d.code),
        start.line,
        start.column
    );
    let place = format!("{}:{}:{}", sources.path(d.file), start.line, start.column);
    let text = format!("{place}: {}\n{}", whole(d), line.trim());
    let text = text.trim_end();
    let body = match d.severity {
        Severity::Error => format!(
            "      <failure type=\"{}\" message=\"{}\">{}</failure>\n",
            attribute(d.code),
            attribute(&d.message),
            content(text)
        ),
        Severity::Warning | Severity::Note => format!(
            "      <system-out>{}: {}</system-out>\n",
            d.severity.word(),
            content(text)
        ),
    };
    format!("{head}{body}    </testcase>\n")
}

/// Text between tags.
fn content(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(c),
            // XML 1.0 has no way to write these at all.
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                out.push_str(&format!("\\u{{{:x}}}", c as u32));
            }
            c => out.push(c),
        }
    }
    out
}

/// Text between the quotes of an attribute, where a parser would make a blank of a line break.
fn attribute(text: &str) -> String {
    content(text)
        .replace('"', "&quot;")
        .replace('\n', "&#10;")
        .replace('\t', "&#9;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_written_out() {
        assert_eq!(
            attribute("a<b> & \"c\"\n\u{1b}[0m\t\u{0}"),
            "a&lt;b&gt; &amp; &quot;c&quot;&#10;\\u{1b}[0m&#9;\\u{0}"
        );
        assert_eq!(content("]]> é 🦀"), "]]&gt; é 🦀");
    }
}
