//! What does an HDF5 file hold, and which of its arrays can be trusted?  Shapes are known and possible before anything is read.

use std::path::Path;

use align_runtime_api::JobError;
use hdf5_pure::{Dataset, File, Group};

use super::checks::{bad, size_of};

/// Deflate packs at most about 1,032 to 1: a shape that claims more than that is not one of a whole file.
const MAX_RATIO: u64 = 1_100;

/// No number has more bytes.
const WIDEST: u64 = 16;

/// Rows that are read at a time, about: so that nothing is in memory twice.
const ROWS: u64 = 1 << 16;

/// An open file, or a group in it.
pub(super) struct Hdf5 {
    name: String,
    size: u64,
    at: Group,
    /// Path of the group with a slash behind it; empty for the file itself.
    prefix: String,
}

impl Hdf5 {
    /// Opens a file; `wanted` says what it should be.
    pub(super) fn open(path: &Path, wanted: &str) -> Result<Self, JobError> {
        let name = path.display().to_string();
        let size = size_of(path, wanted)?;
        let file = File::open_streaming(path).map_err(|e| {
            bad(
                &name,
                &format!("not a whole HDF5 file ({e}); it may be truncated: fetch it again"),
            )
        })?;
        let end = file.superblock().eof_address;
        if end > size {
            return Err(bad(
                &name,
                &format!("truncated: it has {size} of {end} bytes; fetch it again"),
            ));
        }
        Ok(Self {
            name,
            size,
            at: file.root(),
            prefix: String::new(),
        })
    }

    /// The groups in here by name: found in one pass, for looking each up by its name takes as long as there are groups.
    pub(super) fn groups(&self) -> Result<Vec<(String, Self)>, JobError> {
        let groups = self.at.iter_groups();
        let groups = groups.map_err(|e| self.bad(&format!("its groups cannot be read ({e})")))?;
        Ok(groups
            .map(|(name, at)| {
                let inner = Self {
                    name: self.name.clone(),
                    size: self.size,
                    at,
                    prefix: format!("{}{name}/", self.prefix),
                };
                (name, inner)
            })
            .collect())
    }

    /// An error of this file.
    pub(super) fn bad(&self, what: &str) -> JobError {
        bad(&self.name, what)
    }

    /// The path of an array in the file, for messages.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Whether there is such an array.
    pub(super) fn has(&self, name: &str) -> bool {
        self.at.dataset(name).is_ok()
    }

    /// Names of the arrays in a group ("" is this one); none where it is no group.
    pub(super) fn arrays(&self, of: &str) -> Vec<String> {
        let names = if of.is_empty() {
            self.at.datasets()
        } else {
            self.at.group(of).and_then(|g| g.datasets())
        };
        names.unwrap_or_default()
    }

    /// An array that must be there; `advice` ends the message where it is not.
    pub(super) fn array(&self, name: &str, advice: &str) -> Result<Array, JobError> {
        let key = self.key(name);
        let set = self
            .at
            .dataset(name)
            .map_err(|e| self.bad(&self.missing(name, &e, advice)))?;
        let shape = set
            .shape()
            .map_err(|e| self.bad(&format!("`{key}` is damaged: {e}")))?;
        let damaged = |e| self.bad(&format!("`{key}` is damaged: {e}"));
        let chunk = set.chunk_shape().map_err(damaged)?.unwrap_or_default();
        let wide = set.element_size().map_err(damaged)?.max(1);
        if wide > WIDEST {
            return Err(self.bad(&format!(
                "the entries of `{key}` have {wide} bytes; wanted numbers"
            )));
        }
        for (what, claim) in [("shape", &shape), ("chunks of shape", &chunk)] {
            let bytes = claim.iter().try_fold(wide, |n, d| n.checked_mul(*d));
            if bytes.is_none_or(|n| n > self.size.saturating_mul(MAX_RATIO)) {
                return Err(self.bad(&format!(
                    "`{key}` has {what} {claim:?}, more than a file of {} bytes can hold",
                    self.size
                )));
            }
        }
        Ok(Array {
            file: self.name.clone(),
            key,
            set,
            shape,
        })
    }

