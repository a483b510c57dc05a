//! What went wrong in a program, as plain data.
//!
//! Every part of the compiler makes [`Diagnostic`]s and nothing else; how one looks on a terminal, in JSON or in an editor is
//! the renderers' work.  Must not print and must not know a terminal.

mod findings;
pub mod fingerprint;
pub mod fix;
pub mod render;
mod source;

pub use findings::Findings;

pub use source::{FileId, Place, Source, Sources};

use align_grammar::ast::{Span, SyntaxError};
use rustc_hash::{FxHashMap, FxHashSet};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// There is no plan.
    Error,
    /// There is a plan, but likely not the one that was meant.
    Warning,
    /// Something worth knowing.
    Note,
}

impl Severity {
    /// `error`, `warning` or `note`.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// A second place that matters, possibly in another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its file.
    pub file: FileId,
    /// Where.
    pub span: Span,
    /// What it shows.
    pub text: String,
}

/// One replacement of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Its file.
    pub file: FileId,
    /// What is replaced; an empty span inserts.
    pub span: Span,
    /// The new text.
    pub text: String,
}

/// A change that a machine can make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, for people.
    pub title: String,
    /// Replacements that do not overlap.
    pub edits: Vec<Edit>,
    /// Whether it keeps what the program was clearly meant to say, so that it may be applied unseen.
    pub safe: bool,
}

/// One finding about a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// A code of [`crate::codes`], such as `A5003`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Its file.
    pub file: FileId,
    /// Where.
    pub span: Span,
    /// One sentence, lower case, no full stop.
    pub message: String,
    /// What the primary place shows; may be empty.
    pub label: String,
    /// Other places.
    pub labels: Vec<Label>,
    /// A way out.
    pub help: Option<String>,
    /// A way out that a machine can take.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// A diagnostic of any severity.
    pub fn new(
        severity: Severity,
        code: &'static str,
        file: FileId,
        span: Span,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity,
            file,
            span,
            message: message.into(),
            label: String::new(),
            labels: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// An error.
    pub fn error(code: &'static str, file: FileId, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, file, span, message)
    }

    /// A warning.
    pub fn warning(
        code: &'static str,
        file: FileId,
        span: Span,
        message: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, code, file, span, message)
    }

    /// From a syntax error of one file.
    pub fn from_syntax(file: FileId, error: &SyntaxError) -> Self {
        let mut out = Self::error(error.code, file, error.span, error.message.clone())
            .with_label(error.label.clone());
        for (span, text) in &error.related {
            out = out.with_place(file, *span, text.clone());
        }
        out.help.clone_from(&error.help);
        if let Some((span, text)) = &error.fix {
            // What a broken line was meant to say is a guess, so that it is shown but not applied unseen.
            out = out.with_fix(
                fix_title(text, *span),
                false,
                vec![Edit {
                    file,
                    span: *span,
                    text: text.clone(),
                }],
            );
        }
        out
    }

    /// Says what the primary place shows.
    #[must_use]
    pub fn with_label(mut self, text: impl Into<String>) -> Self {
        self.label = text.into();
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn with_place(mut self, file: FileId, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            file,
            span,
            text: text.into(),
        });
        self
    }

    /// Adds a way out in words.
    #[must_use]
    pub fn with_help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Adds a way out as edits.
    #[must_use]
    pub fn with_fix(mut self, title: impl Into<String>, safe: bool, edits: Vec<Edit>) -> Self {
        self.fix = Some(Fix {
            title: title.into(),
            edits,
            safe,
        });
        self
    }

    /// Adds a safe fix that replaces one piece of the diagnostic's own file.
    #[must_use]
    pub fn with_replacement(self, span: Span, text: impl Into<String>) -> Self {
        let text = text.into();
        let edit = Edit {
            file: self.file,
            span,
            text: text.clone(),
        };
        self.with_fix(fix_title(&text, span), true, vec![edit])
    }

    /// Whether there can be no plan.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

fn fix_title(text: &str, span: Span) -> String {
    let verb = match (text.is_empty(), span.start == span.end) {
        (true, _) => return "remove it".to_owned(),
        (false, true) => "insert",
        (false, false) => "write",
    };
    format!("{verb} `{}`", text.trim())
}

/// Sorts by file and place, and drops what is said twice.
///
/// The order is total, so that equal programs give equal output.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| {
        (a.file, a.span, a.severity, a.code, &a.message)
            .cmp(&(b.file, b.span, b.severity, b.code, &b.message))
    });
    diagnostics.dedup();
}

/// Drops what only follows from something else: findings inside text that did not parse; unused definitions and stages, and stages that are one
/// node, while there is an error (what would use them or tell them apart may be what is wrong); missing stop rules in a file with a statement that is not understood.
pub fn drop_follow_ups(diagnostics: &mut Vec<Diagnostic>) {
    let mut broken: Vec<(FileId, Span)> = diagnostics
        .iter()
        .filter(|d| d.code.starts_with("A0"))
        .map(|d| (d.file, d.span))
        .collect();
    broken.sort_unstable();
    // How far the spans up to each one reach.
    let mut reach: Vec<(FileId, u32)> = Vec::with_capacity(broken.len());
    for (file, span) in &broken {
        let before = reach.last().filter(|(f, _)| f == file).map_or(0, |r| r.1);
        reach.push((*file, before.max(span.end)));
    }
    let errors = diagnostics.iter().any(Diagnostic::is_error);
    let lost: FxHashSet<FileId> = diagnostics
        .iter()
        .filter(|d| d.code.starts_with("A0") || d.code == "A1002")
        .map(|d| d.file)
        .collect();
    diagnostics.retain(|d| {
        let before = broken.partition_point(|(f, s)| (*f, s.start) < (d.file, d.span.end));
        let last = before.checked_sub(1).and_then(|at| reach.get(at));
        let inside = last.is_some_and(|(f, end)| *f == d.file && d.span.start < *end);
        let idle = errors && matches!(d.code, "A1011" | "A4005" | "A4010" | "A6008");
        // A rule that is misspelt or did not parse is not missing.
        let torn = d.code == "A5018" && lost.contains(&d.file);
        // That a stage lacks its budget does not follow from what is wrong in its `until`.
        let stays = d.code.starts_with("A0") || d.code == "A5001";
        stays || !(idle || torn || inside)
    });
}

