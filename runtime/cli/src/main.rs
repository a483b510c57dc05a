//! `align`: how people and programs call the compiler and the runtime.  Reads arguments, calls the crate that decides, prints.

mod commands;
#[cfg(not(feature = "exec"))]
mod definitions;
mod eyes;
mod host;
mod machine;
mod meter;
mod ui;

use std::process::ExitCode;

use clap::Parser;
use clap::builder::styling::{AnsiColor, Styles};

/// Training makes and drops a few large buffers a step and checking many small ones; the system's allocator gives pages back in between.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER: &str = "\
Examples:
  align new maze                        a small program to start from
  align check maze.align                every mistake, with a way out
  align plan maze.align                 what would run, and why
  align run maze.align                  train; again: only what changed
  align run study.align --set beta=200  with another value of a `param`
  align explain A5003                   what an error code means
  align doc diffusion_dpo               a page of the standard library

Exit codes:
  0 fine   1 the program has errors   2 wrong usage   3 a node failed
  4 there is work to do (plan --exit-code)   5 an `expect` is not met   130 interrupted";

/// Trains diffusion controllers from a typed `.align` program: checks it, runs what changed, stops each stage by its own
/// condition.
#[derive(Debug, Parser)]
#[command(
    name = "align",
    bin_name = "align",
    version,
    styles = STYLES,
    after_help = AFTER,
    max_term_width = 100,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    subcommand_required = true
)]
struct Cli {
    /// MuJoCo's library, or a folder that holds it, for robots (default: that of the active Python's packages).
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "ALIGN_MUJOCO",
        hide_env_values = true
    )]
    mujoco: Option<std::path::PathBuf>,
    /// What computes: `auto` (the best there is), `cpu`, `libtorch`, `libtorch:cuda:0`; `align devices` lists them.
    #[arg(
        long,
        global = true,
        value_name = "DEVICE",
        default_value = "auto",
        env = "ALIGN_DEVICE",
        hide_env_values = true
    )]
    device: align_compiler::machine::Device,
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => {
            host::simulate_by(cli.mujoco);
            machine::compute_on(cli.device);
            commands::run(cli.command).into()
        }
        Err(error) => {
            let _ = error.print();
            if error.use_stderr() {
                commands::Exit::Usage.into()
            } else {
                commands::Exit::Fine.into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_help_with_an_example() {
        let cli = Cli::command();
        for sub in cli.get_subcommands().filter(|c| !c.is_hide_set()) {
            assert!(sub.get_about().is_some(), "{} says nothing", sub.get_name());
            let after = sub
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                after.contains("align "),
                "{} shows no example",
                sub.get_name()
            );
        }
    }

    #[test]
    fn the_help_fits_a_terminal() {
        let help = Cli::command().render_help().to_string();
        assert!(help.lines().all(|l| l.chars().count() <= 100), "{help}");
        assert!(help.contains("130 interrupted"));
    }
}
