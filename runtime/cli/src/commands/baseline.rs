//! A baseline: the findings of a day, kept in a file, so that from then on only new ones are shown.
//!
//! A finding is known by its fingerprint (code, file, text of its line, which of those that agree), so that it may move.

use std::collections::HashSet;
use std::path::Path;

use align_compiler::diag::Findings;
use align_compiler::diag::fingerprint::{fingerprints, plain};
use serde::{Deserialize, Serialize};

use super::{Exit, repair};
use crate::host::reason;
use crate::ui::term::{Look, Tone, errln, fail};

const VERSION: u32 = 1;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baseline {
    version: u32,
    findings: Vec<Known>,
}

/// One finding; all but the fingerprint is for people who read the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    fingerprint: String,
    code: String,
    file: String,
    message: String,
}

impl Baseline {
    /// Every finding.
    pub(crate) fn of(findings: &Findings) -> Self {
        let prints = fingerprints(&findings.sources, &findings.diagnostics);
        let known = findings.diagnostics.iter().zip(prints);
        Self {
            version: VERSION,
            findings: known
                .map(|(d, fingerprint)| Known {
                    fingerprint,
                    code: d.code.to_owned(),
                    file: plain(findings.sources.path(d.file)),
                    message: d.message.clone(),
                })
                .collect(),
        }
    }

    /// Reads the file; what is wrong with it is said.
    pub(crate) fn read(path: &Path) -> Result<Self, Exit> {
        let refuse = |why: String| {
            fail(
                &format!("the baseline `{}` cannot be used: {why}", path.display()),
                Some("write it again with `--write-baseline FILE`"),
            );
            Err(Exit::Usage)
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) => return refuse(reason(&e)),
        };
        match serde_json::from_str::<Self>(&text) {
            Ok(found) if found.version == VERSION => Ok(found),
            Ok(found) => refuse(format!("found version {}, wanted {VERSION}", found.version)),
            Err(e) => refuse(e.to_string()),
        }
    }

    /// Writes the file.
    pub(crate) fn write(&self, path: &Path) -> Exit {
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        if let Err(e) = repair::write(path, &text) {
            fail(
                &format!("`{}` cannot be written: {}", path.display(), reason(&e)),
                None,
            );
            return Exit::Usage;
        }
        let n = self.findings.len();
        let plural = if n == 1 { "" } else { "s" };
        errln(&format!("{}: {n} finding{plural} written", path.display()));
        Exit::Fine
    }

    /// Takes the known findings out, and says how many; those of the files at hand that are gone are reported.
    pub(crate) fn leave_out(&self, findings: &mut Findings, path: &Path) -> usize {
        let prints = fingerprints(&findings.sources, &findings.diagnostics);
        let known: HashSet<&str> = self
            .findings
            .iter()
            .map(|k| k.fingerprint.as_str())
            .collect();
        let found: HashSet<&str> = prints.iter().map(String::as_str).collect();
        let read: HashSet<String> = findings
            .sources
            .iter()
            .map(|(_, source)| plain(&source.path))
            .collect();
        let stale: Vec<&Known> = self
            .findings
            .iter()
            .filter(|k| read.contains(&k.file) && !found.contains(k.fingerprint.as_str()))
            .collect();
        if let Some(first) = stale.first() {
            let n = stale.len();
            let plural = if n == 1 { "y is" } else { "ies are" };
            errln(&format!(
                "{}: `{}`: {n} entr{plural} no longer found, such as {} in {} ({})",
                Look::err().paint(Tone::Warn, "warning"),
                path.display(),
                first.code,
                first.file,
                first.message
            ));
        }
        let before = findings.diagnostics.len();
        let mut at = prints.iter();
        findings
            .diagnostics
            .retain(|_| at.next().is_none_or(|p| !known.contains(p.as_str())));
        before - findings.diagnostics.len()
    }
}