/// How many further places of one unknown name are shown.
const FURTHER: usize = 3;

/// The name that a message says is nowhere, whatever it would be; of another message all of it.
fn missed(message: &str) -> &str {
    let nowhere =
        message.starts_with("there is no ") || message.starts_with("the pipeline has no ");
    let mut quoted = message.rsplit('`');
    match (nowhere, quoted.nth(1)) {
        (true, Some(name)) => name,
        _ => message,
    }
}

/// Makes one diagnostic of several that miss the same name: where a definition is misspelt, every use would say so.  An axis of a
/// sweep is a use of a pipeline's parameter.
pub fn join_repeats(diagnostics: &mut Vec<Diagnostic>) {
    let nowhere: FxHashSet<(FileId, String)> = diagnostics
        .iter()
        .filter(|d| d.code == "A1001")
        .map(|d| (d.file, missed(&d.message).to_owned()))
        .collect();
    let axis = |d: &Diagnostic| {
        let name = d.message.split('`').nth(1).unwrap_or("");
        let key = (d.file, name.to_owned());
        (d.code == "A6003" && nowhere.contains(&key)).then_some(key)
    };
    // Behind the others, so that what is kept of them is the pipeline's own message.
    let (axes, others): (Vec<_>, Vec<_>) = diagnostics.drain(..).partition(|d| axis(d).is_some());
    let mut out: Vec<Diagnostic> = Vec::new();
    let mut places: Vec<usize> = Vec::new();
    let mut firsts: FxHashMap<(FileId, String), usize> = FxHashMap::default();
    for d in others.into_iter().chain(axes) {
        let name = match d.code {
            "A1001" => Some((d.file, missed(&d.message).to_owned())),
            _ => axis(&d),
        };
        let first = name.as_ref().and_then(|name| firsts.get(name).copied());
        let Some(at) = first else {
            firsts.extend(name.map(|name| (name, out.len())));
            out.push(d);
            places.push(1);
            continue;
        };
        let (first, count) = (&mut out[at], &mut places[at]);
        *count += 1;
        if *count <= FURTHER + 1 {
            first.labels.push(Label {
                file: d.file,
                span: d.span,
                text: "here too".to_owned(),
            });
        }
        match (&mut first.fix, d.fix) {
            (Some(fix), Some(more)) if fix.title == more.title => fix.edits.extend(more.edits),
            (fix, _) => *fix = None,
        }
    }
    for (d, count) in out.iter_mut().zip(places) {
        if let Some(hidden) = count.checked_sub(FURTHER + 1).filter(|n| *n > 0)
            && let Some(last) = d.labels.last_mut()
        {
            last.text = format!("here too, and in {hidden} more places");
        }
    }
    *diagnostics = out;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_missed_often_is_one_message() {
        let miss = |at: usize, name: &str| {
            Diagnostic::error(
                "A1001",
                FileId(0),
                Span::new(at, at + 4),
                format!("no `{name}`"),
            )
            .with_replacement(Span::new(at, at + 4), "data")
        };
        let mut all: Vec<_> = (0..6).map(|n| miss(n * 10, "dat")).collect();
        all.push(miss(90, "other"));
        join_repeats(&mut all);
        let [first, other] = &all[..] else {
            panic!("{all:?}")
        };
        assert_eq!((first.labels.len(), other.labels.len()), (3, 0));
        assert_eq!(first.labels[2].text, "here too, and in 2 more places");
        assert_eq!(first.fix.as_ref().map(|f| f.edits.len()), Some(6));
    }

    #[test]
    fn what_follows_from_a_mistake_is_not_said() {
        let at = |code, start, end| Diagnostic::error(code, FileId(0), Span::new(start, end), "");
        let mut unused = at("A1011", 50, 55);
        unused.severity = Severity::Warning;
        let codes = |mut all: Vec<Diagnostic>| {
            drop_follow_ups(&mut all);
            all.iter().map(|d| d.code).collect::<Vec<_>>()
        };
        let all = vec![
            at("A0003", 10, 20),
            at("A7001", 10, 20),
            at("A2001", 5, 15),
            unused.clone(),
        ];
        assert_eq!(codes(all), ["A0003"]);
        assert_eq!(codes(vec![at("A2001", 20, 30), unused.clone()]), ["A2001"]);
        assert_eq!(codes(vec![unused]), ["A1011"]);
        let elsewhere = vec![at("A0003", 10, 20), at("A7001", 20, 30)];
        assert_eq!(codes(elsewhere), ["A0003", "A7001"]);
    }
}
