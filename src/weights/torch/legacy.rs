//! Files of `torch.save` before version 1.6: a magic number, the format's
//! version, the machine's byte order and the object, a pickle each; then a
//! pickle of the storages' keys, and the storages in that order.

use std::collections::{BTreeMap, HashMap};

use super::pickle::{self, DAMAGED, Value};
use super::{MAX_PICKLE_BYTES, Span, placed};
use crate::weights::view::View;

/// The pickle of torch's magic number 0x1950a86a20f9469cfc6c.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
const VERSION: i64 = 1001;

/// Whether `bytes` begin as such a file does.
pub(in crate::weights) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The tensors of such a file; errors are reasons.
pub(in crate::weights) fn views(bytes: &[u8]) -> Result<BTreeMap<String, View>, String> {
    let mut at = MAGIC.len();
    let mut next = || {
        let end = bytes.len().min(at.saturating_add(MAX_PICKLE_BYTES));
        let pickle = pickle::read(bytes.get(at..end).unwrap_or_default())?;
        at += pickle.length;
        Ok::<_, String>(pickle)
    };
    if next()?.int() != Some(VERSION) {
        return Err(
            "it is in a format of torch that nobody knows; save it again with a current torch".into(),
        );
    }
    let machine = next()?;
    let little = machine
        .dict()?
        .iter()
        .any(|(key, value)| matches!((key, value), (Value::Text(key), Value::Bool(true)) if &**key == "little_endian"));
    if !little {
        return Err(
            "it was saved on a big-endian machine; load it with torch there and save it as safetensors"
                .into(),
        );
    }
    let object = next()?;
    let keys = next()?;
    let spans = spans(bytes, at, keys.list()?, &object)?;
    placed(&object, |key| spans.get(key).copied())
}

/// The storages after `at`: each a number of elements, then the elements.
fn spans(
    bytes: &[u8],
    mut at: usize,
    keys: &[Value],
    object: &pickle::Pickle,
) -> Result<HashMap<String, Span>, String> {
    let mut sizes = HashMap::new();
    for storage in &object.storages {
        let size = storage.kind.size();
        if *sizes.entry(storage.key.as_str()).or_insert(size) != size {
            return Err(DAMAGED.into());
        }
    }
    let mut spans = HashMap::with_capacity(keys.len());
    for key in keys {
        let Value::Text(key) = key else {
            return Err(DAMAGED.into());
        };
        let size = *sizes.get(&**key).ok_or(DAMAGED)?;
        let cut = || format!("it is cut off in the part {key:?}; download it again");
        let count = bytes
            .get(at..)
            .and_then(|rest| rest.first_chunk())
            .ok_or_else(cut)?;
        let length = usize::try_from(i64::from_le_bytes(*count))
            .ok()
            .and_then(|count| count.checked_mul(size))
            .ok_or(DAMAGED)?;
        let start = at + count.len();
        at = start
            .checked_add(length)
            .filter(|end| *end <= bytes.len())
            .ok_or_else(cut)?;
        if spans.insert(key.to_string(), Span { start, length }).is_some() {
            return Err(DAMAGED.into());
        }
    }
    Ok(spans)
}
