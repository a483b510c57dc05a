//! Does a run fetch what its program names and this machine does not have: whole, once, and from where it stopped?

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use align_tests::binary::{Done, code, command};
use align_tests::processes::send;
use align_tests::root;

use crate::hub::{Fault, Hub, Served};

/// A folder with a program, and one for each cache.
struct Place {
    folder: tempfile::TempDir,
    hub: Hub,
}

/// Where D4RL has the file that these tests fetch.
const PATH: &str = "/gym_mujoco_v2/hopper_medium-v2.hdf5";

fn small() -> Vec<u8> {
    std::fs::read(root().join("tests/fixtures/d4rl/small.hdf5")).expect("the fixture")
}

impl Place {
    /// With this source of the only dataset.
    fn new(source: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = Self {
            folder,
            hub: Hub::new(),
        };
        place.write(source);
        place
    }

    fn d4rl() -> Self {
        Self::new("d4rl(\"hopper-medium-v2\")")
    }

    fn write(&self, source: &str) {
        let program = format!(
            "align 1\n\ndataset rollouts {{ source = {source}, horizon = 4 steps }}\n\
             model planner {{ net = temporal_unet(width: 8, mults: [1]), sampler = ddim(train: 4 denoise_steps, act: 2 denoise_steps) }}\n\
             stage fit trains planner on rollouts {{ loss = denoise(), budget = 2 steps }}\n"
        );
        std::fs::write(self.path("main.align"), program).expect("a program is written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the file is to be.
    fn file(&self) -> PathBuf {
        self.path("d4rl/hopper_medium-v2.hdf5")
    }

    fn command(&self, word: &str, more: &[&str]) -> std::process::Command {
        let mut command = command(self.folder.path(), &[&[word, "main.align"], more].concat());
        command
            .env("D4RL_DATASET_DIR", self.path("d4rl"))
            .env("MINARI_DATASETS_PATH", self.path("minari"))
            .env("ALIGN_D4RL_URL", self.hub.url())
            .env("HF_ENDPOINT", self.hub.url())
            .env_remove("MINARI_REMOTE");
        for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(proxy).env_remove(proxy.to_uppercase());
        }
        command
    }

    fn align(&self, word: &str, more: &[&str]) -> Done {
        let out = self
            .command(word, more)
            .output()
            .expect("the binary starts");
        Done {
            code: code(out.status),
            out: String::from_utf8_lossy(&out.stdout).into_owned(),
            err: String::from_utf8_lossy(&out.stderr).into_owned(),
            seconds: 0.0,
        }
    }

    /// Makes the dataset and nothing else; wants exit code 0.
    fn made(&self) -> Done {
        let done = self.align("run", &["--only", "rollouts"]);
        assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
        done
    }

    /// A run that ends before anything starts; what it says.
    fn refused(&self, more: &[&str]) -> String {
        let done = self.align("run", more);
        assert_eq!(done.code, 3, "{}\n{}", done.out, done.err);
        done.err
    }

    /// Starts a run, waits until so many bytes are there, and sends it a signal; its exit code.
    fn cut_off(&self, bytes: u64, signal: &str) -> i32 {
        let mut command = self.command("run", &[]);
        let mut run = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let part = self.path("d4rl/hopper_medium-v2.hdf5.part");
        let there = || std::fs::metadata(&part).is_ok_and(|m| m.len() >= bytes);
        for _ in 0..1200 {
            if there() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(there(), "no bytes came");
        send(signal, run.id());
        code(run.wait().expect("the run ends"))
    }

    fn ranges(&self) -> Vec<Option<String>> {
        self.hub
            .asked()
            .into_iter()
            .map(|(_, range)| range)
            .collect()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let listed = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut out: Vec<_> = listed
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    out.sort();
    out
}

#[test]
fn a_file_is_fetched_by_a_run_and_by_nothing_else_and_once() {
    let place = Place::d4rl();
    place.hub.serve(PATH, &small(), &[]);
    for word in ["check", "plan", "graph"] {
        let done = place.align(word, &[]);
        assert_eq!(done.code, 0, "{word}: {}", done.err);
    }
    assert!(place.hub.asked().is_empty());
    let done = place.made();
    assert!(
        done.err.contains("fetching hopper_medium-v2.hdf5"),
        "{}",
        done.err
    );
    assert_eq!(std::fs::read(place.file()).expect("the file"), small());
    place.made();
    assert_eq!(place.hub.asked(), [(PATH.to_owned(), None)]);
    assert_eq!(names(&place.path("d4rl")), ["hopper_medium-v2.hdf5"]);
}

#[test]
fn a_lost_connection_is_taken_up_where_it_was_lost() {
    let place = Place::d4rl();
    let faults = [Fault::Status(503), Fault::Drop(9_000), Fault::Drop(5_000)];
    place.hub.serve(PATH, &small(), &faults);
    place.made();
    let ranges = [None, None, Some("bytes=9000-"), Some("bytes=14000-")];
    assert_eq!(place.ranges(), ranges.map(|r| r.map(str::to_owned)));
    assert_eq!(std::fs::read(place.file()).expect("the file"), small());
}

#[test]
fn a_download_that_was_killed_or_interrupted_goes_on() {
    let place = Place::d4rl();
    place
        .hub
        .serve(PATH, &small(), &[Fault::Stall(9_000), Fault::Stall(2_000)]);
    assert_eq!(place.cut_off(9_000, "KILL"), 137);
    assert_eq!(place.cut_off(11_000, "INT"), 130);
    assert!(!place.file().exists());
    place.made();
    let ranges = [None, Some("bytes=9000-"), Some("bytes=11000-")];
    assert_eq!(place.ranges(), ranges.map(|r| r.map(str::to_owned)));
    assert_eq!(std::fs::read(place.file()).expect("the file"), small());
}

#[test]
fn a_file_that_is_another_one_now_is_fetched_from_its_beginning() {
    let place = Place::d4rl();
    let other: Vec<u8> = small().iter().map(|b| b ^ 1).collect();
    place.hub.serve(PATH, &other, &[Fault::Stall(9_000)]);
    assert_eq!(place.cut_off(9_000, "TERM"), 130);
    let served = Served {
        bytes: small(),
        tag: Some("\"two\"".into()),
        faults: Vec::new(),
    };
    place.hub.change(PATH, served);
    place.made();
    assert_eq!(std::fs::read(place.file()).expect("the file"), small());
}

#[test]
fn what_comes_must_be_what_was_meant() {
    let wrong = "0".repeat(64);
    let place = Place::new(&format!("d4rl(\"hopper-medium-v2\", sha256: \"{wrong}\")"));
    place.hub.serve(PATH, &small(), &[]);
    let said = place.refused(&[]);
    assert!(said.contains(&wrong) && said.contains("SHA-256"), "{said}");
    assert_eq!(names(&place.path("d4rl")), Vec::<String>::new());

    // A page that asks to sign in, from a server that says it is fine.
    let place = Place::d4rl();
    place
        .hub
        .serve(PATH, b"<!DOCTYPE html><html>sign in</html>", &[]);
    let said = place.refused(&[]);
    assert!(
        said.contains("not an HDF5 file") && said.contains("<!DOCTYPE html>"),
        "{said}"
    );
    assert_eq!(names(&place.path("d4rl")), Vec::<String>::new());
}

#[test]
fn what_cannot_be_had_is_said_with_a_way_out() {
    let place = Place::d4rl();
    let said = place.refused(&[]);
    let file = place.file().display().to_string();
    for part in ["404", PATH, "--d4rl-url", &file, "rollouts"] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    let asked = place.hub.asked().len();
    let said = place.refused(&["--offline"]);
    assert!(said.contains("--offline") && said.contains(&file), "{said}");
    assert_eq!(place.hub.asked().len(), asked);
    // Who wants something else of the program does not need it.
    let text = std::fs::read_to_string(place.path("main.align")).expect("the program");
    let text = format!(
        "{text}dataset walks {{ source = collect(\"maze2d-umaze-v1\", episodes: 2), horizon = 4 steps }}\n"
    );
    std::fs::write(place.path("main.align"), text).expect("a program is written");
    let done = place.align("run", &["--only", "walks"]);
    assert!(done.err.contains("walks done"), "{}", done.err);
    assert_eq!(place.hub.asked().len(), asked);
}

/// Serves a Minari set of the fixtures as a hub does.
fn serve_set(hub: &Hub, set: &str, id: &str, sums: bool) {
    let (repository, inside) = id.split_once('/').expect("a set of a repository");
    let folder = root().join("tests/fixtures/minari/sets").join(set);
    let (mut siblings, mut folders) = (Vec::new(), vec![folder.clone()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).expect("a file");
            let name = path.strip_prefix(&folder).expect("inside").display();
            let name = format!("{inside}/{name}");
            let mut sibling = serde_json::json!({ "rfilename": name, "size": bytes.len() });
            if sums && path.extension() == Some("hdf5".as_ref()) {
                // No file has this one.
                sibling["lfs"] =
                    serde_json::json!({ "sha256": "1".repeat(64), "size": bytes.len() });
            }
            siblings.push(sibling);
            let at = format!("/datasets/farama-minari/{repository}/resolve/main/{name}");
            hub.serve(&at, &bytes, &[]);
        }
    }
    // Other sets of the same repository are left alone.
    siblings.push(serde_json::json!({ "rfilename": "other/set-v0/data/metadata.json" }));
    siblings.push(serde_json::json!({ "rfilename": format!("{inside}/../../outside") }));
    let listing = serde_json::json!({ "sha": "0", "siblings": siblings }).to_string();
    let at = format!("/api/datasets/farama-minari/{repository}/revision/main");
    hub.serve(&at, listing.as_bytes(), &[]);
}

#[test]
fn a_minari_set_is_fetched_from_the_hub() {
    for storage in ["hdf5", "arrow", "parquet"] {
        let id = "D4RL/hopper/medium-v0";
        let place = Place::new(&format!("minari(\"{id}\", task: \"hopper-medium-v2\")"));
        serve_set(&place.hub, &format!("hopper/{storage}-v0"), id, false);
        place.made();
        let asked = place.hub.asked().len();
        place.made();
        assert_eq!(place.hub.asked().len(), asked, "{storage}");
        let data = place.path("minari").join(id).join("data");
        assert!(data.join("metadata.json").exists());
        assert!(!data.join(".fetching").exists());
    }
}

#[test]
fn a_minari_set_that_is_not_whole_is_not_used() {
    let id = "D4RL/hopper/medium-v0";
    let place = Place::new(&format!("minari(\"{id}\")"));
    let said = place.refused(&[]);
    assert!(said.contains("404") && said.contains("--hub"), "{said}");
    serve_set(&place.hub, "hopper/hdf5-v0", id, true);
    let said = place.refused(&[]);
    assert!(said.contains("SHA-256") && said.contains("--hub"), "{said}");
    // What was fetched before that is no set.
    let said = place.refused(&["--offline"]);
    assert!(said.contains("--offline"), "{said}");
    serve_set(&place.hub, "hopper/hdf5-v0", id, false);
    place.made();
    place.write("minari(\"D4RL/hopper/expert-v0\")");
    let said = place.refused(&[]);
    assert!(
        said.contains("has no set `D4RL/hopper/expert-v0`"),
        "{said}"
    );
}

#[test]
fn two_runs_at_once_fetch_a_file_once() {
    let place = Place::d4rl();
    place.hub.serve(PATH, &small(), &[Fault::Drop(3_000); 2]);
    let runs: Vec<_> = ["one", "two"]
        .into_iter()
        .map(|store| {
            let mut command = place.command("run", &["--only", "rollouts", "--store", store]);
            let command = command.stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().expect("the binary starts")
        })
        .collect();
    for mut run in runs {
        assert_eq!(code(run.wait().expect("the run ends")), 0);
    }
    assert_eq!(place.hub.asked().len(), 3);
    assert_eq!(std::fs::read(place.file()).expect("the file"), small());
    assert_eq!(names(&place.path("d4rl")), ["hopper_medium-v2.hdf5"]);
}

#[test]
fn the_programs_that_read_events_are_told() {
    let place = Place::d4rl();
    place.hub.serve(PATH, &small(), &[]);
    let done = place.align("run", &["--only", "rollouts", "--json"]);
    assert_eq!(done.code, 0, "{}", done.err);
    for text in [
        "fetching hopper_medium-v2.hdf5",
        "fetched hopper_medium-v2.hdf5",
    ] {
        let told = done
            .out
            .lines()
            .any(|l| l.contains("\"note\"") && l.contains(text));
        assert!(told, "{text}: {}", done.out);
    }
}
