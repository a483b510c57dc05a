//! `align completions SHELL`: what a shell can complete, made of the one definition of the command line.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Exit;
use crate::Cli;
use crate::ui::term::out;

const AFTER: &str = "\
Examples:
  align completions bash > ~/.local/share/bash-completion/completions/align
  align completions zsh > ~/.zfunc/_align        with `fpath+=~/.zfunc` before `compinit`
  align completions fish > ~/.config/fish/completions/align.fish
  align completions powershell >> $PROFILE";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> Exit {
    out(&script(args.shell));
    Exit::Fine
}

/// The script of a shell.
fn script(shell: Shell) -> String {
    let mut cli = Cli::command();
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut cli, "align", &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_knows_every_command() {
        let cli = Cli::command();
        for shell in [
            Shell::Bash,
            Shell::Zsh,
            Shell::Fish,
            Shell::PowerShell,
            Shell::Elvish,
        ] {
            let text = script(shell);
            for sub in cli.get_subcommands().filter(|c| !c.is_hide_set()) {
                assert!(text.contains(sub.get_name()), "{shell}: {}", sub.get_name());
            }
            assert!(text.contains("unsafe-fixes"), "{shell}: options");
            // The generators of the other shells leave values out.
            if matches!(shell, Shell::Bash | Shell::Zsh | Shell::Fish) {
                assert!(text.contains("sarif"), "{shell}: formats");
            }
            if matches!(shell, Shell::Bash | Shell::Zsh) {
                assert!(text.contains("A5003"), "{shell}: codes");
            }
        }
    }
}
