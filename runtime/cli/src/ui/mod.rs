//! What the binary looks like on a terminal.  Must not decide anything that another crate decides.

pub(crate) mod markdown;
pub(crate) mod term;
