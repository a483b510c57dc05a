//! What is a table to a reader of episodes?  Named columns of numbers, each as many to a row.

use std::path::Path;

/// A column that was read.
#[derive(Debug, PartialEq)]
pub(super) struct Column {
    /// Numbers of a row.
    pub(super) width: usize,
    /// [rows, width].
    pub(super) values: Vec<f32>,
}

/// A file with columns; a field `b` of a struct column `a` is the column `a.b`.
pub(super) trait Table {
    /// Rows of the file.
    fn rows(&self) -> usize;
    /// Names of its columns.
    fn names(&self) -> Vec<String>;
    /// Reads a column; the error says what is wrong with it, without its name.
    fn column(&self, name: &str) -> Result<Column, String>;
}

/// Opens a table by the ending of its name.
pub(super) fn open(path: &Path) -> Result<Box<dyn Table>, String> {
    Ok(if path.extension() == Some("arrow".as_ref()) {
        Box::new(super::arrow::Arrow::open(path)?)
    } else {
        Box::new(super::parquet::Parquet::open(path)?)
    })
}

/// A column that must be there.
pub(super) fn column(table: &dyn Table, name: &str, advice: &str) -> Result<Column, String> {
    let names = table.names();
    if !names.iter().any(|n| n == name) {
        return Err(format!(
            "no column `{name}`; found `{}`{advice}",
            names.join("`, `")
        ));
    }
    let column = table
        .column(name)
        .map_err(|e| format!("column `{name}` {e}"))?;
    if Some(column.values.len()) == table.rows().checked_mul(column.width) {
        Ok(column)
    } else {
        Err(format!(
            "column `{name}` holds {} numbers, wanted {} rows of {}",
            column.values.len(),
            table.rows(),
            column.width
        ))
    }
}

/// A column of one number to a row.
pub(super) fn single(table: &dyn Table, name: &str, advice: &str) -> Result<Vec<f32>, String> {
    let found = column(table, name, advice)?;
    if found.width == 1 {
        Ok(found.values)
    } else {
        Err(format!(
            "column `{name}` has {} numbers in a row, wanted 1",
            found.width
        ))
    }
}

/// How many numbers each row has, learned from its rows one by one.
#[derive(Default)]
pub(super) struct Width(Option<usize>);

impl Width {
    /// Takes the next row; the error names both widths.
    pub(super) fn row(&mut self, numbers: usize) -> Result<(), String> {
        match self.0.replace(numbers) {
            Some(before) if before != numbers => Err(format!(
                "has rows of {before} numbers and rows of {numbers}; wanted the same in each"
            )),
            _ => Ok(()),
        }
    }

    /// The width; 1 where there is no row.
    pub(super) fn found(&self) -> usize {
        self.0.unwrap_or(1)
    }
}

/// What is said of a value that is not there.
pub(super) const MISSING: &str = "has rows without a value; wanted a number in each";
