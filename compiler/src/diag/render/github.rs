//! Diagnostics as workflow commands of GitHub Actions, which shows them beside the lines of a pull request.
//!
//! <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>

use super::whole;
use crate::diag::fingerprint::plain;
use crate::diag::{Diagnostic, Severity, Sources};

/// One command a line, none left out; nothing when there is nothing to say.
pub fn github(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for d in diagnostics {
        let command = match d.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let (start, end) = sources.places(d.file, d.span);
        // Columns are for ranges within one line; others are refused.
        let range = if start.line == end.line {
            format!(
                "line={},col={},endLine={},endColumn={}",
                start.line, start.column, end.line, end.column
            )
        } else {
            format!("line={},endLine={}", start.line, end.line)
        };
        out.push_str(&format!(
            "::{command} file={},{range},title={}::{}\n",
            property(&plain(sources.path(d.file))),
            property(d.code),
            data(&whole(d))
        ));
    }
    out
}

/// The text after `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The value of `key=value`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use align_grammar::ast::Span;

    use super::*;

    #[test]
    fn what_would_end_a_command_or_a_property_is_escaped() {
        let mut sources = Sources::default();
        let file = sources.add("./a,b:c%.align", "one\ntwo\n");
        let all = [
            Diagnostic::error("A0001", file, Span::new(0, 3), "5% of\r\n`a::b`")
                .with_help("go, on"),
            Diagnostic::warning("unused-let", file, Span::new(0, 7), "two lines"),
        ];
        assert_eq!(
            github(&sources, &all),
            "::error file=a%2Cb%3Ac%25.align,line=1,col=1,endLine=1,endColumn=4,title=A0001::5%25 of%0D%0A`a::b`%0Ahelp: go, on\n\
             ::warning file=a%2Cb%3Ac%25.align,line=1,endLine=2,title=unused-let::two lines\n"
        );
    }
}
