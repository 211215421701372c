//! Boost, held to the reference: sizes, patches and mask to the number, whole runs with networks made of formulas.

use std::cell::Cell;
use std::f64::consts::PI;

use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayView3, s};
use rilievo::depth::DepthKind;
use rilievo::estimate::boost::{self, Networks, Plan};
use rilievo::estimate::{DeviceChoice, Estimator, MergeNetwork, Precision};
use rilievo::networks::pix2pix::Pix2Pix;
use rilievo::weights::catalog;
use rilievo::{Error, Monitor, Result};

use crate::golden::{Golden, count_of, max_difference, text_of};

fn picture(golden: &mut Golden, name: &str) -> Array3<f64> {
    let bytes: Array3<u8> = golden.array(name);
    bytes.mapv(|value| f64::from(value) / 255.0)
}

fn squares(patches: &[boost::Patch]) -> Vec<[i32; 4]> {
    let square = |patch: &boost::Patch| [patch.x, patch.y, patch.side, patch.side].map(|value| value as i32);
    patches.iter().map(square).collect()
}

fn check_geometry(golden: &mut Golden) {
    for case in golden.cases("boost_geometry") {
        let name = text_of(&case, "image");
        let (field, rmax) = (count_of(&case, "base"), count_of(&case, "rmax"));
        let plan = Plan::new(picture(golden, name).view(), field, rmax).unwrap();
        // Its sky is flat but for rounding, which the threshold for edges averages: another
        // processor's rounding already grows one patch by one step more.
        let rounding = name == "b_rocket" && rmax == 3000;
        let what = format!("{name}, field {field}, rmax {rmax}");
        assert_eq!(plan.whole, count_of(&case, "R_x"), "{what}");
        let close = |value: f64, key: &str| (value - case[key].as_f64().unwrap()).abs() < 1e-9;
        assert!(
            close(plan.patch_scale, "patch_scale"),
            "{what}: {}",
            plan.patch_scale
        );
        assert!(close(plan.factor, "factor"), "{what}: {}", plan.factor);
        let target = [plan.target.width, plan.target.height].map(|side| side as u64);
        assert_eq!(case["target_wh"], serde_json::json!(target), "{what}");
        for (key, patches) in [("grid", &plan.grid), ("rects", &plan.patches)] {
            let wanted: Array2<i32> = golden.array(text_of(&case, key));
            let wanted: Vec<_> = wanted
                .rows()
                .into_iter()
                .map(|row| [row[0], row[1], row[2], row[3]])
                .collect();
            let differing = squares(patches)
                .iter()
                .zip(&wanted)
                .filter(|(ours, wanted)| ours != wanted)
                .count();
            assert_eq!(patches.len(), wanted.len(), "{what}: {key}");
            assert!(
                differing <= usize::from(rounding),
                "{what}: {key}: {:?} for {wanted:?}",
                squares(patches)
            );
        }
    }
}

#[test]
fn sizes_and_patches_are_the_references() {
    check_geometry(&mut Golden::open("boost"));
}

#[test]
fn the_mask_is_the_references() {
    let mut golden = Golden::open("boost");
    let profile = boost::profile();
    let row: Array1<f32> = golden.array("mask3000_row1500");
    let diagonal: Array1<f32> = golden.array("mask3000_diag");
    for (x, &value) in profile.iter().enumerate() {
        assert!(
            (value - row[x]).abs() < 3e-6,
            "column {x}: {value} for {}",
            row[x]
        );
        assert!((value * value - diagonal[x]).abs() < 3e-6, "diagonal {x}");
    }
    let wanted: Array2<f32> = golden.array("mask3000_to_210x140");
    let (down, across) = (boost::weights(210).unwrap(), boost::weights(140).unwrap());
    let ours = Array2::from_shape_fn((210, 140), |(y, x)| down[y] * across[x]);
    assert!(max_difference(&ours, &wanted) < 3e-6);
}

/// Formulas instead of networks, as in the golden data.
struct Formulas {
    looks: Cell<usize>,
}

impl Networks for Formulas {
    fn depth(&self, picture: ArrayView3<'_, f64>, side: usize, monitor: &Monitor<'_>) -> Result<Array2<f32>> {
        monitor.check()?;
        self.looks.set(self.looks.get() + 1);
        let (height, width, _) = picture.dim();
        let wave = |x: usize| (2.0 * PI * (side as f64 / 256.0) * x as f64 / width as f64).sin();
        Ok(Array2::from_shape_fn((height, width), |(y, x)| {
            let pixel = picture.slice(s![y, x, ..]);
            let gray = 0.2989 * pixel[2] + 0.5870 * pixel[1] + 0.1140 * pixel[0];
            (0.5 * gray + 0.3 * y as f64 / (height - 1).max(1) as f64 + 0.2 * wave(x)) as f32
        }))
    }

    fn merge(
        &self,
        outer: ArrayView2<'_, f32>,
        inner: ArrayView2<'_, f32>,
        _: &Monitor<'_>,
    ) -> Result<Array2<f32>> {
        let mut merged = outer.to_owned();
        merged.zip_mut_with(&inner, |outer, &inner| {
            let (o, i) = (f64::from(*outer), f64::from(inner));
            *outer = (0.6 * o + 0.4 * i + 0.1 * o * i).tanh() as f32;
        });
        Ok(merged)
    }
}

