//! How do weights move?  Whole arrays of numbers, in one pass each.

use crate::simd::vectorised;

/// Sums beside each other, for additions wait for each other.
const LANES: usize = 16;

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

vectorised! {
    /// A step of Adam with decoupled decay, in PyTorch's order of operations.
    pub fn adam<'a>(by: Adam, weights: &'a mut [f32], gradient: &'a [f32], first: &'a mut [f32], second: &'a mut [f32]) {
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
    /// `to = keep to + take other`.
    pub fn follow<'a>(to: &'a mut [f32], other: &'a [f32], keep: f32, take: f32) {
        for (a, b) in to.iter_mut().zip(other) {
            *a = keep * *a + take * b;
        }
    }
}

vectorised! {
    /// The root of the sum of squares, in double precision; not finite if any number is not.
    pub fn length<'a>(of: &'a [f32]) -> f64 {
        let mut sums = [0.0_f64; LANES];
        let mut chunks = of.chunks_exact(LANES);
        for chunk in &mut chunks {
            for (sum, x) in sums.iter_mut().zip(chunk) {
                *sum += f64::from(*x) * f64::from(*x);
            }
        }
        let rest = chunks.remainder().iter().map(|x| f64::from(*x) * f64::from(*x));
        (sums.iter().sum::<f64>() + rest.sum::<f64>()).sqrt()
    }
}

vectorised! {
    /// Multiplies every number.
    pub fn scale<'a>(of: &'a mut [f32], by: f32) {
        for x in of.iter_mut() {
            *x *= by;
        }
    }
}
