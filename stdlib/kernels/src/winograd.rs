//! How does a wide convolution of kernel 5 compute with fewer multiplications?  Four outputs come from eight products in place of twenty.
//!
//! Outputs and windows are polynomials, known by their values at eight points: 0, 1, -1, 2, -2, 1/2, -1/2 and infinity (Winograd,
//! *Arithmetic Complexity of Computations*, 1980; for networks Lavin and Gray, arXiv 1509.09308).  A window of eight places is a tile; the
//! gradients are the transposes of the same three matrices.

use std::array::from_fn;

use crate::conv::{Gradients, Shape};
use crate::product::{Matrix, Target, product};
use crate::spare::Spare;
use crate::{PART, PIECE, run, run_small};

/// Taps of the kernel.
pub(crate) const TAPS: usize = 5;
/// Outputs of a tile.
const STEP: usize = 4;
/// Points of a tile, and places of its window.
const POINTS: usize = 8;

/// Rows of points from rows of places.
type Mix<const FROM: usize, const TO: usize> = [[f32; FROM]; TO];

/// A window to its points, from two places before its outputs.
const INPUT: Mix<8, 8> = [
    [-1.0, 0.0, 5.25, 0.0, -5.25, 0.0, 1.0, 0.0],
    [0.0, 1.0, 1.0, -4.25, -4.25, 1.0, 1.0, 0.0],
    [0.0, -1.0, 1.0, 4.25, -4.25, -1.0, 1.0, 0.0],
    [0.0, 0.5, 0.25, -2.5, -1.25, 2.0, 1.0, 0.0],
    [0.0, -0.5, 0.25, 2.5, -1.25, -2.0, 1.0, 0.0],
    [0.0, 2.0, 4.0, -2.5, -5.0, 0.5, 1.0, 0.0],
    [0.0, -2.0, 4.0, 2.5, -5.0, -0.5, 1.0, 0.0],
    [0.0, -1.0, 0.0, 5.25, 0.0, -5.25, 0.0, 1.0],
];

/// Powers of the points, to the outputs.
const OUTPUT: Mix<4, 8> = [
    [1.0, 0.0, 0.0, 0.0],
    [1.0, 1.0, 1.0, 1.0],
    [1.0, -1.0, 1.0, -1.0],
    [1.0, 2.0, 4.0, 8.0],
    [1.0, -2.0, 4.0, -8.0],
    [1.0, 0.5, 0.25, 0.125],
    [1.0, -0.5, 0.25, -0.125],
    [0.0, 0.0, 0.0, 1.0],
];

/// Powers of the points over the products of their differences, from the taps.
const WEIGHTS: Mix<5, 8> = {
    const A: f32 = -2.0 / 9.0;
    const B: f32 = 1.0 / 90.0;
    const C: f32 = 32.0 / 45.0;
    [
        [-1.0, 0.0, 0.0, 0.0, 0.0],
        [A, A, A, A, A],
        [A, -A, A, -A, A],
        [B, 2.0 * B, 4.0 * B, 8.0 * B, 16.0 * B],
        [B, -2.0 * B, 4.0 * B, -8.0 * B, 16.0 * B],
        [C, C / 2.0, C / 4.0, C / 8.0, C / 16.0],
        [C, -C / 2.0, C / 4.0, -C / 8.0, C / 16.0],
        [0.0, 0.0, 0.0, 0.0, 1.0],
    ]
};

/// Rows as columns.
const fn turned<const FROM: usize, const TO: usize>(of: &Mix<FROM, TO>) -> Mix<TO, FROM> {
    let mut out = [[0.0; TO]; FROM];
    let mut i = 0;
    while i < FROM {
        let mut j = 0;
        while j < TO {
            out[i][j] = of[j][i];
            j += 1;
        }
        i += 1;
    }
    out
}

/// Whether it is worth it for `n` samples: what it saves goes by the products, what it costs by the numbers of the three tensors.  Measured at
/// 1.1 to 2 times as fast from these sizes on, and slower below; channels fill whole vectors.
pub(crate) fn pays(n: usize, shape: Shape) -> bool {
    let Shape {
        length,
        inputs,
        outputs,
    } = shape;
    let whole = inputs.is_multiple_of(16) && outputs.is_multiple_of(16);
    whole && inputs * outputs >= 512 && length >= STEP && n * length.div_ceil(STEP) >= 32
}

