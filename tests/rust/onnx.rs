//! ONNX files: the weights are read, whatever is wrong with a file is said.

use std::io::Write;

use candle_core::{DType, Device};
use rilievo::Error;
use rilievo::weights::Checkpoint;

/// A field that is a number.
fn number(field: u8, value: u64) -> Vec<u8> {
    let mut out = vec![field << 3];
    out.extend(varint(value));
    out
}

/// A field that is bytes: a name, a message, packed numbers.
fn bytes(field: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let mut out = vec![field << 3 | 2];
    out.extend(varint(content.len() as u64));
    out.extend(content);
    out
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

const DIMS: u8 = 1;
const DATA_TYPE: u8 = 2;
const FLOAT_DATA: u8 = 4;
const NAME: u8 = 8;
const RAW_DATA: u8 = 9;
const LOCATION: u8 = 14;

fn raw(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn tensor(name: &str, dims: &[u64], values: &[f32]) -> Vec<u8> {
    let dims = dims.iter().flat_map(|side| number(DIMS, *side)).collect();
    [
        dims,
        number(DATA_TYPE, 1),
        bytes(NAME, name),
        bytes(RAW_DATA, raw(values)),
    ]
    .concat()
}

fn node(op: &str, inputs: &[&str]) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|name| bytes(1, name)).collect();
    [inputs, bytes(2, "out"), bytes(4, op)].concat()
}

fn model(nodes: &[Vec<u8>], tensors: &[Vec<u8>]) -> Vec<u8> {
    let nodes = nodes.iter().flat_map(|node| bytes(1, node));
    let tensors = tensors.iter().flat_map(|tensor| bytes(5, tensor));
    let graph: Vec<u8> = nodes.chain(bytes(2, "graph")).chain(tensors).collect();
    [number(1, 7), bytes(2, "test"), bytes(7, graph), bytes(8, [])].concat()
}

fn open(content: &[u8]) -> Result<Checkpoint, Error> {
    let mut file = tempfile::Builder::new().suffix(".onnx").tempfile().unwrap();
    file.write_all(content).unwrap();
    Checkpoint::open(file.path())
}

fn refusal(content: &[u8]) -> String {
    match open(content) {
        Err(Error::Unreadable { reason, .. }) => reason,
        other => panic!("{:?}", other.map(|_| "opened").unwrap_err()),
    }
}

