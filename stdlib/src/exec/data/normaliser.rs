//! How actions and observations are scaled for a network, and back.

use serde::{Deserialize, Serialize};

/// Which statistics scale the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Smallest and largest value become -1 and 1.
    Limits,
    /// Mean 0, standard deviation 1.
    Gaussian,
}

/// An affine map for each column of [action, observation], `(x - centre) / scale`; fitted once, then part of every checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normaliser {
    /// Which statistics.
    pub scheme: Scheme,
    /// Numbers of an action: the first columns.
    pub act: usize,
    /// Numbers of an observation: the other columns.
    pub obs: usize,
    /// Subtracted, [act + obs].
    pub centre: Vec<f32>,
    /// Divided by, [act + obs]; never 0.
    pub scale: Vec<f32>,
}

/// A column that varies less than this is only centred.
const CONSTANT: f64 = 1e-6;

impl Normaliser {
    /// Fits the columns of actions [N, act] and observations [N, obs] at the steps that `keep` names.
    pub fn fit(
        scheme: Scheme,
        (act, actions): (usize, &[f32]),
        (obs, observations): (usize, &[f32]),
        keep: &[std::ops::Range<usize>],
    ) -> Self {
        let mut out = Self {
            scheme,
            act,
            obs,
            centre: Vec::new(),
            scale: Vec::new(),
        };
        for (width, values) in [(act, actions), (obs, observations)] {
            for column in 0..width {
                let each = keep.iter().flat_map(|r| {
                    values[r.start * width..r.end * width]
                        .iter()
                        .skip(column)
                        .step_by(width)
                        .map(|x| f64::from(*x))
                });
                let (centre, scale) = match scheme {
                    Scheme::Limits => limits(each),
                    Scheme::Gaussian => moments(each),
                };
                out.centre.push(centre as f32);
                out.scale
                    .push(if scale < CONSTANT { 1.0 } else { scale as f32 });
            }
        }
        out
    }

    /// Numbers of one row [action, observation].
    pub fn width(&self) -> usize {
        self.act + self.obs
    }

    /// Normalises rows of [action, observation] in place.
    pub fn apply(&self, rows: &mut [f32]) {
        self.map(rows, 0, |x, c, s| (x - c) / s);
    }

    /// Takes rows of [action, observation] back in place; with limits, what lies outside is clipped first.
    pub fn invert(&self, rows: &mut [f32]) {
        self.back(rows, 0, self.width());
    }

    /// Normalises observations [.., obs] in place.
    pub fn apply_obs(&self, rows: &mut [f32]) {
        self.map(rows, self.act, |x, c, s| (x - c) / s);
    }

    /// Takes observations [.., obs] back in place.
    pub fn invert_obs(&self, rows: &mut [f32]) {
        self.back(rows, self.act, self.width());
    }

    /// Normalises actions [.., act] in place.
    pub fn apply_act(&self, rows: &mut [f32]) {
        for row in rows.chunks_mut(self.act.max(1)) {
            for ((x, c), s) in row.iter_mut().zip(&self.centre).zip(&self.scale) {
                *x = (*x - c) / s;
            }
        }
    }

    /// Takes actions [.., act] back in place.
    pub fn invert_act(&self, rows: &mut [f32]) {
        self.back(rows, 0, self.act);
    }

    fn map(&self, rows: &mut [f32], from: usize, f: impl Fn(f32, f32, f32) -> f32) {
        let (centre, scale) = (&self.centre[from..], &self.scale[from..]);
        for row in rows.chunks_mut(centre.len().max(1)) {
            for ((x, c), s) in row.iter_mut().zip(centre).zip(scale) {
                *x = f(*x, *c, *s);
            }
        }
    }

    fn back(&self, rows: &mut [f32], from: usize, to: usize) {
        let (centre, scale) = (&self.centre[from..to], &self.scale[from..to]);
        let clip = self.scheme == Scheme::Limits;
        for row in rows.chunks_mut((to - from).max(1)) {
            for ((x, c), s) in row.iter_mut().zip(centre).zip(scale) {
                let inside = if clip { x.clamp(-1.0, 1.0) } else { *x };
                *x = c + s * inside;
            }
        }
    }
}

fn limits(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (lo, hi) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), x| {
        (lo.min(x), hi.max(x))
    });
    if lo > hi {
        (0.0, 0.0)
    } else {
        (f64::midpoint(lo, hi), (hi - lo) / 2.0)
    }
}

fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let (n, sum) = values
        .clone()
        .fold((0.0, 0.0), |(n, s), x| (n + 1.0, s + x));
    if n == 0.0 {
        return (0.0, 0.0);
    }
    let mean = sum / n;
    let variance = values.map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}
