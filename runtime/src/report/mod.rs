//! What a run has shown: rows of a table, statistics over lanes, claims that hold or do not, and one HTML page.
//!
//! Everything here is a pure function of a plan and of what the store knows of its nodes.  Must not read the store, the clock
//! or the terminal, and must not print.

pub mod chart;
mod claims;
mod curves;
pub mod format;
mod html;
mod profile;
#[cfg(test)]
mod samples;
pub mod stats;
mod summary;
mod table;

pub use claims::{Claim, Scores, claims};
pub use html::{Page, render};
pub use profile::{facts as data_facts, page as data_page, ranges as data_ranges};
pub use summary::{Group, Row, Score, columns, groups, lane_label, rows, text_table};
pub use table::table_of;
