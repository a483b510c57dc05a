//! What is in a dataset, in numbers that a person looks at: made by the library with the data, shown by reports and by `align data`.

use serde::{Deserialize, Serialize};

/// A dataset as people look at it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Where it came from, in words.
    pub source: String,
    /// The task, if it is known.
    pub task: Option<String>,
    /// How many episodes.
    pub episodes: usize,
    /// Steps of all episodes.
    pub steps: usize,
    /// Episodes that the task ended; the others were cut by a time limit or by the end of the file.
    pub ended: usize,
    /// Steps of an episode.
    pub lengths: Spread,
    /// Undiscounted returns of episodes; none where there are no rewards.
    pub returns: Option<Spread>,
    /// Mean of the normalised scores, in points, where the task has them.
    pub score: Option<f64>,
    /// Each number of an observation.
    pub observations: Vec<Range>,
    /// Each number of an action.
    pub actions: Vec<Range>,
    /// The rewards; none where there are none.
    pub rewards: Option<Range>,
    /// Where episodes went, for tasks in a maze.
    pub maze: Option<Paths>,
}

impl Profile {
    /// Name of its file beside the data.
    pub const FILE: &str = "profile.json";
}

/// How some values are spread.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Standard deviation (of these values, not of a sample).
    pub std: f64,
    /// Smallest, lower quartile, median, upper quartile, largest.
    pub quartiles: [f64; 5],
    /// Counts of equal bins from the smallest to the largest value, which the last one includes.
    pub bins: Vec<usize>,
}

impl Spread {
    /// Of some values, in so many bins (one, where all are equal); none without values.
    pub fn of(values: &[f64], bins: usize) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        let n = sorted.len() as f64;
        let mean = sorted.iter().sum::<f64>() / n;
        let std = (sorted.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        let at = |share: f64| {
            let place = share * (n - 1.0);
            let (below, part) = (place.floor() as usize, place.fract());
            let next = sorted[(below + 1).min(sorted.len() - 1)];
            sorted[below] + part * (next - sorted[below])
        };
        let count = if high > low { bins.max(1) } else { 1 };
        let mut out = vec![0; count];
        for x in &sorted {
            let place = (x - low) / (high - low).max(f64::MIN_POSITIVE) * count as f64;
            out[(place as usize).min(count - 1)] += 1;
        }
        Some(Self {
            mean,
            std,
            quartiles: [low, at(0.25), at(0.5), at(0.75), high],
            bins: out,
        })
    }
}

/// What a number is like over all steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
}

/// Some episodes' ways through a maze, in cells: (row, column), where a whole position is the middle of a cell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Paths {
    /// Rows and columns of the map.
    pub size: [usize; 2],
    /// Whether each cell is a wall, row by row.
    pub walls: Vec<bool>,
    /// The goal of evaluations, if it is the same in all of them.
    pub goal: Option<[f32; 2]>,
    /// Positions of each episode that is shown, thinned.
    pub paths: Vec<Vec<[f32; 2]>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_counts_every_value_once() {
        let spread = Spread::of(&[1.0, 2.0, 3.0, 4.0, 5.0], 4).unwrap_or_default();
        assert_eq!(spread.bins, [1, 1, 1, 2]);
        assert_eq!(
            spread.quartiles.map(f64::to_bits),
            [1.0, 2.0, 3.0, 4.0, 5.0].map(f64::to_bits)
        );
        assert!((spread.std - 2f64.sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of(&[7.0; 3], 9).map(|s| s.bins), Some(vec![3]));
        assert_eq!(Spread::of(&[f64::NAN], 9), None);
    }
}
