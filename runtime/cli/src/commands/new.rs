//! `align new`: a small program to start from.  Never writes over a file.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Exit;
use crate::host::reason;
use crate::ui::term::{fail, outln};

/// The program; a test checks it.
const PROGRAM: &str = include_str!("../../templates/new.align");

const AFTER: &str = "\
Examples:
  align new maze      writes maze.align
  align new lab/      writes lab/main.align";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct NewArgs {
    /// Name of the program, with or without `.align`; or a folder for its `main.align`.
    #[arg(value_name = "FILE|DIR")]
    path: PathBuf,
}

pub(crate) fn run(args: &NewArgs) -> Exit {
    let file = target(&args.path);
    match write(&file) {
        Ok(()) => {
            let file = file.display();
            outln(&format!("wrote {file}"));
            outln(&format!("next: align check {file} && align run {file}"));
            Exit::Fine
        }
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            let file = file.display();
            fail(
                &format!("`{file}` is already there"),
                Some("give another name; nothing was changed"),
            );
            Exit::Usage
        }
        Err(e) => {
            fail(
                &format!("`{}` cannot be written: {}", file.display(), reason(&e)),
                None,
            );
            Exit::Usage
        }
    }
}

fn target(path: &Path) -> PathBuf {
    let named_folder = path.to_string_lossy().ends_with(std::path::MAIN_SEPARATOR);
    if named_folder || path.is_dir() {
        path.join("main.align")
    } else if path.extension().is_some_and(|e| e == "align") {
        path.to_owned()
    } else {
        let mut name = path.as_os_str().to_owned();
        name.push(".align");
        PathBuf::from(name)
    }
}

fn write(file: &Path) -> std::io::Result<()> {
    if let Some(parent) = file.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent)?;
    }
    let mut out = std::fs::File::create_new(file)?;
    out.write_all(PROGRAM.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_checks_clean() {
        struct Text;
        impl align_compiler::World for Text {
            fn read(&self, _: &str) -> Result<String, String> {
                Ok(PROGRAM.to_owned())
            }
        }
        let checked =
            align_compiler::check(&Text, "main.align", &align_compiler::Options::default());
        let shown = align_compiler::diag::render::short(&checked.sources, &checked.diagnostics);
        assert_eq!(shown, "");
        assert!(align_compiler::plan(&checked).is_some());
    }

    #[test]
    fn a_name_a_file_and_a_folder_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(target(Path::new("maze")), Path::new("maze.align"));
        assert_eq!(target(Path::new("maze.v2")), Path::new("maze.v2.align"));
        assert_eq!(target(Path::new("maze.align")), Path::new("maze.align"));
        assert_eq!(target(Path::new("lab/")), Path::new("lab/main.align"));
        assert_eq!(target(dir.path()), dir.path().join("main.align"));
    }

    #[test]
    fn nothing_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let file = target(&dir.path().join("maze"));
        assert!(write(&file).is_ok());
        std::fs::write(&file, "mine").unwrap();
        assert_eq!(
            write(&file).unwrap_err().kind(),
            std::io::ErrorKind::AlreadyExists
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    }
}
