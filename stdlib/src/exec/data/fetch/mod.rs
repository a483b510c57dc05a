//! Which files does a dataset name that this machine does not have, and where are they?
//!
//! Only a run asks this, before anything starts; a check and a plan never do.

mod get;

use std::path::{Path, PathBuf};
use std::time::Instant;

use align_plan::Node;
use align_runtime_api::{Fetching, OnProgress};
use align_schema::{Call, Value};
use serde_json::Value as Json;

use self::get::{Wanted, agent, get};
use super::make::effective;
use super::read::{Foreign, Place, file_name, minari};
use crate::sources::{D4rl, Minari};

/// Where D4RL's files are.
const D4RL: &str = "http://rail.eecs.berkeley.edu/datasets/offline_rl";
/// Where Minari's sets are.
const HUB: &str = "https://huggingface.co";
/// Whose they are.
const REMOTE: &str = "hf://farama-minari";
/// The most that a list of files may have.
const LISTING: usize = 64 << 20;

/// Fetches what the source of a dataset names and this machine does not have; nothing for any other node.
pub fn fetch(node: &Node, how: &Fetching<'_>, progress: OnProgress<'_>) -> Result<(), String> {
    let Some((call, place)) = absent(node) else {
        return Ok(());
    };
    match &place {
        Place::D4rl(path) => d4rl(call, path, how, progress),
        Place::Minari(folder) => set(call, folder, how, progress),
        Place::File(_) | Place::Lerobot(_) => Ok(()),
    }
}

/// Whether [`fetch`] would have something to do.
pub fn fetches(node: &Node) -> bool {
    absent(node).is_some()
}

/// The source of a node and where its data should be, where that can be fetched and is not there.
fn absent(node: &Node) -> Option<(&Call, Place)> {
    let Some(Value::Call(call)) = node.value("source") else {
        return None;
    };
    let call = effective(call);
    // What names no data at all, whoever reads it will say.
    let place = Foreign::of(call).ok()??.place;
    let there = match &place {
        Place::D4rl(path) => path.exists(),
        Place::Minari(folder) => minari::is_there(folder),
        Place::File(_) | Place::Lerobot(_) => true,
    };
    (!there).then_some((call, place))
}

fn forbidden(what: &str, path: &Path, by_hand: &str) -> String {
    format!(
        "`{}`: {what} is not there, and nothing may be fetched (`--offline`); {by_hand}",
        path.display()
    )
}

/// The file of a task.
fn d4rl(
    call: &Call,
    path: &Path,
    how: &Fetching<'_>,
    progress: OnProgress<'_>,
) -> Result<(), String> {
    let args = D4rl::read(call).map_err(|e| super::make::arguments(e).to_string())?;
    let name = file_name(&args.task);
    let by_hand = "put it there by hand, or use `file(path)`";
    if how.offline {
        return Err(forbidden("D4RL's file", path, by_hand));
    }
    let Some(folder) = folder(&args.task) else {
        return Err(format!(
            "D4RL has no file of `{}`; record one and use `file(path)`",
            args.task
        ));
    };
    let base = how.d4rl.unwrap_or(D4RL).trim_end_matches('/');
    let url = format!("{base}/{folder}/{name}");
    let wanted = Wanted {
        url: &url,
        to: path,
        sha256: args.sha256.as_deref(),
    };
    let mut bar = Bar::new(progress);
    get(&agent(), &wanted, how.stopped, &mut |now, total| {
        bar.at(now, total, &name);
    })
    .map_err(|why| {
        let way_out = format!(
            "name another server with `--d4rl-url`, or put the file at `{}` by hand",
            path.display()
        );
        hint(&why, &way_out)
    })
}

/// An error with a way out; a stop on request needs none.
fn hint(why: &str, way_out: &str) -> String {
    if why == get::STOPPED {
        why.to_owned()
    } else {
        format!("{why}; {way_out}")
    }
}

/// The folder on D4RL's server that a task's file is in.
fn folder(task: &str) -> Option<String> {
    let version = task.rsplit_once('-')?.1;
    match task.split_once('-')?.0 {
        "maze2d" => Some("maze2d".to_owned()),
        // `-v4` and `-v5` are gymnasium's, without data of D4RL.
        "hopper" | "halfcheetah" | "walker2d" if matches!(version, "v0" | "v1" | "v2") => {
            Some(format!("gym_mujoco_{version}"))
        }
        _ => None,
    }
}

