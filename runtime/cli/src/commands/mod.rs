//! The commands, one file each, and what they share: exit codes, and how a program is found and checked.

mod baseline;
mod check;
mod completions;
mod data;
mod devices;
mod doc;
mod download;
mod drive;
mod ended;
mod explain;
mod export;
mod fmt;
mod fsck;
mod gc;
mod graph;
mod lint;
mod lsp;
mod man;
mod new;
mod plan;
pub(crate) mod repair;
mod run;
pub(crate) mod schema;
pub(crate) mod shown;
mod status;
mod watch;
mod why;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use align_compiler::machine::Machine;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Args, Subcommand, ValueHint};

/// Exit codes of `language.md` section 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Fine.
    Fine,
    /// The program has errors.
    Diagnostics,
    /// The command was called wrongly, or a file or the store cannot be used.
    Usage,
    /// A node failed.
    NodeFailed,
    /// `plan --exit-code`: a run would do something.
    WouldRun,
    /// An `expect` of a report is not met.
    NotMet,
    /// Ctrl-C.
    Interrupted,
    /// What a worker process says to its driver.
    Worker(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Fine => 0,
            Exit::Diagnostics => 1,
            Exit::Usage => 2,
            Exit::NodeFailed => 3,
            Exit::WouldRun => 4,
            Exit::NotMet => 5,
            Exit::Interrupted => 130,
            Exit::Worker(code) => code,
        })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a program: train what changed since the last run, then show the table and write the report.
    Run(run::RunArgs),
    /// Run a program and go on watching it: every save changes what runs, and nothing else.
    Watch(watch::WatchArgs),
    /// Find every mistake of a program, without running anything.
    Check(check::CheckArgs),
    /// Lay programs out in the one style; comments stay, and nothing changes its meaning.
    Fmt(fmt::FmtArgs),
    /// Find what is allowed, but likely not wise: too few seeds, rules that cannot stop, and the like.
    Lint(lint::LintArgs),
    /// Show what a run would do, and why.
    Plan(plan::PlanArgs),
    /// Show part by part why a node runs again, or why it does not.
    Why(why::WhyArgs),
    /// Show what is known of each node: state, steps, score, failure events.
    Status(status::StatusArgs),
    /// Write a checkpoint as a folder that PyTorch loads without this program.
    Export(export::ExportArgs),
    /// Remove results that nothing needs any more.
    Gc(gc::GcArgs),
    /// Check that everything in the store is what was written.
    Fsck(fsck::FsckArgs),
    /// List what can compute here, and why something cannot.
    Devices(devices::DevicesArgs),
    /// Show what is in a dataset: episodes, lengths, returns, ranges, ways through a maze.
    Data(data::DataArgs),
    /// Draw the graph of a program.
    Graph(graph::GraphArgs),
    /// Explain an error code, with an example that fails and the same put right.
    Explain(explain::ExplainArgs),
    /// Show a page of the standard library, or list all of it.
    Doc(doc::DocArgs),
    /// Serve an editor: messages, completion, names, formatting, the state of runs.
    Lsp(lsp::LspArgs),
    /// Write a small program to start from.
    New(new::NewArgs),
    /// Print the language, or an output of `align`, as a JSON schema.
    Schema(schema::SchemaArgs),
    /// Print the completions of a shell.
    Completions(completions::CompletionsArgs),
    /// Print a manual page, or write all of them.
    Man(man::ManArgs),
    /// One stage in its own process; the driver calls this.
    #[command(hide = true)]
    Worker(worker::WorkerArgs),
}

/// Runs a command.
pub(crate) fn run(command: Command) -> Exit {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Fmt(args) => fmt::run(&args),
        Command::Lint(args) => lint::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Why(args) => why::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Gc(args) => gc::run(&args),
        Command::Fsck(args) => fsck::run(&args),
        Command::Data(args) => data::run(&args),
        Command::Devices(args) => devices::run(&args),
        Command::Graph(args) => graph::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Doc(args) => doc::run(&args),
        Command::Lsp(args) => lsp::run(&args),
        Command::New(args) => new::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Worker(args) => worker::run(&args),
    }
}

/// Takes any text, so that a wrong name gets an answer of our own, and tells shells what they can complete.
#[derive(Clone, Debug)]
pub(crate) struct Suggested(pub(crate) fn() -> Vec<PossibleValue>);

impl TypedValueParser for Suggested {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.0)().into_iter()))
    }
}

/// A program and the values of its parameters.
#[derive(Args, Debug)]
pub(crate) struct ProgramArgs {
    /// The program (`.align`), or a plan that `align plan -o` wrote (`.json`).
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: String,
    /// Give a `param` of the program a value; may be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_value)]
    pub(crate) sets: Vec<(String, String)>,
    /// How many lanes a sweep may have.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) max_lanes: u64,
}

/// What a run may use.
#[derive(Args, Debug)]
pub(crate) struct MachineArgs {
    /// Refuse a node that needs more memory than this, such as `8GiB` (default: what the machine has).
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) memory: Option<u64>,
    /// Stop a run after this long, as with Ctrl-C: `30min`, `2h`; a plan warns when it is not enough.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) budget: Option<f64>,
}

impl MachineArgs {
    /// The machine with these limits.
    pub(crate) fn machine(&self) -> Machine {
        crate::machine::this(self.memory)
    }
}

/// Reads `8GiB` as bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    align_schema::measure(text, align_schema::Dim::Size)
        .map(|bytes| bytes as u64)
        .ok_or_else(|| format!("found `{text}`, wanted a size such as `512MiB` or `8GiB`"))
}

/// Reads `30min`, `2 h`, `90s` as seconds.
fn duration(text: &str) -> Result<f64, String> {
    align_schema::measure(text, align_schema::Dim::Time)
        .ok_or_else(|| format!("found `{text}`, wanted a time such as `30min` or `2h`"))
}

/// Where results are kept.
#[derive(Args, Debug)]
pub(crate) struct StoreArgs {
    /// Folder that holds every result.
    #[arg(
        long,
        value_name = "DIR",
        env = "ALIGN_STORE",
        default_value = ".align"
    )]
    pub(crate) store: PathBuf,
}

/// Reads `name=value`.
fn name_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(format!(
            "found `{text}`, wanted `NAME=VALUE`, such as `beta=200`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_a_unit() {
        assert_eq!(size("2 GiB"), Ok(2 << 30));
        assert!(size("8").is_err() && size("8 steps").is_err());
        assert_eq!(duration("30min"), Ok(1800.0));
        assert!(duration("30").is_err());
    }

    #[test]
    fn a_setting_has_a_name_and_a_value() {
        assert_eq!(
            name_value("data=a=b.hdf5"),
            Ok(("data".into(), "a=b.hdf5".into()))
        );
        assert!(name_value("beta").is_err());
        assert!(name_value("=3").is_err());
    }
}