fn values(checkpoint: &Checkpoint, name: &str) -> Vec<f32> {
    let tensor = checkpoint.tensor(name, &Device::Cpu, DType::F32).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn sample() -> Vec<u8> {
    let packed = [
        bytes(DIMS, [2, 1, 1, 1]),
        number(DATA_TYPE, 1),
        bytes(FLOAT_DATA, raw(&[5.0, 6.0])),
        bytes(NAME, "12"),
    ]
    .concat();
    let half = [
        number(DIMS, 1),
        number(DATA_TYPE, 10),
        bytes(RAW_DATA, [0, 0x38]),
        bytes(NAME, "half"),
    ]
    .concat();
    let integer = [
        number(DIMS, 2),
        number(DATA_TYPE, 7),
        bytes(7, [1, 2]),
        bytes(NAME, "sizes"),
    ]
    .concat();
    model(
        &[
            node("Conv", &["picture", "9", "10"]),
            node("Relu", &["out"]),
            node("Conv", &["out", "12"]),
        ],
        &[
            tensor("10", &[2], &[0.5, -1.0]),
            packed,
            half,
            integer,
            tensor("9", &[2, 1, 1, 2], &[1.0, 2.0, 3.0, 4.0]),
        ],
    )
}

#[test]
fn initialisers_have_their_names_and_their_place_in_the_graph() {
    let checkpoint = open(&sample()).unwrap();
    assert_eq!(checkpoint.shape("9"), Some(&[2, 1, 1, 2][..]));
    assert_eq!(values(&checkpoint, "9"), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(values(&checkpoint, "half"), [0.5]);
    assert_eq!(values(&checkpoint, "Conv#0.weight"), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(values(&checkpoint, "Conv#0.bias"), [0.5, -1.0]);
    assert_eq!(checkpoint.shape("Conv#1.weight"), Some(&[2, 1, 1, 1][..]));
    assert_eq!(values(&checkpoint, "Conv#1.weight"), [5.0, 6.0]);
    assert!(!checkpoint.contains("Conv#1.bias") && !checkpoint.contains("Conv#2.weight"));
    assert_eq!(checkpoint.shape("sizes"), Some(&[2][..]));
    let error = checkpoint.tensor("sizes", &Device::Cpu, DType::F32).unwrap_err();
    assert!(error.to_string().contains("no floating-point"), "{error}");
}

#[test]
fn a_tensor_stored_once_has_all_its_names() {
    let copy = |of: &str, name: &str| [bytes(1, of), bytes(2, name), bytes(4, "Identity")].concat();
    let content = model(
        &[
            copy("bias", "other"),
            copy("other", "third"),
            copy("picture", "same picture"),
            node("Conv", &["picture", "weight", "third"]),
        ],
        &[
            tensor("weight", &[2, 1, 1, 1], &[1.0, 2.0]),
            tensor("bias", &[2], &[3.0, 4.0]),
        ],
    );
    let checkpoint = open(&content).unwrap();
    assert_eq!(values(&checkpoint, "other"), [3.0, 4.0]);
    assert_eq!(values(&checkpoint, "third"), [3.0, 4.0]);
    assert_eq!(values(&checkpoint, "Conv#0.bias"), [3.0, 4.0]);
    assert!(!checkpoint.contains("same picture"));
}

#[test]
fn weights_may_be_constants() {
    let constant = |name: &str, attribute: &str, tensor: Vec<u8>| {
        let value = [bytes(1, attribute), bytes(5, tensor)].concat();
        [bytes(2, name), bytes(4, "Constant"), bytes(5, value)].concat()
    };
    let nodes = [
        constant("weight", "value", tensor("", &[2, 1, 1, 1], &[1.0, 2.0])),
        constant("odd", "value", [number(DIMS, 5), number(DATA_TYPE, 1)].concat()),
        constant("other", "sparse_value", tensor("", &[1], &[3.0])),
        node("Conv", &["picture", "weight"]),
    ];
    let checkpoint = open(&model(&nodes, &[])).unwrap();
    assert_eq!(values(&checkpoint, "weight"), [1.0, 2.0]);
    assert_eq!(values(&checkpoint, "Conv#0.weight"), [1.0, 2.0]);
    assert!(!checkpoint.contains("odd") && !checkpoint.contains("other"));
    let both = model(&nodes, &[tensor("weight", &[1], &[1.0])]);
    assert!(refusal(&both).contains("twice"));
}

#[test]
fn every_way_a_tensor_can_lie_ends_in_a_sentence() {
    let one = |tensor: Vec<u8>| refusal(&model(&[], &[tensor]));
    let head = |dims: Vec<u8>| [dims, number(DATA_TYPE, 1), bytes(NAME, "w")].concat();
    assert!(one(tensor("w", &[3], &[1.0])).contains("[3] but 4 bytes"));
    assert!(one(tensor("w", &[], &[])).contains("[] but 0 bytes"));
    assert!(one(tensor("w", &[u64::MAX], &[])).contains("impossible shape"));
    assert!(one(tensor("w", &[1 << 62, 1 << 62], &[1.0])).contains("4 bytes"));
    assert!(one(tensor("w", &[1; 9], &[1.0])).contains("impossible shape"));
    assert!(one([head(number(DIMS, 1)), number(LOCATION, 1)].concat()).contains("another file"));
    let unpacked = [head(number(DIMS, 1)), vec![FLOAT_DATA << 3 | 5, 0, 0, 0, 0]].concat();
    assert!(one(unpacked).contains("one by one"));
    assert!(one([head(number(DIMS, 1)), bytes(NAME, [0xff])].concat()).contains("no text"));
    let twice = model(&[], &[tensor("w", &[1], &[1.0]), tensor("w", &[1], &[2.0])]);
    assert!(refusal(&twice).contains("twice"));
    assert!(refusal(&model(&[node("Conv", &["x", "w"])], &[])).contains("no weights"));
    let many: Vec<_> = (0..20_001).map(|_| node("Conv", &[])).collect();
    assert!(refusal(&model(&many, &[tensor("w", &[1], &[1.0])])).contains("more than"));
}

#[test]
fn a_message_may_not_reach_past_its_end() {
    let whole = sample();
    for length in 3..whole.len() {
        // What is cut off is an error, or a model whose trailing fields are missing.
        let _ = open(&whole[..length]);
    }
    assert!(refusal(&whole[..whole.len() / 2]).contains("cut off"));
    let start = [number(1, 7), bytes(2, "test")].concat();
    for tail in [
        &[0x3a, 0xff][..],
        &[0x3a, 5, 0],
        &[0x3b],
        &[0x3c],
        &[0x38, 0x80],
        &[0xff; 12],
    ] {
        assert!(refusal(&[&start[..], tail].concat()).contains("damaged"));
    }
    let inner = [&start[..], &bytes(7, [0x2a, 0x7f, 0])].concat();
    assert!(refusal(&inner).contains("damaged"));
}

#[test]
fn every_flipped_bit_is_survived() {
    let whole = sample();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bent = whole.clone();
            bent[at] ^= 1 << bit;
            let Ok(checkpoint) = open(&bent) else { continue };
            for name in checkpoint.names() {
                let _ = checkpoint.tensor(name, &Device::Cpu, DType::F32);
            }
        }
    }
}

/// As PyTorch exports a convolution with a normalisation, then a plain one.
#[test]
fn what_an_exporter_folded_and_renamed_is_found_by_its_place() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/weights/folded.onnx");
    let checkpoint = Checkpoint::open(&path).unwrap();
    assert!(!checkpoint.contains("first.weight"));
    assert_eq!(checkpoint.shape("Conv#0.weight"), Some(&[2, 1, 3, 3][..]));
    let wanted: Vec<f32> = (0..18).map(|i| (if i < 9 { i } else { 2 * i }) as f32).collect();
    assert_eq!(values(&checkpoint, "Conv#0.weight"), wanted);
    assert_eq!(values(&checkpoint, "Conv#0.bias"), [0.5, 4.5]);
    assert_eq!(values(&checkpoint, "side.weight"), [3.0, -1.0]);
    assert_eq!(values(&checkpoint, "Conv#1.weight"), [3.0, -1.0]);
    assert_eq!(values(&checkpoint, "Conv#1.bias"), [0.125]);
}