/// A Minari set: every file of it, then the mark of an unfinished one goes.
fn set(
    call: &Call,
    folder: &Path,
    how: &Fetching<'_>,
    progress: OnProgress<'_>,
) -> Result<(), String> {
    let id = Minari::read(call)
        .map_err(|e| super::make::arguments(e).to_string())?
        .id;
    let by_hand = format!("put the set there (`minari download {id}`)");
    if how.offline {
        return Err(forbidden("Minari's set", folder, &by_hand));
    }
    let remote = how.remote.unwrap_or(REMOTE);
    let Some(owner) = remote.strip_prefix("hf://") else {
        return Err(format!(
            "Minari's sets are said to be at `{remote}`; wanted an owner on a hub, such as `{REMOTE}`"
        ));
    };
    let owner = owner.trim_matches('/');
    let hub = how.hub.unwrap_or(HUB).trim_end_matches('/');
    let (repository, inside) = id.split_once('/').unwrap_or((&id, ""));
    let way_out = format!("{by_hand}, or name another hub with `--hub`");
    let mut fetch = || -> Result<(), String> {
        let files = listed(hub, owner, repository, inside, how.stopped)?;
        let mark = folder.join("data").join(minari::UNFINISHED);
        let unwritten = |e| format!("`{}` cannot be written: {e}", mark.display());
        std::fs::create_dir_all(folder.join("data")).map_err(unwritten)?;
        std::fs::write(&mark, id.as_bytes()).map_err(unwritten)?;
        let agent = agent();
        let whole: u64 = files.iter().filter_map(|f| f.size).sum();
        let total = files.iter().all(|f| f.size.is_some()).then_some(whole);
        let (mut bar, mut before) = (Bar::new(progress), 0);
        for file in &files {
            let path = if inside.is_empty() {
                file.path.clone()
            } else {
                format!("{inside}/{}", file.path)
            };
            let url = format!(
                "{hub}/datasets/{owner}/{repository}/resolve/main/{}",
                escaped(&path)
            );
            let to = folder.join(&file.path);
            let wanted = Wanted {
                url: &url,
                to: &to,
                sha256: file.sha256.as_deref(),
            };
            let name = format!("{id}: {}", file.path);
            get(&agent, &wanted, how.stopped, &mut |now, of| {
                bar.at(before + now, total.or(of), &name);
            })?;
            before += file.size.unwrap_or(0);
        }
        std::fs::remove_file(&mark).map_err(unwritten)
    };
    fetch().map_err(|why| hint(&why, &way_out))
}

/// A file of a set on the hub.
struct Listed {
    /// Within the set: `data/metadata.json`.
    path: String,
    size: Option<u64>,
    sha256: Option<String>,
}

/// The files of a set.
fn listed(
    hub: &str,
    owner: &str,
    repository: &str,
    inside: &str,
    stopped: &dyn Fn() -> bool,
) -> Result<Vec<Listed>, String> {
    let url = format!("{hub}/api/datasets/{owner}/{repository}/revision/main?blobs=true");
    let text = get::text_of(&agent(), &url, LISTING, stopped)?;
    let all: Json = serde_json::from_str(&text)
        .map_err(|e| format!("`{url}`: the answer is not a list of files ({e})"))?;
    let start = if inside.is_empty() {
        String::new()
    } else {
        format!("{inside}/")
    };
    let siblings = all.get("siblings").and_then(Json::as_array);
    let mut out = Vec::new();
    for file in siblings.into_iter().flatten() {
        let name = file.get("rfilename").and_then(Json::as_str);
        let Some(path) = name.and_then(|n| n.strip_prefix(&start)) else {
            continue;
        };
        let safe = path
            .split('/')
            .all(|p| !p.is_empty() && p != "." && p != "..");
        if !path.starts_with("data/") || !safe {
            continue;
        }
        let lfs = file.get("lfs");
        let size = lfs.and_then(|l| l.get("size")).or(file.get("size"));
        let sha256 = lfs.and_then(|l| l.get("sha256")).and_then(Json::as_str);
        out.push(Listed {
            path: path.to_owned(),
            size: size.and_then(Json::as_u64),
            sha256: sha256.map(str::to_owned),
        });
    }
    if out.is_empty() {
        let set = PathBuf::from(repository).join(inside);
        return Err(format!(
            "`{hub}/datasets/{owner}/{repository}` has no set `{}`; look there how it is called",
            set.display()
        ));
    }
    out.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(out)
}

/// A path in an address.
fn escaped(path: &str) -> String {
    path.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                char::from(b).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// Tells how far it is, and how fast.
struct Bar<'a> {
    progress: OnProgress<'a>,
    /// When the first byte came, and how many were there.
    begun: Option<(Instant, u64)>,
}

impl<'a> Bar<'a> {
    fn new(progress: OnProgress<'a>) -> Self {
        Self {
            progress,
            begun: None,
        }
    }

    fn at(&mut self, now: u64, total: Option<u64>, name: &str) {
        let (begun, first) = *self.begun.get_or_insert((Instant::now(), now));
        let mega = |bytes: u64| bytes as f64 / 1e6;
        let seconds = begun.elapsed().as_secs_f64();
        let speed = if seconds > 0.5 {
            format!(", {:.1} MB/s", mega(now.saturating_sub(first)) / seconds)
        } else {
            String::new()
        };
        let (share, of) = match total {
            Some(total) => (
                now as f64 / total.max(1) as f64,
                format!(" of {:.1}", mega(total)),
            ),
            None => (0.0, String::new()),
        };
        (self.progress)(share, &format!("{name}  {:.1}{of} MB{speed}", mega(now)));
    }
}
