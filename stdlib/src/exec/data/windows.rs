//! Windows of episodes, as planners and policies learn from them.

use rand::RngExt as _;

use super::dataset::{Dataset, Part};
use crate::exec::env::Stream;

/// Every window of one part of a dataset, normalised, actions first.
///
/// A window has `horizon` points, `stride` environment steps apart; it may begin at any step. Past the end of its episode the last
/// state is repeated with a zero action (in the environment's units), as in Diffuser's padding.
#[derive(Clone, Debug)]
pub struct Windows {
    horizon: usize,
    stride: usize,
    width: usize,
    /// Normalised rows [N, A + O] of all episodes of the part.
    rows: Vec<f32>,
    /// A normalised zero action.
    still: Vec<f32>,
    /// For each row, the last row of its episode.
    ends: Vec<u32>,
}

impl Windows {
    /// The windows of one part, with the dataset's own horizon and stride.
    pub fn new(data: &Dataset, part: Part) -> Self {
        Self::with(data, part, data.meta.horizon, data.meta.stride)
    }

    /// The windows of one part.
    pub fn with(data: &Dataset, part: Part, horizon: usize, stride: usize) -> Self {
        let rollouts = &data.rollouts;
        let normaliser = &data.meta.normaliser;
        let ranges = data.ranges(part);
        // Both are as large as the data: growing step by step would need twice the room.
        let steps = ranges.iter().map(ExactSizeIterator::len).sum();
        let mut rows = Vec::with_capacity(steps * (rollouts.act + rollouts.obs));
        let mut ends = Vec::with_capacity(steps);
        for range in ranges {
            let end = ends.len() + range.len();
            for t in range {
                rows.extend_from_slice(rollouts.action(t));
                rows.extend_from_slice(rollouts.observation(t));
                ends.push(end.saturating_sub(1) as u32);
            }
        }
        normaliser.apply(&mut rows);
        let mut still = vec![0.0; rollouts.act];
        normaliser.apply_act(&mut still);
        Self {
            horizon,
            stride: stride.max(1),
            width: normaliser.width(),
            rows,
            still,
            ends,
        }
    }

    /// How many windows there are: one begins at each step.
    pub fn len(&self) -> usize {
        self.ends.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
    /// Points of a window.
    pub fn horizon(&self) -> usize {
        self.horizon
    }
    /// Numbers of a point, actions first.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The windows that begin at these steps, [B, H, A + O].
    pub fn batch(&self, starts: &[usize]) -> Vec<f32> {
        let mut out = Vec::with_capacity(starts.len() * self.horizon * self.width);
        for start in starts {
            let end = self.ends.get(*start).map_or(0, |e| *e as usize);
            for point in 0..self.horizon {
                let t = start + point * self.stride;
                let row = t.min(end) * self.width;
                let row = &self.rows[row..row + self.width];
                if t > end {
                    out.extend_from_slice(&self.still);
                    out.extend_from_slice(&row[self.still.len()..]);
                } else {
                    out.extend_from_slice(row);
                }
            }
        }
        out
    }

    /// `count` starts, uniformly with replacement.
    pub fn draw(&self, count: usize, rng: &mut Stream) -> Vec<usize> {
        if self.is_empty() {
            return Vec::new();
        }
        (0..count)
            .map(|_| rng.random_range(0..self.len()))
            .collect()
    }

    /// `count` starts spread evenly, the same ones each time: for a validation loss that is comparable from one evaluation to the next.
    pub fn spread(&self, count: usize) -> Vec<usize> {
        let count = count.min(self.len());
        (0..count).map(|i| i * self.len() / count.max(1)).collect()
    }
}
