//! What the runtime and the standard library say to each other: jobs, trainers, artifacts, random streams, events.
//!
//! The runtime knows no mathematics and the library knows no store: a job comes with paths to read, a trainer gives bytes to
//! keep.

pub mod device;
mod event;
mod fetching;
mod job;
mod profile;
mod stream;

pub use event::{EventRecord, NodeState, NodeStatus, PlanAction, PlanEntry, RunEvent, Stop};
pub use fetching::Fetching;
pub use job::{
    Episodes, Evaluation, Files, Input, Job, JobError, Library, Made, OnProgress, StepOut, Trainer,
};
pub use profile::{Paths, Profile, Range, Spread};
pub use stream::{Purpose, stream};
