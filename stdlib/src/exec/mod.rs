//! The execution side of the standard library: environments, data, and what trains.

pub mod adapter;
pub mod backbone;
pub mod candidates;
pub mod cascade;
pub mod chain;
mod collecting;
pub mod data;
pub mod denoiser;
pub mod device;
pub mod drawing;
pub mod env;
pub mod facts;
mod fused;
pub mod guide;
pub mod imported;
mod inverse;
pub mod judge;
pub mod layers;
pub mod learner;
pub mod model;
pub mod optim;
pub mod pathwise;
pub mod portable;
pub mod rate;
pub mod reinforcing;
pub mod rollout;
pub mod simulator;
pub mod stage;
pub mod study;
pub mod valuing;
pub mod weights;

mod library;

pub use library::Exec;
