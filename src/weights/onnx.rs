//! The weights of an ONNX file.
//!
//! ONNX is a protocol-buffers message. Only what leads to the initialisers is
//! walked (`ModelProto.graph.initializer`, and of `ModelProto.graph.node` the
//! constants, second names of tensors, and what convolutions take in); the
//! rest is stepped over by its length. Nothing is copied and nothing recurses.

use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::DType;

use super::view::View;

/// Initialisers a file may have, and convolutions. The largest network here has a tenth of that.
const MOST: usize = 20_000;
/// Axes a tensor may have.
const MOST_AXES: usize = 8;

/// Field numbers of the messages walked, as in the ONNX specification.
mod field {
    pub const MODEL_GRAPH: u64 = 7;
    pub const GRAPH_NODE: u64 = 1;
    pub const GRAPH_INITIALIZER: u64 = 5;
    pub const NODE_INPUT: u64 = 1;
    pub const NODE_OUTPUT: u64 = 2;
    pub const NODE_OP_TYPE: u64 = 4;
    pub const NODE_ATTRIBUTE: u64 = 5;
    pub const ATTRIBUTE_NAME: u64 = 1;
    pub const ATTRIBUTE_TENSOR: u64 = 5;
    pub const TENSOR_DIMS: u64 = 1;
    pub const TENSOR_DATA_TYPE: u64 = 2;
    pub const TENSOR_FLOAT_DATA: u64 = 4;
    pub const TENSOR_NAME: u64 = 8;
    pub const TENSOR_RAW_DATA: u64 = 9;
    pub const TENSOR_DATA_LOCATION: u64 = 14;
}

/// Whether `bytes` begin as a serialised ONNX model does: a small format
/// version, then another of the model's fields.
pub(super) fn begins(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0x08, 1..=0x3f, 0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42, ..]
    )
}

