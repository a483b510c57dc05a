//! The execution side of the standard library: environments, data, and what trains.

pub mod chain;
pub mod data;
pub mod env;
pub mod layers;
pub mod model;
pub mod optim;
pub mod rate;
pub mod rollout;
pub mod weights;
