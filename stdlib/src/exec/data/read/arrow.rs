//! The columns of an Arrow file (the IPC file format): plain numbers, lists of numbers of one length, and structs of them.

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::{Block, root_as_footer};
use arrow_schema::{DataType, Field, Fields};

use super::table::{Column, MISSING, Table, Width};

/// A file that was read whole: it holds one episode.
pub(super) struct Arrow {
    batches: Vec<RecordBatch>,
    fields: Fields,
    rows: usize,
}

/// Bytes of the closing mark and of the length before it.
const TRAILER: usize = 10;

impl Arrow {
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|e| format!("cannot be read: {e}"))?;
        let whole = |what: String| {
            format!("not a whole Arrow file ({what}); it may be truncated: fetch it again")
        };
        let Some((before, trailer)) = bytes.split_last_chunk::<TRAILER>() else {
            return Err(whole(format!("it has {} bytes", bytes.len())));
        };
        let length = read_footer_length(*trailer).map_err(|e| whole(e.to_string()))?;
        let Some(start) = before.len().checked_sub(length) else {
            return Err(whole(format!("its last part has {length} bytes")));
        };
        let footer = root_as_footer(before.get(start..).unwrap_or_default())
            .map_err(|e| whole(e.to_string()))?;
        let Some(schema) = footer.schema() else {
            return Err(whole("it has no schema".into()));
        };
        let schema = try_fb_to_schema(schema).map_err(|e| whole(e.to_string()))?;
        let schema = Arc::new(schema);
        let fields = schema.fields().clone();
        let mut decoder = FileDecoder::new(schema, footer.version());
        let dictionaries: Vec<Block> = footer
            .dictionaries()
            .into_iter()
            .flatten()
            .copied()
            .collect();
        let records: Vec<Block> = footer
            .recordBatches()
            .into_iter()
            .flatten()
            .copied()
            .collect();
        let buffer = Buffer::from_vec(bytes);
        for block in &dictionaries {
            let bytes = slice(&buffer, block).map_err(whole)?;
            decoder
                .read_dictionary(block, &bytes)
                .map_err(|e| whole(e.to_string()))?;
        }
        let mut batches = Vec::new();
        for block in &records {
            let bytes = slice(&buffer, block).map_err(whole)?;
            let batch = decoder.read_record_batch(block, &bytes);
            batches.extend(batch.map_err(|e| whole(e.to_string()))?);
        }
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        Ok(Self {
            batches,
            fields,
            rows,
        })
    }
}

/// The bytes of a block, if the file has them: what a damaged file claims is never allocated.
fn slice(buffer: &Buffer, block: &Block) -> Result<Buffer, String> {
    let (start, head, body) = (block.offset(), block.metaDataLength(), block.bodyLength());
    let length = i64::from(head).checked_add(body);
    let fits = start >= 0 && head >= 0 && body >= 0;
    let end = length.and_then(|l| l.checked_add(start)).filter(|_| fits);
    match (end, length) {
        (Some(end), Some(length)) if end as usize <= buffer.len() => {
            Ok(buffer.slice_with_length(start as usize, length as usize))
        }
        _ => Err(format!(
            "a part of {body} bytes at {start} lies outside of its {} bytes",
            buffer.len()
        )),
    }
}

impl Table for Arrow {
    fn rows(&self) -> usize {
        self.rows
    }

    fn names(&self) -> Vec<String> {
        let mut out = Vec::new();
        collect(&self.fields, "", &mut out);
        out
    }

    fn column(&self, name: &str) -> Result<Column, String> {
        let mut width = Width::default();
        let mut values = Vec::new();
        for batch in &self.batches {
            let schema = batch.schema();
            let array = find(schema.fields(), batch.columns(), name);
            let array = array.ok_or("is not there")?;
            rows(&array, &mut width, &mut values)?;
        }
        Ok(Column {
            width: width.found(),
            values,
        })
    }
}

/// Names of all leaves.
fn collect(fields: &Fields, before: &str, out: &mut Vec<String>) {
    for field in fields {
        let name = format!("{before}{}", field.name());
        match field.data_type() {
            DataType::Struct(inner) => collect(inner, &format!("{name}."), out),
            _ => out.push(name),
        }
    }
}

/// The leaf of a name.
fn find(fields: &Fields, arrays: &[ArrayRef], name: &str) -> Option<ArrayRef> {
    let matching = |(field, array): (&Arc<Field>, &ArrayRef)| {
        if field.name() == name {
            return Some(array.clone());
        }
        let rest = name.strip_prefix(field.name())?.strip_prefix('.')?;
        let inner = array.as_struct_opt()?;
        find(inner.fields(), inner.columns(), rest)
    };
    fields.iter().zip(arrays).find_map(matching)
}

/// Adds the rows of an array.
fn rows(array: &ArrayRef, width: &mut Width, out: &mut Vec<f32>) -> Result<(), String> {
    if array.null_count() > 0 {
        return Err(MISSING.into());
    }
    match array.data_type() {
        DataType::FixedSizeList(_, n) => {
            let list = array.as_fixed_size_list();
            for _ in 0..list.len().min(1) {
                width.row(*n as usize)?;
            }
            let inner = list.values();
            let wanted = list.len().checked_mul(*n as usize);
            if wanted.is_none_or(|w| w > inner.len()) {
                return Err(format!(
                    "holds {} numbers in {} rows",
                    inner.len(),
                    list.len()
                ));
            }
            let inner = inner.slice(0, wanted.unwrap_or(0));
            numbers(&inner, out)
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            for row in list.offsets().windows(2) {
                width.row((row[1] - row[0]) as usize)?;
            }
            let (first, last) = (list.offsets().first(), list.offsets().last());
            let (first, last) = (first as usize, last as usize);
            numbers(&list.values().slice(first, last - first), out)
        }
        _ => {
            width.row(1)?;
            numbers(array, out)
        }
    }
}

/// Adds plain numbers.
fn numbers(array: &ArrayRef, out: &mut Vec<f32>) -> Result<(), String> {
    if array.null_count() > 0 {
        return Err(MISSING.into());
    }
    fn add<T: ArrowPrimitiveType>(
        array: &ArrayRef,
        out: &mut Vec<f32>,
        number: impl Fn(T::Native) -> f32,
    ) {
        let values = array.as_primitive::<T>().values();
        out.extend(values.iter().map(|x| number(*x)));
    }
    match array.data_type() {
        DataType::Float32 => add::<Float32Type>(array, out, |x| x),
        DataType::Float64 => add::<Float64Type>(array, out, |x| x as f32),
        DataType::Int8 => add::<Int8Type>(array, out, f32::from),
        DataType::Int16 => add::<Int16Type>(array, out, f32::from),
        DataType::Int32 => add::<Int32Type>(array, out, |x| x as f32),
        DataType::Int64 => add::<Int64Type>(array, out, |x| x as f32),
        DataType::UInt8 => add::<UInt8Type>(array, out, f32::from),
        DataType::UInt16 => add::<UInt16Type>(array, out, f32::from),
        DataType::UInt32 => add::<UInt32Type>(array, out, |x| x as f32),
        DataType::UInt64 => add::<UInt64Type>(array, out, |x| x as f32),
        DataType::Boolean => {
            let values = array.as_boolean().values().iter();
            out.extend(values.map(|x| f32::from(u8::from(x))));
        }
        other => return Err(format!("is of type {other}, wanted numbers")),
    }
    Ok(())
}
