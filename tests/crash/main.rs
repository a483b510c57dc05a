//! Is anything lost when a process dies, a write fails, or the power goes?  At every system call that writes.
//!
//! `strace` counts the calls of the driver and of each worker, then one run is made for each: the process is killed at that call, or the
//! call fails with EIO or ENOSPC.  The same command is run again, and must end with the results of an unbroken run without doing anything
//! again that it had told to be done.  For power losses a run's calls are recorded with their bytes, and what may be left of them
//! after each call is written to a fresh folder, from which the program is run.
//!
//! The gate takes every nth of the points, so that it stays short; `ALIGN_CRASH=all` takes them all, `ALIGN_CRASH=5` every fifth.
//! Where strace cannot trace, the tests say `left out` and why.

// It reports its counts.
#![allow(clippy::print_stdout)]

mod care;
mod disk;
mod points;
mod power;
mod record;
mod scene;
mod watch;

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Arguments, Failed, Trial};
use points::{Blow, Point, Stage, stages, strike};
use scene::{Results, unbroken};

/// Of so many points the gate takes one.  No multiple of 2 or 5: errors come in twos, power losses in fives.
const KILLS: usize = 3;
const ERRORS: usize = 13;
const OUTAGES: usize = 23;
const SPOTS: usize = 3;
const EDITS: usize = 13;

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = vec![
        Trial::test("the log of strace is understood", || {
            record::self_test().map_err(Failed::from)
        }),
        Trial::test("the simulated disk forgets what it may", || {
            disk::self_test().map_err(Failed::from)
        }),
        Trial::test("a damaged byte is found, named and made again", damage),
        Trial::test("a missing file is found and made again", || {
            care::missing().map_err(Failed::from)
        }),
        Trial::test("gc removes what no run needs", || {
            care::collected().map_err(Failed::from)
        }),
        Trial::test("gc of a program knows its plan", || {
            care::collected_for_a_program().map_err(Failed::from)
        }),
        Trial::test("gc refuses a store at work or with damage", || {
            care::refused().map_err(Failed::from)
        }),
    ];
    match untraceable() {
        Some(why) => println!("left out: crash points: {why}"),
        None => trials.extend([
            Trial::test("one thread of each process writes", || {
                // The blows below fall on that one.
                let found = record::writers(&scene::Scene::new());
                let wanted = 1 + scene::NODES.len();
                if found == wanted {
                    return Ok(());
                }
                Err(format!("{found} threads write in {wanted} processes").into())
            }),
            Trial::test("killed at every write", || {
                struck(&[Blow::Kill], KILLS, 200)
            }),
            Trial::test("an error at every write", || {
                struck(&[Blow::Error("EIO"), Blow::Error("ENOSPC")], ERRORS, 400)
            }),
            Trial::test(
                "watch struck at every write while an edit is taken over",
                watched,
            ),
            Trial::test("gc killed at every write", || {
                let stride = stride(SPOTS);
                let points = care::killed(stride)?;
                println!("gc killed at {points} points (1 of {stride})");
                if points < 20 {
                    return Err(format!("{points} points, wanted 20").into());
                }
                Ok(())
            }),
            Trial::test("the power goes after every write", outages),
        ]),
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// Why strace cannot trace here, if it cannot.
fn untraceable() -> Option<String> {
    match Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .output()
    {
        Err(e) => Some(format!("`strace` does not start: {e}")),
        Ok(out) if !out.status.success() => Some(format!(
            "`strace` cannot trace here: {}",
            String::from_utf8_lossy(&out.stderr).trim()
        )),
        Ok(_) => None,
    }
}

/// Of how many points one is tried.
fn stride(gate: usize) -> usize {
    match std::env::var("ALIGN_CRASH").as_deref() {
        Ok("all") => 1,
        Ok(number) => number.parse().unwrap_or(gate).max(1),
        Err(_) => gate,
    }
}

/// Does something with each, on all cores; what went wrong.
fn each<T: Sync>(list: &[T], work: impl Fn(&T) -> Result<(), String> + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(item) = list.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = work(item)
                        && let Ok(mut wrong) = wrong.lock()
                    {
                        wrong.push(why);
                    }
                }
            });
        }
    });
    wrong.into_inner().unwrap_or_default()
}

fn verdict(wrong: &[String]) -> Result<(), Failed> {
    if wrong.is_empty() {
        return Ok(());
    }
    let shown: Vec<&str> = wrong.iter().take(20).map(String::as_str).collect();
    Err(format!("{} went wrong:\n{}", wrong.len(), shown.join("\n\n")).into())
}

