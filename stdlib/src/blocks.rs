//! Schemas of the blocks: which fields each has.

use align_schema::Block;

/// Every block kind.
pub const LIST: &[Block] = &[];
