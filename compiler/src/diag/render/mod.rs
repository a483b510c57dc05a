//! How diagnostics look: for people ([`full`], [`short`]) and for machines ([`json`]).  Must not decide what is wrong.

mod full;
mod json;
mod short;

pub use full::{Look, full};
pub use json::json;
pub use short::{short, summary};

/// How many diagnostics are shown before the rest is only counted.
pub const SHOWN: usize = 50;
