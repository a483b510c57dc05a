//! The columns of a Parquet file: plain numbers and lists of numbers of one length.

use std::fs::File;
use std::path::Path;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::table::{Column, MISSING, Table, Width};

/// Records that are read at a time.
const RECORDS: usize = 4096;

/// An open file.
pub(super) struct Parquet {
    reader: SerializedFileReader<File>,
    /// Name and number of each leaf.
    leaves: Vec<(String, usize)>,
    rows: usize,
}

impl Parquet {
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|e| format!("cannot be read: {e}"))?;
        let size = file.metadata().map_err(|e| e.to_string())?.len();
        let reader = SerializedFileReader::new(file).map_err(|e| {
            format!("not a whole Parquet file ({e}); it may be truncated: fetch it again")
        })?;
        let meta = reader.metadata();
        let schema = meta.file_metadata().schema_descr_ptr();
        let leaves = (0..schema.num_columns())
            .map(|i| (name(schema.column(i).path().parts()), i))
            .collect();
        let mut rows = 0u64;
        for group in meta.row_groups() {
            rows = rows.saturating_add(group.num_rows().max(0) as u64);
            for chunk in group.columns() {
                let start = chunk.dictionary_page_offset();
                let start = start.unwrap_or(chunk.data_page_offset());
                let end = start.saturating_add(chunk.compressed_size());
                if start < 0 || chunk.compressed_size() < 0 || end as u64 > size {
                    return Err(format!(
                        "column `{}` ends at byte {end} of {size}; the file is damaged: fetch it again",
                        name(chunk.column_path().parts())
                    ));
                }
            }
        }
        // Each row has left at least a bit of something, packed by snappy's best.
        if rows > size.saturating_mul(1_100) {
            return Err(format!(
                "claims {rows} rows, more than a file of {size} bytes can hold"
            ));
        }
        Ok(Self {
            reader,
            leaves,
            rows: rows as usize,
        })
    }
}

/// The name of a leaf: the two levels that only say "list" are left out.
fn name(parts: &[String]) -> String {
    let parts = match parts {
        [most @ .., list, item] if list == "list" && (item == "element" || item == "item") => most,
        all => all,
    };
    parts.join(".")
}

impl Table for Parquet {
    fn rows(&self) -> usize {
        self.rows
    }

    fn names(&self) -> Vec<String> {
        self.leaves.iter().map(|(name, _)| name.clone()).collect()
    }

    fn column(&self, name: &str) -> Result<Column, String> {
        let leaf = self.leaves.iter().find(|(n, _)| n == name);
        let Some((_, leaf)) = leaf else {
            return Err("is not there".into());
        };
        let meta = self.reader.metadata();
        let schema = meta.file_metadata().schema_descr();
        let about = schema.column(*leaf);
        let (def, rep) = (about.max_def_level(), about.max_rep_level());
        if rep > 1 {
            return Err("holds lists of lists; wanted one list of numbers in a row".into());
        }
        let mut into = Into::new(def, rep);
        for group in 0..meta.num_row_groups() {
            let pages = self
                .reader
                .get_row_group(group)
                .and_then(|g| g.get_column_reader(*leaf))
                .map_err(|e| damaged(&e))?;
            match pages {
                ColumnReader::FloatColumnReader(r) => into.take(r, |x| *x),
                ColumnReader::DoubleColumnReader(r) => into.take(r, |x| *x as f32),
                ColumnReader::Int32ColumnReader(r) => into.take(r, |x| *x as f32),
                ColumnReader::Int64ColumnReader(r) => into.take(r, |x| *x as f32),
                ColumnReader::BoolColumnReader(r) => into.take(r, |x| f32::from(u8::from(*x))),
                _ => {
                    return Err(format!(
                        "is of type {}, wanted numbers",
                        about.physical_type()
                    ));
                }
            }?;
        }
        Ok(Column {
            width: into.width.found(),
            values: into.values,
        })
    }
}

fn damaged(error: &ParquetError) -> String {
    let text = error.to_string();
    if text.contains("feature") {
        format!(
            "cannot be read ({text}); files that are not packed, or with snappy, can be: write it so"
        )
    } else {
        format!("cannot be read ({text}); the file may be truncated: fetch it again")
    }
}

/// A column as it grows.
struct Into {
    def: i16,
    rep: i16,
    width: Width,
    values: Vec<f32>,
}

impl Into {
    fn new(def: i16, rep: i16) -> Self {
        Self {
            def,
            rep,
            width: Width::default(),
            values: Vec::new(),
        }
    }

    /// Reads all of one row group.
    fn take<T: DataType>(
        &mut self,
        mut pages: ColumnReaderImpl<T>,
        number: impl Fn(&T::T) -> f32,
    ) -> Result<(), String> {
        let (mut values, mut defs, mut reps) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            values.clear();
            defs.clear();
            reps.clear();
            let (records, _, levels) = pages
                .read_records(RECORDS, Some(&mut defs), Some(&mut reps), &mut values)
                .map_err(|e| damaged(&e))?;
            if records == 0 && levels == 0 && values.is_empty() {
                return Ok(());
            }
            if defs.iter().any(|d| *d != self.def) {
                return Err(MISSING.into());
            }
            if self.rep == 0 {
                self.width.row(1)?;
            } else {
                // A row begins at each level 0; whole rows are read.
                let begins = reps.iter().enumerate().filter(|(_, r)| **r == 0);
                let mut begins: Vec<usize> = begins.map(|(i, _)| i).collect();
                begins.push(reps.len());
                for row in begins.windows(2) {
                    self.width.row(row[1] - row[0])?;
                }
            }
            self.values.extend(values.iter().map(&number));
        }
    }
}
