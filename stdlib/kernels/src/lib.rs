//! What are the layers on a processor?  Forward and backward passes over plain slices, several operations in one pass over memory.
//!
//! Sequences are channels-last, `[n, length, channels]`, row-major; weights are `[inputs, outputs]`.  Work is cut into parts by its size
//! alone, and the parts' sums are added in order, so that the bits do not depend on the number of threads.  Must not know tensors,
//! automatic differentiation or any network.
#![allow(
    clippy::inline_always,
    reason = "what is not inlined into a vectorised function is compiled for the oldest processors"
)]
#![cfg_attr(
    test,
    allow(clippy::float_cmp, reason = "sums of small whole numbers are exact")
)]

mod conv;
mod mish;
mod norm;
mod product;
mod simd;
mod spare;
mod update;
mod winograd;

pub use conv::{Conv, Gradients as ConvGradients, Shape};
pub use mish::{mish, mish_backward};
pub use norm::{Gradients as NormGradients, Norm, Saved};
pub use update::{Adam, adam, follow, length, scale};

/// Multiplications of a product that are worth a part of their own.
const PART: usize = 2 << 20;
/// Numbers of a pass over memory that are worth a task of their own.
const PIECE: usize = 1 << 15;
/// Rows of a product that pay for laying out its other side anew.
const ROWS: usize = 128;
/// The most parts.
const PARTS: usize = 8;

/// Runs tasks side by side where there are threads; results are in the order of the tasks.
fn run<T: Send, R: Send>(tasks: Vec<T>, task: impl Fn(T) -> R + Sync) -> Vec<R> {
    run_small(tasks, 1, task)
}

/// [`run`] for small tasks: a thread takes at least so many of them.
fn run_small<T: Send, R: Send>(
    tasks: Vec<T>,
    least: usize,
    task: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    use rayon::prelude::*;
    if tasks.len() <= least || rayon::current_num_threads() == 1 {
        tasks.into_iter().map(task).collect()
    } else {
        let tasks = tasks.into_par_iter().with_min_len(least);
        tasks.map(&task).collect()
    }
}

/// Runs two tasks that know nothing of each other, side by side where that is asked for and there are threads.
fn both(apart: bool, first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
    if apart && rayon::current_num_threads() > 1 {
        rayon::join(first, second);
    } else {
        first();
        second();
    }
}

/// The sum of arrays of one length, added in their order; zeros where there is none.
fn added(parts: Vec<Vec<f32>>, length: usize) -> Vec<f32> {
    let total = parts.into_iter().reduce(|mut all, part| {
        all.iter_mut().zip(part).for_each(|(a, b)| *a += b);
        all
    });
    total.unwrap_or_else(|| vec![0.0; length])
}

/// Samples of a part, for `n` samples of so many `rows` and `work` multiplications each.
fn share(n: usize, rows: usize, work: usize) -> usize {
    let parts = (n * work / PART).min(n * rows / ROWS).clamp(1, PARTS);
    n.div_ceil(parts).max(1)
}
