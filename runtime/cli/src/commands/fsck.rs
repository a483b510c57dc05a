//! `align fsck`: is everything in the store what was written?

use align_runtime::Survey;
use align_runtime::report::format::count;
use clap::Args;
use serde::Serialize;

use super::gc::bytes;
use super::{Exit, StoreArgs};
use crate::host;
use crate::ui::term::{Look, Tone, fail, out, outln};

const AFTER: &str = "\
Every journal record, checkpoint and file of the store is read and compared with its checksum.  The
exit code is 1 when something is damaged or missing.  With --repair what is damaged is moved into the
folder `damaged` of the store; the next run makes again what depended on it, and nothing else.

Examples:
  align fsck
  align fsck --repair
  align fsck --json | jq '.damaged[] | {path, nodes}'";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct FsckArgs {
    /// Move what is damaged aside, so that the next run makes again what depended on it.
    #[arg(long)]
    repair: bool,
    /// One JSON document, for programs.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(args: &FsckArgs) -> Exit {
    let root = &args.store.store;
    let found = host::with_store(root, |store, _| {
        // A repair must not meet a run that uses what is moved.
        let _lock = args.repair.then(|| store.lock_alone()).transpose()?;
        let mut survey = store.survey()?;
        if !survey.damaged.is_empty() && !args.repair {
            // A run at work removes and adds files: what is wrong twice is wrong.
            let again = store.survey()?;
            survey.damaged.retain(|d| again.damaged.contains(d));
        }
        if args.repair {
            store.set_aside(&mut survey)?;
        }
        Ok(survey)
    });
    let survey = match found {
        Ok(survey) => survey,
        Err(exit) => return exit,
    };
    if args.json {
        out(&as_json(&survey));
    } else {
        show(&survey, args.repair);
    }
    // What was moved aside or is missing is made again by the next run: there is nothing left to do.
    if survey.damaged.is_empty() || args.repair {
        Exit::Fine
    } else {
        Exit::Diagnostics
    }
}

/// The order of its fields is part of the contract.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    #[serde(flatten)]
    survey: &'a Survey,
}

fn as_json(survey: &Survey) -> String {
    let document = Document { version: 1, survey };
    let text = serde_json::to_string_pretty(&document);
    format!("{}\n", text.unwrap_or_default())
}

fn show(survey: &Survey, repair: bool) {
    let look = Look::out();
    for damage in &survey.damaged {
        let path = damage.path.display();
        outln(&format!(
            "{}  {path}: {}",
            look.paint(Tone::Bad, "damaged"),
            damage.what
        ));
        let nodes = match damage.nodes.as_slice() {
            [] => "no node depends on it".to_owned(),
            nodes => format!("needed by {}", nodes.join(", ")),
        };
        outln(&format!("         {nodes}"));
        if let Some(moved) = &damage.moved {
            outln(&format!("         moved to {}", moved.display()));
        }
    }
    let plural = |n: usize, what: &str| match n {
        1 => format!("1 {what}"),
        n => format!("{} {what}s", count(n as f64)),
    };
    let what = format!(
        "{}, {}, {} of {}",
        plural(survey.nodes, "node"),
        plural(survey.records, "record"),
        plural(survey.blobs, "file"),
        bytes(survey.bytes)
    );
    let found = survey.damaged.len();
    let text = match found {
        0 => format!("fsck: {what}: all as it was written"),
        n => format!("fsck: {what}: {n} damaged or missing"),
    };
    outln(&look.paint(Tone::Bold, &text));
    if found > 0 && !repair {
        fail(
            "the store is damaged",
            Some(
                "`align fsck --repair` moves it aside, and the next run makes again what depended on it",
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use align_runtime::Damage;

    #[test]
    fn the_document_has_the_keys_of_its_schema() {
        let damage = Damage {
            path: "blobs/00".into(),
            what: "it is missing".into(),
            nodes: vec!["main/rl".into()],
            moved: Some("damaged/blobs-00".into()),
        };
        let survey = Survey {
            damaged: vec![damage],
            ..Survey::default()
        };
        let document = serde_json::from_str(&as_json(&survey)).unwrap();
        crate::ui::schema::assert_keys("fsck", &document);
    }
}
