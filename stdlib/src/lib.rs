//! The standard library of edition 1: what the language can do.
//!
//! Each builtin is one folder with its definition, execution (feature `exec`), docs, example and cases.  The lists of the
//! folders below are the only registration.

use align_schema::{Block, BlockKind, Builtin, Group};

pub mod adapters;
pub mod blocks;
pub mod envs;
#[cfg(feature = "exec")]
pub mod exec;
pub mod filters;
pub mod guidance;
pub mod joins;
pub mod losses;
pub mod nets;
pub mod optimisers;
pub mod picks;
pub mod preferences;
pub mod relabels;
pub mod rules;
pub mod samplers;
pub mod schedules;
pub mod searches;
pub mod sources;

const LISTS: &[&[Builtin]] = &[
    losses::LIST,
    nets::LIST,
    samplers::LIST,
    guidance::LIST,
    adapters::LIST,
    searches::LIST,
    optimisers::LIST,
    schedules::LIST,
    joins::LIST,
    picks::LIST,
    sources::LIST,
    filters::LIST,
    relabels::LIST,
    preferences::LIST,
    envs::LIST,
    rules::LIST,
];

/// Every builtin.
pub fn builtins() -> impl Iterator<Item = &'static Builtin> {
    LISTS.iter().flat_map(|list| list.iter())
}

/// The builtin of this group and name.
pub fn builtin(group: Group, name: &str) -> Option<&'static Builtin> {
    builtins().find(|b| b.group == group && b.name == name)
}

/// The schema of a block kind.
pub fn block(kind: BlockKind) -> Option<&'static Block> {
    blocks::LIST.iter().find(|b| b.kind == kind)
}

/// Edition of the library as a whole: a short digest of what every builtin's semantics are, so that it changes when one of them rises.
pub fn edition() -> String {
    // FNV-1a: a name for people to compare, not a proof.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for builtin in builtins() {
        let text = format!(
            "{:?} {} {}\n",
            builtin.group, builtin.name, builtin.semantics
        );
        for byte in text.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
}
