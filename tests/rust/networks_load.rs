//! From a file to a network: what fits, and what is said of what does not.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use rilievo::Error;
use rilievo::networks::{self, DepthNetwork};
use rilievo::weights::catalog::{self, Role};

use crate::pseudo;

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap()
}

fn save(folder: &Path, name: &str, tensors: &[(&str, &[usize])]) -> std::path::PathBuf {
    let path = folder.join(name);
    let tensors: HashMap<_, _> = tensors
        .iter()
        .map(|(name, shape)| ((*name).to_owned(), zeros(shape)))
        .collect();
    candle_core::safetensors::save(&tensors, &path).unwrap();
    path
}

fn load(id: &str, file: &Path) -> Result<Box<dyn DepthNetwork>, Error> {
    let entry = catalog::find(id).unwrap();
    networks::load(entry, Some(file), &Device::Cpu, DType::F32, false)
}

fn misfit(id: &str, file: &Path) -> String {
    match load(id, file) {
        Err(Error::Checkpoint(message)) => message,
        other => panic!("{:?}", other.err()),
    }
}

#[test]
fn all_that_does_not_fit_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = save(
        folder.path(),
        "cut.safetensors",
        &[
            ("pretrained.model.cls_token", &[1, 1, 1024]),
            ("pretrained.model.pos_embed", &[1, 10, 1024]),
            ("pretrained.model.blocks.0.norm1.weight", &[7]),
            ("a_stranger", &[2]),
        ],
    );
    let text = misfit("dpt_large_384", &file);
    for part in [
        "cut.safetensors does not hold dpt_large_384",
        "tensors are missing (pretrained.model.patch_embed.proj.weight, ",
        " more)",
        "2 tensors have another shape (pretrained.model.pos_embed is [1, 10, 1024] instead of [1, 577, 1024], ",
        "blocks.0.norm1.weight is [7] instead of [1024]",
        "1 tensor is not expected (a_stranger)",
        "it is damaged or a changed version",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(text.len() < 900 && text.lines().count() == 1, "{text}");
}

#[test]
fn another_network_is_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let names = [
        ("pretrained.cls_token", &[1_usize, 1, 768] as &[usize]),
        ("pretrained.blocks.11.norm1.weight", &[768]),
    ];
    let base = save(folder.path(), "strange.safetensors", &names);
    let text = misfit("dpt_large_384", &base);
    assert!(
        text.contains("it looks like Depth Anything v2 Base, so try --model depth_anything_v2_base"),
        "{text}"
    );
    let text = misfit("depth_anything_v2_large", &base);
    assert!(
        text.contains("Base (768 channels), not Large") || text.contains("looks like"),
        "{text}"
    );
    let conv = [("model.model.0.weight", &[64_usize, 2, 4, 4] as &[usize])];
    let merge = [conv[0], ("model.model.1.model.1.weight", &[128, 64, 4, 4])];
    let merge = save(folder.path(), "merge.safetensors", &merge);
    let text = misfit("midas_v21_small", &merge);
    assert!(text.contains("it looks like Merge network (boost)"), "{text}");
    let other = save(folder.path(), "other.safetensors", &[("weight", &[3])]);
    let text = misfit("midas_v21_small", &other);
    assert!(
        text.contains("it looks like no network that is known here"),
        "{text}"
    );
}

#[test]
fn a_helper_estimates_no_depth() {
    let error = load("u2net", Path::new("anything")).err().unwrap();
    assert!(matches!(error, Error::Invalid(_)));
    assert!(
        error
            .to_string()
            .contains("u2net is a background network, not a depth network"),
        "{error}"
    );
    let depth = catalog::find("pocket").unwrap();
    let error = networks::load_merge(depth, Path::new("anything"), &Device::Cpu, DType::F32)
        .err()
        .unwrap();
    assert!(error.to_string().contains("take one of pix2pix"), "{error}");
}

#[test]
fn helpers_load_from_their_files() {
    let folder = tempfile::tempdir().unwrap();
    for id in ["u2netp", "inpaint_edge"] {
        let checkpoint = pseudo::checkpoint(id);
        let tensors: HashMap<_, _> = checkpoint
            .names()
            .map(|name| {
                let tensor = checkpoint.tensor(name, &Device::Cpu, DType::F32).unwrap();
                (name.to_owned(), tensor)
            })
            .collect();
        let file = folder.path().join(format!("{id}.safetensors"));
        candle_core::safetensors::save(&tensors, &file).unwrap();
        assert_eq!(networks::identify(&file).unwrap().id, id);
    }
    let entry = catalog::find("u2netp").unwrap();
    let file = folder.path().join("u2netp.safetensors");
    let network = networks::load_background(entry, &file, &Device::Cpu, DType::F32).unwrap();
    assert_eq!(network.config().side, 320);
    let input = pseudo::input("small", (3, 40, 56), (-1.8, 1.8));
    let mask = network.forward(&input, &rilievo::Monitor::silent()).unwrap();
    assert_eq!(mask.dims(), [1, 40, 56]);
}

#[test]
fn every_row_of_the_catalog_names_a_configuration_that_exists() {
    let folder = tempfile::tempdir().unwrap();
    let file = save(folder.path(), "nothing.safetensors", &[("weight", &[3])]);
    for entry in catalog::entries().iter().filter(|entry| !entry.files.is_empty()) {
        let error = match entry.role {
            Role::Depth => load(&entry.id, &file).err(),
            Role::Merge => networks::load_merge(entry, &file, &Device::Cpu, DType::F32).err(),
            Role::Background => networks::load_background(entry, &file, &Device::Cpu, DType::F32).err(),
            Role::Inpaint => networks::load_inpainting(|_| Ok(file.clone()), &Device::Cpu, DType::F32).err(),
        };
        // An unknown family or configuration would be an Invalid.
        assert!(
            matches!(error, Some(Error::Checkpoint(_))),
            "{}: {error:?}",
            entry.id
        );
    }
}
