//! How does a plan run?  Store, worker processes, the driver that starts them, convergence, failure policies, forecasts.
//!
//! The runtime receives a plan and a library; it sees no syntax and links no tensor library.

mod board;
pub mod cards;
pub mod converge;
mod disk;
mod driver;
mod epoch;
mod export;
mod extent;
mod forecast;
mod guards;
pub mod hand_over;
pub mod inject;
mod keep;
mod keys;
pub mod policy;
mod probe;
pub mod record;
pub mod report;
mod saved;
mod status;
pub mod store;
mod timing;
mod why;
mod words;
mod worker;

pub use disk::Scratch;
pub use driver::{
    Interrupt, Loss, Orders, Outcome, Place, RunError, RunOptions, fetch, run, run_agreed, watch,
};
pub use forecast::{Outlook, Risen, forecast, outlook};
pub use probe::probe;
pub use saved::{Predicted, Saved};
pub use status::{profiles, status};
pub use store::{Collected, Damage, Gone, Store, StoreError, Survey, Waste};
pub use timing::{Paces, Timing, timing};
pub use why::{PartChange, Why, why};
pub use worker::worker;
