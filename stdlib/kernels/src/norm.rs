//! How does group normalisation compute, with the mish and the sum behind it?  `mish(norm(x) scale + shift) + add`, in three passes over a
//! sample that stays in the nearest cache.

use crate::mish::{slope, value};
use crate::simd::vectorised;
use crate::{PIECE, run};

/// PyTorch's `eps`.
const EPS: f32 = 1e-5;

/// The shape of a normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Norm {
    /// Points of a sample.
    pub length: usize,
    /// Numbers of a point.
    pub channels: usize,
    /// Groups, which divide the channels.
    pub groups: usize,
}

/// What the backward pass wants of the forward one: mean and reciprocal deviation, `[n, 2, groups]`.
pub type Saved = Vec<f32>;

/// Gradients of a normalisation.
pub struct Gradients {
    /// Of what went in, `[n, length, channels]`.
    pub x: Vec<f32>,
    /// Of the scale, `[channels]`.
    pub scale: Vec<f32>,
    /// Of the shift, `[channels]`.
    pub shift: Vec<f32>,
    /// Of what was added, `[n, channels]`.
    pub add: Vec<f32>,
}

/// Gradients of what went in, `[n, length, channels]`, of what was added, `[n, channels]`, and of scale and shift by each sample, `[n, 2, channels]`.
type Outs<'a> = (&'a mut [f32], &'a mut [f32], &'a mut [f32]);

impl Norm {
    fn size(self) -> usize {
        self.length * self.channels
    }

    /// Samples of a part.
    fn part(self) -> usize {
        (PIECE / self.size()).max(1)
    }

    /// `[n, length, channels]` to the same; `add` is `[n, channels]`, or empty for none.
    pub fn forward(
        self,
        x: &[f32],
        scale: &[f32],
        shift: &[f32],
        add: &[f32],
    ) -> (Vec<f32>, Saved) {
        let n = x.len() / self.size();
        let (mut out, mut saved) = (vec![0.0; x.len()], vec![0.0; n * 2 * self.groups]);
        let part = self.part();
        let outs = out.chunks_mut(part * self.size()).enumerate();
        let tasks = outs.zip(saved.chunks_mut(part * 2 * self.groups)).collect();
        run(
            tasks,
            |((i, out), saved): ((usize, &mut [f32]), &mut [f32])| {
                let x = &x[i * part * self.size()..][..out.len()];
                let add = if add.is_empty() {
                    add
                } else {
                    &add[i * part * self.channels..][..out.len() / self.length]
                };
                forward(self, x, (scale, shift), add, out, saved);
            },
        );
        (out, saved)
    }

    /// Gradients from that of what came out.
    pub fn backward(
        self,
        x: &[f32],
        saved: &[f32],
        scale: &[f32],
        shift: &[f32],
        gradient: &[f32],
    ) -> Gradients {
        let n = x.len() / self.size();
        let part = self.part();
        let mut to = vec![0.0; x.len()];
        let mut add = vec![0.0; n * self.channels];
        let mut each = vec![0.0; n * 2 * self.channels];
        let tasks = to
            .chunks_mut(part * self.size())
            .zip(add.chunks_mut(part * self.channels))
            .zip(each.chunks_mut(part * 2 * self.channels))
            .map(|((to, add), each)| (to, add, each))
            .enumerate()
            .collect();
        run(tasks, |(i, to): (usize, Outs<'_>)| {
            let at = i * part * self.size();
            let saved = &saved[i * part * 2 * self.groups..];
            let (x, gradient) = (&x[at..][..to.0.len()], &gradient[at..][..to.0.len()]);
            backward(self, (x, gradient), saved, (scale, shift), to);
        });
        let mut scale = vec![0.0; 2 * self.channels];
        for sample in each.chunks_exact(2 * self.channels) {
            for (sum, of) in scale.iter_mut().zip(sample) {
                *sum += of;
            }
        }
        let shift = scale.split_off(self.channels);
        Gradients {
            x: to,
            scale,
            shift,
            add,
        }
    }
}

/// Writes the sum of each group of `values` into each of its places, times `by`.
#[inline(always)]
fn grouped(values: &mut [f32], size: usize, by: f32) {
    for group in values.chunks_exact_mut(size) {
        let sum: f32 = group.iter().sum();
        group.fill(sum * by);
    }
}

