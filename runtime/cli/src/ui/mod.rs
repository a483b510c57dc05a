//! What the binary looks like on a terminal.  Must not decide anything that another crate decides.

pub(crate) mod fetching;
pub(crate) mod live;
pub(crate) mod markdown;
pub(crate) mod plan_table;
pub(crate) mod progress;
#[cfg(test)]
pub(crate) mod schema;
pub(crate) mod status_table;
pub(crate) mod term;
