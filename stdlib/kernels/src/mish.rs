//! How does mish compute?  `x tanh(log(1 + e^x))`, with one exponential and one division a number.

use crate::simd::{exp, vectorised};
use crate::{PIECE, run};

/// Above it the factor is 1 in `f32`, so that the exponent is capped there, far from overflow.
const CAP: f32 = 20.0;

/// `mish(x)`: with `w = e^x` it is `x (w^2 + 2 w) / (w^2 + 2 w + 2)`.
#[inline(always)]
pub(crate) fn value(x: f32) -> f32 {
    let w = exp(x.min(CAP));
    let top = w * (w + 2.0);
    x * (top / (top + 2.0))
}

/// Its derivative: with `top = w^2 + 2 w` it is `(top (top + 2) + 4 x w (1 + w)) / (top + 2)^2`.
#[inline(always)]
pub(crate) fn slope(x: f32) -> f32 {
    let w = exp(x.min(CAP));
    let top = w * (w + 2.0);
    let low = top + 2.0;
    top.mul_add(low, 4.0 * x.min(CAP) * w * (1.0 + w)) / (low * low)
}

/// `mish` of each number.
pub fn mish(x: &[f32], out: &mut [f32]) {
    let pieces = out.chunks_mut(PIECE).zip(x.chunks(PIECE)).collect();
    run(pieces, |(out, x)| forward(x, out));
}

/// The gradient of what went in, from that of what came out.
pub fn mish_backward(x: &[f32], gradient: &[f32], out: &mut [f32]) {
    let given = x.chunks(PIECE).zip(gradient.chunks(PIECE));
    let pieces = out.chunks_mut(PIECE).zip(given).collect();
    run(pieces, |(out, (x, gradient))| backward(x, gradient, out));
}

vectorised! {
    fn forward<'a>(x: &'a [f32], out: &'a mut [f32]) {
        for (y, x) in out.iter_mut().zip(x) {
            *y = value(*x);
        }
    }
}

vectorised! {
    fn backward<'a>(x: &'a [f32], gradient: &'a [f32], out: &'a mut [f32]) {
        for ((to, x), g) in out.iter_mut().zip(x).zip(gradient) {
            *to = g * slope(*x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, in double precision.
    fn defined(x: f64) -> f64 {
        x * x.exp().ln_1p().tanh()
    }

    #[test]
    fn mish_and_its_slope_are_those_of_the_definition() {
        let x: Vec<f32> = (-400..400)
            .cycle()
            .take(PIECE + 37)
            .map(|i| i as f32 / 10.0)
            .collect();
        let (mut y, mut slopes) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        mish(&x, &mut y);
        mish_backward(&x, &vec![1.0; x.len()], &mut slopes);
        for ((x, y), slope) in x.iter().zip(y).zip(slopes) {
            let x = f64::from(*x);
            let close = |a: f32, b: f64| (f64::from(a) - b).abs() < 1e-6 * b.abs().max(1e-3);
            assert!(close(y, defined(x)), "{x}: {y}");
            let h = 1e-5;
            let difference = (defined(x + h) - defined(x - h)) / (2.0 * h);
            assert!(
                (f64::from(slope) - difference).abs() < 2e-6,
                "{x}: {slope} and {difference}"
            );
        }
    }
}
