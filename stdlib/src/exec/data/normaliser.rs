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
    /// The share of the data that lies below becomes -1 .. 1 (Diffuser's and Decision Diffuser's empirical distribution).
    Cdf,
}

/// A map for each column of [action, observation], `(x - centre) / scale` or an empirical distribution; fitted once, then part of every
/// checkpoint.
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
    /// For [`Scheme::Cdf`]: values at evenly spaced shares of the data, increasing, [act + obs, knots]; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub knots: Vec<Vec<f32>>,
}

/// Most values that an empirical distribution keeps; between them it is a straight line.
const KNOTS: usize = 257;

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
            knots: Vec::new(),
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
                    Scheme::Cdf => {
                        out.knots.push(knots(each.collect()));
                        (0.0, 1.0)
                    }
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
        self.to(rows, 0, self.width());
    }

    /// Takes rows of [action, observation] back in place; what lies outside of limits or of the seen shares is clipped first.
    pub fn invert(&self, rows: &mut [f32]) {
        self.back(rows, 0, self.width());
    }

    /// Normalises observations [.., obs] in place.
    pub fn apply_obs(&self, rows: &mut [f32]) {
        self.to(rows, self.act, self.width());
    }

    /// Takes observations [.., obs] back in place.
    pub fn invert_obs(&self, rows: &mut [f32]) {
        self.back(rows, self.act, self.width());
    }

    /// Normalises actions [.., act] in place.
    pub fn apply_act(&self, rows: &mut [f32]) {
        self.to(rows, 0, self.act);
    }

    /// Takes actions [.., act] back in place.
    pub fn invert_act(&self, rows: &mut [f32]) {
        self.back(rows, 0, self.act);
    }

    fn to(&self, rows: &mut [f32], from: usize, to: usize) {
        let knots = self.knots.get(from..to).unwrap_or(&[]);
        let (centre, scale) = (&self.centre[from..to], &self.scale[from..to]);
        for row in rows.chunks_mut((to - from).max(1)) {
            if self.scheme == Scheme::Cdf {
                row.iter_mut()
                    .zip(knots)
                    .for_each(|(x, knots)| *x = share(knots, *x));
                continue;
            }
            for ((x, c), s) in row.iter_mut().zip(centre).zip(scale) {
                *x = (*x - c) / s;
            }
        }
    }

    fn back(&self, rows: &mut [f32], from: usize, to: usize) {
        let knots = self.knots.get(from..to).unwrap_or(&[]);
        let (centre, scale) = (&self.centre[from..to], &self.scale[from..to]);
        let clip = self.scheme == Scheme::Limits;
        for row in rows.chunks_mut((to - from).max(1)) {
            if self.scheme == Scheme::Cdf {
                row.iter_mut()
                    .zip(knots)
                    .for_each(|(x, knots)| *x = at_share(knots, *x));
                continue;
            }
            for ((x, c), s) in row.iter_mut().zip(centre).zip(scale) {
                let inside = if clip { x.clamp(-1.0, 1.0) } else { *x };
                *x = c + s * inside;
            }
        }
    }
}

/// Values at evenly spaced shares of these.
fn knots(mut values: Vec<f64>) -> Vec<f32> {
    values.sort_unstable_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else {
        return vec![0.0; 2];
    };
    let count = values.len().clamp(2, KNOTS);
    let knot = |i: usize| values[(i * last + (count - 1) / 2) / (count - 1)] as f32;
    (0..count).map(knot).collect()
}

/// The share of the data below a value, as -1 .. 1; the middle of where it has no single one.
fn share(knots: &[f32], x: f32) -> f32 {
    let last = knots.len().saturating_sub(1).max(1);
    let below = knots.partition_point(|k| *k < x);
    let over = knots.partition_point(|k| *k <= x);
    let place = if over > below {
        // On a step of the distribution.
        f64::midpoint(below as f64, (over - 1) as f64)
    } else if below == 0 {
        0.0
    } else if below > last {
        last as f64
    } else {
        let (a, b) = (f64::from(knots[below - 1]), f64::from(knots[below]));
        (below - 1) as f64 + (f64::from(x) - a) / (b - a)
    };
    (2.0 * place / last as f64 - 1.0) as f32
}

/// The value at a share, given as -1 .. 1.
fn at_share(knots: &[f32], share: f32) -> f32 {
    let last = knots.len().saturating_sub(1).max(1);
    let place = f64::midpoint(f64::from(share.clamp(-1.0, 1.0)), 1.0) * last as f64;
    let below = (place.floor() as usize).min(last - 1);
    let part = place - below as f64;
    let at = |i: usize| knots.get(i).copied().map_or(0.0, f64::from);
    (at(below) + part * (at(below + 1) - at(below))) as f32
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
