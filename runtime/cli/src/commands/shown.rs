//! How a command that finds something (`check`, `lint`) reads its files, shows what it found, and which exit code that gives.

use std::io::Read;
use std::path::PathBuf;

use align_compiler::diag::render;
use align_compiler::diag::{Diagnostic, Findings, Severity, Sources};
use align_compiler::{codes, lint};
use clap::{Args, ValueEnum};

use super::Exit;
use super::baseline::Baseline;
use super::repair::{self, FixArgs};
use crate::host::Desk;
use crate::ui::term::{Look, Tone, errln, fail, out};

/// What standard input is called in messages.
pub(crate) const STDIN: &str = "<stdin>";

/// Checks one program: every file that was read, and what is wrong.
pub(crate) type Check<'a> = &'a dyn Fn(&Desk, &str) -> (Sources, Vec<Diagnostic>);

#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// How findings are written; without it `full`, or `text` where `NO_GRAPHICS` is set.
    #[arg(long, value_enum, env = "ALIGN_FORMAT")]
    format: Option<Format>,
    /// Make errors of `warnings`, or of one code (`A1011`) or rule of `align lint`; may be repeated.
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = denied)]
    deny: Vec<String>,
    /// Leave out the findings that this file holds; what it holds and is no longer found is reported.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write every finding to this file, to be left out from now on, and exit with 0.
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,
    /// Show how often each code was found instead of each finding.
    #[arg(long)]
    statistics: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The lines of the program with every place marked.
    Full,
    /// One line each, `file:line:column: error[CODE]: message`.
    Short,
    /// Plain sentences, for screen readers.
    Text,
    /// One array, for programs; its schema is `align schema check`.
    Json,
    /// One object a line, for programs that read line by line.
    Jsonl,
    /// SARIF 2.1.0, for code hosts and editors.
    Sarif,
    /// Workflow commands of GitHub Actions.
    Github,
    /// A Code Quality report of GitLab.
    Gitlab,
    /// JUnit XML, for build servers.
    Junit,
    /// Reviewdog Diagnostic Format.
    Rdjson,
}

impl Format {
    /// Whether people read it.
    fn is_prose(self) -> bool {
        matches!(self, Format::Full | Format::Short | Format::Text)
    }
}

/// Reads what `--deny` names.
fn denied(text: &str) -> Result<String, String> {
    if text == "warnings" {
        return Ok(text.to_owned());
    }
    if let Some(code) = codes::find(text) {
        return Ok(code.code.to_owned());
    }
    if let Some(rule) = lint::rule(text) {
        return Ok(rule.name.to_owned());
    }
    let near = super::explain::near(text).map_or_else(String::new, |(name, title)| {
        format!("; did you mean `{name}` ({title})?")
    });
    Err(format!(
        "found `{text}`, wanted `warnings` or a code such as `A1011`{near}"
    ))
}

/// Checks every file, repairs what is to be repaired, and shows what is left.
pub(crate) fn run(
    files: &[String],
    stdin_name: &str,
    check: Check<'_>,
    fix: &FixArgs,
    output: &OutputArgs,
) -> Exit {
    let mut desk = Desk::default();
    let mains = match mains(&mut desk, files, stdin_name) {
        Ok(mains) => mains,
        Err(exit) => return exit,
    };
    // A baseline that cannot be read is said before a file is changed.
    if let Some(path) = &output.baseline
        && let Err(exit) = Baseline::read(path)
    {
        return exit;
    }
    if fix.wanted() {
        let stdin = files.iter().any(|f| f == "-").then_some(stdin_name);
        return repair::run(&mut desk, &mains, stdin, check, fix, output);
    }
    show(found(&desk, &mains, check), output, Stream::Out)
}

/// What is found in all programs.
pub(crate) fn found(desk: &Desk, mains: &[String], check: Check<'_>) -> Findings {
    let mut findings = Findings::default();
    for main in mains {
        let (sources, diagnostics) = check(desk, main);
        findings.add(sources, diagnostics);
    }
    findings
}

/// The names of the programs, each once; the text of standard input is put on the desk.
fn mains(desk: &mut Desk, files: &[String], stdin_name: &str) -> Result<Vec<String>, Exit> {
    let mut out: Vec<String> = Vec::new();
    for file in files {
        let name = if file == "-" { stdin_name } else { file };
        if file == "-" && !desk.texts.contains_key(name) {
            let mut bytes = Vec::new();
            let read = std::io::stdin().read_to_end(&mut bytes);
            let text = read.map_err(|e| e.to_string()).and_then(|_| {
                String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned())
            });
            match text {
                Ok(text) => desk.texts.insert(name.to_owned(), text),
                Err(why) => {
                    fail(&format!("standard input cannot be read: {why}"), None);
                    return Err(Exit::Usage);
                }
            };
        }
        if !out.iter().any(|known| known == name) {
            out.push(name.to_owned());
        }
    }
    Ok(out)
}

