//! The execution side of the standard library: environments, data, and what trains.

pub mod data;
pub mod env;
pub mod model;
pub mod rollout;
