//! Does anything that a person can write make the compiler panic, hang or overflow its stack?
//!
//! A fixed number of inputs in the gate; with `ALIGN_FUZZ_SECONDS` as many as fit into that time (`bash tests/fuzz/run.sh 600`).  Inputs that
//! show something new (another set of codes, another size of tree) join the pool that later ones are made of.  The input at work is in the
//! file `ALIGN_FUZZ_INPUT`, so that a process that dies tells which one it was.  `ALIGN_FUZZ_SLOW` lists inputs that take more milliseconds, and
//! `ALIGN_FUZZ_PREFIXES` measures every prefix of every program instead.

// A fuzzer reports.
#![allow(clippy::print_stdout, clippy::exit)]

mod extremes;
mod mutate;
mod subject;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use align_tests::stream::Stream;
use align_tests::text_files;
use align_tests::world::Files;

/// Inputs of the gate.
const INPUTS: u64 = 500;

/// CPU seconds that one input may take before it counts as a hang.
const LIMIT: Duration = Duration::from_secs(20);

/// Stack of the thread that works: a quarter of what a program has.
const STACK: usize = 2 << 20;

/// What the work and its watch share.
struct Shared {
    /// Inputs done.
    done: AtomicU64,
    /// Id of the thread that works.
    thread: AtomicU64,
    /// The input at work.
    input: Mutex<String>,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// CPU time of a thread of this process; wall time stands in where the system does not tell, none is left when the thread has ended.
fn cpu(thread: u64, started: Instant) -> Duration {
    if thread == 0 {
        return started.elapsed();
    }
    std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat"))
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .map_or(Duration::ZERO, Duration::from_nanos)
}

fn own_thread() -> u64 {
    std::fs::read_link("/proc/thread-self")
        .ok()
        .and_then(|path| path.file_name()?.to_str()?.parse().ok())
        .unwrap_or(0)
}

/// Every program of the repository, and every example of a page.
fn corpus() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for file in text_files() {
        match file.extension() {
            "align" => all.push((file.path, file.text)),
            "md" if file.path.contains("codes/pages") || file.path.contains("lang/cases") => {
                let examples = align_compiler::codes::examples(&file.text);
                let named = examples.into_iter().enumerate();
                all.extend(named.map(|(n, e)| (format!("{}.{n}", file.path), e.text)));
            }
            _ => {}
        }
    }
    all
}

/// The other files of every program: what `use` can reach.
fn around(corpus: &[(String, String)], input: String) -> Files {
    let mut list = vec![("examples/input.align".to_owned(), input)];
    list.extend(
        corpus
            .iter()
            .filter(|(path, _)| path.rsplit('.').next() == Some("align"))
            .cloned(),
    );
    Files {
        list,
        sets: Vec::new(),
    }
}

fn main() {
    let seconds = number("ALIGN_FUZZ_SECONDS");
    let seed = number("ALIGN_FUZZ_SEED").unwrap_or(1);
    let shared = Arc::new(Shared {
        done: AtomicU64::new(0),
        thread: AtomicU64::new(0),
        input: Mutex::new(String::new()),
    });
    let started = Instant::now();
    let worker = {
        let shared = Arc::clone(&shared);
        std::thread::Builder::new()
            .stack_size(STACK)
            .spawn(move || work(&shared, seed, seconds.map(Duration::from_secs), started))
    };
    let Ok(worker) = worker else {
        panic!("no thread")
    };
    watch(&shared, &worker, started);
    let failed = worker.join().is_err();
    let done = shared.done.load(Ordering::Relaxed);
    let verdict = if failed { "FAILED" } else { "ok" };
    println!(
        "fuzz: seed {seed}, {done} inputs in {:.0} s",
        started.elapsed().as_secs_f64()
    );
    println!(
        "test result: {verdict}. {} passed; {} failed",
        i32::from(!failed),
        i32::from(failed)
    );
    if failed {
        keep(&shared, "panic");
        std::process::exit(1);
    }
}

