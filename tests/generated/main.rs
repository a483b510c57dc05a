//! Are the files that are made from tables still what the tables say?  `ALIGN_BLESS=1` writes them anew.

mod extension;
mod textmate;
mod treesitter;
