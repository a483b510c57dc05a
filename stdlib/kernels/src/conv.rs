//! How do convolutions compute?  Each window becomes a row, and all rows are one product with the weights.

use crate::product::{Matrix, Target, product};
use crate::spare::Spare;
use crate::{PART, added, both, run, share, winograd};

/// Which convolution, over sequences of `[n, length, inputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conv {
    /// An odd kernel that keeps the length; weights `[kernel inputs, outputs]`, tap by tap.  Of kernel 1 it is a linear layer.
    Same(usize),
    /// Kernel 3, stride 2, padding 1: halves the length, rounded up; weights `[3 inputs, outputs]`.
    Halve,
    /// The transpose of kernel 4, stride 2, padding 1: doubles the length; weights `[4 inputs, outputs]`, taps 1, 3, 2, 0.  Output `2 i` is tap 1
    /// of `x_i` and tap 3 of `x_(i-1)`; output `2 i + 1` is tap 2 of `x_i` and tap 0 of `x_(i+1)`.
    Double,
}

/// The shape of what goes in and comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Points of a sample that goes in.
    pub length: usize,
    /// Numbers of a point that goes in.
    pub inputs: usize,
    /// Numbers of a point that comes out.
    pub outputs: usize,
}

/// Gradients of a convolution.
pub struct Gradients {
    /// Of what went in, where it is wanted.
    pub x: Option<Vec<f32>>,
    /// Of the weights.
    pub w: Vec<f32>,
    /// Of the bias, `[outputs]`.
    pub b: Vec<f32>,
}

/// One product of a convolution: which rows of the weights, and which outputs.
#[derive(Clone, Copy, Debug)]
struct Pass {
    /// Places of a window, relative to its stride; those outside a sample are zero.
    taps: [isize; 2],
    /// From a window to the next.
    stride: usize,
    /// First row of the weights, in taps.
    row: usize,
    /// Taps.
    count: usize,
}

impl Conv {
    /// Points of a sample that comes out.
    pub fn out(self, length: usize) -> usize {
        match self {
            Self::Same(_) => length,
            Self::Halve => length.div_ceil(2),
            Self::Double => 2 * length,
        }
    }

    /// Its products; every one makes each `passes`-th output.
    fn passes(self) -> Vec<Pass> {
        let one = |first: isize, step: isize, stride, row, count| Pass {
            taps: [first, step],
            stride,
            row,
            count,
        };
        match self {
            Self::Same(kernel) => vec![one(-(kernel as isize / 2), 1, 1, 0, kernel)],
            Self::Halve => vec![one(-1, 1, 2, 0, 3)],
            Self::Double => vec![one(0, -1, 1, 0, 2), one(0, 1, 1, 2, 2)],
        }
    }

    /// Multiplications for a sample.
    fn work(self, shape: Shape) -> usize {
        let taps: usize = self.passes().iter().map(|p| p.count).sum();
        self.out(shape.length) * taps * shape.inputs * shape.outputs
    }

    /// Whether its values at points are fewer multiplications that are worth it.
    fn by_points(self, n: usize, shape: Shape) -> bool {
        self == Self::Same(winograd::TAPS) && winograd::pays(n, shape)
    }

    /// `[n, length, inputs]` to `[n, out(length), outputs]`.
    pub fn forward(self, shape: Shape, x: &[f32], w: &[f32], b: &[f32]) -> Vec<f32> {
        let (size, made) = (
            shape.length * shape.inputs,
            self.out(shape.length) * shape.outputs,
        );
        let n = x.len() / size;
        if self.by_points(n, shape) {
            return winograd::forward(shape, x, w, b);
        }
        let mut out = Vec::with_capacity(n * made);
        (0..n * self.out(shape.length)).for_each(|_| out.extend_from_slice(b));
        let part = share(n, self.out(shape.length), self.work(shape));
        let tasks = out
            .chunks_mut(part * made)
            .zip(x.chunks(part * size))
            .collect();
        run(tasks, |(out, x): (&mut [f32], &[f32])| {
            let passes = self.passes();
            let every = passes.len();
            for (i, pass) in passes.iter().enumerate() {
                let w = &w[pass.row * shape.inputs * shape.outputs..]
                    [..pass.count * shape.inputs * shape.outputs];
                let w = Matrix::new(w, shape.outputs);
                let to = Target::new(&mut out[i * shape.outputs..], shape.outputs)
                    .apart(every * shape.outputs);
                if self == Self::Same(1) {
                    product(to, Matrix::new(x, shape.inputs), w, true);
                } else {
                    let columns = pass.unfold(shape, x);
                    product(
                        to,
                        Matrix::new(&columns, pass.count * shape.inputs),
                        w,
                        true,
                    );
                }
            }
        });
        out
    }

