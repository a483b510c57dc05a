//! The commands, one file each, and what they share: exit codes, and how a program is found and checked.

mod doc;
mod explain;

use std::process::ExitCode;

use clap::Subcommand;

/// Exit codes of `language.md` section 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Fine.
    Fine,
    /// The command was called wrongly, or a file or the store cannot be used.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Fine => 0,
            Exit::Usage => 2,
        })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Explain an error code, with an example that fails and the same put right.
    Explain(explain::ExplainArgs),
    /// Show a page of the standard library, or list all of it.
    Doc(doc::DocArgs),
}

/// Runs a command.
pub(crate) fn run(command: Command) -> Exit {
    match command {
        Command::Explain(args) => explain::run(&args),
        Command::Doc(args) => doc::run(&args),
    }
}