/// `to = by from`, or `to += by from`, number by number of the rows.
///
/// # Panics
/// Rows that are not all of one length, or do not fill whole vectors: an error of the caller.
struct Mixed<'a, 'b, const FROM: usize, const TO: usize> {
    by: &'a Mix<FROM, TO>,
    from: [&'b [f32]; FROM],
    to: [&'b mut [f32]; TO],
    add: bool,
}

impl<const FROM: usize, const TO: usize> pulp::WithSimd for Mixed<'_, '_, FROM, TO> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, simd: S) {
        let Self { by, from, to, add } = self;
        let size = to[0].len();
        assert!(
            size.is_multiple_of(S::F32_LANES)
                && from.iter().all(|row| row.len() == size)
                && to.iter().all(|row| row.len() == size),
            "rows of other lengths, or not of whole vectors"
        );
        let from = from.map(|row| S::as_simd_f32s(row).0);
        let mut to = to.map(|row| S::as_mut_simd_f32s(row).0);
        for at in 0..size / S::F32_LANES {
            let x: [S::f32s; FROM] = from_fn(|i| from[i][at]);
            for (to, by) in to.iter_mut().zip(by) {
                let mut sum = if add { to[at] } else { simd.splat_f32s(0.0) };
                for (x, by) in x.iter().zip(by) {
                    sum = simd.mul_add_f32s(simd.splat_f32s(*by), *x, sum);
                }
                to[at] = sum;
            }
        }
    }
}

/// Tiles over samples of `[length, channels]`; a window of a tile begins `first` places from its outputs.
#[derive(Clone, Copy)]
struct Tiles {
    length: usize,
    channels: usize,
    first: isize,
}

impl Tiles {
    fn count(self) -> usize {
        self.length.div_ceil(STEP)
    }

    /// Samples of a part.
    fn part(self) -> usize {
        (PIECE / (self.length * self.channels)).max(1)
    }

    /// The place of a window's row in its sample, if it is inside.
    fn place(self, tile: usize, row: usize) -> Option<usize> {
        let place = (tile * STEP).checked_add_signed(self.first + row as isize);
        place.filter(|place| *place < self.length)
    }

    /// `[points, n tiles, channels]` of `[n, length, channels]`.
    fn points<const PLACES: usize>(self, by: &Mix<PLACES, POINTS>, x: &[f32]) -> Spare {
        let (size, made) = (self.length * self.channels, self.count() * self.channels);
        let n = x.len() / size;
        let mut out = Spare::new(POINTS * n * made);
        let zero = vec![0.0; self.channels];
        let arch = pulp::Arch::new();
        let tasks = parts(&mut out, n * made, self.part() * made)
            .into_iter()
            .zip(x.chunks(self.part() * size))
            .collect();
        run(tasks, |(out, x): (Vec<&mut [f32]>, &[f32])| {
            let mut out: Vec<_> = out
                .into_iter()
                .map(|point| point.chunks_exact_mut(self.channels))
                .collect();
            for sample in x.chunks_exact(size) {
                for tile in 0..self.count() {
                    let row = |row| match self.place(tile, row) {
                        Some(place) => &sample[place * self.channels..][..self.channels],
                        None => &zero[..],
                    };
                    let mut out = out.iter_mut();
                    let mut next = || out.next().and_then(Iterator::next).unwrap_or_default();
                    arch.dispatch(Mixed {
                        by,
                        from: from_fn(row),
                        to: from_fn(|_| next()),
                        add: false,
                    });
                }
            }
        });
        out
    }

    /// The transpose: adds `[points, n tiles, channels]` to `[n, length, channels]`.
    fn places<const PLACES: usize>(self, by: &Mix<POINTS, PLACES>, points: &[f32], to: &mut [f32]) {
        let (size, made) = (self.length * self.channels, self.count() * self.channels);
        let n = to.len() / size;
        let arch = pulp::Arch::new();
        let tasks = to.chunks_mut(self.part() * size).enumerate().collect();
        run(tasks, |(i, to): (usize, &mut [f32])| {
            let mut outside = vec![0.0; PLACES * self.channels];
            for (j, sample) in to.chunks_exact_mut(size).enumerate() {
                for tile in 0..self.count() {
                    let at = ((i * self.part() + j) * self.count() + tile) * self.channels;
                    let inside: [_; PLACES] = from_fn(|row| self.place(tile, row));
                    let first = inside.iter().flatten().next().copied().unwrap_or_default();
                    let mut rows = sample[first * self.channels..].chunks_exact_mut(self.channels);
                    let mut spare = outside.chunks_exact_mut(self.channels);
                    arch.dispatch(Mixed {
                        by,
                        from: from_fn(|p| &points[p * n * made + at..][..self.channels]),
                        to: inside.map(|place| {
                            let row = if place.is_some() {
                                rows.next()
                            } else {
                                spare.next()
                            };
                            row.unwrap_or_default()
                        }),
                        add: true,
                    });
                }
            }
        });
    }
}

/// The pieces of each of the rows of `all`, each of `size` numbers, cut after every `piece` of them.
fn parts(all: &mut [f32], size: usize, piece: usize) -> Vec<Vec<&mut [f32]>> {
    let mut parts: Vec<Vec<_>> = (0..size.div_ceil(piece)).map(|_| Vec::new()).collect();
    for row in all.chunks_exact_mut(size) {
        for (part, piece) in parts.iter_mut().zip(row.chunks_mut(piece)) {
            part.push(piece);
        }
    }
    parts
}

