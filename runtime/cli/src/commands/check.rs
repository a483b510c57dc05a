//! `align check`: every diagnostic of one or more programs.

use align_compiler::Options;
use clap::{Args, ValueHint};

use super::Exit;
use super::repair::FixArgs;
use super::shown::{self, OutputArgs};
use crate::host::Desk;

const AFTER: &str = "\
Examples:
  align check study.align
  align check examples/*.align --format short
  align check study.align --format json | jq '.[].code'
  align check study.align --fix            repair what is safe to repair
  align check study.align --diff           show what --fix would do
  align check *.align --deny warnings --format sarif > align.sarif
  align check *.align --write-baseline known.json; align check *.align --baseline known.json
  cat study.align | align check - --stdin-filename study.align";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct CheckArgs {
    /// Programs to check; `-` is standard input.
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    files: Vec<String>,
    /// The path that the text of standard input stands for, in messages and for its `use`s.
    #[arg(long, value_name = "PATH", default_value = shown::STDIN)]
    stdin_filename: String,
    /// Give a `param` of the programs a value; may be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = super::name_value)]
    sets: Vec<(String, String)>,
    /// Refuse a node that needs more memory than this, such as `8GiB`.
    #[arg(long, value_name = "SIZE", value_parser = super::size)]
    memory: Option<u64>,
    /// How many lanes a sweep may have.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    max_lanes: u64,
    #[command(flatten)]
    fix: FixArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: &CheckArgs) -> Exit {
    let options = Options {
        sets: args.sets.clone(),
        allow_unset: true,
        machine: crate::machine::limited(args.memory),
        max_lanes: args.max_lanes,
    };
    let check = |desk: &Desk, main: &str| {
        let checked = align_compiler::check(desk, main, &options);
        (checked.sources, checked.diagnostics)
    };
    shown::run(
        &args.files,
        &args.stdin_filename,
        &check,
        &args.fix,
        &args.output,
    )
}
