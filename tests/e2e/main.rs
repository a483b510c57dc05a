//! Does the built binary keep its promises over whole runs?  Tiny programs, real workers, real kills.
//!
//! Nothing here waits for a time: each test reacts to the events that the run itself prints.

// What is left out is said.
#![allow(clippy::print_stdout)]

mod data;
mod devices;
mod editor;
mod edits;
mod exports;
mod faults;
mod fetch;
mod hub;
mod kills;
mod methods;
mod packing;
mod robots;
mod scene;
mod store;
mod watch;