/// The initialisers by name; those that convolutions use also as
/// `Conv#<n>.weight` and `Conv#<n>.bias`, numbered as the file runs them.
///
/// Exporters store tensors with the same numbers once and give the others'
/// names with `Identity` nodes; those names count as well. Some write weights
/// as `Constant` nodes, whose outputs' names are the tensors'.
pub(super) fn views(bytes: &[u8]) -> Result<BTreeMap<String, View>, String> {
    let mut views = BTreeMap::new();
    let (mut convolutions, mut copies) = (Vec::new(), Vec::new());
    let twice = |name: &str| format!("the tensor {name:?} is there twice; the file is damaged");
    for graph in Fields::of(bytes, 0..bytes.len()) {
        let (field::MODEL_GRAPH, Value::Bytes(graph)) = graph? else {
            continue;
        };
        for part in Fields::of(bytes, graph) {
            match part? {
                (field::GRAPH_INITIALIZER, Value::Bytes(tensor)) => {
                    let (name, view) = initializer(bytes, tensor)?;
                    if views.insert(name.to_owned(), view).is_some() {
                        return Err(twice(name));
                    }
                }
                (field::GRAPH_NODE, Value::Bytes(range)) => {
                    let node = node(bytes, range)?;
                    match node.operation {
                        // The first input is the map.
                        "Conv" => convolutions.push([node.inputs[1], node.inputs[2]]),
                        "Identity" => copies.extend(node.inputs[0].zip(node.output)),
                        "Constant" => {
                            if let (Some(name), Some(tensor)) = (node.output, node.value)
                                // Most constants are no weights; one that cannot be read is missed if it is.
                                && let Ok((_, view)) = initializer(bytes, tensor)
                                && views.insert(name.to_owned(), view).is_some()
                            {
                                return Err(twice(name));
                            }
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
            if views.len() > MOST || convolutions.len() > MOST || copies.len() > MOST {
                return Err(format!(
                    "it has more than {MOST} tensors; no network here is so large"
                ));
            }
        }
    }
    if views.is_empty() {
        return Err("this ONNX file has no weights in it, or is cut off; download it again".into());
    }
    for (of, name) in copies {
        if let Some(view) = views.get(of).cloned() {
            views.entry(name.to_owned()).or_insert(view);
        }
    }
    for (i, inputs) in convolutions.iter().enumerate() {
        for (kind, name) in ["weight", "bias"].into_iter().zip(inputs.iter().flatten()) {
            if let Some(view) = views.get(*name).cloned() {
                views.insert(format!("Conv#{i}.{kind}"), view);
            }
        }
    }
    Ok(views)
}

/// What is asked of a node.
#[derive(Default)]
struct Node<'a> {
    operation: &'a str,
    /// The first three, as far as there are.
    inputs: [Option<&'a str>; 3],
    /// The first.
    output: Option<&'a str>,
    /// The tensor of the attribute with this name.
    value: Option<Range<usize>>,
}

fn node(bytes: &[u8], range: Range<usize>) -> Result<Node<'_>, String> {
    let mut node = Node::default();
    let mut inputs = node.inputs.iter_mut();
    for field in Fields::of(bytes, range) {
        match field? {
            (field::NODE_INPUT, Value::Bytes(name)) => {
                if let Some(input) = inputs.next() {
                    *input = Some(text(bytes, name)?);
                }
            }
            (field::NODE_OUTPUT, Value::Bytes(name)) if node.output.is_none() => {
                node.output = Some(text(bytes, name)?);
            }
            (field::NODE_OP_TYPE, Value::Bytes(name)) => node.operation = text(bytes, name)?,
            (field::NODE_ATTRIBUTE, Value::Bytes(range)) => {
                let (mut name, mut tensor) = (0..0, None);
                for field in Fields::of(bytes, range) {
                    match field? {
                        (field::ATTRIBUTE_NAME, Value::Bytes(range)) => name = range,
                        (field::ATTRIBUTE_TENSOR, Value::Bytes(range)) => tensor = Some(range),
                        _ => {}
                    }
                }
                if bytes.get(name) == Some(b"value") {
                    node.value = tensor;
                }
            }
            _ => {}
        }
    }
    Ok(node)
}

/// Name and place of the tensor `range`.
fn initializer(bytes: &[u8], range: Range<usize>) -> Result<(&str, View), String> {
    let (mut name, mut data_type, mut shape) = ("", 0, Vec::new());
    let (mut data, mut elsewhere) = (None, false);
    for field in Fields::of(bytes, range) {
        match field? {
            (field::TENSOR_NAME, Value::Bytes(range)) => name = text(bytes, range)?,
            (field::TENSOR_DATA_TYPE, Value::Number(value)) => data_type = value,
            (field::TENSOR_DIMS, Value::Number(side)) => axis(&mut shape, side)?,
            (field::TENSOR_DIMS, Value::Bytes(range)) => {
                let mut at = range.start;
                while at < range.end {
                    let side = number(bytes, &mut at, range.end)?;
                    axis(&mut shape, side)?;
                }
            }
            (field::TENSOR_RAW_DATA | field::TENSOR_FLOAT_DATA, Value::Bytes(range)) => data = Some(range),
            (field::TENSOR_FLOAT_DATA, Value::Other) => {
                return Err(format!(
                    "the numbers of {name:?} are stored one by one; save the file again with the `onnx` package"
                ));
            }
            (field::TENSOR_DATA_LOCATION, Value::Number(location)) => elsewhere = location != 0,
            _ => {}
        }
    }
    let dtype = match data_type {
        1 => Some(DType::F32),
        10 => Some(DType::F16),
        11 => Some(DType::F64),
        16 => Some(DType::BF16),
        _ => None,
    };
    let Some(kind) = dtype else {
        return Ok((name, View::contiguous(None, shape, 0)));
    };
    if elsewhere {
        return Err(format!(
            "the numbers of {name:?} are in another file; use a file that holds its weights itself"
        ));
    }
    let wanted = shape
        .iter()
        .try_fold(kind.size_in_bytes(), |size, side| size.checked_mul(*side));
    let data = data.unwrap_or(0..0);
    if wanted != Some(data.len()) {
        return Err(format!(
            "the tensor {name:?} has the shape {shape:?} but {} bytes of numbers; the file is damaged, download it again",
            data.len()
        ));
    }
    Ok((name, View::contiguous(dtype, shape, data.start)))
}

fn axis(shape: &mut Vec<usize>, side: u64) -> Result<(), String> {
    let side = usize::try_from(side)
        .ok()
        .filter(|side| *side <= isize::MAX as usize);
    match side {
        Some(side) if shape.len() < MOST_AXES => shape.push(side),
        _ => return Err("a tensor has an impossible shape; the file is damaged, download it again".into()),
    }
    Ok(())
}

fn text(bytes: &[u8], range: Range<usize>) -> Result<&str, String> {
    bytes
        .get(range)
        .and_then(|name| std::str::from_utf8(name).ok())
        .ok_or_else(|| "a name is no text; the file is damaged, download it again".into())
}

/// A field's content.
#[derive(Debug, PartialEq)]
enum Value {
    Number(u64),
    /// Where the bytes lie, inside the message and so inside the file.
    Bytes(Range<usize>),
    /// Four or eight bytes.
    Other,
}

/// The fields of a message, ending after the first error.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Fields<'a> {
    fn of(bytes: &'a [u8], message: Range<usize>) -> Self {
        Self {
            bytes,
            at: message.start,
            end: message.end,
        }
    }

    fn field(&mut self) -> Result<(u64, Value), String> {
        let tag = number(self.bytes, &mut self.at, self.end)?;
        let value = match tag & 7 {
            0 => Value::Number(number(self.bytes, &mut self.at, self.end)?),
            1 => self.skip(8).map(|_| Value::Other)?,
            2 => {
                let length = number(self.bytes, &mut self.at, self.end)?;
                Value::Bytes(self.skip(length)?)
            }
            5 => self.skip(4).map(|_| Value::Other)?,
            _ => return Err(damaged()),
        };
        Ok((tag >> 3, value))
    }

    fn skip(&mut self, length: u64) -> Result<Range<usize>, String> {
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= self.end - self.at)
            .ok_or_else(damaged)?;
        let start = self.at;
        self.at += length;
        Ok(start..self.at)
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<(u64, Value), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.at = self.end;
        }
        Some(field)
    }
}

/// The number of at most ten groups of seven bits at `at`, lowest first.
fn number(bytes: &[u8], at: &mut usize, end: usize) -> Result<u64, String> {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let byte = bytes
            .get(*at)
            .filter(|_| *at < end)
            .copied()
            .ok_or_else(damaged)?;
        *at += 1;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(damaged())
}

fn damaged() -> String {
    "the ONNX file is damaged or cut off; download it again".into()
}
