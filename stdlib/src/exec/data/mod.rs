//! Data: episodes, their files, normalisation, windows for planners, transitions for critics, pairs for preferences.
//!
//! Plain arrays of `f32`; must not know tensors.  What needs a model asks it through [`crate::exec::model`].

mod collect;
mod dataset;
mod fetch;
mod filter;
mod look;
mod make;
mod neighbours;
mod normaliser;
mod pairs;
mod profile;
mod read;
mod recut;
mod rollouts;
mod tensors;
#[cfg(test)]
mod tests;
mod transitions;
mod windows;

pub use collect::{Collector, collect};
pub use dataset::{Dataset, Kind, Meta, Part, Split};
pub use fetch::{fetch, fetches};
pub use filter::{OpenCritic, advantages, keep, quantile, select};
pub use look::look;
pub(crate) use make::effective;
pub use make::{make, preflight, sources};
pub use normaliser::{Normaliser, Scheme};
pub use pairs::Pairs;
pub use profile::{of as profile_of, profile};
pub use recut::recut;
pub use rollouts::Rollouts;
pub use transitions::{TransitionBatch, Transitions};
pub use windows::Windows;