/// Stops the process when one input takes too long.
fn watch(shared: &Shared, worker: &std::thread::JoinHandle<()>, started: Instant) {
    let mut at = (u64::MAX, Duration::ZERO);
    while !worker.is_finished() {
        std::thread::sleep(Duration::from_millis(20));
        let done = shared.done.load(Ordering::Relaxed);
        let used = cpu(shared.thread.load(Ordering::Relaxed), started);
        if at.0 != done {
            at = (done, used);
        } else if used.saturating_sub(at.1) > LIMIT {
            keep(shared, "hang");
            println!("test result: FAILED. 0 passed; 1 failed");
            std::process::exit(1);
        }
    }
}

/// Writes down the input at work.
fn keep(shared: &Shared, what: &str) {
    let input = match shared.input.lock() {
        Ok(guard) => guard.clone(),
        Err(poisoned) => poisoned.into_inner().clone(),
    };
    let shown: String = input.chars().take(4_000).collect();
    println!(
        "{what}, after {} inputs:\n{shown}",
        shared.done.load(Ordering::Relaxed)
    );
}

fn work(shared: &Shared, seed: u64, time: Option<Duration>, started: Instant) {
    let own = own_thread();
    shared.thread.store(own, Ordering::Relaxed);
    let slow = number("ALIGN_FUZZ_SLOW");
    let current = std::env::var_os("ALIGN_FUZZ_INPUT");
    let corpus = corpus();
    let mut pool: Vec<String> = corpus.iter().map(|(_, text)| text.clone()).collect();
    let mut seen: HashSet<(Vec<&'static str>, u32)> = HashSet::new();
    let mut stream = Stream(seed);
    let feed = |input: String| {
        if let Some(path) = &current {
            // Without it a death tells less; the work goes on.
            drop(std::fs::write(path, &input));
        }
        if let Ok(mut guard) = shared.input.lock() {
            guard.clone_from(&input);
        }
        let before = cpu(own, started);
        let checked = subject::run(&around(&corpus, input));
        let used = cpu(own, started).saturating_sub(before);
        if slow.is_some_and(|limit| used.as_millis() as u64 > limit)
            && let Ok(input) = shared.input.lock()
        {
            let head: String = input.chars().take(70).collect();
            println!("{} ms, {} bytes: {head:?}", used.as_millis(), input.len());
        }
        shared.done.fetch_add(1, Ordering::Relaxed);
        checked
    };
    if std::env::var_os("ALIGN_FUZZ_PREFIXES").is_some() {
        prefixes(&corpus, own, started, shared);
        return;
    }
    for input in extremes::inputs(time.is_some()) {
        feed(input);
    }
    let mut count = 0;
    while time.map_or(count < INPUTS, |time| started.elapsed() < time) {
        count += 1;
        let input = mutate::mutated(&pool, &mut stream);
        let checked = feed(input.clone());
        let mut codes: Vec<&'static str> = checked.diagnostics.iter().map(|d| d.code).collect();
        codes.sort_unstable();
        codes.dedup();
        let size = input.len().checked_ilog2().unwrap_or(0)
            + checked.diagnostics.len().min(8) as u32 * 100;
        if seen.insert((codes, size)) && pool.len() < 4_000 {
            pool.push(input);
        }
    }
}

/// Every prefix of every program: the CPU time of the slowest, with all that is done to an input.
fn prefixes(corpus: &[(String, String)], own: u64, started: Instant, shared: &Shared) {
    let mut slowest = (Duration::ZERO, String::new());
    let programs = corpus
        .iter()
        .filter(|(path, _)| path.rsplit('.').next() == Some("align"));
    for (path, text) in programs {
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            let before = cpu(own, started);
            subject::run(&around(corpus, text[..end].to_owned()));
            let used = cpu(own, started).saturating_sub(before);
            shared.done.fetch_add(1, Ordering::Relaxed);
            if used > slowest.0 {
                slowest = (used, format!("{path}, {end} bytes"));
            }
        }
    }
    println!(
        "slowest prefix: {:.1} ms, {}",
        slowest.0.as_secs_f64() * 1e3,
        slowest.1
    );
}
