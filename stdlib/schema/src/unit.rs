//! Units of measure and quantities.  Must not know the grammar: a unit is a word, a number is an `f64`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A dimension; quantities of different dimensions are never converted into each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dim {
    /// Optimiser steps.
    Steps,
    /// Passes over a finite dataset.
    Epochs,
    /// Steps taken in an environment.
    EnvSteps,
    /// Evaluations of a stage.
    Evals,
    /// Rounds of a sequence.
    Rounds,
    /// Episodes of an environment.
    Episodes,
    /// Steps of the diffusion chain.
    DenoiseSteps,
    /// Preference pairs.
    Pairs,
    /// Wall time; the base unit is the second.
    Time,
    /// Memory; the base unit is the byte.
    Size,
    /// A relative share; the base unit is 1 (so 5% is 0.05).
    Share,
    /// D4RL-normalised score, in points (0 is random, 100 is the reference expert).
    Score,
    /// Raw, undiscounted episode return.
    Return,
    /// A plain number without a unit, such as a loss.
    Plain,
}

impl Dim {
    /// The unit that a message names for this dimension.
    pub fn unit_name(self) -> &'static str {
        match self {
            Dim::Steps => "steps",
            Dim::Epochs => "epochs",
            Dim::EnvSteps => "env_steps",
            Dim::Evals => "evals",
            Dim::Rounds => "rounds",
            Dim::Episodes => "episodes",
            Dim::DenoiseSteps => "denoise_steps",
            Dim::Pairs => "pairs",
            Dim::Time => "s",
            Dim::Size => "MiB",
            Dim::Share => "%",
            Dim::Score => "points",
            Dim::Return => "return",
            Dim::Plain => "",
        }
    }
}

/// A unit word of the language.
#[derive(Clone, Copy, Debug)]
pub struct Unit {
    /// As written after a number.
    pub name: &'static str,
    /// What it measures.
    pub dim: Dim,
    /// Factor to the dimension's base unit.
    pub scale: f64,
}

const fn u(name: &'static str, dim: Dim, scale: f64) -> Unit {
    Unit { name, dim, scale }
}

/// Every unit of edition 1.
pub const UNITS: &[Unit] = &[
    u("steps", Dim::Steps, 1.0),
    u("epochs", Dim::Epochs, 1.0),
    u("env_steps", Dim::EnvSteps, 1.0),
    u("evals", Dim::Evals, 1.0),
    u("rounds", Dim::Rounds, 1.0),
    u("episodes", Dim::Episodes, 1.0),
    u("denoise_steps", Dim::DenoiseSteps, 1.0),
    u("pairs", Dim::Pairs, 1.0),
    u("ms", Dim::Time, 1e-3),
    u("s", Dim::Time, 1.0),
    u("min", Dim::Time, 60.0),
    u("h", Dim::Time, 3600.0),
    u("d", Dim::Time, 86400.0),
    u("KiB", Dim::Size, 1024.0),
    u("MiB", Dim::Size, 1_048_576.0),
    u("GiB", Dim::Size, 1_073_741_824.0),
    u("KB", Dim::Size, 1e3),
    u("MB", Dim::Size, 1e6),
    u("GB", Dim::Size, 1e9),
    u("%", Dim::Share, 0.01),
    u("points", Dim::Score, 1.0),
    u("return", Dim::Return, 1.0),
];

/// Looks a unit word up.
pub fn unit(name: &str) -> Option<&'static Unit> {
    UNITS.iter().find(|u| u.name == name)
}

/// Reads a number with a unit of one dimension, as on a command line: `30min`, `1.5 h`, `8GiB`; in base units, finite and above 0.
pub fn measure(text: &str, dim: Dim) -> Option<f64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, word) = text.split_at(split);
    let number: f64 = number.trim().parse().ok()?;
    let amount = number * unit(word.trim()).filter(|u| u.dim == dim)?.scale;
    (amount.is_finite() && amount > 0.0).then_some(amount)
}

/// A number with its dimension, in the base unit of that dimension.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    /// In base units: a count, seconds, bytes, a fraction (5% is 0.05), points.
    pub amount: f64,
    /// What is measured.
    pub dim: Dim,
}

impl Quantity {
    /// A quantity from base units.
    pub const fn new(amount: f64, dim: Dim) -> Self {
        Self { amount, dim }
    }
}

/// Writes a count as people write it: `5k`, `1.2M`, `300`.
fn short(n: f64) -> String {
    let (v, suffix) = if n.abs() >= 1e6 && (n / 1e5).fract() == 0.0 {
        (n / 1e6, "M")
    } else if n.abs() >= 1e3 && (n / 1e2).fract() == 0.0 {
        (n / 1e3, "k")
    } else {
        (n, "")
    };
    format!("{v}{suffix}")
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let a = self.amount;
        // Rounded to 12 digits, so that 0.05 * 100 does not show as 5.000000000000001.
        let tidy = |x: f64| (x * 1e9).round() / 1e9;
        match self.dim {
            Dim::Share => write!(f, "{}%", tidy(a * 100.0)),
            Dim::Time if a >= 3600.0 && a % 1800.0 == 0.0 => write!(f, "{} h", tidy(a / 3600.0)),
            Dim::Time if a >= 60.0 && a % 30.0 == 0.0 => write!(f, "{} min", tidy(a / 60.0)),
            Dim::Time if a < 1.0 && a > 0.0 => write!(f, "{} ms", tidy(a * 1e3)),
            Dim::Size => write!(f, "{} MiB", tidy(a / 1_048_576.0)),
            Dim::Plain => write!(f, "{a}"),
            d => write!(f, "{} {}", short(tidy(a)), d.unit_name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_have_a_unit_of_their_dimension() {
        assert_eq!(measure("30min", Dim::Time), Some(1800.0));
        assert_eq!(measure("1.5 h", Dim::Time), Some(5400.0));
        assert_eq!(measure("2GiB", Dim::Size), Some(2_147_483_648.0));
        for wrong in ["30", "min", "3 steps", "-2h", "", "1GiB", "0 s", "1e999 h"] {
            assert_eq!(measure(wrong, Dim::Time), None, "{wrong}");
        }
    }

    #[test]
    fn quantities_read_as_people_write_them() {
        let show = |a, d| Quantity::new(a, d).to_string();
        assert_eq!(show(200_000.0, Dim::Steps), "200k steps");
        assert_eq!(show(300.0, Dim::Steps), "300 steps");
        assert_eq!(show(0.05, Dim::Share), "5%");
        assert_eq!(show(2400.0, Dim::Time), "40 min");
        assert_eq!(show(1.0, Dim::Score), "1 points");
    }
}
