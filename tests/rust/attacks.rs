//! Hostile checkpoints: every one ends in a sentence, in little memory, and runs nothing.
//! `tests/attacks/make.py` makes the files and says what each is.

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use rilievo::Error;
use rilievo::weights::Checkpoint;

use crate::allocator::most_held;

/// What their commands would leave behind.
const CANARY: &str = "rilievo-attack-ran";
/// More than any of them has any business to take.
const MOST_BYTES: usize = 4 << 20;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks")
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension != "py"))
        .collect();
    files.sort();
    files
}

/// What opening a file says, having looked at all its tensors.
fn refusal(path: &Path) -> String {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let (result, most) = most_held(|| {
        let checkpoint = Checkpoint::open(path)?;
        for name in checkpoint.names() {
            checkpoint.tensor(name, &Device::Cpu, DType::F32)?;
        }
        Ok::<_, Error>(())
    });
    assert!(most < MOST_BYTES, "{name} took {most} bytes");
    let error = result.expect_err(&name);
    assert!(matches!(error, Error::Unreadable { .. }), "{name}: {error:?}");
    let text = error.to_string();
    let reason = text.split_once(": ").map_or("", |(_, reason)| reason);
    assert!(
        text.contains(&name) && reason.len() > 20 && text.len() < 700 && !text.contains('\n'),
        "{name}: {text}"
    );
    text
}

#[test]
fn every_hostile_file_is_refused_in_a_sentence_and_little_memory() {
    let files = files();
    assert!(files.len() > 100, "{} files", files.len());
    for file in &files {
        println!("{}", refusal(file));
    }
    for place in [PathBuf::from("."), folder()] {
        assert!(!place.join(CANARY).exists(), "a file ran its command");
    }
}

#[test]
fn what_would_run_is_named() {
    for (file, name) in [
        ("runs_system_protocol2.pt", "posix.system"),
        ("runs_system_protocol4.pt", "posix.system"),
        ("runs_eval_protocol2.pt", "__builtin__.eval"),
        ("runs_exec_protocol4.pt", "builtins.exec"),
        ("runs_subprocess_protocol4.pt", "subprocess.check_call"),
        ("runs_getattr_protocol4.pt", "builtins.getattr"),
        ("runs_text_protocol.pt", "os.system"),
        ("after_the_dict.pt", "posix.system"),
        ("is_a_module.pt", "torch.nn.modules.linear.Linear"),
        ("legacy_runs_system.pt", "posix.system"),
        ("legacy_runs_in_the_keys.pt", "posix.system"),
        ("legacy_runs_in_the_version.pt", "posix.system"),
        ("persistent_id_is_code.pt", "os.system"),
    ] {
        let text = refusal(&folder().join(file));
        assert!(text.contains(name) && text.contains("refused"), "{file}: {text}");
    }
}

#[test]
fn what_lies_is_caught_lying() {
    for (file, part) in [
        ("bomb_deflated_storage.pt", "compressed"),
        ("bomb_deflated_index.pt", "compressed"),
        ("overlapping_entries.pt", "overlap"),
        ("lying_entry_size.pt", "past the end"),
        ("two_indexes.pt", "two"),
        ("big_endian.pt", "big-endian"),
        ("tensor_huge_shape.pt", "larger than the file"),
        ("tensor_storage_outside.pt", "etc/passwd"),
        ("legacy_lying_count.pt", "cut off"),
        ("legacy_big_endian.pt", "big-endian"),
        ("ancient_tar.pt", "tar file"),
        ("bare_pickle_protocol4.pt", "bare pickle"),
        ("huge_header.safetensors", "header"),
        ("overlapping.safetensors", "header"),
        ("weights_elsewhere.onnx", "in another file"),
        ("largest_shape.onnx", "impossible shape"),
        ("many_weights.onnx", "20000"),
    ] {
        let text = refusal(&folder().join(file));
        assert!(text.contains(part), "{file}: {text}");
    }
}

#[test]
fn a_cut_off_file_is_refused_wherever_it_was_cut() {
    let place = tempfile::tempdir().unwrap();
    let golden = folder().join("../golden/weights");
    for (name, steps) in [("flat.pth", 60), ("legacy.pth", 60), ("folded.onnx", 60)] {
        let whole = fs::read(golden.join(name)).unwrap();
        let cut = place.path().join(name);
        for step in 1..steps {
            fs::write(&cut, &whole[..whole.len() * step / steps]).unwrap();
            refusal(&cut);
        }
    }
}

#[test]
fn an_endless_index_is_given_up() {
    let place = tempfile::tempdir().unwrap();
    let (magic, version) = (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", b"\x80\x02M\xe9\x03.");
    for instruction in [b'N', b'(', b')', b'}', b']'] {
        let path = place.path().join("endless.pt");
        let bytes = [
            &magic[..],
            &version[..],
            b"\x80\x02",
            &vec![instruction; 20 << 20],
            b".",
        ]
        .concat();
        fs::write(&path, bytes).unwrap();
        let (error, most) = most_held(|| Checkpoint::open(&path).err().unwrap().to_string());
        assert!(error.contains("instructions"), "{error}");
        assert!(most < 256 << 20, "{most}");
    }
}

#[test]
fn what_is_no_file_is_not_opened() {
    let place = tempfile::tempdir().unwrap();
    let folder = Checkpoint::open(place.path()).err().unwrap().to_string();
    assert!(folder.contains("folder"), "{folder}");
}

#[cfg(unix)]
#[test]
fn links_lead_nowhere_harmful() {
    use std::os::unix::fs::symlink;
    let place = tempfile::tempdir().unwrap();
    let link = |name: &str, to: &Path| {
        let path = place.path().join(name);
        symlink(to, &path).unwrap();
        path
    };
    // A pipe would wait forever, a device never end.
    let pipe = place.path().join("pipe.pt");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for path in [
        pipe,
        link("zero.pt", Path::new("/dev/zero")),
        link("folder.pt", place.path()),
    ] {
        let text = Checkpoint::open(&path).err().unwrap().to_string();
        assert!(text.contains("no file") || text.contains("folder"), "{text}");
    }
    for path in [
        link("nowhere.pt", Path::new("nothing/here")),
        link("circle.pt", Path::new("circle.pt")),
    ] {
        assert!(Checkpoint::open(&path).is_err());
    }
    // A link to a sound file is a sound file: that is how the hub's cache works.
    let sound = self::folder().join("../golden/weights/flat.pth");
    assert!(Checkpoint::open(&link("sound.pt", &sound)).is_ok());
}