    /// Gradients from that of what came out.
    pub fn backward(
        self,
        shape: Shape,
        x: &[f32],
        w: &[f32],
        gradient: &[f32],
        wanted: bool,
    ) -> Gradients {
        let (size, made) = (
            shape.length * shape.inputs,
            self.out(shape.length) * shape.outputs,
        );
        let n = x.len() / size;
        if self.by_points(n, shape) {
            return winograd::backward(shape, x, w, gradient, wanted);
        }
        // Each part also adds up weights of its own: half as many are worth it.
        let part = share(n, self.out(shape.length) / 2, self.work(shape));
        let mut to = if wanted {
            vec![0.0; x.len()]
        } else {
            Vec::new()
        };
        // One part leaves the other threads without work, where there is enough of it.
        let halves = part >= n && n * self.work(shape) >= PART;
        let mut places = to.chunks_mut(part * size);
        let tasks: Vec<_> = x
            .chunks(part * size)
            .zip(gradient.chunks(part * made))
            .map(|(x, g)| (x, g, places.next()))
            .collect();
        let sums = run(tasks, |(x, g, to): (&[f32], &[f32], Option<&mut [f32]>)| {
            let mut sums = vec![0.0; w.len() + shape.outputs];
            let (dw, db) = sums.split_at_mut(w.len());
            for row in g.chunks_exact(shape.outputs) {
                db.iter_mut().zip(row).for_each(|(sum, g)| *sum += g);
            }
            self.part_backward(shape, (x, w, g), to, dw, halves);
            sums
        });
        let mut w = added(sums, w.len() + shape.outputs);
        let b = w.split_off(w.len() - shape.outputs);
        Gradients {
            x: wanted.then_some(to),
            w,
            b,
        }
    }

    fn part_backward(
        self,
        shape: Shape,
        (x, w, g): (&[f32], &[f32], &[f32]),
        mut to: Option<&mut [f32]>,
        dw: &mut [f32],
        halves: bool,
    ) {
        let passes = self.passes();
        let every = passes.len();
        for (i, pass) in passes.iter().enumerate() {
            let width = pass.count * shape.inputs;
            let rows = pass.row * shape.inputs * shape.outputs
                ..(pass.row + pass.count) * shape.inputs * shape.outputs;
            let g =
                Matrix::new(&g[i * shape.outputs..], shape.outputs).apart(every * shape.outputs);
            let turned = Matrix::new(&w[rows.clone()], shape.outputs).turned();
            let dw = Target::new(&mut dw[rows], shape.outputs);
            let unfolded = (self != Self::Same(1)).then(|| pass.unfold(shape, x));
            let weights = |columns: &[f32]| {
                product(dw, Matrix::new(columns, width).turned(), g, false);
            };
            match (&mut to, unfolded) {
                (None, columns) => weights(columns.as_deref().unwrap_or(x)),
                (Some(to), None) => both(
                    halves,
                    || weights(x),
                    || product(Target::new(to, width), g, turned, false),
                ),
                (Some(to), Some(columns)) if halves => {
                    let inputs = || {
                        let mut made = Spare::new(columns.len());
                        product(Target::new(&mut made, width), g, turned, false);
                        pass.fold(shape, &made, to);
                    };
                    both(true, || weights(&columns), inputs);
                }
                (Some(to), Some(mut columns)) => {
                    weights(&columns);
                    product(Target::new(&mut columns, width), g, turned, false);
                    pass.fold(shape, &columns, to);
                }
            }
        }
    }
}

