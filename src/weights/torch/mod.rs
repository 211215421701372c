//! Files as `torch.save` writes them: a zip of a pickle and raw storages, or
//! before torch 1.6 the same one after the other.
//!
//! The pickle is read by a machine that knows tensors and plain containers and
//! refuses everything else by name; see [`pickle`]. Nothing is decompressed
//! (torch never compresses), so a file cannot grow in memory.

mod legacy;
mod pickle;

use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;

use zip::{CompressionMethod, ZipArchive};

use self::pickle::{Pickle, TensorRef, Value};
use super::view::View;

pub(super) use self::legacy::{begins as begins_legacy, views as legacy_views};

/// A state dict of a few thousand tensors takes a few hundred kilobytes.
const MAX_PICKLE_BYTES: usize = 64 << 20;

/// A storage's bytes in the file.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    length: usize,
}

/// The tensors of a zipped torch file; errors are reasons.
pub(super) fn views(bytes: &[u8]) -> Result<BTreeMap<String, View>, String> {
    let spans = spans(bytes)?;
    let mut indexes = spans
        .iter()
        .filter_map(|(name, &span)| Some((name.strip_suffix("data.pkl")?.to_owned(), span)));
    let (folder, span) = indexes
        .next()
        .ok_or("this zip file holds no torch checkpoint (there is no data.pkl in it)")?;
    if indexes.next().is_some() {
        return Err("it has two indexes (data.pkl), which torch never writes".into());
    }
    if span.length > MAX_PICKLE_BYTES {
        return Err(format!(
            "its index is {} MB long, which no checkpoint needs",
            span.length >> 20
        ));
    }
    if let Some(&order) = spans.get(&format!("{folder}byteorder"))
        && bytes[order.start..order.start + order.length] != *b"little"
    {
        return Err(
            "it was saved on a big-endian machine; load it with torch there and save it as safetensors"
                .into(),
        );
    }
    let pickle = pickle::read(&bytes[span.start..span.start + span.length])?;
    placed(&pickle, |key| spans.get(&format!("{folder}data/{key}")).copied())
}

/// The tensors of the state dict, each in the span of its storage.
fn placed(pickle: &Pickle, span: impl Fn(&str) -> Option<Span>) -> Result<BTreeMap<String, View>, String> {
    let tensors = state_dict(pickle);
    if tensors.is_empty() {
        return Err("there are no tensors in it".into());
    }
    tensors
        .into_iter()
        .map(|(name, tensor)| {
            let view = place(tensor, span(&tensor.storage.key))
                .map_err(|reason| format!("its tensor {name} {reason}"))?;
            Ok((name.to_owned(), view))
        })
        .collect()
}

/// Every entry's bytes; refuses compressed and overlapping ones.
fn spans(bytes: &[u8]) -> Result<HashMap<String, Span>, String> {
    let damaged = |error| format!("the file is damaged or cut off ({error}); download it again");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let mut spans = HashMap::with_capacity(archive.len());
    let mut ends = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.into_owned();
        if entry.compression() != CompressionMethod::Stored {
            return Err(format!("its entry {name} is compressed, which torch never does"));
        }
        let start = entry.data_start().and_then(|start| usize::try_from(start).ok());
        let length = usize::try_from(entry.size()).ok();
        let span = match (start, length) {
            (Some(start), Some(length))
                if start.checked_add(length).is_some_and(|end| end <= bytes.len()) =>
            {
                Span { start, length }
            }
            _ => {
                return Err(format!(
                    "its entry {name} reaches past the end of the file; download it again"
                ));
            }
        };
        ends.push((span.start, span.start + span.length));
        spans.insert(name, span);
    }
    ends.sort_unstable();
    if ends.windows(2).any(|pair| pair[1].0 < pair[0].1) {
        return Err("its entries overlap, which torch never does".into());
    }
    Ok(spans)
}

/// The dictionary with the most tensors directly in it: the state dict,
/// however deep it is nested, and not an optimizer's.
fn state_dict(pickle: &Pickle) -> Vec<(&str, &TensorRef)> {
    let mut best = Vec::new();
    for dict in &pickle.dicts {
        let tensors: Vec<_> = dict
            .iter()
            .filter_map(|(key, value)| match (key, value) {
                (Value::Text(name), Value::Tensor(tensor)) => Some((&**name, &**tensor)),
                _ => None,
            })
            .collect();
        if tensors.len() > best.len() {
            best = tensors;
        }
    }
    best
}

fn place(tensor: &TensorRef, span: Option<Span>) -> Result<View, String> {
    let span = span.ok_or_else(|| {
        format!(
            "is kept in a part {:?} that the file does not have",
            tensor.storage.key
        )
    })?;
    let size = tensor.storage.kind.size();
    let elements = span.length / size;
    let too_large = || "is larger than the file".to_owned();
    let count = tensor
        .shape
        .iter()
        .try_fold(1_usize, |count, &side| count.checked_mul(side))
        .ok_or_else(too_large)?;
    if count > 0 {
        let last = tensor
            .shape
            .iter()
            .zip(&tensor.strides)
            .try_fold(tensor.offset, |last, (&side, &stride)| {
                last.checked_add((side - 1).checked_mul(stride)?)
            })
            .ok_or_else(too_large)?;
        // A stride of 0 could make a huge tensor of a tiny storage.
        if last >= elements || count > elements {
            return Err(too_large());
        }
    } else if tensor.offset > elements {
        return Err(too_large());
    }
    let start = span.start + tensor.offset * size;
    let mut view = View::contiguous(tensor.storage.kind.dtype(), tensor.shape.clone(), start);
    if !is_contiguous(&tensor.shape, &tensor.strides) {
        view.strides = Some(tensor.strides.clone());
    }
    Ok(view)
}

fn is_contiguous(shape: &[usize], strides: &[usize]) -> bool {
    let mut step = 1;
    shape.iter().zip(strides).rev().all(|(&side, &stride)| {
        let fits = side <= 1 || stride == step;
        step *= side;
        fits
    })
}
