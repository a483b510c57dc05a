//! What does the store add to the writing of a checkpoint?  Wall time of a checkpoint of a model of 4 MB (weights, their moving average,
//! and both moments of the optimiser), beside a plain write of the same bytes to the same disk that waits for it too.
//!
//! ```text
//! cargo build --release --workspace --example checkpoint_cost
//! target/release/examples/checkpoint_cost FOLDER
//! ```
//!
//! The last line has the medians over 41 pairs in turn, in milliseconds: checkpoint, plain write, the median of their differences.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement, run by hand and by the benchmark"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use align_runtime::Store;
use align_runtime::record::{Entry, Manifest, Pos, Progress, content};
use align_runtime::store::journal::Journal;

const PAIRS: usize = 41;
const MODEL: usize = 4 << 20;

/// Bytes that no earlier checkpoint has.
fn files(round: u64) -> BTreeMap<String, Vec<u8>> {
    let mut state = round.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = |len: usize| {
        let mut out = Vec::with_capacity(len);
        while out.len() < len {
            // xorshift64: fast, and nothing that a file system could make smaller.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            out.extend_from_slice(&state.to_le_bytes());
        }
        out
    };
    BTreeMap::from([
        ("ema.safetensors".to_owned(), bytes(MODEL)),
        ("model.safetensors".to_owned(), bytes(MODEL)),
        ("optim.safetensors".to_owned(), bytes(2 * MODEL)),
        ("state.json".to_owned(), bytes(400)),
    ])
}

/// What a worker does for a checkpoint once it has the bytes.
fn checkpoint(store: &Store, journal: &mut Journal, files: &BTreeMap<String, Vec<u8>>) {
    let mut manifest = Manifest {
        version: Manifest::VERSION,
        files: BTreeMap::new(),
        digest: content(&BTreeMap::new()),
        metrics: BTreeMap::new(),
        episodes: align_runtime_api::Episodes::default(),
        extra: false,
        progress: Progress::default(),
    };
    let (_, id) = store
        .put_with(files, |digests| {
            manifest.files.clone_from(digests);
            manifest.digest = content(digests);
            serde_json::to_vec(&manifest).ok()
        })
        .unwrap();
    let kept = Entry::Kept {
        at: Pos::default(),
        manifest: id.unwrap(),
        digest: manifest.digest,
        seconds: 0.0,
        best: false,
    };
    journal.append(&kept).unwrap();
    journal.sync().unwrap();
}

/// The same bytes, each file once, durable at the end.
fn plain(folder: &Path, round: usize, files: &BTreeMap<String, Vec<u8>>) {
    let mut open = Vec::new();
    for (name, bytes) in files {
        let mut file = File::create(folder.join(format!("{round}-{name}"))).unwrap();
        file.write_all(bytes).unwrap();
        open.push(file);
    }
    for file in open {
        file.sync_all().unwrap();
    }
}

fn timed(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    1e3 * begun.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() {
    let place = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let folder = tempfile::tempdir_in(place).unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let mut journal = Journal::open(&folder.path().join("journal")).unwrap();
    let beside = folder.path().join("plain");
    std::fs::create_dir(&beside).unwrap();
    let (mut ours, mut theirs, mut more) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=PAIRS {
        let files = files(round as u64);
        let (mut a, mut b) = (0.0, 0.0);
        let mut store_it = || a = timed(|| checkpoint(&store, &mut journal, &files));
        let mut write_it = || b = timed(|| plain(&beside, round, &files));
        if round % 2 == 0 {
            store_it();
            write_it();
        } else {
            write_it();
            store_it();
        }
        // The first pays for what is made once.
        if round > 0 {
            ours.push(a);
            theirs.push(b);
            more.push(a - b);
        }
    }
    println!(
        "{:.2} {:.2} {:.2}",
        median(ours),
        median(theirs),
        median(more)
    );
}
