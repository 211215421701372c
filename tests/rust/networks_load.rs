//! From a file to a network: what fits, and what is said of what does not.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use rilievo::Error;
use rilievo::networks::{
    self, BackgroundNetwork, DepthNetwork, Family, InpaintNetwork, MergeNetwork, OfRole,
};
use rilievo::weights::catalog::{self, Entry, Role};

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

fn load(id: &str, file: &Path) -> Result<Box<DepthNetwork>, Error> {
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
    let error = networks::load::<Box<MergeNetwork>>(
        depth,
        Some(Path::new("anything")),
        &Device::Cpu,
        DType::F32,
        false,
    )
    .err()
    .unwrap();
    assert!(error.to_string().contains("take one of pix2pix"), "{error}");
}

/// The pseudo-random checkpoint of a golden network as a file.
fn saved(folder: &Path, golden: &str) -> std::path::PathBuf {
    let checkpoint = pseudo::checkpoint(golden);
    let tensors: HashMap<_, _> = checkpoint
        .names()
        .map(|name| {
            let tensor = checkpoint.tensor(name, &Device::Cpu, DType::F32).unwrap();
            (name.to_owned(), tensor)
        })
        .collect();
    let file = folder.join(format!("{golden}.safetensors"));
    candle_core::safetensors::save(&tensors, &file).unwrap();
    file
}

#[test]
fn helpers_load_from_their_files() {
    let folder = tempfile::tempdir().unwrap();
    for id in ["u2netp", "inpaint_edge"] {
        let file = saved(folder.path(), id);
        assert_eq!(networks::identify(&file).unwrap().id, id);
    }
    let entry = catalog::find("u2netp").unwrap();
    let file = folder.path().join("u2netp.safetensors");
    let network: Box<BackgroundNetwork> =
        networks::load(entry, Some(&file), &Device::Cpu, DType::F32, false).unwrap();
    assert_eq!(network.spec().side, 320);
    let input = pseudo::input("small", (3, 40, 56), (-1.8, 1.8));
    let mask = network.forward(&input, &rilievo::Monitor::silent()).unwrap();
    assert_eq!(mask.dims(), [1, 40, 56]);
}

fn refused<N: OfRole>(entry: &Entry, file: &Path) -> Option<Error> {
    networks::load::<N>(entry, Some(file), &Device::Cpu, DType::F32, false).err()
}

#[test]
fn every_row_of_the_catalog_names_a_configuration_that_exists() {
    let folder = tempfile::tempdir().unwrap();
    let file = save(folder.path(), "nothing.safetensors", &[("weight", &[3])]);
    for entry in catalog::entries() {
        let error = match entry.role {
            Role::Depth => refused::<Box<DepthNetwork>>(entry, &file),
            Role::Merge => refused::<Box<MergeNetwork>>(entry, &file),
            Role::Background => refused::<Box<BackgroundNetwork>>(entry, &file),
            Role::Inpaint => refused::<Box<InpaintNetwork>>(entry, &file),
        };
        // An unknown family, configuration or another role would be an Invalid.
        assert!(
            matches!(error, Some(Error::Checkpoint(_))),
            "{}: {error:?}",
            entry.id
        );
    }
}

#[test]
fn every_configuration_of_a_family_has_a_row_in_the_catalog() {
    for family in networks::FAMILIES {
        for config in family.configs {
            let rows = catalog::entries()
                .iter()
                .filter(|entry| entry.family == family.name && entry.config == *config);
            let rows: Vec<_> = rows.collect();
            assert!(!rows.is_empty(), "{} {config}", family.name);
            for entry in rows {
                assert_eq!(entry.role, family.role(), "{}", entry.id);
                // What needs no file is embedded, and the other way round.
                assert_eq!(entry.files.is_empty(), family.embedded.is_some(), "{}", entry.id);
                let spec = family.spec(config).unwrap();
                assert_eq!(spec.is_some(), entry.role == Role::Depth, "{}", entry.id);
                let sides = family.net_size(config).unwrap().map(<[usize; 2]>::from);
                assert_eq!(sides.is_none(), entry.role == Role::Inpaint, "{}", entry.id);
                if let (Some(spec), Some(sides)) = (spec, sides) {
                    let multiple = spec.preprocessing.multiple;
                    assert!(sides.iter().all(|side| side % multiple == 0), "{}", entry.id);
                }
            }
        }
        assert!(
            family.spec("nonsense").is_err() || family.configs.len() == 1 || family.role() != Role::Depth
        );
    }
}

#[test]
fn a_network_says_what_its_family_said_of_it() {
    let family = |id: &str| {
        let entry = catalog::find(id).unwrap();
        Family::of(entry).unwrap().spec(&entry.config).unwrap().unwrap()
    };
    let pocket: Box<DepthNetwork> = networks::load(
        catalog::find("pocket").unwrap(),
        None,
        &Device::Cpu,
        DType::F32,
        false,
    )
    .unwrap();
    assert_eq!(*pocket.spec(), family("pocket"));
    let folder = tempfile::tempdir().unwrap();
    for (id, golden) in [
        ("midas_v21_small", "midas_v21_small"),
        ("depth_anything_v2_metric_outdoor_small", "depth_anything_v2_vits"),
    ] {
        let file = saved(folder.path(), golden);
        assert_eq!(*load(id, &file).unwrap().spec(), family(id), "{id}");
    }
}

#[test]
fn what_is_not_embedded_needs_a_file() {
    let entry = catalog::find("midas_v21_small").unwrap();
    let result = networks::load::<Box<DepthNetwork>>(entry, None, &Device::Cpu, DType::F32, false);
    let error = result.err().unwrap();
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
}
