//! Diagnostics as a Code Quality report of GitLab, which shows in a merge request what is new and what is gone.
//!
//! <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>.  What is new is told by fingerprints, so that these do
//! not change when a finding only moves to another line.

use serde::Serialize;

use super::{document, whole};
use crate::diag::fingerprint::{fingerprints, plain};
use crate::diag::{Diagnostic, Severity, Sources};

#[derive(Serialize)]
struct Issue<'a> {
    description: String,
    check_name: &'a str,
    fingerprint: String,
    severity: &'a str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
    end: u32,
}

/// One array of every diagnostic.
pub fn gitlab(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let issues: Vec<Issue<'_>> = diagnostics
        .iter()
        .zip(fingerprints(sources, diagnostics))
        .map(|(d, fingerprint)| {
            let (start, end) = sources.places(d.file, d.span);
            Issue {
                description: whole(d),
                check_name: d.code,
                fingerprint,
                severity: match d.severity {
                    Severity::Error => "major",
                    Severity::Warning => "minor",
                    Severity::Note => "info",
                },
                location: Location {
                    path: plain(sources.path(d.file)),
                    lines: Lines {
                        begin: start.line,
                        end: end.line,
                    },
                },
            }
        })
        .collect();
    document(&issues)
}