    /// What to say of an array that is not there.
    fn missing(&self, name: &str, error: &hdf5_pure::Error, advice: &str) -> String {
        let key = self.key(name);
        let there = self.arrays(name.rsplit_once('/').map_or("", |(group, _)| group));
        let place = match key.rsplit_once('/') {
            Some((group, _)) => format!("in `{group}`"),
            None => "at the root".to_owned(),
        };
        if there.is_empty() {
            format!("no array `{key}` ({error})")
        } else {
            format!(
                "no array `{key}` {place}; found `{}`{advice}",
                there.join("`, `")
            )
        }
    }
}

/// An array whose shape is known; nothing of it is read yet.
pub(super) struct Array {
    file: String,
    key: String,
    set: Dataset,
    shape: Vec<u64>,
}

impl Array {
    /// As rows of numbers: how many, and how wide.
    pub(super) fn matrix(&self) -> Result<(usize, usize), JobError> {
        match self.shape.as_slice() {
            [n, width] => Ok((*n as usize, *width as usize)),
            shape => Err(bad(
                &self.file,
                &format!(
                    "`{}` has shape {shape:?}, wanted [steps, numbers]",
                    self.key
                ),
            )),
        }
    }

    /// As one number for each step: how many; `[N, 1]` is `[N]`.
    pub(super) fn column(&self) -> Result<usize, JobError> {
        match self.shape.as_slice() {
            [n] | [n, 1] => Ok(*n as usize),
            shape => Err(bad(
                &self.file,
                &format!(
                    "`{}` has shape {shape:?}, wanted [steps] or [steps, 1]",
                    self.key
                ),
            )),
        }
    }

    /// All its numbers.
    pub(super) fn floats(&self) -> Result<Vec<f32>, JobError> {
        let rows = self.shape.first().copied().unwrap_or(0);
        if rows <= ROWS {
            let values = self.set.read_f32().map_err(|e| self.damaged(&e))?;
            return self.whole(values);
        }
        // Whole chunks at a time, so that none is unpacked twice.
        let chunk = match self.set.chunk_shape() {
            Ok(Some(shape)) => shape.first().copied().unwrap_or(1).max(1),
            _ => 1,
        };
        let step = ROWS.div_ceil(chunk).saturating_mul(chunk);
        let mut values = Vec::new();
        let mut at = 0;
        while at < rows {
            let n = step.min(rows - at);
            let piece = self.set.read_f32_rows(at, n);
            let piece = piece.map_err(|e| self.damaged(&e))?;
            if at == 0 {
                let all = (piece.len() as u64 / n.max(1)).saturating_mul(rows);
                values.reserve_exact(all as usize);
            }
            values.extend_from_slice(&piece);
            at += n;
        }
        self.whole(values)
    }

    /// Truth values: h5py's booleans (an enumeration over 8-bit numbers), or any number that is 0 or not.
    pub(super) fn flags(&self) -> Result<Vec<bool>, JobError> {
        let values = if let Ok(values) = self.set.read_i8() {
            values.into_iter().map(|x| x != 0).collect()
        } else if let Ok(values) = self.set.read_f32() {
            values.into_iter().map(|x| x != 0.0).collect()
        } else {
            let raw = self.set.read_raw().map_err(|e| self.damaged(&e))?;
            raw.into_iter().map(|x| x != 0).collect()
        };
        self.whole(values)
    }

    fn whole<T>(&self, values: Vec<T>) -> Result<Vec<T>, JobError> {
        let wanted = self.shape.iter().product::<u64>() as usize;
        if values.len() == wanted {
            Ok(values)
        } else {
            Err(bad(
                &self.file,
                &format!(
                    "`{}` holds {} numbers, wanted {wanted}",
                    self.key,
                    values.len()
                ),
            ))
        }
    }

    fn damaged(&self, error: &hdf5_pure::Error) -> JobError {
        bad(
            &self.file,
            &format!(
                "`{}` cannot be read ({error}); the file may be truncated: fetch it again",
                self.key
            ),
        )
    }
}