/// Strikes at the points with these blows.  There must be `least` of them, and nearly all must be reached.
fn struck(blows: &[Blow], gate: usize, least: usize) -> Result<(), Failed> {
    let wanted: Results = unbroken();
    let stages = stages();
    let all: Vec<(&Stage, &Point, Blow)> = stages
        .iter()
        .flat_map(|stage| stage.points.iter().map(move |point| (stage, point)))
        .flat_map(|(stage, point)| blows.iter().map(move |blow| (stage, point, *blow)))
        .collect();
    let stride = stride(gate);
    let taken: Vec<_> = all.iter().step_by(stride).collect();
    let reached = AtomicUsize::new(0);
    let wrong = each(&taken, |(stage, point, blow)| {
        if strike(stage, point, *blow, &wanted)? {
            reached.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    let reached = reached.into_inner();
    println!(
        "{blows:?}: {} points, {} tried (1 of {stride}), {reached} reached, {} wrong; by process: {}",
        all.len(),
        taken.len(),
        wrong.len(),
        stages
            .iter()
            .map(|s| format!("{:?} {}", s.victim, s.points.len()))
            .collect::<Vec<_>>()
            .join(", ")
    );
    verdict(&wrong)?;
    if all.len() < least {
        return Err(format!("{} points, wanted {least}", all.len()).into());
    }
    // Signs of life come by the clock, so that a few calls at the end of a count may be missing.
    if reached * 20 < taken.len() * 19 {
        return Err(format!("only {reached} of {} points were reached", taken.len()).into());
    }
    Ok(())
}

fn watched() -> Result<(), Failed> {
    let wanted = watch::unbroken();
    let start = watch::start();
    let points = watch::points(&start);
    let blows = [Blow::Kill, Blow::Error("EIO")];
    let all: Vec<_> = points
        .iter()
        .flat_map(|point| blows.iter().map(move |blow| (point, *blow)))
        // An event that cannot be told is one that the session would wait for.
        .filter(|(point, blow)| *blow == Blow::Kill || !points::mute(&point.call))
        .collect();
    let stride = stride(EDITS);
    let taken: Vec<_> = all.iter().step_by(stride).collect();
    let reached = AtomicUsize::new(0);
    let wrong = each(&taken, |(point, blow)| {
        if watch::strike(&start, point, *blow, &wanted)? {
            reached.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    let reached = reached.into_inner();
    println!(
        "watch: {} points, {} tried (1 of {stride}), {reached} reached, {} wrong",
        all.len(),
        taken.len(),
        wrong.len()
    );
    verdict(&wrong)?;
    // What is written, and how often, depends on when the edit came and on signs of life by the clock.
    if reached * 2 < taken.len() {
        return Err(format!("only {reached} of {} points were reached", taken.len()).into());
    }
    Ok(())
}

fn damage() -> Result<(), Failed> {
    let scene = scene::Scene::new();
    let ran = scene.run(&[]);
    let wanted = scene.results()?;
    let spots = care::spots(&scene);
    let taken: Vec<_> = spots.iter().step_by(stride(SPOTS)).collect();
    let wrong = each(&taken, |spot| care::repaired(&scene, spot, &wanted));
    println!(
        "damage: {} bytes, {} tried, {} wrong",
        spots.len(),
        taken.len(),
        wrong.len()
    );
    verdict(&wrong)?;
    if ran.code != 0 || spots.len() < 100 {
        return Err(format!("{} bytes, wanted 100", spots.len()).into());
    }
    Ok(())
}

fn outages() -> Result<(), Failed> {
    let wanted = unbroken();
    let seeds = if stride(OUTAGES) == 1 { 4 } else { 2 };
    let recordings = power::recordings();
    let all: Vec<power::Outage> = recordings
        .iter()
        .flat_map(|(name, ops)| power::outages(ops, name, seeds))
        .collect();
    let taken: Vec<_> = all.iter().step_by(stride(OUTAGES)).collect();
    let wrong = each(&taken, |outage| power::recover(outage, &wanted));
    println!(
        "power losses: {} states of {} runs ({} calls), {} tried, {} wrong",
        all.len(),
        recordings.len(),
        recordings.iter().map(|r| r.1.len()).sum::<usize>(),
        taken.len(),
        wrong.len()
    );
    verdict(&wrong)
}