vectorised! {
    fn forward<'a>(shape: Norm, x: &'a [f32], affine: (&'a [f32], &'a [f32]), add: &'a [f32], out: &'a mut [f32], saved: &'a mut [f32]) {
        let Norm { channels, groups, .. } = shape;
        let size = channels / groups;
        let each = ((shape.length * size) as f32).recip();
        let mut rows = vec![0.0; 4 * channels];
        let (mean, rest) = rows.split_at_mut(channels);
        let (spread, rest) = rest.split_at_mut(channels);
        let (a, b) = rest.split_at_mut(channels);
        let samples = x.chunks_exact(shape.size()).zip(out.chunks_exact_mut(shape.size()));
        for (n, ((x, out), saved)) in samples.zip(saved.chunks_exact_mut(2 * groups)).enumerate() {
            mean.fill(0.0);
            spread.fill(0.0);
            for row in x.chunks_exact(channels) {
                for (sum, x) in mean.iter_mut().zip(row) {
                    *sum += x;
                }
            }
            grouped(mean, size, each);
            for row in x.chunks_exact(channels) {
                for ((sum, mean), x) in spread.iter_mut().zip(&*mean).zip(row) {
                    *sum += (x - mean) * (x - mean);
                }
            }
            grouped(spread, size, each);
            for i in 0..channels {
                let unit = (spread[i] + EPS).sqrt().recip();
                spread[i] = unit;
                a[i] = unit * affine.0[i];
                b[i] = affine.1[i] - mean[i] * a[i];
            }
            for g in 0..groups {
                saved[g] = mean[g * size];
                saved[groups + g] = spread[g * size];
            }
            let add = add.chunks_exact(channels).nth(n);
            for (out, x) in out.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                for (((y, x), a), b) in out.iter_mut().zip(x).zip(&*a).zip(&*b) {
                    *y = value(x.mul_add(*a, *b));
                }
                if let Some(add) = add {
                    for (y, add) in out.iter_mut().zip(add) {
                        *y += add;
                    }
                }
            }
        }
    }
}

vectorised! {
    fn backward<'a>(
        shape: Norm,
        given: (&'a [f32], &'a [f32]),
        saved: &'a [f32],
        affine: (&'a [f32], &'a [f32]),
        to: Outs<'a>,
    ) {
        let Norm { channels, groups, .. } = shape;
        let size = channels / groups;
        let each = ((shape.length * size) as f32).recip();
        let all = shape.size();
        let mut rows = vec![0.0; 7 * channels];
        let mut cut = rows.chunks_exact_mut(channels);
        let mut next = || cut.next().unwrap_or_default();
        let (mean, unit, a, b, slopes, moments, line) = (next(), next(), next(), next(), next(), next(), next());
        let samples = given.0.chunks_exact(all).zip(given.1.chunks_exact(all));
        let outs = to.0.chunks_exact_mut(all).zip(to.1.chunks_exact_mut(channels)).zip(to.2.chunks_exact_mut(2 * channels));
        for (((x, gradient), ((to, add), sums)), saved) in samples.zip(outs).zip(saved.chunks_exact(2 * groups)) {
            for i in 0..channels {
                mean[i] = saved[i / size];
                unit[i] = saved[groups + i / size];
                a[i] = unit[i] * affine.0[i];
                b[i] = affine.1[i] - mean[i] * a[i];
            }
            slopes.fill(0.0);
            moments.fill(0.0);
            let rows = x.chunks_exact(channels).zip(gradient.chunks_exact(channels));
            for ((x, g), to) in rows.zip(to.chunks_exact_mut(channels)) {
                for (((line, x), a), b) in line.iter_mut().zip(x).zip(&*a).zip(&*b) {
                    *line = slope(x.mul_add(*a, *b));
                }
                for ((to, line), g) in to.iter_mut().zip(&*line).zip(g) {
                    *to = g * line;
                }
                for (sum, g) in add.iter_mut().zip(g) {
                    *sum += g;
                }
                for (sum, g) in slopes.iter_mut().zip(&*to) {
                    *sum += g;
                }
                for (((sum, g), x), mean) in moments.iter_mut().zip(&*to).zip(x).zip(&*mean) {
                    *sum += g * (x - mean);
                }
            }
            for i in 0..channels {
                moments[i] *= unit[i];
            }
            sums[..channels].copy_from_slice(moments);
            sums[channels..].copy_from_slice(slopes);
            for i in 0..channels {
                moments[i] *= affine.0[i];
                slopes[i] *= affine.0[i];
            }
            grouped(slopes, size, each);
            grouped(moments, size, each);
            // `unit (scale g - mean(scale g) - x' mean(scale g x'))`, as one line in `g` and `x`.
            for i in 0..channels {
                b[i] = -unit[i] * unit[i] * moments[i];
                line[i] = -unit[i] * slopes[i] - mean[i] * b[i];
            }
            for (to, x) in to.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                for ((((to, x), a), b), c) in to.iter_mut().zip(x).zip(&*a).zip(&*b).zip(&*line) {
                    *to = to.mul_add(*a, x.mul_add(*b, *c));
                }
            }
        }
    }
}
