//! `align data`: what is in a dataset, before anything is written about it or trained on it.

use std::path::PathBuf;

use align_runtime::report;
use align_runtime_api::{Profile, Spread};
use clap::{Args, ValueHint};

use super::Exit;
use crate::host;
use crate::ui::term::{Look, Tone, fail, outln};

const AFTER: &str = "\
Examples:
  align data data/hopper-medium.hdf5 --task hopper-medium-v2
  align data maze2d-umaze-v1 --page umaze.html
  align data D4RL/pointmaze/umaze-v2 --json | jq .returns.mean

Nothing is downloaded: `align run` fetches what a program names.";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct DataArgs {
    /// A file in D4RL's layout, the folder of a Minari or a LeRobot set, a task of D4RL, or the name of a Minari set.
    #[arg(value_name = "FILE|TASK", value_hint = ValueHint::AnyPath)]
    what: String,
    /// The task it was recorded in: its scores, its time limit and its maze.
    #[arg(long, value_name = "TASK")]
    task: Option<String>,
    /// Write a page with pictures: histograms, and the ways through a maze.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    page: Option<PathBuf>,
    /// One JSON document, for programs.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &DataArgs) -> Exit {
    let profile = match host::look_at_data(&args.what, args.task.as_deref()) {
        Ok(profile) => profile,
        Err(why) => {
            fail(&why, None);
            return Exit::Usage;
        }
    };
    if args.json {
        match serde_json::to_string_pretty(&profile) {
            Ok(text) => outln(&text),
            Err(e) => {
                fail(&format!("cannot be written as JSON: {e}"), None);
                return Exit::Usage;
            }
        }
    } else {
        show(&profile);
    }
    if let Some(path) = &args.page {
        if let Err(e) = super::repair::write(path, &report::data_page(&profile)) {
            let why = host::reason(&e);
            fail(
                &format!("the page `{}` cannot be written: {why}", path.display()),
                None,
            );
            return Exit::Usage;
        }
        if !args.json {
            outln(&format!("page: {}", path.display()));
        }
    }
    Exit::Fine
}

/// For people: facts, two histograms, ranges.
fn show(profile: &Profile) {
    let look = Look::out();
    for (name, text) in report::data_facts(profile) {
        outln(&format!(
            "{} {text}",
            look.paint(Tone::Bold, &format!("{name:<9}"))
        ));
    }
    let histograms = [
        ("return of an episode", profile.returns.as_ref()),
        ("steps of an episode", Some(&profile.lengths)),
    ];
    for (title, spread) in histograms {
        let Some(spread) = spread.filter(|s| s.bins.len() > 1) else {
            continue;
        };
        outln("");
        outln(&look.paint(Tone::Bold, title));
        for line in bars(spread, look.width.clamp(40, 100)) {
            outln(&line);
        }
    }
    outln("");
    let number = report::format::number;
    let mut rows = vec![vec![
        String::new(),
        "smallest".into(),
        "mean".into(),
        "deviation".into(),
        "largest".into(),
    ]];
    rows.extend(report::data_ranges(profile).into_iter().map(|(name, r)| {
        let numbers = [r.min, r.mean, r.std, r.max];
        std::iter::once(name).chain(numbers.map(number)).collect()
    }));
    let (head, body) = rows.split_at(1);
    for (i, line) in report::columns(&head[0], body).iter().enumerate() {
        outln(&if i == 0 {
            look.paint(Tone::Bold, line)
        } else {
            line.clone()
        });
    }
}

/// Lines of a histogram: where a bin begins, a bar, a count.  Two bins are one line, so that it fits on a screen.
fn bars(spread: &Spread, width: usize) -> Vec<String> {
    let [low, .., high] = spread.quartiles;
    let pairs: Vec<usize> = spread.bins.chunks(2).map(|c| c.iter().sum()).collect();
    let step = 2.0 * (high - low) / spread.bins.len() as f64;
    let most = pairs.iter().copied().max().unwrap_or(0).max(1);
    let starts: Vec<String> = (0..pairs.len())
        .map(|i| report::format::number(low + step * i as f64))
        .collect();
    let wide = starts.iter().map(|s| s.chars().count()).max().unwrap_or(0);
    let room = width.saturating_sub(wide + 10).max(10);
    pairs
        .iter()
        .zip(&starts)
        .map(|(n, start)| {
            // In eighths of a character, so that a small bin is still seen.
            let eighths = (n * room * 8).div_ceil(most);
            let mut bar = "█".repeat(eighths / 8);
            if let Some(part) = eighths
                .checked_rem(8)
                .filter(|r| *r > 0)
                .and_then(|r| "▏▎▍▌▋▊▉".chars().nth(r - 1))
            {
                bar.push(part);
            }
            let pad = " ".repeat(wide - start.chars().count());
            format!("{pad}{start} {bar} {n}")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_count() {
        let spread = Spread {
            quartiles: [0.0, 0.0, 0.0, 0.0, 4.0],
            bins: vec![1, 1, 4, 4],
            ..Spread::default()
        };
        let lines = bars(&spread, 34);
        assert_eq!(lines, ["   0 █████ 2", "2.00 ████████████████████ 8"]);
    }
}
