//! How a plan runs.

pub mod report;
