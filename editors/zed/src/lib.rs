//! How does Zed find the language server?  By the setting `lsp.align.binary.path`, else by the path of the worktree's shell.
//!
//! Nothing is downloaded: without the program the user is told what to install.

use zed_extension_api::{self as zed, Command, LanguageServerId, Result, Worktree, settings::LspSettings};

struct Align;

impl zed::Extension for Align {
    fn new() -> Self {
        Self
    }

    fn language_server_command(&mut self, _: &LanguageServerId, worktree: &Worktree) -> Result<Command> {
        let settings = LspSettings::for_worktree("align", worktree)?;
        let chosen = settings.binary.and_then(|binary| binary.path);
        let command = chosen.or_else(|| worktree.which("align")).ok_or_else(|| {
            "the program `align` is not on the path: `cargo install --path runtime/cli --locked` in its repository".to_owned()
        })?;
        Ok(Command {
            command,
            args: vec!["lsp".to_owned()],
            env: worktree.shell_env(),
        })
    }
}

zed::register_extension!(Align);