impl Pass {
    /// The place of each tap of a window in its sample, if it is inside.
    fn places(self, length: usize, window: usize) -> impl Iterator<Item = Option<usize>> {
        let [first, step] = self.taps;
        let at = move |tap: usize| {
            (window * self.stride).checked_add_signed(first + step * tap as isize)
        };
        (0..self.count).map(move |tap| at(tap).filter(|place| *place < length))
    }

    /// The windows of a length, its rows.
    fn windows(self, length: usize) -> usize {
        length.div_ceil(self.stride)
    }

    /// `[n windows, taps inputs]` of `[n, length, inputs]`.
    fn unfold(self, Shape { length, inputs, .. }: Shape, x: &[f32]) -> Vec<f32> {
        let (size, windows) = (length * inputs, self.windows(length));
        let mut columns = Vec::with_capacity(x.len() / size * windows * self.count * inputs);
        // Inside, ascending taps lie beside each other.
        let straight = self.taps[1] == 1;
        for sample in x.chunks_exact(size) {
            for window in 0..windows {
                let first = (window * self.stride).checked_add_signed(self.taps[0]);
                match first {
                    Some(first) if straight && first + self.count <= length => {
                        columns.extend_from_slice(
                            &sample[first * inputs..(first + self.count) * inputs],
                        );
                    }
                    _ => {
                        for place in self.places(length, window) {
                            match place {
                                Some(place) => columns.extend_from_slice(
                                    &sample[place * inputs..(place + 1) * inputs],
                                ),
                                None => columns.resize(columns.len() + inputs, 0.0),
                            }
                        }
                    }
                }
            }
        }
        columns
    }