fn formulas() -> Formulas {
    Formulas { looks: Cell::new(0) }
}

#[test]
fn whole_runs_are_the_references() {
    let mut golden = Golden::open("boost");
    for case in golden.cases("estimateboost_stub") {
        let picture = picture(&mut golden, text_of(&case, "image"));
        let field = if count_of(&case, "model_type") == 0 {
            448
        } else {
            518
        };
        let plan = Plan::new(picture.view(), field, count_of(&case, "rmax")).unwrap();
        let networks = formulas();
        let boosted = boost::boost(picture.view(), &plan, &networks, &Monitor::silent()).unwrap();
        let patches = count_of(&case, "n_patches");
        assert_eq!(boosted.lines.len(), patches);
        assert_eq!(networks.looks.get(), 2 * (1 + patches));
        let wanted: Array2<f32> = golden.array(text_of(&case, "out"));
        let off = max_difference(&boosted.values, &wanted);
        assert!(off <= 1e-4, "{}: {off}", text_of(&case, "out"));
        let wanted: Array2<f64> = golden.array(text_of(&case, "polyfit_coefs"));
        for (line, wanted) in boosted.lines.iter().zip(wanted.rows()) {
            assert!((line.slope - wanted[0]).abs() < 1e-4 && (line.intercept - wanted[1]).abs() < 1e-4);
        }
    }
}

#[test]
fn pictures_of_any_size_and_flat_ones_are_boosted() {
    for (height, width) in [(1, 1), (1, 300), (20, 200), (150, 150), (64, 900)] {
        let flat = Array3::from_elem((height, width, 3), 0.5);
        let busy = Array3::from_shape_fn((height, width, 3), |(y, x, c)| {
            ((7 * y + 13 * x + c) % 17) as f64 / 16.0
        });
        for picture in [flat, busy] {
            let plan = Plan::new(picture.view(), 448, 512).unwrap();
            let boosted = boost::boost(picture.view(), &plan, &formulas(), &Monitor::silent()).unwrap();
            assert_eq!(boosted.values.dim(), (height, width));
            assert!(
                boosted.values.iter().all(|value| value.is_finite()),
                "{width}x{height}"
            );
        }
    }
}

#[test]
#[ignore = "takes a minute"]
fn pocket_is_boosted_by_the_real_merge_network() {
    let place = crate::pseudo::place();
    let network = Pix2Pix::load(&crate::pseudo::checkpoint("pix2pix"), &place.device, place.dtype).unwrap();
    let merge = MergeNetwork::new(network, place.device.clone());
    let entry = catalog::find("pocket").unwrap();
    let pocket = Estimator::open(entry, None, DeviceChoice::Cpu, Precision::F32).unwrap();
    assert_eq!(pocket.receptive_field(), 208);
    let picture = Array3::from_shape_fn((240, 320, 3), |(y, x, c)| {
        ((x * x / 64 + y * (c + 1)) % 256) as u8
    });
    let plan = Plan::new(picture.mapv(|value| f64::from(value) / 255.0).view(), 208, 416).unwrap();
    let seen = std::sync::Mutex::new(Vec::new());
    let report =
        |stage: &str, done: u64, total: u64| seen.lock().unwrap().push((stage.to_owned(), done, total));
    let monitor = Monitor::new(Some(&report), None);
    let boosted = pocket.boost(picture.view(), &merge, 416, &monitor).unwrap();
    assert_eq!(boosted.kind(), DepthKind::Inverse);
    assert_eq!(boosted.values().dim(), (240, 320));
    assert!(boosted.nearness().unwrap().iter().any(|&value| value > 0.0));
    let total = 1 + plan.patches.len() as u64;
    assert_eq!(
        seen.into_inner().unwrap().last().unwrap(),
        &("boost".to_owned(), total, total)
    );
}

#[test]
fn progress_counts_patches_and_a_cancelled_run_stops_within_one() {
    let mut golden = Golden::open("boost");
    let picture = picture(&mut golden, "b_tall");
    let plan = Plan::new(picture.view(), 448, 1600).unwrap();
    let seen = std::sync::Mutex::new(Vec::new());
    let report =
        |stage: &str, done: u64, total: u64| seen.lock().unwrap().push((stage.to_owned(), done, total));
    let cancel = || seen.lock().unwrap().len() >= 3;
    let networks = formulas();
    let stopped = boost::boost(
        picture.view(),
        &plan,
        &networks,
        &Monitor::new(Some(&report), Some(&cancel)),
    );
    assert!(matches!(stopped, Err(Error::Cancelled)));
    let seen = seen.into_inner().unwrap();
    assert_eq!(
        seen,
        (0..3)
            .map(|step| ("boost".to_owned(), step, 12))
            .collect::<Vec<_>>()
    );
    assert!(networks.looks.get() <= 6);
}

#[test]
fn what_cannot_be_boosted_is_a_sentence() {
    let gray = Array3::zeros((4, 4, 1));
    let told = Plan::new(gray.view(), 448, 1600).unwrap_err().to_string();
    assert!(told.contains("1 channels"), "{told}");
    let told = Plan::new(Array3::zeros((4, 4, 3)).view(), 8, 1600)
        .unwrap_err()
        .to_string();
    assert!(told.contains("8 pixels"), "{told}");
}
