//! `align export FILE NODE`: a checkpoint as a folder that PyTorch loads without Align.

use std::path::PathBuf;

use align_runtime::hand_over::{HandOver, portable, write};
use align_schema::Port;
use clap::Args;

use super::{Exit, ProgramArgs, StoreArgs};
use crate::host;
use crate::machine;
use crate::ui::term::{fail, outln};

const AFTER: &str = "\
Examples:
  align export study.align aligned --to planner
  python planner/loader.py";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    program: ProgramArgs,
    /// The node's name in the program, or its full id.
    node: String,
    /// Folder to write; it must be new or empty.  By default the node's name, here.
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
    /// The newest checkpoint in place of the best one.
    #[arg(long)]
    last: bool,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(args: &ExportArgs) -> Exit {
    let planned = match host::plan(&args.program) {
        Ok(planned) => planned,
        Err(exit) => return exit,
    };
    let port = if args.last { Port::Last } else { Port::Best };
    let folder = args.to.clone().unwrap_or_else(|| PathBuf::from(&args.node));
    let made = host::with_store(&args.store.store, |store, library| {
        let wanted = (args.node.as_str(), &port);
        let files = portable(&planned.plan, store, library, machine::numeric(), wanted);
        Ok(files.and_then(|files| write(&folder, &files).map(|()| files)))
    });
    let made = match made {
        Ok(made) => made,
        Err(exit) => return exit,
    };
    match made {
        Ok(files) => {
            let bytes: usize = files.values().map(Vec::len).sum();
            let names: Vec<&str> = files.keys().map(String::as_str).collect();
            outln(&format!(
                "{} ({} KiB): {}",
                folder.display(),
                bytes.div_ceil(1024),
                names.join(", ")
            ));
            Exit::Fine
        }
        Err(why) => {
            let help = match &why {
                HandOver::NoNode(_) => "`align status FILE` lists them",
                HandOver::NotDone(_) => "`align run FILE` makes it",
                HandOver::Several(..) => "name one of them in full",
                HandOver::There(_) => "name another folder with `--to`, or remove it",
                HandOver::Library(_) | HandOver::Store(_) | HandOver::Write(..) => "",
            };
            fail(&why.to_string(), Some(help).filter(|h| !h.is_empty()));
            match why {
                HandOver::NoNode(_) | HandOver::Several(..) | HandOver::There(_) => Exit::Usage,
                HandOver::NotDone(_) => Exit::WouldRun,
                _ => Exit::NodeFailed,
            }
        }
    }
}
