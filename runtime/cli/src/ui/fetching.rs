//! A download as it happens: a bar on a terminal, lines at times elsewhere.  All of it on standard error.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::term::{Look, errln};

/// Away from a terminal it tells this often.
const QUIET: Duration = Duration::from_secs(15);

/// Shows how far it is.
pub(crate) struct Fetched {
    bar: Option<ProgressBar>,
    told: Option<Instant>,
    /// Events are written elsewhere: lines would say it twice.
    silent: bool,
}

impl Fetched {
    /// Nothing yet.
    pub(crate) fn new(silent: bool) -> Self {
        Self {
            bar: None,
            told: None,
            silent,
        }
    }

    /// Takes the share done and a few words.
    pub(crate) fn on(&mut self, share: f64, text: &str) {
        if self.silent {
            return;
        }
        if !Look::err().terminal {
            if self.told.is_none_or(|t| t.elapsed() >= QUIET) {
                self.told = Some(Instant::now());
                errln(&format!("fetching {text}"));
            }
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let target = ProgressDrawTarget::stderr_with_hz(10);
            let bar = ProgressBar::with_draw_target(Some(1000), target);
            if let Ok(style) = ProgressStyle::with_template("fetching {bar:24.cyan} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_position((share.clamp(0.0, 1.0) * 1000.0) as u64);
        bar.set_message(text.to_owned());
    }

    /// Takes the bar away.
    pub(crate) fn close(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