/// Where findings go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Out,
    /// Standard error, when standard output holds the program.
    Err,
}

/// Shows the findings, and says how the command ends.
pub(crate) fn show(mut findings: Findings, args: &OutputArgs, stream: Stream) -> Exit {
    if let Some(path) = &args.write_baseline {
        return Baseline::of(&findings).write(path);
    }
    let mut left_out = 0;
    if let Some(path) = &args.baseline {
        match Baseline::read(path) {
            Ok(baseline) => left_out = baseline.leave_out(&mut findings, path),
            Err(exit) => return exit,
        }
    }
    deny(&mut findings, &args.deny);
    let look = if stream == Stream::Out {
        Look::out()
    } else {
        Look::err()
    };
    let format = args.format.unwrap_or_else(default_format);
    let text = if args.statistics {
        let write = if format.is_prose() {
            render::statistics
        } else {
            render::statistics_json
        };
        write(&findings.diagnostics)
    } else {
        rendered(&findings.sources, &findings.diagnostics, format, &look)
    };
    if stream == Stream::Out {
        out(&text);
    } else if !text.is_empty() {
        errln(text.trim_end());
    }
    if format.is_prose() && !args.statistics {
        notes(&findings, left_out);
    }
    if findings.has_errors() {
        Exit::Diagnostics
    } else {
        Exit::Fine
    }
}

/// Makes errors of what `--deny` names.
fn deny(findings: &mut Findings, denied: &[String]) {
    for d in &mut findings.diagnostics {
        let named = denied
            .iter()
            .any(|word| word == d.code || (word == "warnings" && d.severity == Severity::Warning));
        if named {
            d.severity = Severity::Error;
        }
    }
}

/// What people want to know beside the findings: which programs are fine, what is left out, and what a machine can do.
fn notes(findings: &Findings, left_out: usize) {
    let look = Look::err();
    for main in findings.clean() {
        errln(&format!("{} {main}", look.paint(Tone::Good, "✓")));
    }
    if left_out > 0 {
        let plural = if left_out == 1 { "" } else { "s" };
        let said = format!("{left_out} known finding{plural} left out");
        errln(&look.paint(Tone::Dim, &said));
    }
    let count = |safe| {
        let fixes = findings.diagnostics.iter().filter_map(|d| d.fix.as_ref());
        fixes.filter(|fix| fix.safe == safe).count()
    };
    let said = match (count(true), count(false)) {
        (0, 0) => return,
        (0, guesses) => {
            format!("{guesses} with a guess: `--unsafe-fixes` takes it, `--diff` shows it first")
        }
        (safe, 0) => format!("{safe} can be repaired with `--fix`"),
        (safe, guesses) => {
            format!(
                "{safe} can be repaired with `--fix`, and {guesses} more by guesses with `--unsafe-fixes`"
            )
        }
    };
    errln(&look.paint(Tone::Dim, &said));
}

/// `full`, unless the environment asks for no graphics (miette's own variable, kept).
fn default_format() -> Format {
    let asked = std::env::var_os("NO_GRAPHICS").is_some_and(|v| !v.is_empty() && v != "0");
    if asked { Format::Text } else { Format::Full }
}

/// Diagnostics for people, as the environment wants them.
pub(crate) fn for_people(sources: &Sources, diagnostics: &[Diagnostic], look: &Look) -> String {
    rendered(sources, diagnostics, default_format(), look)
}

fn rendered(sources: &Sources, diagnostics: &[Diagnostic], format: Format, look: &Look) -> String {
    let full = |s: &Sources, d: &[Diagnostic]| {
        let look = render::Look {
            colour: look.colour,
            width: look.width.min(120),
        };
        render::full(s, d, look)
    };
    match format {
        Format::Full => full(sources, diagnostics),
        Format::Short => render::short(sources, diagnostics),
        Format::Text => render::text(sources, diagnostics),
        Format::Json => render::json(sources, diagnostics),
        Format::Jsonl => render::jsonl(sources, diagnostics),
        Format::Sarif => render::sarif(sources, diagnostics),
        Format::Github => render::github(sources, diagnostics),
        Format::Gitlab => render::gitlab(sources, diagnostics),
        Format::Junit => render::junit(sources, diagnostics),
        Format::Rdjson => render::rdjson(sources, diagnostics),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_denied_is_a_code_or_all_warnings() {
        assert_eq!(denied("warnings"), Ok("warnings".to_owned()));
        assert_eq!(denied("a1011"), Ok("A1011".to_owned()));
        assert!(denied("A101").is_err_and(|e| e.contains("did you mean `A1001`")));
        assert!(denied("everything").is_err());
    }
}
