//! How do weights move?  Whole arrays of numbers, in one pass each.

use crate::run;
use crate::simd::vectorised;

/// Sums beside each other, for additions wait for each other.
const LANES: usize = 16;
/// Numbers that are worth a task of their own.
const PIECE: usize = 1 << 16;

/// What a step of Adam is made of, after its corrections for the first steps.
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    /// What is left of a weight.
    pub keep: f32,
    /// The rate.
    pub rate: f32,
    /// The root of the second moment's correction.
    pub root: f32,
    /// Added below.
    pub eps: f32,
    /// The new gradient's share of the first moment.
    pub take1: f32,
    /// The old second moment's share.
    pub keep2: f32,
    /// The new square's share of the second moment.
    pub take2: f32,
}

/// A step of Adam with decoupled decay, in PyTorch's order of operations.
pub fn adam(
    by: Adam,
    weights: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
) {
    let moments = first.chunks_mut(PIECE).zip(second.chunks_mut(PIECE));
    let pieces = weights.chunks_mut(PIECE).zip(gradient.chunks(PIECE));
    run(pieces.zip(moments).collect(), |((w, g), (m, v))| {
        adam_piece(by, w, g, m, v);
    });
}

/// `to = keep to + take other`.
pub fn follow(to: &mut [f32], other: &[f32], keep: f32, take: f32) {
    let pieces = to.chunks_mut(PIECE).zip(other.chunks(PIECE)).collect();
    run(pieces, |(to, other)| follow_piece(to, other, keep, take));
}

/// The root of the sum of squares, in double precision; not finite if any number is not.
pub fn length(of: &[f32]) -> f64 {
    let sums = run(of.chunks(PIECE).collect(), squares);
    sums.iter().sum::<f64>().sqrt()
}

/// Multiplies every number.
pub fn scale(of: &mut [f32], by: f32) {
    run(of.chunks_mut(PIECE).collect(), |of| scale_piece(of, by));
}

vectorised! {
    fn adam_piece<'a>(by: Adam, weights: &'a mut [f32], gradient: &'a [f32], first: &'a mut [f32], second: &'a mut [f32]) {
        let Adam { keep, rate, root, eps, take1, keep2, take2 } = by;
        let below = root.recip();
        for (((w, g), m), v) in weights.iter_mut().zip(gradient).zip(first.iter_mut()).zip(second.iter_mut()) {
            *m += take1 * (g - *m);
            *v = keep2 * *v + take2 * g * g;
            *w = *w * keep - rate * (*m / (v.sqrt() * below + eps));
        }
    }
}

vectorised! {
    fn follow_piece<'a>(to: &'a mut [f32], other: &'a [f32], keep: f32, take: f32) {
        for (a, b) in to.iter_mut().zip(other) {
            *a = keep * *a + take * b;
        }
    }
}

vectorised! {
    fn squares<'a>(of: &'a [f32]) -> f64 {
        let mut sums = [0.0_f64; LANES];
        let mut chunks = of.chunks_exact(LANES);
        for chunk in &mut chunks {
            for (sum, x) in sums.iter_mut().zip(chunk) {
                *sum += f64::from(*x) * f64::from(*x);
            }
        }
        let rest = chunks.remainder().iter().map(|x| f64::from(*x) * f64::from(*x));
        sums.iter().sum::<f64>() + rest.sum::<f64>()
    }
}

vectorised! {
    fn scale_piece<'a>(of: &'a mut [f32], by: f32) {
        for x in of.iter_mut() {
            *x *= by;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_are_those_of_the_definitions_over_more_than_a_piece() {
        let n = PIECE + 37;
        let g: Vec<f32> = (0..n).map(|i| (i % 17) as f32 / 8.0 - 1.0).collect();
        let by = Adam {
            keep: 0.99,
            rate: 0.1,
            root: 0.5,
            eps: 1e-8,
            take1: 0.1,
            keep2: 0.9,
            take2: 0.1,
        };
        let (mut w, mut m, mut v) = (vec![1.0; n], vec![0.5; n], vec![0.25; n]);
        adam(by, &mut w, &g, &mut m, &mut v);
        for i in [0, 5, PIECE - 1, PIECE, n - 1] {
            let first = 0.5 + 0.1 * (f64::from(g[i]) - 0.5);
            let second = 0.9 * 0.25 + 0.1 * f64::from(g[i]).powi(2);
            let wanted = 0.99 - 0.1 * first / (second.sqrt() / 0.5 + 1e-8);
            assert!((f64::from(w[i]) - wanted).abs() < 1e-6, "{i}");
        }
        let sum: f64 = g.iter().map(|g| f64::from(*g).powi(2)).sum();
        assert!((length(&g) / sum.sqrt() - 1.0).abs() < 1e-12);
        let mut to = vec![1.0; n];
        follow(&mut to, &g, 0.5, 0.25);
        scale(&mut to, 2.0);
        assert!((0..n).all(|i| (to[i] - (1.0 + 0.5 * g[i])).abs() < 1e-6));
        let mut bad = g;
        bad[PIECE + 3] = f32::NAN;
        assert!(length(&bad).is_nan());
    }
}
