//! Data: episodes, their files, normalisation, windows for planners, transitions for critics, pairs for preferences.
//!
//! Plain arrays of `f32`; must not know tensors.  What needs a model asks it through [`crate::exec::model`].

mod dataset;
mod normaliser;
mod rollouts;
mod tensors;
mod transitions;
mod windows;

pub use dataset::{Dataset, Kind, Meta, Part, Split};
pub use normaliser::{Normaliser, Scheme};
pub use rollouts::Rollouts;
pub use transitions::{TransitionBatch, Transitions};
pub use windows::Windows;