    /// The transpose: adds each entry of the columns to the number it was taken from.
    fn fold(self, Shape { length, inputs, .. }: Shape, columns: &[f32], to: &mut [f32]) {
        let windows = self.windows(length);
        let mut rows = columns.chunks_exact(self.count * inputs);
        let straight = self.taps[1] == 1;
        for sample in to.chunks_exact_mut(length * inputs) {
            for (window, row) in rows.by_ref().take(windows).enumerate() {
                let first = (window * self.stride).checked_add_signed(self.taps[0]);
                match first {
                    Some(first) if straight && first + self.count <= length => {
                        let to = &mut sample[first * inputs..(first + self.count) * inputs];
                        to.iter_mut().zip(row).for_each(|(to, g)| *to += g);
                    }
                    _ => {
                        for (place, row) in
                            self.places(length, window).zip(row.chunks_exact(inputs))
                        {
                            if let Some(place) = place {
                                let to = &mut sample[place * inputs..(place + 1) * inputs];
                                to.iter_mut().zip(row).for_each(|(to, g)| *to += g);
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers without a pattern.
    fn numbers(n: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as f32 / 32_768.0 - 1.0
        };
        (0..n).map(|_| next()).collect()
    }

    /// Entry by entry, in PyTorch's words.
    fn defined(conv: Conv, s: Shape, x: &[f32], w: &[f32], b: &[f32]) -> Vec<f64> {
        let (n, out) = (x.len() / (s.length * s.inputs), conv.out(s.length));
        let mut y: Vec<f64> = (0..n * out)
            .flat_map(|_| b.iter().map(|b| f64::from(*b)))
            .collect();
        // (sample, output point, tap's rows of the weights, input point)
        let mut add = |i: usize, to: usize, row: usize, from: isize| {
            if from < 0 || from >= s.length as isize || to >= out {
                return;
            }
            for o in 0..s.outputs {
                for c in 0..s.inputs {
                    let x = x[(i * s.length + from as usize) * s.inputs + c];
                    y[(i * out + to) * s.outputs + o] +=
                        f64::from(x) * f64::from(w[(row * s.inputs + c) * s.outputs + o]);
                }
            }
        };
        for i in 0..n {
            match conv {
                Conv::Same(k) => (0..out).for_each(|p| {
                    (0..k).for_each(|t| add(i, p, t, (p + t) as isize - (k / 2) as isize));
                }),
                Conv::Halve => (0..out)
                    .for_each(|p| (0..3).for_each(|t| add(i, p, t, (2 * p + t) as isize - 1))),
                // A transposed convolution: input `p` and tap `t` make output `2 p + t - 1`.
                Conv::Double => (0..s.length).for_each(|p| {
                    for (row, t) in [1, 3, 2, 0].into_iter().enumerate() {
                        if let Some(to) = (2 * p + t).checked_sub(1) {
                            add(i, to, row, p as isize);
                        }
                    }
                }),
            }
        }
        y
    }

    #[test]
    fn convolutions_and_their_gradients_are_those_of_the_definition() {
        for (conv, taps) in [
            (Conv::Same(1), 1),
            (Conv::Same(3), 3),
            (Conv::Same(5), 5),
            (Conv::Halve, 3),
            (Conv::Double, 4),
        ] {
            // Widths of few and of many numbers: the latter go by points, where there are enough.
            let small = [1, 2, 3, 8, 9].map(|length| (3, length, 3, 4));
            let large = [
                (32, 4, 32, 16),
                (16, 5, 16, 32),
                (16, 8, 16, 32),
                (11, 9, 16, 48),
            ];
            for (n, length, inputs, outputs) in small.into_iter().chain(large) {
                let s = Shape {
                    length,
                    inputs,
                    outputs,
                };
                assert_eq!(conv.by_points(n, s), conv == Conv::Same(5) && inputs > 3);
                let (x, w, b) = (
                    numbers(n * length * inputs, 1),
                    numbers(taps * inputs * outputs, 2),
                    numbers(outputs, 3),
                );
                let y = conv.forward(s, &x, &w, &b);
                let wanted = defined(conv, s, &x, &w, &b);
                assert_eq!(y.len(), wanted.len());
                let near = |a: f64, b: f64| (a - b).abs() < 1e-5 * (1.0 + b.abs());
                assert!(
                    y.iter().zip(&wanted).all(|(a, b)| near(f64::from(*a), *b)),
                    "{conv:?} {length}"
                );
                // The output is linear in each argument: a gradient's product with a direction is the output's with what the direction makes.
                let g = numbers(y.len(), 4);
                let out = conv.backward(s, &x, &w, &g, true);
                let dot = |a: &[f32], b: &[f64]| {
                    a.iter().zip(b).map(|(a, b)| f64::from(*a) * b).sum::<f64>()
                };
                let wide = |a: &[f32]| a.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
                let (dx, dw, db) = (
                    numbers(x.len(), 5),
                    numbers(w.len(), 6),
                    numbers(outputs, 7),
                );
                let zero = vec![0.0; outputs];
                let along = [
                    (
                        dot(&g, &defined(conv, s, &dx, &w, &zero)),
                        dot(&out.x.unwrap_or_default(), &wide(&dx)),
                    ),
                    (
                        dot(&g, &defined(conv, s, &x, &dw, &zero)),
                        dot(&out.w, &wide(&dw)),
                    ),
                    (
                        dot(&g, &defined(conv, s, &vec![0.0; x.len()], &w, &db)),
                        dot(&out.b, &wide(&db)),
                    ),
                ];
                assert!(
                    along
                        .iter()
                        .all(|(a, b)| (a - b).abs() < 1e-4 * (1.0 + b.abs())),
                    "{conv:?} {length}: {along:?}"
                );
            }
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        // Of several parts, of one whose halves are apart, and by points.
        let sizes = [
            (3, 32, 32, 64),
            (3, 32, 8, 128),
            (1, 256, 1, 128),
            (5, 32, 32, 64),
            (5, 32, 8, 128),
        ];
        for (kernel, n, length, size) in sizes {
            let s = Shape {
                length,
                inputs: size,
                outputs: size,
            };
            let (x, w, b) = (
                numbers(n * length * size, 1),
                numbers(kernel * size * size, 2),
                numbers(size, 3),
            );
            let all = || {
                let conv = Conv::Same(kernel);
                let y = conv.forward(s, &x, &w, &b);
                let g = conv.backward(s, &x, &w, &y, true);
                (y, g.x, g.w, g.b)
            };
            let on = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                pool.expect("a pool").install(all)
            };
            assert!(on(1) == on(3), "{kernel} {length}");
        }
    }
}