/// Rows of one array from those of another, number by number; the rows are of `size` numbers.
fn rows<const FROM: usize, const TO: usize>(by: &Mix<FROM, TO>, from: &[f32], to: &mut [f32]) {
    let size = to.len() / TO;
    let arch = pulp::Arch::new();
    let tasks = parts(to, size, PIECE / 4).into_iter().enumerate().collect();
    run(tasks, |(i, out): (usize, Vec<&mut [f32]>)| {
        let length = out.first().map_or(0, |row| row.len());
        let mut out = out.into_iter();
        arch.dispatch(Mixed {
            by,
            from: from_fn(|row| &from[row * size + i * PIECE / 4..][..length]),
            to: from_fn(|_| out.next().unwrap_or_default()),
            add: false,
        });
    });
}

/// The kernel's points, `[points, inputs, outputs]`.
fn kernel(shape: Shape, w: &[f32]) -> Spare {
    let mut out = Spare::new(POINTS * shape.inputs * shape.outputs);
    rows(&WEIGHTS, w, &mut out);
    out
}

/// Points that are worth a task, of so many multiplications each.
fn least(work: usize) -> usize {
    (PART / work.max(1)).max(1)
}

fn tiles(shape: Shape) -> (Tiles, Tiles) {
    let of = |channels, first| Tiles {
        length: shape.length,
        channels,
        first,
    };
    (of(shape.inputs, -2), of(shape.outputs, 0))
}

/// `[n, length, inputs]` to `[n, length, outputs]`.
pub(crate) fn forward(shape: Shape, x: &[f32], w: &[f32], b: &[f32]) -> Vec<f32> {
    let (before, after) = tiles(shape);
    let n = x.len() / (shape.length * shape.inputs);
    let x = before.points(&INPUT, x);
    let w = kernel(shape, w);
    let count = n * after.count();
    let mut made = Spare::new(POINTS * count * shape.outputs);
    let tasks = made
        .chunks_exact_mut(count * shape.outputs)
        .zip(x.chunks_exact(count * shape.inputs))
        .zip(w.chunks_exact(shape.inputs * shape.outputs))
        .collect();
    let least = least(count * shape.inputs * shape.outputs);
    run_small(
        tasks,
        least,
        |((to, x), w): ((&mut [f32], &[f32]), &[f32])| {
            let (x, w) = (Matrix::new(x, shape.inputs), Matrix::new(w, shape.outputs));
            product(Target::new(to, shape.outputs), x, w, false);
        },
    );
    let mut out = b.repeat(n * shape.length);
    after.places(&turned(&OUTPUT), &made, &mut out);
    out
}

/// Gradients from that of what came out.
pub(crate) fn backward(
    shape: Shape,
    x: &[f32],
    w: &[f32],
    gradient: &[f32],
    wanted: bool,
) -> Gradients {
    let (before, after) = tiles(shape);
    let all = x.len();
    let n = all / (shape.length * shape.inputs);
    let mut b = vec![0.0; shape.outputs];
    for row in gradient.chunks_exact(shape.outputs) {
        b.iter_mut().zip(row).for_each(|(sum, g)| *sum += g);
    }
    let g = after.points(&OUTPUT, gradient);
    let x = before.points(&INPUT, x);
    let size = shape.inputs * shape.outputs;
    let w = kernel(shape, w);
    let count = n * after.count();
    let mut dw = Spare::new(POINTS * size);
    let mut dx = Spare::new(if wanted { x.len() } else { 0 });
    let mut places = dx.chunks_exact_mut(count * shape.inputs);
    let tasks: Vec<_> = dw
        .chunks_exact_mut(size)
        .zip(x.chunks_exact(count * shape.inputs))
        .zip(
            w.chunks_exact(size)
                .zip(g.chunks_exact(count * shape.outputs)),
        )
        .map(|((dw, x), (w, g))| (dw, x, w, g, places.next()))
        .collect();
    run_small(tasks, least(2 * count * size), |(dw, x, w, g, dx)| {
        let (x, g) = (Matrix::new(x, shape.inputs), Matrix::new(g, shape.outputs));
        product(Target::new(dw, shape.outputs), x.turned(), g, false);
        if let Some(dx) = dx {
            let w = Matrix::new(w, shape.outputs).turned();
            product(Target::new(dx, shape.inputs), g, w, false);
        }
    });
    let mut of_w = vec![0.0; TAPS * size];
    rows(&turned(&WEIGHTS), &dw, &mut of_w);
    let of_x = wanted.then(|| {
        let mut to = vec![0.0; all];
        before.places(&turned(&INPUT), &dx, &mut to);
        to
    });
    Gradients {
        x: of_x,
        w: of_w,
        b,
    }
}
