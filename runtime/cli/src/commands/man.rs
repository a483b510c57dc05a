//! `align man`: manual pages, made of the one definition of the command line.

use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use super::{Exit, repair};
use crate::Cli;
use crate::host::reason;
use crate::ui::term::{errln, fail, out};

const AFTER: &str = "\
Examples:
  align man | man -l -                  reads the page of `align`
  align man check | man -l -            of a command
  align man --out ~/.local/share/man/man1";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct ManArgs {
    /// A command; without it, `align` itself.
    command: Option<String>,
    /// Write every page into this folder, `align.1` and one for each command.
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &ManArgs) -> Exit {
    let pages = pages();
    if let Some(folder) = &args.out {
        return match write(folder, &pages) {
            Ok(()) => {
                errln(&format!(
                    "{}: {} pages written",
                    folder.display(),
                    pages.len()
                ));
                Exit::Fine
            }
            Err(e) => {
                fail(&format!("`{}`: {}", folder.display(), reason(&e)), None);
                Exit::Usage
            }
        };
    }
    let name = match &args.command {
        Some(command) => format!("align-{command}"),
        None => "align".to_owned(),
    };
    if let Some((_, page)) = pages.iter().find(|(n, _)| *n == name) {
        out(page);
        return Exit::Fine;
    }
    let asked = args.command.as_deref().unwrap_or_default();
    let names = pages.iter().filter_map(|(n, _)| n.strip_prefix("align-"));
    let help = super::doc::nearest(asked, names).map_or_else(
        || "`align --help` lists all commands".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    fail(&format!("`{asked}` is no command"), Some(&help));
    Exit::Usage
}

/// Name and text of each page.
fn pages() -> Vec<(String, String)> {
    let mut cli = Cli::command();
    cli.build();
    let mut out = vec![("align".to_owned(), page(&cli, "align"))];
    for sub in cli.get_subcommands().filter(|c| !c.is_hide_set()) {
        if sub.get_name() != "help" {
            let name = format!("align-{}", sub.get_name());
            let text = page(sub, &name);
            out.push((name, text));
        }
    }
    out
}

fn page(command: &Command, name: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    // A page of a command is named after both; a command knows only its own name.
    let command = command
        .clone()
        .version(version)
        .display_name(name.to_owned());
    let man = Man::new(command)
        .title(name.to_uppercase())
        .source(format!("align {version}"))
        .manual("align manual");
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = man.render(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn write(folder: &Path, pages: &[(String, String)]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (name, text) in pages {
        repair::write(&folder.join(format!("{name}.1")), text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_options() {
        let pages = pages();
        let cli = Cli::command();
        for sub in cli.get_subcommands().filter(|c| !c.is_hide_set()) {
            let name = format!("align-{}", sub.get_name());
            let page = pages.iter().find(|(n, _)| *n == name);
            let text = page.map_or("", |(_, text)| text.as_str());
            for section in [".TH", ".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"] {
                assert!(text.contains(section), "{name}: {section}\n{text}");
            }
            for arg in sub.get_arguments().filter(|a| !a.is_hide_set()) {
                if let Some(long) = arg.get_long() {
                    let written = long.replace('-', "\\-");
                    assert!(text.contains(&written), "{name}: --{long}\n{text}");
                }
            }
        }
        // A line that begins with an unknown request would be dropped by the formatter.
        for (name, text) in &pages {
            for line in text.lines().filter(|l| l.starts_with('.')) {
                let request = line.split_whitespace().next().unwrap_or("");
                let known = [
                    ".TH", ".SH", ".TP", ".PP", ".RS", ".RE", ".br", ".ie", ".el", ".IP", ".SS",
                    ".nf", ".fi",
                ];
                assert!(known.contains(&request), "{name}: {line}");
            }
        }
    }
}
