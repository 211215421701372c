//! Checkpoints: the real ones are read right, the hostile ones refused.

use std::collections::HashMap;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use rilievo::Error;
use rilievo::weights::{Checkpoint, Weights};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/weights")
        .join(name)
}

fn values(checkpoint: &Checkpoint, name: &str) -> Vec<f32> {
    let tensor = checkpoint.tensor(name, &Device::Cpu, DType::F32).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn check_contents(checkpoint: &Checkpoint) {
    assert_eq!(checkpoint.names().count(), 8);
    assert_eq!(checkpoint.shape("a.weight"), Some(&[2, 3][..]));
    assert_eq!(values(checkpoint, "a.weight"), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(checkpoint.shape("a.transposed"), Some(&[3, 2][..]));
    assert_eq!(values(checkpoint, "a.transposed"), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(values(checkpoint, "b.half"), [0.5, -2.0]);
    assert_eq!(values(checkpoint, "b.bfloat16"), [0.5, -2.0]);
    assert_eq!(values(checkpoint, "b.double"), [0.25]);
    assert_eq!(values(checkpoint, "b.scalar"), [3.5]);
    assert_eq!(values(checkpoint, "c.parameter"), [1.0, 1.0]);
    let error = checkpoint
        .tensor("b.num_batches_tracked", &Device::Cpu, DType::F32)
        .unwrap_err();
    assert!(error.to_string().contains("no floating-point"), "{error}");
}

#[test]
fn a_state_dict_is_read_as_torch_saved_it() {
    check_contents(&Checkpoint::open(&golden("flat.pth")).unwrap());
}

#[test]
fn of_a_nested_file_the_model_is_taken_and_its_prefix_dropped() {
    check_contents(&Checkpoint::open(&golden("nested.pth")).unwrap());
}

#[test]
fn so_is_one_from_before_torch_had_zip_files() {
    check_contents(&Checkpoint::open(&golden("legacy.pth")).unwrap());
}

#[test]
fn safetensors_are_read_whatever_the_file_is_called() {
    let file = tempfile::Builder::new().suffix(".pth").tempfile().unwrap();
    let tensor = Tensor::new(&[[1.5_f32, 2.0], [3.0, 4.0]], &Device::Cpu).unwrap();
    candle_core::safetensors::save(&HashMap::from([("x.y", tensor)]), file.path()).unwrap();
    let checkpoint = Checkpoint::open(file.path()).unwrap();
    assert_eq!(values(&checkpoint, "x.y"), [1.5, 2.0, 3.0, 4.0]);
}

#[test]
fn scopes_follow_the_key_paths_and_name_what_does_not_fit() {
    let checkpoint = Checkpoint::open(&golden("flat.pth")).unwrap();
    let root = Weights::new(&checkpoint, &Device::Cpu, DType::F32);
    let place = root.pp("a");
    assert_eq!(place.tensor("weight", (2, 3)).unwrap().dims(), [2, 3]);
    assert!(place.contains("weight") && !place.contains("bias"));
    let missing = place.tensor("bias", 3).unwrap_err().to_string();
    assert!(missing.contains("a.bias is missing"), "{missing}");
    let misshapen = place.tensor("weight", (3, 3)).unwrap_err().to_string();
    assert!(misshapen.contains("[2, 3] instead of [3, 3]"), "{misshapen}");
}

#[test]
fn renaming_moves_and_drops_tensors() {
    let checkpoint = Checkpoint::open(&golden("flat.pth")).unwrap();
    let renamed = checkpoint.renamed(|name| name.strip_prefix("a.").map(|rest| format!("z.{rest}")));
    assert_eq!(renamed.names().collect::<Vec<_>>(), ["z.transposed", "z.weight"]);
}

/// What opening these bytes as a checkpoint says.
fn refusal(bytes: &[u8]) -> String {
    let file = tempfile::Builder::new().suffix(".pth").tempfile().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    match Checkpoint::open(file.path()) {
        Ok(_) => panic!("a hostile file was accepted"),
        Err(error) => {
            assert!(matches!(error, Error::Unreadable { .. }), "{error:?}");
            error.to_string()
        }
    }
}

fn archive(pickle: &[u8], storage: &[u8], method: CompressionMethod) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(method);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [
        ("x/data.pkl", pickle),
        ("x/byteorder", b"little"),
        ("x/data/0", storage),
    ] {
        writer.start_file(name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// `{"w": tensor}` over storage `key`, with the given offset, shape and strides.
fn tensor_pickle(key: &str, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    fn text(out: &mut Vec<u8>, text: &str) {
        out.push(b'X');
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.as_bytes());
    }
    fn long(out: &mut Vec<u8>, value: i64) {
        out.extend([0x8a, 8]);
        out.extend(value.to_le_bytes());
    }
    fn tuple(out: &mut Vec<u8>, values: &[i64]) {
        out.push(b'(');
        values.iter().for_each(|&value| long(out, value));
        out.push(b't');
    }
    let mut out = vec![0x80, 2, b'}', b'('];
    text(&mut out, "w");
    out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    text(&mut out, "storage");
    out.extend(b"ctorch\nFloatStorage\n");
    text(&mut out, key);
    text(&mut out, "cpu");
    long(&mut out, 4);
    out.extend(b"tQ");
    long(&mut out, offset);
    tuple(&mut out, shape);
    tuple(&mut out, strides);
    out.extend([0x89]);
    out.extend(b"ccollections\nOrderedDict\n)RtRu.");
    out
}

fn stored(pickle: &[u8]) -> Vec<u8> {
    archive(pickle, &[0; 16], CompressionMethod::Stored)
}

#[test]
fn the_crafted_pickle_is_sound() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), stored(&tensor_pickle("0", 0, &[2, 2], &[2, 1]))).unwrap();
    assert_eq!(values(&Checkpoint::open(file.path()).unwrap(), "w"), [0.0; 4]);
}

#[test]
fn tensors_outside_their_storage_are_refused() {
    for (offset, shape, strides) in [
        (0, vec![5], vec![1]),
        (1, vec![2, 2], vec![2, 1]),
        (0, vec![2, 2], vec![4, 1]),
        (i64::MAX, vec![2], vec![1]),
        (-1, vec![2], vec![1]),
        (0, vec![-2], vec![1]),
        (0, vec![2], vec![-1]),
        (0, vec![i64::MAX, i64::MAX], vec![1, 1]),
        (0, vec![1 << 40], vec![0]),
        (0, vec![2], vec![i64::MAX]),
        (5, vec![0], vec![1]),
        (0, vec![2], vec![]),
        (0, vec![1; 9], vec![1; 9]),
    ] {
        refusal(&stored(&tensor_pickle("0", offset, &shape, &strides)));
    }
    assert!(refusal(&stored(&tensor_pickle("7", 0, &[1], &[1]))).contains("\"7\""));
}

#[test]
fn a_pickle_that_wants_to_run_code_is_refused_by_name() {
    for (module, name) in [
        ("os", "system"),
        ("builtins", "eval"),
        ("posix", "system"),
        ("torch", "load"),
        ("numpy.core.multiarray", "scalar"),
    ] {
        let pickle = format!("\u{2}c{module}\n{name}\nX\u{4}\0\0\0echo\u{0}R.");
        let bytes = [&[0x80], pickle.as_bytes()].concat();
        let message = refusal(&stored(&bytes));
        assert!(
            message.contains(&format!("{module}.{name}")) && message.contains("refused"),
            "{message}"
        );
    }
    // The same through the newer instruction, and a module object as torch.save(model) writes it.
    let stacked = b"\x80\x04\x8c\x02os\x8c\x06system\x93.";
    assert!(refusal(&stored(stacked)).contains("os.system"));
    assert!(refusal(&stored(b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81.")).contains("Linear"));
}

#[test]
fn damaged_pickles_end_in_a_sentence() {
    let sound = tensor_pickle("0", 0, &[2, 2], &[2, 1]);
    for length in 0..sound.len() {
        refusal(&stored(&sound[..length]));
    }
    for bytes in [
        &b"\x80\x02t."[..],
        b"\x80\x02u.",
        b"\x80\x02(((((((((",
        b"\x80\x02}r\xff\xff\xff\x7f.",
        b"\x80\x02h\x09.",
        b"\x80\x02X\xff\xff\xff\xffabc.",
        b"\x80\x02NNs.",
        b"\x80\x02(N0.",
        b"\x80\x02N(1a.",
        b"\x80\x02\x8a\x09123456789.",
        b"\x80\x02NQ.",
        b"\x80\x02}(NNNu.",
        b"\xff",
        b"",
    ] {
        refusal(&stored(bytes));
    }
}

#[test]
fn every_single_flipped_byte_is_survived() {
    let sound = stored(&tensor_pickle("0", 0, &[2, 2], &[2, 1]));
    let file = tempfile::NamedTempFile::new().unwrap();
    for at in 0..sound.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bytes = sound.clone();
            bytes[at] ^= flip;
            std::fs::write(file.path(), &bytes).unwrap();
            if let Ok(checkpoint) = Checkpoint::open(file.path()) {
                for name in checkpoint.names() {
                    let _ = checkpoint.tensor(name, &Device::Cpu, DType::F32);
                }
            }
        }
    }
}

#[test]
fn a_deep_pickle_does_not_overflow_the_stack() {
    let mut pickle = vec![0x80, 2];
    pickle.extend(std::iter::repeat_n(b']', 200_000));
    pickle.extend(std::iter::repeat_n(b'a', 199_999));
    pickle.push(b'.');
    assert!(refusal(&stored(&pickle)).contains("no tensors"));
    let mut tuples = vec![0x80, 2, b')'];
    tuples.extend(std::iter::repeat_n(0x85, 200_000));
    tuples.push(b'.');
    refusal(&stored(&tuples));
}

#[test]
fn compressed_entries_are_refused_unread() {
    let bomb = archive(
        &tensor_pickle("0", 0, &[2, 2], &[2, 1]),
        &vec![0; 50 << 20],
        CompressionMethod::Deflated,
    );
    assert!(bomb.len() < 1 << 20);
    assert!(refusal(&bomb).contains("compressed"));
}

#[test]
fn what_is_no_checkpoint_is_called_what_it_is() {
    for (bytes, part) in [
        (&b""[..], "empty"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "web page"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
            "LFS",
        ),
        (b"\x89PNG\r\n\x1a\n0000000000", "neither"),
        (b"PK\x03\x04 and then nothing", "damaged or cut off"),
        (&std::fs::read(golden("flat.pth")).unwrap()[..900], "cut off"),
    ] {
        let message = refusal(bytes);
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(matches!(
        Checkpoint::open(Path::new("no/such/file.pth")),
        Err(Error::NotFound(_))
    ));
}

#[test]
fn lying_safetensors_headers_are_refused() {
    let file = |header: &str, body: usize| {
        [
            &(header.len() as u64).to_le_bytes()[..],
            header.as_bytes(),
            &vec![0; body],
        ]
        .concat()
    };
    for bytes in [
        file(r#"{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#, 8),
        file(r#"{"w":{"dtype":"F32","shape":[40],"data_offsets":[0,16]}}"#, 16),
        file(r#"{"w":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}"#, 16),
        file(
            r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}}"#,
            24,
        ),
        file(
            r#"{"w":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,16]}}"#,
            16,
        ),
        [&u64::MAX.to_le_bytes()[..], b"{}"].concat(),
    ] {
        assert!(refusal(&bytes).contains("safetensors header"));
    }
}
